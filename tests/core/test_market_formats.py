"""FORMAT-MARKET.md, market.json and the program say the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.core import merkle, proceeds
from registry.core.allocation import split, split_frame
from registry.core.contribution import cut, interval
from registry.core.serial import SerialNumbers, SerialRange
from registry.evidence.certification import Certification, CertificationEvidence, EpochShare, certification_name
from registry.evidence.files import canonical_json
from registry.evidence.payout import Allocated, Payout, PayoutEvidence
from registry.evidence.tiles import encode_tree
from registry.units import MG_PER_TONNE

ROOT = Path(__file__).parents[2]
FORMAT = (ROOT / "registry" / "core" / "FORMAT-MARKET.md").read_text("utf-8")
TEXT = (ROOT / "tests" / "vectors" / "market.json").read_text("utf-8")
VECTORS: dict[str, Any] = json.loads(TEXT)
DOSSIER, PAYOUT, PROCEEDS = VECTORS["certification"], VECTORS["payout"], VECTORS["proceeds"]
LINE = pl.DataFrame(
    [(bytes.fromhex(row["account"]), row["mg"], row["epoch"]) for row in VECTORS["line"]],
    schema={"account": pl.Binary(), "mg": pl.UInt64(), "epoch": pl.UInt32()},
    orient="row",
)


def printed_vectors() -> list[tuple[str, str]]:
    """(path, hex) of every line in a ```vectors block."""
    found: list[tuple[str, str]] = []
    for line in "".join(re.findall(r"```vectors\n(.*?)```", FORMAT, re.DOTALL)).splitlines():
        path, _, rest = line.partition(" ")
        if path:
            found.append((path, rest.replace(" ", "")))
        else:
            found[-1] = (found[-1][0], found[-1][1] + rest.replace(" ", ""))
    return found


def by_account(shares: dict[str, int]) -> dict[bytes, int]:
    return {bytes.fromhex(account): number for account, number in shares.items()}


# --- the document -----------------------------------------------------------------------------------------


def test_market_json_is_what_the_independent_code_computes() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.core.independent_market"], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert made.stdout.decode() == TEXT


@pytest.mark.parametrize(("path", "printed"), printed_vectors())
def test_vectors_printed_in_the_document_are_in_market_json(path: str, printed: str) -> None:
    value: Any = VECTORS
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    assert value == printed


def test_every_run_of_hex_in_the_document_occurs_in_market_json() -> None:
    runs = re.findall(r"\b(?:0x)?([0-9a-f]{16,})\b", re.sub(r"```vectors\n.*?```", "", FORMAT, flags=re.DOTALL))
    assert len(runs) == 6
    assert [run for run in runs if run not in TEXT] == []
    assert len(printed_vectors()) == 10


def test_json_blocks_of_the_document_are_the_examples() -> None:
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", FORMAT, re.DOTALL)]
    assert blocks == [json.loads(DOSSIER["manifest"]), json.loads(PAYOUT["manifest"])]


def test_tables_of_the_document_are_the_examples() -> None:
    cells = re.findall(r"^\| (.*) \|$", FORMAT, re.MULTILINE)
    rows = [[cell.strip().replace(",", "") for cell in row.split("|")] for row in cells]
    entered = [row for row in rows if row[0] in ("a redemption", "epoch 2")]
    assert [(row[1].strip("`."), int(row[2])) for row in entered] == [
        (row["account"][:4], row["mg"]) for row in VECTORS["line"]
    ]
    for number, column in ((0, 3), (1, 4)):
        taken = interval(LINE, number * MG_PER_TONNE, MG_PER_TONNE)["mg"].to_list()
        assert [int(row[column]) for row in entered if row[column]] == taken
    assert sum(int(row[5]) for row in entered if row[5]) == int(LINE["mg"].sum()) - 2 * MG_PER_TONNE
    shares = [[int(cell) for cell in row[1:] if cell] for row in rows if " fen by " in row[0]]
    assert shares == [list(example["shares_fen"].values()) for example in VECTORS["splits"]]


def test_the_document_stays_short() -> None:
    assert len(FORMAT.splitlines()) <= 200
    assert VECTORS["serial"]["text"] in FORMAT


