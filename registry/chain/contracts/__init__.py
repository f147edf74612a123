"""One class a contract: typed reads at a named block, unsent calls for the submitter, events in order."""

from registry.chain.contracts.carbon_points import CarbonPoints
from registry.chain.contracts.certified_reductions import CertifiedReductions
from registry.chain.contracts.exchange_settlement import ExchangeSettlement
from registry.chain.contracts.mandates import Mandates
from registry.chain.contracts.methodology_registry import MethodologyRegistry
from registry.chain.contracts.participants import Participants
from registry.chain.contracts.proceeds_distributor import ProceedsDistributor
from registry.chain.contracts.programme_treasury import ProgrammeTreasury
from registry.chain.contracts.reduction_certification import ReductionCertification
from registry.chain.contracts.retirement_certificates import RetirementCertificates
from registry.chain.contracts.settlement_cash import SettlementCash
from registry.chain.contracts.trip_anchors import TripAnchors

__all__ = [
    "CarbonPoints",
    "CertifiedReductions",
    "ExchangeSettlement",
    "Mandates",
    "MethodologyRegistry",
    "Participants",
    "ProceedsDistributor",
    "ProgrammeTreasury",
    "ReductionCertification",
    "RetirementCertificates",
    "SettlementCash",
    "TripAnchors",
]
