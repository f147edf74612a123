"""Documents the chain holds only the SHA-256 of (terms of a mandate, a beneficiary's name), kept under that digest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from registry.errors import EvidenceError
from registry.evidence.files import new_folder

NAME: Final = "document"


def write_document(evidence: Path, content: bytes) -> bytes:
    """Keep a document; returns its SHA-256. The same document again is the same folder."""
    digest = hashlib.sha256(content).digest()
    with new_folder(evidence, lambda: f"documents/{digest.hex()}") as folder:
        (folder / NAME).write_bytes(content)
    return digest


def read_document(evidence: Path, digest: bytes) -> bytes | None:
    """The document with this SHA-256, or None when evidence has none; raises EvidenceError if it was changed."""
    path = evidence / "documents" / digest.hex() / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror}", path=str(path)) from error
    if hashlib.sha256(content).digest() != digest:
        raise EvidenceError(f"{path}: is not the document of its digest", path=str(path))
    return content
