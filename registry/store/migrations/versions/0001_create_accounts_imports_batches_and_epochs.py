"""Create accounts, imports, batches and epochs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LIVE = sa.text("state <> 'CANCELLED'")


def upgrade() -> None:
    """Create every table."""
    _create_state_and_sources()
    _create_accounts()
    _create_imports()
    _create_batches()
    _create_epochs()


def downgrade() -> None:
    """Drop every table; the ledger's workflow state is lost."""
    for table in ("epochs", "batches", "imports", "carriers", "accounts", "sources", "ledger_state"):
        op.drop_table(table)


def _create_state_and_sources() -> None:
    op.create_table(
        "ledger_state",
        sa.Column("key", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_ledger_state"),
    )
    op.create_table(
        "sources",
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", name="pk_sources"),
    )


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("wallet", KEY, nullable=False),
        sa.Column("hosted", sa.Boolean(), nullable=False),
        sa.Column("consent_at", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('individual', 'household', 'sme')", name=op.f("ck_accounts_kind")),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
        sa.UniqueConstraint("wallet", name="uq_accounts_wallet"),
    )
    op.create_table(
        "carriers",
        sa.Column("carrier_ref", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_carriers_account_id"),
        sa.PrimaryKeyConstraint("carrier_ref", name="pk_carriers"),
    )
    op.create_index("ix_carriers_account_id", "carriers", ["account_id"])


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("request_digest", KEY, nullable=False),
        sa.Column("accounts_version", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("trips", sa.BigInteger(), nullable=False),
        sa.Column("rows_used", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.JSON(), nullable=False),
        sa.Column("reduction_mg", sa.BigInteger(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sa.UniqueConstraint("request_digest", name="uq_imports_request_digest"),
    )
    op.create_index("ix_imports_file_sha256", "imports", ["file_sha256"])


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", KEY, nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("service_date", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("methodology", sa.BigInteger(), nullable=False),
        sa.Column("trip_count", sa.BigInteger(), nullable=False),
        sa.Column("reduction_mg", sa.BigInteger(), nullable=False),
        sa.Column("trip_root", sa.Text(), nullable=False),
        sa.Column("leaves_digest", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("anchor_tx", sa.Text(), nullable=True),
        sa.Column("anchor_block", sa.BigInteger(), nullable=True),
        sa.Column("attest_tx", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("trip_id_min", KEY, nullable=False),
        sa.Column("trip_id_max", KEY, nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_batches_import_id"),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.UniqueConstraint("source_id", "service_date", "sequence", name="uq_batches_source_id_service_date_sequence"),
    )
    for column in ("service_date", "state", "epoch"):
        op.create_index(f"ix_batches_{column}", "batches", [column])


def _create_epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("publish_tx", sa.Text(), nullable=True),
        sa.Column("attest_tx", sa.Text(), nullable=True),
        sa.Column("active_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_epochs"),
    )
    op.create_index(
        "uq_epochs_live_number", "epochs", ["number"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE
    )
