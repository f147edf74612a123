"""What the checks of the market share: contracts up to the audit's block, every event read once, and the findings."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final

from registry.audit.findings import Findings
from registry.chain.contracts.base import DeployedContract
from registry.chain.deployment import Contracts
from registry.chain.logs import Event
from registry.errors import VerificationError

NOBODY: Final = "0x" + "0" * 40


@dataclass
class Scope:
    """The ledger's contracts at the end of one block."""

    contracts: Contracts
    block: int
    findings: Findings
    _events: dict[tuple[str, ...], list[Event]] = field(default_factory=dict)
    _times: dict[int, int] = field(default_factory=dict)

    def events(self, contract: DeployedContract, *names: str) -> list[Event]:
        """Every event of these names since the deployment, in the order of the chain."""
        key = (contract.NAME, *names)
        if key not in self._events:
            self._events[key] = contract.history(names, self.contracts.deployment.first_block, self.block)
        return self._events[key]

    def time(self, event: Event) -> int:
        """When an event's block was made, in epoch seconds."""
        if event.block not in self._times:
            self._times[event.block] = self.contracts.chain.timestamp(event.block)
        return self._times[event.block]


def place(event: Event) -> tuple[int, int]:
    """Where an event stands in the chain; comparing two tells which was first."""
    return event.block, event.index


def require(holds: bool, message: str) -> None:
    """Raise VerificationError with this message unless it holds."""
    if not holds:
        raise VerificationError(message)


def require_equal(what: str, recorded: object, recomputed: object) -> None:
    """Raise VerificationError unless what was recorded is what was recomputed."""
    if recorded != recomputed:
        raise VerificationError(f"{what} is {_text(recorded)}, recomputed {_text(recomputed)}")


def require_record(what: str, recorded: Any, recomputed: Any) -> None:
    """Compare two records of one dataclass; raises VerificationError naming the first field that differs."""
    require(recorded is not None, f"{what}: the chain has no record of it")
    for each in fields(recomputed):
        require_equal(f"{what}: {each.name}", getattr(recorded, each.name), getattr(recomputed, each.name))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_text, value)) + "]"
    return str(value)
