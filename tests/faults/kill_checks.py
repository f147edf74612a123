"""What a ledger holds, as figures that two histories of one line have in common, and everything that may not be wrong.

Nothing here compares with what the killed process meant to do: `facts` are compared with those of a ledger on which
the same command was never interrupted, and `faults` hold of every ledger at rest.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlp
from sqlalchemy import text
from sqlmodel import col, select

from registry.audit.ledger import audit_ledger
from registry.chain.event_reader import EventReader
from registry.core.acts import verify as verify_acts
from registry.errors import PuhuiError
from registry.services.backup_folder import Manifest
from registry.services.balance import balance_sheet
from registry.services.checks.finding import Level
from registry.services.doctor import examine
from registry.services.home import Home
from registry.services.ledger import Ledger
from registry.settings import Settings
from registry.store import acts, chain_events, operations
from registry.store.log_tables import EventRow
from registry.store.operation_tables import OPEN, AttemptRow, AttemptState, OperationRow, OperationState
from registry.store.tables import Table
from tests.services.homes import opened

# What an interruption may leave behind: named by the doctor, counting for nothing. How full the disk is is no matter.
EXPLAINED = ("temporary_files", "disk")
COUNTED = {
    "accounts": "SELECT count(*) FROM accounts",
    "carriers": "SELECT count(*) FROM carriers",
    "batches": "SELECT state, epoch, service_date, sequence, trip_count, reduction_mg FROM batches ORDER BY 3, 4",
    "epochs": "SELECT number, state, size FROM epochs WHERE state <> 'CANCELLED' ORDER BY number",
    "imports": "SELECT source_id, rows, trips, rows_used, reduction_mg FROM imports ORDER BY id",
    "orders": "SELECT side, issuance, tonnes, limit_fen FROM orders ORDER BY 1, 2, 3, 4",
    "operations": "SELECT kind, role, count(*) FROM operations WHERE state = 'CONFIRMED' GROUP BY 1, 2 ORDER BY 1, 2",
    "events": "SELECT contract, name, count(*) FROM chain_events GROUP BY 1, 2 ORDER BY 1, 2",
}


def facts(ledger: Ledger) -> dict[str, Any]:
    """Sums, counts and states of the chain and the database, in plain values. No hash, no time, no key."""
    found: dict[str, Any] = {}
    for account in balance_sheet(ledger):
        found[account.en] = {**dict(account.came_in), "now": dict(account.is_now)}
    with ledger.db.read() as session:
        for name, query in COUNTED.items():
            found[name] = [list(row) for row in session.connection().execute(text(query))]
        signers = sorted(set(session.exec(select(OperationRow.role, OperationRow.signer))))
    sent = Counter(one.sender for one in mined(ledger.home.path) if one.ok)
    found["transactions"] = {role: sent[who] for role, who in signers}
    return found


def faults(home: Path) -> list[str]:
    """Everything wrong with the ledger of `home`; none if it is sound. Nothing may be open in it."""
    with opened(home, writing=False) as ledger:
        return [*_audit(ledger), *_outbox(ledger), *_acts(ledger), *_events(ledger)]


def complaints(home: Path) -> list[str]:
    """What `puhui doctor` finds, but for what an interruption may leave behind and names."""
    return [
        found.line
        for found in examine(Home(home), Settings())
        if found.level is not Level.OK
        and not (found.level is Level.WARNING and (found.facts.get("orphans") or found.name in EXPLAINED))
    ]


def backup_faults(folder: Path) -> list[str]:
    """What is wrong with a backup: every file is compared with its manifest."""
    try:
        Manifest.read(folder).check(folder)
    except PuhuiError as error:
        return [f"backup: {error.message}"]
    return []


@dataclass(frozen=True)
class Mined:
    """A transaction in a block: its hash and sender as 0x hex, and whether it did what it was to do."""

    block: int
    tx_hash: str
    sender: str
    ok: bool


def mined(home: Path) -> list[Mined]:
    """Every transaction of the chain, read from its file."""
    with closing(sqlite3.connect(home / "chain.db")) as chain:
        rows = chain.execute(
            "SELECT block, hash, sender, receipt FROM transactions ORDER BY block, position"
        ).fetchall()
    return [Mined(at, "0x" + tx.hex(), "0x" + who.hex(), rlp.decode(said)[0] == b"\x01") for at, tx, who, said in rows]


def lost(home: Path, promised: list[tuple[str, Any]]) -> list[str]:
    """What was acknowledged and is not there: rows, blocks, folders and files. Opens nothing that repairs itself."""
    missing = []
    with closing(sqlite3.connect(home / "ledger.db")) as ledger, closing(sqlite3.connect(home / "chain.db")) as chain:
        for kind, what in promised:
            if kind == "row" and not _has_row(ledger, *what):
                missing.append(f"the row {what[1]} of {what[0]}")
            elif kind == "block":
                query = "SELECT count(*) FROM blocks WHERE number = ? AND hash = ?"
                if not chain.execute(query, (what[0], bytes.fromhex(what[1]))).fetchone()[0]:
                    missing.append(f"block {what[0]}")
            elif kind == "path" and not (home / what).exists():
                missing.append(f"{what}")
    return missing


def _has_row(database: sqlite3.Connection, table: str, key: list[str]) -> bool:
    columns = Table.metadata.tables[table].primary_key.columns
    where = " AND ".join(f"CAST({column.name} AS TEXT) = ?" for column in columns)
    query = f"SELECT count(*) FROM {table} WHERE {where}"  # noqa: S608 - names of the schema
    return bool(database.execute(query, key).fetchone()[0])


def open_operations(home: Path) -> int:
    """How many operations are not at their end."""
    with opened(home, writing=False) as ledger, ledger.db.read() as session:
        return sum(count for state, count in operations.counts(session).items() if state in OPEN)


def _audit(ledger: Ledger) -> Iterator[str]:
    report = audit_ledger(ledger.contracts, ledger.home.evidence)
    yield from (f"audit: {check.name}: {check.actual}" for check in report.checks if not check.ok)
    if report.level != "full":
        yield f"audit: reached the {report.level} level"


def _outbox(ledger: Ledger) -> Iterator[str]:
    """Every operation at its end, each confirmed one mined once, every nonce used once, every act recorded once."""
    with ledger.db.read() as session:
        rows = list(session.exec(select(OperationRow)))
        attempts = list(session.exec(select(AttemptRow)))
        told = (act.after.get("operation") for act, _ in acts.all_acts(session))
        recorded = Counter(operation for operation in told if operation is not None)
    yield from (f"operation {row.id} {row.kind} is {row.state}" for row in rows if row.state in OPEN)
    nonces = Counter((one.signer, one.nonce) for one in attempts if one.state is not AttemptState.DEAD)
    yield from (f"nonce {nonce} of {signer} has {n} attempts" for (signer, nonce), n in nonces.items() if n != 1)
    yield from (f"attempt {one.tx_hash} is LIVE" for one in attempts if one.state is AttemptState.LIVE)
    first = min((row.block for row in rows if row.block is not None), default=ledger.contracts.chain.head() + 1)
    senders, known = {row.signer for row in rows}, {one.tx_hash for one in attempts}
    sent = [one for one in mined(ledger.home.path) if one.block >= first and one.sender in senders]
    yield from (f"transaction {one.tx_hash} is not of the outbox" for one in sent if one.tx_hash not in known)
    of_call = {one.tx_hash: one.operation for one in attempts if not one.fills}
    done = Counter(of_call.get(one.tx_hash) for one in sent if one.ok)
    for row in rows:
        if done[row.seq] != int(row.state is OperationState.CONFIRMED):
            yield f"operation {row.id} {row.kind} is {row.state} and was done {done[row.seq]} times"
        if recorded[row.id] != 1:
            yield f"operation {row.id} {row.kind} stands in the log of acts {recorded[row.id]} times"
    if recorded.total() != len(rows):
        yield f"{recorded.total()} acts of operations, and {len(rows)} operations"


def _acts(ledger: Ledger) -> Iterator[str]:
    with ledger.db.read() as session:
        try:
            verify_acts(ledger.contracts.chain.genesis, acts.all_acts(session))
        except PuhuiError as error:
            yield f"the log of acts: {error}"


def _events(ledger: Ledger) -> Iterator[str]:
    """The feed against the chain read from nothing: the same events, in the same order, with the numbers 1, 2, 3."""
    contracts = ledger.contracts
    reader = EventReader(contracts.chain, contracts.deployment.addresses)
    chain = [
        (event.block, event.log_index, event.block_hash, event.tx_hash, event.contract, event.name, event.arguments)
        for chunk in reader.chunks(contracts.deployment.first_block, contracts.chain.head())
        for event in chunk.events
    ]
    with ledger.db.read() as session:
        rows = list(session.exec(select(EventRow).order_by(col(EventRow.sequence))))
        place = chain_events.cursor(session)
    feed = [
        (row.block, row.log_index, row.block_hash, row.tx_hash, row.contract, row.name, row.arguments) for row in rows
    ]
    if feed != chain:
        yield f"the feed has {len(feed)} events, and read again there are {len(chain)}, or others"
    if [row.sequence for row in rows] != list(range(1, len(rows) + 1)):
        yield "the numbers of the feed have a gap"
    if place is None or place.block != contracts.chain.head():
        yield f"the feed was read to {place}, and the chain is at {contracts.chain.head()}"
