"""Blocks, transactions, receipts and logs in the JSON forms of the Ethereum execution API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp
from eth._utils.address import generate_contract_address
from eth.vm.forks.cancun.receipts import CancunReceiptBuilder

from registry.chain.embedded.logs import LogRow
from registry.chain.embedded.store import BlockRow, TransactionRow, decode_header
from registry.chain.embedded.transactions import reload, transaction_type

Json = dict[str, Any]

LEGACY, ACCESS_LIST = 0, 1


def quantity(value: int) -> str:
    """A number: 0x hex without leading zeros."""
    return hex(value)


def data(value: bytes) -> str:
    """Bytes: 0x hex, two digits each."""
    return "0x" + value.hex()


def block_json(block: BlockRow, rows: Sequence[TransactionRow], full: bool) -> Json:
    """The block object, with transaction objects if `full`, else their hashes."""
    header = decode_header(block.header)
    return {
        **_header_json(header),
        "hash": data(block.hash),
        "size": quantity(_size(block, rows)),
        "transactions": [transaction_json(row, block) if full else data(row.hash) for row in rows],
        "uncles": [],
        "withdrawals": [],
    }


def _header_json(header: Any) -> Json:
    return {
        "parentHash": data(header.parent_hash),
        "sha3Uncles": data(header.uncles_hash),
        "miner": data(header.coinbase),
        "stateRoot": data(header.state_root),
        "transactionsRoot": data(header.transaction_root),
        "receiptsRoot": data(header.receipt_root),
        "logsBloom": data(header.bloom.to_bytes(256, "big")),
        "difficulty": quantity(header.difficulty),
        "totalDifficulty": quantity(0),
        "number": quantity(header.block_number),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": data(header.extra_data),
        "mixHash": data(header.mix_hash),
        "nonce": data(header.nonce),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
        "withdrawalsRoot": data(header.withdrawals_root),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
    }


def transaction_json(row: TransactionRow, block: BlockRow) -> Json:
    """The transaction object of a mined transaction."""
    body = reload(row.raw)
    kind = transaction_type(body)
    fields: Json = {
        "type": quantity(kind),
        "nonce": quantity(body.nonce),
        "gas": quantity(body.gas),
        "to": data(body.to) if body.to else None,
        "value": quantity(body.value),
        "input": data(body.data),
        "chainId": quantity(body.chain_id),
        "hash": data(row.hash),
        "from": data(row.sender),
        "blockHash": data(block.hash),
        "blockNumber": quantity(row.block),
        "transactionIndex": quantity(row.position),
        "gasPrice": quantity(_price(body)),
        "r": quantity(body.r),
        "s": quantity(body.s),
    }
    if kind == LEGACY:
        return fields | {"v": quantity(body.v)}
    fields |= {"v": quantity(body.y_parity), "yParity": quantity(body.y_parity), "accessList": _access_list(body)}
    if kind != ACCESS_LIST:
        fields["maxFeePerGas"] = quantity(body.max_fee_per_gas)
        fields["maxPriorityFeePerGas"] = quantity(body.max_priority_fee_per_gas)
    return fields


def receipt_json(row: TransactionRow, block: BlockRow, logs: Sequence[LogRow]) -> Json:
    """The receipt object, with the transaction's `logs`."""
    body, receipt = reload(row.raw), CancunReceiptBuilder.decode(row.receipt)
    created = data(generate_contract_address(row.sender, body.nonce)) if not body.to else None
    return {
        "type": quantity(transaction_type(body)),
        "status": quantity(int.from_bytes(receipt.state_root, "big")),
        "transactionHash": data(row.hash),
        "transactionIndex": quantity(row.position),
        "blockHash": data(block.hash),
        "blockNumber": quantity(row.block),
        "from": data(row.sender),
        "to": data(body.to) if body.to else None,
        "contractAddress": created,
        "gasUsed": quantity(row.gas_used),
        "cumulativeGasUsed": quantity(receipt.gas_used),
        "effectiveGasPrice": quantity(_price(body)),
        "logs": [log_json(log) for log in logs],
        "logsBloom": data(receipt.bloom.to_bytes(256, "big")),
    }


def log_json(log: LogRow) -> Json:
    """The log object; `blockTimestamp` as current nodes add it."""
    return {
        "address": data(log.address),
        "topics": [data(topic) for topic in log.topics],
        "data": data(log.data),
        "blockNumber": quantity(log.block),
        "blockHash": data(log.block_hash),
        "blockTimestamp": quantity(log.timestamp),
        "transactionHash": data(log.transaction_hash),
        "transactionIndex": quantity(log.position),
        "logIndex": quantity(log.log_index),
        "removed": False,
    }


def _price(body: Any) -> int:
    """What a unit of gas cost: the base fee is 0, so the tip up to the cap."""
    return int(min(body.max_fee_per_gas, body.max_priority_fee_per_gas))


def _access_list(body: Any) -> list[Json]:
    return [
        {"address": data(address), "storageKeys": [data(slot.to_bytes(32, "big")) for slot in slots]}
        for address, slots in body.access_list
    ]


def _size(block: BlockRow, rows: Sequence[TransactionRow]) -> int:
    """Bytes of the block's RLP. A typed transaction is a string in it, a legacy one a list already encoded."""
    transactions = sum(len(row.raw) if row.raw[0] >= 0xC0 else _string_size(row.raw) for row in rows)
    body = len(block.header) + _list_size(transactions) + 2 * _list_size(0)
    return _list_size(body)


def _string_size(value: bytes) -> int:
    return len(rlp.encode(value))


def _list_size(payload: int) -> int:
    return payload + (1 if payload < 56 else 1 + (payload.bit_length() + 7) // 8)
