"""The hash chain of acts: by hand, and against every way of changing it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from registry.core.acts import Act, origin, verify
from registry.errors import VerificationError

GENESIS = bytes(range(32))
ACTS = [
    Act(
        1, 1_700_000_000, "0xaa", "platform", "TripAnchors.anchor", "批次 1", {"state": "SEALED"}, {"state": "X"}, None
    ),
    Act(2, 1_700_000_001, "0xbb", "verifier", "TripAnchors.attest", "批次 1", {}, {"n": 1}, "0xaa"),
    Act(3, 1_700_000_002, "0xcc", "bank", "SettlementCash.confirmMint", "ref", {}, {}, "0xdd"),
]
Log = list[tuple[Act, bytes]]


def log() -> Log:
    made, previous = [], origin(GENESIS)
    for act in ACTS:
        previous = act.hash(previous)
        made.append((act, previous))
    return made


def test_the_hash_is_of_canonical_json_and_the_hash_before() -> None:
    before = hashlib.sha256(b"puhui/acts/v1" + GENESIS).digest()
    text = (
        '{"action":"TripAnchors.anchor","actor":"0xaa","after":{"state":"X"},"at":1700000000,'
        '"before":{"state":"SEALED"},"initiator":null,"role":"platform","sequence":1,"subject":"批次 1"}'
    )
    assert ACTS[0].hash(before) == hashlib.sha256(text.encode() + before).digest()
    assert verify(GENESIS, log()) == log()[-1][1]
    assert verify(GENESIS, []) == before


def changed(number: int, **fields: object) -> Callable[[Log], Log]:
    def change(found: Log) -> Log:
        found[number] = (replace(found[number][0], **fields), found[number][1])  # type: ignore[arg-type]
        return found

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed(0, actor="0xab"), r"act 1 \(TripAnchors.anchor\) was changed"),
        (changed(0, before={"state": "NEW"}), "act 1 .* was changed"),
        (changed(1, initiator=None), "act 2 .* was changed"),
        (changed(2, at=1_700_000_003), "act 3 .* was changed"),
        (lambda found: found[1:], "act 1 is missing from the log: the next one is 2"),
        (lambda found: [found[0], found[2]], "act 2 is missing from the log: the next one is 3"),
        (lambda found: [found[0], (replace(found[2][0], sequence=2), found[2][1])], "act 2 .* was changed"),
    ],
)
def test_every_change_is_found(change: Callable[[Log], Log], said: str) -> None:
    with pytest.raises(VerificationError, match=said):
        verify(GENESIS, change(log()))


def test_another_chain_is_another_log() -> None:
    with pytest.raises(VerificationError, match="act 1"):
        verify(bytes(32), log())


def test_nobody_approves_an_act_of_his_own() -> None:
    act = replace(ACTS[0], initiator="0xAA")
    with pytest.raises(VerificationError, match="0xaa approved an act of its own"):
        verify(GENESIS, [(act, act.hash(origin(GENESIS)))])
