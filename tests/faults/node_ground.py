"""A ledger on a node behind the proxy, and what must be true of it whatever the node did."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import SecretStr
from sqlmodel import Session, col, select

from registry.chain import client
from registry.chain.client import Chain, connect_url
from registry.chain.contracts.participants import Kind
from registry.chain.contracts.settlement_cash import SettlementCash
from registry.chain.submitter import Submitter
from registry.core.codes import ref32
from registry.services import keystores
from registry.services.clock import SystemClock
from registry.services.home import Home, HomeConfig
from registry.services.initialise import initialise
from registry.services.ledger import Keys, Ledger, open_ledger
from registry.services.submission import PATIENCE_MS, Deed, RecordedSubmitter, Submission
from registry.settings import Settings
from registry.store import operations, sequences
from registry.store.operation_tables import AttemptRow, AttemptState, OperationRow, OperationState
from tests.faults.node_process import PERIOD_S, Anvil, NodeProcess, Served
from tests.nodes.qbft_proxy import QbftProxy
from tests.services.homes import FAST_SCRYPT, PASSWORD

CHAIN_ID: Final = 31337
CAP_MG: Final = 10**13
ROLE: Final = "exchange"
LEDGER: Final = "ledger"
STATE: Final = "anvil.json"
QUICK_S: Final = 0.1
HOLDER: Final = Account.from_key(b"\x31" * 32).address
FEN: Final = 1


class FastClock(SystemClock):
    """A clock that goes `factor` times as fast as the machine's: what takes seconds takes a part of them."""

    def __init__(self, factor: int) -> None:
        self.factor = factor
        self._wall, self._start = super().now_ms(), time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since the epoch by this clock."""
        return self._wall + self.monotonic_ms()

    def monotonic_ms(self) -> int:
        """Its milliseconds since it was made."""
        return (time.monotonic_ns() - self._start) * self.factor // 1_000_000

    def sleep_ms(self, milliseconds: int) -> None:
        """Wait until so much time went by on it."""
        time.sleep(milliseconds / self.factor / 1_000)


def settings(rpc_url: str | None = None) -> Settings:
    """The settings of a ledger of tests."""
    return Settings(keystore_password=SecretStr(PASSWORD), database_url=None, rpc_url=rpc_url)


def make_on_anvil(folder: Path) -> Path:
    """A ledger on an anvil that has ended: its home and the anvil's blocks, to be copied."""
    node = Anvil(folder / STATE, QUICK_S)
    node.start()
    try:
        _make(folder / LEDGER, node.url)
    finally:
        node.end()
    return folder


def make_embedded(folder: Path) -> Path:
    """A ledger on an embedded chain."""
    _make(folder / LEDGER, None)
    return folder


def _make(folder: Path, rpc_url: str | None) -> None:
    """A ledger with all its contracts, and somebody who may hold cash."""
    home = Home(folder)
    config = HomeConfig(CHAIN_ID, rpc_url, True, 0, 0, CAP_MG, 0, "TEST")
    with (
        mock.patch.object(keystores.create, "__defaults__", (FAST_SCRYPT,)),
        mock.patch.object(keystores.create_secret, "__defaults__", (FAST_SCRYPT,)),
    ):
        initialise(home, config, Keys(home, settings()))
    with open_ledger(home, settings()) as ledger:
        record = (HOLDER, b"holder".ljust(32, b"\0"), Kind.COMPLIANCE, b"\1" * 32)
        Submitter(ledger.contracts.chain, ledger.keys.account(ROLE)).send(
            ledger.contracts.participants.register(*record)
        )
        admit = ledger.contracts.participants.admit(*record)
        Submitter(ledger.contracts.chain, ledger.keys.account("regulator")).send(admit)


@dataclass
class Ground:
    """An opened ledger whose outbox has a fast clock. One operation asks for cash under a bank reference of its own."""

    ledger: Ledger
    node: NodeProcess
    proxy: QbftProxy
    clock: FastClock
    # What was done by the role before the outbox's first operation: its nonce then.
    first_nonce: int = 0

    @property
    def account(self) -> LocalAccount:
        """The key that every operation is signed with."""
        return self.ledger.keys.account(ROLE)

    def outbox(self, name: str, chain: Chain | None = None) -> Submission:
        """An outbox as a process of this name has it."""
        names = {address: name for name, address in self.ledger.contracts.deployment.addresses.items()}
        patience = PATIENCE_MS * self.clock.factor
        return Submission(self.ledger.db, chain or self.chain, names, self.clock, name, patience)

    @property
    def chain(self) -> Chain:
        """The node, through the proxy."""
        return self.ledger.contracts.chain

    def submitter(self, outbox: Submission) -> RecordedSubmitter:
        """The role's, through this outbox."""
        return outbox.submitter(self.account, ROLE)

    def ask_cash(self, ref: str) -> Any:
        """The call that asks for cash under this reference, once whoever sends it how often."""
        return self.ledger.contracts.cash.request_mint(ref32("bank", ref), HOLDER, FEN)

    def mined(self) -> int:
        """How many transactions of its operations are in blocks."""
        return self.submitter(self.outbox("looks")).next_nonce() - self.first_nonce

    def decide(self, outbox: Submission, ref: str, stream: str) -> None:
        """Record an operation and its act, and leave it to whoever carries out what is recorded."""
        deed, call, submitter = Deed(ref, stream), self.ask_cash(ref), self.submitter(outbox)

        def record(session: Session) -> None:
            sequences.serialise(session)
            row = operations.enqueue(session, outbox.operation(submitter, ROLE, call, deed))
            outbox.log(session, row, deed)

        self.ledger.db.write(record)


