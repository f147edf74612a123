"""The HTTP side: a threading server on loopback that can answer, say nothing, break off and go away."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

HOST: Final = "127.0.0.1"
POLL_S: Final = 0.02


class Cut(Enum):
    """How a connection ends without an answer."""

    CLOSED = "closed"
    RESET = "reset"


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, or the end of the connection in its place."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    cut: Cut | None = None


Exchange = Callable[[bytes], Reply]


class Listener:
    """Listens at one port, which stays its own while it is down."""

    def __init__(self, exchange: Exchange, port: int = 0) -> None:
        self._exchange = exchange
        # Bound and never listening: connections are refused while it is down, and nobody else is given the port.
        self._reserved = _bound(port)
        self.port = int(self._reserved.getsockname()[1])
        # How often it went up or down.
        self.changes = 0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def up(self) -> None:
        """Listen; nothing when it does."""
        if self._server is None:
            self.changes += 1
            self._server = _Server(self.port, self._exchange)
            self._thread = threading.Thread(target=self._server.serve_forever, args=[POLL_S], daemon=True)
            self._thread.start()

    def down(self) -> None:
        """Refuse new connections and end those there are, answered or not."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            self.changes += 1
            server.shutdown()
            thread.join()
            server.server_close()
            server.cut_all()

    def close(self) -> None:
        """Go down and give up the port."""
        self.down()
        self._reserved.close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, exchange: Exchange) -> None:
        self.exchange = exchange
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._lock:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        if request.fileno() >= 0 and _lingers_no_longer(request):
            request.close()  # without a shutdown before it, so that the peer gets a reset
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is no error of ours."""

    def cut_all(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it ended by itself


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is one segment: with Nagle's algorithm its second write would wait for the first one's receipt.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        reply = self.server.exchange(body)
        if reply.cut is not None:
            self.close_connection = True
            if reply.cut is Cut.RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


def _bound(port: int) -> socket.socket:
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind((HOST, port))
    return reserved


def _lingers_no_longer(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0)
