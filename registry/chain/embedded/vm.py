"""The rules of execution: Cancun, with gas counted but never charged for.

Cancun because it is the EVM target the contracts are compiled for and what production (Besu QBFT with
`zeroBaseFee`) runs. Two rules of the public network are replaced, by subclassing and not by patching:

* the base fee is 0 in every block. py-evm's own header builder raises it to 1 after a block more than
  half full; headers are therefore built here (`header_after`).
* a block may carry its parent's timestamp. The public rule (strictly later) assumes one block in
  several seconds; at 100 blocks a second it would push the chain's clock ahead of the wall clock, and
  every deadline and delay in the contracts reads that clock. Time still never goes backwards.

The system contract of EIP-4788 (beacon roots) has no meaning without a beacon chain and is absent.
"""

from __future__ import annotations

from collections.abc import Iterable

from eth.abc import SignedTransactionAPI
from eth.constants import BLANK_ROOT_HASH, POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE, ZERO_ADDRESS
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.cancun.blocks import CancunBlockHeader
from eth.vm.forks.cancun.state import CancunState, CancunTransactionExecutor

BASE_FEE = 0


class FreeGasExecutor(CancunTransactionExecutor):  # type: ignore[misc]  # py-evm is read as untyped
    """Executes transactions whose signature and intrinsic gas `transactions.decode` has checked already.

    The parent class recovers the public key twice more per transaction; nothing reaches this class undecoded.
    """

    def validate_transaction(self, transaction: SignedTransactionAPI) -> None:
        self.vm_state.validate_transaction(transaction)


class FreeGasState(CancunState):  # type: ignore[misc]
    """World state of one block, read through a node database and written when persisted."""

    transaction_executor_class = FreeGasExecutor

    def set_system_contracts(self) -> None:
        """No beacon chain, so no beacon roots contract."""


class FreeGasVM(CancunVM):  # type: ignore[misc]
    """Cancun's codecs and gas arithmetic over `FreeGasState`."""

    _state_class = FreeGasState


def genesis_header(chain_id: int, timestamp: int, gas_limit: int) -> CancunBlockHeader:
    """Block 0. Its hash depends on all three arguments: the chain id is in the extra data.

    A header does not name its chain otherwise, and a pinned genesis hash should tell chains apart.
    """
    return CancunBlockHeader(
        difficulty=POST_MERGE_DIFFICULTY,
        block_number=0,
        gas_limit=gas_limit,
        timestamp=timestamp,
        mix_hash=POST_MERGE_MIX_HASH,
        nonce=POST_MERGE_NONCE,
        state_root=BLANK_ROOT_HASH,
        extra_data=b"puhui/%d" % chain_id,
        base_fee_per_gas=BASE_FEE,
    )


def header_after(parent: CancunBlockHeader, now: int) -> CancunBlockHeader:
    """An empty successor of `parent` at `now` (Unix seconds), or at the parent's time if that is later."""
    return CancunBlockHeader(
        difficulty=POST_MERGE_DIFFICULTY,
        block_number=parent.block_number + 1,
        gas_limit=parent.gas_limit,
        timestamp=max(now, parent.timestamp),
        parent_hash=parent.hash,
        mix_hash=POST_MERGE_MIX_HASH,
        nonce=POST_MERGE_NONCE,
        state_root=parent.state_root,
        base_fee_per_gas=BASE_FEE,
    )


def state_at(
    nodes: object,
    header: CancunBlockHeader,
    state_root: bytes,
    chain_id: int,
    previous_hashes: Iterable[bytes],
    timestamp: int | None = None,
) -> FreeGasState:
    """The state under `state_root`, executing as if inside the block of `header`.

    `previous_hashes` are the block hashes before it, newest first, read only as far as BLOCKHASH asks.
    `timestamp` (Unix seconds) replaces the header's own for calls that stand for a block not yet mined.
    """
    context = ExecutionContext(
        coinbase=ZERO_ADDRESS,
        timestamp=header.timestamp if timestamp is None else timestamp,
        block_number=header.block_number,
        difficulty=POST_MERGE_DIFFICULTY,
        mix_hash=header.mix_hash,
        gas_limit=header.gas_limit,
        prev_hashes=previous_hashes,
        chain_id=chain_id,
        base_fee_per_gas=BASE_FEE,
        excess_blob_gas=0,
    )
    return FreeGasState(nodes, context, state_root)
