"""Changes of the ledger's keys, as the RoleCouncil makes them: one member proposes, another approves, the delay passes.

    council.py --home DIR show
    council.py --home DIR rotate ROLE OLD NEW propose --as MEMBER     (then approve by another, then execute)
    council.py --home DIR source SOURCE NEW                            (as the regulator: who signs for a source)

ROLE is one of platform, verifier, regulator, exchange, guardian, bank; MEMBER is the role whose keystore signs, which
must be in the home's keys. Approving computes the proposals anew from its own arguments, so a member approves what it
typed and nothing else. Everything can be called again: what is done is not done twice.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_address, to_checksum_address
from web3.contract.contract import Contract, ContractFunction

from registry.chain import artifacts
from registry.chain.client import node_errors
from registry.chain.deployment import Contracts, Deployment
from registry.chain.submitter import Sent, Submitter
from registry.chain.wiring import COUNCIL, HOLDERS, ROLES
from registry.core.batch import source_bytes32
from registry.errors import InputError, NotFoundError, PuhuiError
from registry.services import keystores
from registry.services.home import Home
from registry.services.ledger import Keys, open_chain
from registry.settings import Settings

STEPS: Final = ("propose", "approve", "execute", "cancel")


@dataclass(frozen=True)
class Change:
    """One call the council makes: what it does in words, of which contract, and its data."""

    what: str
    target: str
    data: str


@dataclass(frozen=True)
class Office:
    """The contracts a change of roles concerns, and the keys of this home."""

    contracts: Contracts
    keys: Keys
    council: Contract
    manager: Contract

    def read(self, call: ContractFunction) -> Any:
        """What a view returns."""
        with node_errors(self.contracts.chain.where):
            return call.call()

    def send(self, role: str, call: ContractFunction) -> Sent:
        """Send a call with the key of a role; raises ChainRevert when it would be refused."""
        return Submitter(self.contracts.chain, self.keys.account(role)).send(call)


@contextmanager
def opened(path: Path) -> Iterator[Office]:
    """The office of a home: its chain, checked against its contracts file, and no database."""
    home, settings = Home(path.absolute()), Settings()
    with open_chain(home, home.config(), settings) as chain:
        contracts = Contracts.open(chain, Deployment.load(home.contracts))

        def contract(name: str) -> Contract:
            address = to_checksum_address(contracts.deployment.addresses[name])
            return chain.w3.eth.contract(address=address, abi=artifacts.load(name).abi)

        yield Office(contracts, Keys(home, settings), contract("RoleCouncil"), contract("AccessManager"))


def rotation(office: Office, role: str, old: str, new: str) -> list[Change]:
    """The calls that give `new` everything `old` holds of a role, then take it from `old`.

    The regulator's second role keeps its delay, which is the council's own.
    """
    delay = int(office.read(office.council.functions.delay()))
    held = {role: 0} | ({"regulator_delayed": delay} if role == "regulator" else {})
    manager, council = office.manager.functions, office.council.functions
    calls = [(f"grant {name} to {new}", manager.grantRole(ROLES[name], new, wait)) for name, wait in held.items()]
    if role in COUNCIL:
        calls.append((f"make {new} a member", council.addMember(new)))
    calls += [(f"revoke {name} of {old}", manager.revokeRole(ROLES[name], old)) for name in held]
    if role in COUNCIL:
        calls.append((f"end the membership of {old}", council.removeMember(old)))
    return [Change(what, str(call.address), call._encode_transaction_data()) for what, call in calls]


def require_sensible(office: Office, role: str, old: str, new: str) -> None:
    """Refuse, before anybody signs, to replace a key that has no such role, or by one that has a role already."""
    holds = office.manager.functions.hasRole
    if not office.read(holds(ROLES[role], old))[0]:
        raise InputError(f"{old} does not hold {role}")
    taken = [name for name in HOLDERS if office.read(holds(ROLES[name], new))[0]]
    if taken or office.read(office.council.functions.isMember(new)):
        raise InputError(f"{new} is {taken[0] if taken else 'a member'} already; every role has a key of its own")


def carry(office: Office, changes: Sequence[Change], step: str, member: str, salt: bytes) -> Iterator[str]:
    """Take one step with every change, in order; a line for each. Raises ChainRevert at the first that is refused."""
    functions = office.council.functions
    for change in changes:
        proposal = bytes(office.read(functions.hashProposal(change.target, change.data, salt)))
        if step in ("approve", "cancel"):
            call = functions[step](proposal)
        else:
            call = functions[step](change.target, change.data, salt)
        sent = office.send(member, call)
        yield f"{step:<8} 0x{proposal.hex()}  {change.what}{'' if sent.changed else ' (was so already)'}"


def show(office: Office) -> Iterator[str]:
    """Who of this home's keys holds its role and is a member, and the council's figures."""
    council, manager = office.council.functions, office.manager.functions
    yield f"council {office.council.address}: {office.read(council.memberCount())} members"
    yield f"delay {office.read(council.delay())} s"
    for role in HOLDERS:
        if keystores.missing(office.keys.home.keys, [role]):
            yield f"{role:<10} not in this home"
            continue
        address = keystores.address(office.keys.home.keys, role)
        holds = office.read(manager.hasRole(ROLES[role], address))[0]
        member = office.read(council.isMember(address))
        yield f"{role:<10} {address}  role {'yes' if holds else 'NO'}  member {'yes' if member else 'no'}"


def source_signer(office: Office, source: str, new: str) -> str:
    """As the regulator: let `new` sign for a source, whose cap and activity stay."""
    anchors = office.contracts.anchors
    record = anchors.source(source)
    if record is None:
        raise NotFoundError(f"source {source} is not registered on the chain")
    update = anchors.contract.functions.updateSource
    sent = office.send("regulator", update(source_bytes32(source), new, record.daily_cap_mg, record.active))
    return f"source {source}: signed for by {new}{'' if sent.changed else ' (was so already)'}"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="council.py", description=(__doc__ or "").splitlines()[0])
    made.add_argument("--home", type=Path, required=True)
    commands = made.add_subparsers(dest="command", required=True)
    commands.add_parser("show")
    rotate = commands.add_parser("rotate")
    rotate.add_argument("role", choices=HOLDERS)
    rotate.add_argument("old")
    rotate.add_argument("new")
    rotate.add_argument("step", choices=STEPS)
    rotate.add_argument("--as", dest="member", choices=COUNCIL, required=True)
    rotate.add_argument("--salt", type=int, default=0, help="another number to make a void or cancelled change again")
    signer = commands.add_parser("source")
    signer.add_argument("source")
    signer.add_argument("new")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit codes are those of `puhui`."""
    given = parser().parse_args(arguments)
    try:
        with opened(given.home) as office:
            for line in _lines(office, given):
                sys.stdout.write(line + "\n")
    except PuhuiError as error:
        sys.stderr.write(f"error [{error.code}]: {error.message}\n")
        return error.exit_code
    return 0


def _lines(office: Office, given: argparse.Namespace) -> Iterator[str]:
    if given.command == "show":
        yield from show(office)
    elif given.command == "source":
        yield source_signer(office, given.source, _address(given.new))
    else:
        old, new = _address(given.old), _address(given.new)
        if given.step in ("propose", "approve"):
            require_sensible(office, given.role, old, new)
        changes = rotation(office, given.role, old, new)
        yield from carry(office, changes, given.step, given.member, given.salt.to_bytes(32, "big"))


def _address(text: str) -> str:
    if not is_address(text):
        raise InputError(f"{text!r} is not an address")
    return str(to_checksum_address(text))


if __name__ == "__main__":
    sys.exit(main())
