from __future__ import annotations

import json

import pytest
from embedded_contract import SOMEONE
from eth_utils import keccak

from registry.chain.embedded import rpc as rpc_module
from registry.chain.embedded.provider import EmbeddedProvider
from registry.chain.embedded.rpc import RpcEndpoint


@pytest.fixture
def handle(chain):
    endpoint = RpcEndpoint(chain)

    def ask(body):
        answer = endpoint.handle(body if isinstance(body, bytes) else json.dumps(body).encode())
        return None if answer is None else json.loads(answer)

    return ask


def request(method, *params, **fields):
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)} | fields


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("eth_chainId", "0x4f24"),
        ("net_version", "20260"),
        ("net_listening", True),
        ("eth_blockNumber", "0x0"),
        ("eth_syncing", False),
        ("eth_accounts", []),
        ("eth_gasPrice", "0x0"),
        ("eth_maxPriorityFeePerGas", "0x0"),
    ],
)
def test_what_a_wallet_asks_first(rpc, method, result):
    assert rpc(method) == {"jsonrpc": "2.0", "id": 1, "result": result}
    assert rpc(method, "surplus")["error"]["code"] == -32602


def test_the_client_names_itself_and_its_engine(rpc):
    assert rpc("web3_clientVersion")["result"].startswith("PuhuiLedger/embedded/py-evm-0.12.1b1/")
    assert rpc("web3_sha3", "0x")["result"] == "0x" + keccak(b"").hex()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a":NaN}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'["\\"",' + b"[" * 65 + b"]" * 65 + b"]",
        "碳".encode("gbk"),
    ],
    ids=range(9),
)
def test_what_is_not_json_is_a_parse_error(handle, body):
    error = {"code": -32700, "message": "the request is not JSON"}
    assert handle(body) == {"jsonrpc": "2.0", "id": None, "error": error}


@pytest.mark.parametrize(
    "body",
    [
        1,
        "x",
        None,
        {},
        {"jsonrpc": "1.0", "id": 1, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        {"jsonrpc": "2.0", "id": {}, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": True, "method": "eth_sendRawTransaction"},
    ],
)
def test_what_is_no_request_is_invalid(handle, body):
    assert handle(body)["error"] == {
        "code": -32600,
        "message": "the id must be a string, a number or null"
        if isinstance(body, dict)
        and "2.0" in body.values()
        and body.get("method") in ("eth_chainId", "eth_sendRawTransaction")
        else "not a JSON-RPC 2.0 request",
    }


def test_an_unknown_method_does_not_exist(handle):
    error = {"code": -32601, "message": "the method evm_increaseTime does not exist"}
    assert handle(request("evm_increaseTime", 5))["error"] == error
    assert handle(request("__class__"))["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", {"address": SOMEONE}),
        ("eth_getBalance", [SOMEONE, "newest"]),
        ("eth_getBalance", [SOMEONE, "0x"]),
        ("eth_getBalance", [SOMEONE, 1]),
        ("eth_getBalance", [SOMEONE, {}]),
        ("eth_getBalance", [SOMEONE[2:], "latest"]),
        ("eth_getBalance", ["0x" + "１" * 40, "latest"]),
        ("eth_getStorageAt", [SOMEONE, "0x" + "f" * 65, "latest"]),
        ("eth_getBlockByNumber", ["latest", "yes"]),
        ("eth_getBlockByHash", ["0x12", False]),
        ("eth_sendRawTransaction", ["0x1"]),
        ("eth_sendRawTransaction", [5]),
        ("eth_sendRawTransaction", []),
        ("eth_feeHistory", ["0x1"]),
    ],
)
def test_bad_arguments_are_named_as_such(handle, method, params):
    assert handle({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})["error"]["code"] == -32602


def test_brackets_in_strings_and_in_width_are_no_depth(handle):
    wide = request("eth_chainId", *[[] for _ in range(1_000)], id="[" * 1_000 + '\\"{' * 100)
    assert handle(wide)["error"]["code"] == -32602


