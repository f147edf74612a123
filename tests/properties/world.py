"""The ledger as the product deploys it, on a real EVM: takes the calls that the model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from types import SimpleNamespace
from typing import Any, Final

from coincurve import PrivateKey
from eth_utils import keccak, to_checksum_address
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction

from registry.chain.deployment import Delays, deploy
from registry.chain.wiring import CONTRACT_ROLES, HOLDERS, ROLES
from tests.properties.calls import ACTORS, Call, Order, Signature, word
from tests.properties.evm import CHAIN_ID, Evm, Outcome, function
from tests.properties.hashes import Domains

BEGIN: Final = 1_766_500_000  # 2025-12-23 22:26 in Shenzhen: a week before the points of 2015 expire
ACTIVATION_S: Final = 3_600
DELAY_S: Final = 7_200
NOTICE_S: Final = 3_600
INSIDER_ROLES: Final = ("platform", "verifier", "regulator", "exchange", "bank")


@cache
def key_of(actor: str) -> PrivateKey:
    return PrivateKey(word(f"key of {actor}"))


@cache
def address_of(actor: str) -> str:
    """The account of one of ACTORS."""
    return "0x" + keccak(key_of(actor).public_key.format(compressed=False)[1:])[-20:].hex()


ACCOUNTS: Final = {actor: address_of(actor) for actor in ACTORS}
ACTOR_AT: Final = {address: actor for actor, address in ACCOUNTS.items()}


class World:
    """One deployed ledger. Its clock stands still until `begin` moves it."""

    def __init__(self) -> None:
        self.evm = Evm(BEGIN)
        self.at = _deploy(self.evm)
        self.domains = Domains(CHAIN_ID, self.at)

    @property
    def now(self) -> int:
        return self.evm.now

    def begin(self, now: int) -> None:
        self.evm.begin_block(now)

    def perform(self, call: Call) -> Outcome:
        """Make a call as its caller."""
        return self.evm.call(call.caller, self.at[call.contract], self.encode(call))

    def encode(self, call: Call) -> bytes:
        args: list[Any] = []
        for arg in call.args:
            if isinstance(arg, Call) and call.function == "cancel":
                args += [arg.caller, self.at[arg.contract], self.encode(arg)]
            elif isinstance(arg, Call):
                args += [self.at[arg.contract], self.encode(arg)]
            else:
                args.append(self._resolve(arg))
        return function(call.contract, call.function).encode(tuple(args))

    def view(self, contract: str, name: str, *args: Any) -> Any:
        """What a view returns; structs have the names of the ABI."""
        found, calldata = _view(contract, name, args)
        return found.decode(self.evm.view(self.at[contract], calldata))

    def order_key(self, order: Order) -> bytes:
        return self.domains.order(order)

    def _resolve(self, arg: Any) -> Any:
        if isinstance(arg, Signature):
            return _sign(self.domains.of(arg), ACTOR_AT.get(arg.signer))
        if isinstance(arg, tuple):
            return tuple(self._resolve(one) for one in arg)
        return arg

    @cached_property
    def holders(self) -> dict[str, set[str]]:
        """The accounts that hold each role."""
        found = {role: {ACCOUNTS[role]} for role in HOLDERS}
        found["regulator_delayed"] = {ACCOUNTS["regulator"]}
        for role in INSIDER_ROLES:
            found[role].add(ACCOUNTS["insider"])
        return found | {role: {self.at[name] for name in names} for role, names in CONTRACT_ROLES.items()}


@lru_cache(1 << 16)
def _view(contract: str, name: str, args: tuple[Any, ...]) -> tuple[Any, bytes]:
    found = function(contract, name)
    return found, found.encode(args)


@lru_cache(1 << 16)
def _sign(digest: bytes, actor: str | None) -> bytes:
    if actor is None:
        return b""  # a contract's: ERC-1271 does not look at it
    signature = key_of(actor).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([27 + signature[64]])


# --- the product's deployment, over this EVM


@dataclass(frozen=True)
class _Chain:
    """As much of a chain as a deployment asks for."""

    w3: Web3
    chain_id: int = CHAIN_ID
    genesis: bytes = bytes(32)

    def head(self) -> int:
        return 0


class _Deployer:
    """As much of a submitter as a deployment asks for; every one of its transactions must change something."""

    def __init__(self, evm: Evm, address: str) -> None:
        self._evm = evm
        self._address = address
        self.account = SimpleNamespace(address=to_checksum_address(address))

    def deploy(self, constructor: ContractConstructor) -> Any:
        code = bytes.fromhex(constructor.data_in_transaction.removeprefix("0x"))
        return SimpleNamespace(contract=to_checksum_address(self._evm.create(self._address, code)))

    def send(self, call: ContractFunction) -> None:
        if call.fn_name == "renounceRole":  # the last moment at which the insider can be given its roles
            for role in INSIDER_ROLES:
                self._administer(call.address, "grantRole", (ROLES[role], ACCOUNTS["insider"], 0))
        self._administer(call.address, call.fn_name, tuple(call.args))

    def _administer(self, manager: str, name: str, args: tuple[Any, ...]) -> None:
        outcome = self._evm.call(self._address, manager.lower(), function("AccessManager", name).encode(args))
        assert outcome.error is None, f"{name}: {outcome.error}"
        assert outcome.logs, name


def _deploy(evm: Evm) -> Mapping[str, str]:
    regulator = _Deployer(evm, ACCOUNTS["regulator"])
    holders = {role: to_checksum_address(ACCOUNTS[role]) for role in HOLDERS}
    delays = Delays(ACTIVATION_S, DELAY_S, NOTICE_S)
    deployed = deploy(_Chain(Web3()), regulator, holders, delays)  # type: ignore[arg-type]
    return {name: address.lower() for name, address in deployed.addresses.items()}
