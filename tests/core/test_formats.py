"""FORMAT.md, formats.json and the program say the same bytes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.audit import (
    cash,
    certifications,
    epochs,
    market,
    orders,
    payments,
    payout_runs,
    proceeds,
    retirements,
    serials,
)
from registry.audit.ledger import BATCH_CHECKS, FULL_CHECKS
from registry.core import merkle
from registry.core.batch import BATCH_TYPE, BATCH_TYPEHASH, Batch
from registry.core.entitlement import Entitlement
from registry.core.leaf import PERSONAL_FIELDS, Tagger, TripLeaf, canonical_fields, commitment, netstring, parse_fields
from registry.core.proof import TripProof, verify_trip
from registry.evidence.files import canonical_json
from registry.evidence.openings import openings_content
from registry.evidence.tiles import encode_tree
from tests.core import independent

ROOT = Path(__file__).parents[2]
FORMAT = (ROOT / "registry" / "core" / "FORMAT.md").read_text("utf-8")
FORMAT_MARKET = (ROOT / "registry" / "core" / "FORMAT-MARKET.md").read_text("utf-8")
TEXT = (ROOT / "tests" / "vectors" / "formats.json").read_text("utf-8")
VECTORS: dict[str, Any] = json.loads(TEXT)
TRIPS, BATCH = VECTORS["trips"], VECTORS["batch"]


def printed_vectors() -> list[tuple[str, str]]:
    """(path, hex) of every line in a ```vectors block."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```vectors\n(.*?)```", FORMAT, re.DOTALL):
        for line in block.splitlines():
            if line.startswith(" "):
                path, old = found.pop()
                found.append((path, old + line.replace(" ", "")))
            else:
                path, _, rest = line.partition(" ")
                found.append((path, rest.replace(" ", "")))
    return found


def at(path: str) -> object:
    value: Any = VECTORS
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def test_formats_json_is_what_the_independent_code_computes() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.core.independent"], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert made.stdout.decode() == TEXT


@pytest.mark.parametrize(("path", "printed"), printed_vectors())
def test_vectors_printed_in_the_format_document_are_in_formats_json(path: str, printed: str) -> None:
    assert at(path) == printed


def test_every_run_of_hex_in_the_format_document_occurs_in_formats_json() -> None:
    outside = re.sub(r"```vectors\n.*?```", "", FORMAT, flags=re.DOTALL)
    runs = re.findall(r"\b(?:0x)?([0-9a-f]{16,})\b", outside)
    assert len(runs) > 20
    assert [run for run in runs if run not in TEXT] == []
    assert len(printed_vectors()) == 24


def test_json_blocks_of_the_format_document_are_the_examples() -> None:
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", FORMAT, re.DOTALL)]
    names = ("batch_manifest", "epoch_manifest")
    expected = [json.loads(VECTORS["import_record"]["text"]), *(json.loads(VECTORS[name]) for name in names)]
    assert blocks == [*expected, VECTORS["proof"]]


def test_the_format_document_names_every_check_of_an_audit_and_every_step_of_a_verification() -> None:
    modules = (epochs, certifications, serials, orders, market, cash, retirements, proceeds, payout_runs, payments)
    constants = [value for m in modules for name, value in vars(m).items() if name[0].isalpha() and name.isupper()]
    names = ["methodology published as computed", *BATCH_CHECKS, *FULL_CHECKS]
    names += dict.fromkeys(value for value in constants if isinstance(value, str) and " " in value)
    assert len(names) == 14 + 34
    both = " ".join((FORMAT + FORMAT_MARKET).split())
    assert [name for name in names if f"`{name}`" not in both] == []
    steps = FORMAT.split("## Verifying a trip proof")[1].split("## Auditing")[0]
    assert re.findall(r"^(\d)\. ", steps, re.MULTILINE) == list("12345678")
    proof = TripProof.from_text(json.dumps(VECTORS["proof"]).encode())
    assert [check.name[0] for check in verify_trip(proof)] == list("234567")


def test_the_format_document_stays_short() -> None:
    assert len(FORMAT.splitlines()) <= 300
    assert [f for f in PERSONAL_FIELDS if f"`{f}`" not in FORMAT] == []


# --- the program against the vectors ---------------------------------------------------------------


def test_tree_hashes() -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(text)) for text in VECTORS["merkle"]["leaves"]]
    roots = [merkle.root(leaves[:count]).hex() for count in range(9)]
    assert roots == VECTORS["merkle"]["roots_of_the_first"]
    assert merkle.leaf_hash(b"L123456").hex() == VECTORS["merkle"]["leaf_hash_of_L123456"]
    assert merkle.node_hash(b"N123", b"N456").hex() == VECTORS["merkle"]["node_hash_of_N123_N456"]


@pytest.mark.parametrize("trip", TRIPS, ids=lambda trip: trip["fields"]["trip_id"])
def test_trips(trip: dict[str, Any]) -> None:
    fields, canonical, salt = trip["fields"], bytes.fromhex(trip["canonical"]), bytes.fromhex(trip["salt"])
    assert canonical_fields(fields) == canonical
    assert parse_fields(canonical) == fields
    journey = b"".join(netstring(fields[name]) for name in ("carrier_ref", "board_time", "board_stop"))
    assert journey.hex() == trip["journey"]
    tag = Tagger(bytes.fromhex(VECTORS["day_key"])).tag(journey)
    assert tag.hex() == trip["tag"]
    opened = commitment(salt, canonical)
    assert opened.hex() == trip["commitment"]
    leaf = TripLeaf(trip["mode"], trip["distance_m"], trip["reduction_mg"], tag, opened)
    assert leaf.encode().hex() == trip["leaf"]
    assert merkle.leaf_hash(leaf.encode()).hex() == trip["leaf_hash"]


def test_batch() -> None:
    batch = Batch.from_json(BATCH["json"])
    assert (BATCH_TYPE, BATCH_TYPEHASH.hex(), batch.id().hex()) == (BATCH["type"], BATCH["typehash"], BATCH["id"])
    assert batch.to_json() == BATCH["json"]


@pytest.mark.parametrize(
    "text", [VECTORS["import_record"]["text"], VECTORS["batch_manifest"], VECTORS["epoch_manifest"]]
)
def test_canonical_json(text: str) -> None:
    assert canonical_json(json.loads(text)) == text.encode()


def test_tree_file() -> None:
    content, root = encode_tree([bytes.fromhex(trip["leaf_hash"]) for trip in TRIPS])
    assert (content.hex(), "0x" + root.hex()) == (VECTORS["tree_bin"], BATCH["json"]["tripRoot"])


def test_openings_file() -> None:
    ids = pl.Series([trip["fields"]["trip_id"] for trip in TRIPS])
    leaves, salts = (b"".join(bytes.fromhex(trip[name]) for trip in TRIPS) for name in ("leaf", "salt"))
    canonical = pl.Series([bytes.fromhex(trip["canonical"]) for trip in TRIPS], dtype=pl.Binary)
    assert b"".join(openings_content(ids, leaves, salts, canonical)).hex() == VECTORS["openings_bin"]["whole"]


@pytest.mark.parametrize("row", VECTORS["entitlements"], ids=lambda row: row["account"][:4])
def test_entitlements(row: dict[str, Any]) -> None:
    made = Entitlement(bytes.fromhex(row["account"]), row["class"], row["earned_mg"], row["converted_mg"]).encode()
    assert (made.hex(), merkle.leaf_hash(made).hex()) == (row["leaf"], row["leaf_hash"])


def test_the_example_proof_holds_in_steps_2_to_7() -> None:
    proof = TripProof.from_text(json.dumps(VECTORS["proof"]).encode())
    assert [check.ok for check in verify_trip(proof)] == [True] * 6
    assert proof.to_json() == VECTORS["proof"]
    leaves = [bytes.fromhex(trip["leaf"]) for trip in TRIPS]
    assert list(proof.hashes) == independent.path(2, leaves)
