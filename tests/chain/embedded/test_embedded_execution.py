from __future__ import annotations

import pytest
from embedded_contract import BROKEN, GENESIS_TIME, INITCODE, SOMEONE, selector
from web3.exceptions import ContractCustomError, ContractLogicError, Web3RPCError

BROKEN_42 = "0x" + BROKEN.hex() + (42).to_bytes(32, "big").hex()


@pytest.mark.parametrize("how", ["call", "estimate_gas"])
def test_a_custom_error_reaches_web3_with_its_data(contract, how):
    with pytest.raises(ContractCustomError) as caught:
        getattr(contract.functions.fail(), how)()
    assert caught.value.data == BROKEN_42


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
def test_a_revert_is_code_3_with_data(rpc, contract, method):
    def error(function):
        return rpc(method, {"to": contract.address, "data": "0x" + selector(function).hex()})["error"]

    assert error("fail()") == {"code": 3, "message": "execution reverted", "data": BROKEN_42}
    assert error("silent()") == {"code": 3, "message": "execution reverted", "data": "0x"}
    assert error("refuse()")["message"] == "execution reverted: no"
    assert error("broken()") == {"code": -32000, "message": "invalid instruction"}


def test_a_reason_reaches_web3(contract):
    with pytest.raises(ContractLogicError, match="execution reverted: no"):
        contract.functions.refuse().call()
    with pytest.raises(Web3RPCError, match="invalid instruction"):
        contract.functions.broken().call()


def test_a_call_changes_nothing(chain, contract):
    before = chain.head
    contract.functions.bump(b"\x01" * 32).call()
    assert contract.functions.count().call() == 0
    assert chain.head == before


def test_a_call_on_latest_sees_the_clock_and_on_a_number_that_block(contract, clock):
    clock.now += 1_000
    now = contract.functions.now()
    assert now.call(block_identifier=1) == [GENESIS_TIME, 1]
    assert now.call(block_identifier=0x1) == now.call(block_identifier=1)
    assert now.call() == [GENESIS_TIME + 1_000, 1]
    assert now.call(block_identifier="pending") == [GENESIS_TIME + 1_000, 2]
    clock.now = 0  # a clock set back
    assert now.call() == [GENESIS_TIME, 1]


def test_blockhash_is_that_of_the_block_before(chain, contract, bump):
    chain.send_raw([bump(1)])
    hashes = [chain.store.block(number).hash for number in range(3)]
    parent = contract.functions.parent()
    assert parent.call(block_identifier=1) == hashes[0]
    assert parent.call(block_identifier=2) == hashes[1]
    assert parent.call(block_identifier="pending") == hashes[2]


def test_an_estimate_is_enough_and_nothing_less_is(chain, contract, w3, sign, sender):
    call = contract.functions.bump(b"\x01" * 32)
    estimate = call.estimate_gas({"from": sender.address})
    data = contract.encode_abi("bump", [b"\x01" * 32])
    results = chain.send_raw([sign(1, to=contract.address, data=data, gas=estimate - 1)])
    results += chain.send_raw([sign(2, to=contract.address, data=data, gas=estimate)])
    assert [w3.eth.get_transaction_receipt(each)["status"] for each in results] == [0, 1]


def test_an_estimate_of_nested_calls_covers_the_64th_held_back(chain, contract, w3, sign):
    # dive() catches its own failures, so it succeeds with any gas; a transfer and a creation have fixed costs.
    assert w3.eth.estimate_gas({"to": SOMEONE, "from": SOMEONE}) == 21_000
    creation = w3.eth.estimate_gas({"from": SOMEONE, "data": INITCODE})
    (sent,) = chain.send_raw([sign(1, to=None, data=INITCODE, gas=creation)])
    assert w3.eth.get_transaction_receipt(sent)["status"] == 1


def test_an_estimate_capped_too_low_says_so(rpc, contract):
    call = {"to": contract.address, "data": contract.encode_abi("bump", [b"\x01" * 32]), "gas": hex(30_000)}
    assert rpc("eth_estimateGas", call)["error"] == {
        "code": -32000,
        "message": "gas required exceeds allowance (30000)",
    }
    call["gas"] = hex(20_000)
    assert rpc("eth_estimateGas", call)["error"] == {
        "code": -32000,
        "message": "gas required exceeds allowance (20000)",
    }
    assert rpc("eth_call", call)["error"]["message"] == "intrinsic gas too low: have 20000, want 21576"


def test_a_call_cannot_give_what_the_caller_has_not(rpc):
    expected = {"code": -32000, "message": "insufficient funds for transfer"}
    assert rpc("eth_call", {"to": SOMEONE, "value": "0x1"})["error"] == expected
    assert rpc("eth_estimateGas", {"to": SOMEONE, "value": "0x1"})["error"] == expected


def test_calls_nest_as_deep_as_the_gas_of_a_block_pays_for(contract):
    assert contract.functions.dive().call() == 530


def test_gas_of_a_call_is_capped_by_the_block(rpc, contract):
    dive = {"to": contract.address, "data": "0x" + selector("dive()").hex()}
    assert rpc("eth_call", dive | {"gas": hex(2**200)})["result"] == rpc("eth_call", dive)["result"]


@pytest.mark.parametrize(
    "call",
    [
        None,
        [],
        {"to": "0x12"},
        {"to": SOMEONE, "data": "0x1"},
        {"to": SOMEONE, "data": "0x 12"},
        {"to": SOMEONE, "data": "0x01", "input": "0x02"},
        {"to": SOMEONE, "gas": 21_000},
        {"to": SOMEONE, "gas": "0x"},
        {"to": SOMEONE, "gas": "0x1_0"},
        {"to": SOMEONE, "value": "0x" + "f" * 65},
        {"to": SOMEONE, "accessList": {}},
        {"to": SOMEONE, "unknown": 1},
    ],
)
def test_a_malformed_call_is_refused(rpc, call):
    assert rpc("eth_call", call, "latest")["error"]["code"] == -32602


def test_state_overrides_are_refused_and_not_ignored(rpc):
    expected = {"code": -32602, "message": "state overrides are not supported"}
    assert rpc("eth_call", {"to": SOMEONE}, "latest", {SOMEONE: {"balance": "0x1"}})["error"] == expected
