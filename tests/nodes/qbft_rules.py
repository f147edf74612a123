"""What Besu refuses, and in which words: codes and messages of its `RpcErrorType`, limits of its default options.

The order of the checks is Besu's too: a log query is checked for its direction, then against the head, then for its
length; a transaction for its nonce, then for its distance from the account's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class RpcError:
    """The error of a JSON-RPC answer."""

    code: int
    message: str
    data: Any = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> RpcError:
        return cls(int(body["code"]), str(body["message"]), body.get("data"))

    def to_json(self) -> dict[str, Any]:
        """As Besu writes it: no `data` when there is none."""
        body = {"code": self.code, "message": self.message}
        return body if self.data is None else {**body, "data": self.data}


class Refused(Exception):
    """A request is answered with this error."""

    def __init__(self, error: RpcError) -> None:
        super().__init__(f"{error.code} {error.message}")
        self.error = error


PARSE_ERROR: Final = RpcError(-32700, "Parse error")
INVALID_REQUEST: Final = RpcError(-32600, "Invalid Request")
METHOD_NOT_FOUND: Final = RpcError(-32601, "Method not found")
INVALID_PARAMS: Final = RpcError(-32602, "Invalid params")
INVALID_BLOCK_NUMBER: Final = RpcError(-32602, "Invalid block number params")
INTERNAL_ERROR: Final = RpcError(-32603, "Internal error")
UNKNOWN_BLOCK: Final = RpcError(-39001, "Unknown block")
BLOCK_NOT_FOUND: Final = RpcError(-32000, "Block not found")
WORLD_STATE_UNAVAILABLE: Final = RpcError(-32000, "World state unavailable")
SEND_NOT_AVAILABLE: Final = RpcError(
    -32604,
    "The method eth_sendTransaction is not supported. Use eth_sendRawTransaction to send a signed transaction to Besu.",
)
KNOWN: Final = RpcError(-32000, "Known transaction")
UNDERPRICED: Final = RpcError(-32000, "Replacement transaction underpriced")
NONCE_TOO_LOW: Final = RpcError(-32001, "Nonce too low")
NONCE_TOO_DISTANT: Final = RpcError(-32000, "Transaction nonce is too distant from current sender nonce")
INTRINSIC_GAS: Final = RpcError(-32003, "Intrinsic gas exceeds gas limit")
UPFRONT_COST: Final = RpcError(-32004, "Upfront cost exceeds account balance")
BLOCK_GAS: Final = RpcError(-32005, "Transaction gas limit exceeds block gas limit")
WRONG_CHAIN: Final = RpcError(-32000, "Wrong chainId")
LOG_RANGE: Final = RpcError(-32005, "Requested range exceeds maximum RPC range limit")
BATCH_SIZE: Final = RpcError(-32005, "Number of requests exceeds max batch size")
REVERTED: Final = RpcError(3, "Execution reverted")

# What anvil and geth say (in lower case) -> what Besu says.
_WORDINGS: Final = (
    ("already imported", KNOWN),
    ("already known", KNOWN),
    ("replacement transaction underpriced", UNDERPRICED),
    ("nonce too low", NONCE_TOO_LOW),
    ("insufficient funds", UPFRONT_COST),
    ("intrinsic gas too low", INTRINSIC_GAS),
    ("intrinsic gas too high", BLOCK_GAS),
    ("exceeds block gas limit", BLOCK_GAS),
    ("invalid chain id", WRONG_CHAIN),
    ("failed to decode transaction", INVALID_PARAMS),
    ("method not found", METHOD_NOT_FOUND),
    ("blockoutofrange", WORLD_STATE_UNAVAILABLE),
)


def in_besu_words(error: RpcError) -> RpcError:
    """The node's error as Besu would say it; an error with no counterpart stays as it is."""
    message = error.message.lower()
    if message.startswith("execution reverted"):
        # Besu adds the reason of an Error(string) only; a custom error speaks through its data.
        reason = error.message.partition(": ")[2] if str(error.data).startswith("0x08c379a0") else ""
        return RpcError(REVERTED.code, REVERTED.message + (f": {reason}" if reason else ""), error.data)
    return next((besu for words, besu in _WORDINGS if words in message), error)


@dataclass(frozen=True)
class Limits:
    """Besu's defaults: `rpc-max-logs-range`, `rpc-http-max-batch-size`, `tx-pool-max-future-by-sender`.

    `equal_price_replaces`: on a chain with zeroBaseFee the price bump is 0, and another transaction of the same sender
    and nonce takes the place of the waiting one at the same price, without an error.
    """

    log_range: int = 5000
    batch: int = 1024
    future_by_sender: int = 200
    equal_price_replaces: bool = True
    client_version: str = "besu/v26.9.0/linux-x86_64/openjdk-java-25"

    def check_logs(self, query: Mapping[str, Any], head: int) -> dict[str, Any]:
        """The log query with block numbers in the place of tags; raises Refused."""
        if query.get("blockHash") is not None:
            if query.get("fromBlock") is not None or query.get("toBlock") is not None:
                raise Refused(RpcError(-32602, "Invalid filter params"))
            return dict(query)
        first, last = (_number(query.get(bound), head) for bound in ("fromBlock", "toBlock"))
        if first > last or last > head:
            raise Refused(INVALID_PARAMS)
        if last - first > self.log_range:
            raise Refused(LOG_RANGE)
        return {**query, "fromBlock": hex(first), "toBlock": hex(last)}

    def check_nonce(self, nonce: int, account_nonce: int) -> None:
        """Refuse a nonce that was used, and one too far ahead for the pool."""
        if nonce < account_nonce:
            raise Refused(NONCE_TOO_LOW)
        if nonce >= account_nonce + self.future_by_sender:
            raise Refused(NONCE_TOO_DISTANT)


def _number(block: Any, head: int) -> int:
    if block is None or block in ("latest", "pending"):
        return head
    if block == "earliest":
        return 0
    try:
        return int(block, 16)
    except (TypeError, ValueError):
        # "finalized" and "safe" among them: a QBFT chain has none.
        raise Refused(INVALID_BLOCK_NUMBER) from None
