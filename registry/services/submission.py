"""The outbox: the one way the ledger writes to its chain.

    submission = Submission(db, chain, ...)
    submission.submitter(account, role).send(call)     record, carry out, wait for the outcome
    submission.drain(sender, role)                     carry out whatever is recorded for a signer

An operation is recorded before anything is signed, and its signed bytes before they are sent for the first time, under
a lease that one process has for a signer. What was sent is unknown, never failed, until the chain answers: the same
bytes are sent again, and they can be mined once. A process that lost its lease cannot commit a nonce.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from sqlmodel import Session
from web3.contract.contract import ContractFunction

from registry import logs
from registry.chain.client import Chain
from registry.chain.sending import Sender, request_of
from registry.chain.submitter import Sent, Submitter
from registry.core.acts import call_digest
from registry.errors import ChainRevert, ChainUnavailable, ConflictError
from registry.services.clock import Clock, SystemClock
from registry.services.holder import this_process
from registry.services.signer_due import request_from
from registry.services.signer_line import WINDOW, SignerLine
from registry.store import acts, operations, sequences
from registry.store.operation_tables import OPEN, OperationRow, OperationState
from registry.store.session import Database

POLL_MS: Final = 50
PATIENCE_MS: Final = 60_000

_log = logs.log(__name__)


@dataclass(frozen=True)
class Deed:
    """What a call is for. Calls of one function and `stream` are carried out one after the other.

    `subject` tells people what it is about, `before` and `after` what it changes, `approves` whose act it approves.
    What was decided on something that grows old is not signed for the first time more than `fresh_s` seconds later.
    """

    subject: str = ""
    stream: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    approves: str | None = None
    fresh_s: int | None = None


@dataclass
class Submission:
    """The outbox of one ledger in one process. `names` maps the contracts' addresses to their names."""

    db: Database
    chain: Chain
    names: dict[str, str]
    clock: Clock = field(default_factory=SystemClock)
    holder: str = field(default_factory=this_process)
    patience_ms: int = PATIENCE_MS
    window: int = WINDOW
    _lines: dict[str, SignerLine] = field(default_factory=dict)

    def submitter(self, account: LocalAccount, role: str) -> RecordedSubmitter:
        """Sends as `role` through this outbox."""
        return RecordedSubmitter(self, account, role)

    def line(self, sender: Sender) -> SignerLine:
        """The operations of this account."""
        if sender.account.address not in self._lines:
            made = SignerLine(self.db, sender, self.clock, self.holder, self.window)
            self._lines[sender.account.address] = made
        return self._lines[sender.account.address]

    def operation(self, sender: Sender, role: str, call: ContractFunction, deed: Deed) -> OperationRow:
        """The operation of a call, to be enqueued. By default calls of one function wait for each other."""
        request = request_of(call, self.names.get(call.address, ""))
        signer = sender.account.address.lower()
        now = self.clock.now_ms()
        return OperationRow(
            id=f"op-{uuid.uuid4().hex[:20]}",
            kind=request.kind,
            subject=deed.subject,
            stream=f"{request.kind}/{deed.stream}",
            role=role,
            signer=signer,
            contract=request.contract,
            calldata=request.data,
            gas=request.gas,
            digest=call_digest(self.chain.genesis, self.chain.chain_id, signer, request.contract, request.data),
            next_at=now,
            lapses_at=None if deed.fresh_s is None else now + 1_000 * deed.fresh_s,
            created_at=now,
        )

    def log(self, session: Session, row: OperationRow, deed: Deed) -> None:
        """Add the act to the log, in the transaction that decides it."""
        acts.append(
            session,
            self.chain.genesis,
            at=row.created_at // 1_000,
            actor=row.signer,
            role=row.role,
            action=row.kind,
            subject=row.subject,
            before=deed.before,
            after={**deed.after, "operation": row.id, "call": row.digest},
            initiator=deed.approves.lower() if deed.approves else None,
        )

    def carry_out(self, sender: Sender, recorded: OperationRow) -> OperationRow:
        """Work for this signer until the operation is at its end or held, or wait for the process that does.

        Raises ConflictError when it waits behind a held one, and ChainUnavailable when it takes too long: it stays
        recorded and its outcome is unknown.
        """
        seq, line = operations.seq_of(recorded), self.line(sender)
        deadline = self.clock.monotonic_ms() + self.patience_ms
        while True:
            moved = line.turn()
            with self.db.read() as session:
                row = operations.by_seq(session, seq)
                held = operations.blocker(session, row)
            if row.state not in OPEN or row.state is OperationState.HELD:
                return row
            if held is not None:
                raise ConflictError(
                    f"{row.kind}: operation {row.id} waits behind {held.id}, which is held: {held.reason}",
                    hint=f"puhui ops explain {held.id}",
                    operation=row.id,
                )
            if self.clock.monotonic_ms() > deadline:
                raise ChainUnavailable(
                    f"{row.kind}: operation {row.id} is {row.state} still: its outcome is unknown, not failed",
                    hint=f"puhui ops show {row.id}; it goes on when the chain answers, and is never done twice",
                    operation=row.id,
                )
            if not moved:
                self.clock.sleep_ms(POLL_MS)

    def drain(self, sender: Sender) -> None:
        """Carry out what is recorded for this signer until nothing is due; raises ChainUnavailable as `carry_out`."""
        line, deadline = self.line(sender), self.clock.monotonic_ms() + self.patience_ms
        while line.has_work():
            if line.turn():
                deadline = self.clock.monotonic_ms() + self.patience_ms
            elif self.clock.monotonic_ms() > deadline:
                raise ChainUnavailable(f"operations of {line.signer} are open still", hint="puhui ops list")
            else:
                self.clock.sleep_ms(POLL_MS)

    def close(self) -> None:
        """Give the leases back."""
        for line in self._lines.values():
            line.close()


