"""The proof file: everything a parser must refuse, and each step failing on what it is there for."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.proof import MAX_FILE_BYTES, TripProof, local_service_date, verify_trip
from registry.errors import ProofError
from tests.core import independent

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "formats.json").read_text("utf-8"))
GOOD: dict[str, Any] = VECTORS["proof"]
Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> bytes:
    body = copy.deepcopy(GOOD)
    change(body)
    return json.dumps(body, ensure_ascii=False).encode()


def setting(*path: str | int, to: object) -> Change:
    def change(body: Any) -> None:
        for step in path[:-1]:
            body = body[step]
        body[path[-1]] = to

    return change


def removing(*path: str) -> Change:
    def change(body: Any) -> None:
        for step in path[:-1]:
            body = body[step]
        del body[path[-1]]

    return change


def refused(text: bytes) -> str:
    with pytest.raises(ProofError) as raised:
        TripProof.from_text(text)
    return raised.value.message


# --- step 1: parsing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["puhui.trip-proof/v2", "puhui.trip-proof/v1 ", "", None, 1])
def test_another_format_is_refused(name: object) -> None:
    assert refused(changed(setting("format", to=name))) == f"format is {name!r}, expected 'puhui.trip-proof/v1'"


def test_the_format_is_asked_for_first() -> None:
    assert refused(b"{}") == "format is None, expected 'puhui.trip-proof/v1'"


@pytest.mark.parametrize("key", [key for key in GOOD if key != "format"])
def test_a_missing_key_is_refused(key: str) -> None:
    assert refused(changed(removing(key))) == f"proof has missing or unknown fields: {key}"


def test_unknown_keys_are_refused() -> None:
    text = changed(lambda body: body.update(verified=True, comment=""))
    assert refused(text) == "proof has missing or unknown fields: comment, verified"


@pytest.mark.parametrize("key", ["format", "index", "salt", "batch_id", "tripRoot", "line"])
def test_a_key_given_twice_is_refused(key: str) -> None:
    text = json.dumps(GOOD).replace(f'"{key}": ', f'"{key}": null, "{key}": ', 1).encode()
    assert refused(text) == "not JSON: a key occurs twice"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"\xff\xfe", "not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (
            json.dumps(GOOD).encode("utf-16"),
            "not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (b"[" * 100_000, "not JSON: nested too deeply"),
        (b'{"a":' * 100_000, "not JSON: nested too deeply"),
        (b'{"format":NaN}', "not JSON: NaN is no JSON"),
        (b'{"index":Infinity}', "not JSON: Infinity is no JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"proof"', "not a JSON object"),
    ],
)
def test_what_is_no_json_object_is_refused(text: bytes, message: str) -> None:
    assert refused(text) == message


def test_a_file_beyond_its_size_is_refused_unread() -> None:
    text = json.dumps(GOOD).encode()
    TripProof.from_text(text.ljust(MAX_FILE_BYTES))
    message = f"file has {MAX_FILE_BYTES + 1} bytes; a proof has at most {MAX_FILE_BYTES}"
    assert refused(text.ljust(MAX_FILE_BYTES + 1)) == message
    assert refused(b"\xff" * (MAX_FILE_BYTES + 1)) == message


@pytest.mark.parametrize("path", [("index",), ("size",), ("chain", "chain_id")])
@pytest.mark.parametrize("value", [True, False, 0.0, 1.5, "0", -1, 2**64, None, [0]])
def test_a_number_is_an_integer_of_64_bits(path: tuple[str], value: object) -> None:
    assert refused(changed(setting(*path, to=value))) == f"{path[-1]} is not an integer from 0 to 2**64 - 1"


@pytest.mark.parametrize(
    ("path", "size"),
    [
        (("leaf",), 62),
        (("hashes", 0), 32),
        (("opening", "salt"), 16),
        (("batch", "tripRoot"), 32),
        (("batch", "previous"), 32),
        (("chain", "genesis"), 32),
        (("chain", "batch_id"), 32),
        (("chain", "trip_anchors"), 20),
    ],
)
def test_bytes_are_lower_case_hex_of_their_size(path: tuple[str | int, ...], size: int) -> None:
    name = "hashes[0]" if path[0] == "hashes" else path[-1]
    wrong = ["0x" + "AB" * size, "ab" * size, "0X" + "ab" * size, "0x" + "ab" * (size - 1), "0x" + "ab" * (size + 1)]
    for value in (*wrong, "0x" + "ab" * size + "\n", "0x" + "g0" * size, "", None, 0, ["0x" + "ab" * size]):
        assert refused(changed(setting(*path, to=value))) == f"{name} is not {size} bytes of 0x lower-case hex"


@pytest.mark.parametrize("value", [["0x" + "00" * 32] * 65, {}, None, "0x" + "00" * 32])
def test_hashes_are_a_list_of_at_most_64(value: object) -> None:
    assert refused(changed(setting("hashes", to=value))) == "hashes is not a list of at most 64"
    TripProof.from_text(changed(setting("hashes", to=["0x" + "00" * 32] * 64)))


@pytest.mark.parametrize(
    "value", [{}, [], "", False, {"salt": "0x" + "00" * 16}, {**GOOD["opening"], "name": ""}, {"salt": 1, "fields": []}]
)
def test_an_opening_is_null_or_salt_and_fields(value: object) -> None:
    assert refused(changed(setting("opening", to=value))) == "opening is not null and not {salt, fields}"


@pytest.mark.parametrize("value", [True, 1.0, [], {}, ["罗湖"]])
@pytest.mark.parametrize("name", ["line", "fare_fen"])
def test_an_opened_field_is_text_integer_or_null(name: str, value: object) -> None:
    text = changed(setting("opening", "fields", name, to=value))
    assert refused(text) == "an opened field is neither text, integer nor null"


@pytest.mark.parametrize(
    ("value", "where"), [("morning", " at field board_time"), ("1.5", " at field board_time"), ("007", ""), ("１", "")]
)
def test_an_opened_number_is_a_number(value: str, where: str) -> None:
    assert refused(changed(setting("opening", "fields", "board_time", to=value))) == f"opening is not canonical{where}"


def test_an_opening_has_exactly_the_personal_fields() -> None:
    assert refused(changed(removing("opening", "fields", "line"))) == "opening has missing or unknown fields: line"
    text = changed(setting("opening", "fields", "phone", to="1"))
    assert refused(text) == "opening has missing or unknown fields: phone"


def test_an_opened_text_is_unicode() -> None:
    body = json.dumps(GOOD).replace(json.dumps("2号线"), '"\\ud800"')
    assert refused(body.encode()) == "an opened field is no Unicode text"


def test_a_chain_reference_has_exactly_its_fields() -> None:
    message = "chain reference has missing or unknown fields"
    for change in (removing("chain", "genesis"), setting("chain", "rpc", to=""), setting("chain", to=[])):
        assert refused(changed(change)) == message


def test_a_batch_at_fault_is_named() -> None:
    assert refused(changed(setting("batch", "source", to="A B"))) == "batch field source is no source id: 'A B'"
    assert refused(changed(setting("batch", "serviceDate", to="20260302"))) == (
        "batch field serviceDate is out of range: '20260302'"
    )
    assert refused(changed(removing("batch", "sequence"))) == "batch has missing or unknown fields: sequence"


@given(st.binary(max_size=80))
def test_any_bytes_are_a_bad_proof_and_nothing_worse(text: bytes) -> None:
    refused(text)


# --- steps 2 to 7 --------------------------------------------------------------------------------------------


def failing(text: bytes) -> set[int]:
    """The numbers of the steps that fail."""
    return {int(check.name[0]) for check in verify_trip(TripProof.from_text(text)) if check.ok is False}


def flipped(at: int) -> Change:
    """Flip the lowest bit of byte `at` of the leaf."""

    def change(body: dict[str, Any]) -> None:
        leaf = bytearray.fromhex(body["leaf"][2:])
        leaf[at] ^= 1
        body["leaf"] = "0x" + leaf.hex()

    return change


def resealed(leaf: Change, **batch: object) -> Change:
    """As a platform would: change the leaf, then make tree, batch and id fit it again."""

    def change(body: dict[str, Any]) -> None:
        leaf(body)
        leaves = [bytes.fromhex(trip["leaf"]) for trip in VECTORS["trips"][:2]] + [bytes.fromhex(body["leaf"][2:])]
        body["batch"] |= {"tripRoot": independent.x(independent.tree_hash(leaves)), **batch}
        body["chain"]["batch_id"] = independent.x(independent.keccak(independent.batch_encoding(body["batch"])))

    return change


OTHER = "0x" + "5a" * 32
FIELD = ("opening", "fields")

TAMPERED: list[tuple[str, Change, set[int]]] = [
    # One thing changed in the file.
    ("leaf: mode", flipped(1), {3, 6}),
    ("leaf: distance", flipped(5), {3, 6}),
    ("leaf: reduction", flipped(13), {3, 6}),
    ("leaf: tag", flipped(14), {6}),
    ("leaf: commitment", flipped(61), {4, 6}),
    ("index", setting("index", to=1), {6}),
    ("index beyond the tree", setting("index", to=3), {6}),
    ("size", setting("size", to=4), {6}),
    ("no size", setting("size", to=0), {6}),
    ("hash", setting("hashes", 0, to=OTHER), {6}),
    ("a hash more", lambda body: body["hashes"].append(OTHER), {6}),
    ("a hash less", lambda body: body["hashes"].clear(), {6}),
    ("salt", setting("opening", "salt", to="0x" + "a0" * 15 + "a1"), {4}),
    ("opened account", setting(*FIELD, "account_id", to="A-2"), {4}),
    ("opened wallet", setting(*FIELD, "wallet", to="22" * 20), {4}),
    ("opened fare", setting(*FIELD, "fare_fen", to=None), {4}),
    ("opened source", setting(*FIELD, "source", to="other"), {4, 5}),
    ("opened time on the same day", setting(*FIELD, "board_time", to=1772409601), {4}),
    ("opened time on another day", setting(*FIELD, "board_time", to=1772409600 + 86400), {4, 5}),
    ("no opened time", setting(*FIELD, "board_time", to=None), {4, 5}),
    ("opened time that is none", setting(*FIELD, "board_time", to=2**62), {4, 5}),
    ("batch: source", setting("batch", "source", to="other"), {5, 7}),
    ("batch: day", setting("batch", "serviceDate", to=20260303), {5, 7}),
    ("batch: sequence", setting("batch", "sequence", to=1), {7}),
    ("batch: methodology", setting("batch", "methodology", to=2), {3, 7}),
    ("batch: count", setting("batch", "tripCount", to=4), {6, 7}),
    ("batch: reduction", setting("batch", "reductionMg", to="833505"), {7}),
    ("batch: root", setting("batch", "tripRoot", to=OTHER), {6, 7}),
    ("batch: leaves digest", setting("batch", "leavesDigest", to=OTHER), {7}),
    ("batch: input digest", setting("batch", "inputDigest", to=OTHER), {7}),
    ("batch: previous", setting("batch", "previous", to=OTHER), {7}),
    ("chain: batch id", setting("chain", "batch_id", to=OTHER), {7}),
    # A platform that sealed something wrong: everything else fits, the step that is for it fails alone.
    ("sealed: another kind of leaf", resealed(flipped(0)), {2, 3}),
    ("sealed: a reduction 1 mg off", resealed(flipped(13)), {3}),
    ("sealed: a distance 1 m off", resealed(flipped(5)), {3}),
    ("sealed: no distance", resealed(lambda b: b.update(leaf=b["leaf"][:6] + "00000000" + b["leaf"][14:])), {3}),
    ("sealed: a mode of no methodology", resealed(lambda b: b.update(leaf=b["leaf"][:4] + "09" + b["leaf"][6:])), {3}),
    ("sealed: another commitment", resealed(flipped(61)), {4}),
    ("sealed: on another day", resealed(lambda _: None, serviceDate=20260303), {5}),
    ("sealed: for another source", resealed(lambda _: None, source="other"), {5}),
    ("sealed: another count", resealed(lambda _: None, tripCount=4), {6}),
]


@pytest.mark.parametrize(("change", "steps"), [case[1:] for case in TAMPERED], ids=[case[0] for case in TAMPERED])
def test_a_tampered_proof_fails_in_exactly_the_steps_that_look(change: Change, steps: set[int]) -> None:
    assert failing(changed(change)) == steps


def test_a_proof_resealed_without_a_change_holds() -> None:
    assert changed(resealed(lambda _: None)) == changed(lambda _: None)
    assert failing(changed(lambda _: None)) == set()


def test_where_the_chain_is_said_to_be_is_left_to_step_8() -> None:
    for key, value in (("chain_id", 1), ("genesis", OTHER), ("trip_anchors", "0x" + "00" * 20)):
        assert failing(changed(setting("chain", key, to=value))) == set()


def test_a_withheld_opening_leaves_two_steps_not_made() -> None:
    proof = TripProof.from_text(changed(setting("opening", to=None)))
    assert [(check.name, check.ok) for check in verify_trip(proof)] == [
        ("2 leaf is a trip", True),
        ("3 reduction recomputed", True),
        ("4 opening matches the commitment", None),
        ("5 journey belongs to the batch", None),
        ("6 leaf is in the batch's tree", True),
        ("7 batch id", True),
    ]
    assert proof.opening is None
    assert proof.to_json() == {**GOOD, "opening": None}


def test_a_failing_step_shows_expected_and_actual() -> None:
    checks = verify_trip(TripProof.from_text(changed(resealed(flipped(13)))))
    assert checks[1].to_json() == {
        "name": "3 reduction recomputed",
        "ok": False,
        "expected": 658054,
        "actual": 658055,
        "methodology": "sz_transit/1",
        "unit": "mg",
    }


@given(st.integers(0, 61), st.integers(0, 7))
def test_no_bit_of_the_leaf_can_change(at: int, bit: int) -> None:
    def change(body: dict[str, Any]) -> None:
        leaf = bytearray.fromhex(body["leaf"][2:])
        leaf[at] ^= 1 << bit
        body["leaf"] = "0x" + leaf.hex()

    assert 6 in failing(changed(change))


@pytest.mark.parametrize(
    ("board_time", "day"),
    [
        (1772380799, 20260301),  # 23:59:59 in Shanghai
        (1772380800, 20260302),
        (1772467199, 20260302),
        (1772467200, 20260303),
        (0, 19700101),
        (-28801, 19691231),
    ],
)
def test_a_service_day_is_shanghais(board_time: int, day: int) -> None:
    assert local_service_date(board_time) == day


@pytest.mark.parametrize("board_time", [2**40, 2**62, -(2**62)])
def test_a_time_outside_the_calendar_is_no_date(board_time: int) -> None:
    with pytest.raises(ProofError, match=rf"^board_time {board_time} is no date$"):
        local_service_date(board_time)
