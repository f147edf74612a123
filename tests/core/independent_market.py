"""The formats of FORMAT-MARKET.md written a second time, slowly and plainly, without a line of `registry`.

`python -m tests.core.independent_market` prints the document that stands in tests/vectors/market.json.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from tests.core.independent import canonical, entry, sha256, tree_hash, x

CLASS = 1 * 65536 + 2026
A, B, C = (bytes([n]) * 20 for n in (0x11, 0x22, 0x33))
EPOCH, EPOCH_ROOT = 2, sha256(b"the root of the example's epoch 2")
# (what it entered by, account, mg): a redemption, the two accounts that epoch 2 converted for, a redemption.
LINE = [(0, B, 400_000_000), (EPOCH, A, 1_100_000_000), (EPOCH, B, 300_000_000), (0, C, 500_000_000)]
TONNE = 1_000_000_000

Shares = dict[bytes, int]


def proceeds(account: bytes, fen: int) -> bytes:
    return b"\x03" + account + fen.to_bytes(16, "big")


def largest_remainder(total: int, weights: dict[Any, int]) -> dict[Any, int]:
    """Quotas as fractions, their whole parts, and one more for the largest rests, ties by key."""
    quotas = {key: Fraction(total * weight, sum(weights.values())) for key, weight in weights.items()}
    shares = {key: int(quota) for key, quota in quotas.items()}
    keys = sorted(quotas, key=lambda key: (shares[key] - quotas[key], key))
    for key in keys[: total - sum(shares.values())]:
        shares[key] += 1
    return shares


def inside(line: list[tuple[int, bytes, int]], start: int, length: int) -> list[tuple[int, bytes, int]]:
    """What an interval of a line consists of, in order."""
    found, at = [], 0
    for origin, account, mg in line:
        part = min(at + mg, start + length) - max(at, start)
        if part > 0:
            found.append((origin, account, part))
        at += mg
    return found


def summed(rows: list[tuple[int, bytes, int]]) -> Shares:
    sums: Shares = {}
    for _, account, mg in rows:
        sums[account] = sums.get(account, 0) + mg
    return dict(sorted(sums.items()))


def certification(number: int, start: int, tonnes: int) -> tuple[dict[str, Any], Shares]:
    """A dossier's manifest and whose mg the tonnes are."""
    rows = inside(LINE, start, tonnes * TONNE)
    converted = sum(mg for origin, _, mg in rows if origin == EPOCH)
    redeemed = [mg for origin, _, mg in rows if origin == 0]
    people = summed(rows)
    return {
        "format": "puhui.certification/v1",
        "number": number,
        "class": CLASS,
        "methodology": 1,
        "vintage": 2026,
        "tonnes": tonnes,
        "from_mg": str(start),
        "mg": str(tonnes * TONNE),
        "epochs": [{"number": EPOCH, "root": x(EPOCH_ROOT), "mg": str(converted)}],
        "redemptions": {"count": len(redeemed), "mg": str(sum(redeemed))},
        "accounts": len(people),
        "files": {"contributions.parquet": entry(b"contributions.parquet of the example")},
    }, people


def document() -> dict[str, Any]:
    """Every vector, bytes as hex."""
    _, first = certification(1, 0, 1)
    dossier, second = certification(2, TONNE, 1)
    # Run 1 paid out issuance 2 alone; run 2 adds the first fen of issuance 1 and one more of issuance 2.
    before = largest_remainder(10_001, second)
    added = [(1, 0, 999, first), (2, 10_001, 10_002, second)]
    allocations = [(number, largest_remainder(after - old, people)) for number, old, after, people in added]
    due = dict(before)
    for _, shares in allocations:
        for account, fen in shares.items():
            due[account] = due.get(account, 0) + fen
    leaves = [proceeds(account, fen) for account, fen in sorted(due.items()) if fen]
    hashes = [sha256(b"\x00" + leaf) for leaf in leaves]
    tree = b"PHTREE1\n" + len(leaves).to_bytes(8, "big") + b"".join(hashes)
    payout = {
        "format": "puhui.payout/v1",
        "number": 2,
        "root": x(tree_hash(leaves)),
        "size": len(leaves),
        "total_fen": str(sum(due.values())),
        "allocated": [
            {"issuance": number, "fen": str(after - old), "funded_before": str(old), "funded_after": str(after)}
            for number, old, after, _ in added
        ],
        "files": {
            "allocations.parquet": entry(b"allocations.parquet of the example"),
            "proceeds.parquet": entry(b"proceeds.parquet of the example"),
            "tree.bin": entry(tree),
        },
    }
    return {
        "about": "Vectors of registry/core/FORMAT-MARKET.md; computed by tests/core/independent_market.py.",
        "line": [{"epoch": origin, "account": account.hex(), "mg": mg} for origin, account, mg in LINE],
        "cuts": [
            {"from_mg": at, "mg": TONNE, "accounts": {account.hex(): mg for account, mg in people.items()}}
            for at, people in ((0, first), (TONNE, second))
        ],
        "certification": {
            "manifest": canonical(dossier).decode(),
            "epoch_root": EPOCH_ROOT.hex(),
            "dossier": sha256(canonical(dossier)).hex(),
        },
        "splits": [
            {
                "total_fen": total,
                "weights": {account.hex(): mg for account, mg in people.items()},
                "shares_fen": {account.hex(): fen for account, fen in largest_remainder(total, people).items()},
            }
            for total, people in ((10_001, second), (999, first), (1, second))
        ],
        "proceeds": [
            {"account": leaf[1:21].hex(), "fen": due[leaf[1:21]], "leaf": leaf.hex(), "leaf_hash": node.hex()}
            for leaf, node in zip(leaves, hashes, strict=True)
        ],
        "payout": {
            "manifest": canonical(payout).decode(),
            "root": tree_hash(leaves).hex(),
            "tree_bin": tree.hex(),
            "dossier": sha256(canonical(payout)).hex(),
        },
        "serial": {
            "programme": "PUHUI",
            "methodology": 1,
            "vintage": 2026,
            "issuance": 12,
            "first": 1001,
            "last": 1234,
            "text": "-".join(["PUHUI", "001", "2026", "12", "1001", "1234"]),
        },
    }


if __name__ == "__main__":
    print(json.dumps(document(), ensure_ascii=False, indent=1))  # noqa: T201
