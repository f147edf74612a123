"""A JSON-RPC proxy that makes anvil, or any node, look and fail like a node of a Besu QBFT network with free gas.

    with QbftProxy(anvil_url, faults=Faults(seed=7)) as proxy:
        proxy.faults.arm(Fault.DROP_REPLY)          # the next transaction is forwarded, its answer is not
        proxy.faults.set(Fault.BAD_GATEWAY, 0.05)   # from now on one exchange in twenty meets a gateway
        chain = connect_url(proxy.url)

As a process of its own it prints its URL as a line of JSON and serves until it is ended:

    python -m tests.nodes.qbft_proxy --upstream URL --port 0 --json-faults '{"rates": {"drop_reply": 0.1}}'

A process is told what to do by requests that no fault comes to: proxy_faults [settings], proxy_arm [fault, times,
method, ...], proxy_clear, proxy_release, proxy_stall, proxy_resume [period_s], proxy_roundChange [rounds, round_s],
proxy_restart [down_s], proxy_record.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from tests.nodes.qbft_faults import DELAYING, EXCHANGE, NOT_FORWARDED, Fault, Faults
from tests.nodes.qbft_http import HOST, Cut, Listener, Reply
from tests.nodes.qbft_node import Node, broken
from tests.nodes.qbft_record import RawTransaction, Record
from tests.nodes.qbft_rules import (
    BATCH_SIZE,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Limits,
    Refused,
)
from tests.nodes.qbft_upstream import Blocks, Upstream, UpstreamDown

PAGE: Final = b"<html><head><title>%d</title></head><body><h1>%d</h1><hr>nginx</body></html>\n"
# A process that is told to restart says yes before it goes down.
GRACE_S: Final = 0.05


class QbftProxy:
    """A node at `url`; a context manager. Blocks that were stopped stay stopped when it ends."""

    def __init__(
        self,
        upstream_url: str,
        limits: Limits | None = None,
        faults: Faults | None = None,
        *,
        port: int = 0,
        period_s: float = 0.2,
        blocks: Blocks | None = None,
    ) -> None:
        """`period_s`: between two blocks once they were stopped and come again; `blocks`: those of another proxy."""
        self.faults = faults or Faults()
        self.limits = limits or Limits()
        upstream = Upstream(upstream_url)
        self.blocks = blocks or Blocks(upstream, period_s)
        self._owns_blocks = blocks is None
        self.node = Node(upstream, self.blocks, self.limits, self.faults)
        self._listener = Listener(self._exchange, port)
        self.url = f"http://{HOST}:{self._listener.port}"

    def __enter__(self) -> QbftProxy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; also again after `go_down`, at the same port."""
        self._listener.up()

    def stop(self) -> None:
        """End for good: connections, held transactions and the blocks made here."""
        self._listener.close()
        self.node.close()
        if self._owns_blocks:
            self.blocks.close()

    def go_down(self) -> None:
        """Refuse connections, and end those there are, until `start`. Held transactions are forgotten."""
        self._listener.down()
        self.node.close()

    def restart(self, down_s: float) -> None:
        """Go down, and come up again at the same port after this time; returns when it is up."""
        self.go_down()
        time.sleep(down_s)
        self.start()

    def stall(self) -> None:
        """The network makes no more blocks: more than one validator of four is away. Readers are answered."""
        self.blocks.stall()

    def resume(self, period_s: float | None = None) -> None:
        """Blocks again."""
        self.blocks.resume(period_s)

    def round_change(self, rounds: int, round_s: float = 1.0) -> None:
        """The next block is late by round_s * 2**rounds seconds."""
        self.blocks.round_change(rounds, round_s)

    def release_held(self) -> None:
        """Forward every held transaction now."""
        self.node.release_held()

    def head(self) -> int:
        """The newest block this node shows."""
        return self.node.head()

    @property
    def record(self) -> Record:
        """Everything it was asked for."""
        return self.node.record

    @property
    def received(self) -> list[RawTransaction]:
        """Every transaction clients sent, forwarded or not."""
        return list(self.record.received)

    @property
    def forwarded(self) -> list[RawTransaction]:
        """Every transaction the node behind was given, as often as it was."""
        return list(self.record.forwarded)

    @property
    def sent_hashes(self) -> list[str]:
        """The hashes of `forwarded`."""
        return self.record.sent_hashes

    def duplicates(self) -> dict[str, int]:
        """How often the node behind was given each transaction it was given more than once."""
        return self.record.duplicates()

    def conflicts(self) -> dict[tuple[str, int], list[str]]:
        """(sender, nonce) -> hashes, where different transactions were received for one nonce."""
        return self.record.conflicts()

    def _exchange(self, body: bytes) -> Reply:
        try:
            asked = json.loads(body)
        except ValueError:
            return _reply({"jsonrpc": "2.0", "id": None, "error": PARSE_ERROR.to_json()}, 400)
        if not isinstance(asked, dict | list):
            return _reply({"jsonrpc": "2.0", "id": None, "error": INVALID_REQUEST.to_json()}, 400)
        requests = asked if isinstance(asked, list) else [asked]
        methods = {str(request.get("method")) for request in requests if isinstance(request, dict)}
        if not isinstance(asked, list) and any(method.startswith("proxy_") for method in methods):
            return _reply(self._control(asked))
        self.record.receive(requests)
        if self.faults.draw(DELAYING, methods) is not None:
            changes = self._listener.changes
            time.sleep(self.faults.delay_s)
            if self._listener.changes != changes:
                return Reply(cut=Cut.CLOSED)  # the node that got the request is gone
        fault = self.faults.draw(EXCHANGE, methods)
        if fault in NOT_FORWARDED:
            return _faulty(fault, b"")
        if isinstance(asked, list) and len(asked) > self.limits.batch:
            return _reply({"jsonrpc": "2.0", "id": None, "error": BATCH_SIZE.to_json()})
        try:
            answers = [self._answer(request) for request in requests]
        except UpstreamDown:
            return _faulty(Fault.BAD_GATEWAY, b"")
        reply = _reply(answers if isinstance(asked, list) else answers[0])
        return reply if fault is None else _faulty(fault, reply.body)

    def _answer(self, request: Any) -> dict[str, Any]:
        try:
            return self.node.answer(request)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return broken(request)

    def _control(self, request: Mapping[str, Any]) -> dict[str, Any]:
        orders: dict[str, Callable[..., Any]] = {
            "proxy_faults": self.faults.configure,
            "proxy_arm": lambda fault, *rest: self.faults.arm(Fault(fault), *rest),
            "proxy_clear": self.faults.clear,
            "proxy_release": self.release_held,
            "proxy_stall": self.stall,
            "proxy_resume": self.resume,
            "proxy_roundChange": self.round_change,
            "proxy_restart": lambda down_s: threading.Timer(GRACE_S, self.restart, [down_s]).start(),
            "proxy_record": self._record_json,
        }
        answer = {"jsonrpc": "2.0", "id": request.get("id")}
        order = orders.get(request["method"])
        if order is None:
            return {**answer, "error": METHOD_NOT_FOUND.to_json()}
        try:
            return {**answer, "result": order(*request.get("params", []))}
        except (Refused, TypeError, UpstreamDown, ValueError) as error:
            return {**answer, "error": {**INVALID_PARAMS.to_json(), "data": str(error)}}

    def _record_json(self) -> dict[str, Any]:
        return {**self.record.to_json(), "injected": [list(entry) for entry in self.faults.injected]}


