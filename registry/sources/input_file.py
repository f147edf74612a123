"""Opening an input file: identified by its digest, and refused early when it cannot be what it should be.

One pass in chunks of 1 MiB, whatever the size, computes the SHA-256 of the raw bytes and looks at what no later
step can repair: text that is not text. Nothing is guessed: the encoding is UTF-8 unless the caller says gb18030.
Every refusal is an `InputError` that names the file, the place and what to do.
"""

from __future__ import annotations

import codecs
import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl

from registry.errors import InputError

Kind = Literal["parquet", "json", "csv"]
ENCODINGS: Final = ("utf-8", "gb18030")
CHUNK: Final = 1 << 20
"""Bytes read at a time, and the longest line of a CSV file: with it, a line's length needs no counter."""
_BOM: Final = codecs.BOM_UTF8
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PARQUET: Final = b"PAR1"


@dataclass(frozen=True)
class InputFile:
    """A readable input file: what it is, and the digest by which a batch refers to it."""

    path: Path
    sha256: str
    """Of the raw bytes, hex; a byte-order mark and the original encoding are part of it."""
    size: int
    encoding: str
    kind: Kind
    """By content: `parquet` by its magic, `json` when the first character is { or [, else `csv`."""
    lines: int
    """Line ends, and one for a last line without: never fewer than the records of a CSV file. 0 for Parquet."""
    identity: tuple[int, int, int, int]
    """Device, inode, size and modification time (ns), to notice a file that changes between passes."""

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The text as UTF-8 without a byte-order mark, in pieces; InputError when the file has changed since."""
        decode = codecs.getincrementaldecoder(self.encoding)().decode if self.encoding != "utf-8" else None
        with self.path.open("rb") as stream:
            if decode is None and stream.read(len(_BOM)) != _BOM:
                stream.seek(0)
            while chunk := stream.read(size):
                yield decode(chunk).encode() if decode else chunk
        self.require_unchanged()

    def require_unchanged(self) -> None:
        """Raise InputError when the file on disk is no longer the one whose digest was taken."""
        if _identity(self.path) != self.identity:
            raise InputError(f"{self.path}: the file changed while it was read", hint="import a finished copy")


def open_input(path: str | Path, *, encoding: str = "utf-8") -> InputFile:
    """Identify a file and check that it is text (or Parquet); raises InputError, and never blocks on a pipe."""
    path = Path(path)
    if encoding not in ENCODINGS:
        raise InputError(f"unknown encoding {encoding!r}", hint="known: " + ", ".join(ENCODINGS))
    identity = _identity(path)
    digest, scan = hashlib.sha256(), None
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                scan = scan or _start(path, encoding, chunk)
                digest.update(chunk)
                scan.feed(chunk)
    except PermissionError:
        raise InputError(f"{path}: no permission to read it", hint="check the file's owner and mode") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if scan is None:
        raise InputError(f"{path}: the file is empty", hint="export it again")
    scan.finish()
    file = InputFile(path, digest.hexdigest(), identity[2], encoding, scan.kind, scan.lines, identity)
    file.require_unchanged()
    return file


def _identity(path: Path) -> tuple[int, int, int, int]:
    """Follows links; refuses what is not a regular file before it is opened, since opening a pipe would block."""
    try:
        info = path.stat()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint="check the path") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to look at it", hint="check the folder's owner and mode") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r}: not a usable path: {error}") from None
    if stat.S_ISDIR(info.st_mode):
        raise InputError(f"{path}: is a folder, not a file", hint="give one file at a time")
    if not stat.S_ISREG(info.st_mode):
        raise InputError(f"{path}: is not a regular file", hint="save the stream to a file and import that")
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def _start(path: Path, encoding: str, head: bytes) -> _Scan:
    """Choose the checks by the first bytes; refuses UTF-16 and a file that only claims to be Parquet."""
    if head.startswith(_PARQUET):
        return _Scan(path, encoding, "parquet")
    if path.suffix.lower() == ".parquet":
        raise InputError(f"{path}: not a Parquet file", hint="it does not start with PAR1; name text .csv")
    if head.startswith(_UTF16):
        raise InputError(f"{path}: the text is UTF-16", hint="save it as UTF-8 (Excel: “CSV UTF-8”)")
    first = head.removeprefix(_BOM).lstrip()[:1]
    return _Scan(path, encoding, "json" if first in (b"{", b"[") else "csv")


class _Scan:
    """What is remembered between the chunks of a file."""

    def __init__(self, path: Path, encoding: str, kind: Kind) -> None:
        self.path, self.encoding, self.kind = path, encoding, kind
        self.lines = self._line_bytes = self._quotes = self._quote_line = self._read = 0
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        if self.kind == "parquet":
            return
        if (at := chunk.find(b"\0")) >= 0:
            raise self._refuse("a NUL byte", at, chunk, hint="this is not a text file, or it was cut off and padded")
        self._check_text(chunk)
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        self._line_bytes += first if first >= 0 else len(chunk)
        if self._line_bytes > CHUNK and self.kind == "csv":
            raise InputError(
                f"{self.path}: line {self.lines + 1} is longer than 1 MiB", hint="check the line ends of the file"
            )
        if (at := chunk.rfind(b'"')) >= 0:
            self._quotes += chunk.count(b'"')
            self._quote_line = self.lines + chunk.count(b"\n", 0, at) + 1
        if last >= 0:
            self.lines += chunk.count(b"\n")
            self._line_bytes = len(chunk) - last - 1
        self._read += len(chunk)

    def finish(self) -> None:
        if self.kind == "parquet":
            return
        try:
            self._decoder.decode(self._rest, final=True)
        except UnicodeDecodeError:
            raise self._not_text(self._read - len(self._rest), b"") from None
        if self.kind == "csv" and self._quotes % 2:
            raise InputError(
                f"{self.path}: unbalanced quotes; the last one is on line {self._quote_line}",
                hint="a quoted field ends with a quote; a quote inside it is doubled",
            )
        self.lines += self._line_bytes > 0

    def _check_text(self, chunk: bytes) -> None:
        if self.encoding != "utf-8":
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise self._not_text(self._read + error.start, chunk) from None
            return
        text, start = self._rest + chunk, self._read - len(self._rest)
        # A character may continue in the next chunk; the columnar check is several times faster than decoding.
        cut = len(text) - _unfinished(text)
        self._rest = text[cut:]
        try:
            pl.Series([text[:cut]], dtype=pl.Binary).cast(pl.String)
        except pl.exceptions.PolarsError:
            try:
                text[:cut].decode()
            except UnicodeDecodeError as error:
                raise self._not_text(start + error.start, chunk) from None

    def _not_text(self, offset: int, chunk: bytes) -> InputError:
        other = "gb18030" if self.encoding == "utf-8" else "utf-8"
        return self._refuse(
            f"bytes that are not {self.encoding}", offset - self._read, chunk, hint=f"try --encoding {other}"
        )

    def _refuse(self, what: str, at: int, chunk: bytes, *, hint: str) -> InputError:
        line = self.lines + chunk.count(b"\n", 0, max(at, 0)) + 1
        offset = self._read + at
        return InputError(f"{self.path}: {what} at byte {offset}, line {line}", hint=hint, line=line, offset=offset)


def _unfinished(text: bytes) -> int:
    """How many bytes at the end begin a UTF-8 character without finishing it (0 to 3)."""
    for back in range(1, min(4, len(text) + 1)):
        byte = text[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if length > back else 0
        if byte < 0x80:
            break
    return 0
