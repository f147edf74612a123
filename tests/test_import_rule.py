"""Who may import whom: DESIGN's table, read from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BASE = {"errors", "units"}
ALLOWED = {
    "errors": set(),
    "units": set(),
    "settings": set(),
    "logs": {"errors"},
    "core": {"core", *BASE},
    "sources": {"sources", "core", *BASE},
    "evidence": {"evidence", "core", *BASE},
    "store": {"store", "core", *BASE},
    "chain": {"chain", "core", *BASE},
    "audit": {"audit", "core", "evidence", "chain", *BASE},
    "services": {"services", "audit", "core", "sources", "evidence", "store", "chain", "settings", "logs", *BASE},
    "cli": {
        "cli",
        "services",
        "audit",
        "core",
        "sources",
        "evidence",
        "store",
        "chain",
        "settings",
        "logs",
        "version",
        *BASE,
    },
    "api": {"api", "services", "core", "settings", "logs", *BASE},
    "version": set(),
}
IMPURE = {
    *("os", "io", "pathlib", "shutil", "tempfile", "socket", "subprocess", "requests", "urllib", "http", "asyncio"),
    *("time", "random", "secrets", "threading", "multiprocessing", "logging", "sqlite3"),
    *("web3", "eth", "eth_account", "sqlalchemy", "sqlmodel", "alembic", "pydantic_settings", "typer", "fastapi"),
}
SQL = {"sqlalchemy", "sqlmodel", "alembic", "sqlite3", "psycopg"}


def sources() -> list[Path]:
    return sorted(path for room in ("registry", "api") for path in (ROOT / room).rglob("*.py"))


def room_of(path: Path) -> str:
    """The room a module stands in: `core` for registry/core/leaf.py, `errors` for registry/errors.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "api":
        return "api"
    return "version" if parts[1] == "__init__" else parts[1]


def imports(tree: ast.AST) -> list[tuple[str, str | None, int]]:
    """(module, name taken from it or None, line) of every import, wherever it stands."""
    found: list[tuple[str, str | None, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, None, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [(module, alias.name, node.lineno) for alias in node.names]
    return found


def _room_imported(module: str, name: str | None) -> str | None:
    parts = module.split(".")
    if parts[0] == "api":
        return "api"
    if parts[0] != "registry":
        return None
    if len(parts) > 1:
        return parts[1]
    return name if name in ALLOWED else "version"


def violations(room: str, where: str, code: str) -> list[str]:
    """Every line of `code` that a module of this room may not have."""
    tree = ast.parse(code)
    found = []
    for module, name, line in imports(tree):
        top = module.split(".")[0]
        target = _room_imported(module, name)
        if module.startswith("."):
            found.append(f"{where}:{line} relative import {module}")
        if target is not None and target not in ALLOWED[room]:
            found.append(f"{where}:{line} {room} imports {target}")
        if room == "core" and top in IMPURE:
            found.append(f"{where}:{line} core imports {top}")
        blocks = top == "sqlite3" and where.startswith("registry/chain/embedded/")  # its own file of blocks
        if (
            top in SQL
            and room != "store"
            and not blocks
            and (room, module, name) != ("services", "sqlmodel", "Session")
        ):
            found.append(f"{where}:{line} SQL outside the store: {top}")
        if top in {"dotenv", "pydantic_settings"} and room != "settings":
            found.append(f"{where}:{line} settings outside settings.py")
        if (module, name) in {("os", "environ"), ("os", "getenv"), ("sys", "exit")}:
            found.append(f"{where}:{line} {module}.{name} under another name")
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            continue
        dotted = f"{node.value.id}.{node.attr}"
        if dotted in {"os.environ", "os.getenv", "os.environb", "os.putenv"} and room != "settings":
            found.append(f"{where}:{node.lineno} {dotted} outside settings.py")
        if dotted in {"sys.exit", "os._exit"} and where != "registry/cli/main.py":
            found.append(f"{where}:{node.lineno} {dotted} outside registry/cli/main.py")
    found += [
        f"{where}:{node.lineno} SystemExit outside registry/cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and room != "cli" and "SystemExit" in ast.unparse(node)
    ]
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_keeps_to_its_room(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    assert violations(room_of(path), where, path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("room", "code", "found"),
    [
        ("core", "from registry.store import batches", "core imports store"),
        ("core", "import registry.chain.client", "core imports chain"),
        ("core", "from registry import settings", "core imports settings"),
        ("core", "import os", "core imports os"),
        ("core", "from os.path import join", "core imports os"),
        ("core", "def f():\n    from time import time", "core imports time"),
        ("core", "if TYPE_CHECKING:\n    from web3 import Web3", "core imports web3"),
        ("core", "from . import leaf", "relative import ."),
        ("sources", "from registry.evidence import files", "sources imports evidence"),
        ("evidence", "from registry.store.tables import Import", "evidence imports store"),
        ("evidence", "from registry.audit.ledger import audit_ledger", "evidence imports audit"),
        ("chain", "from registry.evidence.batch import seal", "chain imports evidence"),
        ("store", "from registry.services.ledger import Ledger", "store imports services"),
        ("audit", "from registry.store import session", "audit imports store"),
        ("audit", "from registry.services.proofs import prove_trip", "audit imports services"),
        ("audit", "from registry.settings import Settings", "audit imports settings"),
        ("audit", "from registry.sources import adapter", "audit imports sources"),
        ("services", "from registry.cli.main import main", "services imports cli"),
        ("services", "from api.app import app", "services imports api"),
        ("services", "from sqlmodel import Session, select", "SQL outside the store: sqlmodel"),
        ("services", "import sqlalchemy", "SQL outside the store: sqlalchemy"),
        ("cli", "from sqlmodel import Session", "SQL outside the store: sqlmodel"),
        ("chain", "import sqlite3", "SQL outside the store: sqlite3"),
        ("api", "from registry.chain.client import connect", "api imports chain"),
        ("api", "from registry.evidence import files", "api imports evidence"),
        ("services", "import os\nos.environ['A']", "os.environ outside settings.py"),
        ("cli", "import os\nos.getenv('A')", "os.getenv outside settings.py"),
        ("chain", "from os import environ", "os.environ under another name"),
        ("chain", "import dotenv", "settings outside settings.py"),
        ("cli", "import sys\nsys.exit(1)", "sys.exit outside registry/cli/main.py"),
        ("cli", "from sys import exit", "sys.exit under another name"),
        ("services", "raise SystemExit(1)", "SystemExit outside registry/cli"),
    ],
)
def test_a_violation_is_caught(room: str, code: str, found: str) -> None:
    assert found in [text.split(" ", 1)[1] for text in violations(room, f"registry/{room}/x.py", code)]


@pytest.mark.parametrize(
    ("room", "code"),
    [
        (
            "core",
            "from registry.core import leaf\nfrom registry.errors import ProofError\nfrom datetime import datetime",
        ),
        ("services", "from sqlmodel import Session\nfrom registry.audit.ledger import audit_ledger"),
        ("store", "import sqlalchemy as sa\nfrom registry.errors import InputError"),
        ("settings", "import os\nos.environ['A']"),
        ("cli", "from registry import __version__\nimport typer\nraise typer.Exit(3)"),
    ],
)
def test_what_is_allowed_is_not_caught(room: str, code: str) -> None:
    assert violations(room, f"registry/{room}/x.py", code) == []


def test_every_room_has_a_rule() -> None:
    assert {room_of(path) for path in sources()} <= set(ALLOWED)
    assert len(sources()) > 80
