"""The files of deploy/, read once, for the tests of them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from tests.deploy import plain_yaml

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
BESU: Final = DEPLOY / "besu"
EXAMPLE: Final = BESU / "example"
ORGANISATIONS: Final = ("operator", "exchange", "regulator", "verifier")
NODES: Final = (*ORGANISATIONS, "rpc")
CHAIN_ID: Final = 20261

ENODE: Final = re.compile(r"enode://([0-9a-f]{128})@(\d+\.\d+\.\d+\.\d+):(\d+)")
VARIABLE: Final = re.compile(r"\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}")


def genesis() -> dict[str, Any]:
    """The example genesis file."""
    body: dict[str, Any] = json.loads((EXAMPLE / "genesis.json").read_text("utf-8"))
    return body


def validators() -> dict[str, str]:
    """The example's addresses by organisation."""
    body: dict[str, str] = json.loads((EXAMPLE / "validators.example.json").read_text("utf-8"))
    return body


def static_nodes() -> list[str]:
    """The example's enode URLs."""
    body: list[str] = json.loads((EXAMPLE / "static-nodes.json").read_text("utf-8"))
    return body


def permissions() -> dict[str, Any]:
    """The example's lists."""
    return tomllib.loads((EXAMPLE / "permissions_config.toml").read_text("utf-8"))


def node_toml(name: str) -> dict[str, Any]:
    """The configuration of `validator` or `rpc`."""
    return tomllib.loads((BESU / "node" / f"{name}.toml").read_text("utf-8"))


def toml_of(service: str) -> dict[str, Any]:
    """The configuration that a service of the compose files runs."""
    return node_toml("rpc" if service == "rpc" else "validator")


def compose(name: str = "compose") -> dict[str, Any]:
    """A compose file."""
    return plain_yaml.load(BESU / f"{name}.yaml")


def services() -> dict[str, dict[str, Any]]:
    """Every service of both compose files, by name."""
    found = {**compose()["services"], **compose("validator")["services"]}
    assert len(found) == len(compose()["services"]) + 1
    return found


def strings(value: Any) -> list[str]:
    """Every string inside a value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in strings(each)]


def runbook() -> str:
    """The runbook's text."""
    return (BESU / "RUNBOOK.md").read_text("utf-8")
