"""JSON from outside: what is refused, and that refusing costs neither the process nor the afternoon."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core import strict_json
from registry.evidence.files import canonical_json

DEEP = 90_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"a":1}x', "Extra data"),
        (b'{"a":1,}', "(Expecting property name|Illegal trailing comma)"),
        (b'{"a":1,"a":1}', "a key occurs twice"),
        (b'{"b":{"a":1,"a":2}}', "a key occurs twice"),
        (b"NaN", "NaN is no JSON"),
        (b"[Infinity]", "Infinity is no JSON"),
        (b"[-Infinity]", "-Infinity is no JSON"),
        (b"9" * 5000, "Exceeds the limit"),
        (b'"\xff"', "'utf-8' codec can't decode"),
        (b'"a\nb"', "Invalid control character"),
        (b'\xef\xbb\xbf{"a":1}', "Unexpected UTF-8 BOM"),
        (b"[" * 65 + b"]" * 65, "nested too deeply"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested too deeply"),
        (b"[{" * DEEP, "nested too deeply"),
        (b'["[' + b"[" * DEEP + b'",' + b"[" * 65, "nested too deeply"),
    ],
)
def test_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        strict_json.parse(content)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-8-sig"])
def test_other_encodings_are_not_guessed(encoding: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        strict_json.parse('{"a":1}'.encode(encoding))


@pytest.mark.parametrize("content", [b"[" * 64 + b"]" * 64, b"[" + b"[]," * 500 + b"1]", b'"' + b"[{" * DEEP + b'"'])
def test_nesting_is_counted_outside_strings_only(content: bytes) -> None:
    strict_json.parse(content)


@pytest.mark.parametrize(
    "bomb",
    [
        f"b'[' * {DEEP}",
        f"""('["\\\\"",' + '[' * {DEEP} + '"').encode('utf-16-le')""",  # brackets that look like a string's
        f"""b'[' * 65 + b'"' + b'\\\\"' * {5 * DEEP}""",  # a string without an end, to be searched once
    ],
    ids=["brackets", "utf-16", "endless string"],
)
def test_no_body_overruns_the_stack_or_takes_for_ever(bomb: str) -> None:
    # Importing web3 raises the recursion limit, so a parser that recurses would end the process, not the parse.
    program = (
        f"import web3, sys\nfrom registry.core import strict_json\nassert sys.getrecursionlimit() > {DEEP}\n"
        f"try:\n strict_json.parse({bomb})\nexcept ValueError:\n print('refused')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (0, "refused\n")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab罗湖"\\[{', max_size=3), inner, max_size=3),
)


@given(VALUES)
def test_what_is_written_canonically_is_read_back(value: object) -> None:
    assert strict_json.parse(canonical_json(value)) == value


@given(st.binary(max_size=60) | st.text('[]{}",:\\1a ', max_size=60).map(str.encode))
def test_any_bytes_are_parsed_or_a_value_error(content: bytes) -> None:
    try:
        strict_json.parse(content)
    except ValueError:
        return
    assert content.decode()
