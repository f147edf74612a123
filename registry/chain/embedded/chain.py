"""The embedded chain: a real EVM chain in one SQLite file, held by one process.

This is the door: opening and creating, sending, and scratch states for reading and simulating. How
blocks come about is in `mining`, what the file promises in `store`, what clients see in `rpc`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from registry.chain.embedded.block import NodeOverlay, SealedBlock
from registry.chain.embedded.lock import ChainLock
from registry.chain.embedded.mining import Miner, Sent
from registry.chain.embedded.store import BlockRow, ChainStore, decode_header
from registry.chain.embedded.vm import FreeGasState, genesis_header, header_after, state_at
from registry.errors import ChainMismatch, ChainUnavailable, UsageError

DEFAULT_CHAIN_ID = 20260
DEFAULT_GAS_LIMIT = 100_000_000
MAX_CHAIN_ID = (1 << 53) - 1  # what every wallet can hold in a JSON number


class EmbeddedChain:
    """An open chain file. Safe to use from several threads; `close` it, or use it as a context manager."""

    def __init__(self, store: ChainStore, lock: ChainLock, chain_id: int, clock: Callable[[], int]) -> None:
        self._store = store
        self._lock = lock
        self._clock = clock
        self._miner = Miner(store, chain_id, clock)
        self.chain_id = chain_id

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        chain_id: int = DEFAULT_CHAIN_ID,
        genesis_timestamp: int | None = None,
        gas_limit: int = DEFAULT_GAS_LIMIT,
        genesis_hash: bytes | None = None,
        clock: Callable[[], int] = lambda: int(time.time()),
    ) -> EmbeddedChain:
        """Open the chain at `path`, creating it if there is none.

        `genesis_timestamp` (Unix seconds, default: now) and `gas_limit` (gas per block) are fixed at creation;
        an existing chain keeps its own. `genesis_hash`, if given, is the pinned hash of block 0.
        `clock` returns Unix seconds.

        Raises `ChainUnavailable` if another process has the chain or the file is none, `ChainMismatch` with
        `expected` and `actual` if it is another chain, `UsageError` for a chain id out of range.
        """
        if not 0 < chain_id <= MAX_CHAIN_ID:
            raise UsageError(f"chain id must be from 1 to {MAX_CHAIN_ID}", chain_id=chain_id)
        with _held(path) as (lock, store):
            if store.is_new:
                timestamp = clock() if genesis_timestamp is None else genesis_timestamp
                header = genesis_header(chain_id, timestamp, gas_limit)
                store.create({"chain_id": str(chain_id)}, SealedBlock(header, (), {}))
            _require_same_chain(store, chain_id, genesis_hash)
            return cls(store, lock, chain_id, clock)

    def close(self) -> None:
        """Finish the block in progress and release the file. Closing twice is harmless."""
        if self._miner.stop():
            self._store.close()
            self._lock.release()

    def __enter__(self) -> EmbeddedChain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The chain file."""
        return self._store.path

    @property
    def store(self) -> ChainStore:
        """The stored blocks and indexes, for reading."""
        return self._store

    @property
    def head(self) -> BlockRow:
        """The newest block."""
        return self._miner.head

    @property
    def gas_limit(self) -> int:
        """Gas that fits into a block."""
        return self._miner.gas_limit

    @property
    def genesis_hash(self) -> bytes:
        """Hash of block 0: what a ledger pins to know this chain again."""
        genesis = self._store.block(0)
        if genesis is None:
            raise ChainUnavailable(f"{self.path.name} has no block 0")
        return genesis.hash

    def send_raw(self, raws: Sequence[bytes]) -> list[Sent]:
        """Mine signed transactions, all in one block as far as its gas allows, each sender's by nonce.

        Returns for each, in the order given, its hash once it is on disk, or the `TransactionRefused` that says
        why it was not mined. A reverting transaction is mined; its receipt has status 0.
        """
        return self._miner.send(raws)

    def state(self, block: BlockRow, *, simulating: int | None = None) -> FreeGasState:
        """A scratch copy of the state after `block`, executing inside that block.

        `simulating` places it later, for calls about the present: 0 keeps the block's number, 1 takes the next
        one's, both at the clock's time. The head may be hours old, since no block is empty, and a transaction
        sent now would not see its timestamp.
        """
        header = decode_header(block.header)
        state_root, timestamp = header.state_root, None
        if simulating is not None:
            timestamp = max(self._clock(), header.timestamp)
            header = header_after(header, timestamp) if simulating else header
        overlay = NodeOverlay(self._store.node)
        past = self._store.hashes_back_from(header.block_number - 1)
        return state_at(overlay, header, state_root, self.chain_id, past, timestamp)


@contextmanager
def _held(path: Path) -> Iterator[tuple[ChainLock, ChainStore]]:
    """Lock and open; let go of both if the body raises."""
    try:
        lock = ChainLock(path)
    except OSError as error:
        raise ChainUnavailable(f"{path.name} cannot be opened: {error.strerror}") from error
    store = None
    try:
        store = ChainStore(path)
        yield lock, store
    except BaseException as error:
        if store is not None:
            store.close()
        lock.release()
        if isinstance(error, sqlite3.Error):
            raise ChainUnavailable(f"{path.name} cannot be read: {error}") from error
        raise


def _require_same_chain(store: ChainStore, chain_id: int, genesis_hash: bytes | None) -> None:
    found = int(store.meta()["chain_id"])
    if found != chain_id:
        raise ChainMismatch(f"the file holds chain {found}, not {chain_id}", expected=chain_id, actual=found)
    genesis = store.block(0)
    actual = genesis.hash if genesis else b""
    if genesis_hash is not None and actual != genesis_hash:
        expected, found_hash = "0x" + genesis_hash.hex(), "0x" + actual.hex()
        raise ChainMismatch(
            f"the chain starts with block {found_hash}, not {expected}", expected=expected, actual=found_hash
        )
