"""Measure the market half on this machine and print docs/benchmarks.md's table "From tonnes to money".

    python -m scripts.bench_market [--journeys N] [--trades N] [--accounts N] [--keep DIR]

All points of a city's day are converted, so every account is in the dossier and in the payouts. The epoch that
converts them is published by hand: as many mandates, one signature each, would take longer than all the rest. An audit
says so, in one check and no other. Commands run in processes of their own, so time and peak memory are the user's.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
from eth_account import Account

from registry.audit.ledger import audit_ledger
from registry.audit.payouts import allocate, check_folder
from registry.chain.contracts.exchange_settlement import Side
from registry.chain.contracts.participants import Kind
from registry.chain.contracts.retirement_certificates import Purpose
from registry.core import entitlement, proceeds
from registry.evidence.epoch import write_epoch
from registry.evidence.payout import Allocated, write_payout
from registry.services import cash, market, participants, payouts, retirements, serials, treasury
from registry.services.anchoring import recompute
from registry.services.ledger import Ledger
from registry.services.mandates import give_mandates
from registry.services.owners import find_owner
from registry.store import batches
from registry.units import MG_PER_TONNE
from scripts.bench import ACCOUNTS_PER_JOURNEY, alone, figure, median_ms, opened, puhui, rate, since

BUYER = Account.from_key(b"\x01" * 32)
PRICE_FEN, FEE_BPS, LIFE_S = 5_000, 1_000, 7 * 86_400
MANDATES = 640
NO_MANDATES = "conversions follow standing mandates"

Row = tuple[str, str]


def measure(folder: Path, journeys: int, trades: int) -> Iterator[Row]:
    """The figures of one ledger, as (what, figure)."""
    home = folder / "home"
    make_ledger(folder, home, journeys)
    class_id, accounts = alone(convert_everything, home)
    run = puhui(home, "certify", "apply", "--class", str(class_id))
    yield f"certify apply: dossier of {run.result['tonnes']:,} t of {accounts:,} accounts", figure(run)
    yield "certify verify (full recomputation)", figure(puhui(home, "certify", "verify", "1"))
    yield "certify approve, which issues the serials", figure(puhui(home, "certify", "approve", "1"))
    yield from alone(sell, home, trades)
    run = puhui(home, "payout", "run")
    yield f"payout run of {run.result['allocated_fen']:,} fen to {run.result['size']:,} accounts", figure(run)
    yield "payout attest (full recomputation)", figure(puhui(home, "payout", "attest", "1"))
    yield "payout pay, 32 accounts", figure(puhui(home, "payout", "pay", "P-1", "--minimum", "0.01", "--limit", "32"))
    yield from alone(small_things, home)
    run = puhui(home, "audit", allowed=(3,))
    wrong = [check["name"] for check in run.result["checks"] if not check["ok"]]
    if wrong != [NO_MANDATES]:
        raise RuntimeError(f"the audit found differences: {wrong}")
    yield f"full audit of {journeys:,} journeys and all of this", figure(run)
    yield "of which from the pool to the last fen", f"{alone(market_audit, home):.1f} s"


def make_ledger(folder: Path, home: Path, journeys: int) -> None:
    """A ledger of a city's day, attested."""
    city, accounts = folder / "city", int(journeys * ACCOUNTS_PER_JOURNEY)
    size = ("--journeys", str(journeys), "--accounts", str(accounts), "--seed", "7")
    make = [sys.executable, "-m", "scripts.make_city", "--out", str(city), *size]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    puhui(home, "init")
    puhui(home, "accounts", "import", str(city / "accounts.csv"))
    puhui(home, "trips", "import", str(city / "journeys.csv"), "--source", "city-app", "--format", "journeys")
    puhui(home, "anchor")
    puhui(home, "attest")


def convert_everything(home: Path) -> tuple[int, int]:
    """Publish and sign epoch 1, in which every account converts all it earned: their class, how many they are."""
    with opened(home) as ledger:
        return _convert(ledger)


def _convert(ledger: Ledger) -> tuple[int, int]:
    with ledger.db.read() as session:
        listed = [row.id for row in batches.select_batches(session)]
    earned = [recompute(ledger, batch).earned() for batch in listed]
    everyone = set(pl.concat(earned)["account"])
    table = entitlement.accumulate(entitlement.empty(), earned, everyone)
    ids, head = tuple(bytes.fromhex(batch[2:]) for batch in listed), ledger.contracts.chain.head()
    epoch = write_epoch(ledger.home.evidence, 1, table, ids, head)
    points, conversions = ledger.contracts.points, entitlement.conversions(entitlement.empty(), table)
    ledger.submitter("platform").send(points.publish_epoch(1, epoch.root, epoch.size, epoch.batches, conversions))
    record = points.epoch(1)
    if record is None:
        raise RuntimeError("epoch 1 was not published")
    ledger.submitter("verifier").send(points.attest_epoch(1, record.digest))
    ((class_id, _),) = conversions
    return class_id, len(everyone)


def sell(home: Path, trades: int) -> list[Row]:
    """The treasury sells one tonne a trade."""
    with opened(home) as ledger:
        return list(_sell(ledger, trades))


