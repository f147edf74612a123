"""The formats of FORMAT.md written a second time, slowly and plainly, without a line of `registry`.

`python -m tests.core.independent` prints the document that stands in tests/vectors/formats.json.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from Crypto.Hash import keccak as keccak_hash
from eth_abi import encode

BATCH_FIELDS = (
    ("source", "bytes32"),
    ("serviceDate", "uint32"),
    ("sequence", "uint32"),
    ("methodology", "uint32"),
    ("tripCount", "uint64"),
    ("reductionMg", "uint128"),
    ("tripRoot", "bytes32"),
    ("leavesDigest", "bytes32"),
    ("inputDigest", "bytes32"),
    ("previous", "bytes32"),
)
PERSONAL = ["source", "trip_id", "account_id", "wallet", "consent_at", "carrier_ref", "line"]
PERSONAL += ["board_stop", "board_time", "alight_stop", "alight_time", "fare_fen"]

# The eight leaves of the Certificate Transparency test tree; their roots are published by third parties.
CT_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def keccak(data: bytes) -> bytes:
    return keccak_hash.new(digest_bits=256, data=data).digest()


def split(count: int) -> int:
    """The largest power of two below `count`."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, over the leaves' content."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    k = split(len(leaves))
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), tree_hash(leaves[k:])]
    return [*path(index - k, leaves[k:]), tree_hash(leaves[:k])]


def netstrings(values: list[Any]) -> bytes:
    """Each value as <length>:<bytes>,"""
    texts = [("" if value is None else str(value)).encode() for value in values]
    return b"".join(str(len(text)).encode() + b":" + text + b"," for text in texts)


def leaf(mode: int, distance: int, reduction: int, tag: bytes, commitment: bytes) -> bytes:
    head = bytes([1, mode]) + distance.to_bytes(4, "big") + reduction.to_bytes(8, "big")
    return head + tag + commitment


def batch_type() -> bytes:
    return ("Batch(" + ",".join(f"{kind} {name}" for name, kind in BATCH_FIELDS) + ")").encode()


def batch_encoding(batch: dict[str, Any]) -> bytes:
    """Type hash and fields as the ABI encodes them; `batch` is the JSON form."""
    values = []
    for name, kind in BATCH_FIELDS:
        value = batch[name]
        if name == "source":
            value = value.encode().ljust(32, b"\0")
        elif kind == "bytes32":
            value = bytes.fromhex(value[2:])
        else:
            value = int(value)
        values.append(value)
    return encode(["bytes32", *(kind for _, kind in BATCH_FIELDS)], [keccak(batch_type()), *values])


