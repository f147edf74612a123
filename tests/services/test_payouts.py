"""Payouts: to the fen by what each gave, and once however it is claimed or paid."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from registry.core.allocation import split
from registry.errors import AuthError, ChainRevert, ConflictError, NotFoundError
from registry.evidence.payout import Allocated
from registry.services import payouts
from registry.services.ledger import Ledger
from registry.services.owners import Owner, find_owner
from tests.audit.market_ledger import COMPLIANT, FEES, MANDATED, person
from tests.services.homes import Puhui, opened
from tests.services.payout_steps import FIRST, SECOND, audited, pay_out, people_fen, sell_more


@pytest.fixture
def ledger(market_at: Callable[[str], Puhui]) -> Iterator[Ledger]:
    """One tonne of each of two issuances sold and collected; nothing is paid out."""
    with opened(market_at("sold").home) as found:
        yield found


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
