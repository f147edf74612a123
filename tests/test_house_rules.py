"""House rules that readers would otherwise have to keep: sizes, integers, leftovers, pins, no machine's own paths."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULE_LINES, CONTRACT_LINES = 260, 320
EXACT_ROOMS = ("core", "services", "store", "audit", "evidence")
# Written in pieces, so that this file does not break the rules it keeps.
LEFTOVERS = re.compile("|".join(rf"\b{word}\b" for word in ("TO" + "DO", "FIX" + "ME", "X" + "XX")))
REGISTRIES = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            *(
                "py" + "pi.org",
                "python" + "hosted.org",
                "registry.np" + "mjs.org",
                "npm" + "mirror.com",
                "yarn" + "pkg.com",
            ),
            *(
                "pypi.tuna." + "tsinghua",
                "mirrors." + "aliyun",
                "artifact" + "ory",
                "index-" + "url",
                "proxy." + "golang",
            ),
        )
    )
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.:/~-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers")) + r")/[A-Za-z0-9_]"
)
BINARY = {".bin", ".parquet", ".png", ".ico", ".woff2", ".gz", ".zip", ".db", ".ttf"}


def modules(*rooms: str) -> list[Path]:
    found = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    return sorted(found)


def tracked() -> list[Path]:
    """The text files git tracks; in a copy without git, those that it would."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        files = [ROOT / name for name in listed.decode().split("\0") if name]
    else:
        left_out = {"node_modules", "build", "dist", "__pycache__"}
        files = [
            path
            for path in ROOT.rglob("*")
            if path.is_file() and not any(p in left_out or p.startswith(".") for p in path.relative_to(ROOT).parts[:-1])
        ]
    return sorted(path for path in files if path.is_file() and path.suffix not in BINARY)


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    found = []
    for path in files:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    return found


def floats(code: str) -> list[int]:
    """The lines of `code` with a float: a literal, a call of float(), or an annotation.

    Seconds to wait, inside `time.sleep(...)` or under a name that ends in `_S`, are no quantity of the ledger.
    """
    found = []
    tree = ast.parse(code)
    waits = {id(inner) for node in ast.walk(tree) if _is_wait(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in waits:
            continue
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
        named = isinstance(node, ast.Name) and node.id == "float"
        polars = isinstance(node, ast.Attribute) and node.attr in ("Float32", "Float64", "float32", "float64")
        if literal or named or polars:
            found.append(node.lineno)
    return found


def _is_wait(node: ast.AST) -> bool:
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and node.target.id.endswith("_S")
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"


# --- the rules catch what they are for -----------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["x = 1.5", "x = 1e3", "x = float(y)", "def f(x: float) -> int: ...", "pl.Float64()", "np.float64(1)", "2j"]
)
def test_a_float_is_caught(code: str) -> None:
    assert floats(code) == [1]


@pytest.mark.parametrize("code", ["x = 15", "x = '1.5'", "x = 10**3 // 7", "time.sleep(0.1)", "WAIT_S: Final = 4.5"])
def test_an_integer_is_not(code: str) -> None:
    assert floats(code) == []


def test_a_path_of_one_machine_is_caught() -> None:
    for start in ("/wo" + "rk/main", "/ho" + "me/me", '"/ro' + "ot/x", "(/Us" + "ers/me"):
        assert MACHINE_PATHS.search(start)
    for fine in ("./wo" + "rk/main", "https://example.org/ho" + "me/x", "~/ho" + "me/x", "/tmp/x", "a/wo" + "rk/b"):
        assert not MACHINE_PATHS.search(fine)


# --- sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", modules("registry", "api"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_its_room(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MODULE_LINES


@pytest.mark.parametrize("path", sorted((ROOT / "contracts").glob("*.sol")), ids=lambda path: path.name)
def test_a_contract_is_one_concept(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= CONTRACT_LINES


# --- integers only ----------------------------------------------------------------------------------------


def test_there_is_no_float_where_the_ledger_counts() -> None:
    rooms = [f"registry/{room}" for room in EXACT_ROOMS]
    found = [f"{p.relative_to(ROOT)}:{line}" for p in modules(*rooms) for line in floats(p.read_text("utf-8"))]
    assert found == []
    assert floats((ROOT / "registry" / "units.py").read_text("utf-8")) == []


# --- leftovers, hosts, paths --------------------------------------------------------------------------------


def test_nothing_is_left_for_later() -> None:
    assert lines_with(LEFTOVERS, [path for path in tracked() if path.name != "package-lock.json"]) == []


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRIES, tracked()) == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE_PATHS, tracked()) == []


# --- pins -------------------------------------------------------------------------------------------------


def test_every_requirement_is_pinned_and_hashed() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    entries = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    found = [entry for entry in entries.splitlines() if entry.strip()]
    pinned = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+( *; [^\\]+?)?( *--hash=sha256:[0-9a-f]{64})+ *")
    assert [entry[:60] for entry in found if not pinned.fullmatch(entry)] == []
    assert len(found) > 50
    assert "://" not in text


def test_every_dependency_is_pinned_to_one_version_that_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    named += [entry for group in project["project"]["optional-dependencies"].values() for entry in group]
    assert [entry for entry in named if not re.fullmatch(r"[A-Za-z0-9-]+(\[[a-z]+\])?==\d[\w.]*", entry)] == []
    locked = set(
        re.findall(r"^([\w.-]+)(?:\[[a-z,]+\])?==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.M)
    )
    locked = {(name.lower().replace("_", "-"), version) for name, version in locked}
    wanted = {tuple(re.sub(r"\[.*?\]", "", entry).lower().split("==")) for entry in named}
    assert wanted - locked == set()


def test_node_packages_are_pinned() -> None:
    package = json.loads((ROOT / "package.json").read_text("utf-8"))
    versions = {**package.get("dependencies", {}), **package["devDependencies"]}
    assert [name for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    locked = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    needed = {name: entry for name, entry in locked.items() if name and not entry.get("optional")}
    hashed = [name for name, entry in needed.items() if entry.get("integrity", "").startswith("sha512-")]
    assert hashed == list(needed)
