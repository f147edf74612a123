"""Certification: whole tonnes of the pool, applied for, recomputed by the verifier, approved by the regulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from registry.audit.pool import Entry, certify, pool_entries
from registry.chain.contracts.carbon_points import EpochEvent
from registry.chain.contracts.reduction_certification import CertificationRecord
from registry.chain.submitter import Sent
from registry.core.codes import code32, code_text
from registry.errors import ConflictError, InputError, NotFoundError, VerificationError
from registry.evidence.certification import (
    CertificationEvidence,
    certification_name,
    certifications_folder,
    write_certification,
)
from registry.services.epochs import entitlements_of
from registry.services.ledger import Ledger
from registry.services.submission import Deed
from registry.units import whole_tonnes

MAX_TONNES = 2**24  # of one issuance


@dataclass(frozen=True)
class CertificationStep:
    """What was done to a certification."""

    record: CertificationRecord
    sent: Sent

    def to_json(self) -> dict[str, Any]:
        """The step as `--json` prints it."""
        return {
            **certification_json(self.record),
            "changed": self.sent.changed,
            "transaction": self.sent.transaction,
            "gas": self.sent.gas,
        }


def apply_for(ledger: Ledger, class_id: int, tonnes: int | None = None) -> CertificationStep:
    """As the platform: apply for whole tonnes of a class's pool, all there are by default; the remainder stays.

    The dossier, which says whose mg these are, is written into evidence first; its digest goes on the chain. Raises
    ConflictError when the pool has fewer tonnes, or one of the class's certifications is open.
    """
    certification = ledger.contracts.certification
    opened = certification.open_of(class_id)
    if opened:
        raise ConflictError(
            f"certification {opened} of class {class_id} is open", hint="have it approved or rejected first"
        )
    available = min(whole_tonnes(certification.pool_mg(class_id))[0], MAX_TONNES)
    wanted = available if tonnes is None else tonnes
    if tonnes is not None and tonnes <= 0:
        raise InputError(f"{tonnes} t is no amount", hint="whole tonnes above zero")
    if wanted > available or not wanted:
        held = certification.pool_mg(class_id)
        raise ConflictError(
            f"the pool of class {class_id} has {held:,} mg, that is {available} whole tonnes",
            hint="points are converted by `puhui points convert`, or by epochs under mandates",
        )
    number, from_mg = certification.count() + 1, certification.certified_mg(class_id)
    made, contributions = certify(number, class_id, wanted, from_mg, _entries(ledger, class_id))
    dossier = write_certification(ledger.home.evidence, made, contributions).dossier
    what = Deed(f"certification {number}", "", {}, {"state": "APPLIED", "tonnes": wanted, "class": class_id})
    sent = ledger.submitter("platform").send(certification.apply_for(number, class_id, wanted, dossier), what)
    return CertificationStep(get(ledger, number), sent)


def verify(ledger: Ledger, number: int) -> CertificationStep:
    """As the verifier: recompute the dossier from the chain and the entitlements, and sign its digest.

    Raises VerificationError, and signs nothing, at the first difference.
    """
    record = get(ledger, number)
    check_dossier(ledger, record)
    what = _decided(record, "VERIFIED", record.applicant)
    sent = ledger.submitter("verifier").send(ledger.contracts.certification.verify(number, record.dossier), what)
    return CertificationStep(get(ledger, number), sent)


def approve(ledger: Ledger, number: int) -> CertificationStep:
    """As the regulator: approve what the verifier signed; the tonnes are issued to the programme's treasury."""
    record = get(ledger, number)
    dossier_of(ledger, record).check_files()
    what = _decided(record, "APPROVED", record.applicant)
    sent = ledger.submitter("regulator").send(ledger.contracts.certification.approve(number, record.dossier), what)
    return CertificationStep(get(ledger, number), sent)


def reject(ledger: Ledger, number: int, reason: str, role: str = "regulator") -> CertificationStep:
    """As the regulator, or before verification as the verifier: reject; every mg returns to the pool."""
    record = get(ledger, number)
    certification, code = ledger.contracts.certification, code32(reason, "the reason")
    call = certification.refute(number, code) if role == "verifier" else certification.reject(number, code)
    sent = ledger.submitter(role).send(call, _decided(record, "REJECTED", None))
    return CertificationStep(get(ledger, number), sent)


def _decided(record: CertificationRecord, state: str, approves: str | None) -> Deed:
    name = f"certification {record.number}"
    return Deed(name, name, {"state": record.status.name}, {"state": state}, approves)


def get(ledger: Ledger, number: int) -> CertificationRecord:
    """A certification as the chain holds it; raises NotFoundError."""
    found = ledger.contracts.certification.find(number)
    if found is None:
        raise NotFoundError(f"there is no certification {number}", hint="`puhui certify apply` makes one")
    return found


def dossier_of(ledger: Ledger, record: CertificationRecord) -> CertificationEvidence:
    """The dossier whose digest the chain holds; raises EvidenceError when evidence has none such."""
    name = certification_name(record.number, record.dossier)
    return CertificationEvidence(certifications_folder(ledger.home.evidence) / name)


def check_dossier(ledger: Ledger, record: CertificationRecord) -> None:
    """Recompute a dossier and compare; raises VerificationError or EvidenceError."""
    folder = dossier_of(ledger, record)
    folder.check_files()
    entries = _entries(ledger, record.class_id)
    expected, contributions = certify(record.number, record.class_id, record.tonnes, record.from_mg, entries)
    if folder.certification != expected or not folder.contributions().equals(contributions):
        raise VerificationError(
            f"certification {record.number}: its dossier is not what the pool comes to",
            expected=str(expected),
            actual=str(folder.certification),
        )


def certification_json(record: CertificationRecord) -> dict[str, Any]:
    """A certification as `--json` prints it."""
    return {
        "number": record.number,
        "class_id": record.class_id,
        "methodology": record.class_id >> 16,
        "vintage": record.class_id & 0xFFFF,
        "tonnes": record.tonnes,
        "from_mg": str(record.from_mg),
        "status": record.status.name,
        "dossier": "0x" + record.dossier.hex(),
        "applicant": record.applicant,
        "verifier": record.verifier,
        "reason": code_text(record.reason) if any(record.reason) else None,
    }


def _entries(ledger: Ledger, class_id: int) -> list[Entry]:
    def entitlements(epoch: EpochEvent) -> pl.DataFrame:
        return entitlements_of(ledger, epoch.number)

    return pool_entries(ledger.contracts, class_id, ledger.contracts.chain.head(), entitlements, now=True)
