"""The batch id as a contract computes it, and every field at and beyond its limits."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.batch import Batch, decimal_int, hex_bytes, source_bytes32, source_text
from registry.errors import InputError, ProofError
from tests.core import independent

BODY: dict[str, Any] = {
    "source": "szt",
    "serviceDate": 20260302,
    "sequence": 0,
    "methodology": 1,
    "tripCount": 3,
    "reductionMg": "833504",
    "tripRoot": "0x" + "11" * 32,
    "leavesDigest": "0x" + "22" * 32,
    "inputDigest": "0x" + "33" * 32,
    "previous": "0x" + "00" * 32,
}
BATCH = Batch.from_json(BODY)
HASHES = ("tripRoot", "leavesDigest", "inputDigest", "previous")
NUMBERS = {"sequence": 32, "methodology": 32, "tripCount": 64}


@pytest.mark.parametrize("body", [None, [], "batch", 1])
def test_a_batch_is_an_object(body: object) -> None:
    with pytest.raises(ProofError, match=r"^batch is not an object$"):
        Batch.from_json(body)


@pytest.mark.parametrize("name", BODY)
def test_no_field_may_be_missing(name: str) -> None:
    with pytest.raises(ProofError, match=rf"^batch has missing or unknown fields: {name}$"):
        Batch.from_json({k: v for k, v in BODY.items() if k != name})


def test_no_field_may_be_unknown() -> None:
    with pytest.raises(ProofError, match=r"^batch has missing or unknown fields: note, version$"):
        Batch.from_json({**BODY, "version": 1, "note": ""})


@pytest.mark.parametrize(
    ("name", "value"), [(name, v) for name, bits in NUMBERS.items() for v in (-1, 2**bits, True, "1", 1.0, None, [1])]
)
def test_a_number_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(ProofError) as raised:
        Batch.from_json({**BODY, name: value})
    assert raised.value.message == f"batch field {name} is out of range: {value!r}"


@pytest.mark.parametrize("value", [-1, 2**32, 2**70, True, "20260302", 20260302.0, None])
def test_a_service_date_is_an_integer(value: object) -> None:
    with pytest.raises(ProofError) as raised:
        Batch.from_json({**BODY, "serviceDate": value})
    assert raised.value.message == f"batch field serviceDate is out of range: {value!r}"


@pytest.mark.parametrize("value", [0, 20260229, 20261301, 20260300, 20260332, 302, 2**32 - 1])
def test_a_service_date_is_in_the_calendar(value: int) -> None:
    with pytest.raises(ProofError, match=rf"^service date {value} is no calendar date$"):
        Batch.from_json({**BODY, "serviceDate": value})


@pytest.mark.parametrize("value", ["", "-1", "+1", "01", "1.0", "1e3", " 1", "1 ", "1\n", "１", "9" * 40, 1, None])
def test_a_reduction_is_a_canonical_decimal_string(value: object) -> None:
    with pytest.raises(ProofError, match=r"^reductionMg is not a decimal string$"):
        Batch.from_json({**BODY, "reductionMg": value})


def test_a_reduction_has_128_bits() -> None:
    assert Batch.from_json({**BODY, "reductionMg": str(2**128 - 1)}).reductionMg == 2**128 - 1
    with pytest.raises(ProofError, match=rf"^batch field reductionMg is out of range: {2**128}$"):
        Batch.from_json({**BODY, "reductionMg": str(2**128)})


@pytest.mark.parametrize("name", HASHES)
@pytest.mark.parametrize(
    "value", ["11" * 32, "0X" + "11" * 32, "0x" + "AA" * 32, "0x" + "11" * 31, "0x" + "11" * 33, "0x", 0, None]
)
def test_a_hash_is_32_bytes_of_lower_case_hex(name: str, value: object) -> None:
    with pytest.raises(ProofError, match=rf"^{name} is not 32 bytes of 0x lower-case hex$"):
        Batch.from_json({**BODY, name: value})


@pytest.mark.parametrize("name", HASHES)
def test_a_hash_of_another_size_makes_no_batch(name: str) -> None:
    with pytest.raises(ProofError, match=rf"^batch field {name} is not 32 bytes$"):
        replace(BATCH, **{name: bytes(31)})


BAD_SOURCES = ["", "a" * 32, "Szt", "-szt", ".a", "s z", "s/t", "深圳", "szt\n", "szt\0"]


@pytest.mark.parametrize("source", BAD_SOURCES)
def test_a_source_id_outside_the_alphabet_is_bad_input(source: str) -> None:
    with pytest.raises(InputError) as raised:
        source_bytes32(source)
    assert raised.value.message == f"source id {source!r} is not valid"


@pytest.mark.parametrize("source", [*BAD_SOURCES, None, 7, ["szt"]])
def test_a_parsed_batch_with_such_a_source_is_a_bad_proof(source: object) -> None:
    with pytest.raises(ProofError) as raised:
        Batch.from_json({**BODY, "source": source})
    assert raised.value.message == f"batch field source is no source id: {source!r}"


@pytest.mark.parametrize(
    "value", [bytes(32), b"\0szt".ljust(32, b"\0"), b"SZT".ljust(32, b"\0"), b"a" * 32, b"\xff" * 32]
)
def test_bytes_that_are_no_source_id_are_refused(value: bytes) -> None:
    with pytest.raises(ProofError, match=rf"^bytes32 {value.hex()} is no source id$"):
        source_text(value)


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,30}", fullmatch=True))
def test_source_ids_round_trip(source: str) -> None:
    encoded = source_bytes32(source)
    assert encoded == source.encode() + bytes(32 - len(source))
    assert source_text(encoded) == source


BATCHES = st.fixed_dictionaries(
    {
        "source": st.from_regex(r"[a-z0-9][a-z0-9._-]{0,30}", fullmatch=True),
        "serviceDate": st.dates().map(lambda day: int(day.strftime("%Y%m%d")) if day.year > 999 else 20260302),
        "sequence": st.integers(0, 2**32 - 1),
        "methodology": st.integers(0, 2**32 - 1),
        "tripCount": st.integers(0, 2**64 - 1),
        "reductionMg": st.integers(0, 2**128 - 1).map(str),
        **{name: st.binary(min_size=32, max_size=32).map(lambda b: "0x" + b.hex()) for name in HASHES},
    }
)


@given(BATCHES)
def test_the_id_is_the_eip_712_struct_hash(body: dict[str, Any]) -> None:
    batch = Batch.from_json(body)
    assert batch.id() == independent.keccak(independent.batch_encoding(body))
    assert batch.to_json() == body


@pytest.mark.parametrize("name", BODY)
def test_every_field_is_bound_by_the_id(name: str) -> None:
    other: dict[str, Any] = {"source": "szu", "serviceDate": 20260303, "reductionMg": "833505"}
    other |= dict.fromkeys(HASHES, "0x" + "44" * 32) | dict.fromkeys(NUMBERS, 9)
    assert Batch.from_json({**BODY, name: other[name]}).id() != BATCH.id()


def test_contract_calls_take_the_fields_in_order() -> None:
    names = [field.name for field in fields(Batch)]
    assert names == [name for name, _ in independent.BATCH_FIELDS] == list(BODY)
    hashes = tuple(bytes([n]) * 32 for n in (0x11, 0x22, 0x33, 0x00))
    assert BATCH.as_tuple() == (b"szt".ljust(32, b"\0"), 20260302, 0, 1, 3, 833504, *hashes)


def test_hex_and_decimals_name_their_field() -> None:
    assert hex_bytes("0xab", 1, "here") == b"\xab"
    with pytest.raises(ProofError, match=r"^here is not 1 bytes of 0x lower-case hex$"):
        hex_bytes("0xab\n", 1, "here")
    assert decimal_int("0", "there") == 0
    with pytest.raises(ProofError, match=r"^there is not a decimal string$"):
        decimal_int("00", "there")
