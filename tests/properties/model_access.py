"""The model's gate: roles, the regulator's delay, pauses. Written from the wiring table and the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.chain.wiring import PAUSABLE, assignments
from tests.properties.calls import Call, refuse

if TYPE_CHECKING:
    from tests.properties.model import Programme

GUARDED: Final = {(contract, name): role for role, contract, names in assignments() for name in names}
# Acts of judgement, which nobody does through the AccessManager.
IN_PERSON: Final = {
    *(("TripAnchors", name) for name in ("anchor", "attest", "reject")),
    *(("CarbonPoints", name) for name in ("publishEpoch", "attestEpoch")),
    *(("Participants", name) for name in ("register", "admit")),
    *(("ReductionCertification", name) for name in ("applyFor", "verify", "approve")),
    *(("SettlementCash", name) for name in ("requestMint", "confirmMint")),
    *(("ProceedsDistributor", name) for name in ("publishRun", "attestRun", "pay")),
}
# What a pause leaves possible: undoing, stopping, looking after oneself. The verbs of the token standards answer for
# themselves, where they say anything but no.
ALWAYS: Final = {
    *("expire", "revoke", "revokeFor", "reject", "refute", "suspend", "freeze", "withdraw", "pause", "unpause"),
    *("cancel", "cancelEpoch", "cancelRun", "cancelMint", "cancelOrder", "cancelOrderFor"),
    *("setApprovalForAll", "transferFrom", "safeTransferFrom", "safeBatchTransferFrom"),
}
EXPIRY_S: Final = 7 * 86400


class Access:
    """Who may call what at once, after a delay, or never; and what waits for its delay."""

    def __init__(self, ledger: Programme, holders: dict[str, set[str]], delay_s: int) -> None:
        self.ledger = ledger
        self.holders = holders
        self.delay_s = delay_s
        self.scheduled: dict[Call, int] = {}
        self.paused: set[str] = set()

    def delay(self, call: Call) -> int | None:
        """The seconds the caller has to wait, or None if it may never make this call."""
        role = GUARDED.get((call.contract, call.function))
        if role is None or call.caller not in self.holders[role]:
            return None
        return self.delay_s if role == "regulator_delayed" else 0

    def admit(self, call: Call) -> None:
        """Let a direct call pass; a delayed one uses up its schedule."""
        if (call.contract, call.function) not in GUARDED:
            return
        delay = self.delay(call)
        refuse(delay is None, "AccessManagedUnauthorized")
        if delay:
            self._consume(call)

    def require_running(self, contract: str) -> None:
        """Refuse if `contract` is paused."""
        refuse(contract in self.paused, "EnforcedPause")

    def enter(self, call: Call) -> None:
        """What stands before the body of every function once its caller was admitted."""
        through_manager = call.caller == self.ledger.at["AccessManager"]
        refuse(through_manager and (call.contract, call.function) in IN_PERSON, "InPersonRequired")
        token_verb = call.function == "approve" and call.contract in ("SettlementCash", "RetirementCertificates")
        if call.contract in PAUSABLE and call.function not in ALWAYS and not token_verb:
            self.require_running(call.contract)

    def pause(self, contract: str) -> bool:
        if contract in self.paused:
            return False
        self.paused.add(contract)
        return True

    def unpause(self, contract: str) -> bool:
        if contract not in self.paused:
            return False
        self.paused.remove(contract)
        return True

    # --- AccessManager's own functions

    def schedule(self, caller: str, call: Call, when: int) -> None:
        call = call._replace(caller=caller)
        earliest = self.ledger.now + (self.delay(call) or 0)
        refuse(not self.delay(call) or 0 < when < earliest, "AccessManagerUnauthorizedCall")
        waiting = self.scheduled.get(call)
        refuse(waiting is not None and not self._is_expired(waiting), "AccessManagerAlreadyScheduled")
        self.scheduled[call] = max(when, earliest)

    def execute(self, caller: str, call: Call) -> None:
        call = call._replace(caller=caller)
        delay = self.delay(call)
        refuse(delay is None, "AccessManagerUnauthorizedCall")
        waiting = self.scheduled.get(call)
        if delay or (waiting is not None and not self._is_expired(waiting)):
            self._consume(call)
        self.ledger.run(call._replace(caller=self.ledger.at["AccessManager"]))

    def cancel(self, caller: str, call: Call) -> None:
        refuse(call not in self.scheduled, "AccessManagerNotScheduled")
        stops = caller == call.caller or caller in self.holders["guardian"]
        refuse(not stops, "AccessManagerUnauthorizedCancel")
        del self.scheduled[call]

    def _consume(self, call: Call) -> None:
        ready = self.scheduled.get(call)
        refuse(ready is None, "AccessManagerNotScheduled")
        refuse(ready is not None and ready > self.ledger.now, "AccessManagerNotReady")
        refuse(ready is not None and self._is_expired(ready), "AccessManagerExpired")
        del self.scheduled[call]

    def _is_expired(self, ready: int) -> bool:
        return ready + EXPIRY_S <= self.ledger.now