# --- the program against the vectors ----------------------------------------------------------------------


@pytest.mark.parametrize("example", VECTORS["cuts"], ids=lambda example: str(example["from_mg"]))
def test_cuts(example: dict[str, Any]) -> None:
    assert cut(LINE, example["from_mg"], example["mg"]).rows() == list(by_account(example["accounts"]).items())


@pytest.mark.parametrize("example", VECTORS["splits"], ids=lambda example: str(example["total_fen"]))
def test_splits(example: dict[str, Any]) -> None:
    weights, shares = by_account(example["weights"]), by_account(example["shares_fen"])
    assert split(example["total_fen"], weights) == shares
    schema = {"account": pl.Binary(), "mg": pl.UInt64()}
    table = pl.DataFrame(list(weights.items()), schema=schema, orient="row")
    assert split_frame(example["total_fen"], table).rows() == list(shares.items())


@pytest.mark.parametrize("row", PROCEEDS, ids=lambda row: row["account"][:4])
def test_proceeds_leaves(row: dict[str, Any]) -> None:
    leaf = proceeds.ProceedsLeaf(bytes.fromhex(row["account"]), row["fen"]).encode()
    assert (leaf.hex(), merkle.leaf_hash(leaf).hex()) == (row["leaf"], row["leaf_hash"])


def test_the_proceeds_of_the_example_follow_from_its_splits() -> None:
    schema = {"account": pl.Binary(), "fen": pl.UInt64()}
    shares = [by_account(example["shares_fen"]) for example in VECTORS["splits"]]
    first, *added = (pl.DataFrame(list(each.items()), schema=schema, orient="row") for each in shares)
    due = proceeds.accumulate(proceeds.accumulate(proceeds.empty(), [first]), added)
    assert due.rows() == [(bytes.fromhex(row["account"]), row["fen"]) for row in PROCEEDS]
    assert proceeds.root_of(due).hex() == PAYOUT["root"]
    content, root = encode_tree(merkle.leaf_hashes(proceeds.encode_proceeds(due), proceeds.PROCEEDS_SIZE))
    assert (content.hex(), root.hex()) == (PAYOUT["tree_bin"], PAYOUT["root"])


def test_the_dossier_of_the_example(tmp_path: Path) -> None:
    content, dossier = DOSSIER["manifest"].encode(), bytes.fromhex(DOSSIER["dossier"])
    share = EpochShare(2, bytes.fromhex(DOSSIER["epoch_root"]), 800_000_000)
    expected = Certification(2, 67562, 1, 1_000_000_000, (share,), 1, 200_000_000, 3)
    files = json.loads(content)["files"]
    assert canonical_json({"format": "puhui.certification/v1", **expected.to_json(), "files": files}) == content
    assert hashlib.sha256(content).digest() == dossier
    folder = tmp_path / certification_name(2, dossier)
    folder.mkdir()
    (folder / "manifest.json").write_bytes(content)
    evidence = CertificationEvidence(folder)
    assert (evidence.certification, evidence.dossier, folder.name) == (expected, dossier, f"000002-{dossier.hex()}")


def test_the_payout_of_the_example(tmp_path: Path) -> None:
    content, root = PAYOUT["manifest"].encode(), bytes.fromhex(PAYOUT["root"])
    folder = tmp_path / f"000002-{root.hex()}"
    folder.mkdir()
    (folder / "manifest.json").write_bytes(content)
    evidence = PayoutEvidence(folder)
    assert evidence.payout == Payout(2, root, 3, 11_001, (Allocated(1, 0, 999), Allocated(2, 10_001, 10_002)))
    assert evidence.dossier.hex() == hashlib.sha256(content).hexdigest() == PAYOUT["dossier"]


def test_the_serials_of_the_example() -> None:
    row = VECTORS["serial"]
    serials = SerialRange(row["first"], row["last"])
    numbers = SerialNumbers(row["programme"], row["methodology"], row["vintage"], row["issuance"], serials)
    assert numbers.text() == row["text"]
    assert SerialNumbers.parse(row["text"], "PUHUI") == numbers
