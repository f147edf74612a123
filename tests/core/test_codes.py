"""Short texts as 32 bytes: readable or hashed, and nothing in between."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.codes import SIZE, code32, code_text, ref32
from registry.errors import InputError

READABLE = st.from_regex(r"[\x21-\x7e]([\x20-\x7e]{0,29}[\x21-\x7e])?", fullmatch=True)
HINT = "1 to 31 printable ASCII characters; nothing personal goes on the chain"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SZ-0042", b"SZ-0042" + bytes(25)),
        ("a", b"a" + bytes(31)),
        ("wrong factor", b"wrong factor" + bytes(20)),
        ("~" * 31, b"~" * 31 + b"\0"),
    ],
)
def test_a_code_is_its_characters_padded_with_zeros(text: str, code: bytes) -> None:
    assert code32(text, "the reason") == code
    assert code_text(code) == text


@given(READABLE)
def test_every_code_is_read_back_and_never_fills_all_bytes(text: str) -> None:
    code = code32(text, "the reason")
    assert (len(code), code[-1]) == (SIZE, 0)
    assert code_text(code) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " a",
        "a ",
        "a\n",
        "a\tb",
        "a\0",
        "\0",
        "a\x7f",
        "~" * 32,
        "a" * 10**6,
        "碳普惠",
        "é",
        "ＳＺ",
        "\udcff",
        "a‮b",
    ],
)
def test_what_is_no_code_is_refused_by_the_name_of_what_it_is(text: str) -> None:
    with pytest.raises(InputError) as raised:
        code32(text, "the entity's code")
    assert raised.value.message == f"the entity's code {text!r} cannot stand on the chain"
    assert raised.value.hint == HINT


@pytest.mark.parametrize(
    "code",
    [
        bytes(32),
        b"\xff" * 32,
        b"~" * 32,
        b"a\0b" + bytes(29),
        b" a" + bytes(30),
        b"a " + bytes(30),
        b"\0a" + bytes(30),
        "碳".encode().ljust(32, b"\0"),
        hashlib.sha256(b"a document").digest(),
    ],
)
def test_bytes_that_are_no_text_are_shown_as_hex(code: bytes) -> None:
    assert code_text(code) == "0x" + code.hex()


@given(st.binary(min_size=32, max_size=32))
def test_what_is_shown_as_text_is_what_stands_there(code: bytes) -> None:
    shown = code_text(code)
    assert (bytes.fromhex(shown[2:]) if re.fullmatch("0x[0-9a-f]{64}", shown) else code32(shown, "it")) == code


def test_a_reference_is_hashed_by_its_kind() -> None:
    assert ref32("trade", "T-1") == hashlib.sha256(b"puhui/trade/v1T-1").digest()
    assert ref32("bank", "汇款 1").hex() == "abf689515881f9c2e98b5989c961fd555a447e111e7a47399e9c51c76c943d9b"
    kinds = ("trade", "bank", "withdrawal", "listing", "offer", "retirement", "payout", "payout-batch", "redemption")
    assert len({ref32(kind, "1") for kind in kinds}) == len(kinds)
    assert ref32("trade", "") != ref32("trade", " ")


def test_a_reference_that_is_no_text_is_refused() -> None:
    """Bytes of a command line that are no UTF-8 arrive as lone surrogates."""
    with pytest.raises(InputError) as raised:
        ref32("bank", "B\udcff")
    assert raised.value.message == "the reference 'B\\udcff' is not text"
