"""Payouts: to the fen by what each gave, once however it is paid, and no verifier signs another split."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence

import polars as pl
import pytest

from registry.audit.ledger import audit_ledger
from registry.audit.payouts import allocate
from registry.core import proceeds
from registry.core.allocation import split
from registry.core.codes import code32
from registry.errors import (
    AuthError,
    ChainRevert,
    ConflictError,
    EvidenceError,
    NotFoundError,
    PuhuiError,
    VerificationError,
)
from registry.evidence.payout import Allocated, PayoutEvidence, write_payout
from registry.services import market, payouts, treasury
from registry.services.ledger import Ledger
from registry.services.owners import Owner, find_owner
from tests.audit.forging import rewrite, wrong
from tests.audit.market_ledger import COMPLIANT, FEE_BPS, FEES, MANDATED, person
from tests.services.homes import Puhui, opened
from tests.services.market_stages import sell_one

FRIEND = b"\x66" * 20


def people_fen(price_fen: int) -> int:
    """The people's share of one tonne."""
    return price_fen - price_fen * FEE_BPS // 10_000


FIRST, SECOND = people_fen(9_001), people_fen(9_333)  # of issuances 1 and 2


@pytest.fixture
def ledger(market_at: Callable[[str], Puhui]) -> Iterator[Ledger]:
    """One tonne of each of two issuances sold and collected; nothing is paid out."""
    with opened(market_at("sold").home) as found:
        yield found


def audited(ledger: Ledger) -> dict[str, str]:
    """What an audit finds wrong."""
    return wrong(audit_ledger(ledger.contracts, ledger.home.evidence))


def pay_out(ledger: Ledger) -> payouts.PayoutStep:
    step = payouts.run(ledger)
    assert step is not None
    return payouts.attest(ledger, step.number)


def sell_more(ledger: Ledger, price_fen: int) -> None:
    """Sell the other tonne of issuance 1."""
    (sell,) = [entry for entry in market.book(ledger, 1) if entry.order.trader == ledger.contracts.treasury.address]
    sell_one(ledger, sell, "t-3", price_fen)
    treasury.collect(ledger)


def weights(ledger: Ledger, issuance: int) -> dict[bytes, int]:
    return dict(payouts.contributions_of(ledger, issuance).iter_rows())


def due(ledger: Ledger, run: int) -> dict[bytes, int]:
    return dict(payouts.proceeds_of(ledger, run).iter_rows())


def added(*shares: dict[bytes, int]) -> dict[bytes, int]:
    """Shares summed by account; who gets nothing is left out."""
    accounts = {account for each in shares for account in each}
    summed = {account: sum(each.get(account, 0) for each in shares) for account in accounts}
    return {account: fen for account, fen in summed.items() if fen}


# --- the split --------------------------------------------------------------------------------------------


def test_a_run_gives_each_by_what_it_gave(ledger: Ledger) -> None:
    step = payouts.run(ledger)
    assert step is not None
    assert (step.number, step.allocated_fen, step.total_fen, step.state) == (
        1,
        FIRST + SECOND,
        FIRST + SECOND,
        "PUBLISHED",
    )
    assert step.size == MANDATED + 1
    assert due(ledger, 1) == added(split(FIRST, weights(ledger, 1)), split(SECOND, weights(ledger, 2)))
    with pytest.raises(ConflictError) as raised:
        payouts.run(ledger)
    assert raised.value.message == "run 1 is not attested yet"
    assert [payouts.attest(ledger, 1).sent.changed for _ in range(2)] == [True, False]
    assert payouts.run(ledger) is None
    assert audited(ledger) == {}


def test_partial_sales_of_one_issuance_over_two_runs_add_up_to_the_fen(ledger: Ledger) -> None:
    pay_out(ledger)
    before = due(ledger, 1)
    sell_more(ledger, 9_999)
    step = pay_out(ledger)
    more = people_fen(9_999)
    assert (step.number, step.allocated_fen, step.total_fen) == (2, more, FIRST + SECOND + more)
    after = due(ledger, 2)
    assert after == added(before, split(more, weights(ledger, 1)))
    assert all(after[account] >= fen for account, fen in before.items())
    assert sum(after.values()) == step.total_fen == ledger.contracts.distributor.funded()
    found = payouts.folder_of(ledger, 2, payouts._record(ledger, 2)).payout.allocated
    assert found == (Allocated(1, FIRST, FIRST + more),)
    assert audited(ledger) == {}


