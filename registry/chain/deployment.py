"""The deployed contracts of one ledger: putting them on a chain, and refusing a chain that is not theirs.

One AccessManager maps every guarded function to a role (`registry.chain.wiring`). The regulator deploys and wires. At
the end it makes the RoleCouncil of the role holders the only administrator and gives up its own administration: from
then on a change of roles takes two members and the delay, in which any member can cancel it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3

from registry.chain import artifacts
from registry.chain.client import Chain, node_errors
from registry.chain.contracts import (
    CarbonPoints,
    CertifiedReductions,
    ExchangeSettlement,
    Mandates,
    MethodologyRegistry,
    Participants,
    ProceedsDistributor,
    ProgrammeTreasury,
    ReductionCertification,
    RetirementCertificates,
    SettlementCash,
    TripAnchors,
)
from registry.chain.submitter import Submitter
from registry.chain.wiring import ADMIN_ROLE, CONTRACT_ROLES, COUNCIL, HOLDERS, ROLES, assignments
from registry.errors import ChainMismatch, InputError

FORMAT: Final = "puhui.contracts/v1"


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
        self.mandates = Mandates(chain, deployment.addresses["Mandates"])
        self.participants = Participants(chain, deployment.addresses["Participants"])
        self.certification = ReductionCertification(chain, deployment.addresses["ReductionCertification"])
        self.reductions = CertifiedReductions(chain, deployment.addresses["CertifiedReductions"])
        self.certificates = RetirementCertificates(chain, deployment.addresses["RetirementCertificates"])
        self.cash = SettlementCash(chain, deployment.addresses["SettlementCash"])
        self.settlement = ExchangeSettlement(chain, deployment.addresses["ExchangeSettlement"])
        self.treasury = ProgrammeTreasury(chain, deployment.addresses["ProgrammeTreasury"])
        self.distributor = ProceedsDistributor(chain, deployment.addresses["ProceedsDistributor"])

    @classmethod
    def open(cls, chain: Chain, deployment: Deployment) -> Contracts:
        """Check the chain against the deployment and open the contracts; raises ChainMismatch."""
        check_chain(chain, deployment)
        return cls(chain, deployment)


def check_chain(chain: Chain, deployment: Deployment) -> None:
    """Refuse another chain id, another genesis, or contracts with other code."""
    check_identity(chain, deployment)
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


def check_identity(chain: Chain, deployment: Deployment) -> None:
    """Refuse another chain id or another genesis; raises ChainMismatch."""
    _same("chain id", deployment.chain_id, chain.chain_id)
    _same("genesis hash", deployment.genesis.hex(), chain.genesis.hex())


def _same(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise ChainMismatch(
            f"{what} is {actual}, this ledger was made on {expected}",
            hint="point the RPC URL at the ledger's own chain",
            expected=expected,
            actual=actual,
        )


@dataclass(frozen=True)
class Delays:
    """Seconds: before a published epoch can be active, of the council and the regulator's delayed acts, before a rule
    of the treasury can take effect."""

    activation_s: int
    admin_s: int
    rule_notice_s: int = 0


def deploy(
    chain: Chain,
    regulator: Submitter,
    holders: Mapping[str, str],
    delays: Delays,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Deployment:
    """Deploy and wire all contracts as the regulator; `holders` gives each role's address, no two the same.

    Raises ChainRevert or ChainUnavailable; nothing refers to a deployment that did not finish.
    """
    first_block = chain.head() + 1
    addresses: dict[str, str] = {}

    def create(name: str, *arguments: object) -> str:
        progress(name)
        artifact = artifacts.load(name)
        factory = chain.w3.eth.contract(abi=artifact.abi, bytecode=artifact.creation)
        addresses[name] = str(regulator.deploy(factory.constructor(*arguments)).contract)
        return addresses[name]

    manager = create("AccessManager", regulator.account.address)
    methodologies = create("MethodologyRegistry", manager)
    anchors = create("TripAnchors", manager, methodologies, 1)
    points = create("CarbonPoints", manager, anchors, delays.activation_s)
    create("Mandates", manager)
    participants = create("Participants", manager)
    reductions = create("CertifiedReductions", manager, participants)
    create("RetirementCertificates", manager, reductions, participants)
    cash = create("SettlementCash", manager, participants)
    settlement = create("ExchangeSettlement", manager, reductions, cash, participants)
    distributor = create("ProceedsDistributor", manager, cash)
    treasury = create("ProgrammeTreasury", manager, settlement, cash, distributor, delays.rule_notice_s)
    create("ReductionCertification", manager, points, reductions, treasury)
    members = [Web3.to_checksum_address(holders[role]) for role in COUNCIL]
    create("RoleCouncil", manager, members, delays.admin_s)
    progress("roles")
    _wire(chain, regulator, addresses, holders, delays.admin_s)
    return Deployment(chain.chain_id, chain.genesis, addresses, first_block)


def _wire(
    chain: Chain, regulator: Submitter, addresses: Mapping[str, str], holders: Mapping[str, str], delay_s: int
) -> None:
    address = Web3.to_checksum_address(addresses["AccessManager"])
    manager = chain.w3.eth.contract(address=address, abi=artifacts.load("AccessManager").abi)

    def grant(role: int, holder: str, delay: int = 0) -> None:
        regulator.send(manager.functions.grantRole(role, Web3.to_checksum_address(holder), delay))

    for role, contract, names in assignments():
        selectors = [_selector(contract, name) for name in names]
        regulator.send(manager.functions.setTargetFunctionRole(addresses[contract], selectors, ROLES[role]))
    for role in HOLDERS:
        grant(ROLES[role], holders[role])
    grant(ROLES["regulator_delayed"], holders["regulator"], delay_s)
    # What the regulator has scheduled a guardian can still stop.
    regulator.send(manager.functions.setRoleGuardian(ROLES["regulator_delayed"], ROLES["guardian"]))
    for role, contracts in CONTRACT_ROLES.items():
        for contract in contracts:
            grant(ROLES[role], addresses[contract])
    # Last, because after it the regulator can grant nothing any more. The council keeps its own delay.
    grant(ADMIN_ROLE, addresses["RoleCouncil"])
    regulator.send(manager.functions.renounceRole(ADMIN_ROLE, regulator.account.address))


def _selector(contract: str, function: str) -> bytes:
    found = [e for e in artifacts.load(contract).abi if e["type"] == "function" and e["name"] == function]
    (entry,) = found  # an overloaded function would need its signature
    return bytes(function_abi_to_4byte_selector(entry))  # type: ignore[arg-type]
