"""The chain: the right one, with the right contracts, moving, followed, and the clock beside it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from registry.chain.client import Chain, node_errors
from registry.chain.deployment import Contracts, Deployment, check_chain, check_identity
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.integrity import check as check_embedded
from registry.errors import ChainUnavailable
from registry.services import indexer
from registry.services.checks.finding import Finding, failure, fine, skipped, warning
from registry.services.home import Home
from registry.services.ledger import Ledger, announced_url
from registry.settings import Settings
from registry.store import chain_events, operations
from registry.store.session import Database

CLOCK_S: Final = 30
STALL_S: Final = 60
# What was not followed for longer says nothing about a clock.
RECENT_S: Final = 600
LAG_BLOCKS: Final = 300
_LOOKED_AT: Final = 8  # blocks, for their rhythm


@dataclass(frozen=True)
class Head:
    """The newest block. `rhythm` is the most seconds between blocks of late, on a chain that also makes empty ones."""

    number: int
    time: int
    rhythm: int | None


def indexes(home: Home, settings: Settings) -> Finding:
    """The embedded chain's file against itself; raises ChainUnavailable or ChainMismatch."""
    config = home.config()
    if settings.rpc_url or config.rpc_url:
        return skipped("chain_file", "the chain is a node of its own")
    if not home.chain.exists():
        return failure("chain_file", f"{home.chain} is gone", "restore it from a backup")
    try:
        with EmbeddedChain.open(home.chain, chain_id=config.chain_id) as chain:
            problems = check_embedded(chain).problems
    except ChainUnavailable:
        if announced_url(home):
            return skipped("chain_file", "`puhui up` has it open; stop it to examine the file")
        raise
    if problems:
        found = f"{len(problems)} problems, the first: {problems[0]}"
        return failure("chain_file", found, "restore it from a backup", problems=list(problems))
    return fine("chain_file", "its indexes equal its blocks")


def pinned(chain: Chain, deployment: Deployment) -> Finding:
    """Whether it is the chain the ledger was made on; raises ChainMismatch and ChainUnavailable."""
    check_identity(chain, deployment)
    head = chain.head()
    return fine(
        "chain",
        f"chain {chain.chain_id} at {chain.where}, block {head:,}",
        chain_id=chain.chain_id,
        genesis="0x" + chain.genesis.hex(),
        head=head,
    )


def code(chain: Chain, deployment: Deployment) -> Finding:
    """The code of every contract against the committed artifacts; raises ChainMismatch and ChainUnavailable."""
    head = chain.head()
    if head < deployment.first_block:
        found = f"the node is at block {head:,}, and the contracts stand since block {deployment.first_block:,}"
        return failure("contracts", found, "wait until the node has caught up", head=head)
    check_chain(chain, deployment)
    return fine("contracts", f"{len(deployment.addresses)} contracts, all with this release's code")


def head_of(chain: Chain) -> Head:
    """The newest block and the rhythm of those before it; raises ChainUnavailable."""
    number = chain.head()
    with node_errors(chain.where):
        # Not the genesis block, whose time somebody wrote.
        late = [chain.w3.eth.get_block(n) for n in range(max(1, number - _LOOKED_AT + 1), number + 1)]
    times = [int(block["timestamp"]) for block in late]
    by_itself = any(not block["transactions"] for block in late)
    steps = [after - before for before, after in pairwise(times)]
    newest = times[-1] if times else chain.timestamp(number)
    return Head(number, newest, max(steps) if by_itself and steps else None)


def clock(head: Head, now_ms: int) -> Finding:
    """This machine's clock against the newest block, as far as that block says anything."""
    ahead = now_ms // 1_000 - head.time
    facts: dict[str, object] = {"seconds_ahead_of_newest_block": ahead}
    if ahead < -CLOCK_S:
        found = f"{-ahead:,} s behind the newest block"
        return warning("clock", found, "set this machine's clock, or the validators' (NTP)", **facts)
    if head.rhythm is not None and CLOCK_S + head.rhythm < ahead <= RECENT_S:
        found = f"{ahead:,} s ahead of the newest block, and one came every {head.rhythm} s"
        return warning("clock", found, "set this machine's clock (NTP), unless the chain stands", **facts)
    found = f"{ahead:,} s after the newest block" if ahead <= RECENT_S else "not behind the newest block, an old one"
    return fine("clock", found, **facts)


def moving(head: Head, db: Database, now_ms: int) -> Finding:
    """Whether blocks come, as far as any are expected: a chain without work may be idle."""
    with db.read() as session:
        signers = {signer for _, signer in operations.signers_with_work(session)}
        signed = [attempt.created_at for each in signers for attempt, _ in operations.in_flight(session, each)]
    age = max(0, now_ms // 1_000 - head.time)
    waited = max(0, now_ms - min(signed)) // 1_000 if signed else 0
    facts: dict[str, object] = {"head": head.number, "age_seconds": age, "waiting_seconds": waited}
    found = f"the newest is {age:,} s old"
    if age > STALL_S and waited > STALL_S:
        return failure(
            "blocks",
            f"{found}, and a signed operation has waited for one for {waited:,} s",
            "see that the validators make blocks; if they do, run `puhui ops run`",
            **facts,
        )
    if head.rhythm is not None and age > max(STALL_S, 3 * head.rhythm):
        found += f", and one came every {head.rhythm} s"
        return warning("blocks", found, "see that the validators run and reach each other", **facts)
    return fine("blocks", found if age <= STALL_S else f"{found}, and nothing waits for one", **facts)


def index(ledger: Ledger) -> Finding:
    """How far the event index is behind the chain; raises ChainUnavailable."""
    lag = indexer.lag(ledger)
    with ledger.db.read() as session:
        place = chain_events.cursor(session)
    facts: dict[str, object] = {"lag_blocks": lag, "block": None if place is None else place.block}
    if place is None:
        return fine("event_index", f"not begun, blocks not read yet: {lag:,}; `puhui reindex` reads them", **facts)
    if lag > LAG_BLOCKS:
        return warning(
            "event_index", f"blocks not read yet: {lag:,}", "run `puhui reindex`, or see what should do so", **facts
        )
    return fine("event_index", f"blocks not read yet: {lag:,}", **facts)


def standing(contracts: Contracts, db: Database) -> Finding:
    """Whether the block that was read last is still there; raises ChainMismatch."""
    with db.read() as session:
        place = chain_events.cursor(session)
    indexer.require_standing(contracts, place)
    if place is None:
        return fine("event_cursor", "no block was read yet")
    return fine("event_cursor", f"block {place.block:,} still stands", block=place.block, block_hash=place.block_hash)
