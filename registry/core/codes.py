"""Short texts as the chain holds them: 32 bytes, either readable ASCII padded with zeros, or a digest."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from registry.errors import InputError

SIZE: Final = 32
_LONGEST: Final = 31
_READABLE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


def code32(text: str, what: str) -> bytes:
    """1 to 31 printable ASCII characters as 32 bytes; raises InputError that names `what`."""
    if len(text) > _LONGEST or not _READABLE.fullmatch(text):
        raise InputError(
            f"{what} {text!r} cannot stand on the chain",
            hint=f"1 to {_LONGEST} printable ASCII characters; nothing personal goes on the chain",
        )
    return text.encode("ascii").ljust(SIZE, b"\0")


def code_text(code: bytes) -> str:
    """The text of `code32`, or the bytes as hex when they are no such text."""
    stripped = code.rstrip(b"\0")
    if len(stripped) <= _LONGEST and stripped.isascii() and _READABLE.fullmatch(stripped.decode("ascii")):
        return stripped.decode("ascii")
    return "0x" + code.hex()


def ref32(kind: str, text: str) -> bytes:
    """A reference of the caller's choice as 32 bytes: hashed by `kind`, so that nothing readable goes on the chain.

    Raises InputError for what is not text: bytes of a command line that are no UTF-8.
    """
    try:
        return hashlib.sha256(f"puhui/{kind}/v1".encode() + text.encode()).digest()
    except UnicodeEncodeError as error:
        raise InputError(f"the reference {text!r} is not text", hint="UTF-8") from error
