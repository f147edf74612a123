"""Comparing database, evidence and chain, and letting the database catch up: after a restore, or whenever in doubt.

Finding what is behind reads only. All rows are repaired in one transaction, the events are read again, and everything
is compared once more; only when nothing is left to do is a restored ledger open for writing again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from registry.errors import InputError, VerificationError
from registry.evidence.files import storage_errors, sync
from registry.services import indexer
from registry.services.checks import evidence as evidence_checks
from registry.services.checks.finding import Level
from registry.services.home import Home
from registry.services.indexer import Indexed
from registry.services.ledger import Ledger
from registry.services.reconciling import batches, epochs, orders, outbox, transactions
from registry.services.reconciling.repair import Repair
from registry.services.reconciling.transactions import Mined
from registry.store import acts, sequences
from registry.store.operation_tables import OperationRow

ACTION: Final = "reconcile"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Compared:
    """What a comparison at `block` found: rows to repair in their order, and what no row can be made of.

    `lost` are transactions after the backup whose acts are gone, `unexplained` those before it that no act tells of.
    """

    block: int
    repairs: list[Repair]
    unanchored: list[str]
    without_account: int
    unreadable_orders: list[str]
    open: list[OperationRow]
    lost: list[Mined]
    unexplained: list[Mined]


@dataclass(frozen=True)
class Reconciled:
    """What was done, or in a dry run what would be. `restored`: a backup was restored here and waited for this.

    `old_chain`: the embedded chain is the backup's too, so that whatever was mined after it is gone.
    """

    restored: bool
    old_chain: bool
    dry_run: bool
    found: Compared
    events: Indexed | None
    last_act: int

    @property
    def not_rebuilt(self) -> list[str]:
        """What neither chain nor evidence tells, plainly, and what to do about it."""
        found, said = self.found, []
        if self.restored:
            said.append(
                "orders placed after the backup and never traded: they stood in the database alone; traders sign again"
            )
            said.append("accounts, carriers and consents recorded after the backup: import the accounts files again")
            said.append(
                f"acts after the backup: the log went on after act {self.last_act}; {len(found.lost)} transactions on"
                " the chain are all that is left of them"
            )
            said.append(
                "what was erased after the backup, day keys and personal data, may be here again: have it erased again"
            )
        if self.old_chain:
            said.append(
                "blocks after the backup: the chain is the backup's own, and whoever saw later blocks sees others now"
            )
        if found.without_account:
            said.append(f"{found.without_account} accounts have trips in evidence and are not in the database")
        if found.unanchored:
            said.append(
                f"{len(found.unanchored)} sealed batches were never anchored and belong to no import: give the files"
                " of these imports again"
            )
        if found.unreadable_orders:
            said.append(f"{len(found.unreadable_orders)} traded orders were not settled directly: ask their traders")
        if found.open:
            said.append(
                f"{len(found.open)} operations are open: they go on with the next command of their signer (puhui ops"
                " list)"
            )
        if found.unexplained:
            said.append(
                f"{len(found.unexplained)} transactions of this ledger's keys are in no act, and were mined before the"
                " backup, or without one: find out who sent them (puhui audit)"
            )
        return said

    def to_json(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        found = self.found
        return {
            "restored": self.restored,
            "dry_run": self.dry_run,
            "block": found.block,
            "repairs": [repair.to_json() for repair in found.repairs],
            "events": None if self.events is None else dict(vars(self.events)),
            "not_rebuilt": self.not_rebuilt,
            "unanchored_batches": found.unanchored,
            "accounts_without_a_row": found.without_account,
            "unreadable_orders": found.unreadable_orders,
            "open_operations": [row.id for row in found.open],
            "transactions_without_an_act": [each.to_json() for each in found.lost],
            "unexplained_transactions": [each.to_json() for each in found.unexplained],
        }


def reconcile(ledger: Ledger, *, dry_run: bool = False, progress: Progress = lambda _: None) -> Reconciled:
    """Let the database catch up with chain and evidence; the caller holds `home.writing()` unless it is a dry run.

    Raises VerificationError naming what evidence lacks, or what the chain does not have as the database says; a
    restored ledger stays closed for writing then. Raises ChainMismatch, ChainUnavailable and ConflictError.
    """
    marker = _marker(ledger.home)
    _require_later(ledger, marker)
    with ledger.db.read() as session:
        last_act = sequences.last(session, acts.LOG)
    found = compare(ledger, marker, progress)
    old_chain = marker is not None and ledger.home.chain.exists() and marker["block"] == found.block
    if dry_run:
        return Reconciled(marker is not None, old_chain, True, found, None, last_act)

    def repair(session: Session) -> None:
        for each in found.repairs:
            each.apply(session)

    if found.repairs:
        progress(f"{len(found.repairs)} rows")
        ledger.db.write(repair)
    events = (indexer.rebuild if marker else indexer.sync)(ledger, progress)
    if found.repairs:
        after = compare(ledger, marker, progress)
        if after.repairs:
            raise VerificationError(
                f"{after.repairs[0].kind} {after.repairs[0].subject} does not agree after it was repaired",
                hint="if others are writing, run `puhui reconcile` again",
            )
    if marker or found.repairs:
        ledger.db.write(lambda session: _log(ledger, session, found, marker))
    if marker:
        with storage_errors(f"{ledger.home.restored}"):
            ledger.home.restored.unlink()
            sync(ledger.home.path)
    return Reconciled(marker is not None, old_chain, False, found, events, last_act)


def compare(ledger: Ledger, marker: dict[str, Any] | None, progress: Progress) -> Compared:
    """What is behind, at the newest block; reads only. Raises as `reconcile`."""
    head = ledger.contracts.chain.head()
    progress("epochs")
    of_epochs = epochs.compare(ledger, head)
    progress("batches")
    of_batches = batches.compare(ledger, head, of_epochs.released)
    for finding in evidence_checks.on_chain(ledger.home, ledger.contracts):
        if finding.level is Level.FAILURE:
            raise VerificationError(finding.found, hint=finding.to_do)
    progress("orders")
    of_orders, unreadable = orders.compare(ledger, head)
    progress("operations")
    of_outbox = outbox.compare(ledger, head, restored=marker is not None)
    # Before the block that had been read when the backup was made nothing can have lost its act.
    since = head if marker is None else marker["read_to"] or 0
    return Compared(
        block=head,
        repairs=[
            *of_epochs.cancelled,
            *of_batches.repairs,
            *of_epochs.repairs,
            *of_orders,
            *of_outbox.repairs,
        ],
        unanchored=of_batches.unanchored,
        without_account=len(of_batches.without_account),
        unreadable_orders=unreadable,
        open=of_outbox.open,
        lost=[each for each in of_outbox.without_act if each.block > since],
        unexplained=[each for each in of_outbox.without_act if each.block <= since],
    )


def _marker(home: Home) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(home.restored.read_bytes())
        return {"backup_made_at": found["backup_made_at"], "block": found["backup_block"], "read_to": found["read_to"]}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{home.restored}: not readable ({error})") from error


def _require_later(ledger: Ledger, marker: dict[str, Any] | None) -> None:
    """Check that the chain still has what was read of it, and what was there when the backup was made."""
    indexer.require_known(ledger)
    head, block = ledger.contracts.chain.head(), (marker or {}).get("block") or 0
    if head < block:
        raise VerificationError(
            f"the chain is at block {head}, and was at block {block} when the backup was made",
            hint="point the RPC URL at the ledger's own chain, or restore a later copy of it",
            expected=block,
            actual=head,
        )


def _log(ledger: Ledger, session: Session, found: Compared, marker: dict[str, Any] | None) -> None:
    sequences.serialise(session)
    before = sequences.last(session, acts.LOG)
    transactions.note(ledger, session, found.lost)
    acts.append(
        session,
        ledger.contracts.chain.genesis,
        at=ledger.submission.clock.now_ms() // 1_000,
        actor="operator",
        role="operator",
        action=ACTION,
        subject=f"block {found.block}",
        before={"acts": before, **(marker or {})},
        after={
            "repairs": dict(sorted(Counter(repair.kind for repair in found.repairs).items())),
            "transactions": len(found.lost),
        },
    )
