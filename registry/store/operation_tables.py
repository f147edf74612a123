"""The outbox: what is to be written to the chain, the bytes signed for it, and who may send now.

Times are whole milliseconds since the epoch: leases are shorter than what seconds can tell apart.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, Enum, Index, Text, text
from sqlmodel import Field

from registry.store.tables import KEY_TEXT, ROW_ID, Table


class OperationState(StrEnum):
    """PENDING (decided) -> IN_FLIGHT (bytes committed; only the chain can say) -> CONFIRMED, or an end without sending.

    UNCHANGED: the chain had it already. REFUSED: the contract said no to the simulation. LAPSED: decided on what was
    true for a while only, and not signed in that while. HELD: tried as often as is sensible; a person decides.
    """

    PENDING = "PENDING"
    IN_FLIGHT = "IN_FLIGHT"
    CONFIRMED = "CONFIRMED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"
    LAPSED = "LAPSED"
    HELD = "HELD"


OPEN: Final = (OperationState.PENDING, OperationState.IN_FLIGHT, OperationState.HELD)
_OPEN_SQL: Final = text("state IN ('PENDING', 'IN_FLIGHT', 'HELD')")


class AttemptState(StrEnum):
    """LIVE -> MINED (its receipt was seen) or DEAD (its nonce went to another transaction, or was given up)."""

    LIVE = "LIVE"
    MINED = "MINED"
    DEAD = "DEAD"


_LIVE_SQL: Final = text("state <> 'DEAD'")


class OperationRow(Table, table=True):
    """One call of a contract by one of the ledger's keys. Operations of a stream are carried out one after the other.

    `digest` covers chain, signer, contract and calldata: while one is open, the same again is that one.
    """

    __tablename__ = "operations"
    __table_args__ = (
        Index("uq_operations_open_digest", "digest", unique=True, sqlite_where=_OPEN_SQL, postgresql_where=_OPEN_SQL),
        Index("ix_operations_open", "signer", "state", "seq", sqlite_where=_OPEN_SQL, postgresql_where=_OPEN_SQL),
        Index("ix_operations_stream", "stream", sqlite_where=_OPEN_SQL, postgresql_where=_OPEN_SQL),
    )

    seq: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    id: str = Field(sa_type=KEY_TEXT, unique=True)
    kind: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    stream: str = Field(sa_type=KEY_TEXT)
    role: str = Field(sa_type=Text)
    signer: str = Field(sa_type=KEY_TEXT)
    contract: str = Field(sa_type=Text)
    calldata: str = Field(sa_type=Text)
    gas: int = Field(sa_type=BigInteger)
    digest: str = Field(sa_type=KEY_TEXT)
    state: OperationState = Field(
        default=OperationState.PENDING, sa_type=Enum(OperationState, native_enum=False, length=16, name="state")
    )
    attempts: int = 0
    next_at: int = Field(sa_type=BigInteger)
    lapses_at: int | None = Field(default=None, sa_type=BigInteger)
    reason: str | None = Field(default=None, sa_type=Text)
    tx_hash: str | None = Field(default=None, sa_type=Text)
    block: int | None = Field(default=None, sa_type=BigInteger)
    gas_used: int | None = Field(default=None, sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    finished_at: int | None = Field(default=None, sa_type=BigInteger)


class AttemptRow(Table, table=True):
    """The signed bytes of an operation, committed before they are sent for the first time. A nonce has one live one.

    One that `fills` does nothing but use up the nonce of bytes that were given up.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        Index(
            "uq_attempts_live_nonce", "signer", "nonce", unique=True, sqlite_where=_LIVE_SQL, postgresql_where=_LIVE_SQL
        ),
        Index("ix_attempts_operation", "operation"),
    )

    tx_hash: str = Field(primary_key=True, sa_type=KEY_TEXT)
    operation: int = Field(sa_type=BigInteger, foreign_key="operations.seq")
    signer: str = Field(sa_type=KEY_TEXT)
    nonce: int = Field(sa_type=BigInteger)
    raw: str = Field(sa_type=Text)
    token: int = Field(sa_type=BigInteger)
    fills: bool = False
    state: AttemptState = Field(
        default=AttemptState.LIVE, sa_type=Enum(AttemptState, native_enum=False, length=16, name="state")
    )
    created_at: int = Field(sa_type=BigInteger)


class LeaseRow(Table, table=True):
    """Who may send for a signer until when. `token` grows with every change of holder and fences off the one before."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True, sa_type=KEY_TEXT)
    holder: str = Field(sa_type=Text)
    token: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
