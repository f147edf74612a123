"""What only grows: the events of the chain in their order, and the log of privileged acts.

Both number their rows without a gap and in the order of commits: whoever appends takes the row of `sequences` first. A
reader who has seen number n has seen all before it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Text, UniqueConstraint
from sqlmodel import Field

from registry.store.tables import KEY_TEXT, Table


class SequenceRow(Table, table=True):
    """The last number a log gave."""

    __tablename__ = "sequences"

    name: str = Field(primary_key=True, sa_type=KEY_TEXT)
    value: int = Field(sa_type=BigInteger)


class CursorRow(Table, table=True):
    """How far the chain was read: every event up to and with this block, whose hash says that it still stands."""

    __tablename__ = "cursors"

    name: str = Field(primary_key=True, sa_type=KEY_TEXT)
    block: int = Field(sa_type=BigInteger)
    block_hash: str = Field(sa_type=Text)


class EventRow(Table, table=True):
    """An event of one of the ledger's contracts. Integers in `arguments` are decimal text, bytes 0x hex."""

    __tablename__ = "chain_events"
    __table_args__ = (UniqueConstraint("block", "log_index"), Index("ix_chain_events_name", "name", "sequence"))

    sequence: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    block: int = Field(sa_type=BigInteger)
    log_index: int = Field(sa_type=BigInteger)
    block_hash: str = Field(sa_type=Text)
    tx_hash: str = Field(sa_type=Text, index=True)
    time: int = Field(sa_type=BigInteger)
    contract: str = Field(sa_type=Text)
    name: str = Field(sa_type=KEY_TEXT)
    arguments: dict[str, Any] = Field(sa_type=JSON)


class AuditRow(Table, table=True):
    """A privileged act. `hash` covers the row and the hash before it: none can be changed or taken out alone."""

    __tablename__ = "audit_log"

    sequence: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    actor: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    action: str = Field(sa_type=KEY_TEXT)
    subject: str = Field(sa_type=Text)
    before: dict[str, Any] = Field(sa_type=JSON)
    after: dict[str, Any] = Field(sa_type=JSON)
    initiator: str | None = Field(default=None, sa_type=Text)
    previous: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)
