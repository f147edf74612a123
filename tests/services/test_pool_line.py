"""The pool's line only grows at its end: what entered while a certification is open changes nothing of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.audit.pool import Entry, pool_entries
from registry.errors import ConflictError
from registry.evidence.certification import CertificationEvidence
from registry.services import certification
from registry.services.certification import apply_for, approve, verify
from registry.services.epochs import entitlements_of
from registry.services.ledger import Ledger
from registry.services.mandates import give_mandates
from tests.audit.market_ledger import CLASS, MANDATED, MG_A_DAY, people, redeem_for_the_market, travel
from tests.services.homes import Puhui, opened, write_people
from tests.services.market_stages import TERMS, Clock
from tests.services.payout_steps import audited

DELAY_S = 3_600
IN_THE_POOL = (MANDATED + 1) * MG_A_DAY


@pytest.fixture
def ledger(market_at: Callable[[str], Puhui]) -> Iterator[Ledger]:
    """3 t and a rest in the pool: of epoch 1, and of one redemption after it."""
    with opened(market_at("pooled").home) as found:
        yield found


def entries(ledger: Ledger) -> list[Entry]:
    head = ledger.contracts.chain.head()
    return pool_entries(ledger.contracts, CLASS, head, lambda epoch: entitlements_of(ledger, epoch.number))


def test_a_redemption_between_dossier_and_application_changes_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = certification.write_certification

    def meanwhile(*arguments: object) -> CertificationEvidence:
        folder = write(*arguments)  # type: ignore[arg-type]
        redeem_for_the_market(ledger, 51)
        return folder

    monkeypatch.setattr(certification, "write_certification", meanwhile)
    step = apply_for(ledger, CLASS, 3)
    monkeypatch.undo()
    redeem_for_the_market(ledger, 52)
    assert verify(ledger, 1).sent.changed is True
    redeem_for_the_market(ledger, 53)
    assert approve(ledger, 1).sent.changed is True
    assert [entry.epoch for entry in entries(ledger)] == [1, 0, 0, 0, 0]
    assert certification.dossier_of(ledger, step.record).certification.accounts == MANDATED + 1
    assert ledger.contracts.certification.pool_mg(CLASS) == IN_THE_POOL + 3 * MG_A_DAY - 3 * 10**9
    assert audited(ledger) == {}


@pytest.fixture(scope="module")
def delayed_home(fast_keystores: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose epochs wait an hour; 40 of 60 gave a mandate, and epoch 1 is waiting."""
    folder = tmp_path_factory.mktemp("delayed")
    puhui = Puhui(folder / "home")
    puhui("init", "--admin-delay", "0", "--epoch-delay", DELAY_S)
    puhui("accounts", "import", write_people(folder / "accounts.csv", 60))
    with opened(puhui.home) as ledger:
        give_mandates(ledger, people(ledger, range(1, MANDATED + 1)), TERMS)
    travel(puhui, folder, "2026-03-02", publish=False)
    puhui("epoch", "publish")
    return puhui.home


@pytest.fixture
def delayed(delayed_home: Path, tmp_path: Path) -> Puhui:
    return Puhui(shutil.copytree(delayed_home, tmp_path / "delayed"))


def test_an_epoch_enters_the_line_when_it_becomes_active_and_not_before(delayed: Puhui, clock: Clock) -> None:
    with opened(delayed.home) as ledger:
        head = ledger.contracts.chain.head()
        assert ledger.contracts.points.totals(CLASS).converted == MANDATED * MG_A_DAY
        assert (ledger.contracts.certification.pool_mg(CLASS), entries(ledger)) == (0, [])
        with pytest.raises(ConflictError) as raised:
            apply_for(ledger, CLASS)
        assert raised.value.message == f"the pool of class {CLASS} has 0 mg, that is 0 whole tonnes"
        clock.advance(DELAY_S)
        # Nothing has happened on the chain since, and nothing has to.
        assert ledger.contracts.chain.head() == head
        step = apply_for(ledger, CLASS, 2)
        assert (step.record.from_mg, step.sent.block) == (0, head + 1)
        assert verify(ledger, 1).sent.changed is True
        assert approve(ledger, 1).sent.changed is True
        (entry,) = entries(ledger)
        assert (entry.block, entry.index, entry.epoch, entry.mg) == (head + 1, -1, 1, MANDATED * MG_A_DAY)
        assert audited(ledger) == {}


@pytest.mark.parametrize("attested", ["before its delay ended", "after it"])
def test_what_is_redeemed_while_an_epoch_waits_is_ahead_of_it(
    delayed: Puhui, clock: Clock, tmp_path: Path, attested: str
) -> None:
    clock.advance(DELAY_S)
    travel(delayed, tmp_path, "2026-03-03", publish=False)
    delayed("epoch", "publish", *(["--no-attest"] if attested == "after it" else []))
    with opened(delayed.home) as ledger:
        pooled = ledger.contracts.certification.pool_mg(CLASS)
        assert pooled == MANDATED * MG_A_DAY
        redeem_for_the_market(ledger, 50)
    clock.advance(DELAY_S)
    if attested == "after it":
        with opened(delayed.home) as ledger:
            redeem_for_the_market(ledger, 51)
            assert [entry.epoch for entry in entries(ledger)] == [1, 0, 0]
        delayed("attest")
    with opened(delayed.home) as ledger:
        apply_for(ledger, CLASS, 4)
        verify(ledger, 1)
        redeem_for_the_market(ledger, 52)
        order = [1, 0, 0, 2, 0] if attested == "after it" else [1, 0, 2, 0]
        assert [entry.epoch for entry in entries(ledger)] == order
        made = certification.dossier_of(ledger, certification.get(ledger, 1)).certification
        before = (MANDATED + order.index(2) - 1) * MG_A_DAY
        assert [share.mg for share in made.epochs] == [MANDATED * MG_A_DAY, 4 * 10**9 - before]
        assert (made.redemptions, made.redeemed_mg) == (order.index(2) - 1, (order.index(2) - 1) * MG_A_DAY)
        approve(ledger, 1)
        assert audited(ledger) == {}
