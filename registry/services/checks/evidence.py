"""The evidence folder against what the database and the chain know: nothing is missing, and what is left over is named.

What is missing is a failure. What belongs to nothing was left by a command that did not finish: it counts for nothing,
and each finding says whether it may be removed or is taken up when the command is given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from registry.chain.deployment import Contracts
from registry.evidence.batch import batches_folder
from registry.evidence.certification import certification_name, certifications_folder
from registry.evidence.epoch import epochs_folder
from registry.evidence.files import STAGING
from registry.evidence.imports import imports_folder
from registry.evidence.payout import payouts_folder
from registry.services.checks.finding import Finding, failure, fine, guarded, warning
from registry.services.home import Home
from registry.store import batches, epochs, imports
from registry.store.session import Database
from registry.store.tables import EpochState

_NAMED: Final = 5
_EVERY: Final = 2**31 - 1
_REMOVE: Final = "an import that did not finish; they count for nothing and may be removed"
_TAKEN_UP: Final = "a command that did not finish; given again it takes them up, or they may be removed"


def recorded(home: Home, db: Database) -> Iterator[Finding]:
    """The folders the database knows: batches, imports, epochs."""

    def of_batches() -> Finding:
        with db.read() as session:
            known = {row.id[2:] for row in batches.select_batches(session)}
        return _compared("evidence_batches", batches_folder(home.evidence), known, known, "batch", _REMOVE)

    def of_imports() -> Finding:
        with db.read() as session:
            known = {row.input_digest for row in imports.recent(session, _EVERY)}
        return _compared("evidence_imports", imports_folder(home.evidence), known, known, "import", _TAKEN_UP)

    def of_epochs() -> Finding:
        with db.read() as session:
            rows = epochs.every(session)
        names = {f"{row.number:06d}-{row.root[2:]}": row.state for row in rows}
        needed = {f"{row.number:06d}-{row.root[2:]}" for row in rows if row.state is not EpochState.CANCELLED}
        return _compared("evidence_epochs", epochs_folder(home.evidence), needed, names, "epoch", _TAKEN_UP)

    yield guarded("evidence_batches", of_batches)
    yield guarded("evidence_imports", of_imports)
    yield guarded("evidence_epochs", of_epochs)


def on_chain(home: Home, contracts: Contracts) -> Iterator[Finding]:
    """The folders the chain knows: certifications and payout runs."""

    def of_certifications() -> Finding:
        numbers = range(1, contracts.certification.count() + 1)
        found = [record for record in map(contracts.certification.find, numbers) if record is not None]
        known = {certification_name(record.number, record.dossier) for record in found}
        folder = certifications_folder(home.evidence)
        return _compared("evidence_certifications", folder, known, known, "certification", _TAKEN_UP)

    def of_payouts() -> Finding:
        runs = [(n, contracts.distributor.run(n)) for n in range(1, contracts.distributor.current_run() + 1)]
        known = {f"{number:06d}-{run.root.hex()}" for number, run in runs if run is not None}
        left = "a run that was not published or was cancelled; published again they are taken up, or may be removed"
        return _compared("evidence_payouts", payouts_folder(home.evidence), known, known, "payout run", left)

    yield guarded("evidence_certifications", of_certifications)
    yield guarded("evidence_payouts", of_payouts)


def leftovers(home: Home) -> Finding:
    """What interrupted commands left under temporary names."""
    unfinished = [path for folder in (home.evidence / STAGING, home.staging) for path in _inside(folder)]
    folders = (home.path, home.keys, home.keys / "days")
    strays = [path for folder in folders for path in sorted(folder.glob(".*.tmp")) if path.is_file()]
    found = [str(path) for path in (*unfinished, *strays)]
    if not found:
        return fine("temporary_files", "none")
    explained = ["work of a command that was stopped, which the next import removes"] if unfinished else []
    explained += ["files that were not renamed to their names"] if strays else []
    return warning(
        "temporary_files",
        f"{len(found)} left: {_some(found)} ({'; '.join(explained)})",
        "if no command is running, remove them",
        paths=found,
    )


def _compared(name: str, folder: Path, needed: Iterable[str], known: Iterable[str], what: str, left: str) -> Finding:
    """The folders that are there against those that are needed, and those that something knows of."""
    there = {path.name for path in _inside(folder)}
    missing = sorted(each for each in needed if not _is_whole(folder / each))
    orphans = sorted(there - set(known))
    facts: dict[str, object] = {"folders": len(there), "missing": missing, "orphans": orphans}
    if missing:
        return failure(
            name, f"no folder, or no manifest in it, for {what} {_some(missing)}", "restore it from a backup", **facts
        )
    if orphans:
        return warning(
            name,
            f"folders: {len(there) - len(orphans)}; {len(orphans)} more belong to no {what} ({left})",
            f"look at {_some([str(folder / each) for each in orphans])}",
            **facts,
        )
    return fine(name, f"folders: {len(there)}", **facts)


def _is_whole(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("manifest.json", "record.json"))


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
