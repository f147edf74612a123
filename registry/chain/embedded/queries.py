"""JSON-RPC methods that look mined things up: blocks, transactions, receipts, logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from registry.chain.embedded import encoding, params
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.errors import LIMIT_EXCEEDED, SERVER_ERROR, RpcError, invalid_params
from registry.chain.embedded.logs import LogFilter, find_logs, logs_of_transaction
from registry.chain.embedded.params import BlockReference
from registry.chain.embedded.store import BlockRow, TransactionRow

Method = Callable[[EmbeddedChain, Any], Any]

FILTER_FIELDS = frozenset(("address", "topics", "fromBlock", "toBlock", "blockHash"))


def find_block(chain: EmbeddedChain, reference: BlockReference) -> BlockRow | None:
    """The referenced block, or None. Every tag but earliest is the head."""
    if reference.hash is not None:
        return chain.store.block_by_hash(reference.hash)
    if reference.number is not None:
        return chain.store.block(reference.number)
    return chain.store.block(0) if reference.tag == "earliest" else chain.head


def require_block(chain: EmbeddedChain, reference: BlockReference) -> BlockRow:
    """The referenced block; raises `RpcError` if there is none."""
    block = find_block(chain, reference)
    if block is None:
        raise RpcError(SERVER_ERROR, "block not found")
    return block


def _block(chain: EmbeddedChain, reference: BlockReference, full: bool) -> Any:
    block = find_block(chain, reference)
    return block and encoding.block_json(block, chain.store.transactions(block.number), full)


def block_by_number(chain: EmbeddedChain, given: Any) -> Any:
    """`eth_getBlockByNumber`."""
    number, full = params.arguments(given, 1, 2)
    return _block(chain, params.block_reference(number), params.flag(full, "full"))


def block_by_hash(chain: EmbeddedChain, given: Any) -> Any:
    """`eth_getBlockByHash`."""
    block_hash, full = params.arguments(given, 1, 2)
    return _block(chain, BlockReference(hash=params.data(block_hash, "hash", 32)), params.flag(full, "full"))


def count_by_number(chain: EmbeddedChain, given: Any) -> Any:
    """`eth_getBlockTransactionCountByNumber`."""
    (number,) = params.arguments(given, 1, 1)
    block = find_block(chain, params.block_reference(number))
    return block and encoding.quantity(len(chain.store.transactions(block.number)))


def _placed(chain: EmbeddedChain, given: Any) -> tuple[TransactionRow, BlockRow] | None:
    (transaction_hash,) = params.arguments(given, 1, 1)
    row = chain.store.transaction(params.data(transaction_hash, "hash", 32))
    return (row, require_block(chain, BlockReference(number=row.block))) if row else None


def transaction(chain: EmbeddedChain, given: Any) -> Any:
    """`eth_getTransactionByHash`."""
    placed = _placed(chain, given)
    return placed and encoding.transaction_json(*placed)


def transaction_by_index(chain: EmbeddedChain, given: Any) -> Any:
    """`eth_getTransactionByBlockNumberAndIndex` and `...ByBlockHashAndIndex`."""
    reference, place = params.arguments(given, 2, 2)
    position = params.quantity(place, "index")
    block = find_block(chain, params.block_reference(reference))
    rows = chain.store.transactions(block.number) if block else []
    return encoding.transaction_json(rows[position], block) if block and position < len(rows) else None


def receipt(chain: EmbeddedChain, given: Any) -> Any:
    """`eth_getTransactionReceipt`."""
    placed = _placed(chain, given)
    return placed and _receipt_json(chain, *placed)


def _receipt_json(chain: EmbeddedChain, row: TransactionRow, block: BlockRow) -> Any:
    return encoding.receipt_json(row, block, logs_of_transaction(chain.store, row.block, row.position))


def block_receipts(chain: EmbeddedChain, given: Any) -> Any:
    """`eth_getBlockReceipts`."""
    (reference,) = params.arguments(given, 1, 1)
    block = find_block(chain, params.block_reference(reference))
    return block and [_receipt_json(chain, row, block) for row in chain.store.transactions(block.number)]


def logs_method(max_range: int | None) -> Method:
    """`eth_getLogs` over at most `max_range` blocks; None for any number."""

    def method(chain: EmbeddedChain, given: Any) -> Any:
        (wanted,) = params.arguments(given, 1, 1)
        if not isinstance(wanted, dict) or not FILTER_FIELDS.issuperset(wanted):
            raise invalid_params("the filter must be an object of address, topics, fromBlock, toBlock, blockHash")
        first, last = _range(chain, wanted)
        if max_range is not None and last - first + 1 > max_range:
            raise RpcError(LIMIT_EXCEEDED, f"requested range exceeds the maximum of {max_range} blocks")
        addresses = params.one_or_more_addresses(wanted.get("address"))
        found = find_logs(chain.store, LogFilter(first, last, addresses, params.topics(wanted.get("topics"))))
        return [encoding.log_json(log) for log in found]

    return method


def _range(chain: EmbeddedChain, wanted: dict[str, Any]) -> tuple[int, int]:
    if wanted.get("blockHash") is not None:
        if wanted.get("fromBlock") is not None or wanted.get("toBlock") is not None:
            raise invalid_params("blockHash excludes fromBlock and toBlock")
        number = require_block(chain, BlockReference(hash=params.data(wanted["blockHash"], "blockHash", 32))).number
        return number, number
    head = chain.head
    first, last = (_end(params.block_reference(wanted.get(key)), head.number) for key in ("fromBlock", "toBlock"))
    if first > last:
        raise RpcError(SERVER_ERROR, "invalid block range: fromBlock is after toBlock")
    if last > head.number:
        raise RpcError(SERVER_ERROR, f"block range extends beyond the head block {head.number}")
    return first, last


def _end(reference: BlockReference, head: int) -> int:
    if reference.hash is not None:
        raise invalid_params("a range ends at a number or a tag")
    if reference.number is not None:
        return reference.number
    return 0 if reference.tag == "earliest" else head
