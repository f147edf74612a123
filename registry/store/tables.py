"""The tables. Rows are workflow state: what was imported, sealed, anchored, attested and issued, and whose it is.

Hashes, ids and addresses are text, `0x` and lower-case hex, so a row reads like the chain does; digests of files are
bare hex as `sha256sum` prints them. Times are whole epoch seconds (UTC), service dates the integer yyyymmdd,
reductions mg in a signed 64-bit column. Key text sorts by its bytes on every database (collation "C" on PostgreSQL),
because trip ids are compared with what columnar code found to be their minimum and maximum.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Enum,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from registry.errors import InputError

SCHEMA_VERSION: Final = "0004"
MG_LIMIT: Final = 2**63

KEY_TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite only numbers rows by itself for INTEGER, which is 64 bits there.
ROW_ID: Final = BigInteger().with_variant(Integer(), "sqlite")


class BatchState(StrEnum):
    """SEALED -> ANCHORED -> ATTESTED -> ISSUED; a verifier rejects a batch that is ANCHORED or ATTESTED."""

    SEALED = "SEALED"
    ANCHORED = "ANCHORED"
    ATTESTED = "ATTESTED"
    ISSUED = "ISSUED"
    REJECTED = "REJECTED"


class EpochState(StrEnum):
    """PREPARED (intent recorded) -> PUBLISHED -> ATTESTED; CANCELLED frees the number. Whether an attested epoch is
    active depends on the clock and is asked of the chain."""

    PREPARED = "PREPARED"
    PUBLISHED = "PUBLISHED"
    ATTESTED = "ATTESTED"
    CANCELLED = "CANCELLED"


def stored_mg(value: int) -> int:
    """`value` mg if the column can hold it; raises InputError otherwise (2**63 mg is 9.2 billion tonnes)."""
    if not 0 <= value < MG_LIMIT:
        raise InputError(f"a reduction of {value} mg does not fit the ledger, whose limit is 2**63 - 1 mg")
    return value


class Table(SQLModel):
    """Base of the tables; their own metadata keeps other users of SQLModel out of the migrations."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class LedgerState(Table, table=True):
    """Single facts of the ledger by key."""

    __tablename__ = "ledger_state"

    key: str = Field(primary_key=True, sa_type=KEY_TEXT)
    value: str = Field(sa_type=Text)


class Account(Table, table=True):
    """A carbon account. `wallet` is 0x and 40 lower-case hex; `hosted` says the programme holds its key."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("kind IN ('individual', 'household', 'sme')", name="kind"),)

    account_id: str = Field(primary_key=True, sa_type=KEY_TEXT)
    kind: str = Field(sa_type=Text)
    wallet: str = Field(sa_type=KEY_TEXT, unique=True)
    hosted: bool
    consent_at: int | None = Field(default=None, sa_type=BigInteger)
    opened_at: int = Field(sa_type=BigInteger)


class Carrier(Table, table=True):
    """A card, phone or code an account travels with; a carrier belongs to one account."""

    __tablename__ = "carriers"

    carrier_ref: str = Field(primary_key=True, sa_type=KEY_TEXT)
    account_id: str = Field(sa_type=KEY_TEXT, foreign_key="accounts.account_id", index=True)


class Source(Table, table=True):
    """A source the platform registered; the chain decides, this is informational."""

    __tablename__ = "sources"

    source_id: str = Field(primary_key=True, sa_type=KEY_TEXT)
    registered_at: int = Field(sa_type=BigInteger)


class Import(Table, table=True):
    """One finished import. `request_digest` covers everything that decides its result, so it is found again by it.

    `rejected` maps reason codes to rows; rows = rows_used + the sum of `rejected`. `input_digest` is the digest of the
    evidence record, bare hex.
    """

    __tablename__ = "imports"

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    source_id: str = Field(sa_type=KEY_TEXT)
    format: str = Field(sa_type=Text)
    file_sha256: str = Field(sa_type=Text, index=True)
    request_digest: str = Field(sa_type=KEY_TEXT, unique=True)
    accounts_version: int = Field(sa_type=BigInteger)
    rows: int = Field(sa_type=BigInteger)
    trips: int = Field(sa_type=BigInteger)
    rows_used: int = Field(sa_type=BigInteger)
    rejected: dict[str, int] = Field(sa_type=JSON)
    reduction_mg: int = Field(sa_type=BigInteger)
    input_digest: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)


class BatchRow(Table, table=True):
    """A sealed batch and how far it has come. Sequences count from 0 per (source, service date)."""

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("source_id", "service_date", "sequence"),
        Index("ix_batches_service_date", "service_date"),
        Index("ix_batches_state", "state"),
        Index("ix_batches_epoch", "epoch"),
    )

    id: str = Field(primary_key=True, sa_type=KEY_TEXT)
    import_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="imports.id")
    source_id: str = Field(sa_type=KEY_TEXT)
    service_date: int
    sequence: int = Field(sa_type=BigInteger)
    methodology: int = Field(sa_type=BigInteger)
    trip_count: int = Field(sa_type=BigInteger)
    reduction_mg: int = Field(sa_type=BigInteger)
    trip_root: str = Field(sa_type=Text)
    leaves_digest: str = Field(sa_type=Text)
    input_digest: str = Field(sa_type=Text)
    previous: str = Field(sa_type=Text)
    state: BatchState = Field(
        default=BatchState.SEALED, sa_type=Enum(BatchState, native_enum=False, length=16, name="state")
    )
    anchor_tx: str | None = Field(default=None, sa_type=Text)
    anchor_block: int | None = Field(default=None, sa_type=BigInteger)
    attest_tx: str | None = Field(default=None, sa_type=Text)
    epoch: int | None = Field(default=None, sa_type=BigInteger)
    trip_id_min: str = Field(sa_type=KEY_TEXT)
    trip_id_max: str = Field(sa_type=KEY_TEXT)
    sealed_at: int = Field(sa_type=BigInteger)


class EpochRow(Table, table=True):
    """An epoch. A cancelled one keeps its row and frees its number, so `number` is unique among the others."""

    __tablename__ = "epochs"
    __table_args__ = (
        Index(
            "uq_epochs_live_number",
            "number",
            unique=True,
            sqlite_where=text("state <> 'CANCELLED'"),
            postgresql_where=text("state <> 'CANCELLED'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    number: int = Field(sa_type=BigInteger)
    root: str = Field(sa_type=Text)
    size: int = Field(sa_type=BigInteger)
    state: EpochState = Field(
        default=EpochState.PREPARED, sa_type=Enum(EpochState, native_enum=False, length=16, name="state")
    )
    publish_tx: str | None = Field(default=None, sa_type=Text)
    attest_tx: str | None = Field(default=None, sa_type=Text)
    active_at: int | None = Field(default=None, sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)


class OrderRow(Table, table=True):
    """A signed limit order. What was filled of it, and whether it was cancelled, the chain knows."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("side IN ('SELL', 'BUY')", name="side"),
        Index("ix_orders_issuance", "issuance"),
    )

    order_hash: str = Field(primary_key=True, sa_type=KEY_TEXT)
    trader: str = Field(sa_type=KEY_TEXT)
    side: str = Field(sa_type=Text)
    issuance: int = Field(sa_type=BigInteger)
    tonnes: int = Field(sa_type=BigInteger)
    limit_fen: int = Field(sa_type=BigInteger)
    salt: str = Field(sa_type=Text)
    expiry: int = Field(sa_type=BigInteger)
    signature: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
