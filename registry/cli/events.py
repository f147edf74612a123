"""`puhui events` and `puhui reindex`: the chain's events as numbered rows."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.common import DryRunOption, HomeOption, JsonOption, Progress, emit, ledger, stdout, table
from registry.services import indexer
from registry.store import chain_events
from registry.units import local_text


def events(
    after: Annotated[int, typer.Option("--after", min=0, help="The last number you have; 0 from the beginning.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read what is new on the chain, and show the events after a number, in order and without a gap."""
    with ledger(home) as opened:
        indexer.sync(opened)
        with opened.db.read() as session:
            found = chain_events.after(session, after, limit)
    body = {"events": [row.model_dump() for row in found], "last": found[-1].sequence if found else after}

    def text() -> None:
        columns = ["number", "time", "block", "contract", "event", "transaction"]
        table(
            columns,
            [[r.sequence, local_text(r.time), r.block, r.contract, r.name, r.tx_hash[:18] + "…"] for r in found],
        )
        stdout.print(f"go on with --after {body['last']}")

    emit(as_json, body, text)


def reindex(
    from_chain: Annotated[
        bool, typer.Option("--from-chain", help="Forget every event and read them again: the way out of an incident.")
    ] = False,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read the chain's events up to its head; nothing else of the ledger is touched."""
    with ledger(home) as opened, Progress("reindex") as progress:
        if dry_run:
            done = indexer.Indexed(opened.contracts.chain.head(), 0, 0)
        else:
            done = indexer.rebuild(opened, progress) if from_chain else indexer.sync(opened, progress)
    body = {"block": done.block, "added": done.added, "removed": done.removed, "dry_run": dry_run}
    emit(
        as_json, body, lambda: stdout.print(f"block {done.block:,}: {done.added:,} events added, {done.removed:,} gone")
    )
