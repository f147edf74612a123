"""The deployed contracts of one ledger: putting them on a chain, and refusing a chain that is not theirs.

Wiring: one AccessManager maps every guarded function to a role. The regulator deploys and wires. At the end it makes
the RoleCouncil of the five role holders the only administrator and gives up its own administration: from then on a
change of roles takes two members and the delay, in which any member can cancel it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3
from web3.contract.contract import Contract

from registry.chain import artifacts
from registry.chain.client import Chain, node_errors
from registry.chain.contracts import CarbonPoints, MethodologyRegistry, TripAnchors
from registry.chain.submitter import Submitter
from registry.errors import ChainMismatch, InputError

FORMAT: Final = "puhui.contracts/v1"
ROLES: Final = {
    "platform": 1,
    "verifier": 2,
    "regulator": 3,
    "exchange": 4,
    "guardian": 5,
    "regulator_delayed": 6,
    "points": 7,
}
ADMIN_ROLE: Final = 0
COUNCIL: Final = ("platform", "verifier", "regulator", "exchange", "guardian")
# role -> contract -> guarded functions; what is not listed here stays with the council, behind its delay
PERMISSIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "platform": {"TripAnchors": ("anchor",), "CarbonPoints": ("publishEpoch",)},
    "verifier": {"TripAnchors": ("attest", "reject"), "CarbonPoints": ("attestEpoch",)},
    "regulator": {
        "MethodologyRegistry": ("publish", "end"),
        "TripAnchors": ("registerSource", "updateSource"),
    },
    "guardian": {"CarbonPoints": ("pause", "cancelEpoch")},
    "regulator_delayed": {"TripAnchors": ("setQuorum",), "CarbonPoints": ("unpause",)},
    "points": {"TripAnchors": ("issue", "release")},
}


@dataclass(frozen=True)
class Deployment:
    """Which chain, and where the contracts stand on it; `first_block` is where their events begin."""

    chain_id: int
    genesis: bytes
    addresses: Mapping[str, str]
    first_block: int

    def to_json(self) -> dict[str, object]:
        """The contracts file's content: all an auditor needs besides a node and the evidence."""
        return {
            "format": FORMAT,
            "chain_id": self.chain_id,
            "genesis": "0x" + self.genesis.hex(),
            "first_block": self.first_block,
            "contracts": dict(self.addresses),
        }

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Read a contracts file; raises InputError when it is not one."""
        try:
            body = json.loads(path.read_text("utf-8"))
            if body["format"] != FORMAT:
                raise ValueError(f"format {body['format']!r}")
            if odd := sorted(set(body["contracts"]) ^ set(artifacts.CONTRACTS)):
                raise ValueError(f"missing or unknown: {', '.join(odd)}")
            addresses = {name: Web3.to_checksum_address(a) for name, a in body["contracts"].items()}
            genesis = bytes.fromhex(body["genesis"].removeprefix("0x"))
            return cls(int(body["chain_id"]), genesis, addresses, int(body["first_block"]))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}", hint="is this a ledger? run `puhui init` first") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not a contracts file ({error})") from error


class Contracts:
    """The ledger's contracts on a chain that was checked to be the right one."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        self.chain = chain
        self.deployment = deployment
        self.methodologies = MethodologyRegistry(chain, deployment.addresses["MethodologyRegistry"])
        self.anchors = TripAnchors(chain, deployment.addresses["TripAnchors"])
        self.points = CarbonPoints(chain, deployment.addresses["CarbonPoints"])

    @classmethod
    def open(cls, chain: Chain, deployment: Deployment) -> Contracts:
        """Check the chain against the deployment and open the contracts; raises ChainMismatch."""
        check_chain(chain, deployment)
        return cls(chain, deployment)


def check_chain(chain: Chain, deployment: Deployment) -> None:
    """Refuse another chain id, another genesis, or contracts with other code."""
    _same("chain id", deployment.chain_id, chain.chain_id)
    _same("genesis hash", deployment.genesis.hex(), chain.genesis.hex())
    for name, address in deployment.addresses.items():
        with node_errors(chain.where):
            code = bytes(chain.w3.eth.get_code(Web3.to_checksum_address(address)))
        if not artifacts.load(name).matches(code):
            found = f"{len(code)} bytes of other code" if code else "no code"
            raise ChainMismatch(
                f"{name} at {address} is not this release's contract: {found}",
                hint="check the contracts file, or use the release that deployed them",
                contract=name,
                address=address,
            )


def _same(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise ChainMismatch(
            f"{what} is {actual}, this ledger was made on {expected}",
            hint="point the RPC URL at the ledger's own chain",
            expected=expected,
            actual=actual,
        )


def deploy(
    chain: Chain,
    regulator: Submitter,
    holders: Mapping[str, str],
    *,
    activation_delay_s: int,
    admin_delay_s: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Deployment:
    """Deploy and wire all contracts as the regulator; `holders` gives each role's address, no two the same.

    `admin_delay_s` is the delay of the council, and of the regulator for whatever lowers a protection.
    Raises ChainRevert or ChainUnavailable; nothing refers to a deployment that did not finish.
    """
    first_block = chain.head() + 1
    addresses: dict[str, str] = {}

    def create(name: str, *arguments: object) -> Contract:
        progress(name)
        artifact = artifacts.load(name)
        factory = chain.w3.eth.contract(abi=artifact.abi, bytecode=artifact.creation)
        addresses[name] = str(regulator.deploy(factory.constructor(*arguments)).contract)
        return chain.w3.eth.contract(address=Web3.to_checksum_address(addresses[name]), abi=artifact.abi)

    manager = create("AccessManager", regulator.account.address)
    create("MethodologyRegistry", manager.address)
    create("TripAnchors", manager.address, addresses["MethodologyRegistry"], 1)
    create("CarbonPoints", manager.address, addresses["TripAnchors"], activation_delay_s)
    members = [Web3.to_checksum_address(holders[role]) for role in COUNCIL]
    create("RoleCouncil", manager.address, members, admin_delay_s)
    progress("roles")
    _wire(regulator, manager, addresses, {**holders, "points": addresses["CarbonPoints"]}, admin_delay_s)
    return Deployment(chain.chain_id, chain.genesis, addresses, first_block)


def _wire(
    regulator: Submitter, manager: Contract, addresses: Mapping[str, str], holders: Mapping[str, str], delay_s: int
) -> None:
    for role, targets in PERMISSIONS.items():
        for contract, names in targets.items():
            selectors = [_selector(contract, name) for name in names]
            call = manager.functions.setTargetFunctionRole(addresses[contract], selectors, ROLES[role])
            regulator.send(call)
    for role, number in ROLES.items():
        holder = holders["regulator"] if role == "regulator_delayed" else holders[role]
        delay = delay_s if role == "regulator_delayed" else 0
        regulator.send(manager.functions.grantRole(number, Web3.to_checksum_address(holder), delay))
    # Last, because after it the regulator can grant nothing any more. The council keeps its own delay.
    council = Web3.to_checksum_address(addresses["RoleCouncil"])
    regulator.send(manager.functions.grantRole(ADMIN_ROLE, council, 0))
    regulator.send(manager.functions.renounceRole(ADMIN_ROLE, regulator.account.address))


def _selector(contract: str, function: str) -> bytes:
    entry: dict[str, Any] = next(e for e in artifacts.load(contract).abi if e.get("name") == function)
    return bytes(function_abi_to_4byte_selector(entry))  # type: ignore[arg-type]
