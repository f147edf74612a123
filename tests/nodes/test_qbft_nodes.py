"""A node that lags, one that goes away and comes back, and faults that come by chance."""

from __future__ import annotations

import threading

import pytest
import requests

from tests.nodes.qbft_faults import EXCHANGE, TRANSACTION, Fault, Faults
from tests.nodes.qbft_proxy import QbftProxy
from tests.nodes.rpc_client import SEND, Sender, ask, met, request, result, wait_for

NONCE_TOO_LOW = {"error": {"code": -32001, "message": "Nonce too low"}}


# --- a node that lags -------------------------------------------------------------------------------------


@pytest.mark.parametrize("frozen", [False, True])
def test_a_node_that_lags_knows_of_nothing_newer(proxy: QbftProxy, frozen: bool) -> None:
    sender = Sender()
    tip = wait_for(proxy.head)
    newest = result(proxy.url, "eth_getBlockByNumber", "latest", False)
    if frozen:
        proxy.faults.frozen_head = head = tip
    else:
        proxy.faults.stale_blocks, head = 10**6, 0
    raw = sender.raw(0)
    sent = result(proxy.url, SEND, raw)
    wait_for(lambda: sender.nonce(proxy.node.upstream.url) == 1)
    assert result(proxy.url, "eth_blockNumber") == hex(head)
    assert result(proxy.url, "eth_getBlockByNumber", "latest", False)["number"] == hex(head)
    assert result(proxy.url, "eth_getBlockByNumber", hex(head + 1), False) is None
    assert (result(proxy.url, "eth_getBlockByHash", newest["hash"], False) is None) is not frozen
    assert [sender.nonce(proxy.url), result(proxy.url, "eth_getTransactionCount", sender.address, "pending")] == [
        0,
        "0x0",
    ]
    assert result(proxy.url, "eth_getTransactionReceipt", sent) is None
    assert result(proxy.url, "eth_getTransactionByHash", sent)["blockNumber"] is None
    assert ask(proxy.url, "eth_getBalance", sender.address, hex(head + 1))["error"]["message"] == "Block not found"
    assert ask(proxy.url, "eth_getLogs", {"toBlock": hex(head + 1)})["error"]["code"] == -32602
    assert result(proxy.url, SEND, raw) == sent  # the block it is in is not there yet
    proxy.faults.clear()
    assert sender.nonce(proxy.url) == 1
    assert int(result(proxy.url, "eth_getTransactionReceipt", sent)["blockNumber"], 16) > head
    assert ask(proxy.url, SEND, raw) == NONCE_TOO_LOW


# --- a node that goes away --------------------------------------------------------------------------------


def test_a_node_that_is_down_refuses_and_comes_back_at_its_url(proxy: QbftProxy) -> None:
    with requests.Session() as session:
        assert session.post(proxy.url, json=request("eth_chainId"), timeout=10).status_code == 200
        proxy.go_down()
        with pytest.raises(requests.ConnectionError, match="refused"):
            requests.post(proxy.url, json=request("eth_chainId"), timeout=10)
        proxy.start()
        assert session.post(proxy.url, json=request("eth_chainId"), timeout=10).status_code == 200
    assert proxy.record.requests == {"eth_chainId": 2}


def test_one_network_of_two_nodes_has_one_chain(own_anvil: str) -> None:
    with QbftProxy(own_anvil) as first, QbftProxy(own_anvil, blocks=first.blocks) as second:
        second.stall()
        head = first.head()
        second.faults.stale_blocks = 1
        first.resume(0.05)
        wait_for(lambda: second.head() > head)
        second.stall()
        assert first.head() == second.head() + 1


def test_a_restart_ends_the_exchanges_under_way(proxy: QbftProxy) -> None:
    proxy.faults.delay_s = 0.3
    proxy.faults.arm(Fault.DELAY)
    ends: list[str] = []
    threads = threading.active_count()
    waiting = threading.Thread(target=lambda: ends.append(met(proxy.url, Sender().raw(0))))
    waiting.start()
    wait_for(lambda: proxy.faults.injected)
    proxy.restart(0.05)
    waiting.join(5)
    assert ends == ["closed"]
    wait_for(lambda: threading.active_count() <= threads)
    assert (len(proxy.received), proxy.forwarded) == (1, [])
    assert result(proxy.url, "eth_chainId") == "0x7a69"


# --- chances ----------------------------------------------------------------------------------------------


def drawn(seed: int, rates: dict[Fault, float]) -> list[Fault | None]:
    faults = Faults(seed, rates)
    return [faults.draw((*EXCHANGE, *TRANSACTION), [SEND]) for _ in range(200)]


def test_equal_seeds_draw_equal_faults() -> None:
    rates = {Fault.DROP_REPLY: 0.2, Fault.HTML: 0.1}
    assert drawn(7, rates) == drawn(7, rates)
    assert drawn(7, rates) != drawn(8, rates)
    assert set(drawn(7, rates)) == {None, Fault.DROP_REPLY, Fault.HTML}
    assert drawn(7, {}) == [None] * 200
    assert drawn(7, {Fault.HOLD: 1}) == [Fault.HOLD] * 200


def test_a_client_that_resends_the_same_bytes_gets_through_all_of_it(anvil: str) -> None:
    sender = Sender()
    faults = Faults(5, dict.fromkeys((*EXCHANGE, *TRANSACTION), 0.1))
    faults.hold_s = 0.1
    raws = [sender.raw(nonce) for nonce in range(12)]
    with QbftProxy(anvil, faults=faults) as proxy:

        def all_in_blocks() -> bool:
            for raw in raws[sender.nonce(anvil) :]:
                met(proxy.url, raw)
            return sender.nonce(anvil) == len(raws)

        wait_for(all_in_blocks, 10)
        assert {fault for fault, _ in faults.injected} >= {Fault.DROP_REPLY, Fault.DROP_REQUEST, Fault.DUPLICATE}
        assert proxy.conflicts() == {}
        assert len(set(proxy.sent_hashes)) == len(raws)
