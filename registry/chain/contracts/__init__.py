"""One class a contract: typed reads at a named block, unsent calls for the submitter, events in order."""

from registry.chain.contracts.carbon_points import CarbonPoints
from registry.chain.contracts.methodology_registry import MethodologyRegistry
from registry.chain.contracts.trip_anchors import TripAnchors

__all__ = ["CarbonPoints", "MethodologyRegistry", "TripAnchors"]
