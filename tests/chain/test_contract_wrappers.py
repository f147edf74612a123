"""The contract wrappers against the compiled contracts, on eth-tester's in-memory chain."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_utils.abi import function_abi_to_4byte_selector
from web3 import EthereumTesterProvider, Web3
from web3.contract.contract import Contract

from registry.chain.artifacts import load
from registry.chain.client import Chain, connect, connect_url
from registry.chain.contracts.carbon_points import Channel, Redemption
from registry.chain.contracts.trip_anchors import Status
from registry.chain.deployment import Contracts, Delays, Deployment, check_chain, deploy
from registry.chain.submitter import Submitter
from registry.chain.wiring import CONTRACT_ROLES, COUNCIL, HOLDERS, ROLES, assignments
from registry.core import methodology
from registry.core.batch import NO_PREVIOUS, Batch
from registry.core.entitlement import ENTITLEMENT_SIZE, Entitlement
from registry.core.merkle import inclusion_proof, leaf_hashes, root
from registry.errors import ChainMismatch, ChainRevert, ChainUnavailable
from registry.units import MG_PER_TONNE

# eth-tester's chain always has a base fee; the ledger's own chains have none.
TESTER_GAS_PRICE = 10**10
CLASS_2026 = 1 << 16 | 2026
ADMIN, PLATFORM = 0, 1
ADMIN_DELAY_S = 86_400


@dataclass
class World:
    """A deployment on eth-tester, with a key for each role."""

    chain: Chain
    keys: dict[str, LocalAccount]
    contracts: Contracts

    def send(self, role: str, call: object):
        return Submitter(self.chain, self.keys[role], gas_price=TESTER_GAS_PRICE).send(call)

    def contract(self, name: str) -> Contract:
        address = Web3.to_checksum_address(self.contracts.deployment.addresses[name])
        return self.chain.w3.eth.contract(address=address, abi=load(name).abi)


class RevertingProvider(EthereumTesterProvider):
    """eth-tester raises a revert as an exception of its own; a node answers it as an error with data."""

    def make_request(self, method, params):
        try:
            return super().make_request(method, params)
        except TransactionFailed as error:
            data = ast.literal_eval(str(error.args[0]).removeprefix("execution reverted: "))
            answer = {"code": 3, "message": "execution reverted", "data": "0x" + data.hex()}
            return {"jsonrpc": "2.0", "id": 1, "error": answer}


@pytest.fixture(scope="module")
def tester() -> tuple[EthereumTester, World]:
    backend = EthereumTester(PyEVMBackend())
    provider = RevertingProvider(backend)
    chain = connect(provider, "eth-tester")
    keys = {role: Account.from_key(hashlib.sha256(role.encode()).digest()) for role in HOLDERS}
    for key in keys.values():
        chain.w3.eth.send_transaction({"from": chain.w3.eth.accounts[0], "to": key.address, "value": 10**20})
    deployment = deploy(
        chain,
        Submitter(chain, keys["regulator"], gas_price=TESTER_GAS_PRICE),
        {role: key.address for role, key in keys.items()},
        Delays(activation_s=0, admin_s=ADMIN_DELAY_S),
    )
    world = World(chain, keys, Contracts.open(chain, deployment))
    world.send("regulator", world.contracts.methodologies.publish(methodology.DEFAULT))
    world.send("regulator", world.contracts.anchors.register_source("app", keys["platform"].address, MG_PER_TONNE))
    return backend, world


@pytest.fixture
def world(tester: tuple[EthereumTester, World]) -> Iterator[World]:
    backend, world = tester
    snapshot = backend.take_snapshot()
    yield world
    backend.revert_to_snapshot(snapshot)


def sealed(**changes: object) -> Batch:
    values: dict[str, object] = {
        "source": "app",
        "serviceDate": 20260302,
        "sequence": 0,
        "methodology": 1,
        "tripCount": 2,
        "reductionMg": 1_000_000,
        "tripRoot": b"\x01" * 32,
        "leavesDigest": b"\x02" * 32,
        "inputDigest": b"\x03" * 32,
        "previous": NO_PREVIOUS,
    }
    return Batch(**{**values, **changes})  # type: ignore[arg-type]


def test_anchor_above_the_daily_cap_is_refused_with_the_contracts_own_error(world: World) -> None:
    with pytest.raises(ChainRevert) as refusal:
        world.send("platform", world.contracts.anchors.anchor(sealed(reductionMg=MG_PER_TONNE + 1)))
    assert refusal.value.fields["error"] == "TripAnchorsChainDayCapExceeded"
    assert refusal.value.fields["arguments"]["totalMg"] == str(MG_PER_TONNE + 1)
    assert refusal.value.exit_code == 5


@pytest.mark.parametrize("role", [role for role in HOLDERS if role != "platform"])
def test_only_the_platform_anchors(world: World, role: str) -> None:
    with pytest.raises(ChainRevert) as refusal:
        world.send(role, world.contracts.anchors.anchor(sealed()))
    assert refusal.value.fields["error"] == "AccessManagedUnauthorized"


def test_the_platform_cannot_attest_what_it_anchored(world: World) -> None:
    world.send("platform", world.contracts.anchors.anchor(sealed()))
    with pytest.raises(ChainRevert) as refusal:
        world.send("platform", world.contracts.anchors.attest(sealed().id()))
    assert refusal.value.fields["error"] == "AccessManagedUnauthorized"


def test_every_guarded_function_of_the_wiring_answers_to_its_role_and_no_other(world: World) -> None:
    manager = world.contract("AccessManager")
    seen: dict[tuple[str, str], int] = {}
    for role, contract, names in assignments():
        for name in names:
            target = world.contract(contract)
            (entry,) = [e for e in load(contract).abi if e["type"] == "function" and e["name"] == name]
            selector = function_abi_to_4byte_selector(entry)
            assert manager.functions.getTargetFunctionRole(target.address, selector).call() == ROLES[role]
            assert (contract, name) not in seen
            seen[contract, name] = ROLES[role]
    assert len(seen) == sum(len(names) for _, _, names in assignments())


@pytest.mark.parametrize("role", CONTRACT_ROLES)
def test_a_contracts_role_is_held_by_its_contracts_alone(world: World, role: str) -> None:
    manager = world.contract("AccessManager")
    holders = {
        log["args"]["account"]
        for log in manager.events.RoleGranted().get_logs(from_block=0, argument_filters={"roleId": ROLES[role]})
    }
    assert holders == {world.contracts.deployment.addresses[name] for name in CONTRACT_ROLES[role]}


def test_a_guardian_can_stop_what_the_regulator_has_scheduled(world: World) -> None:
    manager = world.contract("AccessManager")
    assert manager.functions.getRoleGuardian(ROLES["regulator_delayed"]).call() == ROLES["guardian"]


@pytest.mark.parametrize("role", HOLDERS)
def test_no_key_can_grant_a_role_after_the_deployment(world: World, role: str) -> None:
    grant = world.contract("AccessManager").functions.grantRole(PLATFORM, world.keys[role].address, 0)
    with pytest.raises(ChainRevert) as refusal:
        world.send(role, grant)
    assert refusal.value.fields["error"] == "AccessManagerUnauthorizedAccount"
    assert refusal.value.fields["arguments"]["roleId"] == str(ADMIN)


def test_the_council_of_the_five_keys_is_the_only_administrator(world: World) -> None:
    manager, council = world.contract("AccessManager"), world.contract("RoleCouncil")
    events = manager.events
    changes = [
        *((log, True) for log in events.RoleGranted().get_logs(from_block=0)),
        *((log, False) for log in events.RoleRevoked().get_logs(from_block=0)),
    ]
    administrators = set()
    for log, granted in sorted(changes, key=lambda change: (change[0]["blockNumber"], change[0]["logIndex"])):
        if log["args"]["roleId"] == ADMIN:
            (administrators.add if granted else administrators.discard)(log["args"]["account"])
    assert administrators == {council.address}
    assert manager.functions.hasRole(ADMIN, council.address).call() == [True, 0]
    assert council.functions.manager().call() == manager.address
    assert council.functions.delay().call() == ADMIN_DELAY_S
    assert council.functions.memberCount().call() == len(COUNCIL)
    assert all(council.functions.isMember(world.keys[role].address).call() for role in COUNCIL)


def test_two_members_give_a_new_key_the_platforms_role_after_the_delay_and_not_before(
    tester: tuple[EthereumTester, World], world: World
) -> None:
    manager, council = world.contract("AccessManager"), world.contract("RoleCouncil")
    newcomer = Account.from_key(b"\x22" * 32).address
    call = (manager.address, manager.encode_abi("grantRole", [PLATFORM, newcomer, 0]), bytes(32))
    proposal = council.functions.hashProposal(*call).call()
    assert world.send("platform", council.functions.propose(*call)).changed
    assert world.send("platform", council.functions.propose(*call)).changed is False
    with pytest.raises(ChainRevert) as refusal:
        world.send("platform", council.functions.approve(proposal))
    assert refusal.value.fields["error"] == "RoleCouncilSelfApproval"
    assert world.send("verifier", council.functions.approve(proposal)).changed
    with pytest.raises(ChainRevert) as refusal:
        world.send("verifier", council.functions.execute(*call))
    assert refusal.value.fields["error"] == "RoleCouncilOutOfTime"
    assert manager.functions.hasRole(PLATFORM, newcomer).call() == [False, 0]
    tester[0].time_travel(int(refusal.value.fields["arguments"]["from"]))
    tester[0].mine_block()  # a call sees the time of the latest block
    assert world.send("guardian", council.functions.execute(*call)).changed
    assert world.send("guardian", council.functions.execute(*call)).changed is False
    assert manager.functions.hasRole(PLATFORM, newcomer).call() == [True, 0]


def test_the_batch_id_is_the_contracts(world: World) -> None:
    batch = sealed(tripRoot=b"\xaa" * 32, reductionMg=2**100)
    assert bytes(world.contracts.anchors.contract.functions.hashBatch(batch.as_tuple()).call()) == batch.id()


def test_anchor_attest_issue_claim_and_redeem(world: World) -> None:
    anchors, points = world.contracts.anchors, world.contracts.points
    holder = Account.from_key(b"\x11" * 32)
    batch = sealed()
    assert anchors.find(batch.id()).status is Status.NONE
    first = world.send("platform", anchors.anchor(batch))
    assert first.changed
    assert world.send("platform", anchors.anchor(batch)).changed is False
    (event,) = anchors.anchored(0, world.chain.head())
    assert (event.batch, event.batch_id, event.transaction) == (batch, batch.id(), first.transaction)
    assert world.send("verifier", anchors.attest(batch.id())).changed
    assert anchors.find(batch.id()).status is Status.ATTESTED
    leaves = [
        Entitlement(bytes.fromhex(holder.address[2:]), CLASS_2026, 600_000, 0),
        Entitlement(b"\xff" * 20, CLASS_2026, 400_000, 0),
    ]
    hashes = leaf_hashes(b"".join(leaf.encode() for leaf in leaves), ENTITLEMENT_SIZE)
    world.send("platform", points.publish_epoch(1, root(hashes), 2, [batch.id()]))
    record = points.epoch(1)
    assert record is not None
    assert points.active_epoch() == 0
    assert points.hash_epoch(1, root(hashes), 2, [batch.id()]) == record.digest
    world.send("verifier", points.attest_epoch(1, record.digest))
    assert points.active_epoch() == 1
    claim = points.claim(leaves[0], 0, inclusion_proof(hashes, 0))
    assert world.send("platform", claim).changed
    assert world.send("platform", claim).changed is False
    assert points.balance(holder.address, CLASS_2026) == 600_000
    with pytest.raises(ChainRevert) as refusal:
        world.send("platform", points.claim(leaves[0], 1, inclusion_proof(hashes, 1)))
    assert refusal.value.fields["error"] == "MerkleLogRootMismatch"
    redemption = Redemption(holder.address, CLASS_2026, 250_000, Channel.WELFARE, b"\x07" * 32, 2**40)
    message = encode_typed_data(full_message=points.typed_redemption(redemption))
    signature = bytes(Account.sign_message(message, holder.key).signature)
    assert world.send("platform", points.redeem_for(redemption, signature)).changed
    assert world.send("platform", points.redeem_for(redemption, signature)).changed is False
    totals = points.totals(CLASS_2026)
    assert (totals.earned, totals.claimed, totals.redeemed) == (1_000_000, 600_000, 250_000)
    assert points.total_supply(CLASS_2026) == 350_000


def test_a_chain_with_other_code_is_refused(world: World) -> None:
    right = world.contracts.deployment
    for name in ("TripAnchors", "RoleCouncil"):
        swapped = {**right.addresses, name: right.addresses["CarbonPoints"]}
        with pytest.raises(ChainMismatch, match=rf"{name} at .* is not this release's contract"):
            check_chain(world.chain, Deployment(right.chain_id, right.genesis, swapped, right.first_block))


def test_another_genesis_is_refused(world: World) -> None:
    right = world.contracts.deployment
    with pytest.raises(ChainMismatch, match="genesis hash is"):
        check_chain(world.chain, Deployment(right.chain_id, bytes(32), right.addresses, right.first_block))


def test_a_node_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(ChainUnavailable) as refusal:
        connect_url("http://127.0.0.1:9")
    assert refusal.value.exit_code == 6
