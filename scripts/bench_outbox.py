"""Measure how much of a node's own inclusion rate the outbox keeps, side by side in one run, and print it as JSON.

    python -m scripts.bench_outbox [--seconds N] [--database-url URL]

The node is anvil with a block a second and free gas. Raw is one client that pushes transactions signed beforehand as
fast as they are included, with as many waiting at a time as the outbox has; it records nothing. Then the outbox: the
same call as often, each an operation of a stream of its own. One process decides them, with their acts, one to a
transaction or fifty; another carries them out meanwhile: simulated, signed, committed, sent, receipts recorded. Raw is
measured before and after, and the better of the two counts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from eth_account import Account
from pydantic import SecretStr
from sqlmodel import Session
from web3.contract.contract import ContractFunction

from registry.chain.client import connect_url
from registry.chain.contracts.participants import Kind
from registry.chain.sending import Answer, Sender, request_of
from registry.chain.submitter import Submitter
from registry.core.codes import ref32
from registry.errors import ChainUnavailable
from registry.services.home import Home, HomeConfig
from registry.services.initialise import initialise
from registry.services.ledger import Keys, Ledger, open_ledger
from registry.services.signer_line import WINDOW
from registry.services.submission import Deed
from registry.settings import Settings
from registry.store import operations, sequences
from registry.store.operation_tables import OperationRow, OperationState
from scripts import compile_contracts

ANVIL = compile_contracts.MODULES / "@foundry-rs/anvil-linux-amd64/bin/anvil"
OPTIONS = (
    "--hardfork cancun --chain-id 31337 --gas-limit 300000000 --block-base-fee-per-gas 0 --gas-price 0 "
    "--disable-min-priority-fee --silent --host 127.0.0.1"
)
# The contracts are put on the chain with quick blocks; what is measured has one a second.
QUICK_S, BLOCK_S = "0.1", 1
TOGETHER = (1, 50)
POLL_S = 0.02
START_S = 30
ROLE = "exchange"
HOLDER = Account.from_key(b"\x31" * 32).address


@contextmanager
def anvil() -> Iterator[str]:
    """The URL of a node of its own."""
    compile_contracts.prepare()
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = subprocess.Popen([ANVIL, *OPTIONS.split(), "--block-time", QUICK_S, "--port", port])
    try:
        yield _answering(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _answering(url: str) -> str:
    deadline = time.monotonic() + START_S
    while True:
        try:
            connect_url(url)
        except ChainUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)
        else:
            return url


@contextmanager
def made_ledger(folder: Path, url: str, database_url: str | None) -> Iterator[Ledger]:
    """A ledger with its contracts on the node, and somebody who may hold cash."""
    database = None if database_url is None else SecretStr(database_url)
    settings = Settings(keystore_password=SecretStr("bench"), database_url=database)
    home = Home(folder)
    config = HomeConfig(31337, url, True, 0, 0, 1, 0, "BENCH")
    initialise(home, config, Keys(home, settings))
    with open_ledger(home, settings) as ledger:
        chain, participants = ledger.contracts.chain, ledger.contracts.participants
        record = (HOLDER, b"holder".ljust(32, b"\0"), Kind.COMPLIANCE, b"\1" * 32)
        Submitter(chain, ledger.keys.account(ROLE)).send(participants.register(*record))
        Submitter(chain, ledger.keys.account("regulator")).send(participants.admit(*record))
        chain.w3.provider.make_request("evm_setIntervalMining", [BLOCK_S])  # type: ignore[arg-type]
        yield ledger


def call(ledger: Ledger, ref: str) -> ContractFunction:
    """The call that is measured: cash asked for under a bank reference, once a reference."""
    return ledger.contracts.cash.request_mint(ref32("bank", ref), HOLDER, 1)


def raw(ledger: Ledger, name: str, count: int) -> float:
    """Transactions a second when `count` that are signed already are pushed, WINDOW of them waiting at a time."""
    sender = Sender(ledger.contracts.chain, ledger.keys.account(ROLE))
    first = sender.next_nonce()
    requests = [request_of(call(ledger, f"{name} {n}"), "SettlementCash") for n in range(count)]
    signed = [sender.sign(request, first + n) for n, request in enumerate(requests)]
    _begin_with_a_block(ledger)
    sent, began = 0, time.perf_counter()
    while (mined := sender.next_nonce() - first) < count:
        room = signed[sent : min(count, mined + WINDOW)]
        if any(delivery.answer is not Answer.TAKEN for delivery in sender.deliver([one.raw for one in room])):
            raise SystemExit("the node refused a transaction")
        sent += len(room)
        time.sleep(POLL_S)
    return count / (time.perf_counter() - began)


def outbox(ledger: Ledger, count: int, together: int) -> float:
    """Operations a second through the outbox, from the first decision to the last receipt recorded.

    `together`: how many are decided in one transaction.
    """
    submitter, before = ledger.submitter(ROLE), _confirmed(ledger)
    process = multiprocessing.get_context("spawn")
    ready, go = process.Event(), process.Event()
    deciding = process.Process(target=decide, args=(ledger.home, ledger.keys.settings, count, together, ready, go))
    deciding.start()
    try:
        while not ready.wait(1):
            if deciding.exitcode is not None:
                raise SystemExit("the deciding process ended at once")
        _begin_with_a_block(ledger)
        began = time.perf_counter()
        go.set()
        while (ended := _confirmed(ledger) - before) < count:
            if deciding.exitcode not in (None, 0):
                raise SystemExit(f"only {ended} operations were decided")
            ledger.submission.drain(submitter)
            time.sleep(POLL_S)
        return count / (time.perf_counter() - began)
    finally:
        deciding.join()


def decide(home: Home, settings: Settings, count: int, together: int, ready: Event, go: Event) -> None:
    """Decide operations, as the process that people's requests come to does."""
    with open_ledger(home, settings) as ledger:
        submitter = ledger.submitter(ROLE)
        deeds = [Deed(f"outbox {together}/{number}", f"{together}/{number}") for number in range(count)]
        calls = [call(ledger, deed.subject) for deed in deeds]
        ready.set()
        go.wait()
        for start in range(0, count, together):
            part = zip(calls[start : start + together], deeds[start : start + together], strict=True)
            rows = [(ledger.submission.operation(submitter, ROLE, wanted, deed), deed) for wanted, deed in part]
            ledger.db.write(partial(_record, ledger, rows))