class RecordedSubmitter(Submitter):
    """Sends for one account through the outbox; what interrupts it leaves an operation that is finished later."""

    def __init__(self, submission: Submission, account: LocalAccount, role: str) -> None:
        super().__init__(submission.chain, account)
        self._submission = submission
        self._role = role

    def send(
        self,
        call: ContractFunction,
        deed: Deed | None = None,
        *,
        deciding: Callable[[Session], None] | None = None,
    ) -> Sent:
        """Record the call and the act, in the transaction in which `deciding` records why, and carry it out.

        What the chain has already, or refuses, is not recorded, unless `deciding` makes it part of more. Raises
        ChainRevert when the contract refuses, ConflictError when the operation is held or somebody approves an act of
        his own, ChainUnavailable while its outcome is unknown.
        """
        outbox, asked = self._submission, deed or Deed()
        wanted = outbox.operation(self, self._role, call, asked)
        if deciding is None and not self._is_due(wanted):
            return Sent(changed=False)

        def decide(session: Session) -> tuple[OperationRow, bool]:
            sequences.serialise(session)
            if deciding is not None:
                deciding(session)
            made = outbox.operation(self, self._role, call, asked)
            row = operations.enqueue(session, made)
            if row is made:
                outbox.log(session, row, asked)
            return row, row is made

        row, new = outbox.db.write(decide)
        with logs.operation_context(row.id):
            _log.info(
                "decided" if new else "found open", call=row.kind, subject=row.subject, role=row.role, stream=row.stream
            )
            ended = outbox.carry_out(self, row)
            _log.info("ended", state=ended.state.value, reason=ended.reason)
            return self.outcome(ended)

    def finish(self, kind: str, stream: str = "") -> None:
        """Bring what an interruption left open of this kind and stream to its end, whatever that is.

        Then the chain says what is and what is not. Raises ConflictError for one that is held, and ChainUnavailable.
        """
        outbox = self._submission
        with outbox.db.read() as session:
            left = operations.open_in_stream(session, f"{kind}/{stream}", self.account.address.lower())
        if left is not None:
            ended = outbox.carry_out(self, left)
            if ended.state is OperationState.HELD:
                self.outcome(ended)

    def _is_due(self, wanted: OperationRow) -> bool:
        """Whether there is anything to record: the same is open, or the call would change something by now."""
        line = self._submission.line(self)
        if line.has_work():
            line.turn()  # what an interruption left may be this very thing
        with self._submission.db.read() as session:
            known = operations.open_by_digest(session, wanted.digest)
        return known is not None or self.simulate(request_from(wanted))

    def outcome(self, row: OperationRow) -> Sent:
        """What came of an operation, as `send` tells it."""
        if row.state is OperationState.CONFIRMED:
            return Sent(True, row.tx_hash, row.block, row.gas_used or 0)
        if row.state is OperationState.UNCHANGED:
            return Sent(changed=False)
        if row.state is OperationState.LAPSED:
            raise ConflictError(f"{row.kind}: operation {row.id} was not sent in time", hint="give the command again")
        if row.state is OperationState.HELD:
            raise ConflictError(
                f"{row.kind}: operation {row.id} is held: {row.reason}",
                hint=f"puhui ops explain {row.id}, then puhui ops retry {row.id}",
                operation=row.id,
            )
        # Asked again, the contract says why in full.
        self.simulate(request_from(row))
        raise ChainRevert(row.reason or f"{row.kind}: refused", operation=row.id)


@contextmanager
def submission(db: Database, chain: Chain, names: dict[str, str]) -> Iterator[Submission]:
    """An outbox that gives its leases back at the end."""
    made = Submission(db, chain, names)
    try:
        yield made
    finally:
        made.close()
