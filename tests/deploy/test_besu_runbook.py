"""The runbook: every command exists and is asked where it can be answered; what it quotes from `puhui doctor` is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from deploy.besu import council, make_genesis
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.server import serve
from registry.chain.wiring import COUNCIL
from registry.cli.main import app
from registry.services.checks import node
from registry.services.checks.finding import Level
from registry.services.checks.node import Head
from registry.store.session import Database
from tests.deploy.files import BESU, CHAIN_ID, EXAMPLE, NODES, ORGANISATIONS, ROOT, compose, runbook, toml_of
from tests.services.homes import Puhui

WORDS = ("puhui", "node", "besu", "genesis", "council", "docker compose")
# The methods of Besu's reference that the runbook may use, by the API that has to be enabled for them.
METHODS = {
    "ETH": {"eth_blockNumber", "eth_chainId", "eth_gasPrice", "eth_getBlockByNumber", "eth_syncing"},
    "NET": {"net_peerCount"},
    "WEB3": {"web3_clientVersion"},
    "QBFT": {
        *("qbft_discardValidatorVote", "qbft_getPendingVotes", "qbft_getSignerMetrics"),
        *("qbft_getValidatorsByBlockNumber", "qbft_proposeValidatorVote"),
    },
    "PERM": {"perm_getAccountsAllowlist", "perm_getNodesAllowlist", "perm_reloadPermissionsFromFile"},
}
SUBCOMMANDS = {
    ("validate-config",): {"--config-file"},
    ("public-key", "export"): {"--node-private-key-file"},
    ("public-key", "export-address"): {"--node-private-key-file"},
}


def commands() -> list[list[str]]:
    """Every command of the blocks and of the text, in words, without redirections, loops and comments."""
    blocks = re.findall(r"```sh\n(.*?)```", runbook(), re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = [piece.strip().removeprefix("do ") for line in lines for piece in line.split(" #")[0].split(";")]
    found += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", runbook(), flags=re.S))
    wanted = [text for text in found if text.startswith(tuple(f"{word} " for word in WORDS)) and " ..." not in text]
    return [shlex.split(re.sub(r" >.*", "", text)) for text in wanted if text != "node SERVICE METHOD"]


def of(word: str) -> list[list[str]]:
    """The commands that begin with a word, without it."""
    first = word.split()
    return [command[len(first) :] for command in commands() if command[: len(first)] == first]


# --- the commands -------------------------------------------------------------------------------------------------


def test_the_runbook_has_commands_of_every_kind() -> None:
    assert {word: len(of(word)) > 0 for word in WORDS} == dict.fromkeys(WORDS, True)
    assert len(commands()) > 80
    named = re.findall(r"^([a-z]+)\(\) \{$", (BESU / "shortcuts.sh").read_text("utf-8"), re.M)
    assert sorted(named) == sorted(word for word in WORDS if " " not in word)


def test_every_puhui_command_exists() -> None:
    used = of("puhui")
    assert {words[0] for words in used} == {"audit", "doctor", "init", "participant", "pause", "unpause"}
    for words in used:
        command: Any = typer.main.get_command(app)
        rest = list(words)
        while hasattr(command, "commands"):
            assert rest[0] in command.commands, words
            command = command.commands[rest.pop(0)]
        known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        assert {word for word in rest if word.startswith("--")} <= known, words
        command.make_context("puhui", rest, resilient_parsing=False)


def test_every_question_is_one_its_node_answers() -> None:
    asked = of("node")
    assert {service for service, *_ in asked} == set(NODES)
    for service, method, *parameters in asked:
        if method == "age":
            assert all(re.fullmatch(r"\d+", text) for text in parameters), parameters
            continue
        enabled = [api for api in toml_of(service)["rpc-http-api"] if method in METHODS[api]]
        assert enabled == [method.split("_")[0].upper()], (service, method)
        assert len(parameters) <= 1
        assert (method, parameters) != ("eth_getBlockByNumber", [])
    assert {method for _, method, *_ in asked} - {"age"} == set().union(*METHODS.values())


def test_votes_are_asked_of_three_validators_and_never_of_the_clients_node() -> None:
    for method, first in (("qbft_proposeValidatorVote", False), ("qbft_proposeValidatorVote", True)):
        asked = [words[0] for words in of("node") if words[1:2] == [method] and words[2].endswith(f"{first}]".lower())]
        assert asked == ["operator", "exchange", "regulator"]
    assert len(ORGANISATIONS) // 2 < 3


def test_every_other_tool_is_called_as_it_can_be() -> None:
    for words in of("genesis"):
        assert make_genesis.parser().parse_args(words).addresses == ["ADDRESS"] * 4
    for words in of("council"):
        assert council.parser().parse_args(["--home", "x", *words]).command == words[0]
    steps = [(words[4], words[6]) for words in of("council") if words[:1] == ["rotate"]]
    assert [step for step, _ in steps] == ["propose", "approve", "execute"]
    assert len({member for _, member in steps[:2]}) == 2
    assert {member for _, member in steps} <= set(COUNCIL)
    for words in of("besu"):
        command = tuple(word for word in words if not word.startswith("--"))
        options = dict(word.split("=") for word in words if word.startswith("--"))
        assert set(options) == SUBCOMMANDS[command], words
        (file,) = options.values()
        mounted = {"/etc/puhui/node": BESU / "node", "/run/secrets": None}[str(Path(file).parent)]
        assert mounted is None or (mounted / Path(file).name).is_file()


def test_docker_is_asked_for_services_there_are() -> None:
    known = set(compose()["services"])
    for words in of("docker compose"):
        verb, *rest = [word for word in words if not word.startswith("-")]
        assert verb in ("build", "config", "exec", "logs", "ps", "restart", "run", "stop", "up", "validator.yaml")
        named = rest[1:2] if verb == "run" else rest[:1] if verb == "exec" else rest if verb != "validator.yaml" else []
        assert set(named) <= known, words
    (restarted,) = [words[1:] for words in of("docker compose") if words[0] == "restart" and len(words) > 2]
    assert restarted == list(ORGANISATIONS)


def test_the_files_it_names_exist() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", runbook())
    assert [name for name in linked if not (BESU / name).is_file()] == []
    assert (ROOT / "tests" / "deploy").is_dir()
    for name in ("genesis.json", "static-nodes.json", "permissions_config.toml"):
        assert name in runbook()
        assert (EXAMPLE / name).is_file()


def test_it_speaks_of_one_chain() -> None:
    assert {words[words.index("--chain-id") + 1] for words in of("genesis")} == {str(CHAIN_ID)}
    assert set(re.findall(r"`\"result\":\"(0x[0-9a-f]{4})\"`", runbook())) == {hex(CHAIN_ID)}
    assert set(re.findall(r"chain(?: id is)? (\d+)", runbook())) == {str(CHAIN_ID), "999"}
    assert f"which is\n   {CHAIN_ID};" in runbook()
    # Five nodes: each has four peers.
    assert set(re.findall(r"`\"result\":\"(0x[0-9a-f])\"`", runbook())) == {hex(len(NODES) - 1), "0x0"}


# --- what it quotes -------------------------------------------------------------------------------------------------


@contextmanager
def served(folder: Path, chain_id: int, genesis_timestamp: int) -> Iterator[str]:
    with (
        EmbeddedChain.open(folder, chain_id=chain_id, genesis_timestamp=genesis_timestamp) as chain,
        serve(chain) as server,
    ):
        yield server.url


def quoted() -> list[str]:
    """The lines of `puhui doctor` in the runbook."""
    return [line for line in runbook().splitlines() if line.startswith(("ok   ", "FAIL "))]


def pattern(line: str) -> re.Pattern[str]:
    """What a quoted line stands for: hashes, addresses, sizes, versions, the block and the home's path differ."""
    text = re.escape(line).replace("HASH", "[0-9a-f]{64}").replace("ADDRESS", "0x[0-9a-fA-F]{40}")
    text = re.sub(r"block\\ \d+", r"block\\ \\d+", text)
    text = re.sub(r"\d+\\ s\\ ", r"\\d+\\ s\\ ", text)
    text = re.sub(r"yet:\\ \d+", r"yet:\\ \\d+", text)
    text = re.sub(r"\d[\d,]+\\ bytes\\ free$", r"[\\d,]+\\ bytes\\ free", text)
    text = text.replace(re.escape("3.12.11"), r"3\.\d+\.\d+")
    return re.compile(text.replace(re.escape("/var/lib/puhui"), ".+"))


