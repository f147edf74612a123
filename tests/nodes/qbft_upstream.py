"""The node behind the proxy: calling it, and stopping and starting its blocks as a QBFT network's stop and start."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any, Final
from urllib.parse import urlsplit

from tests.nodes.qbft_rules import Refused, RpcError

TIMEOUT_S: Final = 30.0


class UpstreamDown(OSError):
    """The node behind the proxy does not answer, or not with JSON."""


class Upstream:
    """One JSON-RPC node. A connection a call: a kept one that breaks would make it unclear what was forwarded."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._path = parts.path or "/"

    def send(self, method: str, params: Any) -> dict[str, Any]:
        """The node's whole answer, result or error."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UpstreamDown(f"{self.url} does not answer ({type(error).__name__})") from error
        finally:
            connection.close()
        assert isinstance(answer, dict)
        return answer

    def call(self, method: str, *params: Any) -> Any:
        """The result; raises Refused with the node's own error."""
        answer = self.send(method, params)
        if "error" in answer:
            raise Refused(RpcError.from_json(answer["error"]))
        return answer["result"]

    def head(self) -> int:
        """The newest block's number."""
        return int(self.call("eth_blockNumber"), 16)


class Blocks:
    """The network's block production. Until it is first stopped the node makes blocks by itself (anvil's --block-time);
    from then on they are made here, one a period, so that they can stop, come late and come again.

    It is the whole network's: give one to all proxies of a network.
    """

    def __init__(self, upstream: Upstream, period_s: float) -> None:
        self.period_s = period_s
        # The round in which a block was agreed on, where it was not the first.
        self.rounds: dict[int, int] = {}
        self._upstream = upstream
        self._lock = threading.Lock()
        self._stopped: threading.Event | None = None
        self._thread: threading.Thread | None = None

    def stall(self) -> None:
        """No block from now on; the pool takes transactions and readers are answered."""
        with self._lock:
            self._stop()

    def resume(self, period_s: float | None = None) -> None:
        """Blocks again: the first after one period, with what waits in the pool."""
        with self._lock:
            self._stop()
            self.period_s = self.period_s if period_s is None else period_s
            self._start(self.period_s, 0)

    def round_change(self, rounds: int, round_s: float = 1.0) -> None:
        """The next block is late by `round_s` * 2**`rounds` seconds, the timer of that round; the others are not."""
        with self._lock:
            self._stop()
            self._start(self.period_s + round_s * 2**rounds, rounds)

    def mine(self, count: int = 1) -> None:
        """So many blocks at once."""
        for _ in range(count):
            self._upstream.call("evm_mine")

    def close(self) -> None:
        """Make no more blocks. A node whose blocks were never stopped goes on by itself."""
        with self._lock:
            self._end_thread()

    def _stop(self) -> None:
        self._end_thread()
        self._upstream.call("evm_setIntervalMining", 0)

    def _end_thread(self) -> None:
        if self._stopped is not None and self._thread is not None:
            self._stopped.set()
            self._thread.join()
        self._stopped = self._thread = None

    def _start(self, first_s: float, rounds: int) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stopped, first_s, rounds), daemon=True)
        self._thread.start()

    def _run(self, stopped: threading.Event, first_s: float, rounds: int) -> None:
        if stopped.wait(first_s):
            return
        try:
            if rounds:
                self.rounds[self._upstream.head() + 1] = rounds
            self.mine()
            while not stopped.wait(self.period_s):
                self.mine()
        except (UpstreamDown, Refused):
            return  # the node ended; so do its blocks
