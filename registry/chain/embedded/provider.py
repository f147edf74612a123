"""The embedded chain as a web3 provider in the same process, without HTTP.

Requests are encoded and answered exactly as over HTTP, so code that works here works against the server.
"""

from __future__ import annotations

from typing import Any, cast

from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.rpc import RpcEndpoint


class EmbeddedProvider(JSONBaseProvider):
    """`Web3(EmbeddedProvider(chain))`. The chain stays open and is closed by whoever opened it."""

    def __init__(self, chain: EmbeddedChain, *, max_log_range: int | None = None) -> None:
        super().__init__()
        self._endpoint = RpcEndpoint(chain, max_log_range=max_log_range)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The response to one request."""
        answer = self._endpoint.handle(self.encode_rpc_request(method, params))
        return self.decode_rpc_response(answer or b"")

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse] | RPCResponse:
        """The responses to a batch, in order; a single error object if the batch itself was refused."""
        answer = self._endpoint.handle(self.encode_batch_rpc_request(requests))
        return cast("list[RPCResponse] | RPCResponse", self.decode_rpc_response(answer or b""))