def test_doctor_says_what_the_runbook_quotes(
    tmp_path: Path, fast_keystores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    puhui, said = Puhui(tmp_path / "home"), set[str]()

    def doctor(url: str, code: int) -> None:
        monkeypatch.setenv("PUHUI_RPC_URL", url)
        lines = puhui("doctor", expect=code).out.splitlines()
        assert len(lines) == 26
        told = ("FAIL ", "ok   keystores") if code else ("FAIL ", "ok   ")
        said.update(line.replace(url, "http://rpc:8545") for line in lines if line.startswith(told))

    with served(tmp_path / "chain.db", CHAIN_ID, 1_700_000_000) as url:
        puhui("init", "--rpc", url, "--production")
        doctor(url, 0)
    doctor(url, 1)
    for name, chain_id, began in (("other", 999, 1), ("younger", CHAIN_ID, 1), ("behind", CHAIN_ID, 1_700_000_000)):
        with served(tmp_path / f"{name}.db", chain_id, began) as url:
            doctor(url, 1)
    for role in ("verifier", "regulator", "exchange", "guardian", "bank"):
        (puhui.home / "keys" / f"{role}.json").unlink()
    doctor(url, 1)
    patterns = [pattern(line) for line in quoted()]
    assert len(patterns) == len(set(quoted())) == 30
    assert [line for line in quoted() if not any(pattern(line).fullmatch(each) for each in said)] == []
    assert [each for each in said if not any(made.fullmatch(each) for made in patterns)] == []


def test_a_stalled_chain_is_told_by_doctor_and_writes_end_as_quoted(tmp_path: Path) -> None:
    source = (ROOT / "registry" / "chain" / "submitter.py").read_text("utf-8")
    assert "is not in a block yet: its outcome is unknown" in source
    assert "`is not in a block yet: its outcome is unknown`" in runbook()
    db = Database.sqlite(tmp_path / "ledger.db")
    db.migrate()
    levels = [node.moving(Head(7, 1_000, 60), db, 1_000 * second).level for second in (1_180, 1_181)]
    db.close()
    assert levels == [Level.OK, Level.WARNING]
