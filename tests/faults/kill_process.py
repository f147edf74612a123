"""Forked processes that run `puhui`, and their clock."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from registry.cli import common
from registry.cli.main import main as puhui
from registry.services.ledger import Ledger, open_ledger
from tests.faults.kill_scenario import Command

PATIENCE_S: Final = 120


def in_child(work: Callable[[], Any]) -> tuple[Any, int]:
    """What `work` returns in a forked process, and the signal that ended it (0 for none). Raises what it raised."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            signal.alarm(PATIENCE_S)
            answer = {"answer": work()}
            code = 0
        except BaseException:  # a child never returns into its parent's code
            answer = {"error": traceback.format_exc()}
        with os.fdopen(writing, "w", encoding="utf-8") as out:
            json.dump(answer, out)
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as out:
        said = out.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return None, os.WTERMSIG(status)
    found = json.loads(said)
    if "error" in found:
        raise RuntimeError(found["error"])
    return found["answer"], 0


def give(home: Path, command: Command, expect: int | None) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = puhui(["--home", str(home), *command.words])
    if expect is not None and code != expect:
        raise RuntimeError(f"{command.name} ended with {code}: {out.getvalue()}")
    return code, out.getvalue()


def let_pass(seconds: int) -> None:
    """Put this process's clock forward, for the chain and the services alike."""
    now = time.time
    time.time = lambda: now() + seconds


def noting_when_ready(ready: list[int], start: float) -> AbstractContextManager[object]:
    """Note the milliseconds from `start` until a command has its ledger open, in the block."""

    @contextlib.contextmanager
    def noting(*arguments: Any, **named: Any) -> Iterator[Ledger]:
        with open_ledger(*arguments, **named) as ledger:
            ready.append(round((time.monotonic() - start) * 1_000))
            yield ledger

    return patch.object(common, "open_ledger", noting)


def loading_ms() -> int:
    """How long a new interpreter takes to load the program: a part of every restart that a forked process is spared."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import registry.cli.main"], check=True)
    return round((time.monotonic() - start) * 1_000)
