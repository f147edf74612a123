"""`puhui anchor`, `attest`, `reject`: a batch's way onto the chain and past the verifier."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.common import DryRunOption, HomeOption, JsonOption, Progress, emit, ledger, stdout, table
from registry.services.anchoring import BatchStep, anchor_batches, attest_batches, reject_batch
from registry.services.epochs import attest_epoch, pending_epoch
from registry.services.queries import batches_waiting

BatchArguments = Annotated[list[str] | None, typer.Argument(help="Batch ids; without any, all that wait.")]


def anchor(
    batch: BatchArguments = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Anchor sealed batches on the chain, as the platform."""
    with ledger(home, writing=not dry_run) as opened, Progress("anchor") as progress:
        steps = batches_waiting(opened, "SEALED") if dry_run else anchor_batches(opened, batch or [], progress)
    emit(as_json, _body(steps, dry_run), lambda: _text(steps, dry_run))


def attest(
    batch: BatchArguments = None,
    epoch: Annotated[int | None, typer.Option(help="Attest this epoch instead of batches.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Recompute anchored batches, and a pending epoch, from evidence, and co-sign them, as the verifier."""
    steps: list[BatchStep] = []
    with ledger(home, writing=not dry_run) as opened, Progress("attest") as progress:
        if dry_run:
            steps = batches_waiting(opened, "ANCHORED")
        elif epoch is None:
            steps = attest_batches(opened, batch or [], progress)
        number = epoch if epoch is not None else None if batch else pending_epoch(opened)
        attested = attest_epoch(opened, number) if number is not None and not dry_run else None
    body = {**_body(steps, dry_run), "epoch": vars(attested) if attested else None}

    def text() -> None:
        if steps or attested is None:
            _text(steps, dry_run)
        if attested:
            stdout.print(f"epoch {attested.number} with root {attested.root}: {attested.state}")

    emit(as_json, body, text)


def reject(
    batch: str,
    reason: Annotated[str, typer.Option(help="At most 31 ASCII characters; public.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Reject a batch for good, as the verifier. Its trips may be imported again, corrected."""
    with ledger(home, writing=not dry_run) as opened:
        step = reject_batch(opened, batch, reason, dry_run=dry_run)
    emit(as_json, {**vars(step), "dry_run": dry_run}, lambda: _text([step], dry_run))


def _body(steps: list[BatchStep], dry_run: bool) -> dict[str, object]:
    return {"batches": [vars(step) for step in steps], "dry_run": dry_run}


def _text(steps: list[BatchStep], dry_run: bool) -> None:
    if not steps:
        stdout.print("no batch waits for this")
        return
    rows: list[list[object]] = [[s.batch, s.state, s.transaction or "-", s.gas or "-"] for s in steps]
    table(["batch", "state", "transaction", "gas"], rows)
    if dry_run:
        stdout.print("dry run: nothing was sent")
