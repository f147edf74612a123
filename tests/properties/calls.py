"""The words that the model and the EVM share: a call, a signature that is not made yet, a refusal, who there is."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

ZERO32 = bytes(32)
NOBODY = "0x" + "00" * 20

# The keys of the people and firms of every run. An insider holds every role a person can hold without a delay: what
# still stops it is that judging takes another account than asking.
OFFICES = ("platform", "verifier", "regulator", "exchange", "guardian", "bank")
PEOPLE = ("an", "bo", "chen", "ding")
TRADERS = ("power", "steel", "steel_trading", "bookshop")
ACTORS = (*OFFICES, "insider", *PEOPLE, *TRADERS, "operator", "stranger")


class Refused(Exception):
    """The programme says no, by the name of the contract's error."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Call(NamedTuple):
    """One call of one contract. `args` are as the ABI has them, but may hold calls and signatures to be encoded."""

    caller: str
    contract: str
    function: str
    args: tuple[Any, ...] = ()


class Signature(NamedTuple):
    """What `signer` put its name to: the EIP-712 message of `kind` with `fields`, for `contract`."""

    signer: str
    contract: str
    kind: str
    fields: tuple[Any, ...]


class Order(NamedTuple):
    """An order of ExchangeSettlement; side 0 sells, 1 buys."""

    trader: str
    side: int
    issuance: int
    tonnes: int
    limit_fen: int
    salt: bytes
    expiry: int


class Batch(NamedTuple):
    """A batch of TripAnchors."""

    source: bytes
    service_date: int
    sequence: int
    methodology: int
    trip_count: int
    reduction_mg: int
    trip_root: bytes
    leaves_digest: bytes
    input_digest: bytes
    previous: bytes


class Request(NamedTuple):
    """A request of RetirementCertificates; purpose 0 is compliance."""

    holder: str
    issuance: int
    tonnes: int
    purpose: int
    year: int
    beneficiary: bytes
    ref: bytes


class Rule(NamedTuple):
    """A rule of ProgrammeTreasury."""

    effective_from: int
    fee_bps: int
    floor_fen: int
    fee_account: str


def refuse(refused: bool, error: str) -> None:
    """Raise Refused(error) if `refused`."""
    if refused:
        raise Refused(error)


def word(text: str) -> bytes:
    """32 bytes that stand for `text`."""
    return hashlib.sha256(text.encode()).digest()
