"""The evidence store: immutable, content-addressed folders of columnar files and hash tiles.

    imports/<input digest>/   record.json  rejected.parquet
    batches/<batch id>/       manifest.json  leaves.parquet  tree.bin  |  private.parquet  openings.bin
    epochs/<number>-<root>/   manifest.json  entitlements.parquet  tree.bin
    certifications/<number>-<dossier>/  manifest.json  contributions.parquet
    payouts/<number>-<root>/  manifest.json  allocations.parquet  proceeds.parquet  tree.bin
    documents/<sha256>/       document

Everything before the bar is public. `private.parquet` and `openings.bin` hold the only personal data, are readable
by their owner alone, and can be withheld from an auditor, who then reaches the public level.
A folder appears whole or not at all: it is written under a temporary name, synced and renamed.
"""
