"""`puhui backup`, `puhui restore` and `puhui reconcile`: keeping a second copy of a ledger, and going on from it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.common import DryRunOption, HomeOption, JsonOption, Progress, emit, home_of, ledger, stdout
from registry.services import backup as backups
from registry.services import reconcile as reconciling
from registry.services import restore as restores
from registry.services.backup_folder import Manifest
from registry.services.reconcile import Reconciled
from registry.settings import Settings
from registry.units import local_text


def backup(
    destination: Annotated[Path, typer.Argument(help="The backup's folder; it must not be there yet.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back the ledger up into a new folder; others may go on writing, and no password is needed.

    Evidence is linked and not copied where that is possible: to be safe from the loss of the disk, copy the backup to
    another one. It holds keys and personal data, as the ledger does.
    """
    with Progress("backup") as progress:
        made = backups.backup(home_of(home), Settings(), destination, progress)
    _said(as_json, made, destination.absolute(), "backup")


def restore(
    source: Annotated[Path, typer.Argument(help="A folder made by `puhui backup`.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the ledger of a backup in --home, where none may be. Then `puhui reconcile` before anything is written.

    Exit 3 if any file is not as it was. PostgreSQL's tables go into the empty database of PUHUI_DATABASE_URL.
    """
    target = home_of(home)
    with Progress("restore") as progress:
        made = restores.restore(source, target, Settings(), progress)
    _said(as_json, made, target.path, "restored")


def reconcile(home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Let the database catch up with chain and evidence; a restored ledger is open for writing again after it.

    Exit 3 if evidence lacks what the chain has, or the chain what the database says. No password is needed.
    """
    target = home_of(home)
    target.config()
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(target.writing())
        opened = stack.enter_context(ledger(home))
        done = reconciling.reconcile(opened, dry_run=dry_run, progress=stack.enter_context(Progress("reconcile")))

    def text() -> None:
        for repair in done.found.repairs:
            stdout.print(f"{repair.kind} {repair.subject}: {repair.change}", markup=False)
        for each in (*done.found.lost, *done.found.unexplained):
            stdout.print(f"no act: {each.kind} in block {each.block}, transaction {each.tx_hash}", markup=False)
        for line in done.not_rebuilt:
            stdout.print(f"not rebuilt: {line}", markup=False)
        stdout.print(_outcome(done), markup=False)

    emit(as_json, done.to_json(), text)


def _outcome(done: Reconciled) -> str:
    count = len(done.found.repairs)
    if done.dry_run:
        return f"block {done.found.block:,}: {count} rows are behind; nothing was written"
    closing = "; the ledger is open for writing" if done.restored else ""
    return f"block {done.found.block:,}: {count} rows caught up, and everything agrees{closing}"


def _said(as_json: bool, made: Manifest, place: Path, what: str) -> None:
    size = sum(int(str(entry["bytes"])) for entry in made.files.values())
    body: dict[str, Any] = {
        what: str(place),
        "made_at": made.made_at,
        "schema": made.database.schema,
        "database": made.database.kind,
        "chain_id": made.chain_id,
        "genesis": made.genesis,
        "embedded_chain": made.embedded,
        "block": made.block,
        "files": len(made.files),
        "bytes": size,
    }

    def text() -> None:
        where = "its node did not answer" if made.block is None else f"block {made.block:,}"
        chain = "with the chain" if made.embedded else "without the chain, which is a node of its own"
        stdout.print(f"{what}: {place}", markup=False)
        stdout.print(f"{len(made.files):,} files, {size:,} bytes, all as the manifest says", markup=False)
        stdout.print(f"made {local_text(made.made_at)}, {where}, {chain}", markup=False)
        if what == "restored":
            stdout.print("what to do: puhui reconcile", markup=False)

    emit(as_json, body, text)
