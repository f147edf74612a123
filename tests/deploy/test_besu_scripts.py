"""The shell scripts: node-call.sh against servers, the runbook's shortcuts and the image's entry with stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.server import serve
from tests.deploy.files import BESU, CHAIN_ID, DEPLOY

NODE_CALL = BESU / "node" / "node-call.sh"
Answers = dict[str, Any]


def node_call(port: int, *arguments: str, patience_s: int = 10) -> tuple[int, str]:
    """Exit code and output of node-call.sh for a node at `port`."""
    environment = {"PATH": os.environ["PATH"], "NODE_PORT": str(port), "NODE_PATIENCE_S": str(patience_s)}
    done = subprocess.run(
        ["bash", str(NODE_CALL), *arguments], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout.strip()


@pytest.fixture
def node() -> Iterator[tuple[int, Answers]]:
    """A server that answers as it is told: by path for a GET, by method for a call; and what it was asked last."""
    answers: Answers = {}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, key: str, told: dict[str, Any]) -> None:
            answers["asked"] = {"host": self.headers["Host"], "version": self.request_version, **told}
            status, body = answers.get(key, (404, ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())
            if answers.get("holds on"):
                self.wfile.flush()
                time.sleep(3)

        def do_GET(self) -> None:
            self._answer(self.path, {})

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(told["method"], told)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_address[1], answers
    server.shutdown()
    server.server_close()


# --- node-call.sh -------------------------------------------------------------------------------------------


def test_a_call_prints_the_nodes_answer(node: tuple[int, Answers]) -> None:
    port, answers = node
    answers["qbft_proposeValidatorVote"] = (200, '{"jsonrpc":"2.0","id":1,"result":true}')
    assert node_call(port, "qbft_proposeValidatorVote", '["0xab", false]') == (
        0,
        '{"jsonrpc":"2.0","id":1,"result":true}',
    )
    asked = {"jsonrpc": "2.0", "id": 1, "method": "qbft_proposeValidatorVote", "params": ["0xab", False]}
    assert answers["asked"] == {"host": "localhost", "version": "HTTP/1.0", **asked}


def test_an_error_is_printed_and_is_a_failure(node: tuple[int, Answers]) -> None:
    port, answers = node
    answers["perm_addNodesToAllowlist"] = (200, '{"id":1,"error":{"code":-32604,"message":"Method not enabled"}}')
    assert node_call(port, "perm_addNodesToAllowlist") == (1, answers["perm_addNodesToAllowlist"][1])
    assert answers["asked"]["params"] == []
    answers["eth_chainId"] = (403, '{"message":"Host not authorized."}')
    assert node_call(port, "eth_chainId") == (1, '{"message":"Host not authorized."}')


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_a_path_is_fetched(node: tuple[int, Answers], status: int, code: int) -> None:
    port, answers = node
    answers["/liveness"] = (status, '{"status":"UP"}')
    assert node_call(port, "/liveness") == (code, '{"status":"UP"}')


@pytest.mark.parametrize(("old_s", "limit", "code"), [(30, "180", 0), (30, "", 0), (200, "180", 1), (200, "", 0)])
def test_the_age_of_the_newest_block(node: tuple[int, Answers], old_s: int, limit: str, code: int) -> None:
    port, answers = node
    stamp = int(time.time()) - old_s
    answers["eth_getBlockByNumber"] = (200, f'{{"result":{{"number":"0x7","timestamp" : "{hex(stamp)}"}}}}')
    found, printed = node_call(port, "age", *([limit] if limit else []))
    assert found == code
    assert old_s <= int(printed) <= old_s + 20
    assert answers["asked"]["params"] == ["latest", False]


@pytest.mark.parametrize("body", ['{"result":null}', '{"error":{"code":-1}}', ""])
def test_no_block_has_no_age(node: tuple[int, Answers], body: str) -> None:
    port, answers = node
    answers["eth_getBlockByNumber"] = (200, body)
    assert node_call(port, "age", "180") == (1, "")


def test_a_node_that_does_not_hang_up_is_read_all_the_same(node: tuple[int, Answers]) -> None:
    port, answers = node
    answers |= {"eth_chainId": (200, '{"result":"0x1"}'), "holds on": True}
    assert node_call(port, "eth_chainId", patience_s=1) == (0, '{"result":"0x1"}')


def test_without_a_node_or_a_question_it_fails() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_address[1]
    assert node_call(port, "eth_chainId") == (1, "")
    assert node_call(port, "age", "180") == (1, "")
    assert node_call(port) == (2, "")


def test_it_asks_the_ledgers_own_chain_too(tmp_path: Path) -> None:
    with EmbeddedChain.open(tmp_path / "chain.db", chain_id=CHAIN_ID) as chain, serve(chain) as server:
        port = int(server.url.rsplit(":", 1)[1])
        assert node_call(port, "eth_chainId") == (0, f'{{"jsonrpc":"2.0","id":1,"result":"{hex(CHAIN_ID)}"}}')
        code, age = node_call(port, "age", "60")
        assert (code, 0 <= int(age) <= 60) == (0, True)


# --- the shortcuts and the image's entry -----------------------------------------------------------------------


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[[str], Path]:
    """stand_in(name): a command that prints its arguments, one a line; returns the folder it is in."""

    def make(name: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text('#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\nenv | grep -E "^(PUHUI|PG)" || true\n')
        (folder / name).chmod(0o755)
        return folder

    return make


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("node rpc age 180", "compose exec -T rpc bash /etc/puhui/node/node-call.sh age 180"),
        ("""node operator m '["a", 1]'""", """compose exec -T operator bash /etc/puhui/node/node-call.sh m ["a",_1]"""),
        ("puhui doctor --json", "compose run --rm --no-deps registry doctor --json"),
        ("council show", "compose run --rm --no-deps registry council show"),
        ("genesis --chain-id 7", "compose run --rm --no-deps -T registry genesis --chain-id 7"),
        (
            "besu public-key export",
            "run --rm --network none --user 1000:1000 --read-only --tmpfs /tmp:exec -v {here}/node:/etc/puhui/node:ro "
            "-v /srv/n:/etc/puhui/network:ro -v /srv/s:/run/secrets:ro --entrypoint /opt/besu/bin/besu "
            "hyperledger/besu:26.9.0 --data-path=/tmp/besu public-key export",
        ),
    ],
)
def test_shortcuts_ask_docker(command: str, printed: str, stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NETWORK_FILES=/srv/n\nNODE_SECRETS=/srv/s\n")
    script = f". {BESU / 'shortcuts.sh'} && {command}"
    environment = {"PATH": f"{stand_in('docker')}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    arguments = [line.replace(" ", "_") for line in done.stdout.splitlines()]
    assert " ".join(arguments) == f"docker {printed.format(here=tmp_path)}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["doctor"], ["puhui", "--home", "/h", "doctor"]),
        (["participant", "key", "a b.json"], ["puhui", "--home", "/h", "participant", "key", "a b.json"]),
        (["council", "show"], ["python", "/t/council.py", "--home", "/h", "show"]),
        (["genesis", "--chain-id", "7"], ["python", "/t/make_genesis.py", "--chain-id", "7"]),
        ([], ["puhui", "--home", "/h"]),
    ],
)
@pytest.mark.parametrize("secrets", [True, False])
def test_the_images_entry_hands_over_the_secrets(
    arguments: list[str], expected: list[str], secrets: bool, stand_in: Callable[[str], Path], tmp_path: Path
) -> None:
    if secrets:
        (tmp_path / "keystore_password").write_text("one word\n")
        (tmp_path / "postgres_password").write_text("another\n")
    stand_in("puhui")
    environment = {
        "PATH": f"{stand_in('python')}:{os.environ['PATH']}",
        "SECRETS_FOLDER": str(tmp_path),
        "TOOLS_FOLDER": "/t",
        "HOME_FOLDER": "/h",
    }
    script = DEPLOY / "registry-entrypoint.sh"
    done = subprocess.run(["sh", script, *arguments], env=environment, capture_output=True, text=True, check=True)
    given = ["PGPASSWORD=another", "PUHUI_KEYSTORE_PASSWORD=one word"] if secrets else []
    lines = done.stdout.splitlines()
    assert (lines[: len(expected)], sorted(lines[len(expected) :])) == (expected, given)
