"""The proxy as a process of its own, told what to do by requests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.nodes.qbft_proxy import main
from tests.nodes.rpc_client import SEND, Sender, answers, ask, request, result, wait_for

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.nodes.qbft_proxy"]


@pytest.fixture
def process(own_anvil: str) -> Iterator[subprocess.Popen[str]]:
    """A proxy that lags by a block and answers with pages."""
    options = ["--upstream", own_anvil, "--seed", "3", "--json-faults", '{"stale_blocks": 1, "rates": {"html": 1}}']
    started = subprocess.Popen([*COMMAND, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.wait()
    assert started.stdout is not None
    started.stdout.close()


def test_it_is_told_what_to_do(process: subprocess.Popen[str], own_anvil: str) -> None:
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert requests.post(url, json=request("eth_chainId"), timeout=10).headers["Content-Type"] == "text/html"
    assert result(url, "proxy_faults", {"rates": {"html": 0}}) is None
    assert result(url, "proxy_stall") is None
    head = int(result(own_anvil, "eth_blockNumber"), 16)
    assert result(url, "eth_blockNumber") == hex(head - 1)
    assert result(url, "proxy_clear") is None
    assert result(url, "eth_blockNumber") == hex(head)

    assert result(url, "proxy_arm", "bad_gateway", 1, "eth_gasPrice") is None
    assert requests.post(url, json=request("eth_gasPrice"), timeout=10).status_code == 502
    assert result(url, "proxy_arm", "hold") is None
    sent = result(url, SEND, Sender().raw(0))
    assert result(url, "proxy_record")["sent"] == []
    assert result(url, "proxy_release") is None
    assert result(url, "proxy_roundChange", 1, 0.05) is None
    assert wait_for(lambda: result(url, "eth_getTransactionReceipt", sent))["blockNumber"] == hex(head + 1)
    assert result(url, "proxy_resume", 0.05) is None
    wait_for(lambda: int(result(url, "eth_blockNumber"), 16) > head + 2)

    assert ask(url, "proxy_arm", "nonsense")["error"] == {
        "code": -32602,
        "message": "Invalid params",
        "data": "'nonsense' is not a valid Fault",
    }
    assert ask(url, "proxy_faults", {"nonsense": 1})["error"]["data"] == "unknown fault settings: nonsense"
    assert ask(url, "proxy_nonsense")["error"] == {"code": -32601, "message": "Method not found"}

    record = result(url, "proxy_record")
    assert (record["received"], record["sent"], record["duplicates"], record["conflicts"]) == ([sent], [sent], {}, [])
    assert record["requests"]["eth_sendRawTransaction"] == 1
    assert record["injected"] == [["html", "eth_chainId"], ["bad_gateway", "eth_gasPrice"], ["hold", SEND]]

    assert result(url, "proxy_restart", 0.2) is None
    wait_for(lambda: not answers(url))
    wait_for(lambda: answers(url))
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.parametrize("faults", ["{", '{"nonsense": 1}', '{"rates": {"nonsense": 1}}'])
def test_it_refuses_faults_it_does_not_know(faults: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--upstream", "http://127.0.0.1:1", "--json-faults", faults])
    assert ended.value.code == 2
    assert "nonsense" in capsys.readouterr().err or faults == "{"
