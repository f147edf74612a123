"""The hooks of `kill_points` in a process of the ledger: wrappers, installed once, for the rest of its life."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.orm import Session

from registry.chain.embedded import database
from registry.chain.embedded.store import ChainStore
from registry.chain.sending import Watcher
from registry.evidence import batch
from registry.evidence.files import STAGING
from registry.services import private_files
from registry.store import chain_events, copying, leases, operations
from tests.faults.kill_points import Trap


def install(trap: Trap) -> None:
    """Wrap what has effects."""
    _files(trap)
    _database(trap)
    _chain(trap)


def _around(module: Any, name: str, before: Callable[..., None] | None, after: Callable[..., None] | None) -> None:
    wrapped = getattr(module, name)

    def around(*arguments: Any, **named: Any) -> Any:
        if before is not None:
            before(*arguments)
        result = wrapped(*arguments, **named)
        if after is not None:
            after(*arguments)
        return result

    setattr(module, name, around)


# --- files


def _files(trap: Trap) -> None:
    def torn(wrapped: Callable[..., Any]) -> Callable[..., Any]:
        """Write as `wrapped` does; at the hit to die at, only half of it is there."""

        def write(*arguments: Any, **named: Any) -> Any:
            path = next((Path(each) for each in reversed(arguments) if isinstance(each, str | Path)), None)
            point = None if path is None else trap.place(path)
            if path is None or point is None:
                return wrapped(*arguments, **named)
            due = trap.due(point)
            result = wrapped(*arguments, **named)
            if due:
                written = result if isinstance(result, Path) else path
                os.truncate(written, written.stat().st_size // 2)
                trap.die()
            return result

        return write

    for owner, name in (
        (pl.LazyFrame, "sink_parquet"),  # which `DataFrame.write_parquet` is
        (Path, "write_bytes"),
        (batch, "write_private"),
        (private_files, "_write_temporary"),  # under another name, which it returns
        (shutil, "copy2"),
        (copying, "_back_up"),
    ):
        setattr(owner, name, torn(getattr(owner, name)))
    _around(
        os,
        "fsync",
        lambda _descriptor: trap.hit("file.before_fsync"),
        lambda _descriptor: trap.hit("file.after_fsync"),
    )
    for name in ("rename", "replace", "link"):
        _rename(trap, name)
    rmtree = shutil.rmtree

    def remove(path: Any, *arguments: Any, **named: Any) -> None:
        folder = Path(path)
        inside = sorted(each for each in folder.rglob("*") if each.is_file()) if folder.is_dir() else []
        if inside and trap.due("folder.remove"):
            inside[0].unlink()
            trap.die()
        rmtree(path, *arguments, **named)

    shutil.rmtree = remove  # type: ignore[assignment]


def _rename(trap: Trap, name: str) -> None:
    wrapped = getattr(os, name)

    def rename(source: Any, target: Any, **named: Any) -> None:
        if trap.place(Path(target)) is None:
            wrapped(source, target, **named)
            return
        kind = "folder" if Path(source).is_dir() else "file"
        trap.hit(f"{kind}.before_rename")
        wrapped(source, target, **named)
        # A file of a backup goes with its folder to another name, and counts from there on.
        # What is renamed to where folders are made and taken apart is being removed.
        kept = Path(target).parent.name != STAGING
        if kept and (kind == "folder" or Path(target).is_relative_to(trap.home)):
            trap.acknowledge("path", os.path.relpath(target, trap.home))
        trap.hit(f"{kind}.after_rename")

    setattr(os, name, rename)


# --- the database


def _database(trap: Trap) -> None:
    marks: set[str] = set()  # what the transaction in progress is about

    def marking(*about: str) -> Callable[..., None]:
        return lambda *_: marks.update(about)

    def writes(connection: Connection) -> bool:
        return bool(connection.get_execution_options().get("puhui_writes", True))

    def begun(session: Session, _transaction: object, connection: Connection) -> None:
        session.info["writes"] = writes(connection)
        if session.info["writes"]:
            marks.clear()
            session.info["rows"] = []
            trap.hit("db.after_begin")

    def flushed(session: Session, _context: object) -> None:
        if session.info.get("writes"):
            session.info["rows"] += [(made.__tablename__, inspect(made).mapper, made) for made in session.new]
            trap.hit("db.after_flush")

    def committing(connection: Connection) -> None:
        if writes(connection):
            for mark in sorted(marks):
                if ".before_" in mark:
                    trap.hit(mark)
            trap.hit("db.before_commit")

    def committed(session: Session) -> None:
        if not session.info.get("writes"):
            return
        for table, mapper, made in session.info["rows"]:
            trap.acknowledge("row", [table, [str(key) for key in mapper.primary_key_from_instance(made)]])
        for mark in sorted(marks):
            if ".after_" in mark:
                trap.hit(mark)
        trap.hit("db.after_commit")

    event.listen(Session, "after_begin", begun)
    event.listen(Session, "after_flush", flushed)
    event.listen(Engine, "commit", committing)
    event.listen(Session, "after_commit", committed)
    _around(operations, "enqueue", None, marking("outbox.before_decided", "outbox.after_decided"))
    _around(operations, "commit_signed", None, marking("outbox.before_signed", "outbox.after_signed"))
    for name in ("confirm", "end"):
        _around(operations, name, None, marking("outbox.before_concluded", "outbox.after_concluded"))
    _around(leases, "take", None, marking("lease.after_taken"))
    _around(leases, "release", None, marking("lease.after_returned"))
    _around(chain_events, "append", None, marking("index.after_append"))
    _around(chain_events, "append", lambda *_: trap.hit("index.before_append"), None)


# --- the chain


def _chain(trap: Trap) -> None:
    for name, point in (("deliver", "send"), ("receipts", "receipt")):
        _node(trap, name, point)
    leave, append = database.Transaction.__exit__, ChainStore.append

    def leaving(self: database.Transaction, kind: object, *rest: object) -> None:
        if kind is None:
            trap.hit("chain.before_commit")
        leave(self, kind, *rest)

    def appended(self: ChainStore, block: Any) -> None:
        append(self, block)
        trap.acknowledge("block", [int(block.header.block_number), block.header.hash.hex()])
        trap.hit("chain.after_commit")

    database.Transaction.__exit__ = leaving  # type: ignore[method-assign]
    ChainStore.append = appended  # type: ignore[method-assign]


def _node(trap: Trap, name: str, point: str) -> None:
    wrapped = getattr(Watcher, name)

    def asked(self: Watcher, given: Any) -> Any:
        if given:
            trap.hit(f"node.before_{point}")
        answers = wrapped(self, given)
        if given:
            trap.hit(f"node.after_{point}")
        return answers

    setattr(Watcher, name, asked)
