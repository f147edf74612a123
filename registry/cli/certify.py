"""`puhui certify` and `puhui serial`: from the pool to serialised tonnes, and looking them up."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from registry.chain.contracts.reduction_certification import CertificationStatus
from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, said, stdout, table
from registry.core import methodology
from registry.services import certification, serials
from registry.services.certification import CertificationStep, certification_json
from registry.units import local_text, whole_tonnes

app = typer.Typer(help="Certification: whole tonnes of a class's pool.", no_args_is_help=True)
serial_app = typer.Typer(help="Serial numbers of tonnes.", no_args_is_help=True)
NumberArgument = Annotated[int, typer.Argument(min=1, help="Number of the certification.", metavar="NUMBER")]


@app.command()
def pool(
    class_id: Annotated[int, typer.Option("--class", min=1, help="Class: methodology << 16 | vintage.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a class's market pool."""
    with ledger(home) as opened:
        body = {
            "class_id": class_id,
            "unit": "mg",
            "entered": opened.contracts.points.market_mg(class_id),
            "certified": opened.contracts.certification.certified_mg(class_id),
            "pool": opened.contracts.certification.pool_mg(class_id),
            "open_certification": opened.contracts.certification.open_of(class_id) or None,
        }

    def text() -> None:
        tonnes, rest = whole_tonnes(int(str(body["pool"])))
        stdout.print(f"class {class_id}: {tonnes:,} whole tonnes and {rest:,} mg, of {body['entered']:,} mg entered")

    emit(as_json, body, text)


@app.command("apply")
def apply_for(
    class_id: Annotated[int, typer.Option("--class", min=1, help="Class: methodology << 16 | vintage.")],
    tonnes: Annotated[int | None, typer.Option(min=1, help="Whole tonnes; default all there are.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Apply for whole tonnes of a class's pool, as the platform; the remainder stays in the pool."""
    methodology.by_id(class_id >> 16)
    if dry_run:
        with ledger(home) as opened:
            there = whole_tonnes(opened.contracts.certification.pool_mg(class_id))[0]
        said(
            as_json,
            {"class_id": class_id, "tonnes": tonnes or there, "dry_run": True},
            f"{there} t could be applied for",
        )
        return
    with ledger(home, writing=True) as opened:
        _step(as_json, certification.apply_for(opened, class_id, tonnes))


@app.command()
def verify(
    number: NumberArgument, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Recompute a certification's dossier from the chain and the entitlements, and sign it, as the verifier."""
    with ledger(home, writing=not dry_run) as opened:
        if dry_run:
            certification.check_dossier(opened, certification.get(opened, number))
            said(as_json, {"number": number, "dry_run": True}, f"the dossier of certification {number} is equal")
            return
        _step(as_json, certification.verify(opened, number))


@app.command()
def approve(
    number: NumberArgument, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Approve a verified certification, as the regulator: its tonnes are issued to the programme's treasury."""
    with ledger(home, writing=not dry_run) as opened:
        if dry_run:
            record = certification.get(opened, number)
            said(as_json, {**certification_json(record), "dry_run": True}, f"it is {record.status.name}")
            return
        _step(as_json, certification.approve(opened, number))


@app.command()
def reject(
    number: NumberArgument,
    reason: Annotated[str, typer.Option(help="Why; ASCII, at most 31 characters, it stands on the chain.")],
    as_verifier: Annotated[bool, typer.Option("--as-verifier", help="Refute as the verifier.")] = False,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Reject a certification, as the regulator (or refute it as the verifier): every mg returns to the pool."""
    with ledger(home, writing=not dry_run) as opened:
        if dry_run:
            record = certification.get(opened, number)
            said(as_json, {**certification_json(record), "dry_run": True}, f"it is {record.status.name}")
            return
        _step(as_json, certification.reject(opened, number, reason, "verifier" if as_verifier else "regulator"))


@app.command()
def show(
    number: Annotated[int | None, typer.Argument(min=1, help="Number; without it all.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one certification with its dossier, or all of them."""
    with ledger(home) as opened:
        if number is None:
            numbers = range(1, opened.contracts.certification.count() + 1)
            every = [certification_json(certification.get(opened, n)) for n in numbers]
            columns = ["number", "status", "class_id", "tonnes", "dossier"]
            rows = [[item[column] for column in columns] for item in every]
            emit(as_json, every, lambda: table(columns, rows))
            return
        record = certification.get(opened, number)
        folder = certification.dossier_of(opened, record)
        body: dict[str, Any] = {**certification_json(record), "contents": folder.certification.to_json()}
        issuance = opened.contracts.reductions.issuance(number)
    if issuance is not None:
        body["issuance"] = {
            "status": issuance.status.name,
            "first_serial": issuance.serials.first,
            "last_serial": issuance.serials.last,
            "retired": issuance.retired,
            "cancelled": issuance.cancelled,
            "issued_at": issuance.issued_at,
        }

    def text() -> None:
        for key, value in body.items():
            stdout.print(f"{key:<12} {value}", markup=False)

    emit(as_json, body, text)


@serial_app.command("show")
def serial_show(
    text: Annotated[str, typer.Argument(help="1234, 1234-1250, or a printed serial.", metavar="SERIAL")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where a tonne came from, who holds it, everything that happened to it, or its certificate."""
    with ledger(home) as opened:
        found = serials.look_up(opened, text)
        body = serials.history_json(opened, found)

    def say() -> None:
        i = found.issuance
        stdout.print(f"{body['serials']}: {found.serials.count} t of issuance {i.number} ({i.status.name})")
        stdout.print(f"issued {local_text(i.issued_at)}, dossier {body['issuance']['dossier']}")
        for item in body["now"]:
            more = f", certificate {item['certificate']}" if item["certificate"] else ""
            stdout.print(f"  {item['first']}..{item['last']}  {item['place']:<9} {item['holder']}{more}")
        for event in body["events"]:
            where = f"{event['from_place']} -> {event['to_place']} {event['to']}"
            stdout.print(f"  block {event['block']}: {event['first']}..{event['last']} {where}", style="dim")

    emit(as_json, body, say)


def _step(as_json: bool, step: CertificationStep) -> None:
    record = step.record
    line = f"certification {record.number}: {record.tonnes} t of class {record.class_id}, {record.status.name}"
    if record.status is CertificationStatus.APPLIED:
        line += f"; next: puhui certify verify {record.number}"
    said(as_json, step.to_json(), line)
