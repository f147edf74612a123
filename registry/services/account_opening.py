"""Finding the accounts of carriers during an import, and in a sandbox opening one for each carrier not seen before."""

from __future__ import annotations

import polars as pl

from registry.services.ledger import Ledger
from registry.store import accounts
from registry.store.account_imports import ACCOUNT_ROWS

# A sandbox account consents to every trip it is opened for, however old the file.
SANDBOX_CONSENT = 0


class OpenedAccounts:
    """Looks carriers up; with `enabled`, gives an account to those that have none and remembers them for the commit."""

    def __init__(self, ledger: Ledger, *, enabled: bool) -> None:
        self._ledger, self._enabled = ledger, enabled
        self._opened: list[pl.DataFrame] = []

    @property
    def count(self) -> int:
        """Carriers given an account so far."""
        return sum(frame.height for frame in self._opened)

    def rows(self) -> pl.DataFrame:
        """What is to be recorded, as `ACCOUNT_ROWS`."""
        return pl.concat(self._opened).with_row_index("row", 1).select(ACCOUNT_ROWS.names())

    def carriers(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """carrier_ref, account_id, wallet (20 bytes), consent_at of those carriers that have an account."""
        with self._ledger.db.read() as session:
            known = accounts.carrier_table(session, candidates["carrier_ref"])
        if not self._enabled:
            return known
        unseen = candidates.unique("carrier_ref", keep="first", maintain_order=True).join(
            known, on="carrier_ref", how="anti"
        )
        if unseen.is_empty():
            return known
        opened = self._open(
            unseen.select("carrier_ref", pl.coalesce("account_id", pl.format("card-{}", "carrier_ref")))
        )
        self._opened.append(opened)
        return pl.concat([known, opened.select(known.columns)])

    def _open(self, unseen: pl.DataFrame) -> pl.DataFrame:
        with self._ledger.db.read() as session:
            existing = accounts.account_table(session, unseen["account_id"])
        joined = unseen.join(existing, on="account_id", how="left", maintain_order="left")
        new = joined.filter(pl.col("wallet").is_null())["account_id"].unique(maintain_order=True)
        wallets = pl.DataFrame(
            {"account_id": new, "derived": self._ledger.keys.hosted_wallets.addresses(new.to_list())},
            schema={"account_id": pl.String, "derived": pl.Binary},
        )
        fresh = pl.col("wallet").is_null()
        return joined.join(wallets, on="account_id", how="left", maintain_order="left").with_columns(
            pl.when(fresh).then(pl.lit("individual")).otherwise("kind").alias("kind"),
            pl.when(fresh).then(pl.lit(True)).otherwise("hosted").alias("hosted"),
            pl.when(fresh).then(pl.lit(SANDBOX_CONSENT, pl.Int64)).otherwise("consent_at").alias("consent_at"),
            pl.coalesce("wallet", "derived").alias("wallet"),
        )
