"""A disk that is full or fails at any write, fsync or rename: a StorageError, nothing by halves, and then it works.

The disk stands between the program and the kernel and notes every step, so that each can be made to fail in its turn;
what a kernel really says is taken from `/dev/full` and from processes that may not write more.
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.cli import retire
from registry.core import proceeds
from registry.core.contribution import SCHEMA as CONTRIBUTIONS
from registry.errors import StorageError
from registry.evidence.batch import BatchEvidence, batch_folder
from registry.evidence.certification import Certification, write_certification
from registry.evidence.documents import write_document
from registry.evidence.epoch import EpochEvidence, epochs_folder, write_epoch
from registry.evidence.payout import ALLOCATIONS_SCHEMA, Allocated, PayoutEvidence, write_payout
from registry.services import payouts
from registry.services.epochs import publish_epoch
from registry.services.ledger import Ledger
from registry.services.trip_imports import ImportRequest, ImportResult, import_trips
from registry.store import batches, epochs, imports, operations
from registry.store.operation_tables import OperationState
from registry.store.session import Database
from tests.evidence.folders import ENTITLEMENTS, contents, imported, published, sealed
from tests.services.homes import SOURCE, Puhui, journey, opened, write_journeys, write_people
from tests.services.test_certificate_pdf import CONTENT

ROOT = Path(__file__).parents[2]
FAULTS = {errno.ENOSPC: "no space left", errno.EIO: "Input/output error"}
HINT = "free some space and run the command again; nothing was recorded"
Make = Callable[..., Puhui]
Step = tuple[str, str]


class Disk:
    """Notes each write, fsync and rename by what it is done to, in order; the one numbered `fails_at` fails.

    A write that fails has written half. Rows committed to the ledger's database are noted too, and never fail.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.fails_at: int | None = None
        self.error = errno.ENOSPC
        self._lock = threading.Lock()

    def step(self, what: str, path: str | Path) -> bool:
        """Note a step; whether it is the one to fail."""
        with self._lock:
            self.steps.append((what, plain(Path(path).name)))
            return len(self.steps) - 1 == self.fails_at

    def refusal(self) -> OSError:
        return OSError(self.error, os.strerror(self.error))


def plain(name: str) -> str:
    """A file's name without what is drawn by lot: staging folders and temporary files."""
    if re.fullmatch(r"[0-9a-f]{16}", name):
        return "staging"
    return re.sub(r"^\.(.+)\.[0-9a-f]{12}\.tmp$", r"\1~", name)


