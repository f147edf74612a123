"""Many writers at once, threads and processes, each with a pool of its own: none meets a lock, nothing is lost."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from sqlmodel import Session

from registry.core.acts import verify
from registry.store import acts, chain_events, operations, sequences
from registry.store.chain_events import Found, Place
from registry.store.operation_tables import OperationRow, OperationState
from registry.store.session import Database

GENESIS = b"\x07" * 32
NOW = 1_760_000_000_000
THREADS, EACH = 50, 4
PROCESSES, EACH_IN_PROCESS = 4, 15
INDEXERS, BLOCKS, EVENTS_A_BLOCK = 8, 60, 5
NUMBERS = "numbers of the test"


def decide(session: Session, writer: str, turn: int) -> int:
    """What a decision of the ledger is: an operation, the act in the log, and a number without a gap."""
    sequences.serialise(session)
    name = f"{writer}/{turn}"
    row = OperationRow(
        id=f"op-{name}",
        kind="Diary.record",
        subject=name,
        stream=f"Diary.record/{writer}",
        role="platform",
        signer="0x" + "a1" * 20,
        contract="0x" + "d1" * 20,
        calldata="0x" + name.encode().hex(),
        gas=4_000_000,
        digest=f"digest of {name}",
        next_at=NOW,
        created_at=NOW,
    )
    recorded = operations.enqueue(session, row)
    assert recorded is row
    acts.append(
        session,
        GENESIS,
        at=NOW // 1_000,
        actor=row.signer,
        role=row.role,
        action=row.kind,
        subject=row.subject,
        before={},
        after={"operation": row.id},
    )
    return sequences.take(session, NUMBERS, 1)


def write(url: str, writer: str, turns: int) -> list[int]:
    """Decide `turns` things, one after the other, and return the numbers they got."""
    database = Database(url)
    try:
        return [database.write(lambda session, turn=turn: decide(session, writer, turn)) for turn in range(turns)]
    finally:
        database.close()


def test_fifty_threads_and_four_processes_lose_nothing_and_meet_no_lock(database_url: str) -> None:
    writers = dict.fromkeys((f"thread {n}" for n in range(THREADS)), EACH) | {
        f"process {n}": EACH_IN_PROCESS for n in range(PROCESSES)
    }
    running: dict[str, Future[list[int]]] = {}
    with (
        ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        for writer, turns in writers.items():
            pool = threads if writer.startswith("thread") else processes
            running[writer] = pool.submit(write, database_url, writer, turns)
        numbers = {writer: one.result() for writer, one in running.items()}

    total = THREADS * EACH + PROCESSES * EACH_IN_PROCESS
    subjects = [f"{writer}/{turn}" for writer, turns in writers.items() for turn in range(turns)]
    assert sorted(n for mine in numbers.values() for n in mine) == list(range(1, total + 1))
    assert all(mine == sorted(mine) for mine in numbers.values())
    database = Database(database_url)
    with database.read() as session:
        rows = operations.listed(session, [OperationState.PENDING], total + 1)
        log = list(acts.all_acts(session))
        assert operations.counts(session) == {OperationState.PENDING: total}
        assert (sequences.last(session, acts.LOG), sequences.last(session, NUMBERS)) == (total, total)
    assert sorted(row.subject for row in rows) == sorted(subjects)
    assert verify(GENESIS, log) == log[-1][1]
    # The operations, the acts and the numbers have one order: that of the commits.
    by_number = sorted((n, f"{writer}/{turn}") for writer, mine in numbers.items() for turn, n in enumerate(mine))
    assert [act.subject for act, _ in log] == [name for _, name in by_number]
    assert [row.subject for row in reversed(rows)] == [name for _, name in by_number]
    database.close()


def events_of(block: int) -> list[Found]:
    """The events of a block, always the same."""
    return [
        Found(
            block=block,
            log_index=index,
            block_hash=f"0xblock{block}",
            tx_hash=f"0xtx{block}-{index}",
            time=1_760_000_000 + block,
            contract="0x" + "d1" * 20,
            name="Recorded",
            arguments={"key": str(block), "value": str(index)},
        )
        for index in range(EVENTS_A_BLOCK)
    ]


def index(database: Database) -> int:
    """Read the chain to its end as a process that follows it does; how many blocks this one was first to append."""
    won = 0
    while True:
        with database.read() as session:
            before = chain_events.cursor(session)
        block = 1 if before is None else before.block + 1
        if block > BLOCKS:
            return won
        found, after = events_of(block), Place(block, f"0xblock{block}")
        won += database.write(
            lambda session, before=before, found=found, after=after: chain_events.append(session, before, found, after)
        )


def test_who_follows_the_feed_of_eight_writers_sees_each_event_once_and_in_order(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(INDEXERS + 1)]
    written = threading.Event()

    def follow() -> list[tuple[int, int, int]]:
        seen: list[tuple[int, int, int]] = []
        while True:
            last = written.is_set()
            with databases[-1].read() as session:
                new = chain_events.after(session, seen[-1][0] if seen else 0, 7)
            seen += [(row.sequence, row.block, row.log_index) for row in new]
            if last and not new:
                return seen

    with ThreadPoolExecutor(INDEXERS + 1) as pool:
        reader = pool.submit(follow)
        try:
            won = list(pool.map(index, databases[:-1]))
        finally:
            written.set()
        seen = reader.result()

    assert sum(won) == BLOCKS
    expected = [(block, index) for block in range(1, BLOCKS + 1) for index in range(EVENTS_A_BLOCK)]
    assert seen == [(number, block, index) for number, (block, index) in enumerate(expected, 1)]
    with databases[0].read() as session:
        assert chain_events.cursor(session) == Place(BLOCKS, f"0xblock{BLOCKS}")
        assert sequences.last(session, chain_events.LOG) == BLOCKS * EVENTS_A_BLOCK
    for database in databases:
        database.close()
