"""An issuance after it was made: who has which of its serials, and stopping or undoing it when it was a mistake."""

from __future__ import annotations

from dataclasses import dataclass

from registry.chain.contracts.certified_reductions import IssuanceRecord, Place
from registry.chain.submitter import Sent
from registry.core.codes import code32
from registry.core.serial import SerialRange
from registry.errors import NotFoundError
from registry.services import serials
from registry.services.delayed import Delayed, act
from registry.services.ledger import Ledger
from registry.services.submission import Deed


@dataclass(frozen=True)
class Part:
    """Serials of an issuance in one place; `certificate` is 0 unless they are retired."""

    serials: SerialRange
    holder: str
    place: Place
    certificate: int


def get(ledger: Ledger, number: int) -> IssuanceRecord:
    """An issuance as the chain holds it; raises NotFoundError."""
    found = ledger.contracts.reductions.issuance(number)
    if found is None:
        raise NotFoundError(f"there is no issuance {number}", hint="puhui certify show")
    return found


def parts(ledger: Ledger, number: int) -> list[Part]:
    """Where every serial of an issuance is: all that a suspension or a cancellation affects."""
    whole = get(ledger, number).serials
    found = serials.look_up(ledger, f"{whole.first}-{whole.last}")
    return [Part(*part) for part in found.parts]


def suspend(ledger: Ledger, number: int, reason: str) -> Sent:
    """As the regulator: nothing of this issuance moves from now on."""
    get(ledger, number)
    deed = Deed(f"issuance {number}", str(number), {}, {"state": "SUSPENDED", "reason": reason})
    call = ledger.contracts.reductions.suspend(number, code32(reason, "the reason"))
    return ledger.submitter("regulator").send(call, deed)


def resume(ledger: Ledger, number: int) -> Delayed:
    """As the regulator, after its delay: a suspended issuance may move again."""
    get(ledger, number)
    return act(ledger, ledger.contracts.reductions.resume(number), f"issuance {number}")


def cancel(ledger: Ledger, number: int, reason: str) -> Delayed:
    """As the regulator, after its delay: a suspended issuance was a mistake. What is not retired is withdrawn next.

    The grams it was made of do not return to the pool.
    """
    get(ledger, number)
    call = ledger.contracts.reductions.cancel(number, code32(reason, "the reason"))
    return act(ledger, call, f"issuance {number}")


def withdraw(ledger: Ledger, number: int) -> list[Sent]:
    """Burn everything of a cancelled issuance that is not retired, holder by holder, some ranges at a time."""
    reductions = ledger.contracts.reductions
    sent = []
    for holder in dict.fromkeys(p.holder for p in parts(ledger, number) if p.place in (Place.HELD, Place.LISTED)):
        while reductions.balance(holder, number):
            deed = Deed(f"issuance {number}", f"{number}/{holder}", {}, {"withdrawn_from": holder})
            sent.append(ledger.submitter("platform").send(reductions.withdraw(number, holder), deed))
    return sent


def freeze(ledger: Ledger, number: int, account: str, tonnes: int, reason: str) -> Sent:
    """As the regulator: so many of an account's tonnes may not move; 0 sets them free."""
    get(ledger, number)
    call = ledger.contracts.reductions.freeze(account, number, tonnes, code32(reason, "the reason"))
    frozen = {"account": account, "frozen_tonnes": tonnes, "reason": reason}
    return ledger.submitter("regulator").send(call, Deed(f"issuance {number}", f"{number}/{account}", {}, frozen))


def force(ledger: Ledger, number: int, origin: str, to: str, tonnes: int, reason: str) -> Delayed:
    """As the regulator, after its delay: move tonnes without their holder, as a court may order."""
    get(ledger, number)
    call = ledger.contracts.reductions.forced_transfer(origin, to, number, tonnes, code32(reason, "the reason"))
    return act(ledger, call, f"issuance {number}: {tonnes} t from {origin} to {to}")
