"""`puhui epoch`: publishing what everyone has earned."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.common import DryRunOption, HomeOption, JsonOption, Progress, emit, ledger, stdout
from registry.services import keystores
from registry.services.epochs import EpochStep, attest_epoch, cancel_epoch, pending_epoch, publish_epoch
from registry.services.queries import batches_waiting, epoch_detail
from registry.units import points_text

app = typer.Typer(help="Epochs of entitlements.", no_args_is_help=True)


@app.command()
def publish(
    attest: Annotated[bool, typer.Option(help="Let the verifier, if its key is here, recompute and co-sign.")] = True,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish the next epoch over all attested batches, as the platform.

    It becomes active once a verifier has recomputed and co-signed it and its delay has passed. Where the verifier's
    keystore is in the same home (a sandbox) that is done at once, unless --no-attest.
    """
    if dry_run:
        with ledger(home) as opened:
            waiting = [step.batch for step in batches_waiting(opened, "ATTESTED")]
        body = {"dry_run": True, "batches": waiting}
        emit(as_json, body, lambda: stdout.print(f"{len(waiting)} batches would be issued"))
        return
    with ledger(home, writing=True) as opened, Progress("epoch") as progress:
        attest = attest and not keystores.missing(opened.home.keys, ("verifier",))
        pending = pending_epoch(opened) if attest else None
        if pending is not None:  # published by a call that was interrupted before the verifier's part
            step: EpochStep | None = attest_epoch(opened, pending)
        else:
            step = publish_epoch(opened, progress)
            if step and attest:
                progress(f"the verifier recomputes epoch {step.number}")
                attested = attest_epoch(opened, step.number)
                step = EpochStep(**{**vars(step), "state": attested.state})
    emit(as_json, vars(step) if step else {"number": None, "changed": False}, lambda: _text(step))


@app.command()
def cancel(
    number: Annotated[int, typer.Argument(min=1, help="Epoch number.")],
    reason: Annotated[str, typer.Option(help="At most 31 ASCII characters; public.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back an epoch that is not active yet, as the guardian: its batches wait for another one."""
    with ledger(home, writing=not dry_run) as opened:
        if dry_run:
            body = epoch_detail(opened, number)
            emit(as_json, {"dry_run": True, **body}, lambda: stdout.print(f"would cancel epoch {number}"))
            return
        step = cancel_epoch(opened, number, reason)
    emit(as_json, vars(step), lambda: stdout.print(f"epoch {number}: CANCELLED, its {len(step.batches)} batches wait"))


@app.command()
def show(
    number: Annotated[int | None, typer.Argument(help="Epoch number; without it the newest.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an epoch: root, size, batches, and whether it is active."""
    with ledger(home) as opened:
        body = epoch_detail(opened, number)

    def text() -> None:
        for key, value in body.items():
            stdout.print(f"{key:<12} {value}")

    emit(as_json, body, text)


def _text(step: EpochStep | None) -> None:
    if step is None:
        stdout.print("no attested batch waits for an epoch")
        return
    stdout.print(f"epoch {step.number}: {step.state}, root {step.root}, {step.size:,} entitlements")
    stdout.print(f"issues {len(step.batches)} batches, {points_text(step.earned_mg)} points; gas {step.gas:,}")
    if step.state == "PUBLISHED":
        stdout.print(f"it becomes active when a verifier has co-signed it: `puhui attest --epoch {step.number}`")
