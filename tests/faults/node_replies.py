"""Operations whose transaction's reply is lost, late, or whose bytes arrive twice: each ends CONFIRMED, mined once."""

from __future__ import annotations

import time
from collections import Counter as Tally
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from registry.errors import ChainUnavailable, PuhuiError
from registry.services.submission import Deed, Submission
from tests.faults.node_ground import Ground, on_anvil, wrong
from tests.nodes.qbft_faults import SEND, Fault
from tests.nodes.qbft_proxy import QbftProxy

# A clock twenty times as fast: bytes are sent again after 150 ms, a lease ends after 400 ms.
FACTOR: Final = 20
TIMEOUT_S: Final = 1
SHORT_S: Final = 0.3
# Longer than the client waits: the bytes arrive after it gave up, and after it sent them again.
LONG_S: Final = 1.3
WAYS: Final = ("dropped", "dropped three times", "delayed", "delayed for longer than the client waits", "duplicated")


@dataclass
class Replies:
    """What came of a campaign; `unknown` counts the answers that said so, `resent` the transactions sent again."""

    runs: int
    ways: Tally[str] = field(default_factory=Tally)
    injected: Tally[str] = field(default_factory=Tally)
    unknown: int = 0
    taken_over: int = 0
    resent: int = 0
    wrong: list[str] = field(default_factory=list)


def replies(folder: Path, runs: int, seed: int = 1) -> Replies:
    """So many operations on the ledger in `folder`, one after the other, each with a fault that the seed chooses."""
    with on_anvil(folder, FACTOR, TIMEOUT_S) as on:
        return _campaign(on, runs, Random(seed))


def _campaign(on: Ground, runs: int, random: Random) -> Replies:
    done, refs = Replies(runs), [f"reply {number}" for number in range(runs)]
    outbox = on.outbox("process 0")
    before = len(on.proxy.received)
    for ref in refs:
        way, next_takes_over = random.choice(WAYS), random.random() < 0.5
        done.ways[way] += 1
        _arm(on.proxy, way)
        try:
            outbox = _insist(on, outbox, ref, next_takes_over, done)
        except PuhuiError as error:
            done.wrong.append(f"{ref} ({way}): {error.message}")
    on.proxy.faults.clear()
    time.sleep(LONG_S)  # bytes that are late are on their way still
    outbox.close()
    done.injected = Tally(fault.value for fault, _ in on.proxy.faults.injected)
    done.resent = len(on.proxy.received) - before - runs
    done.wrong += wrong(on, refs)
    return done


def _arm(proxy: QbftProxy, way: str) -> None:
    proxy.faults.clear()
    proxy.faults.delay_s = SHORT_S if way == "delayed" else LONG_S
    if way.startswith("dropped"):
        proxy.faults.arm(Fault.DROP_REPLY, 3 if way == "dropped three times" else 1)
    elif way.startswith("delayed"):
        proxy.faults.arm(Fault.DELAY, 1, SEND)
    else:
        proxy.faults.arm(Fault.DUPLICATE)


def _insist(on: Ground, outbox: Submission, ref: str, next_takes_over: bool, done: Replies) -> Submission:
    """Give the operation until its outcome is known; perhaps from another process, which waits for the lease's end."""
    while True:
        try:
            on.submitter(outbox).send(on.ask_cash(ref), Deed(ref, ref))
            return outbox
        except ChainUnavailable:
            done.unknown += 1
        if next_takes_over:
            done.taken_over += 1
            outbox = on.outbox(f"process {done.taken_over}")
            next_takes_over = False


def told(done: Replies) -> dict[str, Any]:
    """The campaign as it is printed."""
    return {**vars(done), "ways": dict(done.ways), "injected": dict(done.injected)}
