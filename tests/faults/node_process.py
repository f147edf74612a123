"""Nodes as processes that end and start again: an anvil that keeps its state in a file, and an embedded chain."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from socket import socket
from typing import Final, Protocol

from scripts import compile_contracts
from tests.nodes.rpc_client import answers

ANVIL: Final = compile_contracts.MODULES / "@foundry-rs/anvil-linux-amd64/bin/anvil"
OPTIONS: Final = shlex.split(
    "--hardfork cancun --chain-id 31337 --gas-limit 300000000 --block-base-fee-per-gas 0 --gas-price 0 "
    "--disable-min-priority-fee --silent --host 127.0.0.1"
)
PERIOD_S: Final = 0.2
START_S: Final = 60


class NodeProcess(Protocol):
    """A node that can be ended and started again at the same address, with the same blocks."""

    url: str

    def start(self) -> None:
        """Start it; returns when it answers."""

    def end(self) -> None:
        """End its process; returns when it is gone."""


class Anvil:
    """An anvil. It keeps its blocks when SIGTERM ends it; what waited in its pool is forgotten."""

    def __init__(self, state: Path, period_s: float = PERIOD_S) -> None:
        """`state` is the file that holds its blocks while it does not run."""
        compile_contracts.prepare()
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._command = [ANVIL, *OPTIONS, "--block-time", str(period_s), "--port", str(port), "--state", state]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it answers."""
        self._process = _started(self._command, self.url)

    def end(self) -> None:
        """End it, so that it writes its state; returns when it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_S)
            self._process = None


class Served:
    """The embedded chain of a home, served by `puhui up`: kill -9 ends it, and it has every block on disk."""

    def __init__(self, home: Path) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        arguments = ["up", "--home", str(home), "--port", str(port), "--json"]
        self._command = [sys.executable, "-m", "registry.cli", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it answers."""
        self._process = _started(self._command, self.url)

    def end(self) -> None:
        """Kill it, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _started(command: list[object], url: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, env=dict(os.environ))
    deadline = time.monotonic() + START_S
    while not answers(url):
        assert process.poll() is None, "the node ended at once"
        assert time.monotonic() < deadline, "the node does not answer"
        time.sleep(0.02)
    return process


def _free_port() -> int:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