# --- runs forged with every digest right ------------------------------------------------------------------


def publish(
    ledger: Ledger,
    allocated: Sequence[Allocated],
    allocations: pl.DataFrame,
    *,
    previous: int = 0,
    due_rows: pl.DataFrame | None = None,
    **changed: int,
) -> PayoutEvidence:
    """As the platform: the next run, consistent in itself; `changed` are numbers said otherwise to the chain."""
    rows = proceeds.accumulate(payouts.proceeds_of(ledger, previous), [allocations]) if due_rows is None else due_rows
    folder = write_payout(ledger.home.evidence, previous + 1, tuple(allocated), allocations, rows)
    size, total = changed.get("size", folder.payout.size), changed.get("total_fen", folder.payout.total_fen)
    call = ledger.contracts.distributor.publish_run(previous + 1, folder.payout.root, size, total, folder.dossier)
    ledger.submitter("platform").send(call)
    return folder


def fair(ledger: Ledger, *allocated: Allocated) -> pl.DataFrame:
    return allocate(allocated, lambda issuance: payouts.contributions_of(ledger, issuance))


def moved(frame: pl.DataFrame, account: bytes, fen: int) -> pl.DataFrame:
    """`fen` of the first row's to another account."""
    first = pl.int_range(pl.len()) == 0
    less = frame.with_columns(pl.when(first).then(pl.col("fen") - fen).otherwise("fen").alias("fen"))
    row = frame.head(1).with_columns(pl.lit(account).alias("account"), pl.lit(fen, pl.UInt64).alias("fen"))
    keys = [name for name in frame.columns if name != "fen"]
    return pl.concat([less, row]).group_by(keys).agg(pl.col("fen").sum()).sort(keys).select(frame.columns)


def unsigned(ledger: Ledger, number: int = 1, error: type[PuhuiError] = VerificationError) -> str:
    """Why the verifier refused a run. Nothing was signed; the guardian cancels it and the honest run is signed."""
    head, distributor = ledger.contracts.chain.head(), ledger.contracts.distributor
    with pytest.raises(error) as raised:
        payouts.attest(ledger, number)
    assert ledger.contracts.chain.head() == head
    assert (distributor.current_run(), distributor.active_run()) == (number, number - 1)
    cancel = distributor.contract.functions.cancelRun(number, code32("forged", "the reason"))
    ledger.submitter("guardian").send(cancel)
    assert pay_out(ledger).total_fen == distributor.funded()
    assert audited(ledger) == {}
    return raised.value.message


def everything(ledger: Ledger) -> tuple[Allocated, Allocated]:
    assert [ledger.contracts.distributor.funded_of(issuance) for issuance in (1, 2)] == [FIRST, SECOND]
    return Allocated(1, 0, FIRST), Allocated(2, 0, SECOND)


NOT_THE_SPLIT = "payout 1: its allocations are not the largest-remainder split"


def test_the_honest_run_published_by_hand_is_signed(ledger: Ledger) -> None:
    publish(ledger, everything(ledger), fair(ledger, *everything(ledger)))
    assert payouts.attest(ledger, 1).state == "ATTESTED"


@pytest.mark.parametrize("fen", [1, 100])
@pytest.mark.parametrize("known", [True, False])
def test_a_fen_more_to_a_friend_is_not_signed(ledger: Ledger, fen: int, known: bool) -> None:
    rows = fair(ledger, *everything(ledger))
    friend = rows["account"][7] if known else FRIEND
    publish(ledger, everything(ledger), moved(rows, friend, fen))
    assert unsigned(ledger) == NOT_THE_SPLIT


def test_a_fen_more_in_the_tree_alone_is_not_signed(ledger: Ledger) -> None:
    rows = fair(ledger, *everything(ledger))
    due_rows = proceeds.accumulate(proceeds.empty(), [rows])
    publish(ledger, everything(ledger), rows, due_rows=moved(due_rows, due_rows["account"][7], 1))
    assert unsigned(ledger) == "payout 1: root or total recomputed differs from the published one"


def test_a_fen_more_than_came_in_does_not_reach_the_chain(ledger: Ledger) -> None:
    allocated = (Allocated(1, 0, FIRST), Allocated(2, 0, SECOND + 1))
    with pytest.raises(ChainRevert) as raised:
        publish(ledger, allocated, fair(ledger, *allocated))
    assert raised.value.fields["error"] == "ProceedsDistributorUnfunded"


