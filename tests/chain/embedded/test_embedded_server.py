from __future__ import annotations

import http.client
import json
import os
import socket
import threading

import pytest
from eth_utils import keccak
from web3 import HTTPProvider, Web3

from registry.chain.embedded.lock import announcement_path
from registry.chain.embedded.server import MAX_BODY_BYTES, serve
from registry.errors import ChainUnavailable

JSON = {"Content-Type": "application/json"}
ASK = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
ANSWER = b'{"jsonrpc":"2.0","id":1,"result":"0x4f24"}'


@pytest.fixture
def server(chain):
    with serve(chain) as running:
        yield running


@pytest.fixture
def connection(server):
    port = int(server.url.rpartition(":")[2])
    opened = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    yield opened
    opened.close()


def post(connection, body=ASK, headers=JSON, method="POST"):
    connection.request(method, "/", body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def test_one_connection_carries_many_requests(connection):
    assert post(connection) == (200, ANSWER)
    first = connection.sock
    assert post(connection) == (200, ANSWER)
    assert connection.sock is first


def test_web3_connects_as_to_any_node(server, contract, bump, chain):
    w3 = Web3(HTTPProvider(server.url))
    assert w3.eth.chain_id == 20260
    sent = w3.eth.send_raw_transaction(bump(1, 5))
    assert w3.eth.wait_for_transaction_receipt(sent)["status"] == 1
    over_http = w3.eth.contract(address=contract.address, abi=contract.abi)
    assert over_http.functions.count().call() == 1
    (event,) = over_http.events.Bumped().get_logs(from_block=0)
    assert event["transactionHash"] == sent


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8545", "127.0.0.1", "[::1]:1", "127.0.0.1:99999"])
def test_local_names_are_served(connection, host):
    assert post(connection, headers=JSON | {"Host": host}) == (200, ANSWER)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8545", "", "127.0.0.1@evil.example", "[::1", "a:b:c"]
)
def test_a_name_re_bound_to_this_machine_is_refused(connection, chain, host):
    assert post(connection, headers=JSON | {"Host": host}) == (403, b"Forbidden\n")


def test_a_name_can_be_allowed(chain):
    with serve(chain, allowed_hosts=["Node.Example"]) as running:
        connection = http.client.HTTPConnection("127.0.0.1", int(running.url.rpartition(":")[2]))
        assert post(connection, headers=JSON | {"Host": "node.example:80"}) == (200, ANSWER)


@pytest.mark.parametrize(
    "content_type", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}]
)
def test_what_a_web_page_may_send_unasked_is_refused(connection, content_type):
    assert post(connection, headers=content_type) == (415, b"Unsupported Media Type\n")


def test_no_other_origin_is_ever_given_permission(connection):
    connection.request(
        "OPTIONS", "/", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    )
    response = connection.getresponse()
    assert response.status == 405
    assert not [name for name, _value in response.getheaders() if name.lower().startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_is_served(connection, method):
    assert post(connection, None, {}, method)[0] == 405


def test_a_body_above_the_limit_is_refused_unread(connection):
    headers = JSON | {"Content-Length": str(MAX_BODY_BYTES + 1)}
    connection.putrequest("POST", "/")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413


@pytest.mark.parametrize(
    "headers", [{"Transfer-Encoding": "chunked"}, {"Content-Length": "-1"}, {"Content-Length": "1e3"}, {}]
)
def test_a_body_without_a_plain_length_is_refused(connection, headers):
    connection.putrequest("POST", "/")
    for name, value in (JSON | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 411


def test_a_body_cut_short_is_dropped(server, chain, sign):
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": ["0x" + sign(0).hex()]})
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as half:
        head = [
            "POST / HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(raw) + 1}",
        ]
        half.sendall("\r\n".join([*head, "", raw]).encode())
        half.shutdown(socket.SHUT_WR)
        assert half.recv(100) == b""
    assert chain.head.number == 0


def test_a_notification_is_answered_with_nothing(connection):
    assert post(connection, b'{"jsonrpc":"2.0","method":"eth_chainId"}') == (204, b"")
    assert post(connection) == (200, ANSWER)


def test_nonsense_is_answered_and_the_server_goes_on(connection):
    assert json.loads(post(connection, b"{")[1])["error"]["code"] == -32700
    assert json.loads(post(connection, b"[" * 200_000)[1])["error"]["code"] == -32700
    assert post(connection) == (200, ANSWER)


def test_many_clients_at_once_each_get_their_own_answer(server, chain, sign):
    raws = [sign(nonce) for nonce in range(40)]
    chain.send_raw(raws)
    port = int(server.url.rpartition(":")[2])
    wrong = []

    def ask(place):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(5):
            sent = "0x" + keccak(raws[place]).hex()
            body = {"jsonrpc": "2.0", "id": place, "method": "eth_getTransactionReceipt", "params": [sent]}
            answer = json.loads(post(connection, json.dumps(body))[1])
            if (answer["id"], answer["result"]["transactionHash"]) != (place, sent):
                wrong.append(answer)
        connection.close()

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_running_server_is_announced_and_a_stopped_one_is_not(chain):
    running = serve(chain)
    announced = json.loads(announcement_path(chain.path).read_text())
    assert announced == {"url": running.url, "pid": os.getpid()}
    running.close()
    assert not announcement_path(chain.path).exists()


def test_a_stopped_server_serves_no_open_connection_either(chain):
    running = serve(chain)
    connection = http.client.HTTPConnection("127.0.0.1", int(running.url.rpartition(":")[2]))
    assert post(connection) == (200, ANSWER)
    running.close()
    assert post(connection) == (503, b"Service Unavailable\n")


def test_a_port_in_use_is_reported(chain, server):
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(ChainUnavailable, match=f"cannot listen at .*:{port}"):
        serve(chain, port=port)
    with pytest.raises(ChainUnavailable, match=r"cannot listen at 127\.0\.0\.1:70000"):
        serve(chain, port=70_000)
