"""Create orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table of signed orders."""
    op.create_table(
        "orders",
        sa.Column("order_hash", KEY, nullable=False),
        sa.Column("trader", KEY, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("issuance", sa.BigInteger(), nullable=False),
        sa.Column("tonnes", sa.BigInteger(), nullable=False),
        sa.Column("limit_fen", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("expiry", sa.BigInteger(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("side IN ('SELL', 'BUY')", name=op.f("ck_orders_side")),
        sa.PrimaryKeyConstraint("order_hash", name="pk_orders"),
    )
    op.create_index("ix_orders_issuance", "orders", ["issuance"])


def downgrade() -> None:
    """Drop the table; signed orders that were not settled are lost."""
    op.drop_table("orders")
