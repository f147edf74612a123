from __future__ import annotations

import pytest
import rlp
from embedded_contract import BUMPED, GENESIS_TIME, SOMEONE
from eth_utils import keccak
from trie import HexaryTrie
from web3.exceptions import BlockNotFound, TransactionNotFound

TOPIC = "0x" + BUMPED.hex()
UNKNOWN = "0x" + "ab" * 32


def word(number: int) -> str:
    return "0x" + number.to_bytes(32, "big").hex()


@pytest.fixture
def history(chain, contract, bump):
    """Blocks 2..301 with one Bumped(count = 1..300) each, then block 302 with ten (301..310)."""
    for nonce in range(1, 301):
        assert isinstance(chain.send_raw([bump(nonce, nonce)])[0], bytes)
    assert all(isinstance(each, bytes) for each in chain.send_raw([bump(nonce, nonce) for nonce in range(301, 311)]))
    return contract.address


# --- blocks, transactions, receipts ---


def test_a_block_has_the_forms_of_the_execution_api(rpc, chain, sign, clock):
    clock.now += 5
    raw = sign(0, maxFeePerGas=0, maxPriorityFeePerGas=0)
    chain.send_raw([raw])
    block = rpc("eth_getBlockByNumber", "latest", False)["result"]
    genesis = rpc("eth_getBlockByNumber", "earliest", False)["result"]
    expected = {
        "number": "0x1",
        "hash": "0x" + chain.head.hash.hex(),
        "parentHash": genesis["hash"],
        "timestamp": hex(GENESIS_TIME + 5),
        "gasUsed": "0x5208",
        "gasLimit": "0x5f5e100",
        "baseFeePerGas": "0x0",
        "difficulty": "0x0",
        "nonce": "0x0000000000000000",
        "extraData": "0x",
        "logsBloom": "0x" + "00" * 256,
        "transactions": ["0x" + keccak(raw).hex()],
        "uncles": [],
        "withdrawals": [],
    }
    assert {key: block[key] for key in expected} == expected
    assert (genesis["number"], genesis["extraData"]) == ("0x0", "0x" + b"puhui/20260".hex())
    # The size is that of the block's encoding: header, transactions (typed ones as strings), uncles, withdrawals.
    assert int(block["size"], 16) == len(rlp.encode([rlp.decode(chain.head.header), [raw], [], []]))


def test_every_way_to_name_a_block_finds_it(rpc, chain, sign):
    chain.send_raw([sign(0)])
    by_hash = rpc("eth_getBlockByHash", "0x" + chain.head.hash.hex(), True)["result"]
    for name in ("latest", "pending", "safe", "finalized", "0x1"):
        assert rpc("eth_getBlockByNumber", name, True)["result"] == by_hash
    assert rpc("eth_getBlockByNumber", "0x2", True)["result"] is None
    assert rpc("eth_getBlockByNumber", hex(2**64), True)["result"] is None
    assert rpc("eth_getBlockByHash", UNKNOWN, True)["result"] is None
    assert rpc("eth_getBlockTransactionCountByNumber", "0x1")["result"] == "0x1"
    assert rpc("eth_getBlockTransactionCountByHash", by_hash["hash"])["result"] == "0x1"
    assert rpc("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x0")["result"] == by_hash["transactions"][0]
    assert rpc("eth_getTransactionByBlockHashAndIndex", by_hash["hash"], "0x1")["result"] is None
    assert rpc("eth_getTransactionByBlockHashAndIndex", UNKNOWN, "0x0")["result"] is None
    assert rpc("eth_getBlockByNumber", by_hash["hash"], True)["result"] == by_hash
    assert rpc("eth_getBlockReceipts", UNKNOWN)["result"] is None


def test_a_transaction_object_gives_back_what_was_signed(rpc, chain, sign, sender):
    access = [{"address": SOMEONE, "storageKeys": [word(7)]}]
    raw = sign(0, maxFeePerGas=0, maxPriorityFeePerGas=0, accessList=access, gas=60_000, data="0x1234")
    (sent,) = chain.send_raw([raw])
    found = rpc("eth_getTransactionByHash", "0x" + sent.hex())["result"]
    signature = rlp.decode(raw[1:])[-3:]
    parity, r, s = (hex(int.from_bytes(part, "big")) for part in signature)
    assert found == {
        "type": "0x2",
        "chainId": "0x4f24",
        "nonce": "0x0",
        "from": sender.address.lower(),
        "to": SOMEONE,
        "value": "0x0",
        "gas": "0xea60",
        "gasPrice": "0x0",
        "maxFeePerGas": "0x0",
        "maxPriorityFeePerGas": "0x0",
        "input": "0x1234",
        "accessList": access,
        "hash": "0x" + sent.hex(),
        "blockHash": "0x" + chain.head.hash.hex(),
        "blockNumber": "0x1",
        "transactionIndex": "0x0",
        "v": parity,
        "yParity": parity,
        "r": r,
        "s": s,
    }
    assert rpc("eth_getBlockByNumber", "0x1", True)["result"]["transactions"] == [found]


