"""Two of four validators are away: no block for a while. Operations queue, readers are answered, then all goes on."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlmodel import col, select

from registry.services import indexer
from registry.store import chain_events, operations
from registry.store.operation_tables import AttemptRow, AttemptState, OperationRow, OperationState
from tests.faults.node_ground import Ground, on_anvil, wrong
from tests.faults.node_load import Load

BEFORE_S: Final = 2
READ_S: Final = 0.02
TIMEOUT_S: Final = 10


@dataclass
class Stall:
    """What came of one stall. `reads`: how long answers took readers while it lasted."""

    seconds: int
    decided_before: int = 0
    decided_during: int = 0
    confirmed_during: int = 0
    waiting_at_its_end: int = 0
    drained_s: int = 0
    # Whoever waited for an operation for a minute was told that its outcome is unknown.
    told_unknown: int = 0
    reads: dict[str, dict[str, int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def stalls(folder: Path, runs: int, seconds: int) -> list[Stall]:
    """So many stalls of this length, one after the other, on the ledger in `folder`."""
    with on_anvil(folder, 1, TIMEOUT_S) as on:
        load, done = Load(on), []
        for _ in range(runs):
            done.append(_stall(load, seconds))
            done[-1].wrong += load.wrong + wrong(on, load.refs) + _disordered(on)
        return done


def _stall(load: Load, seconds: int) -> Stall:
    done, on = Stall(seconds), load.on
    told = load.told_unknown
    with _readers(on) as readers, load.carrying_out(f"worker {len(load.refs)}"):
        with load.deciding():
            time.sleep(BEFORE_S)
            on.proxy.stall()
            mined = on.mined()
            load.wait(lambda: load.confirmed() == mined, "what the last block has recorded")
            done.decided_before, confirmed, head = len(load.refs), load.confirmed(), on.chain.head()
            readers.clear()
            time.sleep(seconds)
            done.reads = {name: _summed(taken) for name, taken in list(readers.items())}
            done.decided_during = len(load.refs) - done.decided_before
            done.confirmed_during = load.confirmed() - confirmed
            if on.chain.head() != head:
                done.wrong.append("there were blocks")
        done.waiting_at_its_end = load.open()
        on.proxy.resume()
        began = time.monotonic()
        load.wait(lambda: load.open() == 0, "every operation at its end")
        done.drained_s = round(time.monotonic() - began)
    done.told_unknown = load.told_unknown - told
    return done


@contextmanager
def _readers(on: Ground) -> Iterator[dict[str, list[int]]]:
    """Readers of the database and of the chain; how many microseconds each answer took, by what was asked."""
    taken: dict[str, list[int]] = defaultdict(list)
    ended = threading.Event()
    asks: dict[str, Callable[[], object]] = {
        "database": lambda: _read_database(on),
        "eth_call": lambda: on.ledger.contracts.cash.total_supply(),
        "events": lambda: indexer.sync(on.ledger),
    }

    def read(name: str) -> None:
        while not ended.wait(READ_S):
            began = time.monotonic_ns()
            asks[name]()
            taken[name].append((time.monotonic_ns() - began) // 1_000)

    threads = [threading.Thread(target=read, args=(name,)) for name in asks]
    for thread in threads:
        thread.start()
    try:
        yield taken
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _read_database(on: Ground) -> None:
    with on.ledger.db.read() as session:
        operations.listed(session, list(OperationState), 20)
        chain_events.after(session, 0, 20)


def _summed(taken: list[int]) -> dict[str, int]:
    ordered = sorted(taken)
    return {
        "answers": len(ordered),
        "median_ms": ordered[len(ordered) // 2] // 1_000,
        "longest_ms": ordered[-1] // 1_000,
    }


def _disordered(on: Ground) -> list[str]:
    """Streams whose operations were not mined in the order in which they were decided."""
    with on.ledger.db.read() as session:
        wanted = (
            select(OperationRow.stream, AttemptRow.nonce)
            .join(AttemptRow, col(AttemptRow.operation) == col(OperationRow.seq))
            .where(AttemptRow.state == AttemptState.MINED)
        )
        mined = list(session.exec(wanted.order_by(col(OperationRow.seq))))
    nonces: dict[str, list[int]] = defaultdict(list)
    for stream, nonce in mined:
        nonces[stream].append(nonce)
    return [f"{stream}: nonces {found}" for stream, found in nonces.items() if found != sorted(found)]


def told(done: list[Stall]) -> dict[str, Any]:
    """The campaign as it is printed."""
    return {"stalls": [vars(one) for one in done], "wrong": [line for one in done for line in one.wrong]}
