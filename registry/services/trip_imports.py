"""Importing a trip file: every row is used or refused with a reason, and the used ones are sealed into batches.

    1 stage     rows -> candidates, partition by partition, in the staging folder
    2 judge     accounts, consent, overlaps and repeats, against this file and every batch of the same service days
    3 record    the import record with all counts; its digest goes into each batch
    4 seal      one batch a partition and service day: evidence folder first
    5 commit    accounts opened, import and batches, in one transaction

A crash before 5 leaves evidence folders nothing refers to; the next call makes new ones and records those. The same
file again (and nothing that could change its result since) returns the recorded result and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from sqlmodel import Session

from registry.core import methodology
from registry.core.batch import source_bytes32
from registry.core.methodology import Methodology
from registry.errors import UsageError
from registry.evidence.files import STAGING, storage_errors
from registry.evidence.imports import ImportRecord, write_import
from registry.services.account_opening import OpenedAccounts
from registry.services.earlier_trips import EarlierTrips
from registry.services.judging import Judged, counts_by_reason
from registry.services.ledger import Ledger
from registry.services.sealing import SealedBatch, Sealer
from registry.sources import InputFile, Stations, adapter, open_input
from registry.store import account_imports, accounts, batches, imports
from registry.store.tables import BatchState, Import

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class ImportRequest:
    """What to import and how; everything here decides the result."""

    path: Path
    source: str
    input_format: str
    encoding: str = "utf-8"
    stations: Path | None = None
    open_accounts: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class ImportResult:
    """The counts of an import; rows = rows_used + sum of rejected. `repeated` means nothing was changed."""

    rows: int
    trips: int
    rows_used: int
    rejected: dict[str, int]
    reduction_mg: int
    batches: list[str]
    input_digest: str | None
    repeated: bool
    dry_run: bool
    accounts_opened: int

    def to_json(self) -> dict[str, object]:
        """The result as `--json` prints it."""
        return dict(vars(self))


def _silent(_what: str, _rows: int) -> None:
    """No progress wanted."""


def import_trips(ledger: Ledger, request: ImportRequest, progress: Progress = _silent) -> ImportResult:
    """Import a file; raises InputError, StorageError or UsageError, and then nothing was changed."""
    source_bytes32(request.source)
    if request.open_accounts and not ledger.config.sandbox:
        raise UsageError("--open-accounts is for sandboxes only", hint="import accounts with `puhui accounts import`")
    spec = methodology.DEFAULT
    progress("reading", 0)
    file = open_input(request.path, encoding=request.encoding)
    stations = Stations.open(request.stations) if request.stations else None
    digest = _request_digest(request, file, stations, spec)
    found = _recorded(ledger, request, digest)
    if found is not None:
        return found
    with _staging(ledger, request.dry_run) as staging, ThreadPoolExecutor(1) as beside:
        # A keystore takes half a second to open: that passes while the file is read.
        keys = None if request.dry_run else beside.submit(lambda: ledger.keys.day_keys)
        opened = OpenedAccounts(ledger, enabled=request.open_accounts)
        reader = adapter(request.input_format)
        staged = reader.stage(
            file, staging, spec, stations=stations, progress=lambda count: progress("reading rows", count)
        )
        if keys:
            keys.result()
        rows, judged, earlier = staged.rows, Judged(), EarlierTrips(ledger, request.source)
        for k in range(staged.partitions):
            progress(f"judging part {k + 1} of {staged.partitions}", rows)
            judged.judge(staged.candidates(k), spec, opened, earlier, staging)
        if judged.trips == 0 and (earlier_result := _of_same_file(ledger, request, file)) is not None:
            # Something changed since, but not for this file: all it had is counted already.
            return earlier_result
        rejected = judged.rejected()
        counts = counts_by_reason(rejected)
        if rows != judged.rows_used + rejected.height:
            raise AssertionError(f"{rows} rows, but {judged.rows_used} used and {rejected.height} refused")
        record = ImportRecord(
            source=request.source,
            input_format=request.input_format,
            encoding=request.encoding,
            file_sha256=file.sha256,
            stations_sha256=stations.sha256 if stations else "",
            methodology=spec.id,
            rows=rows,
            rows_used=judged.rows_used,
            trips=judged.trips,
            reduction_mg=judged.reduction_mg,
            rejected=counts,
        )
        sealed: list[SealedBatch] = []
        input_digest = None
        if not request.dry_run:
            input_digest = write_import(ledger.home.evidence, record, rejected)
            sealer = Sealer(ledger, request.source, spec, input_digest)
            for day, path in judged.parts:
                progress(f"sealing {day}", 0)
                sealed.append(sealer.seal(day, pl.read_parquet(path)))
            _commit(ledger, record, digest, input_digest, sealed, opened)
    return ImportResult(
        rows=rows,
        trips=judged.trips,
        rows_used=judged.rows_used,
        rejected=counts,
        reduction_mg=judged.reduction_mg,
        batches=["0x" + s.batch.id().hex() for s in sealed],
        input_digest=input_digest.hex() if input_digest else None,
        repeated=False,
        dry_run=request.dry_run,
        accounts_opened=opened.count,
    )


def _request_digest(request: ImportRequest, file: InputFile, stations: Stations | None, spec: Methodology) -> str:
    body = [
        request.source,
        request.input_format,
        request.encoding,
        file.sha256,
        stations.sha256 if stations else "",
        spec.name,
        request.open_accounts,
    ]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def _recorded(ledger: Ledger, request: ImportRequest, digest: str) -> ImportResult | None:
    """The result of the same import, unless something that can decide its result has changed since."""
    with ledger.db.read() as session:
        row = imports.find(session, _at_state(session, digest))
        return _result_of(session, row, request) if row is not None else None


def _of_same_file(ledger: Ledger, request: ImportRequest, file: InputFile) -> ImportResult | None:
    """The latest result of the same file from the same source, if it was imported before and none of it refused."""
    with ledger.db.read() as session:
        for row in imports.of_file(session, file.sha256):
            states = {batch.state for batch in batches.select_batches(session, import_id=row.id)}
            same = (row.source_id, row.format) == (request.source, request.input_format)
            if same and BatchState.REJECTED not in states:
                return _result_of(session, row, request)
    return None


def _result_of(session: Session, row: Import, request: ImportRequest) -> ImportResult:
    return ImportResult(
        rows=row.rows,
        trips=row.trips,
        rows_used=row.rows_used,
        rejected=dict(row.rejected),
        reduction_mg=row.reduction_mg,
        batches=[b.id for b in batches.select_batches(session, import_id=row.id)],
        input_digest=row.input_digest,
        repeated=True,
        dry_run=request.dry_run,
        accounts_opened=0,
    )


def _at_state(session: Session, digest: str) -> str:
    # New accounts, or a batch refused by the verifier, can make a refused row usable: then the file is read again.
    state = (
        f"{digest} {accounts.version(session)} {len(batches.select_batches(session, states=(BatchState.REJECTED,)))}"
    )
    return hashlib.sha256(state.encode()).hexdigest()


def _commit(
    ledger: Ledger,
    record: ImportRecord,
    digest: str,
    input_digest: bytes,
    sealed: list[SealedBatch],
    opened: OpenedAccounts,
) -> None:
    now = int(time.time())

    def write(session: Session) -> None:
        if opened.count:
            account_imports.import_accounts(session, opened.rows(), now=now)
        row = Import(
            source_id=record.source,
            format=record.input_format,
            file_sha256=record.file_sha256,
            request_digest=_at_state(session, digest),
            accounts_version=accounts.version(session),
            rows=record.rows,
            trips=record.trips,
            rows_used=record.rows_used,
            rejected=record.rejected,
            reduction_mg=record.reduction_mg,
            input_digest=input_digest.hex(),
            created_at=now,
        )
        imports.record(session, row)
        for item in sealed:
            batches.insert(session, item.row(row.id, now))

    ledger.db.write(write)


@contextmanager
def _staging(ledger: Ledger, dry_run: bool) -> Iterator[Path]:
    """Working space that is gone afterwards; a dry run takes it outside the home, where it must write nothing."""
    with storage_errors(f"staging folder of {ledger.home.path}"):
        if dry_run:
            folder = Path(tempfile.mkdtemp(prefix="puhui-"))
        else:
            folder = ledger.home.staging
            # One writer at a time: what stands here was left by a process that died.
            for leftover in (folder, ledger.home.evidence / STAGING):
                shutil.rmtree(leftover, ignore_errors=True)
            folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
