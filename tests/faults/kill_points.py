"""Where a process of the ledger can be made to end itself with SIGKILL: named points around every effect it has.

Nothing of the product knows of them: `kill_hooks` wraps what writes files, commits transactions, sends and mines, and
a `Trap` kills its own process at the chosen hit of the chosen point, with no handler run. What was acknowledged by then
(a committed row, a mined block, a folder under its name) stands in a journal, line by line, so that whoever comes after
can look for each.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any, Final, NoReturn

POINTS: Final = {
    "file.write": "half of an evidence or key file is written",
    "file.before_fsync": "before a file or a folder's entries are put on disk",
    "file.after_fsync": "after that",
    "file.before_rename": "before a file gets its name",
    "file.after_rename": "after that",
    "folder.before_rename": "before a folder of evidence gets its name",
    "folder.after_rename": "after that",
    "folder.remove": "one file of a folder that is being removed is gone",
    "staging.write": "half of an import's working file is written",
    "db.after_begin": "a writing transaction of the database has begun",
    "db.after_flush": "rows are written and not committed",
    "db.before_commit": "before the database commits",
    "db.after_commit": "after that",
    "outbox.before_decided": "before the commit that records an operation and its act",
    "outbox.after_decided": "after that",
    "outbox.before_signed": "before the commit of signed bytes and their nonces",
    "outbox.after_signed": "after that, and before they are sent",
    "outbox.before_concluded": "before the commit that records what became of an operation",
    "outbox.after_concluded": "after that",
    "node.before_send": "before signed bytes are sent",
    "node.after_send": "after the node took them, and before that is known",
    "node.before_receipt": "before receipts are asked for",
    "node.after_receipt": "after they came, and before anything is recorded",
    "chain.before_commit": "before a block is committed to the chain's file",
    "chain.after_commit": "after that, and before anybody is told",
    "lease.after_taken": "after a lease to send was committed",
    "lease.after_returned": "after it was given back",
    "backup.file": "half of a file is copied into a backup",
    "index.before_append": "before events of the chain are added to the feed",
    "index.after_append": "after they and the cursor were committed",
}


class Trap:
    """Counts the hits of every point. At hit `nth` of `point` this process ends; without a point it only counts."""

    def __init__(self, home: Path, backup: Path, journal: Path, point: str | None = None, nth: int = 1) -> None:
        if point is not None and point not in POINTS:
            raise ValueError(f"there is no point {point}")
        self._places = {home / "staging": "staging.write", home: "file.write"}
        self._places |= {backup: "backup.file", partial(backup): "backup.file"}
        self.home, self._point, self._nth = home, point, nth
        self.hits: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def due(self, point: str) -> bool:
        """Count a hit; whether it is the one to die at."""
        with self._lock:
            self.hits[point] += 1
            return point == self._point and self.hits[point] == self._nth

    def place(self, path: Path) -> str | None:
        """Which point it is to write the file `path`; None for one that is not the ledger's."""
        return next((point for place, point in self._places.items() if path.is_relative_to(place)), None)

    def hit(self, point: str) -> None:
        """Count a hit, and die if it is the one."""
        if self.due(point):
            self.die()

    def die(self) -> NoReturn:
        """End this process as `kill -9` does."""
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a process outlived its SIGKILL")

    def acknowledge(self, kind: str, what: object) -> None:
        """Write down what the ledger may rely on from here on; a killed process loses nothing that it wrote."""
        os.write(self._journal, (json.dumps([kind, what]) + "\n").encode())


def partial(backup: Path) -> Path:
    """Where a backup stands until it is whole."""
    return backup.with_name(backup.name + ".partial")


def acknowledged(journal: Path) -> list[tuple[str, Any]]:
    """What a process wrote down before it ended; a last line that is not whole does not count."""
    lines = journal.read_text("utf-8").split("\n")[:-1] if journal.exists() else []
    return [(kind, what) for kind, what in map(json.loads, lines)]
