"""One Besu node made of another node: what it shows of the chain, and what its pool does with a transaction."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from tests.nodes.qbft_faults import TRANSACTION, Fault, Faults
from tests.nodes.qbft_headers import as_qbft
from tests.nodes.qbft_record import RawTransaction, Record
from tests.nodes.qbft_rules import (
    BLOCK_NOT_FOUND,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    KNOWN,
    METHOD_NOT_FOUND,
    NONCE_TOO_LOW,
    SEND_NOT_AVAILABLE,
    UNDERPRICED,
    UNKNOWN_BLOCK,
    Limits,
    Refused,
    RpcError,
    in_besu_words,
)
from tests.nodes.qbft_upstream import Blocks, Upstream, UpstreamDown

# Where a method's block number stands among its parameters.
BLOCK_AT: Final = {
    "eth_getBlockByNumber": 0,
    "eth_getBlockTransactionCountByNumber": 0,
    "eth_getBlockReceipts": 0,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_call": 1,
    "eth_estimateGas": 1,
    "eth_getStorageAt": 2,
}
BLOCKS: Final = ("eth_getBlockByNumber", "eth_getBlockByHash")
# Methods of development nodes: Besu has none of them.
FOREIGN: Final = ("anvil_", "evm_", "hardhat_", "ganache_")


class Node:
    """Answers requests. What the chain is, the node behind knows; what this node knows of it, the faults say."""

    def __init__(self, upstream: Upstream, blocks: Blocks, limits: Limits, faults: Faults) -> None:
        self.upstream = upstream
        self.blocks = blocks
        self.limits = limits
        self.faults = faults
        self.record = Record()
        self._held: dict[str, tuple[RawTransaction, threading.Timer]] = {}
        self._lock = threading.Lock()

    def answer(self, request: Any) -> dict[str, Any]:
        """The answer to one request; raises UpstreamDown."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return {"jsonrpc": "2.0", "id": None, "error": INVALID_REQUEST.to_json()}
        answer = {"jsonrpc": "2.0", "id": request.get("id")}
        method, params = request["method"], request.get("params", [])
        self.record.request(method)
        try:
            return {**answer, "result": self._result(method, list(params))}
        except Refused as refused:
            return {**answer, "error": refused.error.to_json()}

    def head(self) -> int:
        """The newest block this node shows."""
        head = self.upstream.head() - self.faults.stale_blocks
        return max(0, head if self.faults.frozen_head is None else min(head, self.faults.frozen_head))

    def release_held(self) -> None:
        """Give the node behind every held transaction now."""
        with self._lock:
            held = [transaction for transaction, _ in self._held.values()]
        for transaction in held:
            self._release(transaction)

    def close(self) -> None:
        """Forget held transactions, as a node that ends does."""
        with self._lock:
            for _, timer in self._held.values():
                timer.cancel()
            self._held.clear()

    def _result(self, method: str, params: list[Any]) -> Any:
        if method.startswith(FOREIGN):
            raise Refused(METHOD_NOT_FOUND)
        match method:
            case "eth_sendRawTransaction":
                return self._send_raw(params)
            case "eth_sendTransaction":
                raise Refused(SEND_NOT_AVAILABLE)
            case "eth_blockNumber":
                return hex(self.head())
            case "eth_gasPrice" | "eth_maxPriorityFeePerGas":
                return "0x0"
            case "eth_accounts":
                return []
            case "web3_clientVersion":
                return self.limits.client_version
            case "eth_getLogs":
                if len(params) != 1 or not isinstance(params[0], dict):
                    raise Refused(INVALID_PARAMS)
                return self._call(method, [self.limits.check_logs(params[0], self.head())])
        return self._read(method, params)

    def _read(self, method: str, params: list[Any]) -> Any:
        place = BLOCK_AT.get(method)
        tag = params[place] if place is not None and place < len(params) else "latest"
        if tag in ("finalized", "safe"):
            raise Refused(UNKNOWN_BLOCK)
        head = self.head() if self.faults.lagging else None
        if head is not None and place is not None and place <= len(params):
            if tag in ("latest", "pending"):
                params = [*params[:place], hex(head), *params[place + 1 :]]
            elif isinstance(tag, str) and tag.startswith("0x") and int(tag, 16) > head:
                if method in BLOCKS:
                    return None
                raise Refused(BLOCK_NOT_FOUND)
        result = self._call(method, params)
        if not isinstance(result, dict):
            return result
        if head is not None:
            result = _known_at(head, method, result)
        return as_qbft(result, self.blocks.rounds) if method in BLOCKS and result is not None else result

    def _call(self, method: str, params: list[Any]) -> Any:
        answer = self.upstream.send(method, params)
        if "error" in answer:
            raise Refused(in_besu_words(RpcError.from_json(answer["error"])))
        return answer["result"]

    def _send_raw(self, params: list[Any]) -> str:
        if len(params) != 1 or not isinstance(params[0], str):
            raise Refused(INVALID_PARAMS)
        transaction = RawTransaction.decode(params[0])
        fault = self.faults.draw(TRANSACTION, ["eth_sendRawTransaction"])
        with self._lock:
            if transaction.hash in self._held:
                raise Refused(KNOWN)
        self.limits.check_nonce(transaction.nonce, self._account_nonce(transaction.sender))
        if fault is Fault.EVICT:
            return transaction.hash
        if fault is Fault.HOLD:
            self._hold(transaction)
            return transaction.hash
        result = self._forward(transaction)
        if fault is Fault.DUPLICATE:
            self._deliver(transaction)
        return result

    def _account_nonce(self, sender: str) -> int:
        block = hex(self.head()) if self.faults.lagging else "latest"
        return int(self._call("eth_getTransactionCount", [sender, block]), 16)

    def _forward(self, transaction: RawTransaction) -> str:
        """Give it to the node behind, and answer as Besu's pool would; raises Refused."""
        error = self._deliver(transaction)
        if error == UNDERPRICED and self.limits.equal_price_replaces and self._dropped_for(transaction):
            error = self._deliver(transaction)
        # A node that lags has not seen the block the transaction is in, and takes it once more.
        if error is not None and not (error == NONCE_TOO_LOW and self.faults.lagging):
            raise Refused(error)
        return transaction.hash

    def _deliver(self, transaction: RawTransaction) -> RpcError | None:
        self.record.forward(transaction)
        answer = self.upstream.send("eth_sendRawTransaction", [transaction.raw])
        return in_besu_words(RpcError.from_json(answer["error"])) if "error" in answer else None

    def _dropped_for(self, transaction: RawTransaction) -> bool:
        """Take the waiting transaction of the same nonce out of anvil's pool if this one may replace it.

        One behind a gap in the nonces anvil does not let go: there its own rule stands.
        """
        try:
            waiting = self._call("eth_getTransactionBySenderAndNonce", [transaction.sender, hex(transaction.nonce)])
            if waiting is None or transaction.gas_price is None or waiting["type"] not in ("0x0", "0x1"):
                return False
            if transaction.gas_price < int(waiting["gasPrice"], 16):
                return False
            return self._call("anvil_dropTransaction", [waiting["hash"]]) is not None
        except Refused:
            return False  # no anvil

    def _hold(self, transaction: RawTransaction) -> None:
        timer = threading.Timer(self.faults.hold_s, self._release, [transaction])
        timer.daemon = True
        with self._lock:
            self._held[transaction.hash] = (transaction, timer)
        timer.start()

    def _release(self, transaction: RawTransaction) -> None:
        with self._lock:
            held = self._held.pop(transaction.hash, None)
        if held is None:
            return
        held[1].cancel()
        try:
            self._forward(transaction)
        except (Refused, UpstreamDown):
            return  # the sender was told that it is in the pool; nobody hears that it is not


def _known_at(head: int, method: str, result: Mapping[str, Any]) -> dict[str, Any] | None:
    """A block, transaction or receipt as a node knows it that has seen the chain up to `head`."""
    number = result.get("number" if method in BLOCKS else "blockNumber")
    if number is None or int(number, 16) <= head:
        return dict(result)
    if method == "eth_getTransactionByHash":
        return {**result, "blockHash": None, "blockNumber": None, "transactionIndex": None}
    return None


def broken(request: Any) -> dict[str, Any]:
    """The answer to a request that broke the proxy itself."""
    ident = request.get("id") if isinstance(request, dict) else None
    return {"jsonrpc": "2.0", "id": ident, "error": INTERNAL_ERROR.to_json()}
