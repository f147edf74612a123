"""The whole programme as a plain model: dicts and integers, written from the specification and not from the contracts.

It takes the same calls as the chain. Each returns what the contract returns (false or 0 when the same call was made
before and nothing changes) or raises Refused with the name of the contract's error.
"""

from __future__ import annotations

import pickle
import re
from functools import cache
from typing import Any

from tests.properties.calls import NOBODY, Call, Refused, Signature, refuse
from tests.properties.model_access import Access
from tests.properties.model_cash import Cash
from tests.properties.model_certificates import Certificates
from tests.properties.model_certification import Certifications
from tests.properties.model_mandates import Mandates
from tests.properties.model_participants import Participants
from tests.properties.model_points import Points
from tests.properties.model_proceeds import Distributor, Treasury
from tests.properties.model_reductions import Reductions
from tests.properties.model_settlement import Settlement
from tests.properties.model_trips import Anchors, Methodologies

ROOMS = {
    "AccessManager": "access",
    "MethodologyRegistry": "methodologies",
    "TripAnchors": "anchors",
    "CarbonPoints": "points",
    "Mandates": "mandates",
    "Participants": "participants",
    "ReductionCertification": "certifications",
    "CertifiedReductions": "reductions",
    "RetirementCertificates": "certificates",
    "SettlementCash": "cash",
    "ExchangeSettlement": "settlement",
    "ProgrammeTreasury": "treasury",
    "ProceedsDistributor": "distributor",
}


class Programme:
    """Everything that is recorded, as of `now`. `at` are the contracts' addresses."""

    def __init__(
        self, at: dict[str, str], holders: dict[str, set[str]], activation_s: int, delay_s: int, notice_s: int
    ) -> None:
        self.at = at
        self.now = 0
        self.access = Access(self, holders, delay_s)
        self.methodologies = Methodologies()
        self.anchors = Anchors(self)
        self.points = Points(self, activation_s)
        self.mandates = Mandates(self)
        self.participants = Participants(self)
        self.certifications = Certifications(self)
        self.reductions = Reductions(self)
        self.certificates = Certificates(self)
        self.cash = Cash(self)
        self.settlement = Settlement(self)
        self.treasury = Treasury(self, notice_s)
        self.distributor = Distributor(self)
        # What is known outside the chain: the accounts' shares of each batch, the rows under each root.
        self.shares: dict[bytes, dict[str, int]] = {}
        self.evidence: dict[bytes, Any] = {}

    def begin(self, now: int) -> None:
        """Let the clock move on to `now`."""
        self.now = now
        self.points.activate()

    def perform(self, call: Call) -> Any:
        """What the chain would answer to `call`; raises Refused, and then this model is spoilt: see `attempt`."""
        self.access.admit(call)
        return self.run(call)

    def run(self, call: Call) -> Any:
        """A call whose caller may make it."""
        self.access.enter(call)
        if call.function in ("pause", "unpause"):
            return getattr(self.access, call.function)(call.contract)
        room = getattr(self, ROOMS[call.contract])
        return getattr(room, _snake(call.function))(call.caller, *call.args)

    def is_signed(
        self, signer: str, contract: str, kind: str, fields: tuple[Any, ...], signature: Signature | bytes
    ) -> bool:
        """Whether `signer` signed exactly this; the treasury signs by recording its offers."""
        if signer == self.at["ProgrammeTreasury"]:
            return kind == "Order" and self.treasury.has_signed(fields)
        has_key = signer != NOBODY and signer not in self.at.values()
        return has_key and signature == Signature(signer, contract, kind, fields)

    def require_intent(
        self, signer: str, contract: str, kind: str, fields: tuple[Any, ...], signature: Signature
    ) -> None:
        """Refuse unless `signer` signed this and its deadline, the last field, has not passed."""
        refuse(self.now > fields[-1], "IntentsExpired")
        refuse(not self.is_signed(signer, contract, kind, fields, signature), "IntentsInvalidSignature")


def attempt(programme: Programme, call: Call) -> tuple[Programme, Any]:
    """The programme after a call, and what the call returned or the Refused it raised. A refusal changes nothing."""
    before = pickle.dumps(programme)
    try:
        return programme, programme.perform(call)
    except Refused as refusal:
        return pickle.loads(before), refusal  # noqa: S301 - written one line above


@cache
def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), name)
