"""Deciding operations while the connection to PostgreSQL is cut at commits: each outcome is found by its key.

The key of an operation is its digest. Whoever is told that it is not known whether his decision was recorded gives it
again; whatever was recorded before, there is then one operation, one act and one effect.
"""

from __future__ import annotations

import tempfile
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from eth_account import Account
from sqlmodel import Session, col, select

from registry.chain.client import connect
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.provider import EmbeddedProvider
from registry.core.acts import verify
from registry.errors import DatabaseUnavailable
from registry.services.submission import Deed, RecordedSubmitter, Submission
from registry.store import acts, leases, operations, sequences
from registry.store.operation_tables import AttemptRow, AttemptState, OperationRow, OperationState
from registry.store.session import Database
from registry.store.tables import LedgerState
from tests.faults.database_contract import NAME, Counter, deploy
from tests.faults.database_proxy import CommitProxy, Cut, Moment
from tests.postgres import PostgresServer

ACCOUNT: Final = Account.from_key(b"\x11" * 32)
UNKNOWN: Final = "the connection was lost while committing: whether it was recorded is not known"
WAYS: Final = ("sent", "sent with its reason", "batch")
BATCH: Final = 3
# A decision, its signed bytes, its end, the lease given back and taken again are commits: cuts fall on all of them.
TURNS: Final = 6
_EVERYTHING: Final = 1_000_000


@dataclass
class Bench:
    """A ledger's outbox whose database is behind the proxy, and a way to its database that is not."""

    proxy: CommitProxy
    direct: Database
    outbox: Submission
    counter: Counter
    keys: list[int] = field(default_factory=list)
    answers: Tally[str] = field(default_factory=Tally)

    def decide(self, way: str) -> list[int]:
        """Decide one thing, or a few, and bring it to its end, giving it again as often as it takes; the keys."""
        made = [len(self.keys) + n for n in range(BATCH if way == "batch" else 1)]
        self.keys += made
        if way == "batch":
            self.insist(lambda: self._record(made))
            self.insist(lambda: self.outbox.drain(self.submitter))
        elif way == "sent":
            self.insist(lambda: self.submitter.send(self.counter.count(made[0]), self.deed(made[0])))
        else:
            self.insist(lambda: self._send_with_reason(made[0]))
        return made

    def insist(self, step: Callable[[], object]) -> None:
        """Do it, and again as long as the answer is that the database cannot be used."""
        while True:
            try:
                step()
            except DatabaseUnavailable as error:
                self.answers[error.message] += 1
            else:
                return

    def rest(self) -> None:
        """Give the lease back, so that the next thing begins with taking it."""
        self.insist(self.outbox.close)

    @property
    def submitter(self) -> RecordedSubmitter:
        """Sends through the outbox."""
        return self.outbox.submitter(ACCOUNT, "platform")

    @staticmethod
    def deed(key: int) -> Deed:
        """What deciding a key is for; keys share four streams."""
        return Deed(f"key {key}", str(key % 4))

    def _record(self, made: list[int]) -> None:
        def record(session: Session) -> None:
            sequences.serialise(session)
            for key in made:
                deed = self.deed(key)
                row = self.outbox.operation(self.submitter, "platform", self.counter.count(key), deed)
                if operations.enqueue(session, row) is row:
                    self.outbox.log(session, row, deed)

        self.outbox.db.write(record)

    def _send_with_reason(self, key: int) -> None:
        """As a service does whose own row is part of the decision: what it finds prepared is finished, not decided."""
        call, deed, reason = self.counter.count(key), self.deed(key), f"reason {key}"

        def deciding(session: Session) -> None:
            session.add(LedgerState(key=reason, value="because"))

        with self.outbox.db.read() as session:
            prepared = session.get(LedgerState, reason) is not None
        if prepared:
            self.submitter.finish(f"{NAME}.count", deed.stream)
            self.submitter.send(call, deed)
        else:
            self.submitter.send(call, deed, deciding=deciding)

    # --- what came of it

    def faults(self) -> list[str]:
        """What is not once and only once; nothing for a ledger that kept its promise."""
        rows = self.rows()
        with self.direct.read() as session:
            log = list(acts.all_acts(session))
            attempts = list(session.exec(select(AttemptRow).order_by(col(AttemptRow.nonce))))
        found = list(_unlike("operations", [row.subject for row in rows], [f"key {key}" for key in self.keys]))
        found += _unlike("acts", [act.after["operation"] for act, _ in log], [row.id for row in rows])
        found += _unlike("digests", sorted(row.digest for row in rows), sorted({row.digest for row in rows}))
        found += [f"{row.subject} is {row.state}" for row in rows if row.state is not OperationState.CONFIRMED]
        found += [f"nonce {one.nonce} is {one.state}" for one in attempts if one.state is not AttemptState.MINED]
        found += _unlike("attempts", sorted(one.operation for one in attempts), [row.seq for row in rows])
        found += _unlike("effects", [self.counter.counted(key) for key in self.keys], [1] * len(self.keys))
        verify(self.outbox.chain.genesis, log)
        return found

    def rows(self) -> list[OperationRow]:
        """Every operation, in the order they were decided."""
        with self.direct.read() as session:
            return operations.listed(session, list(OperationState), _EVERYTHING)[::-1]

    def recorded(self, key: int) -> OperationRow | None:
        """The operation of a key, if there is one."""
        with self.direct.read() as session:
            return session.exec(select(OperationRow).where(OperationRow.subject == f"key {key}")).one_or_none()

    def reasons(self) -> int:
        """How many reasons were recorded together with an operation."""
        with self.direct.read() as session:
            wanted = select(LedgerState).where(col(LedgerState.key).startswith("reason "))
            return len(list(session.exec(wanted)))

    def token(self) -> int:
        """How often the lease changed hands."""
        with self.direct.read() as session:
            found = leases.find(session, ACCOUNT.address.lower())
        return 0 if found is None else found.token


def _unlike(what: str, found: list[Any], expected: list[Any]) -> Iterator[str]:
    if found != expected:
        missing, extra = Tally(expected) - Tally(found), Tally(found) - Tally(expected)
        yield f"{what}: missing {dict(missing)}, too many {dict(extra)}, or in another order"


@contextmanager
def bench(server: PostgresServer) -> Iterator[Bench]:
    """A new ledger on this server and on an embedded chain, with a counter deployed."""
    name = server.create_database()
    direct = Database(server.url(name))
    direct.migrate()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedChain.open(Path(folder) / "chain.db") as embedded,
        CommitProxy(server.folder) as proxy,
    ):
        chain = connect(EmbeddedProvider(embedded), "embedded")
        counter = Counter(chain, deploy(chain, ACCOUNT))
        database = Database(proxy.url(name))
        try:
            yield Bench(proxy, direct, Submission(database, chain, {counter.address: NAME}), counter)
        finally:
            database.close()
            direct.close()
            server.drop_database(name)


def chosen(rng: Random) -> Cut:
    """A cut by lot."""
    return Cut(rng.choice(list(Moment)), rng.randint(1, TURNS), rng.random() < 1 / 2, rng.randint(1, 17))


def campaign(made: Bench, runs: int, rng: Random) -> None:
    """Decide things until `runs` commits were cut, and a few more with no cut at all."""
    for _ in range(runs):
        made.proxy.arm(chosen(rng))
        while made.proxy.armed:
            made.decide(rng.choice(WAYS))
            if rng.random() < 1 / 2:
                made.rest()
    for way in WAYS:
        made.decide(way)
