"""`puhui ops`: the operations of the outbox."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from registry.chain.sending import Receipt
from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, said, stdout, table
from registry.services import ops
from registry.store.operation_tables import OPEN, AttemptRow, OperationRow, OperationState
from registry.units import local_text

app = typer.Typer(help="What is written to the chain: open, done, held.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The operation, op-…", metavar="ID")]


@app.command("list")
def list_operations(
    state: Annotated[list[OperationState] | None, typer.Option(help="Only these states; repeatable.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those at their end too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, the newest first.")] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show open operations, the newest first."""
    wanted = state or (list(OperationState) if every else list(OPEN))
    with ledger(home) as opened:
        found = ops.listed(opened, wanted, limit)
    columns = ["operation", "state", "decided", "role", "call", "subject", "reason"]
    rows: list[list[object]] = [
        [row.id, row.state.value, local_text(row.created_at // 1_000), row.role, row.kind, row.subject, row.reason]
        for row in found
    ]
    emit(as_json, {"operations": [_body(row) for row in found]}, lambda: table(columns, rows))


@app.command()
def show(operation: Id, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show an operation and everything that was ever signed for it."""
    with ledger(home) as opened:
        found = ops.explain(opened, operation)
    body = {**_body(found.operation), "attempts": [_attempt(one, found.receipts) for one in found.attempts]}

    def text() -> None:
        for key, value in _body(found.operation).items():
            if value is not None:
                stdout.print(f"{key:<12} {value}", markup=False)
        for one in body["attempts"]:
            where = f"in block {one['block']}" if one["block"] is not None else "in no block"
            stdout.print(f"nonce {one['nonce']:<6} {one['transaction']} {one['state']}, {where}")

    emit(as_json, body, text)


@app.command()
def explain(operation: Id, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say why an operation is where it is, what the chain says of it now, and what to do."""
    with ledger(home) as opened:
        found = ops.explain(opened, operation)
    row = found.operation
    body = {
        "id": row.id,
        "state": row.state.value,
        "meaning": ops.MEANING[row.state],
        "reason": row.reason,
        "sent_now_it_would": found.would,
        "signers_nonce": found.nonce,
        "waits_behind": found.waits_behind,
        "sending_process": found.holder,
        "in_block": [_attempt(one, found.receipts) for one in found.attempts if one.tx_hash in found.receipts],
        "advice": found.advice,
    }

    def text() -> None:
        stdout.print(f"{row.id}: {row.kind} as {row.role}, {row.subject}", markup=False)
        stdout.print(f"{row.state.value}: {ops.MEANING[row.state]}")
        if row.reason:
            stdout.print(f"last answer: {row.reason}", markup=False)
        if row.state in OPEN:
            stdout.print(f"sent now, it would {found.would}", markup=False)
        stdout.print(f"what to do: {found.advice}")

    emit(as_json, body, text)


@app.command()
def retry(operation: Id, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Try a held operation again, when what held it is mended."""
    with ledger(home, writing=not dry_run) as opened:
        if dry_run:
            would = ops.explain(opened, operation).would
            said(as_json, {"id": operation, "dry_run": True, "would": would}, f"sent now, {operation} would {would}")
            return
        row = ops.retry(opened, operation)
    emit(as_json, _body(row), lambda: stdout.print(f"{row.id}: {row.state.value}, {ops.MEANING[row.state]}"))


@app.command()
def run(home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Bring to its end whatever an interruption or an outage left, for the keys of this home."""
    with ledger(home, writing=not dry_run) as opened:
        if dry_run:
            waiting = ops.listed(opened, [OperationState.PENDING, OperationState.IN_FLIGHT], 10_000)
            said(as_json, {"dry_run": True, "open": len(waiting)}, f"{len(waiting)} operations are open")
            return
        ended = ops.run(opened)
    line = ", ".join(f"{number:,} {state}" for state, number in ended.items()) or "nothing was open"
    emit(as_json, {"ended": ended}, lambda: stdout.print(line))


def _body(row: OperationRow) -> dict[str, Any]:
    """An operation without what is only bytes."""
    return row.model_dump(exclude={"seq", "calldata", "gas"}, mode="json")


def _attempt(one: AttemptRow, receipts: dict[str, Receipt]) -> dict[str, Any]:
    mined = receipts.get(one.tx_hash)
    return {
        "transaction": one.tx_hash,
        "nonce": one.nonce,
        "state": one.state.value,
        "only_uses_up_the_nonce": one.fills,
        "signed_at": one.created_at,
        "lease_token": one.token,
        "block": mined.block if mined else None,
        "succeeded": mined.ok if mined else None,
    }
