"""A reader for the plain part of YAML that compose files are written in here; anything else it refuses.

Block mappings, block sequences of scalars or mappings, sequences and empty mappings in one line, `&name` on a mapping
and `<<: *name`. Plain scalars that readers of YAML disagree about (yes, 1:30, 0x1f) must be quoted.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

AMBIGUOUS = re.compile(
    r"(?i:yes|no|on|off|y|n|null|~)|[-+0-9][0-9_:.]*:[0-9_:.]*|0[xob]?[0-9a-fA-F]+|[-+]?[0-9_]+(\.[0-9]*)?(e.*)?|\.?"
)
KEY = re.compile(r"([A-Za-z0-9_.-]+|<<):(?: +(.*))?")
Line = tuple[int, str]


class NotPlainError(ValueError):
    """The text uses something this reader does not read."""


def load(path: Path) -> dict[str, Any]:
    """The mapping in a file; raises NotPlainError."""
    return loads(path.read_text("utf-8"))


def loads(text: str) -> dict[str, Any]:
    """The mapping in a text; raises NotPlainError."""
    reader = _Reader(_lines(text))
    found = reader.mapping(0)
    if reader.at < len(reader.lines):
        raise NotPlainError(f"unexpected indentation: {reader.lines[reader.at]}")
    return found


def _lines(text: str) -> list[Line]:
    found = []
    for raw in text.splitlines():
        if "\t" in raw or raw != raw.rstrip():
            raise NotPlainError(f"a tab or a space at the end: {raw!r}")
        if raw.lstrip() and not raw.lstrip().startswith("#"):
            found.append((len(raw) - len(raw.lstrip()), raw.lstrip()))
    return found


class _Reader:
    def __init__(self, lines: list[Line]) -> None:
        self.lines, self.at = lines, 0
        self.anchors: dict[str, dict[str, Any]] = {}

    def _indent(self) -> int:
        return self.lines[self.at][0] if self.at < len(self.lines) else -1

    def mapping(self, indent: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while self._indent() == indent and not self.lines[self.at][1].startswith("- "):
            text = self.lines[self.at][1]
            match = KEY.fullmatch(text)
            if match is None:
                raise NotPlainError(f"not `key: value`: {text}")
            key, value = match[1], match[2]
            self.at += 1
            if key == "<<":
                merged |= self.anchors[(value or "").removeprefix("*")]
                continue
            if key in own:
                raise NotPlainError(f"{key} stands twice")
            own[key] = self._value(value, indent)
        return merged | own

    def _value(self, text: str | None, indent: int) -> Any:
        anchor = (text or "").startswith("&")
        if text and not anchor:
            return scalar(text)
        if self._indent() <= indent:
            raise NotPlainError("a key without a value")
        inner = self._indent()
        if self.lines[self.at][1].startswith("- "):
            return self._sequence(inner)
        found = self.mapping(inner)
        if anchor:
            self.anchors[str(text)[1:]] = found
        return found

    def _sequence(self, indent: int) -> list[Any]:
        found: list[Any] = []
        while self._indent() == indent and self.lines[self.at][1].startswith("- "):
            text = self.lines[self.at][1][2:]
            if KEY.fullmatch(text):
                self.lines[self.at] = (indent + 2, text)
                found.append(self.mapping(indent + 2))
            else:
                self.at += 1
                found.append(scalar(text))
        return found


def scalar(text: str) -> Any:
    """One value: quoted, a list or an empty mapping in one line, true, false, an integer, or plain text."""
    if text[0] in '"[{':
        if text[0] == "{" and text != "{}":
            raise NotPlainError(f"a mapping in one line: {text}")
        try:
            return json.loads(text)
        except ValueError as error:
            raise NotPlainError(f"not readable: {text}") from error
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"0|[1-9][0-9]*", text):
        return int(text)
    if text[0] in "'&*!|>%@`-?:,]}#" or ": " in text or " #" in text or text.endswith(":") or AMBIGUOUS.fullmatch(text):
        raise NotPlainError(f"to be quoted, or not read here: {text}")
    return text
