"""Recomputing a payout run: the fen funded since the run before, split by what each account gave to the issuance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from registry.chain.deployment import Contracts
from registry.core import proceeds
from registry.core.allocation import split_frame
from registry.core.merkle import leaf_hashes
from registry.errors import VerificationError
from registry.evidence.files import same_content
from registry.evidence.payout import ALLOCATIONS_SCHEMA, Allocated, Payout, PayoutEvidence
from registry.evidence.tiles import encode_tree

Contributions = Callable[[int], pl.DataFrame]  # of an issuance: account (20 bytes) and mg


def allocate(allocated: tuple[Allocated, ...], contributions: Contributions) -> pl.DataFrame:
    """Every account's fen of each issuance, to the last fen; accounts whose share is 0 are left out."""
    frames = [
        split_frame(each.fen, contributions(each.issuance)).select(
            pl.lit(each.issuance, pl.UInt32).alias("issuance"), "account", "fen"
        )
        for each in allocated
    ]
    table = pl.concat([pl.DataFrame(schema=ALLOCATIONS_SCHEMA), *frames])
    return table.filter(pl.col("fen") > 0).sort("issuance", "account")


def standing_after(before: Mapping[int, int], allocated: tuple[Allocated, ...]) -> dict[int, int]:
    """What was allocated of each issuance after a run, in fen; raises VerificationError when it does not follow on."""
    after = dict(before)
    for each in allocated:
        if each.funded_before != after.get(each.issuance, 0):
            raise VerificationError(
                f"issuance {each.issuance}: {each.funded_before} fen are said to be allocated, "
                f"{after.get(each.issuance, 0)} fen are",
                expected=str(after.get(each.issuance, 0)),
                actual=str(each.funded_before),
            )
        after[each.issuance] = each.funded_after
    return after


def check_run(
    contracts: Contracts,
    payout: Payout,
    allocations: pl.DataFrame,
    previous: pl.DataFrame,
    contributions: Contributions,
    block: int,
) -> pl.DataFrame:
    """Recompute a run from the proceeds `previous` to it, as of `block`; returns its proceeds.

    Raises VerificationError when it allocates more than came in, other fen than the split, or has another root.
    """
    for each in payout.allocated:
        funded = contracts.distributor.funded_of(each.issuance, block)
        if each.funded_after > funded:
            raise VerificationError(
                f"payout {payout.number} allocates {each.funded_after} fen of issuance {each.issuance}, "
                f"{funded} fen came in",
                expected=str(funded),
                actual=str(each.funded_after),
            )
    expected = allocate(payout.allocated, contributions)
    if not expected.equals(allocations):
        raise VerificationError(f"payout {payout.number}: its allocations are not the largest-remainder split")
    due = proceeds.accumulate(previous, [expected])
    root, total = proceeds.root_of(due), proceeds.total_fen(due)
    if (root, due.height, total) != (payout.root, payout.size, payout.total_fen):
        raise VerificationError(
            f"payout {payout.number}: root or total recomputed differs from the published one",
            expected=f"{root.hex()} {total}",
            actual=f"{payout.root.hex()} {payout.total_fen}",
        )
    return due


def check_folder(folder: PayoutEvidence, due: pl.DataFrame) -> None:
    """Check that the proceeds and the tree in evidence are the recomputed ones: the dossier answers for both.

    Raises VerificationError. Were they others, the run would stand on the chain and nobody could claim by it.
    """
    number = folder.payout.number
    if not folder.proceeds().equals(due):
        raise VerificationError(f"run {number}: its proceeds in evidence are not those of its allocations")
    content, _ = encode_tree(leaf_hashes(proceeds.encode_proceeds(due), proceeds.PROCEEDS_SIZE))
    if not same_content(folder.folder / "tree.bin", [content]):
        raise VerificationError(f"run {number}: tree.bin is not the tree of its proceeds")
