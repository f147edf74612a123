"""Recomputing what epochs convert: all that an account newly earns while its mandate stands, and nothing else."""

from __future__ import annotations

import polars as pl

from registry.audit.mandates import require_recent
from registry.audit.scope import require_equal
from registry.chain.contracts.carbon_points import EpochEvent
from registry.chain.deployment import Contracts
from registry.chain.logs import Event
from registry.core.entitlement import conversions
from registry.errors import VerificationError


class ConversionsAudit:
    """Compares each epoch's conversions with the mandates; mandates are replayed from events read once."""

    def __init__(self, contracts: Contracts, block: int) -> None:
        self.contracts, self.block = contracts, block
        self._events: list[Event] | None = None
        self._standing: set[bytes] = set()
        self._next = 0

    def check(
        self, epoch: EpochEvent, mandates_block: int | None, previous: pl.DataFrame, current: pl.DataFrame
    ) -> None:
        """Check an epoch's rows `current` and its published sums against the rows of the epoch before.

        Needs no private evidence. Raises VerificationError naming the first account, or the sums.
        """
        require_recent(self.contracts, epoch.number, mandates_block, epoch.block)
        mandated = self._mandated(mandates_block)
        standing = pl.col("account").is_in(pl.Series("account", list(mandated), pl.Binary).implode())
        odd = _added(previous, current).filter(
            (pl.col("converted") != pl.when(standing).then("earned").otherwise(0))
            | (pl.col("converted_mg") > pl.col("earned_mg"))
        )
        if odd.height:
            row = odd.sort("account", "class").row(0, named=True)
            raise VerificationError(
                f"epoch {epoch.number}: account 0x{row['account'].hex()} class {row['class']} converted "
                f"{row['converted']} mg of {row['earned']} mg newly earned, "
                f"with {'a' if row['account'] in mandated else 'no'} mandate"
            )
        recomputed = conversions(previous, current)
        require_equal(f"epoch {epoch.number}: its published conversions", list(epoch.conversions), recomputed)

    def _mandated(self, block: int | None) -> set[bytes]:
        """The accounts whose mandate stands at the end of a block; blocks mostly ascend, so events are read on."""
        if block is None:
            return set()
        if self._events is None:
            names, first = ("MandateGiven", "MandateRevoked"), self.contracts.deployment.first_block
            self._events = self.contracts.mandates.history(names, first, self.block)
        if self._next and self._events[self._next - 1].block > block:
            self._standing, self._next = set(), 0
        while self._next < len(self._events) and self._events[self._next].block <= block:
            event = self._events[self._next]
            holder = bytes.fromhex(event["holder"][2:])
            if event.name == "MandateGiven":
                self._standing.add(holder)
            else:
                self._standing.discard(holder)
            self._next += 1
        return self._standing


def _added(previous: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    """The rows of an epoch with the mg it newly earned and newly converted, exact and with their sign."""
    keys = ["account", "class"]
    before = previous.select(*keys, pl.col("earned_mg").alias("_earned"), pl.col("converted_mg").alias("_converted"))
    joined = current.join(before, on=keys, how="left").with_columns(pl.col("_earned", "_converted").fill_null(0))
    exact = joined.with_columns(pl.exclude(keys).cast(pl.Int128))
    return exact.select(
        *keys,
        "earned_mg",
        "converted_mg",
        (pl.col("earned_mg") - pl.col("_earned")).alias("earned"),
        (pl.col("converted_mg") - pl.col("_converted")).alias("converted"),
    )
