"""Reading a contract's events in order, in chunks every node accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from web3.contract.contract import Contract, ContractEvent
from web3.types import EventData

from registry.chain.client import Chain, node_errors

CHUNK_BLOCKS: Final = 2_000  # Besu allows 5,000 a call


@dataclass(frozen=True)
class Event:
    """One event of a contract; `block` and `index` give its place in the chain. Structs are tuples, in their order."""

    name: str
    arguments: Mapping[str, Any]
    block: int
    index: int
    transaction: str

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]


def events(chain: Chain, event: ContractEvent, first: int, last: int, **filters: Any) -> Iterator[EventData]:
    """The events from block `first` to `last`, both included, in block and log order."""
    for start in range(first, last + 1, CHUNK_BLOCKS):
        end = min(start + CHUNK_BLOCKS - 1, last)
        with node_errors(chain.where):
            found = event.get_logs(from_block=start, to_block=end, argument_filters=filters or None)
        yield from found


def history(
    chain: Chain, contract: Contract, names: Sequence[str], first: int, last: int, **filters: Any
) -> list[Event]:
    """Every event of these names from block `first` to `last`, in the order of the chain; filters fit all of them."""
    found = [
        Event(
            name,
            {key: _plain(value) for key, value in log["args"].items()},
            log["blockNumber"],
            log["logIndex"],
            log["transactionHash"].to_0x_hex(),
        )
        for name in names
        for log in events(chain, contract.events[name](), first, last, **filters)
    ]
    return sorted(found, key=lambda e: (e.block, e.index))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes(value)
    if hasattr(value, "values"):
        return tuple(_plain(v) for v in value.values())
    if isinstance(value, list | tuple):
        return tuple(_plain(v) for v in value)
    return value