@pytest.mark.parametrize(
    ("allocated", "said"),
    [
        ((Allocated(1, 0, FIRST + 1),), f"payout 1 allocates {FIRST + 1} fen of issuance 1, {FIRST} fen came in"),
        (
            (Allocated(1, 0, FIRST - 1), Allocated(2, 0, SECOND + 1)),
            f"payout 1 allocates {SECOND + 1} fen of issuance 2, {SECOND} fen came in",
        ),
    ],
)
def test_more_than_came_in_for_an_issuance_is_not_signed(
    ledger: Ledger, allocated: tuple[Allocated, ...], said: str
) -> None:
    """Another issuance's money covers it, so the contract cannot tell."""
    publish(ledger, allocated, fair(ledger, *allocated))
    assert unsigned(ledger) == said


def test_one_issuances_money_by_anothers_contributions_is_not_signed(ledger: Ledger) -> None:
    allocated = everything(ledger)
    publish(ledger, allocated, allocate(allocated, lambda number: payouts.contributions_of(ledger, 3 - number)))
    assert unsigned(ledger) == NOT_THE_SPLIT


@pytest.mark.parametrize(
    "again",
    [Allocated(1, 0, 7_000), Allocated(1, FIRST - 1, FIRST + 7_000), Allocated(1, FIRST + 1, FIRST + 7_000)],
    ids=["from the beginning", "a fen twice", "a fen never"],
)
def test_an_allocation_repeated_or_left_out_is_not_signed(ledger: Ledger, again: Allocated) -> None:
    pay_out(ledger)
    sell_more(ledger, 9_999)
    publish(ledger, (again,), fair(ledger, again), previous=1)
    said = f"issuance 1: {again.funded_before} fen are said to be allocated, {FIRST} fen are"
    assert unsigned(ledger, 2) == said


@pytest.mark.parametrize(
    "changed", [{"total_fen": FIRST + SECOND - 1}, {"size": MANDATED}, {"size": MANDATED + 2}], ids=str
)
def test_numbers_on_the_chain_that_are_not_the_trees_are_not_signed(ledger: Ledger, changed: dict[str, int]) -> None:
    publish(ledger, everything(ledger), fair(ledger, *everything(ledger)), **changed)
    assert unsigned(ledger) == "run 1: the chain holds another run"


@pytest.mark.parametrize("change", ["rewritten", "gone"])
def test_evidence_changed_after_the_publication_is_not_signed(ledger: Ledger, change: str) -> None:
    folder = publish(ledger, everything(ledger), fair(ledger, *everything(ledger))).folder
    if change == "gone":
        shutil.rmtree(folder)
    else:
        rewrite(folder, "allocations.parquet", moved(fair(ledger, *everything(ledger)), FRIEND, 1))
    with pytest.raises(EvidenceError):
        payouts.attest(ledger, 1)
    assert ledger.contracts.distributor.active_run() == 0


# --- claimed or paid, once --------------------------------------------------------------------------------


def someone(ledger: Ledger) -> Owner:
    """Who gave first, and so to issuance 1."""
    return find_owner(ledger, "0x" + payouts.contributions_of(ledger, 1)["account"][0].hex())


def cash(ledger: Ledger, owner: Owner) -> tuple[int, int]:
    """What the wallet has, and what was paid to it in all."""
    return ledger.contracts.cash.balance(owner.wallet), ledger.contracts.distributor.paid_of(owner.wallet)


def test_claimed_and_then_paid_is_paid_once(ledger: Ledger) -> None:
    pay_out(ledger)
    owner = someone(ledger)
    fen = payouts.due_of(ledger, owner).due
    assert [payouts.claim(ledger, owner)[0] for _ in range(2)] == [fen, 0]
    other = payouts.payable(ledger, 1, limit=1)[0].wallet
    with pytest.raises(ChainRevert) as raised:
        payouts.pay(ledger, "april", [other, owner.wallet])
    assert raised.value.fields["error"] == "ProceedsDistributorNothingDue"
    assert cash(ledger, owner) == (fen, fen)
    assert ledger.contracts.distributor.paid_of(other) == 0
    assert owner.wallet not in [each.wallet for each in payouts.payable(ledger, 1)]
    assert audited(ledger) == {}