def test_receipts_of_a_block_count_gas_and_logs_through(w3, chain, contract, bump):
    sent = chain.send_raw([bump(1, 7), bump(2, 8), bump(3, 9)])
    receipts = w3.eth.get_block_receipts(2)
    assert [bytes(each["transactionHash"]) for each in receipts] == sent
    assert [each["gasUsed"] for each in receipts] == [44_754, 27_654, 27_654]
    assert [each["cumulativeGasUsed"] for each in receipts] == [44_754, 72_408, 100_062]
    assert [each["logs"][0]["logIndex"] for each in receipts] == [0, 1, 2]
    assert [each["transactionIndex"] for each in receipts] == [0, 1, 2]
    assert receipts == [w3.eth.get_transaction_receipt(each) for each in sent]
    counted = contract.events.Bumped().process_receipt(receipts[1])[0]["args"]
    assert (counted["count"], int.from_bytes(counted["note"], "big")) == (2, 8)
    assert w3.eth.get_block(2)["gasUsed"] == 100_062


def test_a_deployment_names_its_contract(w3, contract):
    block = w3.eth.get_block(1, full_transactions=True)
    receipt = w3.eth.get_transaction_receipt(block["transactions"][0]["hash"])
    assert (receipt["contractAddress"], receipt["to"]) == (contract.address, None)
    assert len(w3.eth.get_code(contract.address)) == 287
    assert w3.eth.get_code(contract.address, 0) == b""


def test_what_is_not_there_is_null_and_an_exception_in_web3(w3, rpc):
    assert rpc("eth_getTransactionByHash", UNKNOWN)["result"] is None
    assert rpc("eth_getTransactionReceipt", UNKNOWN)["result"] is None
    with pytest.raises(TransactionNotFound):
        w3.eth.get_transaction_receipt(UNKNOWN)
    with pytest.raises(BlockNotFound):
        w3.eth.get_block(5)


# --- state at a block ---


def test_state_is_read_at_any_block(w3, chain, contract, bump, sender):
    for nonce in (1, 2):
        chain.send_raw([bump(nonce)])
    assert [w3.eth.get_transaction_count(sender.address, block) for block in range(4)] == [0, 1, 2, 3]
    assert [contract.functions.count().call(block_identifier=block) for block in (1, 2, 3)] == [0, 1, 2]
    assert [int.from_bytes(w3.eth.get_storage_at(contract.address, 0, block), "big") for block in (0, 1, 3)] == [
        0,
        0,
        2,
    ]
    by_hash = {"blockHash": "0x" + chain.store.block(2).hash.hex()}
    assert w3.provider.make_request("eth_getTransactionCount", [sender.address, by_hash])["result"] == "0x2"


def test_state_of_a_block_that_is_not_there_is_an_error(rpc):
    expected = {"code": -32000, "message": "block not found"}
    assert rpc("eth_getBalance", SOMEONE, "0x1")["error"] == expected
    assert rpc("eth_call", {"to": SOMEONE}, {"blockHash": UNKNOWN})["error"] == expected


def test_a_proof_leads_to_the_state_root_and_to_nothing_else(w3, chain, contract, bump, sender):
    chain.send_raw([bump(1)])
    root = bytes(w3.eth.get_block(2)["stateRoot"])
    proof = w3.eth.get_proof(contract.address, [0, 5], 2)
    account = _proven(root, bytes.fromhex(contract.address[2:]), proof["accountProof"])
    nonce, balance, storage_root, code_hash = rlp.decode(account)
    assert (nonce, balance) == (b"\x01", b"")
    assert (storage_root, code_hash) == (bytes(proof["storageHash"]), keccak(w3.eth.get_code(contract.address)))
    counter, unset = proof["storageProof"]
    assert _proven(storage_root, (0).to_bytes(32, "big"), counter["proof"]) == b"\x01"
    assert _proven(storage_root, (5).to_bytes(32, "big"), unset["proof"]) == b""
    assert (counter["value"], unset["value"]) == (b"\x01", b"\x00")
    nobody = w3.eth.get_proof(SOMEONE, [1], 2)
    assert _proven(root, bytes.fromhex(SOMEONE[2:]), nobody["accountProof"]) == b""
    assert w3.eth.get_proof(sender.address, [], 0)["accountProof"] == []


def _proven(root, key, proof):
    return HexaryTrie.get_from_proof(root, keccak(key), [rlp.decode(bytes(node)) for node in proof])


# --- logs ---


