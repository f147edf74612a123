"""A relay in front of a node that keeps every transaction it was asked to forward, mined or not."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final

import requests
import rlp
from eth_account import Account
from eth_utils.crypto import keccak

_TIMEOUT_S: Final = 30


@dataclass(frozen=True)
class Sent:
    """A transaction that was sent to the node."""

    signer: str
    nonce: int
    tx_hash: str


class Relay(ThreadingHTTPServer):
    """Listens on a port of 127.0.0.1; use it as a context manager."""

    daemon_threads = True

    def __init__(self, node: str) -> None:
        """`node` is the URL requests are forwarded to."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.node = node
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.raws: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def sent(self) -> list[Sent]:
        """Every transaction that was sent, in order, those sent again too."""
        known: dict[str, Sent] = {}
        return [known.setdefault(raw, _decoded(raw)) if raw not in known else known[raw] for raw in list(self.raws)]


class _Handler(BaseHTTPRequestHandler):
    """Forwards one request after the other over a connection of its own."""

    server: Relay
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self._session = requests.Session()

    def finish(self) -> None:
        self._session.close()
        super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        for one in asked if isinstance(asked, list) else [asked]:
            if one["method"] == "eth_sendRawTransaction":
                self.server.raws.append(one["params"][0])
        answer = self._session.post(
            self.server.node, data=body, headers={"Content-Type": "application/json"}, timeout=_TIMEOUT_S
        )
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _decoded(raw: str) -> Sent:
    data = bytes.fromhex(raw.removeprefix("0x"))
    nonce = int.from_bytes(rlp.decode(data)[0], "big")
    return Sent(Account.recover_transaction(raw).lower(), nonce, "0x" + keccak(data).hex())