def test_paid_and_then_claimed_is_paid_once(ledger: Ledger) -> None:
    pay_out(ledger)
    owner = someone(ledger)
    fen = payouts.due_of(ledger, owner).due
    count, sent = payouts.pay(ledger, "april", [owner.wallet])
    assert (count, [each.changed for each in sent]) == (1, [True])
    assert [each.changed for each in payouts.pay(ledger, "april", [owner.wallet])[1]] == [False]
    paid, claimed = payouts.claim(ledger, owner)
    assert (paid, claimed.changed) == (0, False)
    assert cash(ledger, owner) == (0, fen)
    with pytest.raises(ChainRevert) as raised:
        payouts.pay(ledger, "may", [owner.wallet])
    assert raised.value.fields["error"] == "ProceedsDistributorNothingDue"
    sell_more(ledger, 9_999)
    pay_out(ledger)
    with pytest.raises(ChainRevert) as raised:
        payouts.pay(ledger, "april", [owner.wallet])
    assert raised.value.fields["error"] == "ProceedsDistributorReferenceUsed"
    more = payouts.due_of(ledger, owner).due
    assert payouts.claim(ledger, owner)[0] == more == split(people_fen(9_999), weights(ledger, 1))[account(owner)]
    assert cash(ledger, owner) == (more, fen + more)
    assert audited(ledger) == {}


def account(owner: Owner) -> bytes:
    return bytes.fromhex(owner.wallet[2:])


def test_small_sums_wait_until_they_add_up(ledger: Ledger) -> None:
    assert payouts.payable(ledger, 1) == []
    pay_out(ledger)
    first = due(ledger, 1)
    most = max(first.values())
    assert payouts.payable(ledger, most + 1) == []
    assert {each.wallet.lower(): each.due for each in payouts.payable(ledger, most)} == {
        "0x" + who.hex(): fen for who, fen in first.items() if fen == most
    }
    sell_more(ledger, 9_999)
    pay_out(ledger)
    second = due(ledger, 2)
    found = payouts.payable(ledger, most + 1)
    assert {each.wallet.lower(): each.due for each in found} == {
        "0x" + who.hex(): fen for who, fen in second.items() if fen > most
    }
    assert len(found) > 20
    payouts.pay(ledger, "april", [each.wallet for each in found])
    assert payouts.payable(ledger, most + 1) == []
    rest = payouts.payable(ledger, 0)
    assert sum(each.due for each in rest) == sum(second.values()) - sum(each.due for each in found)
    assert [each.wallet for each in payouts.payable(ledger, 1, limit=3)] == [each.wallet for each in rest[:3]]
    assert audited(ledger) == {}


def test_an_interrupted_batch_is_finished_with_those_still_due(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    pay_out(ledger)
    monkeypatch.setattr(payouts, "MAX_PAYMENTS", 16)

    def stop(said: str) -> None:
        if said.startswith("32 "):
            raise KeyboardInterrupt

    everyone = [each.wallet for each in payouts.payable(ledger, 1)]
    with pytest.raises(KeyboardInterrupt):
        payouts.pay(ledger, "april", everyone, stop)
    still = [each.wallet for each in payouts.payable(ledger, 1)]
    assert (len(everyone), still) == (MANDATED + 1, everyone[16:])
    _, sent = payouts.pay(ledger, "april", still)
    assert [each.changed for each in sent] == [True, True]
    assert payouts.payable(ledger, 1) == []
    assert ledger.contracts.distributor.paid() == FIRST + SECOND
    assert audited(ledger) == {}


def test_who_has_no_proceeds_gets_none(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError):
        payouts.claim(ledger, someone(ledger))  # no run yet
    pay_out(ledger)
    nobody = person(ledger, 60)
    assert (payouts.due_of(ledger, nobody).due, payouts.due_of(ledger, nobody).paid) == (0, 0)
    with pytest.raises(NotFoundError) as raised:
        payouts.claim(ledger, nobody)
    assert raised.value.message == "no run has proceeds for A60"
    with pytest.raises(NotFoundError) as raised:
        payouts.pay(ledger, "april", [someone(ledger).wallet, nobody.wallet])
    assert raised.value.message == f"run 1 has no proceeds for {nobody.wallet}"
    with pytest.raises(AuthError):
        payouts.claim(ledger, someone(ledger), FEES)
    with pytest.raises(NotFoundError):
        payouts.claim(ledger, find_owner(ledger, COMPLIANT.address), COMPLIANT)
    assert payouts.pay(ledger, "april", []) == (0, [])
    assert ledger.contracts.distributor.paid() == 0
