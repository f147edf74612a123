"""Which faults come when: armed for the next requests, or drawn with a chance from one seeded generator."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Any, Final


class Fault(StrEnum):
    """What can happen to a request. Whether the request reached the node stands behind each."""

    DELAY = "delay"  # yes, after `delay_s` seconds
    DROP_REQUEST = "drop_request"  # no; the connection is closed without an answer
    DROP_REPLY = "drop_reply"  # YES; the connection is closed without an answer
    RESET = "reset"  # yes; the connection is reset
    BAD_GATEWAY = "bad_gateway"  # no; HTTP 502
    UNAVAILABLE = "unavailable"  # no; HTTP 503
    GATEWAY_TIMEOUT = "gateway_timeout"  # YES; HTTP 504
    TRUNCATED = "truncated"  # yes; HTTP 200 with the first half of the JSON
    HTML = "html"  # no; HTTP 200 with a page
    # What happens to a transaction the sender was told is accepted:
    DUPLICATE = "duplicate"  # twice
    HOLD = "hold"  # yes, after `hold_s` seconds
    EVICT = "evict"  # no: the pool forgot it


DELAYING: Final = (Fault.DELAY,)
EXCHANGE: Final = (
    Fault.DROP_REQUEST,
    Fault.DROP_REPLY,
    Fault.RESET,
    Fault.BAD_GATEWAY,
    Fault.UNAVAILABLE,
    Fault.GATEWAY_TIMEOUT,
    Fault.TRUNCATED,
    Fault.HTML,
)
TRANSACTION: Final = (Fault.DUPLICATE, Fault.HOLD, Fault.EVICT)
NOT_FORWARDED: Final = frozenset({Fault.DROP_REQUEST, Fault.BAD_GATEWAY, Fault.UNAVAILABLE, Fault.HTML})

SEND: Final = "eth_sendRawTransaction"
# The faults that are of transactions unless other methods are named.
_OF_SENDS: Final = frozenset({Fault.DROP_REQUEST, Fault.DROP_REPLY, *TRANSACTION})


class Faults:
    """The faults of one node. Everything can be changed while it runs; nothing happens until something is.

    Equal seeds, equal rates and equal requests in equal order give equal faults.
    """

    def __init__(self, seed: int = 0, rates: Mapping[Fault, float] | None = None) -> None:
        self.seed = seed
        self.delay_s = 0.1
        self.hold_s = 1.0
        # A node that lags: so many blocks behind the chain, or at this block for good.
        self.stale_blocks = 0
        self.frozen_head: int | None = None
        self.injected: list[tuple[Fault, str]] = []
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._rates: dict[Fault, tuple[float, frozenset[str]]] = {}
        self._armed: dict[Fault, tuple[int, frozenset[str]]] = {}
        for fault, rate in (rates or {}).items():
            self.set(fault, rate)

    def set(self, fault: Fault, rate: float, *methods: str) -> None:
        """From now on the fault comes with this chance (0 switches it off), to requests of these methods."""
        with self._lock:
            self._rates[fault] = (rate, _methods(fault, methods))

    def arm(self, fault: Fault, times: int = 1, *methods: str) -> None:
        """The fault comes to the next `times` requests of these methods, whatever the chances."""
        with self._lock:
            self._armed[fault] = (times, _methods(fault, methods))

    def clear(self) -> None:
        """No faults from now on, and a node that is up to date."""
        with self._lock:
            self._rates.clear()
            self._armed.clear()
            self.stale_blocks = 0
            self.frozen_head = None

    def draw(self, among: Sequence[Fault], methods: Iterable[str]) -> Fault | None:
        """The fault that comes to a request of these methods, at most one; asked for once a request."""
        wanted = frozenset(methods)
        with self._lock:
            # Every chance is drawn, whatever comes of it, so that one fault does not shift the next ones.
            drawn = [fault for fault in among if self._is_drawn(fault, wanted)]
            armed = [fault for fault in among if self._is_armed(fault, wanted)]
            fault = next(iter([*armed, *drawn]), None)
            if fault is None:
                return None
            if armed:
                times, only = self._armed[fault]
                self._armed[fault] = (times - 1, only)
            self.injected.append((fault, ",".join(sorted(wanted))))
            return fault

    @property
    def lagging(self) -> bool:
        """Whether the node shows less than the chain has."""
        return self.stale_blocks > 0 or self.frozen_head is not None

    def configure(self, body: Mapping[str, Any]) -> None:
        """Set from JSON: {"delay_s", "hold_s", "stale_blocks", "frozen_head", "rates": {fault: rate}}."""
        known = {"delay_s", "hold_s", "stale_blocks", "frozen_head", "rates"}
        if unknown := sorted(set(body) - known):
            raise ValueError(f"unknown fault settings: {', '.join(unknown)}")
        for name in known - {"rates"}:
            if name in body:
                setattr(self, name, body[name])
        for fault, rate in body.get("rates", {}).items():
            self.set(Fault(fault), rate)

    def _is_armed(self, fault: Fault, methods: frozenset[str]) -> bool:
        times, only = self._armed.get(fault, (0, frozenset()))
        return times > 0 and _applies(only, methods)

    def _is_drawn(self, fault: Fault, methods: frozenset[str]) -> bool:
        rate, only = self._rates.get(fault, (0.0, frozenset()))
        return rate > 0 and _applies(only, methods) and self._random.random() < rate


def _methods(fault: Fault, named: tuple[str, ...]) -> frozenset[str]:
    return frozenset(named) if named or fault not in _OF_SENDS else frozenset({SEND})


def _applies(only: frozenset[str], methods: frozenset[str]) -> bool:
    return not only or bool(only & methods)
