"""Opening accounts and linking carriers in bulk: idempotent, all or nothing.

A row says: this account, of this kind, with this wallet, consented then and travels with this carrier. What is
recorded already must not be contradicted: not the kind, the wallet or a given consent of an account, not the account
of a carrier or a wallet. Only a missing consent may be filled in. The same rules hold between the rows of one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
from sqlmodel import Session, text

from registry.errors import ConflictError
from registry.store import bulk
from registry.store.accounts import bump_version, masked, wallet_text

# `row` is the 1-based data row of the file, `wallet` 20 bytes, `consent_at` epoch seconds or null.
ACCOUNT_ROWS: Final = pl.Schema(
    {
        "row": pl.UInt32,
        "account_id": pl.String,
        "carrier_ref": pl.String,
        "kind": pl.String,
        "wallet": pl.Binary,
        "hosted": pl.Boolean,
        "consent_at": pl.Int64,
    }
)
SHOWN: Final = 20
_ACCOUNTS: Final = "SELECT account_id, kind, wallet, consent_at FROM accounts"
_ACCOUNT_SCHEMA: Final = pl.Schema(
    {"account_id": pl.String, "kind": pl.String, "wallet": pl.String, "consent_at": pl.Int64}
)
_OWNER_SCHEMA: Final = pl.Schema({"key": pl.String, "account_id": pl.String})

# (column that contradicts what must hold, what to say); `must_` columns come from `_with_recorded`.
_RULES: Final = (
    ("carrier_ref", pl.col("account_id") != pl.col("must_carrier"), "the carrier belongs to another account"),
    ("kind", pl.col("kind") != pl.col("must_kind"), "the account has another kind"),
    ("wallet", pl.col("wallet") != pl.col("must_wallet"), "the account has another wallet"),
    ("wallet", pl.col("account_id") != pl.col("must_owner"), "the wallet belongs to another account"),
    ("consent_at", pl.col("consent_at") != pl.col("must_consent"), "the account consented at another time"),
)


@dataclass(frozen=True)
class AccountsImport:
    """What an import changed: accounts opened, carriers linked, accounts whose consent was filled in; and the rows
    that changed nothing, because all they say was recorded or said by an earlier row."""

    opened: int
    linked: int
    updated: int
    unchanged: int


def import_accounts(session: Session, frame: pl.DataFrame, *, now: int) -> AccountsImport:
    """Record the `ACCOUNT_ROWS` of `frame`, opened at `now` (epoch seconds).

    Raises ConflictError naming the first rows that contradict what is recorded; nothing is changed then.
    """
    rows = _with_recorded(session, frame.select(ACCOUNT_ROWS.names()).cast(ACCOUNT_ROWS))
    _refuse_contradictions(rows)
    firsts = rows.unique("account_id", keep="first", maintain_order=True)
    opened = firsts.filter(pl.col("known_kind").is_null())
    links = rows.filter(pl.col("known_account").is_null()).unique("carrier_ref", keep="first", maintain_order=True)
    fills = (
        pl.col("known_kind").is_not_null() & pl.col("known_consent").is_null() & pl.col("must_consent").is_not_null()
    )
    consents = firsts.filter(fills)
    _write(session, opened, links, consents, now)
    changing = rows.filter(fills | pl.col("row").is_in(links["row"].implode()))
    if opened.height or links.height or consents.height:
        bump_version(session)
    return AccountsImport(opened.height, links.height, consents.height, rows.height - changing.height)


def _with_recorded(session: Session, rows: pl.DataFrame) -> pl.DataFrame:
    """Each row with what is recorded (`known_`) and with what must hold (`must_`): recorded, else said first here."""
    rows = rows.with_columns(wallet_text())
    accounts = bulk.select(session, _ACCOUNTS, _ACCOUNT_SCHEMA, ("account_id", rows["account_id"].unique()))
    carriers = _owners(session, "carrier_ref", "carriers", rows["carrier_ref"])
    wallets = _owners(session, "wallet", "accounts", rows["wallet"])
    known = {"kind": "known_kind", "wallet": "known_wallet", "consent_at": "known_consent"}
    rows = _attach(rows, accounts.rename(known), "account_id", "account_id")
    rows = _attach(rows, carriers.rename({"account_id": "known_account"}), "carrier_ref", "key")
    rows = _attach(rows, wallets.rename({"account_id": "known_owner"}), "wallet", "key")
    in_account = rows.group_by("account_id").agg(
        first_kind=pl.col("kind").first(),
        first_wallet=pl.col("wallet").first(),
        first_consent=pl.col("consent_at").drop_nulls().first(),
    )
    in_carrier = rows.group_by("carrier_ref").agg(first_account=pl.col("account_id").first())
    in_wallet = rows.group_by("wallet").agg(first_owner=pl.col("account_id").first())
    rows = _attach(rows, in_account, "account_id", "account_id")
    rows = _attach(rows, in_carrier, "carrier_ref", "carrier_ref")
    rows = _attach(rows, in_wallet, "wallet", "wallet")
    return rows.with_columns(
        must_kind=pl.coalesce("known_kind", "first_kind"),
        must_wallet=pl.coalesce("known_wallet", "first_wallet"),
        must_consent=pl.coalesce("known_consent", "first_consent"),
        must_carrier=pl.coalesce("known_account", "first_account"),
        must_owner=pl.coalesce("known_owner", "first_owner"),
    )


def _attach(rows: pl.DataFrame, other: pl.DataFrame, left: str, right: str) -> pl.DataFrame:
    return rows.join(other, left_on=left, right_on=right, how="left", maintain_order="left")


def _owners(session: Session, column: str, table: str, values: pl.Series) -> pl.DataFrame:
    query = f"SELECT {column}, account_id FROM {table}"  # noqa: S608 - names from code
    return bulk.select(session, query, _OWNER_SCHEMA, (column, values.unique()))


def _refuse_contradictions(rows: pl.DataFrame) -> None:
    for column, broken, message in _RULES:
        wrong = rows.filter(broken)
        if wrong.is_empty():
            continue
        first = wrong.row(0, named=True)
        carrier = masked(first["carrier_ref"])
        raise ConflictError(
            f"row {first['row']}, {column}: {message} (carrier {carrier}); nothing was changed",
            hint="correct the rows named in the fields and import the file again",
            rows=wrong["row"].head(SHOWN).to_list(),
            count=wrong.height,
            column=column,
            carrier=carrier,
        )


def _write(session: Session, opened: pl.DataFrame, links: pl.DataFrame, consents: pl.DataFrame, now: int) -> None:
    bulk.insert(
        session,
        "accounts",
        opened.select(
            "account_id", "kind", "wallet", "hosted", consent_at="must_consent", opened_at=pl.lit(now, dtype=pl.Int64)
        ),
    )
    bulk.insert(session, "carriers", links.select("carrier_ref", "account_id"))
    if consents.height:
        session.connection().execute(
            text("UPDATE accounts SET consent_at = :consent WHERE account_id = :account AND consent_at IS NULL"),
            consents.select(account="account_id", consent="must_consent").to_dicts(),
        )
