"""`kill -9` at named points: a fixed sample of the campaign, each command killed again and again on one ledger.

The processes are forked from one started for this module: in this process Polars may have run, and its threads do not
survive a fork. More, and each kill alone: `python -m tests.faults.kill_runs --runs 1000`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.kill_checks import lost
from tests.faults.kill_points import POINTS, acknowledged

ROOT = Path(__file__).parents[2]
Kill = tuple[str, int]
# In the order in which the command comes to them: what one kill has left done, the next process finds.
SAMPLE: dict[str, tuple[Kill, ...]] = {
    "accounts import": (("db.after_flush", 1), ("index.before_append", 2), ("index.after_append", 1)),
    "mandate give": (
        ("file.write", 1),
        ("folder.before_rename", 1),
        ("folder.after_rename", 1),
        ("outbox.after_signed", 1),
        ("outbox.before_concluded", 1),
        ("chain.after_commit", 1),
    ),
    "import": (
        ("staging.write", 2),
        ("file.write", 2),
        ("file.before_rename", 1),
        ("file.after_rename", 1),
        ("folder.remove", 1),
        ("folder.before_rename", 2),
        ("folder.after_rename", 2),
        ("db.after_flush", 2),
        ("db.before_commit", 1),
    ),
    "anchor": (
        ("outbox.before_decided", 1),
        ("outbox.after_decided", 1),
        ("lease.after_taken", 1),
        ("outbox.before_signed", 1),
        ("outbox.after_signed", 1),
        ("chain.before_commit", 1),
        ("chain.after_commit", 1),
        ("node.after_send", 1),
        ("outbox.after_concluded", 1),
        ("index.before_append", 1),
    ),
    "attest": (("node.before_send", 1), ("node.before_receipt", 1), ("node.after_receipt", 1)),
    "epoch publish": (
        ("file.write", 2),
        ("folder.after_rename", 1),
        ("outbox.after_decided", 1),
        ("outbox.after_signed", 1),
        ("chain.after_commit", 1),
    ),
    "epoch anew": (("folder.remove", 1), ("outbox.after_decided", 1), ("node.before_send", 1)),
    "epoch attest": (("outbox.after_decided", 1), ("node.after_send", 1), ("db.before_commit", 1)),
    "claim": (("outbox.before_signed", 1), ("chain.after_commit", 1)),
    "redeem": (("outbox.after_signed", 1), ("node.after_send", 1)),
    "convert": (("lease.after_taken", 1), ("chain.before_commit", 1)),
    "certify apply": (("file.write", 1), ("folder.before_rename", 1), ("outbox.after_decided", 1)),
    "certify verify": (("outbox.before_decided", 1), ("chain.after_commit", 1)),
    "certify approve": (("outbox.after_signed", 1), ("node.after_receipt", 1)),
    "offer": (("outbox.after_decided", 1), ("chain.before_commit", 1)),
    "order": (("db.after_begin", 1), ("db.before_commit", 1), ("db.after_commit", 1)),
    "settle": (("outbox.after_decided", 1), ("node.before_send", 1), ("chain.after_commit", 1)),
    "payout run": (("file.write", 3), ("folder.after_rename", 1), ("outbox.after_signed", 1), ("node.after_send", 1)),
    "payout attest": (("outbox.before_decided", 1), ("chain.before_commit", 1)),
    "payout claim": (("outbox.after_signed", 1), ("lease.after_returned", 1)),
    "payout pay": (("outbox.after_decided", 1), ("chain.after_commit", 1), ("outbox.after_concluded", 1)),
    "rule": (("outbox.after_decided", 1), ("chain.before_commit", 1)),
    "reindex": (("db.after_commit", 1), ("index.before_append", 2), ("index.after_append", 1), ("db.before_commit", 2)),
    "backup": (
        ("backup.file", 1),
        ("file.before_rename", 3),
        ("backup.file", 4),
        ("file.before_fsync", 2),
        ("file.after_fsync", 4),
        ("folder.before_rename", 1),
    ),
}


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, tuple[Kill, ...]], Any]]:
    """play(command, kills) -> what came of the history, from the process that forks the others."""
    folder = tmp_path_factory.mktemp("kills") / "runs"
    command = [sys.executable, "-m", "tests.faults.kill_runs", "--serve", "--folder", str(folder)]
    # Frames of 180 rows need no threads, and each process would start its own.
    env = {**os.environ, "POLARS_MAX_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asking, answers = process.stdin, process.stdout
        assert set(SAMPLE) <= set(json.loads(answers.readline()))

        def ask(command: str, kills: tuple[Kill, ...]) -> Any:
            asking.write(json.dumps({"command": command, "kills": kills, "later_s": 3}) + "\n")
            asking.flush()
            return json.loads(answers.readline())

        yield ask
        asking.close()


def test_the_sample_has_every_point_and_enough_kills() -> None:
    assert {point for kills in SAMPLE.values() for point, _ in kills} == set(POINTS)
    assert sum(map(len, SAMPLE.values())) >= 64


@pytest.mark.parametrize("command", SAMPLE)
def test_a_command_killed_again_and_again_is_done_once(
    play: Callable[[str, tuple[Kill, ...]], Any], command: str
) -> None:
    outcome = play(command, SAMPLE[command])
    assert (outcome["killed"], outcome["wrong"]) == (len(SAMPLE[command]), [])


def test_a_kill_that_is_never_met_is_no_kill(play: Callable[[str, tuple[Kill, ...]], Any]) -> None:
    outcome = play("order", (("chain.after_commit", 1),))
    (said,) = outcome["wrong"]
    assert outcome["killed"] == 0
    assert said.startswith("refused: chain.after_commit was not hit 1 times (it ended with 0: order 0x")


def test_what_was_acknowledged_and_is_gone_is_missed(tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger,
        closing(sqlite3.connect(tmp_path / "chain.db")) as chain,
    ):
        ledger.executescript("CREATE TABLE operations (seq INTEGER PRIMARY KEY); INSERT INTO operations VALUES (7)")
        chain.executescript("CREATE TABLE blocks (number INTEGER, hash BLOB); INSERT INTO blocks VALUES (3, x'ab')")
    kept = [("row", ["operations", ["7"]]), ("block", [3, "ab"]), ("path", "ledger.db")]
    gone = [("row", ["operations", ["8"]]), ("block", [3, "cd"]), ("path", "evidence/batches/ab")]
    assert lost(tmp_path, kept) == []
    assert lost(tmp_path, [*kept, *gone]) == ["the row ['8'] of operations", "block 3", "evidence/batches/ab"]


def test_a_line_of_the_journal_that_was_cut_off_was_not_acknowledged(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text('["block", [3, "ab"]]\n["path", "evid', "utf-8")
    assert acknowledged(tmp_path / "journal") == [("block", [3, "ab"])]
    assert acknowledged(tmp_path / "none") == []
