"""What the embedded node answers when it refuses: JSON-RPC errors as values.

These are protocol answers to a client of the node, not errors of this program: they never leave the
package except as the `error` object of a response, so they stand beside the tree of `registry.errors`
(`ChainMismatch`, `ChainUnavailable`), which is for whoever opens the chain.
"""

from __future__ import annotations

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
LIMIT_EXCEEDED = -32005
EXECUTION_REVERTED = 3


class RpcError(Exception):
    """A JSON-RPC error object: `code`, one short `message`, and `data` (revert bytes as 0x hex) or None."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> dict[str, object]:
        """The `error` member of a JSON-RPC response."""
        body: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            body["data"] = self.data
        return body


class TransactionRefused(RpcError):
    """A transaction that was not mined and left no trace: the sender may correct it and send another."""

    def __init__(self, message: str, code: int = SERVER_ERROR) -> None:
        super().__init__(code, message)


def invalid_params(message: str) -> RpcError:
    """The error for arguments of the wrong number, type or form."""
    return RpcError(INVALID_PARAMS, message)