def _record(ledger: Ledger, rows: Sequence[tuple[OperationRow, Deed]], session: Session) -> None:
    sequences.serialise(session)
    for row, deed in rows:
        made = OperationRow(**row.model_dump())  # whatever runs again begins with new rows
        ledger.submission.log(session, operations.enqueue(session, made), deed)


def _confirmed(ledger: Ledger) -> int:
    with ledger.db.read() as session:
        return operations.counts(session).get(OperationState.CONFIRMED, 0)


def _begin_with_a_block(ledger: Ledger) -> None:
    """Both measurements begin just after a block, so that neither gains a part of one."""
    chain = ledger.contracts.chain
    head = chain.head()
    while chain.head() == head:
        time.sleep(POLL_S)


def measure(seconds: int, database_url: str | None) -> dict[str, Any]:
    """The figures of one run."""
    count = seconds * WINDOW // BLOCK_S
    with (
        tempfile.TemporaryDirectory() as folder,
        anvil() as url,
        made_ledger(Path(folder), url, database_url) as ledger,
    ):
        rates = [raw(ledger, "raw before", count)]
        ours = {together: outbox(ledger, count, together) for together in TOGETHER}
        rates.append(raw(ledger, "raw after", count))
        database = ledger.db.engine.dialect.name
    best = max(rates)
    return {
        "transactions": count,
        "raw_tx_per_s": [round(rate, 1) for rate in rates],
        "outbox_operations_per_s": {f"decided {each} at a time": round(rate, 1) for each, rate in ours.items()},
        "ratio": {f"decided {each} at a time": round(rate / best, 2) for each, rate in ours.items()},
        "window": WINDOW,
        "block_s": BLOCK_S,
        "database": database,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": [round(one, 1) for one in os.getloadavg()],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=30, help="how long each measurement is to take at its best")
    parser.add_argument("--database-url", help="postgresql://...; without it SQLite in a temporary folder")
    options = parser.parse_args()
    print(json.dumps(measure(options.seconds, options.database_url), indent=1))


if __name__ == "__main__":
    main()
