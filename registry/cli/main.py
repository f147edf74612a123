"""Entry point of `puhui`: the command tree, and the one place where an error becomes text and an exit code."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from registry import __version__, logs
from registry.cli import (
    accounts,
    acts,
    anchor,
    audit,
    backup,
    balance,
    batch,
    cash,
    certify,
    common,
    demo,
    doctor,
    epoch,
    events,
    halt,
    init,
    issuance,
    mandate,
    market,
    methodology,
    metrics,
    ops,
    participant,
    payout,
    points,
    proof,
    retire,
    source,
    treasury,
    trips,
    up,
)
from registry.cli.common import stderr
from registry.errors import PuhuiError, StorageError
from registry.settings import Settings

INTERRUPTED = 128 + signal.SIGINT

app = typer.Typer(
    name="puhui",
    help="Puhui Ledger 碳普惠账本: trips in, carbon points out, and nothing that an outsider cannot recompute.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


def _version(show: bool) -> None:
    if show:
        sys.stdout.write(__version__ + "\n")
        raise typer.Exit


@app.callback()
def root(
    home: Annotated[Path | None, typer.Option("--home", help="Folder of the ledger (default ./.puhui).")] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version.")] = False,
) -> None:
    """The ledger of a carbon-inclusion programme.

    Exit codes: 0 ok, 1 failure, 2 usage, 3 verification mismatch, 4 authentication, 5 conflict, 6 unavailable.
    """
    common.root_home = home
    settings = Settings()
    secrets = [each.get_secret_value() for each in (settings.keystore_password, settings.database_url) if each]
    logs.configure(settings.log, secrets)


app.command("init")(init.init)
app.add_typer(accounts.app, name="accounts")
app.add_typer(source.app, name="source")
app.add_typer(trips.app, name="trips")
app.add_typer(batch.app, name="batch")
app.command("anchor")(anchor.anchor)
app.command("attest")(anchor.attest)
app.command("reject")(anchor.reject)
app.add_typer(epoch.app, name="epoch")
app.add_typer(points.app, name="points")
app.add_typer(mandate.app, name="mandate")
app.add_typer(certify.app, name="certify")
app.add_typer(certify.serial_app, name="serial")
app.add_typer(issuance.app, name="issuance")
app.command("pause")(halt.pause)
app.command("unpause")(halt.unpause)
app.add_typer(participant.app, name="participant")
app.add_typer(cash.app, name="cash")
app.add_typer(market.app, name="market")
app.add_typer(treasury.app, name="treasury")
app.command("retire")(retire.retire)
app.command("offset-limit")(retire.offset_limit)
app.add_typer(retire.app, name="certificate")
app.add_typer(payout.app, name="payout")
app.command("proof")(proof.proof)
app.command("verify")(proof.verify)
app.command("audit")(audit.audit)
app.command("balance")(balance.balance)
app.add_typer(methodology.app, name="methodology")
app.command("events")(events.events)
app.command("reindex")(events.reindex)
app.add_typer(acts.app, name="acts")
app.add_typer(ops.app, name="ops")
app.command("metrics")(metrics.metrics)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("reconcile")(backup.reconcile)
app.command("up")(up.up)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(main(arguments))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        app(given, prog_name="puhui")
    except PuhuiError as error:
        return _report(error, "--json" in given)
    except SystemExit as stop:  # typer's way to end a command: 2 for wrong usage, 130 for Ctrl-C, without a word
        code = stop.code if isinstance(stop.code, int) else 1
        if code == INTERRUPTED:
            stderr.print("interrupted: what was not finished was not recorded; run the command again")
        return code
    except MemoryError:
        return _report(StorageError("out of memory", hint="use a machine with more, or split the file"), False)
    return 0


def _report(error: PuhuiError, as_json: bool) -> int:
    if as_json:
        body = {"error": error.to_json()}
        sys.stdout.write(json.dumps(body, ensure_ascii=False, indent=1) + "\n")
    stderr.print(f"error [{error.code}]: {error.message}", markup=False, style="red")
    if error.hint:
        stderr.print(f"  what to do: {error.hint}", markup=False)
    return error.exit_code
