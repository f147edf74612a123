"""Pausing and starting contracts."""

from __future__ import annotations

from collections.abc import Sequence

from web3 import Web3
from web3.contract.contract import Contract

from registry.chain import artifacts
from registry.services.delayed import Delayed, act
from registry.services.ledger import Ledger
from registry.services.submission import Deed


def pause(ledger: Ledger, names: Sequence[str]) -> list[str]:
    """As the guardian: stop these contracts; returns the names of those that were not stopped before."""
    guardian = ledger.submitter("guardian")
    return [name for name in names if guardian.send(_contract(ledger, name).functions.pause(), _pausing(name)).changed]


def unpause(ledger: Ledger, names: Sequence[str]) -> dict[str, Delayed]:
    """As the regulator, after its delay: start these contracts again."""
    return {name: act(ledger, _contract(ledger, name).functions.unpause(), name) for name in names}


def _pausing(name: str) -> Deed:
    return Deed(name, name, {"paused": False}, {"paused": True})


def _contract(ledger: Ledger, name: str) -> Contract:
    address = Web3.to_checksum_address(ledger.contracts.deployment.addresses[name])
    return ledger.contracts.chain.w3.eth.contract(address=address, abi=artifacts.load(name).abi)
