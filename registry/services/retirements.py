"""Retiring tonnes for good, and reading their certificates back from the chain."""

from __future__ import annotations

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from registry.chain.contracts.participants import Participant
from registry.chain.contracts.retirement_certificates import CertificateRecord, Purpose, Retirement
from registry.chain.submitter import Sent
from registry.core.codes import code32, ref32
from registry.errors import InputError, NotFoundError
from registry.evidence.documents import read_document, write_document
from registry.services import participants
from registry.services.ledger import Ledger
from registry.services.signing import deadline, sign
from registry.services.submission import Deed


@dataclass(frozen=True)
class Retired:
    """A retirement's certificate and the transaction that made it."""

    certificate: CertificateRecord
    sent: Sent


def retire(
    ledger: Ledger,
    key: LocalAccount,
    issuance: int,
    tonnes: int,
    purpose: Purpose,
    ref: str,
    *,
    year: int = 0,
    beneficiary: str | None = None,
) -> Retired:
    """Retire tonnes of the key's account, signed and relayed. It cannot be undone; the same reference retires once.

    For compliance the beneficiary is the entity itself, and `year` the compliance year. Otherwise `beneficiary` is a
    text: its SHA-256 goes on the chain, the text into evidence.
    """
    if tonnes <= 0:
        raise InputError(f"{tonnes} t is no amount", hint="whole tonnes above zero")
    if not ref:
        raise InputError("a reference is needed", hint="--ref: a number of your own; it retires once")
    code = ref32("retirement", ref)
    holder = participants.get(ledger, key.address)
    named = _beneficiary(ledger, holder, purpose, year, beneficiary)
    asked = Retirement(key.address, issuance, tonnes, purpose, year, named, code)
    until = deadline()
    certificates = ledger.contracts.certificates
    signature = sign(key, certificates.typed_retirement(asked, until))
    deed = Deed(ref, f"{key.address}/{issuance}", {}, {"retired_tonnes": tonnes, "issuance": issuance})
    sent = ledger.submitter("platform").send(certificates.retire_for(asked, until, signature), deed)
    return Retired(certificate(ledger, certificates.certificate_for(key.address, code)), sent)


def certificate(ledger: Ledger, number: int) -> CertificateRecord:
    """A certificate as the chain holds it; raises NotFoundError."""
    found = ledger.contracts.certificates.find(number)
    if found is None:
        raise NotFoundError(f"there is no certificate {number}")
    return found


def beneficiary_text(ledger: Ledger, found: CertificateRecord) -> str | None:
    """The beneficiary's name, if evidence has the document of its hash; None for compliance and unknown ones."""
    if found.purpose is Purpose.COMPLIANCE:
        return None
    text = read_document(ledger.home.evidence, found.beneficiary)
    return None if text is None else text.decode("utf-8", "replace")


def set_offset_limit(ledger: Ledger, entity: str, year: int, tonnes: int) -> Sent:
    """As the regulator: how many tonnes an entity may retire for a compliance year."""
    if not 0 <= tonnes < 2**63:
        raise InputError(f"{tonnes} t is no limit")
    if not 2000 <= year <= 9999:
        raise InputError(f"{year} is no compliance year", hint="2000 to 9999")
    call = ledger.contracts.certificates.set_offset_limit(code32(entity, "the entity's code"), year, tonnes)
    deed = Deed(f"{entity} {year}", f"{entity}/{year}", {}, {"offset_limit_tonnes": tonnes})
    return ledger.submitter("regulator").send(call, deed)


def _beneficiary(ledger: Ledger, holder: Participant, purpose: Purpose, year: int, text: str | None) -> bytes:
    if purpose is Purpose.COMPLIANCE:
        if text is not None:
            raise InputError("for compliance the beneficiary is the entity itself", hint="leave --beneficiary out")
        if not 2000 <= year <= 9999:
            raise InputError("a compliance year is needed", hint="--year, 2000 to 9999")
        return holder.entity
    if year:
        raise InputError(f"a compliance year has no meaning for {purpose.name}", hint="leave --year out")
    if not text or not text.strip():
        raise InputError("a beneficiary is needed", hint="--beneficiary: for whom the tonnes are retired")
    return write_document(ledger.home.evidence, text.encode())
