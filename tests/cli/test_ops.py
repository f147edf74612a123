"""`puhui ops`: what an interruption left in the outbox, looked at and brought to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from registry.chain.sending import Answer, Delivery, Sender
from registry.services import signer_line
from registry.store import operations
from tests.faults.test_services_resume import SIGNING, Crash, after_send, before_send
from tests.services.homes import Puhui, opened, rows_of

Make = Callable[..., Puhui]


def interrupted(puhui: Puhui, fault: Callable[[pytest.MonkeyPatch], None]) -> str:
    """The id of the operation that an interrupted `attest` left."""
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        with pytest.raises(Crash):
            puhui("attest")
    (row,) = puhui.json("ops", "list")["operations"]
    return str(row["id"])


@pytest.fixture
def anchored(make_ledger: Make) -> Puhui:
    return make_ledger("anchored")


def test_nothing_is_open_and_everything_ended_is_listed(make_ledger: Make) -> None:
    puhui = make_ledger("anchored")
    assert puhui.json("ops", "list") == {"operations": []}
    assert [row["kind"] for row in puhui.json("ops", "list", "--all")["operations"]] == [
        "TripAnchors.anchor",
        "TripAnchors.registerSource",
    ]
    assert puhui.json("ops", "list", "--state", "HELD") == {"operations": []}
    assert puhui.json("ops", "run") == {"ended": {}}
    assert "operation" in puhui("ops", "list").out


@pytest.mark.parametrize(
    ("fault", "state", "advice"),
    [
        (SIGNING, "PENDING", "`puhui ops run` carries it out, with the signer's key; it is never done twice"),
        (before_send, "IN_FLIGHT", "`puhui ops run` carries it out, with the signer's key; it is never done twice"),
        (after_send, "IN_FLIGHT", "it is in a block: `puhui ops run` records that"),
    ],
    ids=["not signed", "not sent", "sent"],
)
def test_what_was_interrupted_is_explained_and_run(
    anchored: Puhui, fault: Callable[[pytest.MonkeyPatch], None], state: str, advice: str
) -> None:
    operation = interrupted(anchored, fault)

    explained = anchored.json("ops", "explain", operation)
    assert (explained["state"], explained["advice"]) == (state, advice)
    assert len(explained["in_block"]) == (fault is after_send)
    assert advice in anchored("ops", "explain", operation).out
    shown = anchored.json("ops", "show", operation)
    assert (shown["kind"], shown["role"], len(shown["attempts"])) == (
        "TripAnchors.attest",
        "verifier",
        int(state == "IN_FLIGHT"),
    )
    assert "calldata" not in shown
    assert anchored.json("ops", "run", "--dry-run")["open"] == 1

    assert anchored.json("ops", "run") == {"ended": {"CONFIRMED": 1}}

    ended = anchored.json("ops", "show", operation)
    assert (ended["state"], [one["state"] for one in ended["attempts"]]) == ("CONFIRMED", ["MINED"])
    assert anchored.json("ops", "explain", operation)["advice"] == "nothing is to be done"
    anchored("attest")
    assert [row.state for row in rows_of(anchored.home)] == ["ATTESTED"]
    assert anchored.json("ops", "list", "--all")["operations"][0]["id"] == operation


def test_a_held_operation_is_tried_again_when_what_held_it_is_mended(
    anchored: Puhui, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Sender, raws: Sequence[str]) -> list[Delivery]:
        return [Delivery(Answer.REFUSED, "sender account not authorized")] * len(raws)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sender, "deliver", refuse)
        patch.setattr(signer_line, "RESEND_MS", 0)
        error = anchored.fails("attest", code=5)
    operation = error["fields"]["operation"]
    reason = "the node does not take the transaction: sender account not authorized"
    assert error["message"] == f"TripAnchors.attest: operation {operation} is held: {reason}"
    assert error["hint"] == f"puhui ops explain {operation}, then puhui ops retry {operation}"
    explained = anchored.json("ops", "explain", operation)
    assert (explained["state"], explained["reason"]) == ("HELD", reason)
    assert explained["advice"] == f"mend what the reason says, then `puhui ops retry {operation}`"
    assert anchored.json("ops", "run") == {"ended": {}}
    assert anchored.json("ops", "retry", operation, "--dry-run")["would"] == "change something"

    retried = anchored.json("ops", "retry", operation)

    assert (retried["state"], retried["id"]) == ("CONFIRMED", operation)
    error = anchored.fails("ops", "retry", operation, code=5)
    assert error["message"] == f"operation {operation} is CONFIRMED, not HELD"
    shown = anchored.json("ops", "show", operation)
    attempts = {(one["nonce"], one["state"], one["only_uses_up_the_nonce"]) for one in shown["attempts"]}
    assert attempts == {(0, "DEAD", False), (0, "MINED", True), (1, "MINED", False)}


def test_an_operation_waits_behind_a_held_one_of_its_stream(anchored: Puhui) -> None:
    operation = interrupted(anchored, SIGNING)
    with opened(anchored.home, writing=False) as ledger:
        ledger.db.write(lambda s: operations.hold(s, operations.seq_of(operations.get(s, operation)), "by a person"))
        row = ledger.db.write(lambda s: _second(s, operation))
    explained = anchored.json("ops", "explain", row)
    assert (explained["state"], explained["waits_behind"]) == ("PENDING", operation)
    assert explained["advice"] == f"it waits behind {operation}: `puhui ops explain {operation}`"


def test_an_unknown_operation_is_named(anchored: Puhui) -> None:
    assert anchored.fails("ops", "show", "op-1", code=1)["message"] == "there is no operation op-1"


def _second(session: operations.Session, first: str) -> str:
    known = operations.get(session, first)
    values = known.model_dump(exclude={"seq"}) | {"id": "op-second", "digest": "2" * 64, "state": "PENDING"}
    return operations.enqueue(session, operations.OperationRow(**values)).id
