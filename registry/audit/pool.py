"""The pool line of a class: every gram that entered the market pool, in the order in which it entered.

A MARKET redemption enters at its event. What an epoch converts enters when the epoch becomes active: at its
attestation, or, when its delay ends later than that, ahead of everything in the first block from then on. So what has
entered once never moves: approved certifications take consecutive intervals of the line, and anyone recomputes whose
grams they took.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from web3.types import BlockIdentifier

from registry.chain.client import Chain
from registry.chain.contracts.carbon_points import Channel, EpochEvent
from registry.chain.deployment import Contracts
from registry.chain.logs import Event
from registry.core.contribution import by_account, interval
from registry.core.entitlement import contributed, empty
from registry.errors import VerificationError
from registry.evidence.certification import Certification, EpochShare
from registry.units import MG_PER_TONNE

Entitlements = Callable[[EpochEvent], pl.DataFrame]
_START = -1  # ahead of the first event of a block


@dataclass(frozen=True)
class Entry:
    """What entered the pool at one point, by an epoch with `root`, or by a redemption (epoch 0, root 32 zeros).

    `frame` has account (20 bytes) and mg, ascending by account.
    """

    block: int
    index: int
    epoch: int
    root: bytes
    frame: pl.DataFrame

    @property
    def mg(self) -> int:
        """How much entered."""
        return int(self.frame["mg"].sum())


def pool_entries(
    contracts: Contracts, class_id: int, block: int, entitlements: Entitlements, *, now: bool = False
) -> list[Entry]:
    """Everything in the pool of a class at the end of `block`, in order.

    With `now`, `block` is the newest one, and an epoch whose delay ended since is there too, ahead of what comes next.
    `entitlements` gives the rows of an epoch, which the caller has proved by its root. Raises VerificationError when
    the entries do not add up to what the chain holds.
    """
    points = contracts.points
    at: BlockIdentifier = "latest" if now and points.active_epoch() > points.active_epoch(block) else block
    entries = [*_redemptions(contracts, class_id, block), *_conversions(contracts, class_id, block, at, entitlements)]
    entries.sort(key=lambda entry: (entry.block, entry.index))
    total, expected = sum(entry.mg for entry in entries), points.market_mg(class_id, at)
    if total != expected:
        raise VerificationError(
            f"class {class_id}: the pool on the chain is {expected} mg, its entries add up to {total} mg",
            expected=str(expected),
            actual=str(total),
        )
    return entries


def line_of(entries: list[Entry]) -> pl.DataFrame:
    """The entries as one line: account, mg and the epoch each came with (0: a redemption), in order."""
    schema = {"account": pl.Binary(), "mg": pl.UInt64(), "epoch": pl.UInt32()}
    frames = [e.frame.select("account", "mg", pl.lit(e.epoch, pl.UInt32).alias("epoch")) for e in entries]
    return pl.concat([pl.DataFrame(schema=schema), *frames])


def certify(
    number: int, class_id: int, tonnes: int, from_mg: int, entries: list[Entry]
) -> tuple[Certification, pl.DataFrame]:
    """What a certification takes of the pool, as its dossier states it, and each account's mg of it.

    Raises VerificationError when the line is shorter.
    """
    taken = interval(line_of(entries), from_mg, tonnes * MG_PER_TONNE)
    contributions = by_account(taken)
    redeemed = taken.filter(pl.col("epoch") == 0)
    summed = taken.filter(pl.col("epoch") > 0).group_by("epoch").agg(pl.col("mg").sum()).sort("epoch")
    roots = {entry.epoch: entry.root for entry in entries}
    shares = tuple(EpochShare(epoch, roots[epoch], mg) for epoch, mg in summed.iter_rows())
    return (
        Certification(
            number,
            class_id,
            tonnes,
            from_mg,
            shares,
            redeemed.height,
            int(redeemed["mg"].sum()),
            contributions.height,
        ),
        contributions,
    )


def _redemptions(contracts: Contracts, class_id: int, block: int) -> list[Entry]:
    first = contracts.deployment.first_block
    found = contracts.points.history(("PointsRedeemed",), first, block, classId=class_id)
    return [
        Entry(event.block, event.index, 0, bytes(32), _frame(event["holder"], event["mg"]))
        for event in found
        if event["channel"] == Channel.MARKET
    ]


def _frame(holder: str, mg: int) -> pl.DataFrame:
    rows = {"account": [bytes.fromhex(holder[2:])], "mg": [mg]}
    return pl.DataFrame(rows, schema={"account": pl.Binary(), "mg": pl.UInt64()})


def _conversions(
    contracts: Contracts, class_id: int, block: int, at: BlockIdentifier, entitlements: Entitlements
) -> list[Entry]:
    points, first = contracts.points, contracts.deployment.first_block
    # A cancelled number can be attested again under another root: the last attestation is the one that counts.
    attested = {event["number"]: event for event in points.history(("EpochAttested",), first, block)}
    active = points.active_epoch(at)
    entries, before = [], empty()
    for epoch in points.published(first, block):
        record = points.epoch(epoch.number, block)
        if record is None or epoch.number > active:
            break  # the pending one is the last
        current = entitlements(epoch)
        if class_id in dict(epoch.conversions):
            frame = contributed(before, current).filter(pl.col("class") == class_id).select("account", "mg")
            event = attested.get(epoch.number)
            if event is None:
                raise VerificationError(f"epoch {epoch.number} is attested, and no event says when")
            place = _entered(contracts.chain, event, record.active_at, block)
            entries.append(Entry(*place, epoch.number, epoch.root, frame))
        before = current
    return entries


def _entered(chain: Chain, attested: Event, active_at: int, block: int) -> tuple[int, int]:
    """Where an active epoch entered: at its attestation, else ahead of the first block from `active_at` on."""
    if chain.timestamp(attested.block) >= active_at:
        return attested.block, attested.index
    if chain.timestamp(block) >= active_at:
        return chain.first_block_at(active_at), _START
    return block + 1, _START  # its delay ended by the clock, and no block was mined since
