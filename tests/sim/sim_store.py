"""The database the processes of a world share: the product's own, on a file in memory, with faults around a commit."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Protocol, TypeVar

from sqlmodel import Session

from registry.errors import DatabaseUnavailable
from registry.store.session import Database

Result = TypeVar("Result")
MEMORY = Path("/dev/shm")


class Stored(Protocol):
    """What the database asks of the world it is in."""

    rng: Random
    counts: Counter[str]
    rates: dict[str, int]

    @property
    def faulty(self) -> bool:
        """Whether faults may happen now."""

    def hook(self, place: str) -> None:
        """Let the process that runs be killed, or stopped for a while, here."""

    def may_die(self, place: str) -> None:
        """Let the process that runs be killed here; it cannot be stopped, as others could not write."""

    def committed(self) -> None:
        """Something was written."""

    def say(self, line: str) -> None:
        """Add to the trace."""


class SimDatabase(Database):
    """`Database` whose writes fail before or after the commit, and on which a process can die."""

    world: Stored

    @contextmanager
    def read(self) -> Iterator[Session]:
        """As the product's, after a place to be stopped at."""
        self.world.hook("before a read")
        with super().read() as session:
            yield session

    def write(self, fn: Callable[[Session], Result]) -> Result:
        """As the product's; raises DatabaseUnavailable without, and sometimes with, its being committed."""
        world = self.world
        world.hook("before a write")

        def spoilt(session: Session) -> Result:
            done = fn(session)
            world.may_die("in a transaction")
            if self._hits("write rolled back"):
                raise DatabaseUnavailable("the database server cannot be reached")
            return done

        result = super().write(spoilt)
        world.committed()
        world.hook("after a write")
        if self._hits("commit of unknown outcome"):
            raise DatabaseUnavailable("the connection was lost while committing: whether it was recorded is not known")
        return result

    def _hits(self, fault: str) -> bool:
        world = self.world
        if not world.faulty or world.rng.randrange(1_000) >= world.rates.get(fault, 0):
            return False
        world.counts[fault] += 1
        world.say(f"  ! {fault}")
        return True


class Shelf:
    """A folder with an empty ledger database, of which each history gets a copy."""

    def __init__(self, folder: Path) -> None:
        self._empty, self.path = folder / "empty.db", folder / "ledger.db"
        made = Database.sqlite(self._empty)
        made.migrate()
        made.close()
        self.db = SimDatabase(f"sqlite:///{self.path}")

    def fresh(self, world: Stored) -> SimDatabase:
        """An empty database for a world; the one before is gone. Its engine stays, and what it has compiled."""
        self.db.close()
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._empty, self.path)
        self.db.world = world
        return self.db


@contextmanager
def shelf() -> Iterator[Shelf]:
    """A shelf in memory where the system has a place for that, or in the temporary folder."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = Shelf(Path(folder))
        try:
            yield made
        finally:
            made.db.close()
