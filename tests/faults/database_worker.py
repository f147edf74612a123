"""A process that decides operations for a signer and carries out whatever is due, until it is told to stop.

    python -m tests.faults.database_worker '{"name": "one", ...}'      the fields of `Task`

SIGUSR1 makes it stop itself (SIGSTOP) after the next of one of POINTS, which a signal from outside hardly ever hits;
SIGUSR2 takes that back.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from eth_account import Account
from sqlmodel import Session

from registry.chain.client import connect_url
from registry.chain.sending import Sender
from registry.errors import ChainUnavailable, DatabaseUnavailable
from registry.services.submission import Deed, Submission
from registry.store import leases, operations, sequences
from registry.store.leases import Lease, LeaseLost
from registry.store.session import Database
from tests.faults.database_contract import NAME, Counter

ACCOUNT: Final = Account.from_key(b"\x22" * 32)
MOST: Final = 12
# After these the next step is: committing the bytes, sending them, looking for receipts, recording what came of them.
POINTS: Final = ("sign", "next_nonce", "deliver", "receipts")


@dataclass(frozen=True)
class Task:
    """What a worker is told: its keys begin at `first`; time is `factor` times as fast since `since_ms`.

    `points` are those it may stop itself at.
    """

    name: str
    database: str
    node: str
    counter: str
    folder: str
    first: int
    seed: int
    factor: int
    since_ms: int
    points: tuple[str, ...] = POINTS


class FastClock:
    """`registry.services.clock.Clock` that runs faster; the same in every process with the same beginning."""

    def __init__(self, factor: int, since_ms: int) -> None:
        self._factor = factor
        self._since_ms = since_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as they would be."""
        return self._since_ms + (time.time_ns() // 1_000 - self._since_ms * 1_000) * self._factor // 1_000

    def monotonic_ms(self) -> int:
        """Milliseconds that only grow."""
        return time.monotonic_ns() * self._factor // 1_000_000

    def sleep_ms(self, milliseconds: int) -> None:
        """Wait, shorter."""
        time.sleep(milliseconds / 1_000 / self._factor)


class Worker:
    """What one process does."""

    def __init__(self, task: Task) -> None:
        self._folder = Path(task.folder)
        self._points = task.points
        self._rng = Random(task.seed)
        self._armed: str | None = None
        self.told = {"lost": 0, "stopped": 0, "unavailable": 0}
        chain = connect_url(task.node)
        self._db = Database(task.database)
        self._counter = Counter(chain, task.counter)
        clock = FastClock(task.factor, task.since_ms)
        self._outbox = Submission(self._db, chain, {self._counter.address: NAME}, clock=clock)
        self._submitter = self._outbox.submitter(ACCOUNT, "platform")
        self._next = task.first
        self._decided = (self._folder / f"{task.name}.keys").open("a", encoding="ascii", buffering=1)
        self._report = self._folder / f"{task.name}.json"

    def run(self) -> None:
        """Work until the file `stop` is there, then bring everything to its end and report."""
        for point in POINTS:
            self._watch(point)
        self._count_lost_leases()
        signal.signal(signal.SIGUSR1, self._arm)
        signal.signal(signal.SIGUSR2, self._disarm)
        while not (self._folder / "stop").exists():
            keys = [self._next + n for n in range(self._rng.randint(1, MOST))]
            self._next += len(keys)
            self._decided.write("".join(f"{key}\n" for key in keys))
            self._insist(partial(self._db.write, partial(self._decide, keys)))
            self._insist(lambda: self._outbox.drain(self._submitter))
        self._armed = None
        self._insist(lambda: self._outbox.drain(self._submitter))
        self._outbox.close()
        self._db.close()
        self._report.write_text(json.dumps(self.told), "ascii")

    def _decide(self, keys: list[int], session: Session) -> None:
        sequences.serialise(session)
        for key in keys:
            deed = Deed(f"key {key}", str(key % 8))
            row = self._outbox.operation(self._submitter, "platform", self._counter.count(key), deed)
            if operations.enqueue(session, row) is row:
                self._outbox.log(session, row, deed)

    def _insist(self, step: Callable[[], object]) -> None:
        while True:
            try:
                step()
            except (ChainUnavailable, DatabaseUnavailable):
                self.told["unavailable"] += 1
            else:
                return

    def _arm(self, _signal: int, _frame: object) -> None:
        self._armed = self._rng.choice(self._points)

    def _disarm(self, _signal: int, _frame: object) -> None:
        self._armed = None

    def _watch(self, point: str) -> None:
        step = getattr(Sender, point)

        def watched(*given: Any) -> Any:
            answer = step(*given)
            if self._armed == point:
                self._armed = None
                self.told["stopped"] += 1
                os.kill(os.getpid(), signal.SIGSTOP)
            return answer

        setattr(Sender, point, watched)

    def _count_lost_leases(self) -> None:
        keep = leases.keep

        def counted(session: Session, lease: Lease, now: int, ttl_ms: int) -> Lease:
            try:
                return keep(session, lease, now, ttl_ms)
            except LeaseLost:
                self.told["lost"] += 1
                raise

        leases.keep = counted


if __name__ == "__main__":
    Worker(Task(**json.loads(sys.argv[1]))).run()
