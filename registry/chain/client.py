"""Connecting to a node: any JSON-RPC URL, or an embedded chain in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, Final, cast

from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import Timeout
from web3 import HTTPProvider, Web3
from web3.exceptions import BadResponseFormat, Web3Exception
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers import JSONBaseProvider
from web3.providers.base import BaseProvider
from web3.providers.rpc.utils import REQUEST_RETRY_ALLOWLIST, ExceptionRetryConfiguration
from web3.types import RPCEndpoint, RPCResponse

from registry.errors import ChainUnavailable

TIMEOUT_S: Final = 10
BATCH: Final = 100
# Reads may be asked again at once. What is sent is sent again by who knows what it is, never behind his back.
_RETRIED: Final = [method for method in REQUEST_RETRY_ALLOWLIST if not method.startswith("eth_send")]


@dataclass(frozen=True)
class Chain:
    """A connection; `chain_id` and `genesis` were read from the node when it was made."""

    w3: Web3
    chain_id: int
    genesis: bytes
    where: str

    def head(self) -> int:
        """The newest block's number."""
        with node_errors(self.where):
            return int(self.w3.eth.block_number)

    def timestamp(self, block: int) -> int:
        """A block's time, in epoch seconds."""
        with node_errors(self.where):
            return int(self.w3.eth.get_block(block)["timestamp"])

    def block_hash(self, block: int) -> str:
        """A block's hash, 0x hex; raises ChainUnavailable when the node has no such block."""
        with node_errors(self.where):
            return str(self.w3.eth.get_block(block)["hash"].to_0x_hex())

    def first_block_at(self, time: int) -> int:
        """The first block whose timestamp is `time` or later; there must be one. Timestamps never fall."""
        low, high = 0, self.head()
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.timestamp(middle) >= time else (middle + 1, high)
        return low

    def ask(self, method: str, calls: Sequence[Sequence[Any]]) -> list[RPCResponse]:
        """The raw answers to calls of one method, each given as its parameters, in order, in batches nodes accept."""
        provider = cast("JSONBaseProvider", self.w3.provider)
        asked = [(RPCEndpoint(method), list(parameters)) for parameters in calls]
        answers: list[RPCResponse] = []
        for start in range(0, len(asked), BATCH):
            part = asked[start : start + BATCH]
            with node_errors(self.where):
                answered = [provider.make_request(*part[0])] if len(part) == 1 else provider.make_batch_request(part)
            if not isinstance(answered, list) or len(answered) != len(part):
                raise ChainUnavailable(f"node {self.where} refused a batch of {len(part)} requests")
            answers += answered
        return answers


@contextmanager
def node_errors(where: str) -> Iterator[None]:
    """Turn a lost connection or a broken answer into ChainUnavailable."""
    try:
        yield
    except (OSError, BadResponseFormat, JSONDecodeError) as error:
        raise ChainUnavailable(
            f"node {where} does not answer ({type(error).__name__})",
            hint="start it with `puhui up`, or check the RPC URL; the command can be run again safely",
        ) from error
    except Web3Exception as error:
        raise ChainUnavailable(f"node {where} refused a read: {error}") from error


def connect_url(url: str) -> Chain:
    """Connect to a JSON-RPC URL (http or https); raises ChainUnavailable when no node answers there."""
    if not url.startswith(("http://", "https://")):
        raise ChainUnavailable(f"RPC URL {url!r} is not http or https")
    retries = ExceptionRetryConfiguration(errors=(RequestsConnectionError, Timeout), method_allowlist=_RETRIED)
    return connect(HTTPProvider(url, request_kwargs={"timeout": TIMEOUT_S}, exception_retry_configuration=retries), url)


def connect(provider: BaseProvider, where: str) -> Chain:
    """Connect through any web3 provider."""
    w3 = Web3(provider)
    # QBFT and other proof-of-authority headers carry long extra data; on other chains this does nothing.
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    with node_errors(where):
        try:
            return Chain(w3, int(w3.eth.chain_id), bytes(w3.eth.get_block(0)["hash"]), where)
        except JSONDecodeError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ChainUnavailable(f"what answers at {where} is no node ({error})", hint="check the RPC URL") from error
