"""A sample of the campaigns of `database_runs`: commits that are cut, and holders of a lease that are stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import Session

from registry.errors import DatabaseUnavailable
from registry.store import operations
from registry.store.operation_tables import OperationState
from registry.store.session import Database
from registry.store.tables import LedgerState
from tests.faults import database_commits
from tests.faults.database_commits import UNKNOWN, WAYS, Bench
from tests.faults.database_proxy import Cut, Moment
from tests.faults.database_stops import anvil, pair
from tests.postgres import PostgresServer

# Where the answer ends: in its first byte's length, in its text, between its two messages, in the second one.
ANSWERED = (3, 8, 12, 17)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the tests of this file."""
    made = PostgresServer()
    yield made
    made.stop()


@pytest.fixture
def bench(server: PostgresServer) -> Iterator[Bench]:
    """An outbox with its database behind the proxy."""
    with database_commits.bench(server) as made:
        yield made


def turns_of(session: Session) -> str | None:
    """What the test wrote."""
    row = session.get(LedgerState, "turns")
    return None if row is None else row.value


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize(("moment", "recorded"), [(Moment.BEFORE, None), (Moment.AFTER, "1"), (Moment.INSIDE, "1")])
def test_a_write_whose_commit_is_cut_says_that_its_outcome_is_not_known(
    bench: Bench, moment: Moment, recorded: str | None, reset: bool
) -> None:
    runs = []

    def write(session: Session) -> None:
        runs.append(1)
        session.merge(LedgerState(key="turns", value="1"))

    for answered in ANSWERED if moment is Moment.INSIDE else (0,):
        bench.direct.write(lambda session: session.delete(row) if (row := session.get(LedgerState, "turns")) else None)
        runs.clear()
        bench.proxy.arm(Cut(moment, 1, reset, answered))
        with pytest.raises(DatabaseUnavailable) as caught:
            bench.outbox.db.write(write)
        assert caught.value.message == UNKNOWN
        assert caught.value.hint == "run the command again; it finds what was recorded"
        assert runs == [1]  # nothing may be done again behind the back of who asked
        with bench.direct.read() as session:
            assert turns_of(session) == recorded
        bench.outbox.db.write(write)  # and the next connection is a good one
        with bench.direct.read() as session:
            assert turns_of(session) == "1"


@pytest.mark.parametrize("way", WAYS)
def test_wherever_a_commit_is_cut_what_is_given_again_is_done_once(bench: Bench, way: str) -> None:
    cuts = [Cut(moment, turn) for moment in Moment for turn in (1, 2, 3, 4)]
    for cut in cuts:
        bench.rest()  # so that the lease is taken anew: the first or the second commit
        bench.proxy.arm(cut)
        while bench.proxy.armed:
            bench.decide(way)
    assert bench.proxy.done == cuts
    assert bench.answers == {UNKNOWN: len(cuts)}
    assert bench.faults() == []
    assert bench.reasons() == (len(bench.keys) if way == "sent with its reason" else 0)


def test_a_decision_whose_commit_was_cut_is_not_forgotten_when_nobody_gives_it_again(bench: Bench) -> None:
    bench.decide("sent")
    call, deed = bench.counter.count(77), bench.deed(77)
    bench.proxy.arm(Cut(Moment.AFTER))
    with pytest.raises(DatabaseUnavailable):
        bench.submitter.send(call, deed)
    found = bench.recorded(77)
    assert found is not None
    assert (found.state, bench.counter.counted(77)) == (OperationState.PENDING, 0)
    bench.outbox.drain(bench.submitter)
    bench.keys.append(77)
    assert (bench.counter.counted(77), bench.faults()) == (1, [])


def test_what_is_lost_or_there_twice_is_found(bench: Bench) -> None:
    bench.decide("batch")
    assert bench.faults() == []
    bench.keys.append(99)
    assert bench.faults() == [
        "operations: missing {'key 99': 1}, too many {}, or in another order",
        "effects: missing {1: 1}, too many {0: 1}, or in another order",
    ]
    bench.keys.remove(99)

    def again(session: Session) -> None:
        row = bench.outbox.operation(bench.submitter, "platform", bench.counter.count(0), bench.deed(0))
        assert operations.enqueue(session, row) is row
        bench.outbox.log(session, row, bench.deed(0))

    bench.direct.write(again)
    bench.outbox.drain(bench.submitter)
    (known,) = {row.digest for row in bench.rows() if row.subject == "key 0"}
    assert bench.faults() == [
        "operations: missing {}, too many {'key 0': 1}, or in another order",
        f"digests: missing {{}}, too many {{'{known}': 1}}, or in another order",
        "key 0 is UNCHANGED",
        "attempts: missing {4: 1}, too many {}, or in another order",
    ]


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_a_holder_that_is_stopped_between_signing_and_committing_commits_nothing_when_it_goes_on(
    server: PostgresServer, tmp_path: Path, kind: str
) -> None:
    url = server.url(server.create_database()) if kind == "postgresql" else f"sqlite:///{tmp_path / 'ledger.db'}"
    folder = tmp_path / "workers"
    folder.mkdir()
    with closing(Database(url)) as database:
        database.migrate()
        with anvil() as node, pair(url, node, folder, seed=1, points=("sign",)) as workers:
            workers.stop_at_point()
            workers.finish()
            assert workers.faults() == []
            told = workers.stops.told
        assert (told["stopped"], told["lost"] >= 1) == (1, True)
        with database.read() as session:
            assert operations.signers_with_work(session) == []
