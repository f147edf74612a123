"""Create operations, attempts and leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state IN ('PENDING', 'IN_FLIGHT', 'HELD')")
LIVE = sa.text("state <> 'DEAD'")
OPERATION_STATES = ("PENDING", "IN_FLIGHT", "CONFIRMED", "UNCHANGED", "REFUSED", "LAPSED", "HELD")


def upgrade() -> None:
    """Create the outbox, what was signed for it, and who may send."""
    op.create_table(
        "operations",
        sa.Column("seq", ROW_ID, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("stream", KEY, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("signer", KEY, nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("calldata", sa.Text(), nullable=False),
        sa.Column("gas", sa.BigInteger(), nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("state", sa.Enum(*OPERATION_STATES, name="state", native_enum=False, length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("lapses_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tx_hash", sa.Text(), nullable=True),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.Column("gas_used", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_operations"),
        sa.UniqueConstraint("id", name=op.f("uq_operations_id")),
    )
    for name, columns, unique in (
        ("uq_operations_open_digest", ["digest"], True),
        ("ix_operations_open", ["signer", "state", "seq"], False),
        ("ix_operations_stream", ["stream"], False),
    ):
        op.create_index(name, "operations", columns, unique=unique, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_table(
        "attempts",
        sa.Column("tx_hash", KEY, nullable=False),
        sa.Column("operation", sa.BigInteger(), nullable=False),
        sa.Column("signer", KEY, nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("fills", sa.Boolean(), nullable=False),
        sa.Column(
            "state", sa.Enum("LIVE", "MINED", "DEAD", name="state", native_enum=False, length=16), nullable=False
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operation"], ["operations.seq"], name=op.f("fk_attempts_operation")),
        sa.PrimaryKeyConstraint("tx_hash", name="pk_attempts"),
    )
    op.create_index(
        "uq_attempts_live_nonce",
        "attempts",
        ["signer", "nonce"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )
    op.create_index("ix_attempts_operation", "attempts", ["operation"])
    op.create_table(
        "leases",
        sa.Column("name", KEY, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def downgrade() -> None:
    """Drop the tables; what was open in them must be finished before."""
    for table in ("leases", "attempts", "operations"):
        op.drop_table(table)
