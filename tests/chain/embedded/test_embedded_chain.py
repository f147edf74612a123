from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

import pytest
from embedded_contract import CHAIN_ID, GENESIS_TIME, SOMEONE
from eth_account import Account

from registry.chain.embedded.block import BlockDraft
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.errors import TransactionRefused
from registry.chain.embedded.integrity import check
from registry.chain.embedded.lock import announce
from registry.errors import ChainMismatch, ChainUnavailable, UsageError

# --- opening ---


def test_genesis_depends_on_chain_id_time_and_gas_limit_only(tmp_path):
    def genesis(name, **arguments):
        arguments = {"chain_id": CHAIN_ID, "genesis_timestamp": GENESIS_TIME, **arguments}
        with EmbeddedChain.open(tmp_path / name, **arguments) as chain:
            return chain.genesis_hash.hex()

    first = genesis("a")
    assert first == genesis("b")
    others = [genesis("c", chain_id=1), genesis("d", genesis_timestamp=5), genesis("e", gas_limit=30_000_000)]
    assert len({first, *others}) == 4
    # A change of this value changes the genesis hash every deployed ledger has pinned.
    assert first == "5b997d1c13df5888b79085f16b49a9df3fb976165ff5ced9ea1fe346cdcc4c29"


def test_another_chain_id_is_refused_with_both_ids(path):
    EmbeddedChain.open(path, chain_id=7).close()
    with pytest.raises(ChainMismatch) as caught:
        EmbeddedChain.open(path, chain_id=8)
    assert caught.value.fields == {"expected": 8, "actual": 7}
    EmbeddedChain.open(path, chain_id=7).close()  # the refusal let go of the file


def test_another_genesis_hash_is_refused(path):
    with EmbeddedChain.open(path) as chain:
        genesis = chain.genesis_hash
    EmbeddedChain.open(path, genesis_hash=genesis).close()
    with pytest.raises(ChainMismatch) as caught:
        EmbeddedChain.open(path, genesis_hash=b"\x01" * 32)
    assert caught.value.fields == {"expected": "0x" + "01" * 32, "actual": "0x" + genesis.hex()}


@pytest.mark.parametrize("chain_id", [0, -1, 2**53])
def test_a_chain_id_no_wallet_can_hold_is_refused(path, chain_id):
    with pytest.raises(UsageError):
        EmbeddedChain.open(path, chain_id=chain_id)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one" * 100, b"SQLite format 3\0"])
def test_a_file_that_is_no_database_is_refused_and_kept(path, content):
    path.write_bytes(content)
    with pytest.raises(ChainUnavailable, match=r"chain\.db cannot be opened as a chain file"):
        EmbeddedChain.open(path)
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE blocks (number INTEGER)")
    with pytest.raises(ChainUnavailable, match="is a database, but not a chain file"):
        EmbeddedChain.open(path)


def test_a_later_schema_is_refused(path):
    EmbeddedChain.open(path).close()
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 2")
    with pytest.raises(ChainUnavailable, match="has chain schema 2, this program reads 1"):
        EmbeddedChain.open(path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ChainUnavailable, match="No such file or directory"):
        EmbeddedChain.open(tmp_path / "missing" / "chain.db")


def test_a_second_opening_is_refused_until_the_first_closes(path):
    first = EmbeddedChain.open(path)
    with pytest.raises(ChainUnavailable, match=rf"another process \({os.getpid()}\) has the chain chain.db open$"):
        EmbeddedChain.open(path)
    first.close()
    first.close()
    EmbeddedChain.open(path).close()


def _try_to_open(path: Path, answers: multiprocessing.SimpleQueue[str]) -> None:
    try:
        EmbeddedChain.open(path)
        answers.put("opened")
    except ChainUnavailable as error:
        answers.put(error.message)


def test_a_second_process_is_told_where_the_first_serves(path):
    with EmbeddedChain.open(path):
        announce(path, "http://127.0.0.1:8545")
        context = multiprocessing.get_context("spawn")
        answers = context.SimpleQueue()
        other = context.Process(target=_try_to_open, args=(path, answers))
        other.start()
        other.join()
    expected = f"another process ({os.getpid()}) has the chain chain.db open, serving it at http://127.0.0.1:8545"
    assert answers.get() == expected


def test_the_address_of_a_crashed_server_is_not_given_out(path):
    Path(f"{path}.rpc.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": 1}))
    with EmbeddedChain.open(path), pytest.raises(ChainUnavailable) as caught:
        EmbeddedChain.open(path)
    assert "127.0.0.1" not in caught.value.message


# --- mining ---


def test_a_sender_without_a_balance_sends_for_free(chain, w3, sender, sign):
    assert w3.eth.get_balance(sender.address) == 0
    (sent,) = chain.send_raw([sign(0)])
    receipt = w3.eth.get_transaction_receipt(sent)
    assert (receipt["status"], receipt["gasUsed"], receipt["effectiveGasPrice"]) == (1, 21_000, 0)
    assert w3.eth.get_balance(sender.address) == 0


def test_the_base_fee_stays_zero_after_full_blocks(path, sign, clock):
    with EmbeddedChain.open(path, gas_limit=30_000, clock=clock) as chain:
        for nonce in range(3):
            assert isinstance(chain.send_raw([sign(nonce)])[0], bytes)
        assert check(chain).problems == ()


