"""The embedded chain over HTTP, for web3, cast and wallet libraries on the same machine.

Listens on loopback. A web page the user has open can reach loopback too, so a request must carry

* a Host header that names this machine: a page from another host name that was re-bound to 127.0.0.1
  (DNS rebinding) does not;
* the content type application/json: a page of another origin cannot send it without asking first, and no
  permission (CORS) is ever given.

HTTP/1.1 with keep-alive, one thread a connection.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.lock import announce, withdraw
from registry.chain.embedded.rpc import RpcEndpoint
from registry.errors import ChainUnavailable

MAX_BODY_BYTES = 16 * 1024 * 1024
IDLE_SECONDS = 60.0
POLL_SECONDS = 0.05  # how long closing may wait for the accept loop
LOCAL_HOSTS = frozenset(("localhost", "127.0.0.1", "[::1]"))

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(:\d{1,5})?")

logger = logging.getLogger(__name__)


class RpcServer:
    """A running server. `close` it before the chain."""

    def __init__(self, chain: EmbeddedChain, http: _Server, url: str) -> None:
        self._chain = chain
        self._http = http
        self.url = url
        self._thread = threading.Thread(
            target=http.serve_forever, args=(POLL_SECONDS,), name="embedded-rpc", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop accepting connections, refuse further requests on open ones, and withdraw the announcement."""
        withdraw(self._chain.path)
        self._http.is_closing = True
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> RpcServer:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def serve(
    chain: EmbeddedChain,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    max_log_range: int | None = None,
    allowed_hosts: Iterable[str] = (),
) -> RpcServer:
    """Serve `chain` at `host`:`port` (0: any free port) in a thread, and announce it beside the chain file.

    `allowed_hosts` adds names to those the Host header may carry (localhost, 127.0.0.1, [::1]).
    Raises `ChainUnavailable` if the address is taken or not of this machine.
    """
    endpoint = RpcEndpoint(chain, max_log_range=max_log_range)
    names = LOCAL_HOSTS | {name.lower() for name in allowed_hosts}
    handler = type("Handler", (_Handler,), {"endpoint": endpoint, "hosts": names})
    kind = _Server6 if ":" in host else _Server
    try:
        http = kind((host, port), handler)
    except (OSError, OverflowError) as error:
        raise ChainUnavailable(f"cannot listen at {host}:{port}: {error}", host=host, port=port) from error
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{http.server_address[1]}"
    announce(chain.path, url)
    return RpcServer(chain, http, url)


class _Server(ThreadingHTTPServer):
    is_closing = False
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("connection dropped", exc_info=True)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    endpoint: RpcEndpoint
    hosts: frozenset[str]

    protocol_version = "HTTP/1.1"
    server_version = "PuhuiLedger"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # else every second small response waits 40 ms for an acknowledgement
    wbufsize = -1  # headers and body leave in one packet

    def do_POST(self) -> None:
        length = self._checked_length()
        if length is None:
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        answer = self.endpoint.handle(body)
        if answer is None:
            self._respond(HTTPStatus.NO_CONTENT, b"")
        else:
            self._respond(HTTPStatus.OK, answer)

    def _refuse_method(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse_method  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def _checked_length(self) -> int | None:
        """The length of a body worth reading, or None after a refusal was sent."""
        host = _HOST.fullmatch(self.headers.get("Host", "").strip())
        declared = self.headers.get("Content-Length", "")
        if self.server.is_closing:
            problem = HTTPStatus.SERVICE_UNAVAILABLE
        elif host is None or host["name"].lower() not in self.hosts:
            problem = HTTPStatus.FORBIDDEN
        elif self.headers.get_content_type() != "application/json":
            problem = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        elif "Transfer-Encoding" in self.headers or not re.fullmatch(r"[0-9]{1,15}", declared):
            problem = HTTPStatus.LENGTH_REQUIRED
        elif int(declared) > MAX_BODY_BYTES:
            problem = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        else:
            return int(declared)
        self._refuse(problem)
        return None

    def _refuse(self, status: HTTPStatus) -> None:
        # The body was not read, so what follows on this connection cannot be trusted to be a request.
        self.close_connection = True
        self._respond(status, f"{status.phrase}\n".encode(), "text/plain")

    def _respond(self, status: HTTPStatus, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
