"""A ledger's health: machine, keys, database, chain, evidence, sums. Looks only; changes nothing.

The checks stand in `registry.services.checks`, one module an area. Their names are stable: monitoring follows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final, TypeVar

from registry.chain.client import Chain
from registry.chain.deployment import Contracts, Deployment
from registry.errors import PuhuiError
from registry.services.checks import database, evidence, machine, node, totals
from registry.services.checks.finding import Finding, Level, guarded, of_error, skipped
from registry.services.clock import Clock, SystemClock
from registry.services.home import Home
from registry.services.ledger import Keys, Ledger, open_chain, open_database
from registry.services.submission import Submission
from registry.settings import Settings
from registry.store.session import Database

T = TypeVar("T")
OF_DATABASE: Final = (
    *("database_durability", "database_integrity", "operations", "acts"),
    *("evidence_batches", "evidence_imports", "evidence_epochs"),
)
OF_CHAIN: Final = ("contracts", "clock", "blocks")
OF_LEDGER: Final = (
    *("event_index", "event_cursor", "evidence_certifications", "evidence_payouts"),
    *("points", "tonnes", "cash"),
)


def examine(home: Home, settings: Settings, clock: Clock | None = None) -> Iterator[Finding]:
    """Every check, as it is made; one that fails says what to do."""
    now = clock or SystemClock()
    yield machine.python()
    yield (found := guarded("home", lambda: machine.home_folder(home)))
    if found.level is not Level.OK:
        return
    yield machine.restored(home)
    yield guarded("disk", lambda: machine.disk(home))
    yield guarded("keystores", lambda: machine.keys(home))
    with ExitStack() as stack:
        db, found = _opened("database", lambda: _database(home, settings, stack))
        yield found
        yield from _of_database(home, db, now) if db else _skipped(OF_DATABASE, "the database cannot be used")
        yield evidence.leftovers(home)
        yield (file := guarded("chain_file", lambda: node.indexes(home, settings)))
        if file.level is Level.FAILURE:
            # To open a file that is gone would make another chain.
            yield from _skipped(("chain", *OF_CHAIN, *OF_LEDGER), "the chain's file cannot be used")
            return
        chain, found = _opened("chain", lambda: _chain(home, settings, stack))
        yield found
        if chain is None:
            yield from _skipped((*OF_CHAIN, *OF_LEDGER), "the chain cannot be used")
        else:
            yield from _of_chain(home, settings, db, chain, now)


def _of_database(home: Home, db: Database, clock: Clock) -> Iterator[Finding]:
    yield guarded("database_durability", lambda: database.durability(db))
    yield guarded("database_integrity", lambda: database.integrity(db))
    yield guarded("operations", lambda: database.waiting(db, clock.now_ms()))
    yield guarded("acts", lambda: database.log_of_acts(db, Deployment.load(home.contracts).genesis))
    yield from evidence.recorded(home, db)


def _of_chain(home: Home, settings: Settings, db: Database | None, chain: Chain, clock: Clock) -> Iterator[Finding]:
    deployment = Deployment.load(home.contracts)
    yield (code := guarded("contracts", lambda: node.code(chain, deployment)))
    yield guarded("clock", lambda: node.clock(node.head_of(chain), clock.now_ms()))
    if db is None:
        yield from _skipped(("blocks", *OF_LEDGER), "the database cannot be used")
        return
    yield guarded("blocks", lambda: node.moving(node.head_of(chain), db, clock.now_ms()))
    if code.level is not Level.OK:
        yield from _skipped(OF_LEDGER, "the contracts are not this ledger's")
        return
    contracts = Contracts(chain, deployment)
    ledger = Ledger(home, home.config(), db, Keys(home, settings), contracts, Submission(db, chain, {}))
    yield guarded("event_index", lambda: node.index(ledger))
    yield guarded("event_cursor", lambda: node.standing(contracts, db))
    yield from evidence.on_chain(home, contracts)
    yield from totals.balances(contracts, db)


def _opened(name: str, open_: Callable[[], tuple[T, Finding]]) -> tuple[T | None, Finding]:
    try:
        return open_()
    except PuhuiError as error:
        return None, of_error(name, error)


def _database(home: Home, settings: Settings, stack: ExitStack) -> tuple[Database, Finding]:
    db = open_database(home, settings)
    stack.callback(db.close)
    return db, database.schema(db)


def _chain(home: Home, settings: Settings, stack: ExitStack) -> tuple[Chain, Finding]:
    chain = stack.enter_context(open_chain(home, home.config(), settings))
    return chain, node.pinned(chain, Deployment.load(home.contracts))


def _skipped(names: tuple[str, ...], why: str) -> Iterator[Finding]:
    return (skipped(name, why) for name in names)
