"""Third-party RFC 6962 inclusion vectors against the Solidity library, on eth-tester."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider, Web3
from web3.contract.contract import Contract

HERE = Path(__file__).parent
VECTORS = json.loads((HERE.parent / "vectors" / "rfc6962_transparency_dev.json").read_text("utf-8"))
FITTING = [vector for vector in VECTORS["inclusion"] if vector["fits_bytes32"]]


@pytest.fixture(scope="module")
def harness() -> Contract:
    artifact = json.loads((HERE / "artifacts" / "MerkleLogHarness.json").read_text("utf-8"))
    w3 = Web3(EthereumTesterProvider(EthereumTester(PyEVMBackend())))
    made = w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
    receipt = w3.eth.wait_for_transaction_receipt(made.constructor().transact({"from": w3.eth.accounts[0]}))
    return w3.eth.contract(address=receipt["contractAddress"], abi=artifact["abi"])


def verify(harness: Contract, vector: dict[str, Any]) -> None:
    proof = [base64.b64decode(value) for value in vector["proof"] or []]
    leaf, root = base64.b64decode(vector["leafHash"]), base64.b64decode(vector["root"])
    harness.functions.verify(leaf, vector["leafIdx"], vector["treeSize"], proof, root).call()


def test_there_are_good_and_bad_vectors() -> None:
    assert [sum(vector["wantErr"] is bad for vector in FITTING) for bad in (False, True)] == [6, 51]


@pytest.mark.parametrize("vector", [v for v in FITTING if not v["wantErr"]], ids=lambda v: v["file"])
def test_a_good_vector_is_accepted(harness: Contract, vector: dict[str, Any]) -> None:
    verify(harness, vector)


@pytest.mark.parametrize("vector", [v for v in FITTING if v["wantErr"]], ids=lambda v: v["file"])
def test_a_bad_vector_is_refused(harness: Contract, vector: dict[str, Any]) -> None:
    with pytest.raises(TransactionFailed) as refusal:
        verify(harness, vector)
    errors = {
        bytes(Web3.keccak(text=text)[:4])
        for text in (
            "MerkleLogIndexOutOfRange(uint64,uint64)",
            "MerkleLogProofLength(uint256,uint256)",
            "MerkleLogRootMismatch(bytes32,bytes32)",
        )
    }
    assert any(repr(error)[2:-1] in str(refusal.value) for error in errors)
