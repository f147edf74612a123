"""Campaigns against a node that fails: `python -m tests.faults.node_runs replies|restarts|stall --runs N`.

replies     the reply to a transaction is lost or late, or its bytes arrive twice
restarts    the node's process ends and starts again, under a writer and an indexer
stall       two of four validators are away: no blocks for a while, then all that waited

Prints what came of it as JSON; ends with 1 when something that must hold did not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.faults import node_replies, node_restarts, node_stall
from tests.faults.node_ground import make_embedded, make_on_anvil, on_anvil, on_embedded

SHOWN: Final = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.node_runs", description="Campaigns against a node.")
    parser.add_argument("campaign", choices=("replies", "restarts", "stall"))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="replies: which faults come")
    parser.add_argument("--seconds", type=int, default=60, help="stall: how long each is")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        found = _campaign(asked, Path(name))
    took = round(time.monotonic() - began)
    sys.stdout.write(json.dumps(_short({"campaign": asked.campaign, **found, "seconds": took}), indent=1) + "\n")
    return 1 if found["wrong"] else 0


def _campaign(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    if asked.campaign == "replies":
        return node_replies.told(node_replies.replies(make_on_anvil(folder), asked.runs, asked.seed))
    if asked.campaign == "stall":
        return node_stall.told(node_stall.stalls(make_on_anvil(folder), asked.runs, asked.seconds))
    done = {}
    for name, make, on in (("anvil", make_on_anvil, on_anvil), ("embedded", make_embedded, on_embedded)):
        (folder / name).mkdir()
        with on(make(folder / name), node_restarts.FACTOR, node_restarts.TIMEOUT_S) as ground:
            done[name] = node_restarts.restarts(ground, asked.runs, asked.seed)
    return {**{name: vars(one) for name, one in done.items()}, "wrong": [x for one in done.values() for x in one.wrong]}


def _short(found: Any) -> Any:
    """Without the end of lists that nobody reads to their end."""
    if isinstance(found, dict):
        return {name: _short(part) for name, part in found.items()}
    if isinstance(found, list) and len(found) > SHOWN:
        return [*map(_short, found[:SHOWN]), f"and {len(found) - SHOWN} more"]
    return found


if __name__ == "__main__":
    sys.exit(main())
