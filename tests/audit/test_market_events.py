"""Events that a node made up: each is found by the check that recomputes what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.audit.ledger import audit_ledger
from registry.chain.contracts.base import DeployedContract
from registry.chain.deployment import Contracts
from registry.chain.logs import Event
from tests.audit.forging import wrong

Change = Callable[[list[Event]], list[Event]]


def forge_events(patch: pytest.MonkeyPatch, contract: DeployedContract, change: Change) -> None:
    """Let a contract tell its history otherwise."""
    genuine = contract.history

    def history(names: Any, first: int, last: int, **filters: Any) -> list[Event]:
        return change(genuine(names, first, last, **filters))

    patch.setattr(contract, "history", history)


def alter(name: str, nth: int = 0, **changed: Any) -> Change:
    """Change arguments of the nth event of a name: to a value, or by a function of the old one."""

    def change(events: list[Event]) -> list[Event]:
        mine = [event for event in events if event.name == name]
        if nth >= len(mine):
            return events
        old = mine[nth].arguments
        new = {key: value(old[key]) if callable(value) else value for key, value in changed.items()}
        assert set(new) <= set(old)
        forged = replace(mine[nth], arguments={**old, **new})
        return [forged if event is mine[nth] else event for event in events]

    return change


def drop(name: str, nth: int = 0) -> Change:
    """Keep the nth event of a name from the auditor."""

    def change(events: list[Event]) -> list[Event]:
        mine = [event for event in events if event.name == name]
        return [event for event in events if nth >= len(mine) or event is not mine[nth]]

    return change


def repeat(name: str, nth: int = 0, **changed: Any) -> Change:
    """Tell the nth event of a name again at the end, changed or not."""

    def change(events: list[Event]) -> list[Event]:
        mine = [event for event in events if event.name == name]
        return events + [
            replace(event, arguments={**event.arguments, **changed}) for event in mine[nth : nth + 1]
        ]

    return change


def copied(name: str, target: str, source: str, nth: int = 0) -> Change:
    """Set one argument of an event to what another argument of an earlier event of the contract was."""

    def change(events: list[Event]) -> list[Event]:
        found = [event.arguments[source] for event in events if source in event.arguments]
        return alter(name, nth, **{target: found[0]})(events) if found else events

    return change


def plus(number: int) -> Callable[[int], int]:
    return lambda value: value + number


OTHER = bytes([9]) * 32
SOMEONE = "0x" + "7" * 40
MG = plus(1)

FORGERIES: dict[str, tuple[str, Change, set[str], str]] = {
    "a mandate nobody gave": ("mandates", drop("MandateGiven", 5), set(), ""),
    "a revocation kept secret": ("mandates", drop("MandateRevoked"), set(), ""),
    "a redemption of more": ("points", alter("PointsRedeemed", mg=MG), set(), ""),
    "a redemption for another channel": ("points", alter("PointsRedeemed", channel=0), set(), ""),
    "an epoch attested later": ("points", alter("EpochAttested", number=7), set(), ""),
    "an application from another start": ("certification", alter("CertificationApplied", 2, fromMg=MG), set(), ""),
    "an application under another number": ("certification", alter("CertificationApplied", 2, number=4), set(), ""),
    "an application beyond the pool": ("certification", alter("CertificationApplied", 2, tonnes=5), set(), ""),
    "an application for another dossier": ("certification", alter("CertificationApplied", dossier=OTHER), set(), ""),
    "another class": ("certification", alter("CertificationApplied", 1, classId=66_000), set(), ""),
    "a rejection kept secret": ("certification", drop("CertificationRejected"), set(), ""),
    "a verification kept secret": ("certification", drop("CertificationVerified"), set(), ""),
    "another dossier verified": ("certification", alter("CertificationVerified", dossier=OTHER), set(), ""),
    "the applicant verifies": ("certification", copied("CertificationVerified", "verifier", "applicant"), set(), ""),
    "the verifier approves": ("certification", copied("CertificationApproved", "regulator", "verifier"), set(), ""),
    "the applicant approves": ("certification", copied("CertificationApproved", "regulator", "applicant"), set(), ""),
    "an approval kept secret": ("certification", drop("CertificationApproved"), set(), ""),
    "approved twice": ("certification", repeat("CertificationApproved"), set(), ""),
    "applied twice": ("certification", repeat("CertificationApplied"), set(), ""),
    "rejected after approval": ("certification", alter("CertificationRejected", number=3), set(), ""),
    "an issuance of more": ("reductions", alter("ReductionsIssued", tonnes=MG), set(), ""),
    "an issuance to somebody": ("reductions", alter("ReductionsIssued", to=SOMEONE), set(), ""),
    "an issuance twice": ("reductions", repeat("ReductionsIssued"), set(), ""),
    "an issuance nobody approved": ("reductions", repeat("ReductionsIssued", issuance=9, firstSerial=6), set(), ""),
    "an issuance kept secret": ("reductions", drop("ReductionsIssued", 1), set(), ""),
    "a serial more": ("reductions", alter("SerialsMoved", 1, last=MG), set(), ""),
    "serials to somebody": ("reductions", alter("SerialsMoved", 5, to=SOMEONE), set(), ""),
    "a step that is none": ("reductions", alter("SerialsMoved", 1, toPlace=4), set(), ""),
    "a move kept secret": ("reductions", drop("SerialsMoved", 2), set(), ""),
    "a retirement kept secret": ("reductions", drop("SerialsMoved", 9), set(), ""),
    "a retired serial back": ("reductions", repeat("SerialsMoved", 0, fromPlace=3, toPlace=1, first=1, last=1), set(), ""),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_made_up_event_is_found(
    market_contracts: Contracts, market_made: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, change, failing, said = FORGERIES[name]
    forge_events(monkeypatch, getattr(market_contracts, contract), change)
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == failing
    assert said in "\n".join(found.values())
