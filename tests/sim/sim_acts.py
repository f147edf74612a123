"""What can happen in a world, one step at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select
from web3.contract.contract import ContractFunction

from registry.errors import ChainRevert, ConflictError
from registry.services.submission import Deed
from registry.store import operations, sequences
from registry.store.operation_tables import OperationRow
from tests.sim.sim_contract import NAME, Call
from tests.sim.sim_store import Shelf
from tests.sim.sim_weather import Weathered
from tests.sim.sim_world import ACCOUNTS, Process

CHAINS: Final = 3
KEYS: Final = 8


@dataclass(frozen=True)
class Ask:
    """A call as a command makes it; `place` None stands for the next of the chain."""

    role: str
    function: str
    first: int
    second: int | None
    stream: str
    fresh_s: int | None = None


class Acting(Weathered):
    """A world in which things happen."""

    def __init__(self, seed: int, shelf: Shelf) -> None:
        super().__init__(seed, shelf)
        self._asked: list[Ask] = []
        self._at_work: dict[str, Process] = {}
        self._likely: dict[Callable[[], None], int] = {
            self._turn: 34,
            self._decide: 9,
            self._wait: 8,
            self._send: 4,
            self._work: 3,
            self._repeat: self.rng.choice((0, 3)),
            self._sleep: self.rng.choice((0, 4)),
            self._kill: self.rng.choice((0, 4, 8)),
            self._restart: self.rng.choice((0, 2)),
            self._retry: 4,
            self.stall: self.rng.choice((0, 3)),
            self.fill_pool: self.rng.choice((0, 3)),
            self.index_late: self.rng.choice((0, 3)),
            self.lag: self.rng.choice((0, 4)),
            self.evict: self.rng.choice((0, 9)),
            self.foreign: self.rng.choice((0, 4)),
            self.refuse: self.rng.choice((0, 9)),
        }

    def act(self) -> None:
        """Let one thing happen, and check what must hold."""
        self.advance(self.rng.choice((0, 100, 600, 1_000)))
        happening = self.rng.choices(list(self._likely), list(self._likely.values()))[0]
        happening()
        self.oracle.step()

    # --- what people and processes do

    def _some(self) -> Process | None:
        idle = self.idle()
        return self.rng.choice(idle) if idle else None

    def _turn(self) -> None:
        if process := self._some():
            role = self.rng.choice(self.oracle.roles_at_work() or sorted(ACCOUNTS))
            last = self._at_work.get(role, process)
            self.turn(last if last in self.idle() and self.rng.random() < 0.6 else process, role)

    def turn(self, process: Process, role: str) -> None:
        """One turn of a signer's line in a process."""

        def turned() -> bool:
            moved = process.outbox.line(process.senders[role]).turn()
            if moved:
                self._at_work[role] = process
            return moved

        self.run(process, f"turn {role}", turned)

    def _work(self) -> None:
        if process := self._some():
            role = self.rng.choice(sorted(ACCOUNTS))
            self.run(process, f"drain {role}", lambda: process.outbox.drain(process.senders[role]))

    def _new(self) -> Ask:
        role = self.rng.choice(sorted(ACCOUNTS))
        if self.rng.random() < 0.6:
            chain = self.rng.randrange(CHAINS)
            return Ask(role, "follow", chain, None, str(chain))
        key, value = self.rng.randrange(KEYS), self.rng.choice((5, 5, 6))
        fresh = self.rng.choice((None, None, None, None, None, 2, 8))
        return Ask(role, "record", key, value, self.rng.choice(("", str(key))), fresh)

    def call(self, session: Session, ask: Ask) -> ContractFunction:
        """The call of an ask; the next place of a chain is what was not decided yet."""
        place = ask.second
        if place is None:
            stream = f"{NAME}.{ask.function}/{ask.stream}"
            decided = session.exec(select(OperationRow.calldata).where(col(OperationRow.stream) == stream))
            place = len({Call.of(bytes.fromhex(data[2:])).second for data in decided})
        return self.contract.functions[ask.function](ask.first, place)

    def _decide(self) -> None:
        for _ in range(self.rng.choice((1, 1, 1, 4))):
            if process := self._some():
                self.decide(process, self._new())

    def decide(self, process: Process, ask: Ask) -> None:
        """Record an operation and its act in one transaction, as `RecordedSubmitter.send` does."""
        deed = Deed(f"{ask.function} {ask.first}", ask.stream, fresh_s=ask.fresh_s)

        def decided(session: Session) -> OperationRow:
            sequences.serialise(session)
            made = process.outbox.operation(process.senders[ask.role], ask.role, self.call(session, ask), deed)
            row = operations.enqueue(session, made)
            if row is made:
                process.outbox.log(session, row, deed)
            return row

        def record() -> str:
            row = self.db.write(decided)
            self.decided.append(row.id)
            return f"operation {row.seq}"

        self.run(process, f"decides {ask.role} {ask.function}({ask.first}, {ask.second}) in {ask.stream!r}", record)

    def _send(self) -> None:
        if process := self._some():
            self.send(process, self._new())

    def _repeat(self) -> None:
        process = self._some()
        if process and self._asked:
            self.send(process, self.rng.choice(self._asked[-5:]))

    def send(self, process: Process, ask: Ask) -> None:
        """The whole of a command: decide, carry out, wait."""
        with self.db.read() as session:
            call = self.call(session, ask)
        sure = Ask(ask.role, ask.function, ask.first, int(call.args[1]), ask.stream, ask.fresh_s)
        self._asked.append(sure)
        deciding = self.rng.choice((None, lambda _: None))
        deed = Deed(f"{ask.function} {ask.first}", ask.stream, fresh_s=ask.fresh_s)

        def sent() -> str:
            try:
                return str(process.senders[ask.role].send(call, deed, deciding=deciding))
            except ChainRevert as error:
                return error.message
            except ConflictError as error:
                if error.hint is None:
                    raise
                return error.message

        self.run(process, f"sends {sure}", sent)

    def _retry(self) -> None:
        held = self.oracle.held()
        process = self._some()
        if held and process:
            self.retry(process, *self.rng.choice(held))

    def retry(self, process: Process, seq: int, operation: str) -> None:
        """A person has a held operation tried again."""
        self.oracle.retried.add(seq)
        self.counts["(held and tried again)"] += 1
        fn = process.outbox.clock.now_ms
        self.run(
            process,
            f"retries operation {seq}",
            lambda: self.db.write(lambda session: operations.retry(session, operation, fn()).state),
            ConflictError,
        )

    # --- what happens to processes

    def _wait(self) -> None:
        self.advance(self.rng.choice((100, 700, 1_000, 3_000, 6_000)))

    def _sleep(self) -> None:
        if process := self._some():
            process.asleep_until = self.now + self.rng.choice((3_000, 9_000, 25_000))
            self.counts["stopped between calls"] += 1
            self.say(f"{process.name} is stopped until {process.asleep_until}")

    def _kill(self) -> None:
        if process := self._some():
            process.doom = self.rng.randint(1, 30)
            self.say(f"{process.name} will be killed soon")

    def _restart(self) -> None:
        if process := self._some():
            self.run(process, "ends", process.outbox.close)
            if process in self.processes:
                self.counts["ended in order"] += 1
                self.bury(process)
