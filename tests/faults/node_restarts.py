"""A node whose process ends and starts again under a writer and two indexers: no event is missed, none comes twice."""

from __future__ import annotations

import time
from collections import Counter as Tally
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from sqlmodel import select

from registry.core.codes import ref32
from registry.services import indexer
from registry.store.log_tables import EventRow
from tests.faults.node_ground import Ground, wrong
from tests.faults.node_load import Load

# A clock three times as fast: bytes are sent again after a second.
FACTOR: Final = 3
TIMEOUT_S: Final = 10
MOST_OPEN: Final = 40
INDEXERS: Final = 2
LONGEST_S: Final = 0.5


@dataclass
class Restarts:
    """What came of a campaign. `unknown`: how often a writer or an indexer was told that the node does not answer."""

    restarts: int
    refused_connections: int = 0
    met_a_gateway: int = 0
    operations: int = 0
    events: int = 0
    blocks: int = 0
    unknown: int = 0
    sent_again: int = 0
    wrong: list[str] = field(default_factory=list)


def restarts(on: Ground, runs: int, seed: int = 1) -> Restarts:
    """End the node and start it again so often, each time after something was confirmed since the last time."""
    done, load, random = Restarts(runs), Load(on), Random(seed)
    with ExitStack() as stack:
        for _ in range(INDEXERS):
            stack.enter_context(load.thread(lambda: _follow(on)))
        stack.enter_context(load.carrying_out("worker"))
        with load.deciding(MOST_OPEN):
            for number in range(runs):
                before = load.confirmed()
                load.wait(lambda at=before: load.confirmed() > at, f"a confirmed operation before restart {number}")
                if load.wrong:
                    break
                time.sleep(random.uniform(0, LONGEST_S))
                _restart(on, random, done)
        load.wait(lambda: load.open() == 0, "every operation at its end")
    done.operations, done.unknown, done.blocks = len(load.refs), load.told_unknown, on.chain.head()
    done.sent_again = len(on.proxy.received) - len({one.hash for one in on.proxy.received})
    done.wrong = load.wrong + wrong(on, load.refs) + _feed_wrong(on, load.refs)
    done.events = len(_feed(on))
    return done


def _follow(on: Ground) -> None:
    indexer.sync(on.ledger)


def _restart(on: Ground, random: Random, done: Restarts) -> None:
    """The node's process ends; until it is back its address refuses connections, or a gateway says that it is away."""
    gateway = random.random() < 0.5
    if gateway:
        done.met_a_gateway += 1
    else:
        done.refused_connections += 1
        on.proxy.go_down()
    on.node.end()
    time.sleep(random.uniform(0, LONGEST_S))
    on.node.start()
    if not gateway:
        on.proxy.start()


def _feed(on: Ground) -> list[dict[str, Any]]:
    with on.ledger.db.read() as session:
        return [row.model_dump() for row in session.exec(select(EventRow).order_by("sequence"))]


def _feed_wrong(on: Ground, refs: list[str]) -> list[str]:
    indexer.sync(on.ledger)
    followed = _feed(on)
    found = []
    if [row["sequence"] for row in followed] != list(range(1, len(followed) + 1)):
        found.append("the events' numbers have a gap or a repetition")
    if followed != sorted(followed, key=lambda row: (row["block"], row["log_index"])):
        found.append("the events are not in the order of the chain")
    seen = Tally(row["arguments"]["bankRef"] for row in followed if row["name"] == "MintRequested")
    expected = {"0x" + ref32("bank", ref).hex(): 1 for ref in refs}
    if seen != expected:
        found.append(f"{len(refs)} operations, {sum(seen.values())} events of them in the feed")
    indexer.rebuild(on.ledger)
    if _feed(on) != followed:
        found.append("read again from nothing, the events are others")
    return found
