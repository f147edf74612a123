"""Reading a contract's events in order, in chunks every node accepts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from web3.contract.contract import ContractEvent
from web3.types import EventData

from registry.chain.client import Chain, node_errors

CHUNK_BLOCKS: Final = 2_000  # Besu allows 5,000 a call


def events(chain: Chain, event: ContractEvent, first: int, last: int, **filters: Any) -> Iterator[EventData]:
    """The events from block `first` to `last`, both included, in block and log order."""
    for start in range(first, last + 1, CHUNK_BLOCKS):
        end = min(start + CHUNK_BLOCKS - 1, last)
        with node_errors(chain.where):
            found = event.get_logs(from_block=start, to_block=end, argument_filters=filters or None)
        yield from found
