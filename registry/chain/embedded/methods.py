"""The JSON-RPC methods, by name. Each takes the chain and the raw params and returns JSON or raises `RpcError`.

Where nodes differ, this one does as Besu or geth do:

* `latest`, `safe`, `finalized` and `pending` are the head: a block here is final once mined, and nothing waits.
  Calls on `latest` see the head's number and the clock's time, calls on `pending` the next number; calls on a
  numbered block see that block's own context.
* `eth_getLogs` beyond the head, or from after to, is an error and not an empty list.
* gas is free: `eth_gasPrice` is 0, and the prices of a call object are ignored.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from eth_utils.crypto import keccak

from registry.chain.embedded import encoding, params, queries
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.errors import TransactionRefused, invalid_params
from registry.chain.embedded.proof import get_proof
from registry.chain.embedded.queries import Method, require_block
from registry.chain.embedded.simulate import call_output, estimate_gas, execute
from registry.chain.embedded.vm import FreeGasState

CLIENT_VERSION = f"PuhuiLedger/embedded/py-evm-{version('py-evm')}/python{platform.python_version()}"
MAX_FEE_HISTORY = 1_024


# --- the chain and its head ---


def _no_arguments(answer: Callable[[EmbeddedChain], Any]) -> Method:
    def method(chain: EmbeddedChain, given: Any) -> Any:
        params.arguments(given, 0, 0)
        return answer(chain)

    return method


def _fee_history(chain: EmbeddedChain, given: Any) -> Any:
    count_value, newest_value, percentiles = params.arguments(given, 2, 3)
    count = min(params.quantity(count_value, "blockCount"), MAX_FEE_HISTORY)
    newest = require_block(chain, params.block_reference(newest_value)).number
    if percentiles is not None and not isinstance(percentiles, list):
        raise invalid_params("percentiles must be an array")
    oldest = max(newest - count + 1, 0)
    usage = [_usage(chain, number) for number in range(oldest, newest + 1)]
    history = {
        "oldestBlock": encoding.quantity(oldest),
        "baseFeePerGas": ["0x0"] * (len(usage) + 1),
        "gasUsedRatio": usage,
        "baseFeePerBlobGas": ["0x1"] * (len(usage) + 1),
        "blobGasUsedRatio": [0.0] * len(usage),
    }
    return history | ({"reward": [["0x0"] * len(percentiles)] * len(usage)} if percentiles else {})


def _usage(chain: EmbeddedChain, number: int) -> float:
    rows = chain.store.rows("SELECT coalesce(sum(gas_used), 0) FROM transactions WHERE block = ?", (number,))
    return int(rows[0][0]) / chain.gas_limit


# --- accounts ---


def _state(chain: EmbeddedChain, value: Any) -> FreeGasState:
    return chain.state(require_block(chain, params.block_reference(value)))


def _balance(chain: EmbeddedChain, given: Any) -> str:
    address, block = params.arguments(given, 1, 2)
    return encoding.quantity(_state(chain, block).get_balance(params.address(address, "address")))


def _code(chain: EmbeddedChain, given: Any) -> str:
    address, block = params.arguments(given, 1, 2)
    return encoding.data(_state(chain, block).get_code(params.address(address, "address")))


def _storage(chain: EmbeddedChain, given: Any) -> str:
    address, slot, block = params.arguments(given, 2, 3)
    place, number = params.address(address, "address"), params.quantity(slot, "slot")
    return encoding.data(_state(chain, block).get_storage(place, number).to_bytes(32, "big"))


def _nonce(chain: EmbeddedChain, given: Any) -> str:
    address, block = params.arguments(given, 1, 2)
    return encoding.quantity(_state(chain, block).get_nonce(params.address(address, "address")))


# --- execution ---


def _call(chain: EmbeddedChain, given: Any) -> str:
    call, block, overrides = params.arguments(given, 1, 3)
    _refuse_overrides(overrides)
    outcome = execute(_call_state(chain, block)(), params.call_object(call, chain.gas_limit))
    return encoding.data(call_output(outcome))


def _estimate(chain: EmbeddedChain, given: Any) -> str:
    call, block, overrides = params.arguments(given, 1, 3)
    _refuse_overrides(overrides)
    fresh = _call_state(chain, "pending" if block is None else block)
    return encoding.quantity(estimate_gas(fresh, params.call_object(call, chain.gas_limit)))


def _call_state(chain: EmbeddedChain, value: Any) -> Callable[[], FreeGasState]:
    reference = params.block_reference(value)
    block = require_block(chain, reference)
    if reference.tag in (None, "earliest"):
        return lambda: chain.state(block)
    return lambda: chain.state(block, simulating=1 if reference.tag == "pending" else 0)


def _refuse_overrides(value: Any) -> None:
    if value:
        raise invalid_params("state overrides are not supported")


def raw_transaction(given: Any) -> bytes:
    """The argument of `eth_sendRawTransaction`."""
    (raw,) = params.arguments(given, 1, 1)
    return params.data(raw, "transaction")


def _send(chain: EmbeddedChain, given: Any) -> str:
    (result,) = chain.send_raw([raw_transaction(given)])
    if isinstance(result, TransactionRefused):
        raise result
    return encoding.data(result)


def _sha3(_chain: EmbeddedChain, given: Any) -> str:
    (value,) = params.arguments(given, 1, 1)
    return encoding.data(keccak(params.data(value, "data")))


METHODS: dict[str, Method] = {
    "web3_clientVersion": _no_arguments(lambda _chain: CLIENT_VERSION),
    "web3_sha3": _sha3,
    "net_version": _no_arguments(lambda chain: str(chain.chain_id)),
    "net_listening": _no_arguments(lambda _chain: True),
    "net_peerCount": _no_arguments(lambda _chain: "0x0"),
    "eth_chainId": _no_arguments(lambda chain: encoding.quantity(chain.chain_id)),
    "eth_blockNumber": _no_arguments(lambda chain: encoding.quantity(chain.head.number)),
    "eth_syncing": _no_arguments(lambda _chain: False),
    "eth_accounts": _no_arguments(lambda _chain: []),
    "eth_gasPrice": _no_arguments(lambda _chain: "0x0"),
    "eth_maxPriorityFeePerGas": _no_arguments(lambda _chain: "0x0"),
    "eth_blobBaseFee": _no_arguments(lambda _chain: "0x1"),
    "eth_feeHistory": _fee_history,
    "eth_getBalance": _balance,
    "eth_getCode": _code,
    "eth_getStorageAt": _storage,
    "eth_getTransactionCount": _nonce,
    "eth_getProof": get_proof,
    "eth_getBlockByNumber": queries.block_by_number,
    "eth_getBlockByHash": queries.block_by_hash,
    "eth_getBlockTransactionCountByNumber": queries.count_by_number,
    "eth_getBlockTransactionCountByHash": queries.count_by_number,
    "eth_getTransactionByBlockNumberAndIndex": queries.transaction_by_index,
    "eth_getTransactionByBlockHashAndIndex": queries.transaction_by_index,
    "eth_getTransactionByHash": queries.transaction,
    "eth_getTransactionReceipt": queries.receipt,
    "eth_getBlockReceipts": queries.block_receipts,
    "eth_call": _call,
    "eth_estimateGas": _estimate,
    "eth_sendRawTransaction": _send,
}
