"""The log of privileged acts as a chain of hashes: each covers its act and the hash before it.

    hash(n) = SHA-256(canonical JSON of the act | hash(n - 1)),  hash(0) = SHA-256("puhui/acts/v1" | genesis hash)

Canonical JSON: UTF-8, keys sorted, no white space. Who has the last hash can tell whether any act before it was
changed, left out or put elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from registry.errors import VerificationError

# The act of `puhui init`, whose transactions no operation carries out.
INITIALISED: Final = "ledger.init"
FIELDS: Final = ("sequence", "at", "actor", "role", "action", "subject", "before", "after", "initiator")


@dataclass(frozen=True)
class Act:
    """Who did what to what and when (epoch seconds), what it was before and after, and whose act it approves."""

    sequence: int
    at: int
    actor: str
    role: str
    action: str
    subject: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    initiator: str | None

    def hash(self, previous: bytes) -> bytes:
        """This act's hash after the act with hash `previous`."""
        body = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(body.encode() + previous).digest()


def call_digest(genesis: bytes, chain_id: int, sender: str, contract: str, data: str) -> str:
    """What identifies a call of a contract: SHA-256, hex. Addresses and calldata are 0x hex, of either case."""
    what = f"{genesis.hex()}/{chain_id}/{sender.lower()}/{contract.lower()}/{data.lower()}"
    return hashlib.sha256(what.encode()).hexdigest()


def origin(genesis: bytes) -> bytes:
    """The hash before the first act of the ledger on this chain."""
    return hashlib.sha256(b"puhui/acts/v1" + genesis).digest()


def verify(genesis: bytes, acts: Iterable[tuple[Act, bytes]]) -> bytes:
    """The last hash of a whole log given as (act, recorded hash).

    Raises VerificationError naming the first act that is not the one its hash was made of, is missing, or was approved
    by the one who initiated it.
    """
    previous = origin(genesis)
    for number, (act, recorded) in enumerate(acts, 1):
        if act.sequence != number:
            raise VerificationError(f"act {number} is missing from the log: the next one is {act.sequence}")
        expected = act.hash(previous)
        if expected != recorded:
            raise VerificationError(
                f"act {number} ({act.action}) was changed, or one before it",
                expected=recorded.hex(),
                actual=expected.hex(),
            )
        if act.initiator is not None and act.initiator.lower() == act.actor.lower():
            raise VerificationError(f"act {number} ({act.action}): {act.actor} approved an act of its own")
        previous = expected
    return previous
