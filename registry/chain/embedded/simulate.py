"""Calls that change nothing: `eth_call` and `eth_estimateGas`.

A call runs on an overlay that is dropped. It has no nonce or signature, pays no gas price, and may come from
any address. An estimate is the smallest gas limit that succeeds, found as other nodes do: once at the
limit, then once at what that run used, then by halving until within 1.5 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from eth.exceptions import InsufficientFunds, OutOfGas, Revert, VMError
from eth.vm.forks.berlin.transactions import calculate_txn_intrinsic_gas_berlin
from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError

from registry.chain.embedded.errors import EXECUTION_REVERTED, SERVER_ERROR, RpcError
from registry.chain.embedded.transactions import initcode_gas
from registry.chain.embedded.vm import FreeGasExecutor, FreeGasState, FreeGasVM

ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
CALL_STIPEND = 2_300
ESTIMATE_TOLERANCE = 0.015


@dataclass(frozen=True)
class Call:
    """A message call, or a creation if `to` is empty. The field names are those py-evm reads."""

    sender: bytes
    to: bytes
    gas: int
    value: int = 0
    data: bytes = b""
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    nonce: int = field(default=0, init=False)
    gas_price: int = field(default=0, init=False)
    max_fee_per_gas: int = field(default=0, init=False)
    max_priority_fee_per_gas: int = field(default=0, init=False)
    type_id: int = field(default=2, init=False)

    @property
    def intrinsic_gas(self) -> int:
        """Gas due before execution. Initcode words are charged by py-evm while it executes."""
        return int(calculate_txn_intrinsic_gas_berlin(self))


@dataclass(frozen=True)
class Outcome:
    """What a call did. `error` is None on success; `output` is the revert data if it is a Revert."""

    output: bytes
    gas_used: int
    gas_refunded: int
    error: VMError | None


def execute(state: FreeGasState, call: Call) -> Outcome:
    """Run `call` on `state`, which must not be used again; raises `RpcError` if it cannot start."""
    intrinsic = call.intrinsic_gas
    needed = intrinsic + initcode_gas(not call.to, call.data)
    if call.gas < needed:
        raise RpcError(SERVER_ERROR, f"intrinsic gas too low: have {call.gas}, want {needed}")
    executor = FreeGasExecutor(state)
    try:
        message = executor.build_evm_message(call)
        computation = executor.build_computation(message, call)
    except InsufficientFunds as error:
        raise RpcError(SERVER_ERROR, "insufficient funds for transfer") from error
    return Outcome(
        output=bytes(computation.output),
        gas_used=int(FreeGasVM.finalize_gas_used(call, computation)),
        gas_refunded=int(computation.get_gas_refund()),
        error=computation.error if computation.is_error else None,
    )


def call_output(outcome: Outcome) -> bytes:
    """The output of a successful call; raises `RpcError` 3 with the revert data, or -32000 naming the fault."""
    if outcome.error is not None:
        raise execution_error(outcome)
    return outcome.output


def execution_error(outcome: Outcome) -> RpcError:
    """The JSON-RPC error of a failed execution, in the form web3 libraries decode custom errors from."""
    if isinstance(outcome.error, Revert):
        reason = _reason(outcome.output)
        message = f"execution reverted: {reason}" if reason else "execution reverted"
        return RpcError(EXECUTION_REVERTED, message, "0x" + outcome.output.hex())
    return RpcError(SERVER_ERROR, _name(outcome.error))


def estimate_gas(fresh_state: Callable[[], FreeGasState], call: Call) -> int:
    """The gas limit `call` needs, at most `call.gas`; raises the error of the call if even that fails."""

    def run(gas: int) -> Outcome:
        return execute(fresh_state(), replace(call, gas=gas))

    least = call.intrinsic_gas + initcode_gas(not call.to, call.data)
    if call.gas < least:
        raise RpcError(SERVER_ERROR, f"gas required exceeds allowance ({call.gas})")
    outcome = run(call.gas)
    if isinstance(outcome.error, OutOfGas):
        raise RpcError(SERVER_ERROR, f"gas required exceeds allowance ({call.gas})")
    if outcome.error is not None:
        raise execution_error(outcome)

    fails, works = max(outcome.gas_used, least) - 1, call.gas
    # A refund is paid after execution and every nested call holds back a 64th: usually this guess is enough.
    guess = (outcome.gas_used + outcome.gas_refunded + CALL_STIPEND) * 64 // 63
    for trial in (fails + 1, guess):
        if fails < trial < works:
            fails, works = (fails, trial) if run(trial).error is None else (trial, works)
    while works - fails > 1 and (works - fails) / works > ESTIMATE_TOLERANCE:
        middle = (works + fails) // 2
        fails, works = (fails, middle) if run(middle).error is None else (middle, works)
    return works


def _reason(output: bytes) -> str:
    if not output.startswith(ERROR_SELECTOR):
        return ""
    try:
        (reason,) = abi_decode(["string"], output[4:])
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return ""
    return str(reason)


def _name(error: Any) -> str:
    """`InvalidJumpDestination` -> `invalid jump destination`."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__)
    return spaced.strip()
