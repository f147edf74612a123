"""A folder of evidence appears whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.errors import EvidenceError, StorageError
from registry.evidence import batch as batch_module
from registry.evidence import files
from registry.evidence.batch import BatchEvidence, batch_folder
from registry.evidence.files import new_folder, storage_errors, write_private
from tests.evidence.folders import contents, imported, published, sealed

ROOT = Path(__file__).parents[2]


class Unforeseen(Exception):
    """Not one of ours."""


# --- errors and interrupts ----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Unforeseen, KeyboardInterrupt, SystemExit, EvidenceError("damaged")])
def test_an_error_inside_leaves_nothing(tmp_path: Path, error: Any) -> None:
    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind), new_folder(tmp_path, lambda: "kept/name") as folder:  # noqa: PT012
        (folder / "file").write_bytes(b"half")
        raise error
    assert contents(tmp_path) == []


def test_an_error_while_naming_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path, lambda: str(1 // 0)) as folder:
        (folder / "file").write_bytes(b"whole")
    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Path, "rename"), (Path, "mkdir"), (os, "fsync"), (files, "sync")],
    ids=["rename", "mkdir", "fsync", "sync"],
)
def test_an_interrupt_at_any_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path, lambda: "kept/name") as folder:  # noqa: PT012
        (folder / "file").write_bytes(b"whole")
        monkeypatch.setattr(owner, name, interrupt)
    monkeypatch.undo()
    assert [found for found in contents(tmp_path) if found != "kept"] == []


@pytest.mark.parametrize(
    ("number", "text", "hint"),
    [
        (errno.ENOSPC, "no space left", "free some space and run the command again; nothing was recorded"),
        (errno.EDQUOT, "no space left", "free some space and run the command again; nothing was recorded"),
        (errno.EFBIG, "no space left", "free some space and run the command again; nothing was recorded"),
        (errno.EIO, "Input/output error", None),
        (errno.EROFS, "Read-only file system", None),
    ],
)
def test_an_error_of_the_disk_is_a_storage_error(tmp_path: Path, number: int, text: str, hint: str | None) -> None:
    with pytest.raises(StorageError) as raised, new_folder(tmp_path, lambda: "kept/name"):
        raise OSError(number, os.strerror(number))
    assert (raised.value.message, raised.value.hint) == (f"evidence in {tmp_path}: {text}", hint)
    assert contents(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    with (
        pytest.raises(StorageError, match=r"evidence: Not a directory$"),
        new_folder(tmp_path / "evidence", lambda: "x"),
    ):
        pass


# --- order ------------------------------------------------------------------------------------------------


def test_everything_is_synced_before_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    rename, fsync = Path.rename, os.fsync

    def seen_rename(self: Path, target: Path) -> Path:
        events.append("rename")
        return rename(self, target)

    def seen_fsync(descriptor: int) -> None:
        events.append("sync " + Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    with new_folder(tmp_path, lambda: "kept/name") as folder:
        staged = folder.name
        for name in ("a", "b"):
            (folder / name).write_bytes(b"whole")
        monkeypatch.setattr(Path, "rename", seen_rename)
        monkeypatch.setattr(os, "fsync", seen_fsync)
    assert sorted(events[:2]) == ["sync a", "sync b"]
    assert events[2:] == [f"sync {staged}", "rename", "sync kept", f"sync {tmp_path.name}"]
    assert contents(tmp_path) == ["kept", "kept/name", "kept/name/a", "kept/name/b"]


def test_the_same_address_again_keeps_the_first_and_drops_the_second(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with new_folder(tmp_path, lambda: "kept/name") as folder:
            (folder / "file").write_text(text)
    assert (tmp_path / "kept" / "name" / "file").read_text() == "first"
    assert contents(tmp_path) == ["kept", "kept/name", "kept/name/file"]


def test_a_process_killed_while_writing_leaves_nothing_under_a_name(tmp_path: Path) -> None:
    program = f"""
        import os, signal
        from pathlib import Path
        from registry.evidence.files import new_folder
        with new_folder(Path({str(tmp_path)!r}), lambda: "kept/name") as folder:
            (folder / "file").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=60, check=False)
    assert ran.returncode == -signal.SIGKILL
    assert not (tmp_path / "kept").exists()


# --- whole folders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [sealed, imported, published])
def test_a_folder_written_again_is_the_same_folder(tmp_path: Path, write: Callable[[Path], object]) -> None:
    first = write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert write(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_failure_in_any_part_of_sealing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in (
        "encode_leaves",
        "write_private",
        "_write_parquet",
        "openings_content",
        "file_entry",
        "canonical_json",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(batch_module, name, full)
            with pytest.raises(StorageError, match=r": no space left$"):
                sealed(tmp_path)
        assert contents(tmp_path) == []
    assert contents(tmp_path / "batches" / sealed(tmp_path).id().hex()) == [
        "leaves.parquet",
        "manifest.json",
        "openings.bin",
        "private.parquet",
        "tree.bin",
    ]


def test_a_full_disk_leaves_nothing_whichever_file_it_stops(tmp_path: Path) -> None:
    # A real limit on the size of files, so that Polars' own writing is stopped as well as Python's.
    program = f"""
        import resource
        from pathlib import Path
        import polars as pl
        from registry.errors import StorageError
        from registry.evidence.imports import REJECTED_SCHEMA, write_import
        from tests.evidence.folders import RECORD, contents, published, sealed

        evidence = Path({str(tmp_path)!r})
        rows = [(n, "bad_row", str(n * 7919 % 100_003)) for n in range(20_000)]
        rejected = pl.DataFrame(rows, schema=REJECTED_SCHEMA, orient="row")
        writers = {{
            "import": lambda: write_import(evidence, RECORD, rejected),
            "batch": lambda: sealed(evidence, 2000),
            "epoch": lambda: published(evidence),
        }}
        limits = {{"import": (0, 3, 500, 5_000), "batch": (0, 1_000, 30_000, 70_000, 300_000), "epoch": (0, 50)}}
        for name, limit in [(name, limit) for name in writers for limit in limits[name]]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                writers[name]()
            except StorageError as error:
                # Where Polars keeps the system's reason to itself, only that the disk refused is known.
                said = error.message.removeprefix(f"evidence in {{evidence}}: ")
                assert said in ("no space left", "Input/output error")[: 1 + (name == "import")], said
            else:
                raise AssertionError(name, limit)
            assert contents(evidence) == [], (name, limit)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(sealed(evidence, 2000).id().hex())
    """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    ran = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    BatchEvidence(batch_folder(tmp_path, bytes.fromhex(ran.stdout.strip()))).check_files()


# --- who may read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_private_files_are_their_owners_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = batch_folder(tmp_path, sealed(tmp_path).id())
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert (modes["private.parquet"], modes["openings.bin"]) == (0o600, 0o600)


def test_a_private_file_never_replaces_another(tmp_path: Path) -> None:
    (tmp_path / "openings.bin").write_bytes(b"there already")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "openings.bin", [b"new"])
    assert (tmp_path / "openings.bin").read_bytes() == b"there already"


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(Unforeseen), storage_errors("anything"):
        raise Unforeseen
