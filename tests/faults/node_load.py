"""Somebody who decides operations, and somebody who carries them out, each in a thread, on a node that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from registry.errors import ChainUnavailable, PuhuiError
from registry.store import operations
from registry.store.operation_tables import OPEN, OperationState
from tests.faults.node_ground import Ground

STREAMS: Final = 6
# Every third decision is of a stream of its own, the others of one of STREAMS.
ALONE: Final = 3
DECIDE_S: Final = 0.1
PAUSE_S: Final = 0.02
PATIENCE_S: Final = 120


@dataclass
class Load:
    """What was decided on a ledger, and what went wrong in the threads."""

    on: Ground
    refs: list[str] = field(default_factory=list)
    # Whoever works for a minute and sees nothing move is told that outcomes are unknown; so is he when nobody answers.
    told_unknown: int = 0
    wrong: list[str] = field(default_factory=list)

    @contextmanager
    def thread(self, work: Callable[[], None]) -> Iterator[None]:
        """`work` again and again in a thread until the block ends; a node that does not answer is no fault."""
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(PAUSE_S):
                try:
                    work()
                except ChainUnavailable:
                    self.told_unknown += 1
                except PuhuiError as error:
                    self.wrong.append(f"{type(error).__name__}: {error.message}")
                    return

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def carrying_out(self, name: str) -> Iterator[None]:
        """Somebody of this name carries out whatever is decided until the block ends."""
        outbox = self.on.outbox(name)
        with self.thread(lambda: outbox.drain(self.on.submitter(outbox))):
            yield
        outbox.close()

    @contextmanager
    def deciding(self, most: int | None = None) -> Iterator[None]:
        """Somebody decides ten operations a second until the block ends, none while `most` are open."""
        outbox = self.on.outbox("decides")

        def decide() -> None:
            number = len(self.refs)
            stream = f"alone {number}" if number % ALONE == 0 else f"stream {number % STREAMS}"
            if most is not None and self.open() >= most:
                return
            self.on.decide(outbox, f"operation {number}", stream)
            self.refs.append(f"operation {number}")
            time.sleep(DECIDE_S)

        with self.thread(decide):
            yield

    def confirmed(self) -> int:
        """How many operations are at their good end."""
        with self.on.ledger.db.read() as session:
            return operations.counts(session).get(OperationState.CONFIRMED, 0)

    def open(self) -> int:
        """How many operations are not at their end."""
        with self.on.ledger.db.read() as session:
            counts = operations.counts(session)
        return sum(counts.get(state, 0) for state in OPEN)

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        """Return when it happened; note that it did not, after a while."""
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            if self.wrong or time.monotonic() > deadline:
                self.wrong.append(f"it did not happen: {what}")
                return
            time.sleep(PAUSE_S)
