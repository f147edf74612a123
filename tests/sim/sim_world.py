"""A world: a node, a database, a few processes that share two keys, and what can happen to them.

One `random.Random` decides everything. A process is stopped in the middle of a call by letting the others go on inside
it; it is killed by an exception that nothing catches, out of any request to the node or the database.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Final

from eth_account import Account
from web3 import Web3

from registry.chain.client import connect
from registry.errors import ChainUnavailable, DatabaseUnavailable
from registry.services.submission import RecordedSubmitter, Submission
from tests.sim.sim_checks import Oracle, Violation
from tests.sim.sim_clock import START_MS, SimClock
from tests.sim.sim_contract import ABI, ADDRESS, NAME
from tests.sim.sim_node import BLOCK_MS, SimNode
from tests.sim.sim_store import Shelf
from tests.sim.sim_wire import SimProvider

ACCOUNTS: Final = {"alpha": Account.from_key(bytes([1] * 32)), "beta": Account.from_key(bytes([2] * 32))}
# How often, in a thousand occasions; each history has one of the three.
OFTEN, SELDOM = (0, 60, 200), (0, 15, 60)
RATES: Final = {
    "request lost": SELDOM,
    "reply lost": SELDOM,
    "reply to bytes lost": OFTEN,
    "reply garbled": SELDOM,
    "HTTP error": SELDOM,
    "answered with an error": SELDOM,
    "batch refused": OFTEN,
    "batch cut off": OFTEN,
    "delivered late": OFTEN,
    "delivered twice": OFTEN,
    "write rolled back": SELDOM,
    "commit of unknown outcome": SELDOM,
    "stopped in a call": SELDOM,
}
PATIENCE_MS: Final = 3_000
DEPTH: Final = 2


class Killed(BaseException):
    """The process that runs is no more."""


class Process:
    """One process: its own outbox, clock and lease holder's name."""

    def __init__(self, world: World, name: str) -> None:
        self.name, self.holder = name, f"sim/{name}"
        self.asleep_until, self.busy = 0, False
        self.doom: int | None = None
        clock = SimClock(world, world.rng.choice((0, 0, 0, -1_500, 900)))
        names = {str(world.contract.address): NAME}
        self.outbox = Submission(
            world.db, world.chain, names, clock, self.holder, patience_ms=PATIENCE_MS, window=world.window
        )
        self.senders: dict[str, RecordedSubmitter] = {
            role: self.outbox.submitter(account, role) for role, account in ACCOUNTS.items()
        }


