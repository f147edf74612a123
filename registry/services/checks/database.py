"""The database: its schema, how it keeps a commit, the outbox, and the log of acts."""

from __future__ import annotations

from typing import Final

from registry.core.acts import verify
from registry.services.checks.finding import Finding, failure, fine, warning
from registry.store import acts, health, leases, operations, sequences
from registry.store.operation_tables import OperationState
from registry.store.session import Database
from registry.store.tables import SCHEMA_VERSION

SLOW_S: Final = 300
_NAMED: Final = 5  # of the held operations
_SQLITE: Final = {"journal_mode": "wal", "synchronous": "2"}
_POSTGRESQL: Final = {"fsync": ("on",), "full_page_writes": ("on",)}


def schema(db: Database) -> Finding:
    """Whether it is reached and has this version's schema; raises DatabaseUnavailable."""
    db.check_schema()
    with db.read() as session:
        kind = health.kind(session)
    return fine("database", f"{kind}, schema {SCHEMA_VERSION}", kind=kind, schema=SCHEMA_VERSION)


def durability(db: Database) -> Finding:
    """Whether a commit is on disk when it says so."""
    with db.read() as session:
        kind, found = health.kind(session), health.settings(session)
    text = ", ".join(f"{name} {value}" for name, value in found.items())
    if kind == "sqlite":
        bad = [name for name, wanted in _SQLITE.items() if found[name] != wanted]
        to_do = "keep the ledger on a local disk: its commits need WAL and synchronous FULL (2)"
    else:
        bad = [name for name, wanted in _POSTGRESQL.items() if found[name] not in wanted]
        bad += ["synchronous_commit"] if found["synchronous_commit"] == "off" else []
        to_do = f"turn on {', '.join(bad)} in the server's configuration"
    if bad:
        return failure("database_durability", f"a commit can be lost with the power: {text}", to_do, **found)
    return fine("database_durability", text, **found)


def integrity(db: Database) -> Finding:
    """SQLite's quick check of its file."""
    with db.read() as session:
        kind, found = health.kind(session), health.problems(session)
    if found:
        return failure(
            "database_integrity",
            f"the database file is damaged: {found[0]}",
            "stop writing, keep a copy of the file, restore a backup and run `puhui reconcile`",
            problems=found,
        )
    return fine("database_integrity", "quick check: ok" if kind == "sqlite" else "left to the server")


def waiting(db: Database, now_ms: int) -> Finding:
    """The outbox: what is open, and what a person has to decide."""
    with db.read() as session:
        counts = operations.counts(session)
        held = operations.listed(session, (OperationState.HELD,), _NAMED)
        oldest = operations.oldest_open(session)
        work = operations.signers_with_work(session)
        found = {signer: leases.find(session, signer) for _, signer in work}
    numbers = {state: counts.get(state, 0) for state in (OperationState.PENDING, OperationState.IN_FLIGHT)}
    age = 0 if oldest is None else max(0, now_ms - oldest) // 1_000
    facts: dict[str, object] = {
        "pending": numbers[OperationState.PENDING],
        "in_flight": numbers[OperationState.IN_FLIGHT],
        "held": counts.get(OperationState.HELD, 0),
        "held_ids": [row.id for row in held],
        "oldest_seconds": age,
    }
    text = f"{facts['pending']} pending, {facts['in_flight']} in flight" + (
        f", the oldest {age:,} s old" if age else ""
    )
    if held:
        listed = "; ".join(f"{row.id} {row.kind}: {row.reason}" for row in held)
        more = f" (the newest {_NAMED} of {facts['held']})" if len(held) < counts[OperationState.HELD] else ""
        return failure("operations", f"held{more}: {listed}; {text}", f"puhui ops explain {held[0].id}", **facts)
    if age > SLOW_S:
        idle = sorted(role for role, signer in work if (one := found[signer]) is None or one.expires_at <= now_ms)
        to_do = (
            f"no process works for {', '.join(idle)}: run `puhui ops run`"
            if idle
            else "a process works on them; `puhui ops list` says what the last answers were"
        )
        return warning("operations", text, to_do, **facts)
    return fine("operations", text, **facts)


def log_of_acts(db: Database, genesis: bytes) -> Finding:
    """The chain of hashes of the log of acts, and that its end is there; raises VerificationError."""
    with db.read() as session:
        given = sequences.last(session, acts.LOG)
        newest = acts.latest(session, 1)
        last = verify(genesis, acts.all_acts(session))
    count = newest[0].sequence if newest else 0
    if count != given:
        return failure(
            "acts",
            f"the log ends with act {count}, and {given} were written",
            "somebody deleted from the log: restore the database from a backup and compare",
            acts=count,
            written=given,
        )
    return fine("acts", f"one chain of hashes, acts: {count:,}", acts=count, last_hash=last.hex())
