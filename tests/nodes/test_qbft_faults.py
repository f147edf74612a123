"""Every fault of the proxy, against a real anvil: what the client meets, and what the node got of it."""

from __future__ import annotations

import time

import pytest
import requests

from registry.chain.client import connect_url
from registry.errors import ChainUnavailable
from tests.nodes.qbft_faults import EXCHANGE, Fault
from tests.nodes.qbft_headers import VALIDATORS, extra_data
from tests.nodes.qbft_proxy import QbftProxy
from tests.nodes.rpc_client import SEND, Sender, ask, met, request, result, wait_for

KNOWN = {"error": {"code": -32000, "message": "Known transaction"}}
NONCE_TOO_LOW = {"error": {"code": -32001, "message": "Nonce too low"}}

# --- one exchange -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "seen", "forwarded"),
    [
        (Fault.DROP_REQUEST, "closed", False),
        (Fault.DROP_REPLY, "closed", True),
        (Fault.RESET, "reset", True),
        (Fault.BAD_GATEWAY, "502 text/html", False),
        (Fault.UNAVAILABLE, "503 text/html", False),
        (Fault.GATEWAY_TIMEOUT, "504 text/html", True),
        (Fault.TRUNCATED, "200 application/json", True),
        (Fault.HTML, "200 text/html", False),
    ],
)
def test_an_exchange_fails_once_and_the_node_got_it_or_not(
    proxy: QbftProxy, fault: Fault, seen: str, forwarded: bool
) -> None:
    sender = Sender()
    raw = sender.raw(1)  # stays in the pool: there is no transaction 0
    proxy.faults.arm(fault)
    assert met(proxy.url, raw) == seen
    assert [sent.raw for sent in proxy.received] == [raw]
    assert [sent.raw for sent in proxy.forwarded] == [raw] * forwarded
    assert proxy.faults.injected == [(fault, SEND)]
    again = ask(proxy.url, SEND, raw)
    assert again == (KNOWN if forwarded else {"result": proxy.sent_hashes[0]})
    assert proxy.duplicates() == ({proxy.sent_hashes[0]: 2} if forwarded else {})
    assert proxy.conflicts() == {}


def test_every_exchange_fault_is_tested_above() -> None:
    tested = test_an_exchange_fails_once_and_the_node_got_it_or_not.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {entry[0] for entry in tested} == set(EXCHANGE)


def test_a_fault_of_one_method_leaves_the_others_alone(proxy: QbftProxy) -> None:
    proxy.faults.set(Fault.BAD_GATEWAY, 1, "eth_getLogs", "eth_call")
    proxy.faults.set(Fault.DROP_REQUEST, 1)  # of transactions unless others are named
    assert result(proxy.url, "eth_chainId") == "0x7a69"
    for body in (request("eth_getLogs", {}), [request("eth_chainId"), request("eth_call", {})]):
        assert requests.post(proxy.url, json=body, timeout=10).status_code == 502
    assert met(proxy.url, Sender().raw(0)) == "closed"
    proxy.faults.clear()
    assert result(proxy.url, "eth_getLogs", {}) == []
    assert (len(proxy.received), proxy.forwarded) == (1, [])


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.TRUNCATED])
def test_the_product_takes_no_such_answer_for_a_node(proxy: QbftProxy, fault: Fault) -> None:
    proxy.faults.set(fault, 1)
    with pytest.raises(ChainUnavailable):
        connect_url(proxy.url)


def test_a_delayed_answer_comes_late(proxy: QbftProxy) -> None:
    proxy.faults.delay_s = 0.3
    proxy.faults.arm(Fault.DELAY, 1, "eth_gasPrice")
    assert result(proxy.url, "eth_chainId") == "0x7a69"
    assert proxy.faults.injected == []
    started = time.monotonic()
    assert result(proxy.url, "eth_gasPrice") == "0x0"
    assert time.monotonic() - started >= 0.3
    assert proxy.faults.injected == [(Fault.DELAY, "eth_gasPrice")]


def test_a_node_that_is_gone_is_a_bad_gateway() -> None:
    with QbftProxy("http://127.0.0.1:1") as proxy:
        response = requests.post(proxy.url, json=request("eth_chainId"), timeout=10)
        assert (response.status_code, response.headers["Content-Type"]) == (502, "text/html")


# --- one transaction --------------------------------------------------------------------------------------


def test_a_duplicate_is_delivered_twice_and_answered_once(proxy: QbftProxy) -> None:
    sender = Sender()
    proxy.faults.arm(Fault.DUPLICATE)
    sent = result(proxy.url, SEND, sender.raw(0))
    assert proxy.sent_hashes == [sent, sent]
    assert proxy.duplicates() == {sent: 2}
    assert len(proxy.received) == 1
    wait_for(lambda: sender.nonce(proxy.url) == 1)


