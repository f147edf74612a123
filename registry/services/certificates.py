"""Certificates of retirement: every value read back from the chain at one block, then shown or printed."""

from __future__ import annotations

from registry.chain.client import node_errors
from registry.core import methodology
from registry.core.codes import code_text
from registry.errors import EvidenceError
from registry.services.certificate_content import CertificateContent, PrintedRange
from registry.services.ledger import Ledger
from registry.services.retirements import beneficiary_text, certificate
from registry.services.serials import serial_text

PROGRAMME = ("碳普惠核证减排量登记", "Registry of Certified Carbon-Inclusion Reductions")


def content_of(ledger: Ledger, number: int, verification_url: str | None = None) -> CertificateContent:
    """A certificate's content, every number of it from the chain at its newest block; raises NotFoundError."""
    contracts, chain = ledger.contracts, ledger.contracts.chain
    block = chain.head()
    found = contracts.certificates.find(number, block) or certificate(ledger, number)
    issuance = contracts.reductions.issuance(found.issuance, block)
    if issuance is None:
        raise EvidenceError(f"certificate {number} names issuance {found.issuance}, which the chain does not have")
    spec = methodology.by_id(found.class_id >> 16)
    with node_errors(chain.where):
        block_hash = chain.w3.eth.get_block(block)["hash"].to_0x_hex()
    (retired,) = contracts.certificates.history(
        ("Retired",), contracts.deployment.first_block, block, certificate=number
    )
    ranges = tuple(
        PrintedRange(serial_text(ledger, found.issuance, found.class_id, part), part.count) for part in found.ranges
    )
    addresses = contracts.deployment.addresses
    return CertificateContent(
        certificate=number,
        programme_zh=f"{ledger.config.programme} {PROGRAMME[0]}",
        programme_en=f"{ledger.config.programme} {PROGRAMME[1]}",
        holder=found.holder,
        entity=code_text(found.entity),
        beneficiary=beneficiary_text(ledger, found),
        beneficiary_hash="0x" + found.beneficiary.hex(),
        tonnes=found.tonnes,
        ranges=ranges,
        issuance=found.issuance,
        issuance_status=issuance.status.name,
        methodology=spec.name,
        methodology_version=str(spec.id),
        vintage=found.class_id & 0xFFFF,
        purpose=found.purpose.name,
        year=found.year,
        retired_at=found.retired_at,
        ref="0x" + found.ref.hex(),
        chain_id=chain.chain_id,
        genesis="0x" + chain.genesis.hex(),
        contracts=tuple((name, addresses[name]) for name in ("RetirementCertificates", "CertifiedReductions")),
        block_number=block,
        block_hash=block_hash,
        dossier="0x" + issuance.dossier.hex(),
        transaction=retired.transaction,
        verification_url=verification_url or _reference(ledger, number),
    )


def _reference(ledger: Ledger, number: int) -> str:
    """Without a public page: what to ask of any node of the chain (EIP-681)."""
    address = ledger.contracts.deployment.addresses["RetirementCertificates"]
    return f"ethereum:{address}@{ledger.contracts.chain.chain_id}/certificateOf?uint256={number}"
