"""Accounts and the carriers they travel with. The bulk import is in `account_imports`."""

from __future__ import annotations

from typing import Final

import polars as pl
from sqlmodel import Session, col, func, select

from registry.errors import NotFoundError
from registry.store import bulk
from registry.store.tables import Account, Carrier, LedgerState

VERSION_KEY: Final = "accounts_version"
CARRIER_TABLE: Final = pl.Schema(
    {"carrier_ref": pl.String, "account_id": pl.String, "wallet": pl.Binary, "consent_at": pl.Int64}
)
_AS_STORED: Final = pl.Schema(
    {"carrier_ref": pl.String, "account_id": pl.String, "wallet": pl.String, "consent_at": pl.Int64}
)


def masked(reference: str) -> str:
    """A carrier or account id as messages show it: the ends of a long one, nothing of a short one."""
    return f"{reference[:2]}***{reference[-2:]}" if len(reference) >= 8 else "***"


def wallet_bytes(column: str = "wallet") -> pl.Expr:
    """A column of 0x hex addresses as 20-byte binary."""
    return pl.col(column).str.slice(2).str.decode("hex")


def wallet_text(column: str = "wallet") -> pl.Expr:
    """A column of 20-byte addresses as the 0x lower-case hex that is stored."""
    return pl.concat_str(pl.lit("0x"), pl.col(column).bin.encode("hex")).alias(column)


def get(session: Session, account_id: str) -> Account:
    """One account; raises NotFoundError."""
    account = session.get(Account, account_id)
    if account is None:
        raise NotFoundError(f"there is no account {masked(account_id)}")
    return account


def by_wallet(session: Session, wallet: bytes) -> Account | None:
    """The account that `wallet` (20 bytes) belongs to."""
    return session.exec(select(Account).where(Account.wallet == "0x" + wallet.hex())).first()


def carriers_of(session: Session, account_id: str) -> list[str]:
    """The carriers linked to an account, ascending."""
    linked = select(Carrier.carrier_ref).where(Carrier.account_id == account_id)
    return list(session.exec(linked.order_by(col(Carrier.carrier_ref))))


def count(session: Session) -> int:
    """How many accounts are open."""
    return session.exec(select(func.count()).select_from(Account)).one()


def version(session: Session) -> int:
    """A counter that grows with every import that changed an account; 0 before the first."""
    found = session.get(LedgerState, VERSION_KEY, populate_existing=True)
    return int(found.value) if found else 0


def bump_version(session: Session) -> int:
    """Count a change of the accounts; returns the new version."""
    value = version(session) + 1
    session.merge(LedgerState(key=VERSION_KEY, value=str(value)))
    session.flush()
    return value


def carrier_table(session: Session, carriers: pl.Series | None = None) -> pl.DataFrame:
    """Who travels with which carrier: `CARRIER_TABLE` rows of all carriers, or of those given, in no special order."""
    # Both names are code's; values are passed apart.
    query = (
        "SELECT carriers.carrier_ref, carriers.account_id, accounts.wallet, accounts.consent_at"
        " FROM carriers JOIN accounts ON accounts.account_id = carriers.account_id"
    )
    keys = None if carriers is None else ("carriers.carrier_ref", carriers.drop_nulls().unique())
    return bulk.select(session, query, _AS_STORED, keys).with_columns(wallet_bytes())


def account_table(session: Session, account_ids: pl.Series) -> pl.DataFrame:
    """account_id, kind, wallet (20 bytes), hosted and consent_at of those of the given accounts that are open."""
    schema = pl.Schema(
        {
            "account_id": pl.String,
            "kind": pl.String,
            "wallet": pl.String,
            "hosted": pl.Boolean,
            "consent_at": pl.Int64,
        }
    )
    query = "SELECT account_id, kind, wallet, hosted, consent_at FROM accounts"
    found = bulk.select(session, query, schema, ("account_id", account_ids.drop_nulls().unique()))
    return found.with_columns(wallet_bytes())
