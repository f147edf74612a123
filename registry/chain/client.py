"""Connecting to a node: any JSON-RPC URL, or an embedded chain in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Final

from web3 import HTTPProvider, Web3
from web3.exceptions import BadResponseFormat, Web3Exception
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers.base import BaseProvider

from registry.errors import ChainUnavailable

TIMEOUT_S: Final = 10


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

    def first_block_at(self, time: int) -> int:
        """The first block whose timestamp is `time` or later; there must be one. Timestamps never fall."""
        low, high = 0, self.head()
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.timestamp(middle) >= time else (middle + 1, high)
        return low


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
    return connect(HTTPProvider(url, request_kwargs={"timeout": TIMEOUT_S}), url)


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
