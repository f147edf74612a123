"""kill -9 at random moments: what was acknowledged is there, and the file agrees with itself."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from embedded_contract import CHAIN_ID
from eth_account import Account
from web3 import Web3

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.integrity import check
from registry.chain.embedded.provider import EmbeddedProvider

KILLS = 15
ROOT = Path(__file__).parents[3]
KEY = "0x" + "22" * 32

# Sends one transaction, then three together, and so on; prints each hash when the chain has acknowledged it.
SENDER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:4]
from eth_account import Account
from embedded_contract import selector
from registry.chain.embedded.chain import EmbeddedChain

chain = EmbeddedChain.open(Path(sys.argv[1]))
sender = Account.from_key(sys.argv[5])
nonce = chain.state(chain.head).get_nonce(bytes.fromhex(sender.address[2:]))
call = {"gas": 100_000, "gasPrice": 0, "value": 0, "chainId": chain.chain_id, "to": sys.argv[4]}
call["data"] = selector("bump(bytes32)") + b"\\x01" * 32
print("ready", flush=True)
while True:
    size = 3 if nonce % 4 else 1
    raws = [sender.sign_transaction(call | {"nonce": nonce + place}).raw_transaction for place in range(size)]
    for sent in chain.send_raw([bytes(raw) for raw in raws]):
        print(sent.hex(), flush=True)
    nonce += size
"""


def _run_and_kill(path: Path, contract: str, seconds: float) -> list[bytes]:
    """Let a sender run for `seconds` after it is ready, SIGKILL it, and return what it acknowledged."""
    arguments = [sys.executable, "-c", SENDER, str(path), str(ROOT), str(Path(__file__).parent), contract, KEY]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.kill()
        lines = process.stdout.read().splitlines()
    # The last line may have been cut by the kill.
    return [bytes.fromhex(line) for line in lines if len(line) == 64]


def test_kill_9_loses_nothing_that_was_acknowledged(path, chain, contract):
    address = contract.address
    chain.close()
    moments = random.Random(20260)
    acknowledged: list[bytes] = []
    for kill in range(1, KILLS + 1):
        acknowledged += _run_and_kill(path, address, moments.uniform(0.0, 0.1))
        with EmbeddedChain.open(path) as reopened:
            w3 = Web3(EmbeddedProvider(reopened))
            assert all(w3.eth.get_transaction_receipt(sent)["status"] == 1 for sent in acknowledged)
            # At most the block in flight at each kill was mined and no longer acknowledged.
            mined = w3.eth.get_transaction_count(Account.from_key(KEY).address) - 1
            assert len(acknowledged) <= mined <= len(acknowledged) + 3 * kill
            assert w3.eth.contract(address, abi=contract.abi).functions.count().call() == mined
            found = check(reopened)
            assert (found.problems, found.transactions, found.logs) == ((), mined + 1, mined)
    assert len(acknowledged) > KILLS


def test_a_chain_killed_while_it_is_created_is_created_again(path):
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path\n"
        "from registry.chain.embedded import store\n"
        "store.ChainStore._insert = lambda *_: os.kill(os.getpid(), 9)\n"
        "from registry.chain.embedded.chain import EmbeddedChain; EmbeddedChain.open(Path(sys.argv[1]))"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path), str(ROOT)], check=False)
    assert killed.returncode == -9
    assert path.exists()
    with EmbeddedChain.open(path) as chain:
        assert (chain.head.number, chain.chain_id) == (0, CHAIN_ID)
        assert check(chain).problems == ()
