"""Running `puhui` in this process, copies of ledgers brought to a stage, and what a ledger's state is."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry.chain.client import connect
from registry.chain.deployment import Contracts, Deployment
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.provider import EmbeddedProvider
from registry.cli.main import main
from registry.errors import PuhuiError
from registry.services import keystores
from registry.services.home import Home
from registry.services.ledger import Ledger, open_ledger
from registry.settings import Settings
from registry.store import batches
from registry.store.tables import BatchRow
from scripts.city.expected import Expected

PASSWORD = "correct-horse-7f3a-碳"
FAST_SCRYPT = 2
SOURCE = "city-app"
STAGES = ("made", "accounts", "sealed", "anchored", "attested", "issued", "claimed")


@dataclass(frozen=True)
class City:
    """An invented city's files and what they must come to."""

    folder: Path
    expected: Expected

    @property
    def journeys(self) -> Path:
        return self.folder / "journeys.csv"

    @property
    def accounts(self) -> Path:
        return self.folder / "accounts.csv"


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error `--json` printed."""
        found: dict[str, Any] = json.loads(self.out)["error"]
        return found


@dataclass
class Puhui:
    """The command line on one home, in this process; remembers everything it ever printed."""

    home: Path
    printed: list[str] = field(default_factory=list)

    def __call__(self, *arguments: object, expect: int | None = 0) -> Done:
        out, err = io.StringIO(), io.StringIO()
        given = ["--home", str(self.home), *map(str, arguments)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(given)
        done = Done(code, out.getvalue(), err.getvalue())
        self.printed += [done.out, done.err]
        assert expect is None or code == expect, f"puhui {' '.join(given)} ended with {code}:\n{done.out}{done.err}"
        return done

    def json(self, *arguments: object, expect: int = 0) -> Any:
        """Run with `--json` and return what was printed."""
        return self(*arguments, "--json", expect=expect).json

    def fails(self, *arguments: object, code: int) -> dict[str, Any]:
        """Run with `--json`, expecting this exit code, and return the error."""
        return self(*arguments, "--json", expect=code).error

    def imports(self, file: Path, *arguments: object, source: str = SOURCE, **options: Any) -> Any:
        """Import a file of journeys and return the result."""
        return self.json("trips", "import", file, "--source", source, "--format", "journeys", *arguments, **options)

    @property
    def evidence(self) -> Path:
        return self.home / "evidence"


def secrets_of(home: Path) -> list[str]:
    """Every key and secret of a home as it could be printed, and the password."""
    folder = home / "keys"
    found = [PASSWORD]
    for path in folder.glob("*.json"):
        with contextlib.suppress(PuhuiError):
            key = keystores.unlock_secret(folder, path.stem, PASSWORD)
            found += [key.hex(), str(int.from_bytes(key, "big")), repr(key)]
    return found


@contextlib.contextmanager
def opened(home: Path, *, writing: bool = True) -> Iterator[Ledger]:
    """The ledger of a home, for calling services."""
    with open_ledger(Home(home), Settings(), writing=writing) as ledger:
        yield ledger


@contextlib.contextmanager
def contracts_of(home: Path) -> Iterator[Contracts]:
    """What an auditor opens: the chain and the contracts file, no database and no key."""
    deployment = Deployment.load(home / "contracts.json")
    with EmbeddedChain.open(home / "chain.db", chain_id=deployment.chain_id) as chain:
        yield Contracts.open(connect(EmbeddedProvider(chain), "test"), deployment)


def rows_of(home: Path) -> list[BatchRow]:
    """Every batch in the database, by day, source and sequence."""
    with opened(home, writing=False) as ledger, ledger.db.read() as session:
        return batches.select_batches(session)


def state_of(home: Path) -> dict[str, str]:
    """A digest of everything that means something: files, and the rows of both databases. Locks are left aside."""
    state: dict[str, str] = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if path.name.endswith((".lock", "-wal", "-shm", ".rpc.json")):
            continue
        if path.suffix == ".db":
            state |= {f"{name}:{table}": digest for table, digest in _tables(path).items()}
        else:
            state[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return state


def _tables(database: Path) -> Mapping[str, str]:
    connection = sqlite3.connect(database)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"'))) for name in names}  # noqa: S608
    finally:
        connection.close()
    return {name: hashlib.sha256("\n".join(found).encode()).hexdigest() for name, found in rows.items()}


class Stages:
    """Ledgers of one city at every stage, made once and copied for each test."""

    def __init__(self, folder: Path, city: City) -> None:
        self.folder, self.city = folder, city
        self._steps: Sequence[Callable[[Puhui], object]] = (
            lambda puhui: puhui("init"),
            lambda puhui: puhui("accounts", "import", city.accounts),
            lambda puhui: puhui.imports(city.journeys),
            lambda puhui: puhui("anchor"),
            lambda puhui: puhui("attest"),
            lambda puhui: puhui("epoch", "publish"),
            lambda puhui: puhui("points", "claim", someone(puhui.home)),
        )

    def copy(self, stage: str, target: Path) -> Path:
        """A ledger at `stage` in the new folder `target`."""
        shutil.copytree(self._made(STAGES.index(stage)), target)
        return target

    def _made(self, number: int) -> Path:
        path = self.folder / STAGES[number]
        if not path.exists():
            work = self.folder / "work"
            shutil.rmtree(work, ignore_errors=True)
            if number:
                shutil.copytree(self._made(number - 1), work)
            self._steps[number](Puhui(work))
            work.rename(path)
        return path


def someone(home: Path) -> str:
    """The account with the smallest id that has an accepted trip."""
    with opened(home, writing=False) as ledger:
        return str(trips_of(ledger)["account_id"].min())


def trips_of(ledger: Ledger) -> Any:
    """The private rows of every sealed batch, by row."""
    import polars as pl

    folders = sorted((ledger.home.evidence / "batches").iterdir())
    return pl.concat([pl.read_parquet(folder / "private.parquet") for folder in folders]).sort("row")


HEADER = "trip_id,account_id,carrier_ref,mode,line,board_stop,board_time,alight_stop,alight_time,distance_m,fare_fen"
PEOPLE = "account_id,carrier_ref,kind,wallet,consent_at"


def journey(**changed: object) -> str:
    """One sound journey as a CSV line, with some fields changed."""
    fields = {
        "trip_id": "T1",
        "account_id": "A1",
        "carrier_ref": "C1",
        "mode": "bus",
        "line": "1路",
        "board_stop": "甲",
        "board_time": "2026-03-02 08:00:00",
        "alight_stop": "乙",
        "alight_time": "2026-03-02 08:20:00",
        "distance_m": 5000,
        "fare_fen": 200,
    }
    assert set(changed) <= set(fields)
    return ",".join(str(value) for value in {**fields, **changed}.values())


def write_journeys(path: Path, *lines: str, header: str = HEADER) -> Path:
    """A journeys file with these lines."""
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def write_people(path: Path, count: int = 3) -> Path:
    """An accounts file: A1 with carrier C1, A2 with C2 and so on, consented since 2020."""
    lines = [f"A{i},C{i},individual,,2020-01-01 00:00:00" for i in range(1, count + 1)]
    path.write_text("\n".join([PEOPLE, *lines]) + "\n", "utf-8")
    return path
