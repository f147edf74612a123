"""The chain's own totals against each other: a few reads, where an audit recomputes everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry.chain.contracts.carbon_points import Channel
from registry.chain.deployment import Contracts
from registry.core import methodology
from registry.services.checks.finding import Finding, failure, fine, guarded
from registry.store import batches
from registry.store.session import Database

_TO_DO = "stop writing and run `puhui audit`: it says which row is wrong"


def balances(contracts: Contracts, db: Database) -> Iterator[Finding]:
    """Points, tonnes and cash at the newest block, each as one finding."""
    head = contracts.chain.head
    yield guarded("points", lambda: _finding("points", _points(contracts, db, head()), "mg"))
    yield guarded("tonnes", lambda: _finding("tonnes", _tonnes(contracts, head()), "t"))
    yield guarded("cash", lambda: _finding("cash", _cash(contracts, head()), "fen"))


def _finding(name: str, sums: Sequence[tuple[str, bool, int, int]], unit: str) -> Finding:
    """Each sum is (what, whether it holds, one side, other side)."""
    wrong = [f"{what}: {one:,} and {other:,} {unit}" for what, holds, one, other in sums if not holds]
    if wrong:
        return failure(name, "; ".join(wrong), _TO_DO, wrong=wrong)
    return fine(name, f"sums that agree: {len(sums)}" if sums else "none yet", sums=len(sums))


def _points(contracts: Contracts, db: Database, block: int) -> list[tuple[str, bool, int, int]]:
    with db.read() as session:
        rows = batches.select_batches(session)
    classes = sorted({methodology.by_id(row.methodology).class_id(row.service_date) for row in rows})
    sums = []
    for number in classes:
        points, certification = contracts.points, contracts.certification
        totals = points.totals(number, block)
        redeemed = {channel: points.redeemed_by(number, channel, block) for channel in Channel}
        spent = points.total_supply(number, block) + sum(redeemed.values()) + totals.expired
        entered = points.market_mg(number, block)
        given = redeemed[Channel.MARKET] + totals.converted
        # What an epoch converts is in the pool once the epoch is active.
        pending = points.current_epoch(block) != points.active_epoch(block)
        pool = certification.certified_mg(number, block) + certification.pool_mg(number, block)
        used = totals.claimed + totals.converted
        sums += [
            (f"class {number}, earned, and claimed or converted", totals.earned >= used, totals.earned, used),
            (f"class {number}, claimed, and held, redeemed or expired", totals.claimed == spent, totals.claimed, spent),
            (
                f"class {number}, in the pool, and redeemed or converted into it",
                entered == given or (pending and entered < given),
                entered,
                given,
            ),
            (f"class {number}, in the pool, and certified or left", entered == pool, entered, pool),
        ]
    return sums


def _tonnes(contracts: Contracts, block: int) -> list[tuple[str, bool, int, int]]:
    sums = []
    for number in range(1, contracts.certification.count(block) + 1):
        issued = contracts.reductions.issuance(number, block)
        if issued is not None:
            now = contracts.reductions.total_supply(number, block) + issued.retired + issued.cancelled
            what = f"issuance {number}, issued, and held, retired or cancelled"
            sums.append((what, issued.tonnes == now, issued.tonnes, now))
    return sums


def _cash(contracts: Contracts, block: int) -> list[tuple[str, bool, int, int]]:
    cash, distributor = contracts.cash, contracts.distributor
    supply = cash.total_supply(block)
    for_people, treasury = (
        cash.balance(address, block) for address in (distributor.address, contracts.treasury.address)
    )
    owed = distributor.funded(block) - distributor.paid(block)
    active = distributor.active_run(block)
    run = distributor.run(active, block) if active else None
    promised = run.total_fen if run is not None else 0
    funded = distributor.funded(block)
    own = for_people + treasury
    return [
        ("all cash, and the treasury's and the people's", supply >= own, supply, own),
        ("the people's cash, and what was funded and not paid", for_people >= owed, for_people, owed),
        ("funded for people, and promised to them", funded >= promised, funded, promised),
    ]
