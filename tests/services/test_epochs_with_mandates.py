"""Epochs convert by the mandates that stand: a publication interrupted, and what no verifier signs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from registry.audit.ledger import audit_ledger
from registry.audit.mandates import LAG_S, mandated
from registry.core import entitlement
from registry.errors import ChainRevert, ConflictError, VerificationError
from registry.evidence.epoch import EpochEvidence, epochs_folder, write_epoch
from registry.services import epochs as service
from registry.services.anchoring import recompute
from registry.services.epochs import attest_epoch, cancel_epoch, entitlements_of, publish_epoch
from registry.services.ledger import Ledger
from registry.services.mandates import give_mandates, revoke_mandate
from registry.store import batches, epochs, operations
from registry.store.tables import EpochRow, EpochState
from tests.audit.forging import wrong
from tests.audit.market_ledger import CLASS, MANDATED, MG_A_DAY, PEOPLE, people, person, travel
from tests.faults.test_services_resume import Crash, after_send, at, before_send
from tests.services.homes import Puhui, opened
from tests.services.market_stages import TERMS, Clock

UNSIGNED = at(operations, "commit_signed")


@pytest.fixture
def home(market_at: Callable[[str], Puhui]) -> Path:
    """A day's trips attested; 40 of 60 people gave a mandate."""
    return market_at("mandated").home


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with opened(home) as found:
        yield found


def interrupted(ledger: Ledger, fault: Callable[[pytest.MonkeyPatch], None] = UNSIGNED) -> None:
    """A publication that crashes; by default when it is decided and nothing is signed yet."""
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        with pytest.raises(Crash):
            publish_epoch(ledger)


def converting(ledger: Ledger) -> int:
    """How many people the active epoch converts points of; each converts all of them."""
    table = entitlements_of(ledger, ledger.contracts.points.active_epoch())
    rows = table.filter(pl.col("converted_mg") > 0)
    assert rows["converted_mg"].to_list() == [MG_A_DAY] * rows.height
    assert table["earned_mg"].to_list() == [MG_A_DAY] * PEOPLE
    assert ledger.contracts.points.market_mg(CLASS) == rows.height * MG_A_DAY
    return rows.height


def finish(ledger: Ledger) -> int:
    step = publish_epoch(ledger)
    assert step is not None
    attest_epoch(ledger, step.number)
    return converting(ledger)


def audited(ledger: Ledger) -> dict[str, str]:
    """What an audit finds wrong."""
    return wrong(audit_ledger(ledger.contracts, ledger.home.evidence))


def mandates_block(ledger: Ledger) -> int:
    (folder,) = epochs_folder(ledger.home.evidence).iterdir()
    block = EpochEvidence(folder).epoch.mandates_block
    assert block is not None
    return block


# --- an interrupted publication ---------------------------------------------------------------------------


def test_a_publication_interrupted_lately_is_finished_as_it_was_prepared(ledger: Ledger) -> None:
    interrupted(ledger)
    prepared = mandates_block(ledger)
    revoke_mandate(ledger, person(ledger, 1))
    give_mandates(ledger, [person(ledger, 60)], TERMS)
    assert finish(ledger) == MANDATED
    assert mandates_block(ledger) == prepared
    assert audited(ledger) == {}