def canonical(body: object) -> bytes:
    return (json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def entitlement(account: bytes, class_id: int, earned: int, converted: int) -> bytes:
    amounts = earned.to_bytes(16, "big") + converted.to_bytes(16, "big")
    return b"\x02" + account + class_id.to_bytes(8, "big") + amounts


def key_of(trip_id: str) -> bytes:
    return sha256(trip_id.encode())[:8]


def openings(rows: list[dict[str, Any]], key: Callable[[str], bytes] = key_of) -> bytes:
    """`openings.bin` of rows with trip_id, leaf, salt and canonical, in leaf order."""
    keys = sorted((key(row["trip_id"]), i) for i, row in enumerate(rows))
    parts = [row["leaf"] + row["salt"] + row["canonical"] for row in rows]
    at = 16 + 12 * len(rows) + 8 * (len(rows) + 1)
    offsets = [at]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    table = b"".join(k + i.to_bytes(4, "big") for k, i in keys) + b"".join(o.to_bytes(8, "big") for o in offsets)
    return b"PHOPEN1\n" + len(rows).to_bytes(8, "big") + table + b"".join(parts)


def entry(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": sha256(content).hex()}


def x(data: bytes) -> str:
    return "0x" + data.hex()


# --- the example: three trips of one day, one import, one batch, one epoch -----------------------

DAY_KEY = bytes(range(32))
WALLETS = (bytes.fromhex("11" * 20), bytes.fromhex("22" * 20))
TRIPS: list[dict[str, Any]] = [
    {
        "mode": 2,
        "distance_m": 14061,
        "reduction_mg": 658054,
        "fields": {
            "source": "szt",
            "trip_id": "20260302-000001",
            "account_id": "A-1",
            "wallet": WALLETS[0].hex(),
            "consent_at": 1767225600,
            "carrier_ref": "C-0001",
            "line": "2号线",
            "board_stop": "世界之窗",
            "board_time": 1772409600,
            "alight_stop": "大剧院",
            "alight_time": 1772411400,
            "fare_fen": 500,
        },
    },
    {
        "mode": 1,
        "distance_m": 5000,
        "reduction_mg": 134500,
        "fields": {
            "source": "szt",
            "trip_id": "20260302-000002",
            "account_id": "A-2",
            "wallet": WALLETS[1].hex(),
            "consent_at": 1767225600,
            "carrier_ref": "C-0002",
            "line": "M391",
            "board_stop": "市民中心",
            "board_time": 1772413200,
            "alight_stop": "",
            "alight_time": None,
            "fare_fen": None,
        },
    },
    {
        "mode": 2,
        "distance_m": 875,
        "reduction_mg": 40950,
        "fields": {
            "source": "szt",
            "trip_id": "20260302-000003",
            "account_id": "A-1",
            "wallet": WALLETS[0].hex(),
            "consent_at": 1767225600,
            "carrier_ref": "C-0001",
            "line": "1号线",
            "board_stop": "罗湖",
            "board_time": 1772445600,
            "alight_stop": "国贸",
            "alight_time": 1772446000,
            "fare_fen": 200,
        },
    },
]


def opened_trips() -> list[dict[str, Any]]:
    """The example's trips with everything derived, in leaf order."""
    rows = []
    for number, trip in enumerate(TRIPS):
        fields, salt = trip["fields"], bytes([0xA0 + number]) * 16
        journey = netstrings([fields["carrier_ref"], fields["board_time"], fields["board_stop"]])
        text = netstrings([fields[name] for name in PERSONAL])
        tag = hmac.new(DAY_KEY, journey, "sha256").digest()[:16]
        commitment = sha256(b"puhui/trip/v1" + salt + text)
        content = leaf(trip["mode"], trip["distance_m"], trip["reduction_mg"], tag, commitment)
        extra = {"journey": journey, "canonical": text, "salt": salt, "tag": tag, "commitment": commitment}
        rows.append({**trip, **extra, "leaf": content, "trip_id": fields["trip_id"]})
    return sorted(rows, key=lambda row: row["tag"])


def import_record() -> bytes:
    return canonical(
        {
            "format": "puhui.import/v1",
            "source": "szt",
            "input_format": "journeys",
            "encoding": "utf-8",
            "file_sha256": sha256(b"the input file of the example").hex(),
            "stations_sha256": "",
            "methodology": 1,
            "rows": 5,
            "rows_used": 3,
            "trips": 3,
            "reduction_mg": 833504,
            "rejected": {"same_stop": 1, "no_consent": 1},
            "files": {"rejected.parquet": entry(b"rejected.parquet of the example")},
        }
    )


def document() -> dict[str, Any]:
    """Every vector, bytes as hex."""
    trips = opened_trips()
    leaves = [row["leaf"] for row in trips]
    record = import_record()
    leaves_file = entry(b"leaves.parquet of the example")
    batch = {
        "source": "szt",
        "serviceDate": 20260302,
        "sequence": 0,
        "methodology": 1,
        "tripCount": 3,
        "reductionMg": "833504",
        "tripRoot": x(tree_hash(leaves)),
        "leavesDigest": "0x" + leaves_file["sha256"],
        "inputDigest": x(sha256(record)),
        "previous": x(bytes(32)),
    }
    batch_id = keccak(batch_encoding(batch))
    tree = b"PHTREE1\n" + (3).to_bytes(8, "big") + b"".join(sha256(b"\x00" + content) for content in leaves)
    opened = openings(trips)
    files = {
        "leaves.parquet": leaves_file,
        "tree.bin": entry(tree),
        "private.parquet": entry(b"private.parquet of the example"),
        "openings.bin": entry(opened),
    }
    manifest = canonical({"format": "puhui.batch/v1", "id": x(batch_id), "batch": batch, "files": files})
    class_id = 1 * 65536 + 2026
    rows = [
        {"account": WALLETS[0].hex(), "class": class_id, "earned_mg": 699004, "converted_mg": 0},
        {"account": WALLETS[1].hex(), "class": class_id, "earned_mg": 134500, "converted_mg": 0},
    ]
    entitled = [entitlement(bytes.fromhex(r["account"]), class_id, r["earned_mg"], r["converted_mg"]) for r in rows]
    epoch_tree = b"PHTREE1\n" + (2).to_bytes(8, "big") + b"".join(sha256(b"\x00" + e) for e in entitled)
    epoch = {
        "format": "puhui.epoch/v1",
        "number": 1,
        "root": x(tree_hash(entitled)),
        "size": 2,
        "batches": [x(batch_id)],
        "mandates_block": None,
        "files": {"entitlements.parquet": entry(b"entitlements.parquet of the example"), "tree.bin": entry(epoch_tree)},
    }
    shown = next(i for i, row in enumerate(trips) if row["trip_id"] == "20260302-000001")
    proof = {
        "format": "puhui.trip-proof/v1",
        "leaf": x(leaves[shown]),
        "opening": {"salt": x(trips[shown]["salt"]), "fields": trips[shown]["fields"]},
        "index": shown,
        "size": 3,
        "hashes": [x(node) for node in path(shown, leaves)],
        "batch": batch,
        "chain": {
            "chain_id": 755001,
            "genesis": x(sha256(b"the genesis of the example")),
            "trip_anchors": "0x" + "33" * 20,
            "batch_id": x(batch_id),
        },
    }
    hashed = ("journey", "canonical", "salt", "tag", "commitment", "leaf")
    return {
        "about": "Vectors of registry/core/FORMAT.md, bytes as hex; computed by tests/core/independent.py.",
        "merkle": {
            "leaves": CT_LEAVES,
            "roots_of_the_first": CT_ROOTS,
            "leaf_hash_of_L123456": sha256(b"\x00L123456").hex(),
            "node_hash_of_N123_N456": sha256(b"\x01N123N456").hex(),
        },
        "day_key": DAY_KEY.hex(),
        "trips": [
            {
                **{name: row[name] for name in ("mode", "distance_m", "reduction_mg", "fields")},
                **{name: row[name].hex() for name in hashed},
                "leaf_hash": sha256(b"\x00" + row["leaf"]).hex(),
            }
            for row in trips
        ],
        "batch": {
            "type": batch_type().decode(),
            "typehash": keccak(batch_type()).hex(),
            "json": batch,
            "encoding": batch_encoding(batch).hex(),
            "id": batch_id.hex(),
        },
        "import_record": {"text": record.decode(), "digest": sha256(record).hex()},
        "batch_manifest": manifest.decode(),
        "tree_bin": tree.hex(),
        "openings_bin": {
            "header": opened[:16].hex(),
            "index": opened[16 : 16 + 12 * 3].hex(),
            "offsets": opened[52 : 52 + 8 * 4].hex(),
            "whole": opened.hex(),
        },
        "entitlements": [
            {**row, "leaf": content.hex(), "leaf_hash": sha256(b"\x00" + content).hex()}
            for row, content in zip(rows, entitled, strict=True)
        ],
        "epoch_manifest": canonical(epoch).decode(),
        "proof": proof,
    }


if __name__ == "__main__":
    print(json.dumps(document(), ensure_ascii=False, indent=1))  # noqa: T201
