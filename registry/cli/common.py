"""What every command shares: where the ledger is, how results and progress are printed."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console

from registry.chain.submitter import Sent
from registry.services.delayed import Delayed, DelayedState
from registry.services.home import Home
from registry.services.ledger import Ledger, open_ledger
from registry.settings import Settings
from registry.units import local_text

DEFAULT_HOME = Path(".puhui")
root_home: Path | None = None  # `puhui --home DIR verb`; `puhui verb --home DIR` goes before it

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of the ledger (default ./.puhui).", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and write nothing.")]
KeystoreOption = Annotated[
    Path | None, typer.Option("--keystore", help="The wallet's keystore, if the key is not hosted.")
]

stdout = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def home_of(home: Path | None) -> Home:
    """The home given to this command, or to `puhui` itself, or the default."""
    return Home((home or root_home or DEFAULT_HOME).absolute())


@contextmanager
def ledger(home: Path | None, *, writing: bool = False) -> Iterator[Ledger]:
    """The opened ledger of a command."""
    with open_ledger(home_of(home), Settings(), writing=writing, ask=password_prompt()) as opened:
        yield opened


def password_prompt() -> Callable[[], str] | None:
    """Asks for the keystore password at a terminal; None without one, so that nothing ever hangs."""
    if not sys.stdin.isatty():
        return None
    return lambda: getpass.getpass("Keystore password: ", stream=sys.stderr)


def emit(as_json: bool, body: Any, text: Callable[[], None]) -> None:
    """Print a result: JSON for programs, or `text()` for people."""
    if as_json:
        sys.stdout.write(json.dumps(body, ensure_ascii=False, indent=1, default=str) + "\n")
    else:
        text()


def table(columns: list[str], rows: list[list[object]]) -> None:
    """A plain table on stdout, as wide as its content: nothing is cut, also when it goes to a file."""
    lines = [columns, *([("" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True))
        stdout.print("  ".join(padded).rstrip(), markup=False)


class Progress:
    """Progress on stderr: a moving line at a terminal, a line a step elsewhere."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._status = stderr.status(verb) if stderr.is_terminal else None
        self._last = ""

    def __enter__(self) -> Progress:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, what: str, rows: int = 0) -> None:
        line = f"{self._verb}: {what}" + (f" ({rows:,} rows)" if rows else "")
        if self._status:
            self._status.update(line)
        elif what != self._last:
            stderr.print(line)
        self._last = what


def said(as_json: bool, body: dict[str, Any], line: str) -> None:
    """Print what a command did: the body as JSON, or one line with its transaction."""

    def text() -> None:
        stdout.print(line, markup=False)
        if body.get("transaction"):
            stdout.print(f"transaction {body['transaction']}, gas {body['gas']:,}", style="dim")
        elif body.get("changed") is False:
            stdout.print("it was so already: nothing changed", style="dim")

    emit(as_json, body, text)


def sent_body(sent: Sent, **facts: object) -> dict[str, Any]:
    """The body of a command that sent one transaction."""
    return {**facts, "changed": sent.changed, "transaction": sent.transaction, "block": sent.block, "gas": sent.gas}


def said_delayed(as_json: bool, done: Delayed, line: str) -> None:
    """Print what came of an act that has to wait: scheduled, waiting or done."""
    body = sent_body(done.sent, state=done.state.value, ready_at=done.ready_at)
    if done.state is not DelayedState.DONE:
        line = f"{done.state.value}: give the same command again after {local_text(done.ready_at)}"
    said(as_json, body, line)
