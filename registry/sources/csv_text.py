"""CSV as text columns, in bounded memory, with every record accounted for.

RFC 4180: comma, double quote, LF or CRLF (a file may mix them). A record with another number of fields than the
header is *ragged*: its columns cannot be trusted, so none is read. A completely blank line is no record. A quote
may only open, close or (doubled) stand inside a quoted field: any other shifts the rest of the file by a field,
so the file is refused at that line.

Polars parses; but it fills short records and cuts long ones without a trace, so records are counted here first.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from registry.errors import InputError
from registry.sources.input_file import CHUNK, InputFile

_READ: Final = 8 << 20
_LF, _CR, _QUOTE, _COMMA = 10, 13, 34, 44
Positions = NDArray[np.int64]


def read_csv(file: InputFile, *, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[pl.DataFrame]:
    """Frames of the text columns, `row` (1-based, UInt64) and `ragged` (Boolean); missing optional columns are null.

    Raises InputError for a header that is not exactly these columns (in any order), for a file without a record,
    and for broken quoting.
    """
    names: list[str] = []
    line, rows = 1, 0
    for block in _blocks(file):
        if not names:
            names, block, line = _header(file, block, required, optional)
        records = _Records(file, block, line)
        frame = records.frame(names)
        line += block.count(b"\n")
        if frame.height:
            yield frame.select(
                (pl.int_range(pl.len(), dtype=pl.UInt64) + rows + 1).alias("row"),
                "ragged",
                *required,
                *(name if name in names else pl.lit(None, dtype=pl.String).alias(name) for name in optional),
            )
        rows += frame.height
    if not rows:
        raise InputError(f"{file.path}: no rows", hint="there is nothing below the header")


def _blocks(file: InputFile) -> Iterator[bytes]:
    """The file in blocks of whole records, each ending in a line end."""
    carry, line = b"", 1
    for chunk in file.chunks(_READ):
        block = carry + chunk
        cut = _last_record_end(block)
        if cut == 0 and len(block) > _READ:
            _Records(file, block, line)  # a stray quote is the likelier fault, and has a line of its own
            raise _too_long(file, line)
        if cut:
            yield block[:cut]
            line += block.count(b"\n", 0, cut)
        carry = block[cut:]
    if carry:
        yield carry + b"\n"


def _last_record_end(block: bytes) -> int:
    """The position after the last line end outside quotes, 0 when there is none."""
    if b'"' not in block:
        return block.rfind(b"\n") + 1
    text = np.frombuffer(block, dtype=np.uint8)
    ends = _outside(np.flatnonzero(text == _LF), np.flatnonzero(text == _QUOTE))
    return int(ends[-1]) + 1 if ends.size else 0


def _header(
    file: InputFile, block: bytes, required: Sequence[str], optional: Sequence[str]
) -> tuple[list[str], bytes, int]:
    """The column names, the rest of the block and the line it starts on; InputError unless it is what is due."""
    end = int(_Records(file, block, 1).ends[0]) + 1
    text = block[:end].decode().rstrip("\r\n")
    try:
        names = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise InputError(f"{file.path}: line 1: the header cannot be read: {error}") from None
    check_columns(file, names, required, optional)
    return names, block[end:], 1 + block.count(b"\n", 0, end)


def check_columns(file: InputFile, names: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> None:
    """Raise InputError that lists every missing, repeated and unknown column, in this order."""
    known = {*required, *optional}
    faults = (
        ("missing", [name for name in required if name not in names]),
        ("repeated", sorted({name for name in names if names.count(name) > 1})),
        ("unknown", [name for name in dict.fromkeys(names) if name not in known]),
    )
    told = [f"{what} column{'s' * (len(which) > 1)} {', '.join(map(_shown, which))}" for what, which in faults if which]
    if told:
        hint = "the columns are " + ", ".join((*required, *(f"[{name}]" for name in optional)))
        raise InputError(f"{file.path}: {'; '.join(told)}", hint=hint)


def _shown(name: str) -> str:
    plain = name.isascii() and name.replace("_", "").isalnum()
    return name if plain and len(name) <= 40 else repr(name[:40])


class _Records:
    """The records of a block: where they end, how many fields each has, and whether the quoting holds."""

    def __init__(self, file: InputFile, block: bytes, line: int) -> None:
        self.file, self.block, self.line = file, block, line
        self._bytes = np.frombuffer(block, dtype=np.uint8)
        quotes = np.flatnonzero(self._bytes == _QUOTE) if b'"' in block else None
        if quotes is not None:
            self._check_quotes(quotes)
        self.ends = _outside(np.flatnonzero(self._bytes == _LF), quotes)
        self.commas = _outside(np.flatnonzero(self._bytes == _COMMA), quotes)

    def frame(self, names: Sequence[str]) -> pl.DataFrame:
        starts = np.concatenate(([0], self.ends[:-1] + 1))[: self.ends.size]
        lengths = self.ends - starts
        if lengths.size and int(lengths.max()) > CHUNK:
            raise _too_long(self.file, self.line + self.block.count(b"\n", 0, int(starts[lengths.argmax()])))
        cr = (lengths == 1) & (self._bytes[starts] == _CR) if starts.size else np.zeros(0, dtype=np.bool_)
        filled = (lengths > 0) & ~cr
        fields = np.diff(np.searchsorted(self.commas, self.ends), prepend=0) + 1
        whole = filled & (fields == len(names))
        pieces, kept = [], 0
        for skipped in np.flatnonzero(~whole):
            pieces.append(self.block[kept : starts[skipped]])
            kept = int(self.ends[skipped]) + 1
        text = b"".join((*pieces, self.block[kept:])) if pieces else self.block
        frame = self._parse(text, names, int(whole.sum()))
        ragged = pl.Series("ragged", ~whole[filled], dtype=pl.Boolean)
        if frame.height == len(ragged):
            return frame.with_columns(ragged)
        at = pl.Series("at", np.flatnonzero(whole[filled]), dtype=pl.Int64)
        rows = pl.select(at=pl.int_range(len(ragged), dtype=pl.Int64)).with_columns(ragged)
        return rows.join(frame.with_columns(at), on="at", how="left", maintain_order="left").drop("at")

    def _parse(self, text: bytes, names: Sequence[str], records: int) -> pl.DataFrame:
        schema = dict.fromkeys(names, pl.String)
        if not records:
            return pl.DataFrame(schema=schema)
        try:
            frame = pl.read_csv(text, has_header=False, schema=schema, infer_schema=False)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            frame = None
        # The two readings of one text must agree; a file on which they do not is refused, never half counted.
        if frame is None or frame.height != records:
            last = self.line + self.block.count(b"\n")
            raise InputError(f"{self.file.path}: lines {self.line} to {last} cannot be read as CSV")
        return frame

    def _check_quotes(self, quotes: Positions) -> None:
        """An opening quote begins a field, a closing one ends it; two in a row inside a field are one character."""
        padded = np.concatenate(([_LF], self._bytes, [_LF]))
        before, after = padded[quotes], padded[quotes + 2]
        opening = np.arange(quotes.size) % 2 == 0
        doubled = np.diff(quotes, prepend=-2) == 1
        starts = (before == _LF) | (before == _COMMA) | doubled
        ends = (after == _LF) | (after == _CR) | (after == _COMMA) | np.append(doubled[1:], [False])
        wrong = quotes[np.where(opening, ~starts, ~ends)]
        if wrong.size:
            line = self.line + self.block.count(b"\n", 0, int(wrong[0]))
            raise InputError(
                f"{self.file.path}: line {line}: a quote inside a field",
                hint="quote the whole field and double the quote",
                line=line,
            )


def _too_long(file: InputFile, line: int) -> InputError:
    return InputError(
        f"{file.path}: the record that begins on line {line} is longer than 1 MiB",
        hint="look for a quote that is never closed",
        line=line,
    )


def _outside(positions: Positions, quotes: Positions | None) -> Positions:
    if quotes is None:
        return positions
    outside: Positions = positions[np.searchsorted(quotes, positions) % 2 == 0]
    return outside
