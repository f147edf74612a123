"""A crash between the chain and the database, at every step, and then the same command again: one effect, one state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from registry.chain.contracts import CarbonPoints
from registry.chain.logs import events
from registry.chain.sending import Delivery, Sender
from registry.services import trip_imports
from registry.services.sealing import Sealer
from registry.store import batches, epochs, operations
from tests.services.homes import Puhui, contracts_of, journey, opened, rows_of, someone, write_journeys, write_people

EVENTS = ("BatchAnchored", "BatchAttested", "EpochPublished", "EpochAttested", "PointsClaimed", "PointsRedeemed")


class Crash(BaseException):
    """The process ends here; nothing may catch it."""


def crash(*_: object, **__: object) -> None:
    raise Crash


def before_send(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sender, "deliver", crash)


def after_send(patch: pytest.MonkeyPatch) -> None:
    deliver = Sender.deliver

    def sent_then_crash(self: Sender, raws: Sequence[str]) -> list[Delivery]:
        deliver(self, raws)
        raise Crash

    patch.setattr(Sender, "deliver", sent_then_crash)


def at(module: object, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def inject(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(module, name, crash)

    inject.__name__ = f"at_{name}"
    return inject


def before_the_verifier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CarbonPoints, "attest_epoch", crash)


# Each step of the outbox: decided, signed, sent, and found in a block.
DECIDING, SIGNING, CONFIRMING = (at(operations, name) for name in ("enqueue", "commit_signed", "confirm"))
SENDING = (DECIDING, SIGNING, before_send, after_send, CONFIRMING)
ANCHOR = ("sealed", ("anchor",), "BatchAnchored")
ATTEST = ("anchored", ("attest",), "BatchAttested")
PUBLISH = ("attested", ("epoch", "publish"), "EpochPublished")
CLAIM = ("issued", ("points", "claim", "SOMEONE"), "PointsClaimed")
REDEEM = ("claimed", ("points", "redeem", "SOMEONE", "--points", "0.5", "--ref", "order-1"), "PointsRedeemed")
CASES = [
    *((ANCHOR, fault) for fault in (*SENDING, at(batches, "mark_anchored"))),
    *((ATTEST, fault) for fault in (*SENDING, at(batches, "mark_attested"))),
    *(
        (PUBLISH, fault)
        for fault in (
            at(epochs, "insert"),
            *SENDING,
            at(epochs, "mark_published"),
            at(batches, "mark_issued"),
            before_the_verifier,
            at(epochs, "mark_attested"),
        )
    ),
    *((CLAIM, fault) for fault in SENDING),
    *((REDEEM, fault) for fault in SENDING),
]


def effects(home: Path) -> dict[str, int]:
    """How many events of each kind the chain holds."""
    with contracts_of(home) as contracts:
        first, last = contracts.deployment.first_block, contracts.chain.head()
        known = [
            *((contracts.anchors.contract, name) for name in EVENTS[:2]),
            *((contracts.points.contract, name) for name in EVENTS[2:]),
        ]
        return {
            name: len(list(events(contracts.chain, contract.events[name](), first, last))) for contract, name in known
        }


def finish(puhui: Puhui, person: str) -> None:
    """Every step to the end; those that are done change nothing."""
    puhui("anchor")
    puhui("attest")
    puhui("epoch", "publish")
    puhui("points", "claim", person)
    puhui("points", "redeem", person, "--points", "0.5", "--ref", "order-1")


@pytest.mark.parametrize(("step", "fault"), CASES, ids=lambda part: getattr(part, "__name__", None) or part[1][0])
def test_a_step_interrupted_anywhere_and_called_again_has_exactly_one_effect(
    make_ledger: Callable[..., Puhui],
    step: tuple[str, tuple[str, ...], str],
    fault: Callable[[pytest.MonkeyPatch], None],
) -> None:
    stage, command, event = step
    puhui = make_ledger(stage)
    person = someone(puhui.home)
    command = tuple(person if part == "SOMEONE" else part for part in command)
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        with pytest.raises(Crash):
            puhui(*command)

    puhui(*command)

    assert effects(puhui.home)[event] == 1
    finish(puhui, person)
    assert effects(puhui.home) == dict.fromkeys(EVENTS, 1)
    assert [(row.state, row.epoch) for row in rows_of(puhui.home)] == [("ISSUED", 1)]
    assert puhui.json("audit")["ok"]
    before = effects(puhui.home)
    finish(puhui, person)
    assert effects(puhui.home) == before


def two_days(puhui: Puhui, folder: Path) -> Path:
    puhui("accounts", "import", write_people(folder / "accounts.csv"))
    return write_journeys(
        folder / "trips.csv",
        journey(trip_id="T1"),
        journey(trip_id="T2", carrier_ref="C2", account_id="A2"),
        journey(trip_id="T3", board_time="2026-03-03 08:00:00", alight_time="2026-03-03 08:30:00"),
    )


@pytest.mark.parametrize("moment", ["between two batches", "before the commit"])
def test_an_import_interrupted_after_sealing_leaves_folders_that_count_for_nothing(
    puhui: Puhui, tmp_path: Path, moment: str
) -> None:
    file = two_days(puhui, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        if moment == "before the commit":
            patch.setattr(trip_imports, "_commit", crash)
        else:
            seal = Sealer.seal

            def first_only(self: Sealer, day: int, trips: Any) -> Any:
                return seal(self, day, trips) if day == 20260302 else crash()

            patch.setattr(Sealer, "seal", first_only)
        with pytest.raises(Crash):
            puhui.imports(file)
    assert rows_of(puhui.home) == []
    assert list((puhui.home / "staging").glob("*")) == []
    assert puhui.json("audit")["ok"]

    result = puhui.imports(file)

    assert (result["trips"], len(result["batches"]), result["repeated"]) == (3, 2, False)
    assert puhui.json("audit")["ok"]
    puhui("anchor")
    puhui("attest")
    puhui("epoch", "publish")
    report = puhui.json("audit")
    assert (report["ok"], report["totals"]["attested_trips"]) == (True, 3)
    assert "2 more belong to no batch" in puhui("doctor").out or moment == "between two batches"


def test_an_epoch_prepared_before_a_crash_gives_way_when_one_of_its_batches_is_rejected(
    puhui: Puhui, tmp_path: Path
) -> None:
    result = puhui.imports(two_days(puhui, tmp_path))
    puhui("anchor")
    puhui("attest")
    with pytest.MonkeyPatch.context() as patch:
        SIGNING(patch)
        with pytest.raises(Crash):
            puhui("epoch", "publish")
    puhui("reject", result["batches"][0], "--reason", "wrong file")

    published = puhui.json("epoch", "publish")

    assert published["batches"] == result["batches"][1:]
    assert puhui.json("audit")["ok"]


def test_redeeming_everything_twice_under_one_reference_burns_once(make_ledger: Callable[..., Puhui]) -> None:
    puhui = make_ledger("claimed")
    person = someone(puhui.home)
    held = puhui.json("points", "balance", person)["classes"][0]["balance"]
    points = f"{held // 1000}.{held % 1000:03}"
    first = puhui.json("points", "redeem", person, "--points", points, "--ref", "all")

    again = puhui.json("points", "redeem", person, "--points", points, "--ref", "all")

    assert (first["changed"], again["changed"]) == (True, False)
    assert again["class_id"] == first["class_id"]
    with opened(puhui.home) as ledger:
        assert ledger.contracts.points.total_supply(first["class_id"]) == 0
    assert effects(puhui.home)["PointsRedeemed"] == 1


def test_the_verifier_finishes_what_the_publisher_could_not_record(make_ledger: Callable[..., Puhui]) -> None:
    puhui = make_ledger("attested")
    with pytest.MonkeyPatch.context() as patch:
        at(epochs, "mark_published")(patch)
        with pytest.raises(Crash):
            puhui("epoch", "publish", "--no-attest")
    assert puhui.json("attest")["epoch"]["state"] == "ATTESTED"
    assert [(row.state, row.epoch) for row in rows_of(puhui.home)] == [("ISSUED", 1)]
    assert puhui.json("epoch", "publish") == {"number": None, "changed": False}
    assert effects(puhui.home)["EpochPublished"] == 1
