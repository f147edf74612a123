"""Every event of the ledger's contracts, in the order of the chain, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from eth_typing import ABIEvent, HexStr
from eth_utils.abi import event_abi_to_log_topic
from web3 import Web3
from web3._utils.events import get_event_data
from web3.types import LogReceipt

from registry.chain import artifacts
from registry.chain.client import Chain, node_errors
from registry.chain.logs import CHUNK_BLOCKS
from registry.errors import ChainMismatch, ChainUnavailable

SMALLEST_CHUNK: Final = 1


@dataclass(frozen=True)
class Read:
    """An event. Integers in `arguments` are decimal text, bytes 0x hex, structs and arrays lists."""

    block: int
    log_index: int
    block_hash: str
    tx_hash: str
    contract: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Chunk:
    """Consecutive blocks that were read to their end, with the last one's hash and all their events."""

    first: int
    last: int
    last_hash: str
    events: list[Read]


class EventReader:
    """Reads the events of the contracts at `addresses` (name -> address)."""

    def __init__(self, chain: Chain, addresses: Mapping[str, str]) -> None:
        self._chain = chain
        self._names = {Web3.to_checksum_address(address): name for name, address in addresses.items()}
        self._events = {
            (name, event_abi_to_log_topic(cast("ABIEvent", entry))): entry
            for name in addresses
            for entry in artifacts.load(name).abi
            if entry["type"] == "event"
        }

    def chunks(self, first: int, last: int) -> Iterator[Chunk]:
        """The blocks from `first` to `last` in chunks every node accepts; smaller ones where a node refuses them.

        Raises ChainUnavailable, and when a block changed while it was read.
        """
        size = CHUNK_BLOCKS
        while first <= last:
            end = min(first + size - 1, last)
            try:
                chunk = self._chunk(first, end)
            except ChainUnavailable:
                if end - first < SMALLEST_CHUNK:
                    raise
                size = (end - first + 1) // 2
                continue
            yield chunk
            first, size = end + 1, min(size * 2, CHUNK_BLOCKS)

    def _chunk(self, first: int, last: int) -> Chunk:
        before = self._chain.block_hash(last)
        with node_errors(self._chain.where):
            logs = self._chain.w3.eth.get_logs({"address": list(self._names), "fromBlock": first, "toBlock": last})
        if self._chain.block_hash(last) != before:
            raise ChainUnavailable(f"block {last} changed while it was read")
        found = sorted((self._read(log) for log in logs), key=lambda event: (event.block, event.log_index))
        if any(not first <= event.block <= last for event in found):
            raise ChainUnavailable(f"the node's answer has events outside of blocks {first} to {last}")
        return Chunk(first, last, before, found)

    def _read(self, log: LogReceipt) -> Read:
        contract = self._names[log["address"]]
        entry = self._events.get((contract, bytes(log["topics"][0])))
        if entry is None:
            raise ChainMismatch(f"{contract} has an event this release does not know", block=log["blockNumber"])
        decoded = get_event_data(self._chain.w3.codec, entry, log)
        return Read(
            int(log["blockNumber"]),
            int(log["logIndex"]),
            log["blockHash"].to_0x_hex(),
            log["transactionHash"].to_0x_hex(),
            contract,
            str(decoded["event"]),
            {name: _plain(value) for name, value in decoded["args"].items()},
        )


def _plain(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return HexStr("0x" + value.hex())
    if isinstance(value, Mapping):
        return [_plain(part) for part in value.values()]
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    raise TypeError(f"an event with a {type(value).__name__}")
