"""Backing a ledger up while others write to it.

The order is what makes it fit together. The database first, then evidence, keys and settings, the chain last: whatever
the database refers to is in what was copied after it. What is newer there `puhui reconcile` adds after a restore.
"""

from __future__ import annotations

import shutil
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from registry.chain.client import connect_url
from registry.chain.deployment import Deployment
from registry.chain.embedded.store import ChainStore
from registry.errors import ChainMismatch, ChainUnavailable, InputError, StorageError
from registry.evidence.files import STAGING, file_entry
from registry.services.backup_folder import Manifest, Progress, appearing, make_folder
from registry.services.clock import Clock, SystemClock
from registry.services.home import Home
from registry.services.ledger import open_database
from registry.settings import Settings
from registry.store import copying
from registry.store.copying import Copied

CHAIN: Final = "chain.db"


@dataclass
class _Copy:
    """A backup in the making: where it stands, and what is in it so far."""

    folder: Path
    progress: Progress
    files: dict[str, dict[str, object]] = field(default_factory=dict)

    def note(self, name: str) -> None:
        """Put a file that was written here into the manifest."""
        self.files[name] = file_entry(self.folder / name)

    def add(self, source: Path, name: str, *, link: bool = False) -> None:
        """Copy a file, or link it: one that is never written to again can have two names."""
        target = self.folder / name
        make_folder(self.folder, target.parent)
        if not (link and _linked(source, target)):
            shutil.copy2(source, target)
        self.note(name)

    def tree(self, source: Path, name: str) -> None:
        """Link a folder with everything below it."""
        for path in sorted(source.iterdir()):
            below = f"{name}/{path.name}"
            if path.is_dir():
                self.tree(path, below)
            elif path.is_file():
                self.add(path, below, link=True)
            elif path.is_symlink() or path.exists():
                raise StorageError(f"{path} is no file", path=str(path))
            else:
                raise FileNotFoundError(path)

    def forget(self, name: str) -> None:
        """Leave out a folder that was removed while it was copied."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        self.files = {file: entry for file, entry in self.files.items() if not file.startswith(f"{name}/")}


def backup(
    home: Home, settings: Settings, destination: Path, progress: Progress = lambda _: None, clock: Clock | None = None
) -> Manifest:
    """Back the ledger up into the new folder `destination`; no password is needed, and nobody has to stop writing.

    Raises ConflictError when something is there already, StorageError, DatabaseUnavailable, ChainMismatch and
    EvidenceError; then nothing is left. The backup holds keys and personal data as the ledger does.
    """
    config, deployment = home.config(), Deployment.load(home.contracts)
    target = destination.resolve()
    if target.is_relative_to(home.path.resolve()):
        raise InputError(f"{target} is inside of the ledger it would be a backup of", hint="give another folder")
    embedded = config.rpc_url is None and (home.chain.exists() or settings.rpc_url is None)
    with appearing(target, "backup") as folder:
        copy = _Copy(folder, progress)
        progress("database")
        database = _database(home, settings, copy)
        progress("evidence")
        _evidence(home.evidence, copy)
        progress("keys")
        _keys(home.keys, copy)
        for path in (home.path / "config.json", home.contracts):
            copy.add(path, path.name)
        progress("chain")
        if embedded:
            block: int | None = _embedded(home, deployment, copy)
        else:
            block = _newest_block(str(settings.rpc_url or config.rpc_url), deployment)
        made = Manifest(
            made_at=(clock or SystemClock()).now_ms() // 1_000,
            database=database,
            chain_id=deployment.chain_id,
            genesis="0x" + deployment.genesis.hex(),
            embedded=embedded,
            block=block,
            files=dict(sorted(copy.files.items())),
        )
        made.write(folder)
        Manifest.read(folder).check(folder, lambda name: progress(f"checking {name}"))
    return made


def _database(home: Home, settings: Settings, copy: _Copy) -> Copied:
    with closing(open_database(home, settings)) as db:
        db.check_schema()
        copied = copying.save(db, copy.folder)
    for path in sorted(copy.folder.rglob("*")):
        if path.is_file():
            copy.note(path.relative_to(copy.folder).as_posix())
    return copied


def _evidence(source: Path, copy: _Copy) -> None:
    """Each folder as a whole: they appear so, and one that is removed meanwhile is left out."""
    kinds = [path for path in sorted(source.iterdir()) if path.name != STAGING]
    for path in (path for kind in kinds for path in sorted(kind.iterdir())):
        name = f"evidence/{path.parent.name}/{path.name}"
        copy.progress(name)
        try:
            copy.tree(path, name)
        except FileNotFoundError:
            if path.exists():
                raise
            copy.forget(name)


def _keys(source: Path, copy: _Copy) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file() and not (path.name.startswith(".") and path.suffix == ".tmp"):
            # Never linked: a day key is destroyed where it stands.
            copy.add(path, f"keys/{path.relative_to(source).as_posix()}")


def _embedded(home: Home, deployment: Deployment, copy: _Copy) -> int:
    if not home.chain.exists():
        raise StorageError(f"{home.chain} is gone", hint="restore it from a backup")
    copying.copy_file(home.chain, copy.folder / CHAIN)
    with closing(ChainStore(copy.folder / CHAIN)) as store:
        genesis, head = store.block(0), store.head()
    if genesis is None or genesis.hash != deployment.genesis:
        raise ChainMismatch(f"{home.chain} is not the chain of this ledger", expected=deployment.genesis.hex())
    copy.note(CHAIN)
    return head.number


def _newest_block(url: str, deployment: Deployment) -> int | None:
    """The number of the node's newest block, None when it does not answer: the node has backups of its own."""
    with suppress(ChainUnavailable):
        chain = connect_url(url)
        if (chain.chain_id, chain.genesis) != (deployment.chain_id, deployment.genesis):
            raise ChainMismatch(f"{url} is not the chain of this ledger", expected=deployment.genesis.hex())
        return chain.head()
    return None


def _linked(source: Path, target: Path) -> bool:
    """Whether the file could be given a second name: not on another file system, nor everywhere."""
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True
