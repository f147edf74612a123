"""The environments of the tools: a Python one with slither and halmos, an npm one with forge.

Neither fits into the project's own: slither pins an older web3, and forge weighs 80 MB that no build needs. Both come
from lock files with hashes and stay under `build/`, as does what the tools would put into the user's home.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts import compile_contracts
from scripts.contracts_check.report import progress

ROOT = compile_contracts.ROOT
HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "contracts-check"
AUDIT = ROOT / "build" / "audit-venv"
FORGE = BUILD / "npm"


class ToolError(Exception):
    """A tool did not do its work; says which and shows its last words."""


@dataclass(frozen=True)
class Done:
    """A finished command. `output` is what it wrote to both streams unless they were kept apart."""

    code: int
    output: str
    errors: str


def prepare() -> None:
    """Node and the packages of the contracts, as the build needs them."""
    compile_contracts.prepare()
    BUILD.mkdir(parents=True, exist_ok=True)


def audit_python() -> Path:
    """Python of the environment with slither and halmos, made if it is missing or of another lock."""
    lock = HERE / "requirements.lock"
    with _exclusively("audit"):
        if _is_made_of(AUDIT, lock):
            return AUDIT / "bin" / "python"
        progress("making build/audit-venv")
        shutil.rmtree(AUDIT, ignore_errors=True)
        venv.create(AUDIT, with_pip=True)
        python = AUDIT / "bin" / "python"
        must(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)
        _sign(AUDIT, lock)
    return python


def forge() -> Path:
    """The forge binary, installed if it is missing or of another lock."""
    lock = HERE / "package-lock.json"
    with _exclusively("forge"):
        if not _is_made_of(FORGE, lock):
            progress("installing forge")
            shutil.rmtree(FORGE, ignore_errors=True)
            FORGE.mkdir(parents=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, FORGE)
            must(*compile_contracts.npm_command("ci", "--no-audit", "--no-fund"), cwd=FORGE)
            _sign(FORGE, lock)
    found = sorted((FORGE / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"))
    if len(found) != 1:
        raise ToolError(f"forge: {len(found)} binaries for this platform in {FORGE.relative_to(ROOT)}")
    return found[0]


def hardhat(*arguments: str, output: Path) -> Done:
    """Run Hardhat with its artifacts and cache in an empty `output`."""
    shutil.rmtree(output, ignore_errors=True)
    cli = compile_contracts.MODULES / "hardhat/dist/src/cli.js"
    return run(compile_contracts.node(), cli, *arguments, env={"PUHUI_HARDHAT_OUTPUT": str(output)})


def run(
    *command: str | Path,
    env: dict[str, str] | None = None,
    path: Sequence[Path] = (),
    cwd: Path = ROOT,
) -> Done:
    """Run a command with folders `path` first on PATH and a home of its own; what it writes is kept, not shown."""
    home = BUILD / "home"
    home.mkdir(parents=True, exist_ok=True)
    search = os.pathsep.join([*map(str, path), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": search, "HOME": str(home), "NO_COLOR": "1", **(env or {})}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def must(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command in the caller's own environment; raises ToolError if it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise ToolError(f"{' '.join(map(str, command[1:]))} failed:\n{done.stdout}{done.stderr}")


def last_words(text: str, lines: int = 40) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])


def _is_made_of(folder: Path, lock: Path) -> bool:
    signature = folder / ".lock-sha256"
    return signature.exists() and signature.read_text() == _digest(lock)


def _sign(folder: Path, lock: Path) -> None:
    (folder / ".lock-sha256").write_text(_digest(lock))


def _digest(lock: Path) -> str:
    # An environment belongs to the interpreter that made it as much as to its lock.
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()


@contextmanager
def _exclusively(name: str) -> Iterator[None]:
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
