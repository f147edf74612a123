"""A real anvil with blocks of a fifth of a second, and the proxy before it."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from socket import socket

import pytest

from scripts import compile_contracts
from tests.nodes.qbft_proxy import QbftProxy
from tests.nodes.rpc_client import answers

ANVIL = compile_contracts.MODULES / "@foundry-rs/anvil-linux-amd64/bin/anvil"
PERIOD_S = 0.2
OPTIONS = shlex.split(
    f"--block-time {PERIOD_S} --hardfork cancun --chain-id 31337 --gas-limit 300000000 "
    "--block-base-fee-per-gas 0 --gas-price 0 --disable-min-priority-fee --silent --host 127.0.0.1"
)
START_S = 30


@pytest.fixture(scope="module")
def anvil() -> Iterator[str]:
    """The URL of an anvil of this module: tests use accounts of their own, and leave its blocks alone."""
    with running_anvil() as url:
        yield url


@pytest.fixture
def own_anvil() -> Iterator[str]:
    """The URL of an anvil of one test."""
    with running_anvil() as url:
        yield url


@pytest.fixture
def proxy(anvil: str) -> Iterator[QbftProxy]:
    """A proxy with Besu's limits and no faults yet."""
    with QbftProxy(anvil) as made:
        yield made


@contextmanager
def running_anvil() -> Iterator[str]:
    """An anvil with free gas, ended by its pid."""
    compile_contracts.prepare()
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([ANVIL, *OPTIONS, "--port", str(port)], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_S
        while not answers(url):
            assert process.poll() is None, "anvil ended at once"
            assert time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
