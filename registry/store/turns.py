"""Turns of the threads of one process: whoever asks first is first.

SQLite lets one transaction write at a time, and who waits for it polls: under load somebody is always faster, and one
of many can wait for a minute. In the order of asking nobody waits longer than all before him take.
"""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock that is given in the order in which it was asked for. Not to be taken twice by one thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._taken = False

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()  # it stays taken, by that one
            else:
                self._taken = False


_guard = threading.Lock()
_turns: dict[str, Turns] = {}


def turns_of(database: str) -> Turns:
    """The turns of a database in this process, the same for everyone who opens it."""
    with _guard:
        return _turns.setdefault(database, Turns())
