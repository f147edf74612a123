"""`puhui retire` and `puhui certificate`: tonnes retired for good, and what proves it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.chain.contracts.retirement_certificates import Purpose
from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, said, sent_body, stdout
from registry.cli.market import Issuance, Keystore, Ref, Tonnes
from registry.errors import ConflictError, UsageError
from registry.services import retirements
from registry.services.certificates import content_of
from registry.services.private_files import replace
from registry.services.serials import serial_text
from registry.services.signing import keystore_account
from registry.units import local_text

app = typer.Typer(help="Certificates of retirement.", no_args_is_help=True)
NumberArgument = Annotated[int, typer.Argument(min=1, help="Number of the certificate.", metavar="ID")]


def retire(
    keystore: Keystore,
    issuance: Issuance,
    tonnes: Tonnes,
    ref: Ref,
    purpose: Annotated[str, typer.Option(help="COMPLIANCE, VOLUNTARY or WELFARE.")] = "COMPLIANCE",
    year: Annotated[int, typer.Option(help="The compliance year.")] = 0,
    beneficiary: Annotated[str | None, typer.Option(help="For whom (not for compliance).")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm: a retirement cannot be undone.")] = False,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Retire tonnes for good, signed by their holder; makes a certificate. It cannot be undone, so it wants --yes."""
    if purpose.upper() not in Purpose.__members__:
        raise UsageError(f"unknown purpose {purpose!r}", hint="one of " + ", ".join(Purpose.__members__))
    if not (yes or dry_run):
        raise UsageError("a retirement cannot be undone", hint="say --yes if you mean it, or try --dry-run")
    with ledger(home, writing=not dry_run) as opened:
        key = keystore_account(keystore, opened.keys.password)
        if dry_run:
            free = opened.contracts.reductions.transferable(key.address, issuance)
            body = {"holder": key.address, "issuance": issuance, "tonnes": tonnes, "free": free, "dry_run": True}
            said(as_json, body, f"would retire {tonnes} t of the {free} t of issuance {issuance} that can move")
            return
        done = retirements.retire(
            opened, key, issuance, tonnes, Purpose[purpose.upper()], ref, year=year, beneficiary=beneficiary
        )
        found = done.certificate
        serials = [serial_text(opened, found.issuance, found.class_id, part) for part in found.ranges]
    body = sent_body(done.sent, certificate=found.number, tonnes=found.tonnes, serials=serials)
    said(as_json, body, f"retired {found.tonnes} t: certificate {found.number}, serials {', '.join(serials)}")


def offset_limit(
    entity: Annotated[str, typer.Argument(help="The entity's code.")],
    year: Annotated[int, typer.Option(help="The compliance year.")],
    tonnes: Annotated[int, typer.Option(min=0, help="Whole tonnes it may retire for that year.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Set how much an entity may retire for a compliance year, as the regulator."""
    facts: dict[str, object] = {"entity": entity, "year": year, "tonnes": tonnes}
    if dry_run:
        said(as_json, {**facts, "dry_run": True}, f"would set {facts}")
        return
    with ledger(home, writing=True) as opened:
        sent = retirements.set_offset_limit(opened, entity, year, tonnes)
    said(as_json, sent_body(sent, **facts), f"{entity} may retire {tonnes} t for {year}")


@app.command()
def show(number: NumberArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a certificate, every value read from the chain now."""
    with ledger(home) as opened:
        content = content_of(opened, number)
    body = {
        **vars(content),
        "ranges": [vars_of(part) for part in content.ranges],
        "contracts": dict(content.contracts),
        "retired_at_local": local_text(content.retired_at),
    }

    def text() -> None:
        for key, value in body.items():
            stdout.print(f"{key:<20} {value}", markup=False)

    emit(as_json, body, text)


@app.command()
def pdf(
    number: NumberArgument,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    url: Annotated[str | None, typer.Option(help="The page the QR code leads to; default the chain itself.")] = None,
    force: Annotated[bool, typer.Option(help="Replace the file if it is there.")] = False,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print a certificate as a PDF in Chinese and English, every number of it read back from the chain."""
    from registry.services.certificate_pdf import render  # fpdf takes a third of a second to load

    if out.exists() and not force:
        raise ConflictError(f"{out} is there already", hint="give --force to replace it")
    with ledger(home) as opened:
        content = content_of(opened, number, url)
    page = render(content)
    if not dry_run:
        replace(out, page)
    body = {"certificate": number, "file": str(out), "bytes": len(page), "dry_run": dry_run}
    said(as_json, body, f"certificate {number}: {out}, {len(page):,} bytes")


def vars_of(part: object) -> dict[str, object]:
    """A printed range as `--json` prints it."""
    return dict(vars(part))
