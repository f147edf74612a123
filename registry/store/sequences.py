"""Numbers without a gap, in the order of commits, whoever takes them."""

from __future__ import annotations

from sqlalchemy import text
from sqlmodel import Session

from registry.store.log_tables import SequenceRow


def serialise(session: Session) -> None:
    """Let no other transaction append until this one ends. The first statement of a transaction that appends.

    SQLite's write transactions follow one another anyway. On PostgreSQL a lock that is waited for before the snapshot
    is taken spares the losers of a race from being run again.
    """
    if session.connection().dialect.name == "postgresql":
        session.connection().execute(text("LOCK TABLE sequences IN EXCLUSIVE MODE"))


def take(session: Session, name: str, count: int) -> int:
    """The first of `count` consecutive numbers, from 1 on; they are given back if the transaction is rolled back."""
    row = session.get(SequenceRow, name)
    if row is None:
        row = SequenceRow(name=name, value=0)
    first = row.value + 1
    row.value += count
    session.add(row)
    session.flush()
    return first


def last(session: Session, name: str) -> int:
    """The last number given, 0 for none."""
    row = session.get(SequenceRow, name)
    return 0 if row is None else row.value


def reset(session: Session, name: str, value: int) -> None:
    """Give numbers anew from after `value` on: what had them was deleted in this transaction."""
    row = session.get(SequenceRow, name)
    if row is not None:
        row.value = value
        session.add(row)
        session.flush()
