"""Following the chain: every event of the contracts becomes a numbered row, once, and is checked to be there still.

The rows are a projection: deleted and read again they are the same, with the same numbers. A block that was read and is
no more, or another in its place, is an incident: on a chain whose blocks are final it means another chain, a restored
node or worse. Nothing is written until a person has looked (`puhui reindex --from-chain` is the way out).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from sqlmodel import Session

from registry import logs
from registry.chain.deployment import Contracts
from registry.chain.event_reader import Chunk, EventReader
from registry.errors import ChainMismatch, ChainUnavailable, DatabaseUnavailable
from registry.store import chain_events
from registry.store.chain_events import Found, Place
from registry.store.session import Database

_log = logs.log(__name__)
Progress = Callable[[str], None]
BEHIND_S: Final = 5
POLL_MS: Final = 100
WAY_OUT: Final = "look at the node first; if it is the right one: `puhui reindex --from-chain`, then `puhui audit`"


class Followed(Protocol):
    """What of a ledger is needed to follow its chain."""

    db: Database
    contracts: Contracts


@dataclass(frozen=True)
class Indexed:
    """What was done: `block` is the last one read; `added` and `removed` count events."""

    block: int
    added: int
    removed: int


def sync(ledger: Followed, progress: Progress = lambda _: None) -> Indexed:
    """Read what is new, up to the head. Several processes may do so at once: each event is added once.

    Raises ChainMismatch when a block that was read is gone.
    """
    contracts = ledger.contracts
    reader = EventReader(contracts.chain, contracts.deployment.addresses)
    added = 0
    while True:
        with ledger.db.read() as session:
            before = chain_events.cursor(session)
        require_standing(contracts, before)
        first = contracts.deployment.first_block if before is None else before.block + 1
        head = contracts.chain.head()
        if first > head:
            return Indexed(head if before is None else before.block, added, 0)
        for chunk in reader.chunks(first, head):
            progress(f"block {chunk.last:,} of {head:,}")
            if not _add(ledger, before, chunk):
                break  # another process was faster: go on from where it came to
            added += len(chunk.events)
            _log.info("events read", first=chunk.first, last=chunk.last, events=len(chunk.events))
            before = Place(chunk.last, chunk.last_hash)


def rebuild(ledger: Followed, progress: Progress = lambda _: None) -> Indexed:
    """Forget every event and read them again."""
    removed = ledger.db.write(lambda session: chain_events.forget_from(session, 0, None))
    done = sync(ledger, progress)
    return Indexed(done.block, done.added, removed)


def require_known(ledger: Followed) -> None:
    """Check that the chain is the one that was followed so far; raises ChainMismatch. Before anything is written."""
    with ledger.db.read() as session:
        place = chain_events.cursor(session)
    require_standing(ledger.contracts, place)


def follow(ledger: Followed) -> None:
    """Read what is new if that can be done now; what was written is no less done if not. Raises ChainMismatch."""
    with suppress(ChainUnavailable, DatabaseUnavailable):
        sync(ledger)


def require_standing(contracts: Contracts, place: Place | None) -> None:
    """Check that the chain still has the block that was read last; raises ChainMismatch."""
    if place is None:
        return
    head = contracts.chain.head()
    if head < place.block and not _comes(contracts, place.block):
        _log.error("incident", head=head, block=place.block, block_hash=place.block_hash)
        raise ChainMismatch(
            f"INCIDENT: the chain is at block {head}, and block {place.block} was read before: blocks have vanished",
            hint=WAY_OUT,
            head=head,
            read=place.block,
        )
    found = contracts.chain.block_hash(place.block)
    if found != place.block_hash:
        _log.error("incident", block=place.block, expected=place.block_hash, actual=found)
        raise ChainMismatch(
            f"INCIDENT: block {place.block} is not the one that was read before: the chain was changed",
            hint=WAY_OUT,
            expected=place.block_hash,
            actual=found,
        )


def _comes(contracts: Contracts, block: int) -> bool:
    """Whether a node that is behind others has this block within a moment."""
    deadline = time.monotonic() + BEHIND_S
    while contracts.chain.head() < block:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_MS / 1_000)
    return True


def _add(ledger: Followed, before: Place | None, chunk: Chunk) -> bool:
    times = {block: ledger.contracts.chain.timestamp(block) for block in {event.block for event in chunk.events}}
    found = [
        Found(
            block=event.block,
            log_index=event.log_index,
            block_hash=event.block_hash,
            tx_hash=event.tx_hash,
            time=times[event.block],
            contract=event.contract,
            name=event.name,
            arguments=event.arguments,
        )
        for event in chunk.events
    ]

    def append(session: Session) -> bool:
        return chain_events.append(session, before, found, Place(chunk.last, chunk.last_hash))

    return ledger.db.write(append)


def lag(ledger: Followed) -> int:
    """How many blocks of the chain were not read yet."""
    with ledger.db.read() as session:
        place = chain_events.cursor(session)
    read = ledger.contracts.deployment.first_block - 1 if place is None else place.block
    return max(0, ledger.contracts.chain.head() - read)
