"""Measure the figures of docs/benchmarks.md on this machine and print them as Markdown.

    python -m scripts.bench [--journeys 1000000 ...] [--keep DIR]

Each size runs the real command line in processes of their own, so time and peak memory are the user's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from registry.audit.verify import verify_file
from registry.services.home import Home
from registry.services.ledger import Ledger, open_ledger
from registry.services.owners import find_owner
from registry.services.points import claim
from registry.services.proofs import prove_trip
from registry.settings import Settings

ACCOUNTS_PER_JOURNEY = 0.42
SAMPLES = 50
Result = TypeVar("Result")


@dataclass(frozen=True)
class Run:
    """One command: wall seconds, peak resident MB, its JSON result."""

    seconds: float
    peak_mb: int
    result: Any


def puhui(home: Path, *arguments: str, allowed: tuple[int, ...] = (0,)) -> Run:
    """Run a command; raises RuntimeError with its error text when it ends with another exit code than allowed."""
    command = [sys.executable, "-m", "registry.cli", "--home", str(home), *arguments, "--json"]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in allowed:
            raise RuntimeError(f"{' '.join(arguments)}: exit {process.returncode}\n{err.read().decode()}")
        return Run(seconds, usage.ru_maxrss // 1024, json.loads(out.read()))


def measure(folder: Path, journeys: int) -> Iterator[tuple[str, str]]:
    """The figures of one size, as (what, figure)."""
    accounts = int(journeys * ACCOUNTS_PER_JOURNEY)
    city, home = folder / f"city-{journeys}", folder / f"home-{journeys}"
    # In a process of its own: a child's peak memory starts from its parent's.
    size = ("--journeys", str(journeys), "--accounts", str(accounts), "--seed", "7")
    subprocess.run(
        [sys.executable, "-m", "scripts.make_city", "--out", str(city), *size], check=True, stdout=subprocess.DEVNULL
    )
    expected = json.loads((city / "expected.json").read_text())["journeys.csv"]
    puhui(home, "init")
    run = puhui(home, "accounts", "import", str(city / "accounts.csv"))
    yield f"accounts file of {accounts:,} to the database", figure(run)
    run = puhui(home, "trips", "import", str(city / "journeys.csv"), "--source", "city-app", "--format", "journeys")
    if {k: run.result[k] for k in expected} != expected:
        raise RuntimeError(f"counts differ: expected {expected}, got {run.result}")
    yield f"{journeys:,} journeys from CSV to sealed batch", f"{figure(run)}, {journeys / run.seconds:,.0f} rows/s"
    anchored = puhui(home, "anchor").result["batches"]
    yield f"anchor, {len(anchored)} batches", "gas " + ", ".join(f"{b['gas']:,}" for b in anchored)
    run = puhui(home, "attest")
    yield (
        "attest (full recomputation)",
        f"{figure(run)}, gas " + ", ".join(f"{b['gas']:,}" for b in run.result["batches"]),
    )
    run = puhui(home, "epoch", "publish")
    yield f"publish epoch of {run.result['size']:,} entitlements", f"{figure(run)}, gas {run.result['gas']:,}"
    run = puhui(home, "audit")
    if not run.result["ok"]:
        raise RuntimeError("the audit found differences")
    yield f"full audit ({run.result['level']})", figure(run)
    with opened(home) as ledger:
        yield from small_things(ledger, city, folder)


def small_things(ledger: Ledger, city: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Claim, proof and verification in this process, without the start of an interpreter."""
    with (city / "journeys.csv").open(encoding="utf-8") as file:
        next(file)
        trips = [line.split(",")[:2] for _, line in zip(range(4_000), file, strict=False)]
    made = []
    for trip_id, account in trips:
        try:
            made.append((prove_trip(ledger, trip_id), trip_id, account))
        except Exception:  # noqa: S112 - a rejected row has no proof, and any other trip will do
            continue
        if len(made) == SAMPLES:
            break
    seconds = median_ms(lambda i: prove_trip(ledger, made[i][1]))
    yield "one proof", f"{seconds:.1f} ms, {max(m.bytes_read for m, _, _ in made):,} bytes read"
    path = folder / "proof.json"
    path.write_text(json.dumps(made[0][0].proof.to_json()), "utf-8")
    yield "proof verified, offline steps", f"{median_ms(lambda _: verify_file(path)):.2f} ms"
    yield (
        "proof verified against the node",
        f"{median_ms(lambda _: verify_file(path, contracts=ledger.contracts)):.2f} ms",
    )
    done = claim(ledger, find_owner(ledger, made[0][2]))
    yield "claim", f"gas {done[0].gas:,}"


def median_ms(action: Callable[[int], object]) -> float:
    """The median milliseconds of SAMPLES calls."""
    times = []
    for i in range(SAMPLES):
        started = time.perf_counter()
        action(i)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1_000


def alone(work: Callable[..., Result], *arguments: object) -> Result:
    """What `work` returns, from a process of its own: a child's peak memory starts from its parent's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def since(started: float) -> float:
    """Seconds since then."""
    return time.perf_counter() - started


def rate(action: Callable[[int], object], count: int) -> float:
    """Calls a second, one after another."""
    started = time.perf_counter()
    for number in range(count):
        action(number)
    return count / since(started)


def figure(run: Run) -> str:
    """A command's time and memory."""
    return f"{run.seconds:.1f} s, {run.peak_mb:,} MB peak"


@contextmanager
def opened(home: Path) -> Iterator[Ledger]:
    """The ledger in this process."""
    with open_ledger(Home(home), Settings(), writing=True) as ledger:
        yield ledger


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journeys", type=int, nargs="+", default=[1_000_000, 4_000_000])
    parser.add_argument("--keep", type=Path, help="folder for cities and ledgers; default a temporary one")
    arguments = parser.parse_args()
    os.environ.setdefault("PUHUI_KEYSTORE_PASSWORD", "benchmark-only")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        for journeys in arguments.journeys:
            print(f"### {journeys:,} journeys\n\n| what | figure |\n|---|---|")
            for what, value in measure(folder, journeys):
                print(f"| {what} | {value} |", flush=True)
            print()


if __name__ == "__main__":
    main()