def test_transactions_of_one_sender_share_a_block_in_nonce_order(chain, w3, sign):
    sent = chain.send_raw([sign(2), sign(0), sign(1)])
    block = w3.eth.get_block(1)
    assert chain.head.number == 1
    assert [bytes(each) for each in block["transactions"]] == [sent[1], sent[2], sent[0]]


def test_senders_keep_their_places_in_the_line(chain, w3, sign):
    other = Account.from_key("0x" + "33" * 32)
    raws = [sign(1), sign(0, by=other), sign(0)]
    sent = chain.send_raw(raws)
    assert [bytes(each) for each in w3.eth.get_block(1)["transactions"]] == [sent[2], sent[1], sent[0]]


def test_a_refused_transaction_makes_no_block_and_does_not_disturb_the_others(chain, sign):
    results = chain.send_raw([sign(0), b"\x02junk", sign(5), sign(1)])
    assert [type(each) for each in results] == [bytes, TransactionRefused, TransactionRefused, bytes]
    assert chain.head.number == 1
    assert isinstance(chain.send_raw([sign(7)])[0], TransactionRefused)
    assert chain.head.number == 1


def test_what_does_not_fit_into_a_block_goes_into_the_next(path, sign, clock):
    with EmbeddedChain.open(path, gas_limit=50_000, clock=clock) as chain:
        results = chain.send_raw([sign(nonce) for nonce in range(5)])
        assert all(isinstance(each, bytes) for each in results)
        assert [len(chain.store.transactions(number)) for number in range(chain.head.number + 1)] == [0, 2, 2, 1]


def test_a_block_may_carry_its_parents_time_but_never_an_earlier_one(chain, clock, sign):
    times = []
    for nonce, now in enumerate([GENESIS_TIME, GENESIS_TIME + 9, GENESIS_TIME - 100, GENESIS_TIME + 9]):
        clock.now = now
        chain.send_raw([sign(nonce)])
        times.append(chain.head.timestamp - GENESIS_TIME)
    assert times == [0, 9, 9, 9]


def test_a_reverting_transaction_is_mined_with_status_0(chain, w3, contract, sign, sender):
    (sent,) = chain.send_raw([sign(1, to=contract.address, data=contract.encode_abi("fail"), gas=100_000)])
    receipt = w3.eth.get_transaction_receipt(sent)
    assert (receipt["status"], receipt["logs"]) == (0, [])
    assert w3.eth.get_transaction_count(sender.address) == 2


def test_everything_is_there_again_after_reopening(path, sign, clock):
    with EmbeddedChain.open(path, clock=clock) as chain:
        (sent,) = chain.send_raw([sign(0)])
        head = chain.head
    with EmbeddedChain.open(path, clock=clock) as chain:
        assert chain.head == head
        assert chain.store.transaction(sent).raw == sign(0)
        assert chain.send_raw([sign(0)])[0].message == "already known"
        assert isinstance(chain.send_raw([sign(1)])[0], bytes)


def test_a_closed_chain_refuses(chain, sign):
    chain.close()
    (refusal,) = chain.send_raw([sign(0)])
    assert (refusal.code, refusal.message) == (-32603, "internal error: the transaction was not mined")


def test_a_write_that_fails_leaves_no_block_and_the_chain_goes_on(chain, sign, monkeypatch):
    class Full:
        def execute(self, *_):
            raise sqlite3.OperationalError("database or disk is full")

    writer = chain.store._writer
    monkeypatch.setattr(chain.store, "_writer", Full())
    (refusal,) = chain.send_raw([sign(0)])
    assert refusal.code == -32603
    monkeypatch.setattr(chain.store, "_writer", writer)
    assert chain.head.number == 0
    assert isinstance(chain.send_raw([sign(0)])[0], bytes)
    assert check(chain).problems == ()


def test_a_transaction_the_engine_fails_on_is_mined_neither_with_nor_before_the_others(chain, sign, monkeypatch):
    others = [Account.from_key("0x" + "33" * 32), Account.from_key("0x" + "44" * 32)]
    raws = [sign(0, by=others[0]), sign(0), sign(0, by=others[1]), sign(1)]
    execute = BlockDraft.apply

    def apply(draft, transaction):
        execute(draft, transaction)
        if transaction.raw == raws[1]:
            raise RuntimeError("after half of it was done")

    monkeypatch.setattr(BlockDraft, "apply", apply)
    first, failed, third, next_of_sender = chain.send_raw(raws)
    assert (failed.code, next_of_sender.message) == (-32603, "nonce too high: next nonce 0, tx nonce 1")
    assert [row.hash for row in chain.store.transactions(1)] == [first, third]
    assert (chain.head.number, check(chain).problems) == (1, ())


def test_senders_that_wait_together_share_blocks(chain, w3):
    senders = [Account.from_key(bytes([place]) * 32) for place in range(1, 9)]
    results = []

    def send(account):
        for nonce in range(10):
            fields = {"nonce": nonce, "to": SOMEONE, "value": 0, "gas": 21_000, "gasPrice": 0, "chainId": CHAIN_ID}
            results.extend(chain.send_raw([bytes(account.sign_transaction(fields).raw_transaction)]))

    threads = [threading.Thread(target=send, args=(account,)) for account in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    assert all(chain.store.transaction(each) for each in results)
    found = check(chain)
    assert (found.transactions, found.problems) == (80, ())
    assert [w3.eth.get_transaction_count(account.address) for account in senders] == [10] * 8