def test_a_publication_interrupted_long_ago_is_prepared_anew(ledger: Ledger, clock: Clock) -> None:
    interrupted(ledger)
    prepared = mandates_block(ledger)
    clock.advance(LAG_S // 2 + 1)
    revoke_mandate(ledger, person(ledger, 1))
    clock.advance(LAG_S // 2 + 1)
    assert finish(ledger) == MANDATED - 1
    assert mandates_block(ledger) > prepared
    with ledger.db.read() as session:
        found = [(row.number, row.state) for row in epochs.every(session)]
    assert found == [(1, EpochState.CANCELLED), (1, EpochState.ATTESTED)]
    assert audited(ledger) == {}


def test_a_small_lag_makes_every_other_block_old(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(service, "LAG_S", 2)
    interrupted(ledger)
    clock.advance(3)
    revoke_mandate(ledger, person(ledger, 1))
    clock.advance(3)
    assert finish(ledger) == MANDATED - 1


@pytest.mark.parametrize("happened", [False, True])
def test_what_was_read_grows_old_from_the_next_block_on(ledger: Ledger, clock: Clock, happened: bool) -> None:
    interrupted(ledger)
    prepared = mandates_block(ledger)
    clock.advance(10 * LAG_S)
    if happened:
        give_mandates(ledger, [person(ledger, 60)], TERMS)
    assert finish(ledger) == MANDATED
    assert mandates_block(ledger) == prepared


def test_preparing_anew_can_be_interrupted_too(ledger: Ledger, clock: Clock) -> None:
    interrupted(ledger)
    clock.advance(LAG_S)
    revoke_mandate(ledger, person(ledger, 1))
    give_mandates(ledger, [person(ledger, 1)], TERMS)
    clock.advance(LAG_S)
    interrupted(ledger, at(service.files, "remove_folder"))
    assert finish(ledger) == MANDATED
    assert audited(ledger) == {}


def test_what_was_decided_is_published_before_the_platform_does_anything_else(ledger: Ledger) -> None:
    interrupted(ledger)
    revoke_mandate(ledger, person(ledger, 1))
    assert ledger.contracts.points.current_epoch() == 1
    assert finish(ledger) == MANDATED
    assert audited(ledger) == {}


def test_what_was_signed_is_sent_however_old(ledger: Ledger, clock: Clock) -> None:
    """Nobody can know that signed bytes never left; the verifier judges what they say, and the time they were mined."""
    interrupted(ledger, before_send)
    clock.advance(10 * LAG_S)
    assert finish(ledger) == MANDATED
    assert audited(ledger) == {}


def test_what_is_on_the_chain_is_finished_however_old(ledger: Ledger, clock: Clock) -> None:
    interrupted(ledger, after_send)
    revoke_mandate(ledger, person(ledger, 1))
    clock.advance(10 * LAG_S)
    assert finish(ledger) == MANDATED
    assert audited(ledger) == {}


def test_an_epoch_published_on_a_quiet_chain_is_signed(ledger: Ledger, clock: Clock) -> None:
    """The last block is as old as the last transaction where no block is empty."""
    clock.advance(12 * LAG_S)
    assert finish(ledger) == MANDATED
    assert audited(ledger) == {}


# --- what no verifier signs -------------------------------------------------------------------------------


def publish(
    ledger: Ledger, converts: set[bytes], block: int | None, *, listed: list[tuple[int, int]] | None = None
) -> None:
    """As the platform: epoch 1 over the attested batch, in which these accounts convert, consistent in every digest."""
    with ledger.db.read() as session:
        (row,) = batches.select_batches(session)
    earned = recompute(ledger, row.id).earned()
    table = entitlement.accumulate(entitlement.empty(), [earned], converts)
    epoch = write_epoch(ledger.home.evidence, 1, table, (bytes.fromhex(row.id[2:]),), block)
    conversions = entitlement.conversions(entitlement.empty(), table) if listed is None else listed
    call = ledger.contracts.points.publish_epoch(1, epoch.root, epoch.size, epoch.batches, conversions)
    prepared = EpochRow(number=1, root="0x" + epoch.root.hex(), size=epoch.size, created_at=int(time.time()))
    ledger.db.write(lambda session: epochs.insert(session, prepared))
    ledger.submitter("platform").send(call)


def unsigned(ledger: Ledger) -> VerificationError:
    """Why the verifier refused epoch 1; nothing was signed."""
    head = ledger.contracts.chain.head()
    with pytest.raises(VerificationError) as raised:
        attest_epoch(ledger, 1)
    assert ledger.contracts.chain.head() == head
    record = ledger.contracts.points.epoch(1)
    assert record is not None
    assert (record.attested, ledger.contracts.points.active_epoch()) == (False, 0)
    assert ledger.contracts.points.market_mg(CLASS) == 0
    return raised.value


def wallets(ledger: Ledger, *numbers: int) -> set[bytes]:
    return {bytes.fromhex(person(ledger, number).wallet[2:]) for number in numbers}


def standing(ledger: Ledger) -> set[bytes]:
    return mandated(ledger.contracts, ledger.contracts.chain.head())


def test_an_epoch_published_by_hand_as_the_mandates_stand_is_signed(ledger: Ledger) -> None:
    publish(ledger, standing(ledger), ledger.contracts.chain.head())
    assert attest_epoch(ledger, 1).state == "ATTESTED"
    assert converting(ledger) == MANDATED
    assert audited(ledger) == {}


@pytest.mark.parametrize(
    ("added", "left_out"), [((60,), ()), ((), (1,)), ((60,), (1,)), ((), range(1, MANDATED + 1)), (range(41, 61), ())]
)
def test_conversions_against_the_mandates_are_not_signed(
    ledger: Ledger, added: tuple[int, ...], left_out: tuple[int, ...]
) -> None:
    converts = (standing(ledger) | wallets(ledger, *added)) - wallets(ledger, *left_out)
    publish(ledger, converts, ledger.contracts.chain.head())
    error = unsigned(ledger)
    assert error.message == "epoch 1: root recomputed from trips differs from the published one"
    record = ledger.contracts.points.epoch(1)
    assert record is not None
    assert error.fields["actual"] == record.root.hex()


def test_conversions_other_than_those_of_the_tree_are_not_signed(ledger: Ledger) -> None:
    listed = [(CLASS, MANDATED * MG_A_DAY - 1)]
    publish(ledger, standing(ledger), ledger.contracts.chain.head(), listed=listed)
    assert unsigned(ledger).message == "epoch 1: the chain lists other batches or conversions"


def test_an_epoch_that_read_no_mandates_while_some_stood_is_not_signed(ledger: Ledger) -> None:
    publish(ledger, set(), None)
    said = f"epoch 1 read no mandates, and {MANDATED} stood before it was published"
    assert unsigned(ledger).message == said
    record = ledger.contracts.points.epoch(1)
    assert record is not None
    ledger.submitter("verifier").send(ledger.contracts.points.attest_epoch(1, record.digest))
    assert audited(ledger) == {"conversions follow standing mandates": f"0 epochs; first wrong: {said}"}


@pytest.mark.parametrize("later", [1, 2, 1000])
def test_mandates_of_the_publications_own_block_or_later_are_not_signed(ledger: Ledger, later: int) -> None:
    published = ledger.contracts.chain.head() + 1
    claimed = published + later - 1
    publish(ledger, standing(ledger), claimed)
    assert unsigned(ledger).message == (
        f"epoch 1 was published in block {published} and says it read the mandates in {claimed}"
    )


@pytest.mark.parametrize(("passed", "signed"), [(LAG_S - 30, True), (LAG_S + 30, False)])
def test_mandates_that_a_revocation_made_old_are_not_signed(
    ledger: Ledger, clock: Clock, passed: int, signed: bool
) -> None:
    before = ledger.contracts.chain.head()
    converts = standing(ledger)
    revoke_mandate(ledger, person(ledger, 1))
    clock.advance(passed)
    publish(ledger, converts, before)
    if signed:
        assert attest_epoch(ledger, 1).state == "ATTESTED"
        return
    assert "s before it was published, 3600 s at most" in unsigned(ledger).message


def test_the_next_epoch_is_checked_as_the_first(home: Path, tmp_path: Path) -> None:
    puhui = Puhui(home)
    puhui("epoch", "publish")
    with opened(home) as ledger:
        for owner in people(ledger, range(1, 11)):
            revoke_mandate(ledger, owner)
    travel(puhui, tmp_path, "2026-03-03")
    with opened(home) as ledger:
        table = entitlements_of(ledger, 2)
        assert table["converted_mg"].sort().to_list() == [0] * 20 + [MG_A_DAY] * 10 + [2 * MG_A_DAY] * 30
        assert audited(ledger) == {}


# --- taken back -------------------------------------------------------------------------------------------


def test_an_epoch_the_verifier_refuses_is_taken_back_and_published_anew(ledger: Ledger) -> None:
    publish(ledger, standing(ledger) | wallets(ledger, 60), ledger.contracts.chain.head())
    unsigned(ledger)
    step = cancel_epoch(ledger, 1, "ticket 7")
    assert (step.number, step.state, step.changed) == (1, "CANCELLED", True)
    with pytest.raises(ConflictError, match="epoch 1 is not on the chain"):
        cancel_epoch(ledger, 1, "ticket 7")
    assert finish(ledger) == MANDATED
    with ledger.db.read() as session:
        found = [(row.number, row.state) for row in epochs.every(session)]
    assert found == [(1, EpochState.CANCELLED), (1, EpochState.ATTESTED)]
    assert audited(ledger) == {}


def test_an_active_epoch_is_not_taken_back(home: Path, ledger: Ledger) -> None:
    finish(ledger)
    with pytest.raises(ChainRevert, match="EpochsActive"):
        cancel_epoch(ledger, 1, "too late")


def test_a_cancellation_is_a_command_with_a_reason(market_at: Callable[[str], Puhui]) -> None:
    puhui = market_at("mandated")
    puhui("epoch", "publish", "--no-attest")
    error = puhui.fails("epoch", "cancel", 1, "--reason", "", code=1)
    assert error["message"] == "a reason has 1 to 31 ASCII characters"
    assert puhui.json("epoch", "cancel", 1, "--reason", "ticket 7", "--dry-run")["dry_run"] is True
    assert puhui.json("epoch", "cancel", 1, "--reason", "ticket 7")["state"] == "CANCELLED"
    assert puhui.json("epoch", "publish")["state"] == "ATTESTED"
