"""Who may hold tonnes: registered by the exchange, admitted by the regulator, two different keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from registry.chain.contracts.participants import Kind, Participant, ParticipantStatus
from registry.chain.submitter import Sent
from registry.core.codes import code32, code_text
from registry.errors import ConflictError, InputError, NotFoundError
from registry.services.delayed import Delayed, act
from registry.services.ledger import Ledger
from registry.services.submission import Deed


@dataclass(frozen=True)
class Holding:
    """What a participant has of one issuance, in tonnes; `listed` and `frozen` are part of `balance`."""

    issuance: int
    balance: int
    listed: int
    frozen: int


def register(ledger: Ledger, account: str, entity: str, kind: Kind, identity_file: Path) -> Sent:
    """As the exchange: register an account of an entity. Only the SHA-256 of its identity file goes on the chain.

    Raises ConflictError when the account is registered as something else.
    """
    if kind not in (Kind.COMPLIANCE, Kind.VOLUNTARY):
        raise InputError(f"an account of kind {kind.name} cannot be registered", hint="COMPLIANCE or VOLUNTARY")
    try:
        identity = hashlib.sha256(identity_file.read_bytes()).digest()
    except OSError as error:
        raise InputError(f"{identity_file}: {error.strerror}") from error
    call = ledger.contracts.participants.register(account, code32(entity, "the entity's code"), kind, identity)
    what = Deed(account, account, {}, {"state": "PENDING", "entity": entity, "kind": kind.name})
    return ledger.submitter("exchange").send(call, what)


def admit(ledger: Ledger, account: str) -> Sent:
    """As the regulator: admit what the exchange registered."""
    found = get(ledger, account)
    if found.status is ParticipantStatus.SUSPENDED:
        raise ConflictError(f"{account} is suspended", hint="the regulator reinstates it after its delay")
    call = ledger.contracts.participants.admit(account, found.entity, found.kind, found.identity)
    what = Deed(account, account, {"state": found.status.name}, {"state": "ACTIVE"}, found.registrar)
    return ledger.submitter("regulator").send(call, what)


def suspend(ledger: Ledger, account: str, reason: str) -> Sent:
    """As the regulator: stop an account from holding more and from trading."""
    found = get(ledger, account)
    call = ledger.contracts.participants.suspend(account, code32(reason, "the reason"))
    what = Deed(account, account, {"state": found.status.name}, {"state": "SUSPENDED", "reason": reason})
    return ledger.submitter("regulator").send(call, what)


def reinstate(ledger: Ledger, account: str) -> Delayed:
    """As the regulator, after its delay: a suspended account is active again."""
    get(ledger, account)
    return act(ledger, ledger.contracts.participants.reinstate(account), account)


def get(ledger: Ledger, account: str) -> Participant:
    """The participant of an account; raises NotFoundError."""
    found = ledger.contracts.participants.find(account)
    if found is None:
        raise NotFoundError(f"{account} is no participant", hint="puhui participant register, then admit")
    return found


def every(ledger: Ledger) -> list[Participant]:
    """All participants, in the order in which they were registered."""
    contract = ledger.contracts.participants
    first, head = ledger.contracts.deployment.first_block, ledger.contracts.chain.head()
    accounts = dict.fromkeys(e["account"] for e in contract.history(("ParticipantRegistered",), first, head))
    return [found for account in accounts if (found := contract.find(account)) is not None]


def holdings(ledger: Ledger, account: str) -> list[Holding]:
    """What an account has of each issuance it was ever given any of."""
    reductions = ledger.contracts.reductions
    first, head = ledger.contracts.deployment.first_block, ledger.contracts.chain.head()
    issuances = sorted({move.issuance for move in reductions.moves(first, head) if move.holder_to == account})
    return [
        Holding(i, reductions.balance(account, i), reductions.listed(account, i), reductions.frozen(account, i))
        for i in issuances
    ]


def entity_of(participant: Participant) -> str:
    """The readable code of a participant's entity."""
    return code_text(participant.entity)