class World:
    """Everything in one history; `say` writes its trace, `counts` what went wrong."""

    def __init__(self, seed: int, shelf: Shelf) -> None:
        self.rng = Random(seed)
        self.now, self.lines, self.counts = START_MS, list[str](), Counter[str]()
        self.running: Process | None = None
        self.depth, self.calm = 0, True
        self.lagging_until = self.replica_at = 0
        self.rates = {fault: self.rng.choice(rates) for fault, rates in RATES.items()}
        self.window = self.rng.choice((1, 3, 150))
        self.sees_deaths = self.rng.random() < 0.5
        self.node = SimNode(self.rng, lambda: self.now)
        self.db = shelf.fresh(self)
        self.oracle = Oracle(self.node, shelf.path, self.counts)
        self.chain = connect(SimProvider(self), "the simulated node")
        self.contract = self.chain.w3.eth.contract(address=Web3.to_checksum_address(ADDRESS), abi=ABI)
        self._queue: list[tuple[int, int, str]] = []
        self._queued = self._started = 0
        self._next_block = self.now + BLOCK_MS
        self.dead: set[str] = set()
        self.decided: list[str] = []
        self.processes = [self.start() for _ in range(self.rng.randint(2, 3))]
        self.calm = False

    # --- time and what comes with it

    def say(self, line: str) -> None:
        """Add to the trace."""
        self.lines.append(f"{(self.now - START_MS) / 1_000:9.3f}  {'    ' * self.depth}{line}")

    def slept(self, milliseconds: int) -> None:
        """A process sleeps; it is woken late, as on a busy machine."""
        self.advance(max(milliseconds, self.rng.choice((200, 700, 1_500))))

    def advance(self, milliseconds: int) -> None:
        """Let time pass: blocks are made, and what was sent late arrives."""
        end = self.now + milliseconds
        while (due := min(self._next_block, self._queue[0][0] if self._queue else end + 1)) <= end:
            self.now = due
            if due == self._next_block:
                self._next_block += BLOCK_MS
                for made in self.node.mine():
                    how = "changed" if made.changed else "without change" if made.ok else "reverted"
                    self.say(f"  block {made.block}: {made.tx.call} of {made.tx.signer[:6]}/{made.tx.nonce} {how}")
            else:
                self.deliver(heapq.heappop(self._queue)[2], self.node.head)
        self.now = end

    def later(self, milliseconds: int, raw: str) -> None:
        """Deliver these bytes so much later."""
        self._queued += 1
        heapq.heappush(self._queue, (self.now + milliseconds, self._queued, raw))

    def deliver(self, raw: str, view: int) -> dict[str, Any]:
        """Bytes arrive at the node, at a replica whose head is `view`."""
        tx = self.node.tx_of(raw)
        self.oracle.arriving(tx)
        answer = self.node.accept(tx, view)
        said = answer["error"]["message"] if "error" in answer else "taken"
        self.say(f"  > {tx.call} of {tx.signer[:6]}/{tx.nonce}: {said}")
        return answer

    # --- processes

    @property
    def faulty(self) -> bool:
        """Whether faults may happen now."""
        return not self.calm and self.running is not None

    def start(self) -> Process:
        """A new process."""
        self._started += 1
        return Process(self, f"p{self._started}")

    def has_ended(self, holder: str) -> bool:
        """What `registry.services.holder.has_ended` finds out on a machine that can see the others' processes."""
        return self.sees_deaths and holder in self.dead

    def bury(self, process: Process) -> None:
        """A process is gone, with all it knew; another one starts."""
        self.dead.add(process.holder)
        place = self.processes.index(process)
        self.processes[place] = self.start()
        self.say(f"{process.name} was killed; {self.processes[place].name} starts")

    def idle(self) -> list[Process]:
        """The processes that can do something now."""
        return [each for each in self.processes if not each.busy and each.asleep_until <= self.now]

    def run(self, process: Process, what: str, fn: Callable[[], object], *expected: type[Exception]) -> None:
        """Let a process do something; it may be killed. Anything raised that is not `expected` is a violation."""
        outer, self.running, process.busy = self.running, process, True
        self.say(f"{process.name} {what}")
        began = len(self.lines)
        try:
            done = fn()
            if len(self.lines) == began:
                del self.lines[-1]
            self.say(f"{process.name} {what}: {done}")
        except Killed:
            self.bury(process)
        except Violation:
            raise
        except Exception as error:
            told = f"{process.name} {what}: {type(error).__name__}: {error}"
            if not isinstance(error, (ChainUnavailable, DatabaseUnavailable, *expected)):
                raise Violation(told) from error
            self.say(told)
        finally:
            self.running, process.busy = outer, False

    def hook(self, place: str) -> None:
        """The process that runs may be killed here, or stopped while the others go on."""
        process = self.running
        if process is None or self.calm:
            return
        self.may_die(place)
        self.advance(self.rng.choice((0, 0, 1, 10, 60)))
        if self.depth < DEPTH and self.rng.randrange(1_000) < self.rates["stopped in a call"]:
            self.counts["stopped in a call"] += 1
            self._interlude(process, place)

    def may_die(self, place: str) -> None:
        """The process that runs is killed here when its time has come."""
        if self.running is not None and self.running.doom is not None and not self.calm:
            self.running.doom -= 1
            if self.running.doom <= 0:
                self.counts[f"killed {place}"] += 1
                raise Killed

    def _interlude(self, process: Process, place: str) -> None:
        self.say(f"{process.name} is stopped {place}")
        self.depth, self.running = self.depth + 1, None
        self.advance(self.rng.choice((100, 1_000, 5_000, 9_000, 20_000)))
        for _ in range(self.rng.randint(0, 5)):
            self.act()
        self.depth, self.running = self.depth - 1, process
        self.say(f"{process.name} goes on {place}")

    def committed(self) -> None:
        """Something was written by the process that runs."""
        self.oracle.committed("nobody" if self.running is None else self.running.holder)

    def act(self) -> None:
        """One step; see `sim_history`."""
        raise NotImplementedError
