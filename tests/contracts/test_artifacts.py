"""The committed contract artifacts are what the sources compile to, and the Solidity tests pass.

Both need Node and the npm packages of the lock file; `scripts/compile_contracts.py` finds the first
and installs the second.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "compile_contracts.py"
DEPLOYED = [
    "AccessManager",
    "CarbonPoints",
    "CertifiedReductions",
    "ExchangeSettlement",
    "Mandates",
    "MethodologyRegistry",
    "Participants",
    "ProceedsDistributor",
    "ProgrammeTreasury",
    "ReductionCertification",
    "RetirementCertificates",
    "RoleCouncil",
    "SettlementCash",
    "TripAnchors",
]
RUNTIME_LIMIT = 24_576  # bytes, EIP-170


@pytest.fixture(scope="module")
def compiler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile_contracts", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up here
    spec.loader.exec_module(module)
    return module


def artifact(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((ROOT / "registry/chain/artifacts" / f"{name}.json").read_text())
    return found


def test_check_names_an_artifact_that_was_changed_by_one_byte(
    compiler: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiler, "ROOT", tmp_path)
    built = dict.fromkeys(compiler.TARGETS, b"{}\n")
    for target, content in built.items():
        target.path.parent.mkdir(parents=True, exist_ok=True)
        target.path.write_bytes(content)
    assert compiler._check(built) == 0

    changed = next(target for target in compiler.TARGETS if target.name == "TripAnchors")
    changed.path.write_bytes(b"{} \n")
    assert compiler._check(built) == 1
    assert "TripAnchors.json" in capsys.readouterr().err


def test_check_names_an_artifact_that_belongs_to_no_contract(
    compiler: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiler, "ROOT", tmp_path)
    stray = tmp_path / "registry/chain/artifacts/Forgotten.json"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"{}\n")
    assert compiler._check({}) == 1
    assert "Forgotten.json" in capsys.readouterr().err


def test_exactly_the_deployed_contracts_have_artifacts() -> None:
    assert sorted(path.stem for path in (ROOT / "registry/chain/artifacts").glob("*.json")) == DEPLOYED


@pytest.mark.parametrize("name", DEPLOYED)
def test_runtime_code_fits_the_limit(name: str) -> None:
    runtime = bytes.fromhex(str(artifact(name)["deployedBytecode"]).removeprefix("0x"))
    assert 0 < len(runtime) <= RUNTIME_LIMIT


def test_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


def test_two_builders_agree_with_the_committed_artifacts() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(DEPLOYED) + 1} artifacts are fresh" in done.stdout


def test_solidity_tests_pass(compiler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PATH", "HARDHAT_DISABLE_TELEMETRY"):  # both are set by prepare() and given back here
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    compiler.prepare()
    command = compiler.npm_command("run", "test:contracts")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passing", done.stdout)
    assert passed is not None
    assert int(passed.group(1)) > 0
    assert "failing" not in done.stdout
