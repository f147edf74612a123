"""JSON records as text columns: JSON lines, a list of records, or the platform's page object with its `data` list.

A JSON lines file is read line by line, each line one record or one page. A single document has to be read whole,
up to 1 GiB. Strict where JSON is loose: a repeated key, a number that is not an integer, a nested value or a key
outside the format refuses the file, and the message names the line (in a single document: the record).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn, cast

import numpy as np
import polars as pl

from registry.errors import InputError
from registry.sources.input_file import CHUNK, InputFile

Record = dict[str, object]

_WHOLE: Final = 1 << 30
_BATCH: Final = 100_000
_LINES: Final = (".jsonl", ".ndjson")
_DEPTH: Final = 8
# The closing quote is optional so that one pass is enough: a string without end must not be tried from every quote.
_STRING: Final = re.compile(rb'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)


def read_json(file: InputFile, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Frames of the text columns `names`, `row` (1-based, UInt64) and `ragged` (never); absent keys are null.

    Raises InputError as described above, and when there is no record at all.
    """
    rows, batch = 0, _Batch(names)
    for where, record in _records(file):
        batch.add(file, where, record)
        if batch.size == _BATCH:
            yield batch.frame(file, rows)
            rows, batch = rows + batch.size, _Batch(names)
    if batch.size:
        yield batch.frame(file, rows)
    elif not rows:
        raise InputError(f"{file.path}: no rows", hint="the file holds no record")


class _Batch:
    def __init__(self, names: Sequence[str]) -> None:
        self.columns: dict[str, list[str | None]] = {name: [] for name in names}
        self.places: list[str] = []

    @property
    def size(self) -> int:
        return len(self.places)

    def add(self, file: InputFile, where: str, record: Record) -> None:
        for name, values in self.columns.items():
            value = record.get(name)
            if value is None or type(value) is str:
                values.append(value)
            elif type(value) is int:
                values.append(str(value))
            else:
                raise InputError(f"{file.path}: {where}: {name} is neither text nor an integer")
        if not record.keys() <= self.columns.keys():
            unknown = ", ".join(repr(key[:40]) for key in record if key not in self.columns)
            raise InputError(f"{file.path}: {where}: unknown key {unknown}", hint="known: " + ", ".join(self.columns))
        self.places.append(where)

    def frame(self, file: InputFile, rows: int) -> pl.DataFrame:
        try:
            text = pl.DataFrame(self.columns, schema=dict.fromkeys(self.columns, pl.String))
        except UnicodeEncodeError:
            # An escape such as \ud800 is half a character: valid JSON, but not text.
            raise InputError(f"{file.path}: {self._first_half()}: half a surrogate pair") from None
        row = pl.Series("row", range(rows + 1, rows + text.height + 1), dtype=pl.UInt64)
        return text.with_columns(row, ragged=pl.lit(value=False))

    def _first_half(self) -> str:
        for at, where in enumerate(self.places):
            texts = (values[at] or "" for values in self.columns.values())
            if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
                return where
        return "a record"


def _records(file: InputFile) -> Iterator[tuple[str, Record]]:
    """(where, record) for every record of the file."""
    parser = _Parser(file)
    if _by_line(file):
        for number, line in _lines(file):
            where = f"line {number}"
            for record in _of_document(file, where, parser.parse(line, where), page=False):
                yield where, record
        return
    if file.size > _WHOLE:
        raise InputError(f"{file.path}: one JSON document of more than 1 GiB", hint="send JSON lines: a record a line")
    document = parser.parse(b"".join(file.chunks()))
    for number, record in enumerate(_of_document(file, "the document", document, page=True), 1):
        yield f"record {number}", record


def _by_line(file: InputFile) -> bool:
    """Whether the first line that is not blank is a JSON value of its own; .jsonl and .ndjson say so by name."""
    if file.path.suffix.lower() in _LINES:
        return True
    head = next(file.chunks()).lstrip()
    if head.startswith(b"["):
        return False
    line, end, _ = head.partition(b"\n")
    if not end and len(head) >= CHUNK - 3:
        return False
    try:
        json.loads(line if not _too_deep(line) else b"{}")
    except ValueError:
        return False
    return True


def _lines(file: InputFile) -> Iterator[tuple[int, bytes]]:
    number, carry = 0, b""
    for chunk in file.chunks():
        *whole, carry = (carry + chunk).split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield number, line
        if len(carry) > CHUNK:
            raise InputError(f"{file.path}: line {number + 1} is longer than 1 MiB", hint="one record a line")
    if carry.strip():
        yield number + 1, carry


def _of_document(file: InputFile, where: str, document: object, *, page: bool) -> list[Record]:
    """The records of one parsed value: itself, or the `data` of a page; a single document may also be a list."""
    found = document
    if isinstance(document, dict) and ("data" in document or page):
        found = document.get("data")
    elif isinstance(document, dict):
        return [document]
    elif not page:
        raise InputError(f"{file.path}: {where} is not an object", hint="each line holds one record or one page")
    if not isinstance(found, list):
        raise InputError(f"{file.path}: {where} has no list of records", hint='a page has its records in "data"')
    for number, record in enumerate(found, 1):
        if not isinstance(record, dict):
            place = f"record {number}" if page else f"{where}, record {number}"
            raise InputError(f"{file.path}: {place} is not an object")
    return cast("list[Record]", found)


def _too_deep(text: bytes) -> bool:
    """Whether brackets are nested deeper than any record needs.

    The decoder would recurse as deep as the text says, and the interpreter's own limit may have been raised (the
    embedded chain does) beyond what the stack can bear.
    """
    if text.count(b"[") + text.count(b"{") <= _DEPTH:
        return False
    marks = np.frombuffer(_STRING.sub(b"", text), dtype=np.uint8)
    opening = np.isin(marks, list(b"[{")).astype(np.int32)
    return bool((opening - np.isin(marks, list(b"]}"))).cumsum().max(initial=0) > _DEPTH)


class _Parser:
    """A strict JSON decoder that remembers where it is, so that every refusal can say so."""

    def __init__(self, file: InputFile) -> None:
        self.file, self._line, self._objects = file, "", 0
        # Made once: `json.loads` with hooks would build a decoder for every line.
        self._decoder = json.JSONDecoder(object_pairs_hook=self._unique, parse_constant=self._constant)

    def parse(self, text: bytes, line: str = "") -> object:
        """The value `text` holds; `line` names it in messages, else the record or the line within does."""
        self._line, self._objects = line, 0
        place = f"{line}: " if line else ""
        if _too_deep(text):
            hint = "a record holds plain values"
            raise InputError(f"{self.file.path}: {place}nested too deeply", hint=hint)
        try:
            return self._decoder.decode(text.decode())
        except json.JSONDecodeError as error:
            at = line or f"line {error.lineno}"
            raise InputError(f"{self.file.path}: {at}: not JSON: {error.msg} at column {error.colno}") from None
        except ValueError:
            raise self._refuse("a number of thousands of digits", self._objects + 1) from None

    def _unique(self, pairs: list[tuple[str, object]]) -> Record:
        self._objects += 1
        record = dict(pairs)
        if len(record) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for at, key in enumerate(keys) if key in keys[:at])
            raise self._refuse(f"key {twice[:40]!r} is given twice", self._objects)
        return record

    def _constant(self, constant: str) -> NoReturn:
        raise self._refuse(f"{constant} is not a JSON number", self._objects + 1)

    def _refuse(self, what: str, record: int) -> InputError:
        return InputError(f"{self.file.path}: {self._line or f'record {record}'}: {what}")