def on_anvil(folder: Path, factor: int, timeout_s: int) -> AbstractContextManager[Ground]:
    """The ledger of `make_on_anvil`, its anvil running again behind a proxy."""
    return _ground(folder, Anvil(folder / STATE), factor, timeout_s)


def on_embedded(folder: Path, factor: int, timeout_s: int) -> AbstractContextManager[Ground]:
    """The ledger of `make_embedded`, its chain served by a process of its own behind a proxy."""
    return _ground(folder, Served(folder / LEDGER), factor, timeout_s)


@contextmanager
def _ground(folder: Path, node: NodeProcess, factor: int, timeout_s: int) -> Iterator[Ground]:
    """Opened with a clock of this speed, and a client that waits so many seconds for a reply."""
    node.start()
    try:
        with (
            QbftProxy(node.url, period_s=PERIOD_S) as proxy,
            mock.patch.object(client, "TIMEOUT_S", timeout_s),
            open_ledger(Home(folder / LEDGER), settings(proxy.url)) as ledger,
        ):
            made = Ground(ledger, node, proxy, FastClock(factor))
            made.first_nonce = made.submitter(made.outbox("first")).next_nonce()
            yield made
    finally:
        node.end()


def wrong(on: Ground, refs: list[str]) -> list[str]:
    """Everything that may not be after these references were asked for, as lines of text; asked of the node itself.

    Each reference is one operation, CONFIRMED; one transaction of it is in a block, and none that was given up; each
    nonce was signed for one transaction only; the chain has one event for each.
    """
    chain = connect_url(on.node.url)
    with on.ledger.db.read() as session:
        rows = {row.subject: row for row in session.exec(select(OperationRow).where(OperationRow.role == ROLE))}
        count = len(session.exec(select(OperationRow.seq).where(OperationRow.role == ROLE)).all())
        attempts = list(session.exec(select(AttemptRow).order_by(col(AttemptRow.nonce))))
    found = [f"{ref}: no operation" for ref in refs if ref not in rows]
    found += [] if count == len(refs) else [f"{count} operations for {len(refs)} references"]
    for ref, row in rows.items():
        if row.state is not OperationState.CONFIRMED:
            found.append(f"{ref}: {row.state} {row.reason or ''}")
    found += _attempts_wrong(chain, attempts, {row.seq: row for row in rows.values()})
    if on.mined() != len(refs):
        found.append(f"{on.mined()} transactions of the signer are in blocks, for {len(refs)} operations")
    found += [f"nonce {key}: {hashes}" for key, hashes in on.proxy.conflicts().items()]
    return found + _events_wrong(on, chain, refs)


def _attempts_wrong(chain: Chain, attempts: list[AttemptRow], rows: dict[int | None, OperationRow]) -> Iterator[str]:
    mined = Tally[int]()
    for attempt in attempts:
        (answer,) = chain.ask("eth_getTransactionReceipt", [[attempt.tx_hash]])
        in_block = answer.get("result") is not None
        mined[attempt.operation] += in_block
        if in_block != (attempt.state is AttemptState.MINED):
            yield f"{attempt.tx_hash} is {attempt.state}, and {'in a block' if in_block else 'in no block'}"
    for seq, row in rows.items():
        if mined[seq or 0] != 1:
            yield f"{row.subject}: {mined[seq or 0]} transactions in blocks"


def _events_wrong(on: Ground, chain: Chain, refs: list[str]) -> list[str]:
    deployment = on.ledger.contracts.deployment
    cash = SettlementCash(chain, deployment.addresses["SettlementCash"])
    events = cash.history(["MintRequested"], deployment.first_block, chain.head())
    seen = Tally(bytes(event.arguments["bankRef"]) for event in events)
    found = [f"{ref}: {seen[ref32('bank', ref)]} events" for ref in refs if seen[ref32("bank", ref)] != 1]
    return found if len(events) == len(refs) else [*found, f"{len(events)} events for {len(refs)} references"]
