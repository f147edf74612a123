"""A node in memory: a pool, blocks, receipts that may be indexed late, and replicas that may be behind.

It decodes real signed bytes and recovers who signed them. What goes wrong on the way to it is `sim_wire`'s business.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import rlp
from eth_account import Account
from eth_utils.crypto import keccak

from tests.sim.sim_contract import ADDRESS, Call, Diary, Refusal

CHAIN_ID: Final = 31_337
BLOCK_MS: Final = 1_000
GAS_USED: Final = 50_000
POOL_AHEAD: Final = 200


@dataclass(frozen=True)
class Tx:
    """A transaction. Without a call it does nothing: a foreign one, or one that only uses up its nonce."""

    hash: str
    signer: str
    nonce: int
    call: Call | None


@dataclass(frozen=True)
class Mined:
    """A transaction in a block. `changed` says that it made a log; `seen_at` when the node has its receipt."""

    tx: Tx
    block: int
    index: int
    ok: bool
    changed: bool
    seen_at: int


def decoded(raw: str) -> Tx:
    """The transaction in signed bytes, for this chain and contract, or to its own sender; raises ValueError."""
    body = bytes.fromhex(raw[2:])
    fields = rlp.decode(body)
    nonce, to, data, v = (fields[place] for place in (0, 3, 5, 6))
    signer, receiver = Account.recover_transaction(raw).lower(), "0x" + to.hex()
    if (int.from_bytes(v, "big") - 35) // 2 != CHAIN_ID or receiver not in (ADDRESS.lower(), signer):
        raise ValueError("these bytes are for another chain or contract")
    call = None if receiver == signer and not data else Call.of(data)
    return Tx("0x" + keccak(body).hex(), signer, int.from_bytes(nonce, "big"), call)


def block_hash(number: int) -> str:
    """The hash of a block."""
    return "0x" + keccak(b"block" + number.to_bytes(8, "big")).hex()


def error(message: str, code: int = -32000, data: str | None = None) -> dict[str, Any]:
    """An answer that is an error."""
    said: dict[str, Any] = {"code": code, "message": message}
    return {"error": said if data is None else said | {"data": data}}


@dataclass
class SimNode:
    """The chain and its pool. Times are milliseconds of the world; `*_until` say how long a fault lasts."""

    rng: Random
    now: Callable[[], int]
    diary: Diary = field(default_factory=Diary)
    head: int = 0
    pool: dict[str, dict[int, Tx]] = field(default_factory=dict)
    mined: dict[str, Mined] = field(default_factory=dict)
    blocks_of: dict[str, list[int]] = field(default_factory=dict)
    stalled_until: int = 0
    full_until: int = 0
    refused_until: dict[str, int] = field(default_factory=dict)
    index_lag_ms: int = 0
    _known: dict[str, Tx] = field(default_factory=dict)

    def nonce_of(self, signer: str, block: int | None = None) -> int:
        """How many transactions of a signer were mined up to a block."""
        found = self.blocks_of.get(signer, [])
        return len(found) if block is None else bisect_right(found, block)

    def tx_of(self, raw: str) -> Tx:
        """The transaction in signed bytes."""
        if raw not in self._known:
            self._known[raw] = decoded(raw)
        return self._known[raw]

    def accept(self, tx: Tx, view: int) -> dict[str, Any]:
        """Take a transaction into the pool, or say why not, as a replica whose head is `view`."""
        waiting = self.pool.setdefault(tx.signer, {})
        if tx.nonce < self.nonce_of(tx.signer, view):
            return error("nonce too low")
        if tx.hash in self.mined:
            return error("already imported")
        held = waiting.get(tx.nonce)
        if held is not None and held.hash == tx.hash:
            return error("already known")
        if self.refused_until.get(tx.hash, 0) > self.now():
            return error("exceeds block gas limit")
        if self.full_until > self.now():
            return error("txpool is full")
        if held is not None:
            return error("replacement transaction underpriced")
        if tx.nonce > self.nonce_of(tx.signer) + POOL_AHEAD:
            return error("nonce too distant")
        if tx.nonce >= self.nonce_of(tx.signer):
            waiting[tx.nonce] = tx
        return {"result": tx.hash}

    def usurp(self, tx: Tx) -> None:
        """Put a foreign transaction in the place of whatever waits with its nonce."""
        self.pool.setdefault(tx.signer, {})[tx.nonce] = tx

    def evict(self, signer: str, nonce: int) -> None:
        """Forget a waiting transaction."""
        del self.pool[signer][nonce]

    def mine(self) -> list[Mined]:
        """Make a block of what is ready, in nonce order for each signer; nothing while blocks stall."""
        if self.stalled_until > self.now():
            return []
        self.head += 1
        made: list[Mined] = []
        for signer in self.rng.sample(sorted(self.pool), len(self.pool)):
            while (tx := self.pool[signer].pop(self.nonce_of(signer), None)) is not None:
                made.append(self._execute(tx, len(made)))
        return made

    def _execute(self, tx: Tx, index: int) -> Mined:
        ok, changed = True, False
        try:
            changed = tx.call is not None and self.diary.execute(tx.call, self.head)
        except Refusal:
            ok = False
        self.blocks_of.setdefault(tx.signer, []).append(self.head)
        self.mined[tx.hash] = Mined(tx, self.head, index, ok, changed, self.now() + self.index_lag_ms)
        return self.mined[tx.hash]

    def answer(self, method: str, params: Any, view: int) -> dict[str, Any]:
        """Answer a read as a replica whose head is `view`."""
        match method:
            case "eth_chainId":
                return {"result": hex(CHAIN_ID)}
            case "eth_blockNumber":
                return {"result": hex(view)}
            case "eth_getCode":
                return {"result": "0x00" if params[0].lower() == ADDRESS.lower() else "0x"}
            case "eth_getTransactionCount":
                return {"result": hex(self.nonce_of(params[0].lower(), self._at(params[1], view)))}
            case "eth_getBlockByNumber":
                return self._block(self._at(params[0], view), view)
            case "eth_call":
                return self._call(params[0], self._at(params[1], view), view)
            case "eth_getTransactionReceipt":
                return {"result": self._receipt(_hex(params[0]), view)}
        return error(f"the method {method} does not exist", -32601)

    @staticmethod
    def _at(block: str, view: int) -> int:
        return view if block in ("latest", "pending") else int(block, 16)

    @staticmethod
    def _block(number: int, view: int) -> dict[str, Any]:
        if number > view:
            return {"result": None}
        body = {"number": hex(number), "hash": block_hash(number), "timestamp": hex(1_760_000_000 + number)}
        return {"result": body | {"extraData": "0x", "transactions": []}}

    def _call(self, asked: dict[str, Any], block: int, view: int) -> dict[str, Any]:
        if block > view:
            return error("header not found")
        try:
            changes = self.diary.would_change(Call.of(bytes.fromhex(_hex(asked["data"])[2:])), block)
        except Refusal as refusal:
            return error("execution reverted", 3, "0x" + refusal.data.hex())
        return {"result": "0x" + int(changes).to_bytes(32, "big").hex()}

    def _receipt(self, tx_hash: str, view: int) -> dict[str, Any] | None:
        found = self.mined.get(tx_hash)
        if found is None or found.block > view or found.seen_at > self.now():
            return None
        return {
            "transactionHash": tx_hash,
            "status": hex(found.ok),
            "blockNumber": hex(found.block),
            "blockHash": block_hash(found.block),
            "transactionIndex": hex(found.index),
            "gasUsed": hex(GAS_USED),
            "contractAddress": None,
            "logs": [],
        }


def _hex(value: Any) -> str:
    return value if isinstance(value, str) else "0x" + bytes(value).hex()
