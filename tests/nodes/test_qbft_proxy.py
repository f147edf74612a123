"""What the proxy makes of anvil: Besu's limits and words, QBFT headers, and a node the product works with."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import rlp
from web3 import HTTPProvider, Web3
from web3.exceptions import ExtraDataLengthError

from registry.chain import artifacts
from registry.chain.client import connect_url
from registry.chain.logs import CHUNK_BLOCKS, history
from registry.chain.submitter import Submitter
from registry.errors import ChainRevert
from tests.nodes.qbft_headers import MIX_HASH, VALIDATORS, extra_data
from tests.nodes.qbft_proxy import QbftProxy
from tests.nodes.qbft_rules import Limits
from tests.nodes.rpc_client import SOMEONE, Sender, ask, request, result, wait_for


def refused(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


# --- limits -----------------------------------------------------------------------------------------------


def test_a_log_query_of_more_than_5000_blocks_is_refused(proxy: QbftProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy.node, "head", lambda: 6000)
    assert ask(proxy.url, "eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(5000)}) == {"result": []}
    assert ask(proxy.url, "eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(5001)}) == refused(
        -32005, "Requested range exceeds maximum RPC range limit"
    )
    assert ask(proxy.url, "eth_getLogs", {"fromBlock": "earliest"}) == refused(
        -32005, "Requested range exceeds maximum RPC range limit"
    )
    assert Limits().log_range >= CHUNK_BLOCKS


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("0x0", "0xffffff", "Invalid params"),
        ("0xffffff", "latest", "Invalid params"),
        ("0x1", "0x0", "Invalid params"),
        ("0xffffff", "0x0", "Invalid params"),
        ("0x0", "finalized", "Invalid block number params"),
        ("safe", "latest", "Invalid block number params"),
    ],
)
def test_a_log_query_that_is_no_range_of_the_chain_is_refused(
    proxy: QbftProxy, first: str, last: str, message: str
) -> None:
    assert ask(proxy.url, "eth_getLogs", {"fromBlock": first, "toBlock": last}) == refused(-32602, message)
    assert proxy.record.requests == {"eth_getLogs": 1}


def test_a_log_query_by_block_hash_has_no_range(proxy: QbftProxy) -> None:
    block = result(proxy.url, "eth_getBlockByNumber", "0x0", False)["hash"]
    assert ask(proxy.url, "eth_getLogs", {"blockHash": block}) == {"result": []}
    assert ask(proxy.url, "eth_getLogs", {"blockHash": block, "toBlock": "latest"}) == refused(
        -32602, "Invalid filter params"
    )


def test_a_batch_of_more_than_1024_is_refused_as_a_whole(proxy: QbftProxy) -> None:
    entry = request("eth_gasPrice")
    response = requests.post(proxy.url, json=[entry] * 1024, timeout=10)
    assert (response.status_code, len(response.json())) == (200, 1024)
    response = requests.post(proxy.url, json=[entry] * 1025, timeout=10)
    assert response.status_code == 200
    assert response.json() == {
        "jsonrpc": "2.0",
        "id": None,
        **refused(-32005, "Number of requests exceeds max batch size"),
    }
    assert proxy.record.requests["eth_gasPrice"] == 1024


def test_a_batch_is_answered_in_its_order_each_by_itself(proxy: QbftProxy) -> None:
    batch: list[Any] = [{**request("eth_chainId"), "id": "a"}, request("eth_nothing"), 5, request("eth_gasPrice")]
    assert requests.post(proxy.url, json=batch, timeout=10).json() == [
        {"jsonrpc": "2.0", "id": "a", "result": "0x7a69"},
        {"jsonrpc": "2.0", "id": 7, **refused(-32601, "Method not found")},
        {"jsonrpc": "2.0", "id": None, **refused(-32600, "Invalid Request")},
        {"jsonrpc": "2.0", "id": 7, "result": "0x0"},
    ]
    assert requests.post(proxy.url, data=b"[]", timeout=10).json() == []


@pytest.mark.parametrize(("body", "error"), [(b"{", (-32700, "Parse error")), (b"5", (-32600, "Invalid Request"))])
def test_what_is_no_request_is_400(proxy: QbftProxy, body: bytes, error: tuple[int, str]) -> None:
    response = requests.post(proxy.url, data=body, timeout=10)
    assert (response.status_code, response.json()) == (400, {"jsonrpc": "2.0", "id": None, **refused(*error)})


def test_a_sender_has_a_window_of_200_nonces(proxy: QbftProxy) -> None:
    sender = Sender()
    assert ask(proxy.url, "eth_sendRawTransaction", sender.raw(200)) == refused(
        -32000, "Transaction nonce is too distant from current sender nonce"
    )
    accepted = result(proxy.url, "eth_sendRawTransaction", sender.raw(199))
    assert proxy.sent_hashes == [accepted]
    # The window starts at the account's nonce: after one transaction in a block it has moved by one.
    result(proxy.url, "eth_sendRawTransaction", sender.raw(0))
    wait_for(lambda: sender.nonce(proxy.url) == 1)
    assert "result" in ask(proxy.url, "eth_sendRawTransaction", sender.raw(200))


# --- words ------------------------------------------------------------------------------------------------


def test_a_transaction_is_refused_in_besus_words(proxy: QbftProxy) -> None:
    sender = Sender()
    waiting, raw = sender.raw(2), sender.raw(0)
    result(proxy.url, "eth_sendRawTransaction", waiting)
    assert ask(proxy.url, "eth_sendRawTransaction", waiting) == refused(-32000, "Known transaction")
    result(proxy.url, "eth_sendRawTransaction", raw)
    wait_for(lambda: sender.nonce(proxy.url) == 1)
    for spent in (raw, sender.raw(0, data="0x01")):
        assert ask(proxy.url, "eth_sendRawTransaction", spent) == refused(-32001, "Nonce too low")
    for fields, code, message in (
        ({"value": 1}, -32004, "Upfront cost exceeds account balance"),
        ({"gas": 300_000_001}, -32005, "Transaction gas limit exceeds block gas limit"),
        ({"gas": 20_999}, -32003, "Intrinsic gas exceeds gas limit"),
    ):
        assert ask(proxy.url, "eth_sendRawTransaction", sender.raw(1, **fields)) == refused(code, message)
    for nothing in ("0x", "0x1234", "no hex", 5):
        assert ask(proxy.url, "eth_sendRawTransaction", nothing) == refused(-32602, "Invalid params")
    assert proxy.duplicates() == {proxy.received[0].hash: 2}


def test_another_transaction_of_the_same_nonce_and_price_takes_the_place_of_the_waiting_one(own_anvil: str) -> None:
    sender = Sender()
    first, second = sender.raw(0), sender.raw(0, data="0x01")
    with QbftProxy(own_anvil, Limits(equal_price_replaces=False)) as strict, QbftProxy(own_anvil) as proxy:
        proxy.stall()
        lost = result(proxy.url, "eth_sendRawTransaction", first)
        assert ask(strict.url, "eth_sendRawTransaction", second) == refused(
            -32000, "Replacement transaction underpriced"
        )
        kept = result(proxy.url, "eth_sendRawTransaction", second)
        assert result(proxy.url, "eth_getTransactionByHash", lost) is None
        proxy.resume()
        assert wait_for(lambda: result(proxy.url, "eth_getTransactionReceipt", kept))["status"] == "0x1"
        assert result(proxy.url, "eth_getTransactionReceipt", lost) is None
        assert proxy.conflicts() == {(sender.address, 0): [lost, kept]}
        assert strict.conflicts() == {}


def test_the_surface_is_besus(proxy: QbftProxy) -> None:
    assert result(proxy.url, "eth_gasPrice") == "0x0"
    assert result(proxy.url, "eth_maxPriorityFeePerGas") == "0x0"
    assert result(proxy.url, "eth_accounts") == []
    assert result(proxy.url, "web3_clientVersion").startswith("besu/v26.9.0/")
    for method in ("anvil_mine", "evm_mine", "hardhat_mine", "eth_nothing"):
        assert ask(proxy.url, method) == refused(-32601, "Method not found")
    assert ask(proxy.url, "eth_sendTransaction", {})["error"]["code"] == -32604
    for tag in ("finalized", "safe"):
        assert ask(proxy.url, "eth_getBlockByNumber", tag, False) == refused(-39001, "Unknown block")
    assert ask(proxy.url, "eth_getBlockByNumber", "0xffffff", False) == {"result": None}


# --- headers ----------------------------------------------------------------------------------------------


def test_headers_carry_validators_and_seals(proxy: QbftProxy) -> None:
    number = wait_for(proxy.head)
    for block, seals in ((0, 0), (number, 3)):
        shown = result(proxy.url, "eth_getBlockByNumber", hex(block), False)
        assert result(proxy.url, "eth_getBlockByHash", shown["hash"], False) == shown
        extra = bytes.fromhex(shown["extraData"][2:])
        vanity, validators, vote, round_number, committed = rlp.decode(extra)
        assert (vanity, validators, vote, round_number) == (bytes(32), list(VALIDATORS), [], b"")
        assert [len(seal) for seal in committed] == [65] * seals
        assert (shown["baseFeePerGas"], shown["difficulty"], shown["mixHash"]) == ("0x0", "0x1", MIX_HASH)
        assert shown["miner"] == "0x" + VALIDATORS[block % 4].hex()
    with pytest.raises(ExtraDataLengthError):
        Web3(HTTPProvider(proxy.url)).eth.get_block(0)
    chain = connect_url(proxy.url)
    assert bytes(chain.w3.eth.get_block(0)["proofOfAuthorityData"]) == extra_data(0)


# --- the product ------------------------------------------------------------------------------------------


def test_the_product_deploys_sends_and_reads_through_it(proxy: QbftProxy) -> None:
    chain, admin, stranger = connect_url(proxy.url), Sender(), Sender()
    submitter = Submitter(chain, admin.account)
    artifact = artifacts.load("AccessManager")
    deployed = submitter.deploy(
        chain.w3.eth.contract(abi=artifact.abi, bytecode=artifact.creation).constructor(admin.address)
    )
    assert deployed.contract is not None
    assert deployed.block is not None
    manager = chain.w3.eth.contract(address=Web3.to_checksum_address(deployed.contract), abi=artifact.abi)
    granted = submitter.send(manager.functions.grantRole(5, stranger.address, 0))
    with pytest.raises(ChainRevert) as caught:
        Submitter(chain, stranger.account).send(manager.functions.grantRole(5, stranger.address, 0))
    assert caught.value.fields["error"] == "AccessManagerUnauthorizedAccount"
    events = history(chain, manager, ["RoleGranted"], deployed.block, chain.head())
    assert [event["roleId"] for event in events] == [0, 5]
    assert [event.transaction for event in events] == [deployed.transaction, granted.transaction]
    assert proxy.sent_hashes == [deployed.transaction, granted.transaction]
    assert [(sent.sender, sent.nonce) for sent in proxy.forwarded] == [(admin.address, 0), (admin.address, 1)]
    call = {"from": stranger.address, "to": manager.address, "data": manager.encode_abi("grantRole", [5, SOMEONE, 0])}
    answer = ask(proxy.url, "eth_call", call, "latest")["error"]
    assert (answer["code"], answer["message"]) == (3, "Execution reverted")
    assert answer["data"].startswith("0xf07e038f")
