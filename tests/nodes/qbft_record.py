"""What a node was asked for, and which transactions it was given."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import rlp
from eth_account import Account
from eth_utils.crypto import keccak

from tests.nodes.qbft_rules import INVALID_PARAMS, Refused


@dataclass(frozen=True)
class RawTransaction:
    """A signed transaction as it came; `gas_price` is None where the type has none. `at` is time.time()."""

    hash: str
    raw: str
    sender: str
    nonce: int
    gas_price: int | None
    at: float = field(compare=False)

    @classmethod
    def decode(cls, raw: Any) -> RawTransaction:
        """Raises Refused when it is none."""
        try:
            body = bytes.fromhex(raw.removeprefix("0x"))
            # Types 1 and 2 have the chain before the nonce; only a legacy one and type 1 have one gas price.
            kind = 0 if body[0] >= 0xC0 else body[0]
            items = rlp.decode(body[1:] if kind else body)
            nonce, price = (items[1], items[2]) if kind else (items[0], items[1])
            sender = Account.recover_transaction(raw)
        except Exception as error:
            raise Refused(INVALID_PARAMS) from error
        return cls(
            "0x" + keccak(body).hex(),
            raw,
            sender,
            int.from_bytes(nonce, "big"),
            int.from_bytes(price, "big") if kind < 2 else None,
            time.time(),
        )


class Record:
    """Counts and transactions, kept from the start; safe to read while requests come."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        # What clients sent, whatever became of it; and what the node got, a held one when it got it.
        self.received: list[RawTransaction] = []
        self.forwarded: list[RawTransaction] = []
        self._lock = threading.Lock()

    def request(self, method: str) -> None:
        with self._lock:
            self.requests[method] += 1

    def receive(self, requests: Iterable[Any]) -> None:
        """Note the transactions among these requests; what is none is left to the node."""
        for request in requests:
            if isinstance(request, dict) and request.get("method") == "eth_sendRawTransaction":
                with suppress(Refused, AttributeError, IndexError, KeyError, TypeError):
                    transaction = RawTransaction.decode(request["params"][0])
                    with self._lock:
                        self.received.append(transaction)

    def forward(self, transaction: RawTransaction) -> None:
        with self._lock:
            self.forwarded.append(transaction)

    @property
    def sent_hashes(self) -> list[str]:
        """The hashes of the transactions the node got, in their order, each as often as it got it."""
        return [transaction.hash for transaction in list(self.forwarded)]

    def duplicates(self) -> dict[str, int]:
        """How often the node got each transaction that it got more than once."""
        return {digest: times for digest, times in Counter(self.sent_hashes).items() if times > 1}

    def conflicts(self) -> dict[tuple[str, int], list[str]]:
        """The nonces of a sender that different transactions were received for."""
        return _conflicts(list(self.received))

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": dict(self.requests),
            "received": [transaction.hash for transaction in list(self.received)],
            "sent": self.sent_hashes,
            "duplicates": self.duplicates(),
            "conflicts": [[*key, hashes] for key, hashes in self.conflicts().items()],
        }


def _conflicts(transactions: Iterable[RawTransaction]) -> dict[tuple[str, int], list[str]]:
    by_nonce: dict[tuple[str, int], dict[str, None]] = {}
    for transaction in transactions:
        by_nonce.setdefault((transaction.sender, transaction.nonce), {})[transaction.hash] = None
    return {key: list(hashes) for key, hashes in by_nonce.items() if len(hashes) > 1}
