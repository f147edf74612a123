"""Measure the embedded chain on this machine and print a table.

    python -m scripts.bench_chain [--transactions N] [--blocks N]

Every figure includes the disk: a block is synced before it is acknowledged. Transactions are calls of a contract
that writes a slot and emits an event (about 45,000 gas the first time, 28,000 after); they are signed
beforehand, since signing is the client's time.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eth_account import Account
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.integrity import check
from registry.chain.embedded.provider import EmbeddedProvider
from registry.chain.embedded.server import RpcServer, serve

TOPIC = b"\x11" * 32
# storage[0] += 1; log2(calldata word, TOPIC, storage[0])
RUNTIME = bytes.fromhex("5f54600101805f555f355f527f") + TOPIC + bytes.fromhex("60205fa200")
INITCODE = bytes([0x60, len(RUNTIME)]) + bytes.fromhex("8060095f395ff3") + RUNTIME  # return the runtime
BATCH = 100


class Bench:
    """One sender, one contract, and the rows measured so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sender = Account.create()
        self.nonce = 0
        self.rows: list[tuple[str, str]] = []
        self.chain = EmbeddedChain.open(path)
        (deployed,) = self.chain.send_raw(list(self.signed(1, to=None, data=INITCODE)))
        if not isinstance(deployed, bytes):
            raise deployed
        receipt = Web3(EmbeddedProvider(self.chain)).eth.get_transaction_receipt(HexBytes(deployed))
        self.contract = receipt["contractAddress"]

    def signed(self, count: int, to: str | None = "", data: bytes = b"\x22" * 32) -> Iterator[bytes]:
        """The sender's next `count` transactions."""
        for _ in range(count):
            transaction = {"nonce": self.nonce, "gas": 200_000, "gasPrice": 0, "value": 0, "data": data}
            transaction["chainId"] = self.chain.chain_id
            if to is not None:
                transaction["to"] = to or self.contract
            self.nonce += 1
            yield bytes(self.sender.sign_transaction(transaction).raw_transaction)

    def note(self, what: str, figure: str) -> None:
        """Add and print a row."""
        self.rows.append((what, figure))
        print(f"{what:<62} {figure:>16}", flush=True)

    def one_by_one(self, name: str, w3: Web3, count: int) -> None:
        """Send and fetch the receipt, one after another."""
        raws = list(self.signed(count))
        start = time.perf_counter()
        for raw in raws:
            receipt = w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw))
            if receipt["status"] != 1:
                raise SystemExit("a transaction failed")
        self.note(name, f"{count / (time.perf_counter() - start):,.0f} tx/s")

    def batches(self, url: str, count: int) -> None:
        """JSON-RPC batches over HTTP, each mined into one block."""
        raws = list(self.signed(count))
        start, head = time.perf_counter(), self.chain.head.number
        for place in range(0, count, BATCH):
            body = [_request("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws[place : place + BATCH]]
            if any("error" in answer for answer in _post(url, body)):
                raise SystemExit("a transaction was refused")
        took = time.perf_counter() - start
        blocks = self.chain.head.number - head
        self.note(f"JSON-RPC batches of {BATCH} over HTTP ({blocks} blocks)", f"{count / took:,.0f} tx/s")

    def logs(self, server: RpcServer, blocks: int) -> None:
        """One log a block up to `blocks` blocks, then query them."""
        missing = blocks - self.chain.head.number
        start = time.perf_counter()
        for raw in self.signed(max(missing, 0)):
            self.chain.send_raw([raw])
        took = time.perf_counter() - start
        if missing > 0:
            self.note(
                f"send_raw in process, one a block ({missing:,} blocks, signing included)",
                f"{missing / took:,.0f} tx/s",
            )
        query: Any = {"address": self.contract, "topics": ["0x" + TOPIC.hex()], "fromBlock": "0x0", "toBlock": "latest"}
        for name in ("first", "again"):
            start = time.perf_counter()
            found = _post(server.url, _request("eth_getLogs", [query]))["result"]
            took = time.perf_counter() - start
            self.note(
                f"eth_getLogs over HTTP, {len(found):,} logs in {self.chain.head.number:,} blocks, {name}",
                f"{took:.3f} s",
            )
        start = time.perf_counter()
        found = Web3(HTTPProvider(server.url)).eth.get_logs(query)
        self.note(f"the same through web3.py ({len(found):,} AttributeDicts)", f"{time.perf_counter() - start:.3f} s")
        query["topics"] = [None, "0x" + (5_000).to_bytes(32, "big").hex()]
        start = time.perf_counter()
        found = _post(server.url, _request("eth_getLogs", [query]))["result"]
        self.note(f"eth_getLogs for one value of topic 1 ({len(found)} log)", f"{time.perf_counter() - start:.3f} s")

    def reopen(self) -> None:
        """Close, open, and check the whole file."""
        transactions, head = self.nonce, self.chain.head.number
        self.chain.close()
        size = self.path.stat().st_size
        start = time.perf_counter()
        self.chain = EmbeddedChain.open(self.path)
        self.note(f"open with {head:,} blocks", f"{(time.perf_counter() - start) * 1000:.1f} ms")
        self.note(f"file for {transactions:,} transactions", f"{size / transactions / 1000:.2f} kB/tx")
        start = time.perf_counter()
        found = check(self.chain)
        self.note(f"integrity check, {len(found.problems)} problems", f"{time.perf_counter() - start:.1f} s")
        self.note("peak resident memory", f"{_peak_megabytes():,.0f} MB")
        self.chain.close()


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _request(method: str, params: list[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def _post(url: str, body: object) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


def main() -> None:
    """Run all measurements in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transactions", type=int, default=500, help="sent one by one, each way")
    parser.add_argument("--blocks", type=int, default=10_000, help="length of the chain for the log query")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "chain.db")
        with serve(bench.chain) as server:
            bench.one_by_one("web3.py over HTTP, send + receipt", Web3(HTTPProvider(server.url)), options.transactions)
            in_process = Web3(EmbeddedProvider(bench.chain))
            bench.one_by_one("web3.py in process, send + receipt", in_process, options.transactions)
            bench.batches(server.url, options.transactions * 4)
            bench.logs(server, options.blocks)
        bench.reopen()


if __name__ == "__main__":
    main()
