"""The way to the node: a web3 provider that loses, delays and doubles requests, and loses replies."""

from __future__ import annotations

from collections import Counter
from json import JSONDecodeError
from random import Random
from typing import Any, Final, Protocol

from requests import HTTPError
from requests.exceptions import ReadTimeout
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from tests.sim.sim_node import SimNode, error

SEND: Final = "eth_sendRawTransaction"


class Wired(Protocol):
    """What the wire asks of the world it is in."""

    rng: Random
    node: SimNode
    counts: Counter[str]
    now: int
    lagging_until: int
    replica_at: int
    rates: dict[str, int]

    @property
    def faulty(self) -> bool:
        """Whether faults may happen now."""

    def hook(self, place: str) -> None:
        """Let the process that runs be killed, or stopped for a while, here."""

    def later(self, milliseconds: int, raw: str) -> None:
        """Deliver these bytes so much later."""

    def deliver(self, raw: str, view: int) -> dict[str, Any]:
        """Bytes arrive at the node."""

    def say(self, line: str) -> None:
        """Add to the trace."""


class SimProvider(JSONBaseProvider):
    """The node of a world, as its processes reach it."""

    def __init__(self, world: Wired) -> None:
        super().__init__()
        self._world = world

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request; raises what a broken connection raises."""
        return self._exchange([(method, params)])[0]

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse] | RPCResponse:
        """Several requests on one connection; a node may refuse them all with one answer."""
        if self._world.faulty and self._hits("batch refused"):
            return self._answered(error("batch limit exceeded", -32005))
        return self._exchange(requests)

    def _exchange(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        world, method = self._world, requests[0][0]
        world.hook(f"before {method}")
        if world.faulty:
            self._on_the_way_there(requests)
        answers = [self._answered(self._one(method, params)) for method, params in requests]
        world.hook(f"after {method}")
        if world.faulty and (self._hits("reply lost") or (method == SEND and self._hits("reply to bytes lost"))):
            raise ReadTimeout(f"no reply to {method}")
        if world.faulty and self._hits("reply garbled"):
            raise JSONDecodeError("a gateway's page instead of a reply", "<html>", 0)
        return answers

    def _hits(self, fault: str) -> bool:
        """Whether this fault happens now, by its rate in a thousand."""
        world = self._world
        if world.rng.randrange(1_000) >= world.rates.get(fault, 0):
            return False
        world.counts[fault] += 1
        world.say(f"  ! {fault}")
        return True

    def _on_the_way_there(self, requests: list[tuple[RPCEndpoint, Any]]) -> None:
        world = self._world
        if self._hits("request lost"):
            raise ConnectionError("the request was lost")
        if self._hits("HTTP error"):
            raise HTTPError("503 Service Unavailable")
        raws = [params[0] for method, params in requests if method == SEND]
        if not raws:
            return
        if self._hits("delivered late"):
            for raw in raws:
                world.later(world.rng.choice((300, 2_000, 8_000, 30_000)), raw)
            raise ReadTimeout("no reply: the bytes wait somewhere")
        if len(raws) > 1 and self._hits("batch cut off"):
            for raw in raws[: world.rng.randrange(1, len(raws))]:
                world.deliver(raw, world.node.head)
            raise ConnectionError("reset while sending")
        if self._hits("delivered twice"):
            for raw in raws:
                world.later(world.rng.choice((100, 1_500, 6_000, 30_000)), raw)

    def _one(self, method: str, params: Any) -> dict[str, Any]:
        world = self._world
        view = world.node.head
        if world.faulty and world.lagging_until > world.now and world.rng.random() < 0.5:
            view = world.replica_at
            world.counts["asked a replica that lags"] += 1
            world.say(f"  ! {method} answered as of block {view}")
        if world.faulty and self._hits("answered with an error"):
            return error("server busy", -32005)
        return world.deliver(params[0], view) if method == SEND else world.node.answer(method, params, view)

    @staticmethod
    def _answered(body: dict[str, Any]) -> RPCResponse:
        return {"jsonrpc": "2.0", "id": 1, **body}  # type: ignore[typeddict-item]
