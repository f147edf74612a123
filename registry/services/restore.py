"""Restoring a backup into a new home: every file is checked, and nothing is written there until it was reconciled."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Final

from registry.chain.deployment import Deployment
from registry.errors import ConflictError, EvidenceError, InputError
from registry.evidence.files import canonical_json, check_file
from registry.services.backup_folder import Manifest, Progress, appearing, make_folder
from registry.services.clock import Clock, SystemClock
from registry.services.home import Home
from registry.settings import Settings
from registry.store import copying
from registry.store.session import Database

FORMAT: Final = "puhui.restored/v1"


def restore(
    source: Path, home: Home, settings: Settings, progress: Progress = lambda _: None, clock: Clock | None = None
) -> Manifest:
    """Make the ledger that a backup holds at `home`, where none may be, and mark it as not reconciled.

    PostgreSQL's tables go into the empty database of PUHUI_DATABASE_URL. Raises EvidenceError naming the first file
    that is not as it was, ConflictError when there is a ledger or a database already, InputError for another kind of
    database, StorageError and DatabaseUnavailable; then nothing is left.
    """
    made = Manifest.read(source)
    copying.require_known(made.database.schema)
    url = settings.database_url.get_secret_value() if settings.database_url is not None else None
    _require_kind(made, url)
    with appearing(home.path, "ledger") as folder:
        made.check(source, lambda name: progress(f"checking {name}"))
        staged = Home(folder)
        for empty in (staged.evidence, staged.keys):
            make_folder(folder, empty)
        for name in made.files:
            if not _is_database(name):
                _copy(source, folder, name, progress)
                check_file(folder / name, made.files[name])
        _require_same(made, Deployment.load(staged.contracts))
        now = (clock or SystemClock()).now_ms() // 1_000
        marker = {
            "format": FORMAT,
            "backup_made_at": made.made_at,
            "backup_block": made.block,
            "read_to": made.database.read_to,
            "restored_at": now,
        }
        (folder / home.restored.name).write_bytes(canonical_json(marker))
        # Last, because a server's database is not one of the files that are removed when this fails.
        progress("database")
        _load(made, source, url, staged, home)
    return made


def _is_database(name: str) -> bool:
    return name == copying.FILE or name.startswith(f"{copying.TABLES}/")


def _copy(source: Path, folder: Path, name: str, progress: Progress) -> None:
    """A copy and no link: the backup has to outlive whatever happens to the ledger."""
    progress(name)
    make_folder(folder, (folder / name).parent)
    shutil.copy2(source / name, folder / name)


def _require_kind(made: Manifest, url: str | None) -> None:
    kind = copying.SQLITE if url is None else copying.kind_of(url)
    if kind != made.database.kind:
        raise InputError(
            f"the backup is of a {made.database.kind} database, and the ledger would be on {kind}",
            hint="set PUHUI_DATABASE_URL to an empty PostgreSQL database"
            if made.database.kind == copying.POSTGRESQL
            else "unset PUHUI_DATABASE_URL",
        )


def _require_same(made: Manifest, deployment: Deployment) -> None:
    if (made.chain_id, made.genesis) != (deployment.chain_id, "0x" + deployment.genesis.hex()):
        raise EvidenceError("the backup's contracts file is of another chain than its manifest")


def _load(made: Manifest, source: Path, url: str | None, staged: Home, home: Home) -> None:
    if made.database.kind == copying.POSTGRESQL:
        with closing(Database(str(url))) as db:
            copying.load(db, source, made.database)
        return
    wanted = home.database if url is None else copying.sqlite_path(url)
    target = staged.database if wanted.absolute() == home.database else wanted
    if target.exists():
        raise ConflictError(f"{target} exists already", hint="restore into a database that is not there yet")
    try:
        shutil.copy2(source / copying.FILE, target)
        check_file(target, made.files[copying.FILE])
        with closing(Database.sqlite(target)) as db:
            db.migrate()
    except BaseException:
        target.unlink(missing_ok=True)
        raise
