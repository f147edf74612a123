"""A chain in a temporary folder with a clock the test moves, one funded-by-nobody sender, and its contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import embedded_contract
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.provider import EmbeddedProvider
from registry.chain.embedded.rpc import RpcEndpoint


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = embedded_contract.GENESIS_TIME

    def __call__(self) -> int:
        return self.now


Sign = Callable[..., bytes]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chain.db"


@pytest.fixture
def chain(path: Path, clock: Clock) -> Iterator[EmbeddedChain]:
    with EmbeddedChain.open(path, clock=clock) as opened:
        yield opened


@pytest.fixture
def sender() -> LocalAccount:
    return Account.from_key("0x" + "22" * 32)


@pytest.fixture
def sign(sender: LocalAccount) -> Sign:
    """sign(nonce, **fields) -> raw bytes; a free transfer of nothing to SOMEONE unless told otherwise."""

    def signed(nonce: int, by: LocalAccount = sender, **fields: Any) -> bytes:
        defaults: dict[str, Any] = {
            "nonce": nonce,
            "to": embedded_contract.SOMEONE,
            "value": 0,
            "gas": 21_000,
            "chainId": embedded_contract.CHAIN_ID,
        }
        if "maxFeePerGas" not in fields:
            defaults["gasPrice"] = 0
        transaction = {key: value for key, value in (defaults | fields).items() if value is not None}
        return bytes(by.sign_transaction(transaction).raw_transaction)

    return signed


@pytest.fixture
def w3(chain: EmbeddedChain) -> Web3:
    return Web3(EmbeddedProvider(chain))


@pytest.fixture
def rpc(chain: EmbeddedChain) -> Callable[..., Any]:
    """rpc(method, *params) -> the response object, result or error."""
    import json

    endpoint = RpcEndpoint(chain)

    def ask(method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return json.loads(endpoint.handle(json.dumps(request).encode()) or b"null")

    return ask


@pytest.fixture
def contract(w3: Web3, chain: EmbeddedChain, sign: Sign) -> Contract:
    """The contract of `embedded_contract`, deployed by the sender's transaction 0 in block 1."""
    (deployed,) = chain.send_raw([sign(0, to=None, data=embedded_contract.INITCODE, gas=1_000_000)])
    assert isinstance(deployed, bytes)
    address = w3.eth.get_transaction_receipt(deployed)["contractAddress"]
    return w3.eth.contract(address=address, abi=embedded_contract.ABI)


@pytest.fixture
def bump(contract: Contract, sign: Sign) -> Callable[..., bytes]:
    """bump(nonce, note) -> a raw call of bump(note)."""

    def call(nonce: int, note: int = 0, **fields: Any) -> bytes:
        data = contract.encode_abi("bump", [note.to_bytes(32, "big")])
        return sign(nonce, to=contract.address, data=data, gas=100_000, **fields)

    return call