def opened_as(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


@contextmanager
def watched(fails_at: int | None = None, error: int = errno.ENOSPC) -> Iterator[Disk]:
    """This process's disk, watched; afterwards it is as before."""
    disk = Disk()
    disk.fails_at, disk.error = fails_at, error
    real_open, real_fsync, real_sink, real_write = io.open, os.fsync, pl.LazyFrame.sink_parquet, Database.write

    class Raw(io.FileIO):
        def write(self, piece: Any) -> int:
            if disk.step("write", opened_as(self.fileno())):
                super().write(bytes(piece)[: len(piece) // 2])
                raise disk.refusal()
            return super().write(piece) or 0

    def open_(file: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        if mode not in ("wb", "xb"):
            return real_open(file, mode, *given, **named)
        return io.BufferedWriter(Raw(file if isinstance(file, int) else os.fspath(file), mode))

    def fsync(descriptor: int) -> None:
        if disk.step("fsync", opened_as(descriptor)):
            raise disk.refusal()
        real_fsync(descriptor)

    def sink_parquet(frame: pl.LazyFrame, path: str | Path, **named: Any) -> Any:
        # Data frames are written through this as well.
        fails = disk.step("write", path)
        done = real_sink(frame, path, **named)
        if fails:
            os.truncate(path, Path(path).stat().st_size // 2)
            text = f"underlying IO error: {os.strerror(disk.error)} (os error {disk.error})"
            raise pl.exceptions.ComputeError(f"parquet: File out of specification: {text}")
        return done

    def renaming(real: Callable[..., None]) -> Callable[..., None]:
        def rename(source: Any, target: Any, **named: Any) -> None:
            if disk.step("rename", target):
                raise disk.refusal()
            real(source, target, **named)

        return rename

    def row(self: Database, fn: Any) -> Any:
        disk.step("row", "ledger.db")
        return real_write(self, fn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", open_)
        patch.setattr(os, "fsync", fsync)
        patch.setattr(pl.LazyFrame, "sink_parquet", sink_parquet)
        for name in ("rename", "replace", "link"):
            patch.setattr(os, name, renaming(getattr(os, name)))
        patch.setattr(Database, "write", row)
        yield disk


def before_the_row(steps: list[Step]) -> int:
    """How many steps there are before anything is recorded."""
    return steps.index(("row", "ledger.db")) if ("row", "ledger.db") in steps else len(steps)


# --- one folder of each kind --------------------------------------------------------------------------------------


def paid(evidence: Path) -> PayoutEvidence:
    """Payout run 1 of two accounts in `evidence`."""
    accounts = [bytes([n]) * 20 for n in (1, 2)]
    allocations = pl.DataFrame([(1, accounts[0], 60), (1, accounts[1], 40)], schema=ALLOCATIONS_SCHEMA, orient="row")
    due = proceeds.accumulate(proceeds.empty(), [allocations])
    return write_payout(evidence, 1, (Allocated(1, 0, 100),), allocations, due)


def certified(evidence: Path) -> bytes:
    """The dossier of one tonne of one account in `evidence`."""
    made = Certification(1, 1 << 16 | 2026, 1, 0, (), 1, 10**9, 1)
    gave = pl.DataFrame([(bytes([1]) * 20, 10**9)], schema=CONTRIBUTIONS, orient="row")
    return write_certification(evidence, made, gave).dossier


WRITERS: dict[str, tuple[Callable[[Path], Any], set[str]]] = {
    "batches": (sealed, {"leaves.parquet", "private.parquet", "openings.bin", "tree.bin", "manifest.json"}),
    "epochs": (published, {"entitlements.parquet", "tree.bin", "manifest.json"}),
    "payouts": (paid, {"allocations.parquet", "proceeds.parquet", "tree.bin", "manifest.json"}),
    "imports": (imported, {"rejected.parquet", "record.json"}),
    "certifications": (certified, {"contributions.parquet", "manifest.json"}),
    "documents": (lambda evidence: write_document(evidence, b"terms"), {"document"}),
}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", WRITERS)
def test_files_are_synced_then_their_folder_then_it_is_named_and_its_name_synced(tmp_path: Path, kind: str) -> None:
    write, files = WRITERS[kind]
    with watched() as disk:
        write(tmp_path)
    at = disk.steps.index
    (named,) = [step for step in disk.steps if step[0] == "rename"]
    (folder,) = (tmp_path / kind).iterdir()
    assert named == ("rename", folder.name)
    assert {name for what, name in disk.steps if what == "write"} == files
    last_write = max(n for n, (what, _) in enumerate(disk.steps) if what == "write")
    assert {name for _, name in disk.steps[last_write + 1 : at(("fsync", "staging"))]} == files
    assert {what for what, _ in disk.steps[last_write + 1 :]} == {"fsync", "rename"}
    assert disk.steps[at(("fsync", "staging")) + 1 :] == [named, ("fsync", kind), ("fsync", tmp_path.name)]


@pytest.mark.parametrize("fault", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_fault_at_any_step_leaves_no_half_folder_and_the_next_try_makes_the_same(
    tmp_path: Path, kind: str, fault: int
) -> None:
    write, _ = WRITERS[kind]
    with watched() as disk:
        write(tmp_path / "sound")
    expected, named = bytes_of(tmp_path / "sound"), [what for what, _ in disk.steps].index("rename")
    for number in range(len(disk.steps)):
        evidence = tmp_path / f"fails at {number}"
        with watched(number, fault) as failing, pytest.raises(StorageError) as raised:
            write(evidence)
        assert failing.steps[number][0] == disk.steps[number][0]
        assert raised.value.message == f"evidence in {evidence}: {FAULTS[fault]}"
        assert raised.value.hint == (HINT if fault == errno.ENOSPC else None)
        # Once it has its name it is whole, and only whether the name is on disk is not known.
        assert bytes_of(evidence) == (expected if number > named else {})
        write(evidence)
        assert bytes_of(evidence) == expected
        assert list((evidence / "tmp").iterdir()) == []


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "batches"])
def test_a_name_that_was_there_is_synced_before_anything_is_recorded_of_it(tmp_path: Path, kind: str) -> None:
    write, _ = WRITERS[kind]
    with watched() as disk:
        write(tmp_path / "sound")
    # The name was given, and what failed is to put it on disk.
    with watched(len(disk.steps) - 2), pytest.raises(StorageError):
        write(tmp_path / "e")
    with watched() as again:
        write(tmp_path / "e")
    assert [step for step in again.steps if step[0] != "write"] == [("fsync", kind), ("fsync", "e")]


@pytest.mark.parametrize("fault", FAULTS, ids=errno.errorcode.get)
def test_a_fault_while_an_epoch_is_prepared_again_leaves_the_first_or_the_second_manifest(
    tmp_path: Path, fault: int
) -> None:
    def again(evidence: Path) -> None:
        write_epoch(evidence, 1, ENTITLEMENTS, (bytes([3]) * 32,), mandates_block=7)

    with watched() as disk:
        published(tmp_path / "sound")
        first = len(disk.steps)
        again(tmp_path / "sound")
    for number in range(first, len(disk.steps)):
        evidence = tmp_path / f"fails at {number}"
        published(evidence)
        with watched(number - first, fault), pytest.raises(StorageError, match=f": {FAULTS[fault]}$"):
            again(evidence)
        (folder,) = epochs_folder(evidence).iterdir()
        found = EpochEvidence(folder)
        found.check_files()
        assert found.epoch.mandates_block in (None, 7)
        again(evidence)
        assert EpochEvidence(folder).epoch.mandates_block == 7
        assert list((evidence / "tmp").iterdir()) == []


# --- what a kernel says -------------------------------------------------------------------------------------------

REAL = [
    *(("batches", name) for name in ("leaves.parquet", "tree.bin", "manifest.json")),
    *(("epochs", name) for name in ("entitlements.parquet", "tree.bin", "manifest.json")),
    *(("payouts", name) for name in ("allocations.parquet", "proceeds.parquet", "tree.bin", "manifest.json")),
    *(("imports", name) for name in ("rejected.parquet", "record.json")),
]


@pytest.mark.parametrize(("kind", "name"), REAL)
def test_a_device_that_is_really_full_is_told_so_whoever_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    mkdir = os.mkdir

    def with_a_full_device(path: Any, *given: Any, **named: Any) -> None:
        mkdir(path, *given, **named)
        if plain(Path(path).name) == "staging":
            (Path(path) / name).symlink_to("/dev/full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", with_a_full_device)
        with pytest.raises(StorageError) as raised:
            WRITERS[kind][0](tmp_path)
    assert (raised.value.message, raised.value.hint) == (f"evidence in {tmp_path}: no space left", HINT)
    assert contents(tmp_path) == []
    WRITERS[kind][0](tmp_path)
    assert len(list((tmp_path / kind).iterdir())) == 1


def test_a_process_that_may_not_write_more_leaves_no_payout(tmp_path: Path) -> None:
    program = f"""
        import resource
        from pathlib import Path
        from registry.errors import StorageError
        from tests.evidence.folders import contents
        from tests.evidence.test_evidence_faults import paid

        evidence, stopped = Path({str(tmp_path)!r}), 0
        for limit in (0, 3, 100, 400, 500, 600, 700):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                paid(evidence)
            except StorageError as error:
                assert error.message == f"evidence in {{evidence}}: no space left", error.message
                assert contents(evidence) == []
                stopped += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert stopped == 7, stopped
        print(paid(evidence).folder.name)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.stderr == ""
    PayoutEvidence(tmp_path / "payouts" / ran.stdout.strip()).check_files()


# --- whole commands -----------------------------------------------------------------------------------------------


def travelled(puhui: Puhui, folder: Path) -> ImportRequest:
    """Three people's trips of two days, not imported yet: one of them refused."""
    puhui("accounts", "import", write_people(folder / "accounts.csv"))
    lines = [
        journey(trip_id="T1"),
        journey(trip_id="T2", carrier_ref="C2", account_id="A2"),
        journey(trip_id="T3", board_time="2026-03-03 08:00:00", alight_time="2026-03-03 08:30:00"),
        journey(trip_id="T4", carrier_ref="C3", account_id="A3", mode="rocket"),
    ]
    return ImportRequest(write_journeys(folder / "trips.csv", *lines), SOURCE, "journeys")


def counted(result: ImportResult) -> tuple[object, ...]:
    """What an import says that does not depend on salts."""
    return (result.rows, result.trips, result.rejected, result.reduction_mg, len(result.batches), result.repeated)


def import_rows(ledger: Ledger) -> int:
    with ledger.db.read() as session:
        return len(imports.recent(session)) + len(batches.select_batches(session))


@pytest.fixture
def before_import(make_ledger: Make, tmp_path: Path) -> tuple[Path, ImportRequest, list[Step], tuple[object, ...]]:
    """A home to copy, what to import into it, the steps that takes, and what it comes to."""
    puhui = make_ledger()
    request = travelled(puhui, tmp_path)
    kept = tmp_path / "kept"
    shutil.copytree(puhui.home, kept)
    with opened(puhui.home) as ledger, watched() as disk:
        result = import_trips(ledger, request)
    return kept, request, disk.steps, counted(result)


def test_an_import_records_its_rows_when_everything_else_is_on_disk(
    before_import: tuple[Path, ImportRequest, list[Step], tuple[object, ...]],
) -> None:
    _, _, steps, result = before_import
    assert result == (4, 3, {"unknown_mode": 1}, result[3], 2, False)
    assert steps.index(("row", "ledger.db")) == len(steps) - 1
    named = [name for what, name in steps if what == "rename"]
    # The record, then for each day its key and its batch.
    assert [len(name) for name in named] == [64, len("20260302.key"), 64, len("20260303.key"), 64]
    assert steps[-3:-1] == [("fsync", "batches"), ("fsync", "evidence")]


def test_a_fault_at_any_step_of_an_import_records_nothing_and_the_same_import_then_comes_to_the_same(
    before_import: tuple[Path, ImportRequest, list[Step], tuple[object, ...]], tmp_path: Path
) -> None:
    kept, request, steps, expected = before_import
    for number in range(before_the_row(steps)):
        home, fault = tmp_path / f"fails at {number}", (errno.ENOSPC, errno.EIO)[number % 2]
        shutil.copytree(kept, home)
        with opened(home) as ledger:
            with watched(number, fault) as disk, pytest.raises(StorageError) as raised:
                import_trips(ledger, request)
            assert ("row", "ledger.db") not in disk.steps
            assert str(home) in raised.value.message
            assert import_rows(ledger) == 0
            folders = [*(ledger.home.evidence / "imports").glob("*"), *(ledger.home.evidence / "batches").glob("*")]
            for folder in folders:
                if folder.parent.name == "batches":
                    BatchEvidence(folder).check_files()  # whole, of a day before the one that failed
            assert not ledger.home.staging.exists()
            assert [*(ledger.home.evidence / "tmp").glob("*")] == []

            result = import_trips(ledger, request)

            assert counted(result) == expected
            assert import_rows(ledger) == 3
            for batch in result.batches:
                BatchEvidence(batch_folder(ledger.home.evidence, bytes.fromhex(batch[2:]))).check_files()
        shutil.rmtree(home)


def test_a_fault_at_any_step_of_an_epoch_records_nothing_and_it_is_published_then(
    make_ledger: Make, tmp_path: Path
) -> None:
    first = make_ledger("attested")
    kept = tmp_path / "kept"
    shutil.copytree(first.home, kept)
    with opened(first.home) as ledger, watched() as disk:
        expected = publish_epoch(ledger)
    assert expected is not None
    for number in range(before_the_row(disk.steps)):
        home, fault = tmp_path / f"fails at {number}", (errno.ENOSPC, errno.EIO)[number % 2]
        shutil.copytree(kept, home)
        with opened(home) as ledger:
            with watched(number, fault) as failing, pytest.raises(StorageError, match=re.escape(str(home))):
                publish_epoch(ledger)
            assert ("row", "ledger.db") not in failing.steps
            with ledger.db.read() as session:
                assert epochs.every(session) == []
            assert ledger.contracts.points.current_epoch() == 0
            made = publish_epoch(ledger)
            assert made is not None
            assert (made.number, made.root, made.size, made.state) == (1, expected.root, expected.size, "PUBLISHED")
        shutil.rmtree(home)


def test_a_fault_at_any_step_of_a_payout_sends_nothing_and_it_is_published_then(
    market_at: Callable[[str], Puhui], tmp_path: Path
) -> None:
    first = market_at("sold")
    kept = tmp_path / "kept"
    shutil.copytree(first.home, kept)
    with opened(first.home) as ledger, watched() as disk:
        expected = payouts.run(ledger)
    assert expected is not None
    for number in range(before_the_row(disk.steps)):
        home, fault = tmp_path / f"fails at {number}", (errno.ENOSPC, errno.EIO)[number % 2]
        shutil.copytree(kept, home)
        with opened(home) as ledger:
            with watched(number, fault) as failing, pytest.raises(StorageError, match=re.escape(str(home))):
                payouts.run(ledger)
            assert ("row", "ledger.db") not in failing.steps
            with ledger.db.read() as session:
                open_ones = operations.listed(session, (OperationState.PENDING, OperationState.IN_FLIGHT), 10)
            assert (open_ones, ledger.contracts.distributor.current_run()) == ([], 0)
            made = payouts.run(ledger)
            assert made is not None
            assert (made.number, made.root, made.total_fen) == (1, expected.root, expected.total_fen)
        shutil.rmtree(home)


# --- what is left is named ----------------------------------------------------------------------------------------


def test_a_batch_sealed_before_the_disk_was_full_is_named_by_doctor(
    before_import: tuple[Path, ImportRequest, list[Step], tuple[object, ...]],
) -> None:
    home, request, steps, expected = before_import
    second = max(n for n, (what, name) in enumerate(steps) if (what, name) == ("write", "manifest.json"))
    with opened(home) as ledger, watched(second), pytest.raises(StorageError):
        import_trips(ledger, request)
    puhui = Puhui(home)
    (left,) = (home / "evidence" / "batches").iterdir()
    found = {check["name"]: check for check in puhui.json("doctor")["checks"] if check["level"] != "ok"}
    assert set(found) == {"evidence_batches", "evidence_imports"}
    assert found["evidence_batches"]["facts"]["orphans"] == [left.name]
    assert "an import that did not finish; they count for nothing" in found["evidence_batches"]["found"]
    assert "given again it takes them up" in found["evidence_imports"]["found"]

    result = puhui.imports(request.path)

    assert (result["trips"], result["reduction_mg"], result["repeated"]) == (expected[1], expected[3], False)
    found = {check["name"]: check for check in puhui.json("doctor")["checks"] if check["level"] != "ok"}
    assert set(found) == {"evidence_batches"}
    shutil.rmtree(left)
    assert {check["level"] for check in puhui.json("doctor")["checks"]} == {"ok"}
    assert puhui.json("audit")["ok"]


def test_what_a_killed_import_left_is_named_by_doctor_and_taken_up_by_the_next(
    before_import: tuple[Path, ImportRequest, list[Step], tuple[object, ...]],
) -> None:
    home, request, _, expected = before_import
    program = f"""
        import os, signal
        from pathlib import Path
        from tests.services.homes import Puhui

        rename = os.rename

        def killed(source, target, **named):
            if Path(target).parent.name == "batches":
                os.kill(os.getpid(), signal.SIGKILL)
            rename(source, target, **named)

        os.rename = killed
        Puhui(Path({str(home)!r})).imports(Path({str(request.path)!r}))
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (ran.returncode, ran.stderr) == (-signal.SIGKILL, "")
    puhui = Puhui(home)
    found = {check["name"]: check for check in puhui.json("doctor")["checks"] if check["level"] != "ok"}
    assert set(found) == {"temporary_files", "evidence_imports"}
    paths = [Path(path) for path in found["temporary_files"]["facts"]["paths"]]
    assert {path.parent for path in paths} == {home / "evidence" / "tmp", home / "staging"}
    assert len(found["evidence_imports"]["facts"]["orphans"]) == 1

    result = puhui.imports(request.path)

    assert (result["trips"], result["reduction_mg"], result["repeated"]) == (expected[1], expected[3], False)
    assert {check["level"] for check in puhui.json("doctor")["checks"]} == {"ok"}


# --- a certificate's page -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize("before", [None, b"an earlier page"])
def test_a_certificates_page_is_whole_or_as_it_was(
    puhui: Puhui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int, before: bytes | None
) -> None:
    monkeypatch.setattr(retire, "content_of", lambda ledger, number, url: CONTENT)
    out = tmp_path / "pages" / "certificate.pdf"
    out.parent.mkdir()
    command = ("certificate", "pdf", 1, "--out", out, *(() if before is None else ("--force",)))
    steps: list[Step] = []
    for number in range(5):
        out.unlink(missing_ok=True)
        if before is not None:
            out.write_bytes(before)
        with watched(number, fault) as disk:
            said = puhui(*command, "--json", expect=None)
        steps = disk.steps
        if said.code == 0:
            break
        assert (said.code, said.error["code"]) == (1, "storage")
        assert str(out) in said.error["message"]
        assert said.error["message"].endswith(FAULTS[fault])
        assert [path for path in out.parent.iterdir() if path != out] == []
        named = ("rename", out.name) in steps[:number]
        if named:
            assert out.read_bytes().startswith(b"%PDF-")
        elif before is None:
            assert not out.exists()
        else:
            assert out.read_bytes() == before
    assert steps == [
        ("write", "certificate.pdf~"),
        ("fsync", "certificate.pdf~"),
        ("rename", "certificate.pdf"),
        ("fsync", "pages"),
    ]
    page = out.read_bytes()
    assert (page[:5], page.rstrip()[-5:]) == (b"%PDF-", b"%%EOF")
