"""`openings.bin`: one trip's leaf and opening, found by its trip id in a few hundred bytes of reading.

    "PHOPEN1\\n" | count u64 | count x (key 8 | leaf index u32)  sorted by key
              | (count + 1) x offset u64 | count x (leaf 62 | salt 16 | canonical personal fields)

`key` is the start of SHA-256(trip id). It says the same as `private.parquet`, row by row instead of column by column:
a person asking for a proof must not cost a scan of a day's trips, nor lay a day's trips before the one who asks.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from registry.core.leaf import LEAF_SIZE, SALT_SIZE
from registry.errors import EvidenceError

MAGIC: Final = b"PHOPEN1\n"
_HEADER: Final = struct.Struct(">8sQ")
_ENTRY: Final = struct.Struct(">8sI")
_ENTRY_COLUMNS: Final = np.dtype([("key", ">u8"), ("index", ">u4")])
_SPAN: Final = struct.Struct(">QQ")
_PIECE: Final = 1 << 16  # rows handled at a time, so that a day's rows are never all Python objects at once


def trip_key(trip_id: str) -> bytes:
    """The 8-byte look-up key of a trip id."""
    return hashlib.sha256(trip_id.encode()).digest()[:8]


def openings_content(trip_ids: pl.Series, leaves: bytes, salts: bytes, canonical: pl.Series) -> Iterator[bytes]:
    """The file's content in pieces of a few MB; all arguments are in leaf order, `leaves` and `salts` end to end."""
    count = len(trip_ids)
    index = np.zeros(count, dtype=_ENTRY_COLUMNS)
    # `trip_key` written out: a call a row would cost as much as the hashing.
    sha256 = hashlib.sha256
    keys = b"".join([sha256(trip_id).digest()[:8] for trip_id in trip_ids.cast(pl.Binary).to_list()])
    index["key"] = np.frombuffer(keys, dtype=">u8")
    index["index"] = np.arange(count)
    yield _HEADER.pack(MAGIC, count)
    yield index[np.argsort(index["key"], kind="stable")].tobytes()
    sizes = canonical.bin.size().to_numpy().astype(np.uint64) + np.uint64(LEAF_SIZE + SALT_SIZE)
    first = np.uint64(_HEADER.size + count * _ENTRY.size + (count + 1) * 8)
    yield np.concatenate([[first], first + np.cumsum(sizes, dtype=np.uint64)]).astype(">u8").tobytes()
    for start in range(0, count, _PIECE):
        rows = canonical.slice(start, _PIECE).to_list()
        at = range(start, start + len(rows))
        parts = [b""] * (3 * len(rows))
        parts[0::3] = [leaves[i * LEAF_SIZE : (i + 1) * LEAF_SIZE] for i in at]
        parts[1::3] = [salts[i * SALT_SIZE : (i + 1) * SALT_SIZE] for i in at]
        parts[2::3] = rows
        yield b"".join(parts)


@dataclass(frozen=True)
class OpenedRow:
    """One row of the file: leaf bytes, 16-byte salt, canonical personal fields."""

    index: int
    leaf: bytes
    salt: bytes
    canonical: bytes


class OpeningsFile:
    """Looks up single rows; raises EvidenceError when the file is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read = 0
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise EvidenceError(f"{path}: {error.strerror}", path=str(path)) from error
        try:
            self.size = os.fstat(self._file).st_size
            magic, self.count = _HEADER.unpack(self._read(0, _HEADER.size))
            if magic != MAGIC or _HEADER.size + self.count * _ENTRY.size + (self.count + 1) * 8 > self.size:
                raise EvidenceError(f"{path}: not a whole openings file", path=str(path))
        except EvidenceError:
            self.close()
            raise

    def __enter__(self) -> OpeningsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def row(self, index: int) -> OpenedRow:
        """The row of leaf `index`."""
        if not 0 <= index < self.count:
            raise EvidenceError(f"{self.path}: no row {index} among {self.count}", path=str(self.path))
        table = _HEADER.size + self.count * _ENTRY.size
        start, end = _SPAN.unpack(self._read(table + index * 8, _SPAN.size))
        data = self._read(start, end - start) if 0 < end - start < 1 << 20 and end <= self.size else b""
        if len(data) < LEAF_SIZE + SALT_SIZE:
            raise EvidenceError(f"{self.path}: row {index} is damaged", path=str(self.path))
        body = LEAF_SIZE + SALT_SIZE
        return OpenedRow(index, data[:LEAF_SIZE], data[LEAF_SIZE:body], data[body:])

    def find(self, trip_id: str) -> Iterator[OpenedRow]:
        """Rows whose trip id has this key: nearly always one or none; the caller compares the id itself."""
        key = trip_key(trip_id)
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self._entry(middle)[0] < key:
                low = middle + 1
            else:
                high = middle
        while low < self.count and (entry := self._entry(low))[0] == key:
            yield self.row(entry[1])
            low += 1

    def _entry(self, number: int) -> tuple[bytes, int]:
        key, index = _ENTRY.unpack(self._read(_HEADER.size + number * _ENTRY.size, _ENTRY.size))
        return key, index

    def _read(self, at: int, size: int) -> bytes:
        data = os.pread(self._file, size, at)
        self.bytes_read += len(data)
        if len(data) != size:
            raise EvidenceError(f"{self.path}: ends early, at byte {at + len(data)}", path=str(self.path))
        return data
