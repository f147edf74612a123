"""`kill -9` at named points, as often as is wanted: `python -m tests.faults.kill_runs --runs 1000`.

Which hits of which points are met is chosen by a seed, so that every pair of a command and a point has its share.
Progress goes to stderr, a summary in Markdown to stdout; the exit code is 1 if anything was lost, done twice, unsound,
refused or slow. With `--serve` it plays the histories that it reads, a line each, and answers each with a line: how a
test, in whose process Polars has run, comes to processes that can be forked.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final

from tests.faults.kill_history import SOON_S, Histories, History, Outcome
from tests.faults.kill_points import POINTS
from tests.faults.kill_process import loading_ms

Played = tuple[History, Outcome]
READY_MS: Final = 10_000


@dataclass(frozen=True)
class Choice:
    """Which kills: `again` more of the processes that come after the first, at random, if they come so far."""

    seed: int
    later_s: int
    again: int


def every(hits: dict[str, dict[str, int]], choice: Choice) -> Iterator[History]:
    """Every first kill, those of one command and point as far from each other as can be."""
    chosen = random.Random(choice.seed)
    lists = []
    for command, points in hits.items():
        possible = [(point, nth) for point, count in points.items() for nth in range(1, count + 1)]
        for point, count in points.items():
            found = [
                History(
                    command, ((point, nth), *chosen.choices(possible, k=choice.again)), choice.later_s, strict=False
                )
                for nth in range(1, count + 1)
            ]
            chosen.shuffle(found)
            lists.append(found)
    chosen.shuffle(lists)
    return (each for each in chain.from_iterable(zip_longest(*lists)) if each is not None)


def campaign(folder: Path, skip: int, runs: int, choice: Choice) -> int:
    """Play `runs` histories after the first `skip`, and print what came of them; returns the exit code."""
    start, loading = time.monotonic(), loading_ms()
    histories = Histories(folder)
    _say(f"the line of commands ran once, uninterrupted; to load the program takes {loading:,} ms")
    hits = {command: histories.hits(command) for command in histories.commands}
    possible = list(every(hits, choice))
    _say(f"{len(possible):,} kills are possible, at {len(set(chain(*hits.values())))} points")
    played: list[Played] = []
    for number, history in enumerate(possible[skip : skip + runs], 1):
        outcome = histories.play(history)
        if loading + outcome.ready_ms > READY_MS:
            outcome.unsound.append(f"ready after {loading + outcome.ready_ms:,} ms")
        played.append((history, outcome))
        for line in outcome.wrong:
            _say(f"{history}: {line}")
        if number % 25 == 0 or number == runs:
            wrong = sum(bool(each.wrong) for _, each in played)
            _say(f"{number:,} of {runs:,} runs, {wrong} with something wrong, {time.monotonic() - start:,.0f} s")
    sys.stdout.write(summary(played, choice, loading))
    return int(any(outcome.wrong for _, outcome in played) or len(played) < runs)


def summary(played: Sequence[Played], choice: Choice, loading: int) -> str:
    """What came of them, as Markdown: by point, by command, and every history with something wrong."""
    killed = sum(outcome.killed for _, outcome in played)
    open_after = sum(bool(outcome.left_open) for _, outcome in played)
    times = sorted(outcome.ready_ms for _, outcome in played)
    lines = [
        f"{len(played):,} runs with seed {choice.seed}: {killed:,} processes ended by SIGKILL, and"
        f" the command given again {choice.later_s:,} s later.",
        f"Restart to ready: median {times[len(times) // 2]:,} ms, slowest {times[-1]:,} ms, each after {loading:,} ms"
        f" of loading the program; the bar is {READY_MS:,} ms.",
        f"In {open_after:,} runs the command given again found all done and left the operation to `puhui ops run`.",
        "",
        *_table("point", played, lambda history: history.kills[0][0], [*POINTS]),
        "",
        *_table("command", played, lambda history: history.command, list(dict.fromkeys(h.command for h, _ in played))),
        "",
    ]
    wrong = [f"- {history}: {line[:300]}" for history, outcome in played for line in outcome.wrong]
    return "\n".join([*lines, *(["Wrong:", "", *wrong] if wrong else ["Nothing was wrong."])]) + "\n"


def _table(name: str, played: Sequence[Played], key: Callable[[History], str], order: list[str]) -> list[str]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for history, outcome in played:
        groups[key(history)].append(outcome)
    columns = (name, "runs", "killed", "lost", "differs", "unsound", "refused", "slowest ready, ms")
    rows: list[tuple[object, ...]] = [columns, tuple("---" if n == 0 else "---:" for n in range(len(columns)))]
    for each in [*(each for each in order if each in groups), "all"]:
        found = [outcome for _, outcome in played] if each == "all" else groups[each]
        rows.append(
            (
                each,
                len(found),
                sum(outcome.killed for outcome in found),
                *(sum(bool(kind(outcome)) for outcome in found) for kind in _KINDS),
                max(outcome.ready_ms for outcome in found),
            )
        )
    return ["| " + " | ".join(map(str, row)) + " |" for row in rows]


_KINDS: tuple[Callable[[Outcome], object], ...] = (
    lambda outcome: outcome.lost,
    lambda outcome: outcome.differs,
    lambda outcome: outcome.unsound,
    lambda outcome: outcome.refused,
)


def serve(folder: Path) -> None:
    """Answer each line of stdin, a history, with what came of it."""
    histories = Histories(folder)
    sys.stdout.write(json.dumps(list(histories.commands)) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        kills = tuple((str(point), int(nth)) for point, nth in asked["kills"])
        outcome = histories.play(History(asked["command"], kills, asked["later_s"]))
        sys.stdout.write(json.dumps({**asdict(outcome), "wrong": outcome.wrong}) + "\n")
        sys.stdout.flush()


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> int:
    """Run a campaign, or serve histories."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000, help="how many processes to kill (default 1,000)")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many at the beginning: to go on with (0)")
    parser.add_argument("--seed", type=int, default=1, help="chooses which hits (default 1)")
    parser.add_argument("--later", type=int, default=SOON_S, help="seconds until the command is given again (3)")
    parser.add_argument("--again", type=int, default=0, help="how many of the processes after that are killed too (0)")
    parser.add_argument("--folder", type=Path, help="a new folder to work in; what went wrong stays in it")
    parser.add_argument("--serve", action="store_true", help="play the histories read from stdin")
    given = parser.parse_args()
    if given.folder is not None:
        given.folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="puhui-kills-") as scratch:
        folder = given.folder or Path(scratch)
        if given.serve:
            serve(folder)
            return 0
        return campaign(folder, given.skip, given.runs, Choice(given.seed, given.later, given.again))


if __name__ == "__main__":
    sys.exit(main())
