"""Nodes and databases that are processes of their own, each ended by its pid."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from scripts import compile_contracts
from tests.postgres import PostgresServer

ANVIL = compile_contracts.MODULES / "@foundry-rs/anvil-linux-amd64/bin/anvil"
# Never without --block-time: when it mines by itself it can hang under load and eat the machine's memory.
ANVIL_OPTIONS = shlex.split(
    "--block-time 0.1 --hardfork cancun --chain-id 31337 --gas-limit 300000000 "
    "--block-base-fee-per-gas 0 --gas-price 0 --disable-min-priority-fee --silent"
)
START_S = 60


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL server of this test process."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def anvil() -> Iterator[str]:
    """The URL of a fresh anvil node with free gas."""
    compile_contracts.prepare()
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [ANVIL, *ANVIL_OPTIONS, "--host", "127.0.0.1", "--port", url.rpartition(":")[2]], stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(url, process)
        yield url
    finally:
        end(process)


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """serve(home) -> the URL at which a `puhui up` of its own process serves the home's chain."""
    processes = []

    def start(home: Path) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "registry.cli", "up", "--home", home, "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        processes.append(process)
        assert process.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], "puhui up ended before it served"
        return str(json.loads("".join(lines))["rpc_url"])

    yield start
    for process in processes:
        end(process)


def free_port() -> int:
    """A port nobody listens at now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """End a process of ours."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            requests.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}, timeout=5)
            return
        except requests.ConnectionError:
            assert process.poll() is None, "anvil ended at once"
            assert time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.05)
