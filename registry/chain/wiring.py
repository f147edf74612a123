"""Who may do what: the roles of a deployment, the functions each may call, the contracts that hold roles themselves.

Read by the deployment, and by every test that wires contracts: there is no other copy of these tables.
"""

from __future__ import annotations

from typing import Final

ADMIN_ROLE: Final = 0
ROLES: Final = {
    "platform": 1,
    "verifier": 2,
    "regulator": 3,
    "exchange": 4,
    "guardian": 5,
    "regulator_delayed": 6,
    "points": 7,
    "bank": 8,
    "certification": 9,
    "settlement": 10,
    "retirement": 11,
    "treasury": 12,
    "distributor": 13,
}
# the keys people hold; `regulator_delayed` is the regulator's key with a delay
HOLDERS: Final = ("platform", "verifier", "regulator", "exchange", "guardian", "bank")
COUNCIL: Final = ("platform", "verifier", "regulator", "exchange", "guardian")
# roles held by contracts of the ledger
CONTRACT_ROLES: Final[dict[str, tuple[str, ...]]] = {
    "points": ("CarbonPoints",),
    "certification": ("ReductionCertification",),
    "settlement": ("ExchangeSettlement",),
    "retirement": ("RetirementCertificates",),
    "treasury": ("ProgrammeTreasury", "ProceedsDistributor"),
    "distributor": ("ProgrammeTreasury",),
}
PAUSABLE: Final = (
    "CarbonPoints",
    "Mandates",
    "ReductionCertification",
    "CertifiedReductions",
    "RetirementCertificates",
    "SettlementCash",
    "ExchangeSettlement",
    "ProgrammeTreasury",
    "ProceedsDistributor",
)
# role -> contract -> guarded functions; what is not listed here stays with the council, behind its delay
PERMISSIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "platform": {
        "TripAnchors": ("anchor",),
        "CarbonPoints": ("publishEpoch",),
        "ReductionCertification": ("applyFor",),
        "ProgrammeTreasury": ("offer", "withdrawOffer"),
        "ProceedsDistributor": ("publishRun",),
    },
    "verifier": {
        "TripAnchors": ("attest", "reject"),
        "CarbonPoints": ("attestEpoch",),
        "ReductionCertification": ("verify", "refute"),
        "ProceedsDistributor": ("attestRun",),
    },
    "regulator": {
        "MethodologyRegistry": ("publish", "end"),
        "TripAnchors": ("registerSource", "updateSource"),
        "Participants": ("admit", "suspend"),
        "ReductionCertification": ("approve", "reject"),
        "CertifiedReductions": ("freeze", "suspend"),
        "RetirementCertificates": ("setOffsetLimit",),
        "ProgrammeTreasury": ("addRule",),
    },
    "exchange": {
        "Participants": ("register",),
        "SettlementCash": ("requestMint",),
        "ExchangeSettlement": ("settle",),
    },
    "bank": {"SettlementCash": ("confirmMint", "cancelMint"), "ProceedsDistributor": ("pay",)},
    "guardian": {
        "CarbonPoints": ("cancelEpoch",),
        "ProceedsDistributor": ("cancelRun",),
    },
    "regulator_delayed": {
        "TripAnchors": ("setQuorum",),
        "Participants": ("reinstate",),
        "CertifiedReductions": ("forcedTransfer", "resume", "cancel"),
    },
    "points": {"TripAnchors": ("issue", "release")},
    "certification": {"CertifiedReductions": ("issue",)},
    "settlement": {"CertifiedReductions": ("list", "unlist", "settle"), "SettlementCash": ("transferFrom",)},
    "retirement": {"CertifiedReductions": ("retire",)},
    "treasury": {"SettlementCash": ("transfer",)},
    "distributor": {"ProceedsDistributor": ("fund",)},
}


def assignments() -> list[tuple[str, str, tuple[str, ...]]]:
    """(role, contract, functions) of every guarded function, pausing included: a guardian stops, a delay restarts."""
    listed = [(role, name, functions) for role, by in PERMISSIONS.items() for name, functions in by.items()]
    listed += [("guardian", name, ("pause",)) for name in PAUSABLE]
    listed += [("regulator_delayed", name, ("unpause",)) for name in PAUSABLE]
    return listed
