"""Every derived value and every truth it derives from, changed one at a time, is reported."""

# ruff: noqa: S608 - the statements that damage a test database are put together from constants

from __future__ import annotations

import sqlite3

import pytest

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.integrity import check

SECOND = "WHERE block = 2 AND position = 1"
HEADER_2 = "SELECT header FROM blocks WHERE number = 2"
RAW_3 = "SELECT raw FROM transactions WHERE block = 3"
RECEIPT_3 = "SELECT receipt FROM transactions WHERE block = 3"
ANOTHER = "SELECT 5, 2, x'01', sender, gas_used, 2, raw, receipt FROM transactions WHERE block = 4"
STRAY = "SELECT 0, 0, 9, address, topic0, topic1, topic2, topic3, data FROM logs WHERE block = 4"


@pytest.fixture
def closed(path, clock, chain, contract, bump):
    """A closed chain of five blocks with eight transactions and seven logs."""
    chain.send_raw([bump(1, 1), bump(2, 2), bump(3, 3)])
    for nonce in (4, 5):
        chain.send_raw([bump(nonce, nonce)])
    chain.send_raw([bump(6, 6), bump(7, 7)])
    assert chain.head.number == 5
    chain.close()
    return path


def checked(path, clock):
    with EmbeddedChain.open(path, clock=clock) as chain:
        return check(chain)


def test_a_sound_chain_is_counted_and_has_no_problems(closed, clock):
    found = checked(closed, clock)
    assert (found.blocks, found.transactions, found.logs, found.accounts) == (6, 8, 7, 2)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE blocks SET timestamp = timestamp + 1 WHERE number = 3", "block 3: the timestamp is not its header's"),
        ("UPDATE blocks SET hash = x'00' WHERE number = 3", "block 3: the hash is not that of its header"),
        (f"UPDATE blocks SET header = ({HEADER_2}) WHERE number = 3", "block 3: its header says 2"),
        ("DELETE FROM blocks WHERE number = 3", "block 3 is missing"),
        (f"UPDATE transactions SET hash = x'00' {SECOND}", "block 2 transaction 1: the hash is not that of its bytes"),
        (f"UPDATE transactions SET sender = zeroblob(20) {SECOND}", "the sender is not who signed it"),
        (f"UPDATE transactions SET gas_used = gas_used + 1 {SECOND}", "position, gas used or first log differ"),
        (f"UPDATE transactions SET first_log = 0 {SECOND}", "position, gas used or first log differ"),
        (f"UPDATE transactions SET raw = ({RAW_3}) WHERE block = 4", "block 4: transaction root differs"),
        (f"UPDATE transactions SET receipt = ({RECEIPT_3}) {SECOND}", "block 2: receipt root differs"),
        ("DELETE FROM transactions WHERE block = 5 AND position = 1", "block 5: transaction root differs"),
        (f"INSERT INTO transactions {ANOTHER}", "block 5: transaction root differs"),
        ("UPDATE logs SET data = zeroblob(32) WHERE block = 4", "block 4 transaction 0: the indexed logs are not"),
        ("UPDATE logs SET topic1 = NULL WHERE block = 4", "block 4 transaction 0: the indexed logs are not"),
        ("UPDATE logs SET address = zeroblob(20) WHERE block = 4", "block 4 transaction 0: the indexed logs are not"),
        ("DELETE FROM logs WHERE block = 2 AND log_index = 2", "block 2 transaction 2: the indexed logs are not its"),
        (f"INSERT INTO logs {STRAY}", "logs: 8 rows, 7 in the blocks"),
    ],
)  # fmt: skip
def test_a_changed_row_is_reported(closed, clock, change, problem):
    with sqlite3.connect(closed) as database:
        assert database.execute(change).rowcount > 0
    problems = checked(closed, clock).problems
    assert any(problem in each for each in problems), problems


def test_every_node_of_the_newest_state_is_needed_and_checked(closed, clock):
    """Damage each stored node in turn: those the head's state reaches are reported, older ones are history."""
    with sqlite3.connect(closed) as database:
        nodes = database.execute("SELECT hash, value FROM nodes").fetchall()
    reported = 0
    for key, value in nodes:
        with sqlite3.connect(closed) as database:
            database.execute("UPDATE nodes SET value = ? WHERE hash = ?", (value[:-1] + b"?", key))
        reported += bool(checked(closed, clock).problems)
        with sqlite3.connect(closed) as database:
            database.execute("UPDATE nodes SET value = ? WHERE hash = ?", (value, key))
    # The code; the storage of the head; a state root for each of the five blocks, and the head's two accounts.
    assert reported == 9
    assert checked(closed, clock).problems == ()
