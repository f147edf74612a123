"""A proxy in front of PostgreSQL that cuts a connection exactly when the COMMIT of a writing transaction passes.

It speaks just enough of the protocol to know messages: their first byte, their length, and the text of simple queries.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.postgres import USER

_HEADER: Final = 5  # the kind of a message and its length, which counts itself
_CHUNK: Final = 65_536
_COMMITTED: Final = b"Z\0\0\0\x05I"  # ready for the next query, in no transaction


class Moment(Enum):
    """When the connection is cut. Only before the COMMIT was forwarded is it certain that nothing was recorded."""

    BEFORE = "before the commit reaches the server"
    AFTER = "after the server committed, before its answer"
    INSIDE = "inside the server's answer"


@dataclass(frozen=True)
class Cut:
    """Which COMMIT is cut and how: the `turn`th one from now on; `reset` with RST and not with FIN."""

    moment: Moment
    turn: int = 1
    reset: bool = False
    answered: int = 3  # how many bytes of the answer arrive when the cut is inside it


class CommitProxy:
    """Listens on a port of 127.0.0.1 and forwards to the unix socket of a server; use it as a context manager."""

    def __init__(self, server: Path) -> None:
        """`server` is the folder of the server's socket."""
        self.commits = 0  # how many writing transactions asked to be committed
        self.done: list[Cut] = []
        self._server = server / ".s.PGSQL.5432"
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self._left = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._links: list[_Link] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> CommitProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database through this proxy; unencrypted, so that the proxy can read along."""
        port = self._listening.getsockname()[1]
        return f"postgresql+psycopg://{USER}@127.0.0.1:{port}/{database}?sslmode=disable&gssencmode=disable"

    def arm(self, cut: Cut) -> None:
        """Let the next COMMITs pass up to the one that is cut. One cut at a time."""
        with self._lock:
            self._cut, self._left = cut, cut.turn

    @property
    def armed(self) -> bool:
        """Whether a cut is still to come."""
        return self._cut is not None

    def close(self) -> None:
        """Stop listening and end every connection."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        for link in self._links:
            link.hang_up()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            link = _Link(client, server, self._passing)
            self._links.append(link)
            started = [threading.Thread(target=run, daemon=True) for run in (link.ask, link.answer)]
            self._threads += started
            for thread in started:
                thread.start()

    def _passing(self) -> Cut | None:
        """Called for each COMMIT that passes; the cut to be made at this one."""
        with self._lock:
            self.commits += 1
            self._left -= 1
            if self._cut is None or self._left > 0:
                return None
            cut, self._cut = self._cut, None
            self.done.append(cut)
            return cut


class _Link:
    """One connection: a thread for each direction. Whichever ends last closes both sockets."""

    def __init__(self, client: socket.socket, server: socket.socket, passing: Callable[[], Cut | None]) -> None:
        self._client = client
        self._server = server
        self._passing = passing
        self._writes = False
        self._cut: Cut | None = None
        self._resets = False
        self._running = 2
        self._lock = threading.Lock()

    def ask(self) -> None:
        """Forward what the client says, until it commits at the moment of a cut."""
        with suppress(OSError):
            for message in self._messages():
                cut = self._cut_at(message)
                if cut is not None and cut.moment is Moment.BEFORE:
                    self._resets = cut.reset
                    break
                self._cut = cut  # nothing else is outstanding: what comes next is the answer to this message
                self._server.sendall(message)
        self._end()

    def answer(self) -> None:
        """Forward what the server says, except for what is cut of its answer to a COMMIT."""
        held = b""
        with suppress(OSError):
            while data := self._server.recv(_CHUNK):
                if self._cut is None:
                    self._client.sendall(data)
                    continue
                held += data
                if held.endswith(_COMMITTED):
                    if self._cut.moment is Moment.INSIDE:
                        self._client.sendall(held[: self._cut.answered])
                    self._resets = self._cut.reset
                    break
        self._end()

    def hang_up(self) -> None:
        """End the connection on both sides; with linger and no FIN of its own, closing is what resets it."""
        if self._resets:
            with suppress(OSError):
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for one, how in ((self._client, socket.SHUT_RD if self._resets else socket.SHUT_RDWR), (self._server, 2)):
            with suppress(OSError):
                one.shutdown(how)

    def _end(self) -> None:
        with self._lock:
            self.hang_up()
            self._running -= 1
            if self._running == 0:
                self._client.close()
                self._server.close()

    def _cut_at(self, message: bytes) -> Cut | None:
        if not message.startswith(b"Q"):
            return None
        query = message[_HEADER:].rstrip(b"\0").upper()
        if query.startswith(b"BEGIN"):
            self._writes = b"READ ONLY" not in query
        return self._passing() if query == b"COMMIT" and self._writes else None

    def _messages(self) -> Iterator[bytes]:
        """What the client says, message by message; the first has no kind."""
        data, header = b"", _HEADER - 1
        while received := self._client.recv(_CHUNK):
            data += received
            while len(data) >= header:
                size = header - 4 + int(struct.unpack(">I", data[header - 4 : header])[0])
                if len(data) < size:
                    break
                yield data[:size]
                data, header = data[size:], _HEADER
