"""What a backup is on disk: a folder that appears whole, and the manifest in it that answers for each file."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from registry.errors import ConflictError, EvidenceError
from registry.evidence.files import canonical_json, check_file, read_canonical, storage_errors, sync
from registry.store.copying import Copied, TableCopy

FORMAT: Final = "puhui.backup/v1"
MANIFEST: Final = "backup.json"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `made_at` in epoch seconds; `files` gives bytes and SHA-256 of each.

    `block` is the chain's newest at the end, None when its node did not answer; `embedded` says that the chain is here.
    """

    made_at: int
    database: Copied
    chain_id: int
    genesis: str
    embedded: bool
    block: int | None
    files: dict[str, dict[str, object]]

    def to_json(self) -> dict[str, object]:
        """The content of `backup.json`, but for its digest."""
        return {"format": FORMAT, **asdict(self)}

    def write(self, folder: Path) -> None:
        """Write `backup.json`, with the digest of all that it says."""
        body = self.to_json()
        (folder / MANIFEST).write_bytes(canonical_json({**body, "digest": _digest(body)}))

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a backup; raises EvidenceError when there is none, or one that was changed."""
        path = folder / MANIFEST
        body: dict[str, Any] = read_canonical(path)
        try:
            if body.pop("digest") != _digest(body):
                raise ValueError("its digest is another")
            if body.pop("format") != FORMAT:
                raise ValueError("unknown format")
            given = body.pop("database")
            tables = tuple(TableCopy(t["name"], tuple(t["columns"]), t["rows"]) for t in given["tables"])
            made = cls(database=Copied(given["kind"], given["schema"], given["read_to"], tables), **body)
            if odd := [name for name in made.files if not _is_below(name)]:
                raise ValueError(f"{odd[0]!r} is no file of a backup")
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"{path}: not the manifest of a backup ({error})", path=str(path)) from error
        return made

    def check(self, folder: Path, progress: Progress = lambda _: None) -> None:
        """Compare every file with this; raises EvidenceError naming the first one that is missing or differs."""
        for name, entry in self.files.items():
            progress(name)
            check_file(folder / name, entry)


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(body)).hexdigest()


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and bool(path.parts) and ".." not in path.parts


@contextmanager
def appearing(final: Path, what: str) -> Iterator[Path]:
    """A folder under the name `final.partial`, which gets its own name once everything in it is on disk.

    Raises ConflictError when there is something under either name; on any error, an interrupt included, it is removed.
    """
    partial = final.with_name(final.name + ".partial")
    with storage_errors(f"{what} {final}"):
        if final.exists() and (not final.is_dir() or any(final.iterdir())):
            raise ConflictError(f"{final} exists already", hint="give a folder that is not there yet", path=str(final))
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.mkdir(mode=0o700)
        except FileExistsError as error:
            raise ConflictError(
                f"{partial} exists: another {what} is being made, or one was killed",
                hint="if no other is running, remove it",
                path=str(partial),
            ) from error
        try:
            yield partial
            for path in (*partial.rglob("*"), partial):
                sync(path)
            partial.rename(final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync(final.parent)


def make_folder(root: Path, folder: Path) -> None:
    """Make a folder below `root`, and those between, for their owner alone."""
    for each in reversed([folder, *folder.parents]):
        if each.is_relative_to(root):
            each.mkdir(exist_ok=True, mode=0o700)
