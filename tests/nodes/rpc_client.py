"""A client without retries or middleware: it shows what came over the wire."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests
from eth_account import Account

CHAIN_ID = 31337
SEND = "eth_sendRawTransaction"
SOMEONE = "0x" + "22" * 20
TIMEOUT_S = 10


def ask(url: str, method: str, *params: Any) -> dict[str, Any]:
    """The result or the error of one request: {"result": ...} or {"error": {...}}."""
    response = requests.post(url, json=request(method, *params), timeout=TIMEOUT_S)
    body = response.json()
    assert response.status_code == 200
    assert (body.pop("jsonrpc"), body.pop("id")) == ("2.0", 7)
    return dict(body)


def result(url: str, method: str, *params: Any) -> Any:
    """The result; the request must not be refused."""
    answer = ask(url, method, *params)
    assert "error" not in answer, answer
    return answer["result"]


def met(url: str, raw: str) -> str:
    """How sending it ended for the client: "closed", "reset", or the HTTP status and what the body is."""
    try:
        response = requests.post(url, json=request(SEND, raw), timeout=10)
    except requests.ConnectionError as error:
        return "reset" if "ConnectionResetError" in repr(error) else "closed"
    try:
        return f"{response.status_code} {sorted(response.json())}"
    except requests.JSONDecodeError:
        return f"{response.status_code} {response.headers['Content-Type']}"


def request(method: str, *params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}


def answers(url: str) -> bool:
    """Whether a node answers there."""
    try:
        return ask(url, "eth_chainId") == {"result": hex(CHAIN_ID)}
    except requests.ConnectionError:
        return False


class Sender:
    """A new account that signs what it is told to."""

    def __init__(self) -> None:
        self.account = Account.create()
        self.address: str = self.account.address

    def raw(self, nonce: int, **fields: Any) -> str:
        """A signed transfer of nothing."""
        transaction = {"to": SOMEONE, "value": 0, "gas": 100_000, "gasPrice": 0, "chainId": CHAIN_ID, **fields}
        signed = self.account.sign_transaction({**transaction, "nonce": nonce})
        return str(signed.raw_transaction.to_0x_hex())

    def nonce(self, url: str) -> int:
        """The account's nonce at the newest block."""
        return int(result(url, "eth_getTransactionCount", self.address, "latest"), 16)


def wait_for(happened: Callable[[], Any], seconds: float = 5) -> Any:
    """What `happened` gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (value := happened()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return value