def test_ids_come_back_as_they_were(handle):
    for identity in (0, -7, "a", "\ud800", None, 1.5):
        assert handle(request("eth_chainId", id=identity))["id"] == identity


def test_a_notification_is_done_and_not_answered(handle, chain, sign):
    notification = {"jsonrpc": "2.0", "method": "eth_sendRawTransaction", "params": ["0x" + sign(0).hex()]}
    assert handle(notification) is None
    assert chain.head.number == 1
    assert handle([{"jsonrpc": "2.0", "method": "eth_chainId"}]) is None


def test_a_batch_answers_in_order_and_mines_its_sends_into_one_block(handle, chain, sign):
    raws = [sign(nonce) for nonce in range(3)]
    sends = [request("eth_sendRawTransaction", "0x" + raw.hex(), id=place) for place, raw in enumerate(raws)]
    count = request("eth_blockNumber", id="count")
    bad = request("eth_sendRawTransaction", "0x00", id="bad")
    answers = handle([count, *sends, bad, {"jsonrpc": "2.0", "method": "eth_chainId"}, count, 5])
    assert [answer["id"] for answer in answers] == ["count", 0, 1, 2, "bad", "count", None]
    assert [answer.get("result") for answer in answers[:4]] == ["0x0", *("0x" + keccak(raw).hex() for raw in raws)]
    assert answers[4]["error"]["code"] == -32000
    assert answers[5]["result"] == "0x1"
    assert answers[6]["error"]["code"] == -32600
    assert len(chain.store.transactions(1)) == 3


def test_a_batch_has_a_size(handle, chain):
    for size in (0, 1_025):
        assert handle([request("eth_chainId")] * size)["error"]["code"] == -32600
    assert len(handle([request("eth_chainId")] * 1_024)) == 1_024


def test_an_unexpected_fault_is_logged_and_not_told(handle, chain, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("a secret of the implementation")

    monkeypatch.setattr(chain.store, "block", broken)
    monkeypatch.setattr(chain, "send_raw", broken)
    for asked in (request("eth_getBlockByNumber", "0x0", False), request("eth_sendRawTransaction", "0x00")):
        assert handle(asked)["error"] == {"code": -32603, "message": "internal error"}
    assert caplog.text.count("RuntimeError: a secret of the implementation") == 2


def test_a_log_range_can_be_limited(chain, sign):
    endpoint = RpcEndpoint(chain, max_log_range=2)
    for nonce in range(2):
        chain.send_raw([sign(nonce)])

    def ask(first):
        wanted = {"fromBlock": first, "toBlock": "latest"}
        return json.loads(endpoint.handle(json.dumps(request("eth_getLogs", wanted)).encode()))

    assert ask("0x1")["result"] == []
    assert ask("0x0")["error"] == {"code": -32005, "message": "requested range exceeds the maximum of 2 blocks"}


def test_the_provider_batches_through_web3(w3, chain, sign):
    chain.send_raw([sign(0)])
    with w3.batch_requests() as batch:
        batch.add(w3.eth.get_block(0))
        batch.add(w3.eth.get_block(1))
        blocks = batch.execute()
    assert [block["number"] for block in blocks] == [0, 1]
    assert EmbeddedProvider(chain).is_connected()


def test_the_methods_the_clients_need_are_all_there(chain):
    needed = {
        *("web3_clientVersion", "net_version", "net_listening", "eth_chainId", "eth_blockNumber", "eth_syncing"),
        *(
            "eth_gasPrice",
            "eth_maxPriorityFeePerGas",
            "eth_feeHistory",
            "eth_getBalance",
            "eth_getCode",
            "eth_accounts",
        ),
        *("eth_getStorageAt", "eth_getTransactionCount", "eth_getBlockByNumber", "eth_getBlockByHash", "eth_getProof"),
        *("eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getBlockReceipts", "eth_getLogs"),
        *("eth_call", "eth_estimateGas", "eth_sendRawTransaction"),
    }
    assert needed <= set(RpcEndpoint(chain)._methods)
    assert rpc_module.MAX_BATCH == 1_024