def _reply(answer: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(answer).encode())


def _faulty(fault: Fault | None, answered: bytes) -> Reply:
    match fault:
        case Fault.RESET:
            return Reply(cut=Cut.RESET)
        case Fault.TRUNCATED:
            return Reply(200, answered[: len(answered) // 2])
        case Fault.HTML:
            return Reply(200, PAGE % (200, 200), "text/html")
        case Fault.BAD_GATEWAY | Fault.UNAVAILABLE | Fault.GATEWAY_TIMEOUT:
            status = {Fault.BAD_GATEWAY: 502, Fault.UNAVAILABLE: 503, Fault.GATEWAY_TIMEOUT: 504}[fault]
            return Reply(status, PAGE % (status, status), "text/html")
    return Reply(cut=Cut.CLOSED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="qbft_proxy", description="a Besu QBFT node made of another node")
    parser.add_argument("--upstream", required=True, help="JSON-RPC URL of the node behind")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json-faults", type=json.loads, default={}, metavar="JSON", help="as Faults.configure takes")
    parser.add_argument("--period", type=float, default=0.2, help="seconds between blocks once they were stopped")
    given = parser.parse_args(arguments)
    faults = Faults(given.seed)
    try:
        faults.configure(given.json_faults)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with QbftProxy(given.upstream, faults=faults, port=given.port, period_s=given.period) as proxy:
        sys.stdout.write(json.dumps({"url": proxy.url}) + "\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