def counts(response):
    return [int(log["topics"][1], 16) for log in response["result"]]


def test_logs_are_found_by_address_topic_and_range(rpc, history):
    everything = {"fromBlock": "0x0", "toBlock": "latest"}
    assert counts(rpc("eth_getLogs", everything)) == list(range(1, 311))
    assert counts(rpc("eth_getLogs", everything | {"address": history})) == list(range(1, 311))
    assert counts(rpc("eth_getLogs", everything | {"address": [SOMEONE, history], "topics": [TOPIC]})) == list(
        range(1, 311)
    )
    assert counts(rpc("eth_getLogs", everything | {"address": SOMEONE})) == []
    assert counts(rpc("eth_getLogs", {"fromBlock": "0xa", "toBlock": "0xc"})) == [9, 10, 11]
    assert counts(rpc("eth_getLogs", {})) == list(range(301, 311))
    assert counts(rpc("eth_getLogs", everything | {"topics": [None, word(5)]})) == [5]
    assert counts(rpc("eth_getLogs", everything | {"topics": [TOPIC, [word(5), word(305)]]})) == [5, 305]
    assert counts(rpc("eth_getLogs", everything | {"topics": [[TOPIC, UNKNOWN], []]})) == list(range(1, 311))
    assert counts(rpc("eth_getLogs", everything | {"topics": [UNKNOWN]})) == []
    # The logs have two topics: a filter with a third position matches none of them, even if it accepts any value.
    assert counts(rpc("eth_getLogs", everything | {"topics": [None, None, None]})) == []


def test_a_log_names_its_place(rpc, chain, history):
    block = chain.store.block(302)
    (log,) = rpc("eth_getLogs", {"blockHash": "0x" + block.hash.hex(), "topics": [None, word(303)]})["result"]
    assert log == {
        "address": history.lower(),
        "topics": [TOPIC, word(303)],
        "data": word(303),
        "blockNumber": hex(302),
        "blockHash": "0x" + block.hash.hex(),
        "blockTimestamp": hex(GENESIS_TIME),
        "transactionHash": "0x" + chain.store.transactions(302)[2].hash.hex(),
        "transactionIndex": "0x2",
        "logIndex": "0x2",
        "removed": False,
    }


def test_log_queries_use_the_indexes(chain, history):
    def plan(where):
        rows = chain.store.rows("EXPLAIN QUERY PLAN SELECT * FROM logs WHERE " + where)  # noqa: S608
        return " ".join(str(row[3]) for row in rows)

    address = f"address = x'{history[2:]}'"
    topic = f"topic0 = x'{TOPIC[2:]}'"
    assert "logs_by_address (address=? AND topic0=?" in plan(f"{address} AND {topic} AND block BETWEEN 1 AND 9")
    assert "logs_by_address (address=?" in plan(address)
    assert "logs_by_topic (topic0=? AND block>? AND block<?)" in plan(f"{topic} AND block BETWEEN 1 AND 9")
    assert "PRIMARY KEY (block>? AND block<?)" in plan("block BETWEEN 1 AND 9")


def test_a_range_outside_the_chain_is_an_error_and_not_an_empty_answer(rpc, chain, sign):
    chain.send_raw([sign(0)])
    assert rpc("eth_getLogs", {"fromBlock": "0x0", "toBlock": "0x2"})["error"] == {
        "code": -32000,
        "message": "block range extends beyond the head block 1",
    }
    assert rpc("eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x0"})["error"] == {
        "code": -32000,
        "message": "invalid block range: fromBlock is after toBlock",
    }
    assert rpc("eth_getLogs", {"blockHash": UNKNOWN})["error"] == {"code": -32000, "message": "block not found"}


@pytest.mark.parametrize(
    "wanted",
    [
        {"blockHash": UNKNOWN, "fromBlock": "0x0"},
        {"address": "0x12"},
        {"address": [SOMEONE] * 1_001},
        {"topics": [TOPIC] * 5},
        {"topics": [["0x12"]]},
        {"topics": TOPIC},
        {"fromBlock": {"blockHash": UNKNOWN}},
        {"from": "0x0"},
        "latest",
        None,
    ],
)
def test_a_malformed_filter_is_refused(rpc, wanted):
    assert rpc("eth_getLogs", wanted)["error"]["code"] == -32602


def test_fee_history_is_of_zeros(w3, chain, sign):
    chain.send_raw([sign(0)])
    history = w3.eth.fee_history(5, "latest", [10, 90])
    assert (history["oldestBlock"], history["baseFeePerGas"]) == (0, [0, 0, 0])
    assert history["gasUsedRatio"] == [0.0, 0.00021]
    assert history["reward"] == [[0, 0], [0, 0]]
    assert (w3.eth.gas_price, w3.eth.max_priority_fee) == (0, 0)
