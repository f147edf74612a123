"""Mining: one thread at a time turns what waits into blocks.

A transaction is mined the moment it is sent. `Miner.send` checks it, waits for the mining lock, and whoever
gets the lock mines everything that waits by then into one block: senders that come together share a block and
its disk sync, a lone sender gets a block to itself, and no block is ever empty. A hash is returned after
the block is on disk, so an acknowledged transaction survives any crash.

There is no pool: a transaction that cannot be mined now (a nonce gap, say) is refused, never kept.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from registry.chain.embedded.block import BlockDraft
from registry.chain.embedded.errors import INTERNAL_ERROR, TransactionRefused
from registry.chain.embedded.store import BlockRow, ChainStore, decode_header
from registry.chain.embedded.transactions import SignedTransaction, decode, in_nonce_order
from registry.errors import ChainUnavailable

logger = logging.getLogger(__name__)

Sent = bytes | TransactionRefused


class _Waiting:
    """A checked transaction on its way into a block; `result` is set when its fate is on disk."""

    def __init__(self, transaction: SignedTransaction) -> None:
        self.transaction = transaction
        self.result: Sent | None = None


class Miner:
    """Appends blocks to `store`. `clock` returns Unix seconds."""

    def __init__(self, store: ChainStore, chain_id: int, clock: Callable[[], int]) -> None:
        self._store = store
        self._chain_id = chain_id
        self._clock = clock
        self._mining = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._stopped = False
        self._set_head(store.head())
        self.gas_limit = int(self._head_header.gas_limit)

    @property
    def head(self) -> BlockRow:
        """The newest block."""
        return self._head

    def stop(self) -> bool:
        """Finish the block in progress and refuse all later ones; False if stopped before."""
        with self._mining:
            running = not self._stopped
            self._stopped = True
        return running

    def send(self, raws: Sequence[bytes]) -> list[Sent]:
        """See `EmbeddedChain.send_raw`."""
        checked = [self._checked(raw) for raw in raws]
        waiting = [each for each in checked if isinstance(each, _Waiting)]
        self._queue.extend(waiting)
        # Whoever holds the lock mines for all; the others find their results when they get it.
        with self._mining:
            if any(each.result is None for each in waiting):
                self._mine_queue()
        return [each.result or _internal() if isinstance(each, _Waiting) else each for each in checked]

    def _checked(self, raw: bytes) -> _Waiting | TransactionRefused:
        try:
            return _Waiting(decode(raw, self._chain_id, self.gas_limit))
        except TransactionRefused as refusal:
            return refusal

    def _mine_queue(self) -> None:
        taken = [self._queue.popleft() for _ in range(len(self._queue))]
        order = in_nonce_order([each.transaction for each in taken])
        waiting = [taken[place] for place in order]
        try:
            if self._stopped:
                raise ChainUnavailable("the chain is closed")
            while waiting:
                waiting = self._mine_block(waiting)
        except Exception:
            # Nothing of the block in progress was written. The head is read again because a failed COMMIT
            # does not say whether it happened.
            logger.exception("block %d was not mined", self._head.number + 1)
            for each in waiting:
                each.result = _internal()
            if not self._stopped:
                self._set_head(self._store.head())

    def _mine_block(self, waiting: list[_Waiting]) -> list[_Waiting]:
        """Mine the first of `waiting` that fit into one block; return the rest."""
        parent = self._head_header
        past = self._store.hashes_back_from(parent.block_number)
        draft = BlockDraft(self._store.node, parent, self._clock(), self._chain_id, past)
        accepted: list[_Waiting] = []
        for place, each in enumerate(waiting):
            if not draft.is_empty and not draft.has_room_for(each.transaction):
                rest = waiting[place:]
                break
            try:
                draft.apply(each.transaction)
                accepted.append(each)
            except TransactionRefused as refusal:
                each.result = self._known(each, accepted) or refusal
            except Exception:
                # A fault of the engine in one transaction is no reason to lose those that came with it:
                # the draft is dropped, and the others start again without it.
                logger.exception("transaction 0x%s cannot be executed", each.transaction.hash.hex())
                each.result = _internal()
                return [other for other in waiting if other.result is None]
        else:
            rest = []
        if not draft.is_empty:
            block = draft.seal()
            self._store.append(block)
            self._set_head(self._store.head())
            for each in accepted:
                each.result = each.transaction.hash
        return rest

    def _known(self, refused: _Waiting, accepted: list[_Waiting]) -> TransactionRefused | None:
        """The better reason for a refusal, if these very bytes were mined before: the sender may stop resending."""
        wanted = refused.transaction.hash
        if any(each.transaction.hash == wanted for each in accepted) or self._store.transaction(wanted):
            return TransactionRefused("already known")
        return None

    def _set_head(self, head: BlockRow) -> None:
        self._head_header = decode_header(head.header)
        self._head = head


def _internal() -> TransactionRefused:
    return TransactionRefused("internal error: the transaction was not mined", INTERNAL_ERROR)