def test_a_held_transaction_comes_later(proxy: QbftProxy) -> None:
    sender = Sender()
    proxy.faults.arm(Fault.HOLD)
    proxy.faults.hold_s = 0.3
    started = time.time()
    sent = result(proxy.url, SEND, sender.raw(0))
    wait_for(lambda: proxy.sent_hashes == [sent])
    assert time.time() - started >= 0.3
    assert wait_for(lambda: result(proxy.url, "eth_getTransactionReceipt", sent))["status"] == "0x1"


def test_held_transactions_are_known_until_they_are_released_or_forgotten(proxy: QbftProxy) -> None:
    sender = Sender()
    raws = [sender.raw(nonce) for nonce in range(3)]
    proxy.faults.hold_s = 60
    proxy.faults.arm(Fault.HOLD, 3)
    sent = [result(proxy.url, SEND, raw) for raw in raws[:2]]
    assert result(proxy.url, "eth_getTransactionByHash", sent[0]) is None
    assert proxy.sent_hashes == []
    proxy.faults.clear()
    assert [ask(proxy.url, SEND, raw) for raw in raws[:2]] == [KNOWN, KNOWN]
    proxy.release_held()
    assert proxy.sent_hashes == sent
    wait_for(lambda: sender.nonce(proxy.url) == 2)
    proxy.faults.arm(Fault.HOLD, 2)
    lost = result(proxy.url, SEND, raws[2])
    assert ask(proxy.url, SEND, raws[0]) == NONCE_TOO_LOW  # a transaction that cannot be is not held
    proxy.restart(0)
    proxy.release_held()
    assert proxy.sent_hashes == sent
    assert result(proxy.url, SEND, raws[2]) == lost


def test_an_evicted_transaction_was_accepted_and_is_gone(proxy: QbftProxy) -> None:
    raw = Sender().raw(0)
    proxy.faults.arm(Fault.EVICT)
    sent = result(proxy.url, SEND, raw)
    assert result(proxy.url, "eth_getTransactionByHash", sent) is None
    assert (proxy.sent_hashes, [seen.hash for seen in proxy.received]) == ([], [sent])
    assert result(proxy.url, SEND, raw) == sent
    assert wait_for(lambda: result(proxy.url, "eth_getTransactionReceipt", sent))["status"] == "0x1"


# --- blocks -----------------------------------------------------------------------------------------------


def test_in_a_stall_readers_are_answered_and_the_backlog_comes_in_order(own_anvil: str) -> None:
    sender = Sender()
    with QbftProxy(own_anvil, period_s=0.1) as proxy:
        wait_for(proxy.head)
        proxy.stall()
        head = proxy.head()
        sent = [result(proxy.url, SEND, sender.raw(nonce)) for nonce in range(3)]
        time.sleep(0.5)  # two blocks and a half would have come
        started = time.monotonic()
        assert result(proxy.url, "eth_blockNumber") == hex(head)
        assert result(proxy.url, "eth_getTransactionCount", sender.address, "pending") == "0x3"
        assert sender.nonce(proxy.url) == 0
        assert result(proxy.url, "eth_getTransactionReceipt", sent[0]) is None
        assert time.monotonic() - started < 2
        proxy.resume()
        wait_for(lambda: sender.nonce(proxy.url) == 3)
        receipts = [result(proxy.url, "eth_getTransactionReceipt", digest) for digest in sent]
        places = [(int(receipt["blockNumber"], 16), int(receipt["transactionIndex"], 16)) for receipt in receipts]
        assert places == [(head + 1, 0), (head + 1, 1), (head + 1, 2)]
        wait_for(lambda: proxy.head() > head + 2)


def test_round_changes_make_one_block_late(own_anvil: str) -> None:
    with QbftProxy(own_anvil, period_s=0.05) as proxy:
        proxy.stall()
        head, started = proxy.head(), time.monotonic()
        proxy.round_change(2, round_s=0.1)
        wait_for(lambda: proxy.head() > head)
        assert time.monotonic() - started >= 0.45
        wait_for(lambda: proxy.head() > head + 3)
        shown = result(proxy.url, "eth_getBlockByNumber", hex(head + 1), False)
        assert shown["extraData"] == "0x" + extra_data(head + 1, 2).hex()
        assert shown["miner"] == "0x" + VALIDATORS[(head + 3) % 4].hex()
        assert proxy.blocks.rounds == {head + 1: 2}
