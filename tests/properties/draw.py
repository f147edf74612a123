"""Drawing operations: chances, choices, and what the draws of all rooms have in common."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from tests.properties.calls import PEOPLE, TRADERS, Call, Signature, word
from tests.properties.model import Programme
from tests.properties.world import ACCOUNTS, INSIDER_ROLES

T = TypeVar("T")
REASONS: Final = tuple(word(f"reason {n}") for n in range(3))
OFFSET_YEARS: Final = (2025, 2026)


class Draw:
    """Chance and the model it looks at: a draw proposes what somebody in the model's situation would do."""

    def __init__(self, rng: random.Random, model: Programme) -> None:
        self.rng = rng
        self.model = model

    def chance(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent

    def one_of(self, choices: Sequence[T]) -> T:
        return self.rng.choice(choices)

    def likely(self, good: Iterable[T], others: Iterable[T] = ()) -> T | None:
        """Mostly one of `good`; now and then one of `others`; None if there is neither, or no good one and no luck."""
        fitting, rest = list(good), list(others)
        if fitting and (not rest or self.chance(88)):
            return self.one_of(fitting)
        return self.one_of(rest) if rest and (fitting or self.chance(25)) else None

    def amount(self, most: int) -> int:
        """From 1 to `most`: a little, anything, all of it; rarely one too many."""
        roll = self.rng.randrange(100)
        if roll < 3:
            return most + 1
        if roll < 25 or most < 2:
            return max(most, 1)
        return self.rng.randint(1, min(most, 3) if roll < 50 else most)

    def ref(self) -> bytes:
        return self.rng.randbytes(32)

    def office(self, role: str, first: str | None = None) -> str:
        """The holder of a role; sometimes the insider who holds it too, and rather so if it was the `first` to act."""
        percent = 50 if first == ACCOUNTS["insider"] else 12
        return ACCOUNTS["insider" if role in INSIDER_ROLES and self.chance(percent) else role]

    def anyone(self) -> str:
        return self.one_of(list(ACCOUNTS.values()))

    def person(self) -> str:
        return ACCOUNTS[self.one_of(PEOPLE)]

    def trader(self) -> str:
        return ACCOUNTS[self.one_of(TRADERS)]

    def reason(self) -> bytes:
        return self.one_of(REASONS)

    def deadline(self) -> int:
        """Mostly some time away, rarely past."""
        return self.model.now + (self.rng.randint(0, 5_000) if self.chance(95) else -1)

    def delayed(self, contract: str, function: str, *args: Any) -> Call:
        """The regulator's way to something that takes a delay: schedule it, then do it, directly or by execute."""
        scheduled = self.model.access.scheduled
        ready = [one for one in scheduled if one[1:3] == (contract, function) and scheduled[one] <= self.model.now]
        if ready and self.chance(85):
            call = self.one_of(ready)
            return Call(call.caller, "AccessManager", "execute", (call,)) if self.chance(35) else call
        call = Call(ACCOUNTS["regulator"], contract, function, args)
        return call if self.chance(10) else Call(call.caller, "AccessManager", "schedule", (call, 0))


Drawn = Callable[[Draw], Call | None]


def _signer(call: Call) -> str:
    first = call.args[0]
    return str(first if isinstance(first, str) else first[0])  # the first member of every signed struct is who signs


# function -> (contract, kind of message, where in the arguments its fields are)
_MESSAGES: Final[dict[str, tuple[str, str, Callable[[tuple[Any, ...]], tuple[Any, ...]]]]] = {
    "redeemFor": ("CarbonPoints", "Redemption", lambda args: args[:6]),
    "revokeFor": ("Mandates", "Revocation", lambda args: args[:3]),
    "retireFor": ("RetirementCertificates", "Retirement", lambda args: (*args[0], args[1])),
    "burnFor": ("SettlementCash", "Withdrawal", lambda args: args[:4]),
    "listFor": ("ExchangeSettlement", "Listing", lambda args: args[:5]),
    "unlistFor": ("ExchangeSettlement", "Unlisting", lambda args: args[:5]),
    "cancelOrderFor": ("ExchangeSettlement", "Cancellation", lambda args: args[:2]),
    "claimFor": ("ProceedsDistributor", "ProceedsClaim", lambda args: (args[0], args[1], args[4])),
}


def authorise(call: Call) -> Call:
    """The call with the signatures it needs, if any, each by the account that has to sign."""
    args = call.args
    if call.function == "giveFor":
        signatures = tuple(Signature(one[0], "Mandates", "Mandate", tuple(one)) for one in args[0])
        return call._replace(args=(args[0], signatures))
    if call.contract == "ExchangeSettlement" and call.function == "settle":
        sell, buy = (Signature(args[n].trader, "ExchangeSettlement", "Order", tuple(args[n])) for n in (1, 3))
        return call._replace(args=(args[0], args[1], sell, args[3], buy))
    if call.function not in _MESSAGES:
        return call
    contract, kind, fields = _MESSAGES[call.function]
    return call._replace(args=(*args[:-1], Signature(_signer(call), contract, kind, tuple(fields(args)))))


UNSIGNED: Final = b""
