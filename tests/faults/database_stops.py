"""Two processes send for one signer, and whichever may is stopped again and again for longer than its lease.

What it was about to do when it was stopped it does when it goes on, long after another one took its place.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

import requests
from eth_account import Account
from sqlmodel import col, select

from registry.chain.client import connect_url
from registry.core.acts import verify
from registry.services.signer_lease import LEASE_MS
from registry.store import acts, leases, operations
from registry.store.leases import Lease
from registry.store.operation_tables import AttemptRow, AttemptState, OperationRow, OperationState
from registry.store.session import Database
from scripts import compile_contracts
from tests.e2e.conftest import ANVIL, ANVIL_OPTIONS, end, free_port
from tests.faults.database_contract import Counter, deploy
from tests.faults.database_relay import Relay, Sent
from tests.faults.database_worker import ACCOUNT, POINTS, Task

FACTOR: Final = 8
LEASE_S: Final = LEASE_MS / 1_000 / FACTOR
NAMES: Final = ("one", "two")
SIGNER: Final = ACCOUNT.address.lower()
DEPLOYER: Final = Account.from_key(b"\x33" * 32)
_WAIT_S: Final = 60
_EVERYTHING: Final = 1_000_000


@dataclass
class Stops:
    """What the stops were: `taken_over` while stopped, or `waited` for three leases without that."""

    taken_over: int = 0
    waited: int = 0
    told: dict[str, int] = field(default_factory=dict)


class Pair:
    """Two workers on one database and one node."""

    def __init__(self, database: str, node: str, folder: Path, seed: int, points: Sequence[str] = POINTS) -> None:
        """`database` is the URL of a migrated one, `folder` an empty one for what the workers write."""
        self._folder = folder
        self._rng = Random(seed)
        self._db = Database(database)
        self._relay = Relay(node)
        self._chain = connect_url(node)
        self._counter = Counter(self._chain, deploy(self._chain, DEPLOYER))
        since = time.time_ns() // 1_000_000
        usual = {"database": database, "node": self._relay.url, "counter": self._counter.address, "folder": str(folder)}
        self._workers = [
            _started(
                Task(
                    name,
                    **usual,
                    first=n * 1_000_000,
                    seed=seed * 10 + n,
                    factor=FACTOR,
                    since_ms=since,
                    points=(*points,),
                )
            )
            for n, name in enumerate(NAMES, 1)
        ]
        self.stops = Stops()

    def cycle(self) -> None:
        """Stop the holder at a random moment until another one took over, and a while longer."""
        lease = self._held()
        time.sleep(self._rng.uniform(0, LEASE_S / 2))
        if self._rng.random() < 1 / 2:
            os.kill(_pid(lease), signal.SIGUSR1)
            _wait(lambda: _is_stopped(_pid(lease)), LEASE_S)
        os.kill(_pid(lease), signal.SIGSTOP)
        # Who is stopped inside a transaction keeps what it locked: then there is no other until it goes on.
        over = _wait(lambda: self._found().token > lease.token, 3 * LEASE_S)
        time.sleep(self._rng.uniform(0, LEASE_S))
        self.stops.taken_over += over
        self.stops.waited += not over
        os.kill(_pid(lease), signal.SIGUSR2)  # heard first when it goes on: it may not have come to its point
        os.kill(_pid(lease), signal.SIGCONT)

    def stop_at_point(self) -> None:
        """Let the holder stop itself after one of the points it watches, until another one took over."""
        lease = self._held()
        os.kill(_pid(lease), signal.SIGUSR1)
        assert _wait(lambda: _is_stopped(_pid(lease)), _WAIT_S), "the holder did not come to the point"
        assert _wait(lambda: self._found().token > lease.token, _WAIT_S), "nobody took over"
        self.stops.taken_over += 1
        os.kill(_pid(lease), signal.SIGCONT)

    def finish(self) -> None:
        """Let both bring everything to its end."""
        (self._folder / "stop").touch()
        _wait(lambda: all(worker.poll() is not None for worker in self._workers), _WAIT_S)
        reports = [path.read_text("ascii") for path in self._folder.glob("*.json")]
        self.stops.told = dict(sum((Tally(json.loads(report)) for report in reports), Tally()))

    def close(self) -> None:
        """End what is running still."""
        for worker in self._workers:
            worker.kill()
            worker.wait()
        self._relay.__exit__()
        self._db.close()

    # --- what came of it

    def faults(self) -> list[str]:
        """What is not once and only once, or was committed by one that had lost its lease."""
        with self._db.read() as session:
            rows = operations.listed(session, list(OperationState), _EVERYTHING)
            attempts = list(session.exec(select(AttemptRow).order_by(col(AttemptRow.nonce))))
            log = list(acts.all_acts(session))
        verify(self._chain.genesis, log)
        ended = zip(NAMES, self._workers, strict=True)
        found = [f"{name} ended with {one.poll()}" for name, one in ended if one.poll() != 0]
        found += _operations(rows, self.decided())
        found += _attempts(attempts, rows)
        found += _sent(self._relay.sent(), attempts)
        if sorted(act.after["operation"] for act, _ in log) != sorted(row.id for row in rows):
            found.append("the log of acts does not have each operation once")
        counted = Tally(self._counter.counted(key) for key in self.decided())
        if counted != Tally({1: len(rows)}):
            found.append(f"keys were counted so often: {dict(counted)}")
        return found

    def decided(self) -> list[int]:
        """The keys the workers decided."""
        return [int(key) for name in NAMES for key in (self._folder / f"{name}.keys").read_text("ascii").split()]

    def _found(self) -> Lease:
        with self._db.read() as session:
            return leases.find(session, SIGNER) or Lease(SIGNER, "", 0, 0)

    def _held(self) -> Lease:
        """The lease, when a worker has it that is running."""

        def held() -> bool:
            return self._found().holder.split("/")[1:2] in [[str(worker.pid)] for worker in self._workers]

        assert _wait(held, _WAIT_S), "no worker took the lease"
        return self._found()


def _operations(rows: list[OperationRow], keys: list[int]) -> Iterator[str]:
    if sorted(row.subject for row in rows) != sorted(f"key {key}" for key in keys):
        yield f"{len(keys)} operations were decided, {len(rows)} are recorded, or others"
    states = Tally(row.state for row in rows)
    if states != Tally({OperationState.CONFIRMED: len(keys)}):
        yield f"operations ended as {dict(states)}"


def _attempts(attempts: list[AttemptRow], rows: list[OperationRow]) -> Iterator[str]:
    if [one.nonce for one in attempts] != list(range(len(rows))):
        yield "the nonces are not one for each operation and without gap"
    if sorted(one.operation for one in attempts) != sorted(row.seq or 0 for row in rows):
        yield "operations were signed more or less often than once"
    if any(one.state is not AttemptState.MINED for one in attempts):
        yield f"attempts ended as {dict(Tally(one.state for one in attempts))}"
    for before, after in pairwise(attempts):
        if after.token < before.token:
            yield f"nonce {after.nonce} was committed under token {after.token}, after token {before.token}"


def _sent(sent: list[Sent], attempts: list[AttemptRow]) -> Iterator[str]:
    """What the node was sent is what was committed, by nonce."""
    committed = {(one.signer, one.nonce, one.tx_hash) for one in attempts}
    arrived = {(one.signer, one.nonce, one.tx_hash) for one in sent}
    for signer, nonce, tx_hash in sorted(arrived ^ committed):
        yield f"nonce {nonce} of {signer}: {tx_hash} was sent and not committed, or committed and not sent"


def _started(task: Task) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.database_worker", json.dumps(asdict(task))],
        cwd=Path(__file__).parents[2],
        preexec_fn=_die_with_parent,
    )


def _die_with_parent() -> None:
    # SIGKILL: a stopped process would not hear any other signal.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _pid(lease: Lease) -> int:
    return int(lease.holder.split("/")[1])


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] == "T"


def _wait(until: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def anvil() -> Iterator[str]:
    """The URL of a fresh node with free gas; its blocks are made by time, as those of validators are."""
    compile_contracts.prepare()
    port = free_port()
    url, options = f"http://127.0.0.1:{port}", ["--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [ANVIL, *ANVIL_OPTIONS, *options], stdout=subprocess.DEVNULL, preexec_fn=_die_with_parent
    )

    def answers() -> bool:
        try:
            return requests.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}, timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        assert _wait(answers, _WAIT_S), "anvil does not answer"
        yield url
    finally:
        end(process)


@contextmanager
def pair(database: str, node: str, folder: Path, seed: int, points: Sequence[str] = POINTS) -> Iterator[Pair]:
    """Two workers, started; they are ended whatever happens."""
    made = Pair(database, node, folder, seed, points)
    try:
        yield made
    finally:
        made.close()
