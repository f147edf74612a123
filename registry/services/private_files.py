"""Small secret files: owner-only, on disk before their name appears, never overwritten by accident."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from registry.evidence.files import storage_errors, sync


def private_folder(path: Path) -> None:
    """Create a folder that only its owner can enter; an existing one is narrowed to that."""
    with storage_errors(f"key folder {path}"):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)


def write_new(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet. False if it is: of several writers exactly one gets True.

    A crash leaves either no file of that name or all of it (and perhaps a stray `.tmp`). Raises StorageError.
    """
    with storage_errors(f"key file {path}"):
        temporary = _write_temporary(path, content)
        try:
            # A rename would silently replace what another process has written meanwhile; a link does not.
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        sync(path.parent)
    return True


def replace(path: Path, content: bytes) -> None:
    """Put other content under an existing name, whole or not at all. Raises StorageError."""
    with storage_errors(f"file {path}"):
        temporary = _write_temporary(path, content)
        try:
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync(path.parent)


def _write_temporary(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink()
        raise
    return temporary
