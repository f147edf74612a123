"""Documents the chain knows by their SHA-256: kept once, read back whole or not at all."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest

from registry.errors import EvidenceError, StorageError
from registry.evidence import documents as module
from registry.evidence.documents import read_document, write_document

TERMS = "授权书 terms of 2026\n".encode()


def place(evidence: Path, content: bytes) -> Path:
    return evidence / "documents" / hashlib.sha256(content).hexdigest() / "document"


@pytest.mark.parametrize("content", [TERMS, b"", b"\0", b"\xff\xfe", "城市马拉松".encode(), bytes(3_000_000)])
def test_a_document_is_read_back_by_its_digest(tmp_path: Path, content: bytes) -> None:
    digest = write_document(tmp_path, content)
    assert digest == hashlib.sha256(content).digest()
    assert read_document(tmp_path, digest) == content
    assert place(tmp_path, content).read_bytes() == content
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_same_document_is_one_folder(tmp_path: Path) -> None:
    first = write_document(tmp_path, TERMS)
    standing = place(tmp_path, TERMS).stat()
    assert write_document(tmp_path, TERMS) == first
    assert place(tmp_path, TERMS).stat().st_ino == standing.st_ino
    assert write_document(tmp_path, TERMS + b" ") != first
    assert len(list((tmp_path / "documents").iterdir())) == 2


def test_a_document_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_document(tmp_path, bytes(32)) is None
    digest = write_document(tmp_path, TERMS)
    place(tmp_path, TERMS).unlink()
    assert read_document(tmp_path, digest) is None


@pytest.mark.parametrize("bit", range(8 * len(TERMS)))
def test_every_flipped_bit_is_found(tmp_path: Path, bit: int) -> None:
    digest, path = write_document(tmp_path, TERMS), place(tmp_path, TERMS)
    content = bytearray(TERMS)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    refuses(tmp_path, digest)


@pytest.mark.parametrize("content", [b"", TERMS[:-1], TERMS + b"\n", TERMS * 2])
def test_a_document_of_another_length_is_found(tmp_path: Path, content: bytes) -> None:
    digest = write_document(tmp_path, TERMS)
    place(tmp_path, TERMS).write_bytes(content)
    refuses(tmp_path, digest)


def refuses(evidence: Path, digest: bytes) -> None:
    path = evidence / "documents" / digest.hex() / "document"
    with pytest.raises(EvidenceError) as raised:
        read_document(evidence, digest)
    assert raised.value.message == f"{path}: is not the document of its digest"
    assert raised.value.fields == {"path": str(path)}


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    digest = write_document(tmp_path, TERMS)
    path = place(tmp_path, TERMS)
    path.unlink()
    path.mkdir()
    with pytest.raises(EvidenceError) as raised:
        read_document(tmp_path, digest)
    assert raised.value.message == f"{path}: Is a directory"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.Path, "write_bytes", full)
    with pytest.raises(StorageError):
        write_document(tmp_path, TERMS)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert list((tmp_path / "tmp").iterdir()) == []
