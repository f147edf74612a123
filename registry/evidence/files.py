"""Folders that appear whole or not at all, and files that answer for their digest."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from registry.core import strict_json
from registry.errors import EvidenceError, StorageError

STAGING: Final = "tmp"
_CHUNK: Final = 1 << 20
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn an operating-system error while touching `what` into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        raise _storage_error(what, error.errno, error.strerror or str(error)) from error
    except pl.exceptions.ComputeError as error:
        # Polars wraps what the operating system said in an error of its own, or keeps it to itself.
        text = str(error)
        if not text.startswith("parquet:"):
            raise
        number = int(found[1]) if (found := _OS_ERROR.search(text)) else errno.EIO
        raise _storage_error(what, number, os.strerror(number)) from error


def _storage_error(what: str, number: int | None, text: str) -> StorageError:
    full = number in _FULL
    return StorageError(
        f"{what}: {'no space left' if full else text}",
        hint="free some space and run the command again; nothing was recorded" if full else None,
    )


@contextmanager
def new_folder(root: Path, final: Callable[[], str]) -> Iterator[Path]:
    """Yield an empty staging folder; on success sync it and rename it to `root/final()`.

    The name is asked for last, because it is the address of what was written.

    If the final folder exists already its content has the same address, so the new copy is dropped. On any error,
    an interrupt included, the staging folder is removed and nothing else has changed.
    """
    staging = root / STAGING / secrets.token_hex(8)
    with storage_errors(f"evidence in {root}"):
        staging.mkdir(parents=True)
        try:
            yield staging
            _publish(staging, root / final())
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _publish(staging: Path, final: Path) -> None:
    if not final.exists():
        for path in staging.iterdir():
            sync(path)
        sync(staging)
        final.parent.mkdir(parents=True, exist_ok=True)
        staging.rename(final)
    # Also where it was there: who named it may have been stopped before this, and now a row will say that it is.
    sync(final.parent)
    # The first folder of its kind has a new parent too: without its entry all below it would be lost with the power.
    sync(final.parent.parent)


def remove_folder(root: Path, folder: Path) -> None:
    """Take a folder of the store away, whole or not at all: nobody finds half of it under its name."""
    staging = root / STAGING / secrets.token_hex(8)
    with storage_errors(f"evidence in {root}"):
        staging.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(staging)
        sync(folder.parent)
        shutil.rmtree(staging, ignore_errors=True)


def sync(path: Path) -> None:
    """Put a file or a folder's entries on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a new file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(pieces)


def same_content(path: Path, pieces: Iterable[bytes]) -> bool:
    """Whether a file is exactly these pieces, read a piece at a time."""
    with path.open("rb") as file:
        return all(file.read(len(piece)) == piece for piece in pieces) and not file.read(1)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file as hex; raises EvidenceError when it is missing or unreadable."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror}", path=str(path)) from error
    return digest.hexdigest()


def canonical_json(body: object) -> bytes:
    """The one byte form of a JSON document: sorted keys, no spaces, UTF-8, a final newline."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def read_canonical(path: Path) -> dict[str, object]:
    """Read a document written by `canonical_json`; raises EvidenceError if even one byte of it is not canonical."""
    try:
        content = path.read_bytes()
        body = strict_json.parse(content)
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror}", path=str(path)) from error
    except ValueError as error:
        raise EvidenceError(f"{path}: not JSON ({error})", path=str(path)) from error
    if not isinstance(body, dict) or canonical_json(body) != content:
        raise EvidenceError(f"{path}: not in canonical form, so it was changed", path=str(path))
    return body


def file_entry(path: Path) -> dict[str, object]:
    """What a manifest says of one file."""
    return {"bytes": path.stat().st_size, "sha256": sha256_file(path)}


def check_file(path: Path, entry: object) -> None:
    """Compare a file with its manifest entry; raises EvidenceError with expected and actual."""
    actual = file_entry(path) if path.exists() else "missing"
    if actual != entry:
        raise EvidenceError(f"{path}: expected {entry}, found {actual}", path=str(path))