def _sell(ledger: Ledger, trades: int) -> Iterator[Row]:
    identity = ledger.home.path.parent / "identity"
    identity.write_text("a company", "utf-8")
    participants.register(ledger, BUYER.address, "BENCH-1", Kind.COMPLIANCE, identity)
    participants.admit(ledger, BUYER.address)
    cash.request(ledger, "bank-1", BUYER.address, trades * PRICE_FEN)
    cash.confirm(ledger, "bank-1")
    treasury.add_rule(ledger, FEE_BPS, 0, ledger.keys.account("platform").address)
    expiry = int(time.time()) + LIFE_S
    offered = treasury.offer(ledger, "bench", 1, trades, PRICE_FEN, expiry).entry.order_hash
    bids = []

    def bid(_: int) -> None:
        bids.append(market.place_order(ledger, BUYER, Side.BUY, 1, 1, PRICE_FEN, expiry).order_hash)

    yield "a signed order into the book", f"{rate(bid, trades):,.0f} orders/s"

    def settle(number: int) -> None:
        market.settle(ledger, f"t-{number}", offered, bids[number], 1, PRICE_FEN)

    yield f"settle, {trades:,} trades, each checked, sent and mined alone", f"{rate(settle, trades):,.1f} trades/s"
    started = time.perf_counter()
    collected = treasury.collect(ledger)
    yield "collect, each trade's proceeds split", f"{len(collected) / since(started):,.1f} trades/s"


def small_things(home: Path) -> list[Row]:
    """Look-ups, a retirement, claims and mandates in one process, without the start of an interpreter."""
    with opened(home) as ledger:
        return [*_small_things(ledger), *_mandates(ledger)]


def _small_things(ledger: Ledger) -> Iterator[Row]:
    last = ledger.contracts.reductions.next_serial() - 1
    found = median_ms(lambda i: serials.look_up(ledger, str(1 + i % last)))
    yield "serial look-up after these trades", f"{found:,.0f} ms"
    ledger.keys.account("platform")  # opening a keystore takes a second, once a process
    started = time.perf_counter()
    retirements.retire(ledger, BUYER, 1, 1, Purpose.VOLUNTARY, "bench", beneficiary="bench")
    yield "retirement of 1 t", f"{since(started) * 1_000:,.0f} ms"
    started = time.perf_counter()
    due = payouts.payable(ledger, 1)
    yield f"who is due what, {len(due):,} accounts", f"{since(started):.2f} s"
    first, *wallets = [each.wallet for each in due[:4]]
    payouts.claim(ledger, find_owner(ledger, first))  # opens the hosted wallets' secret
    started = time.perf_counter()
    for wallet in wallets:
        payouts.claim(ledger, find_owner(ledger, wallet))
    yield "claim of proceeds", f"{since(started) / len(wallets) * 1_000:,.0f} ms"


def _mandates(ledger: Ledger) -> Iterator[Row]:
    table = payouts.contributions_of(ledger, 1).head(4 * MANDATES)
    owners = []
    for account in table["account"]:
        owner = find_owner(ledger, "0x" + account.hex())
        if owner.hosted and len(owners) < MANDATES:
            owners.append(owner)
    started = time.perf_counter()
    done = give_mandates(ledger, owners, b"terms of the benchmark")
    yield (
        f"{done.given} mandates in {len(done.transactions)} calls",
        (f"{done.given / since(started):,.0f} mandates/s"),
    )


def market_audit(home: Path) -> float:
    """Seconds from the audit's saying that it begins with certifications to its end."""
    began: list[float] = []

    def progress(said: str) -> None:
        if said == "certifications":
            began[:] = [time.perf_counter()]

    with opened(home) as ledger:
        audit_ledger(ledger.contracts, ledger.home.evidence, progress)
    return time.perf_counter() - began[0]


def allocation(folder: Path, accounts: int) -> list[Row]:
    """The split of one payout among very many, without chain and database."""
    random = np.random.default_rng(7)
    content = random.bytes(20 * accounts)
    names = sorted(content[start : start + 20] for start in range(0, len(content), 20))
    mg = random.integers(1, 5_000_000, accounts)
    weights = pl.DataFrame({"account": names, "mg": mg}, schema={"account": pl.Binary(), "mg": pl.UInt64()})
    allocated = (Allocated(1, 0, int(mg.sum()) * PRICE_FEN // MG_PER_TONNE),)
    started = time.perf_counter()
    rows = allocate(allocated, lambda _: weights)
    split = since(started)
    due = proceeds.accumulate(proceeds.empty(), [rows])
    made = write_payout(folder, 1, allocated, rows, due)
    written = since(started) - split
    made.check_files()
    check_folder(made, due)
    checked = since(started) - split - written
    return [
        (f"largest remainder, {allocated[0].fen:,} fen among {accounts:,} accounts", f"{split:.2f} s"),
        (
            f"evidence of the run: {made.payout.size:,} rows, tree, digests; checked",
            f"{written:.2f} s; {checked:.2f} s",
        ),
    ]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journeys", type=int, default=1_000_000)
    parser.add_argument("--trades", type=int, default=200, help="of one tonne each")
    parser.add_argument("--accounts", type=int, default=1_000_000, help="of the payout without a ledger")
    parser.add_argument("--keep", type=Path, help="folder for city and ledger; default a temporary one")
    options = parser.parse_args()
    os.environ.setdefault("PUHUI_KEYSTORE_PASSWORD", "benchmark-only")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(f"load {os.getloadavg()[0]:.1f} at the start\n\n| what | figure |\n|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        split = alone(allocation, folder / "alone", options.accounts)
        for what, value in chain(split, measure(folder, options.journeys, options.trades)):
            print(f"| {what} | {value} |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
