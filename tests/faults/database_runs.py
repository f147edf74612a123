"""Campaigns of faults of the database; each ends with what was found, and with exit code 1 when that is anything.

python -m tests.faults.database_runs commits --runs 200     cut connections to PostgreSQL at commits
python -m tests.faults.database_runs stop --runs 24         stop whoever may send, on PostgreSQL and on SQLite
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

from registry.store.session import Database
from tests.faults import database_commits, database_stops
from tests.faults.database_stops import FACTOR, LEASE_S
from tests.postgres import PostgresServer


@contextmanager
def _server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.stop()


def commits(runs: int, seed: int) -> list[str]:
    """Cut `runs` commits; what was found."""
    with _server() as server, database_commits.bench(server) as bench:
        database_commits.campaign(bench, runs, Random(seed))
        moments = Tally(f"{cut.moment.value}{' (reset)' if cut.reset else ''}" for cut in bench.proxy.done)
        _say(f"{len(bench.proxy.done)} of {bench.proxy.commits} commits were cut:")
        for moment, times in sorted(moments.items()):
            _say(f"  {times:4} {moment}")
        for answer, times in bench.answers.items():
            _say(f"  {times:4} were told: {answer}")
        _say(f"{len(bench.keys)} operations were decided; the lease changed hands {bench.token()} times")
        return bench.faults()


def stop(runs: int, seed: int) -> list[str]:
    """Stop the holder of the lease `runs` times on each of the two databases; what was found."""
    found = []
    with _server() as server, tempfile.TemporaryDirectory() as temporary:
        urls = {
            "PostgreSQL": server.url(server.create_database()),
            "SQLite": f"sqlite:///{Path(temporary) / 'ledger.db'}",
        }
        for name, url in urls.items():
            folder = Path(temporary) / name
            folder.mkdir()
            with closing(Database(url)) as database:
                database.migrate()
            with database_stops.anvil() as node, database_stops.pair(url, node, folder, seed) as pair:
                for _ in range(runs):
                    pair.cycle()
                pair.finish()
                stops, faults = pair.stops, pair.faults()
                _say(
                    f"{name}: {runs} stops of the holder; a lease is {LEASE_S:.1f} s, time runs {FACTOR} times as fast"
                )
                _say(
                    f"  {stops.taken_over} times another one took over, {stops.waited} times nobody within three leases"
                )
                _say(f"  {stops.told} were said by the workers; {len(pair.decided())} operations were decided")
                found += [f"{name}: {fault}" for fault in faults]
    return found


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run one campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("campaign", choices=("commits", "stop"))
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    found = {"commits": commits, "stop": stop}[given.campaign](given.runs, given.seed)
    _say(f"seed {given.seed}, {time.monotonic() - began:.0f} s, {len(found)} faults")
    for fault in found:
        _say(f"FAULT {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
