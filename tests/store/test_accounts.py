"""Accounts open in bulk, twice is once, and nothing recorded is contradicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from registry.errors import ConflictError, DatabaseUnavailable, NotFoundError
from registry.store import accounts, bulk
from registry.store.account_imports import ACCOUNT_ROWS, AccountsImport, import_accounts
from registry.store.session import Database

NOW = 1_780_000_000
CONSENT = 1_770_000_000


def _wallet(number: int) -> bytes:
    return number.to_bytes(20, "big")


def _row(account: int, carrier: str, **changed: object) -> dict[str, Any]:
    return {
        "account_id": f"account-{account:04d}",
        "carrier_ref": carrier,
        "kind": "individual",
        "wallet": _wallet(account),
        "hosted": True,
        "consent_at": CONSENT,
        **changed,
    }


def _frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    numbered = [{"row": number, **row} for number, row in enumerate(rows, 1)]
    return pl.DataFrame(numbered, schema=ACCOUNT_ROWS)


def _import(database: Database, *rows: dict[str, Any]) -> AccountsImport:
    return database.write(lambda session: import_accounts(session, _frame(rows), now=NOW))


def _table(database: Database, carriers: pl.Series | None = None) -> list[tuple[Any, ...]]:
    with database.read() as session:
        return sorted(accounts.carrier_table(session, carriers).rows())


def _version(database: Database) -> int:
    with database.read() as session:
        return accounts.version(session)


FIRST = _row(1, "carrier-1111")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (_row(2, "carrier-1111"), "row 1, carrier_ref: the carrier belongs to another account"),
        (_row(1, "carrier-2222", kind="sme"), "row 1, kind: the account has another kind"),
        (_row(1, "carrier-2222", wallet=_wallet(9)), "row 1, wallet: the account has another wallet"),
        (_row(2, "carrier-2222", wallet=_wallet(1)), "row 1, wallet: the wallet belongs to another account"),
        (_row(1, "carrier-2222", consent_at=CONSENT + 1), "row 1, consent_at: the account consented at another time"),
    ],
)
def test_a_row_that_contradicts_the_ledger_changes_nothing(
    database: Database, second: dict[str, Any], message: str
) -> None:
    _import(database, FIRST)
    before = _table(database)
    with pytest.raises(ConflictError) as caught:
        _import(database, second, _row(7, "carrier-7777"))
    assert caught.value.message == f"{message} (carrier ca***{second['carrier_ref'][-2:]}); nothing was changed"
    assert caught.value.fields["rows"] == [1]
    assert second["carrier_ref"] not in str(caught.value.to_json())
    assert _table(database) == before
    assert _version(database) == 1


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (_row(2, "carrier-1111"), "row 2, carrier_ref: the carrier belongs to another account"),
        (_row(1, "carrier-2222", kind="household"), "row 2, kind: the account has another kind"),
        (_row(1, "carrier-2222", wallet=_wallet(9)), "row 2, wallet: the account has another wallet"),
        (_row(2, "carrier-2222", wallet=_wallet(1)), "row 2, wallet: the wallet belongs to another account"),
        (_row(1, "carrier-2222", consent_at=1), "row 2, consent_at: the account consented at another time"),
    ],
)
def test_rows_of_one_file_must_not_contradict_each_other(
    database: Database, second: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConflictError) as caught:
        _import(database, FIRST, second)
    assert caught.value.message == f"{message} (carrier ca***{second['carrier_ref'][-2:]}); nothing was changed"
    assert _table(database) == []


def test_a_conflict_names_no_more_than_twenty_rows(database: Database) -> None:
    _import(database, FIRST)
    with pytest.raises(ConflictError) as caught:
        _import(database, *(_row(1, f"carrier-{number}", kind="sme") for number in range(30)))
    assert caught.value.fields["rows"] == list(range(1, 21))
    assert caught.value.fields["count"] == 30


def test_a_kind_the_schema_does_not_know_is_refused(database: Database) -> None:
    with pytest.raises((ConflictError, DatabaseUnavailable)):
        _import(database, _row(1, "carrier-1111", kind="company"))
    assert _table(database) == []


def test_accounts_are_opened_and_carriers_linked(database: Database) -> None:
    made = _import(database, FIRST, _row(1, "carrier-2222"), _row(2, "carrier-3333", consent_at=None))
    assert made == AccountsImport(opened=2, linked=3, updated=0, unchanged=0)
    assert _table(database) == [
        ("carrier-1111", "account-0001", _wallet(1), CONSENT),
        ("carrier-2222", "account-0001", _wallet(1), CONSENT),
        ("carrier-3333", "account-0002", _wallet(2), None),
    ]
    with database.read() as session:
        account = accounts.get(session, "account-0001")
        assert accounts.count(session) == 2
        assert accounts.carriers_of(session, "account-0001") == ["carrier-1111", "carrier-2222"]
        assert accounts.by_wallet(session, _wallet(2)) == accounts.get(session, "account-0002")
        assert accounts.by_wallet(session, _wallet(3)) is None
    assert (account.kind, account.wallet, account.hosted) == ("individual", "0x" + "00" * 19 + "01", True)
    assert (account.consent_at, account.opened_at) == (CONSENT, NOW)


def test_the_same_file_again_changes_nothing(database: Database) -> None:
    rows = [FIRST, FIRST, _row(2, "carrier-3333")]
    assert _import(database, *rows) == AccountsImport(opened=2, linked=2, updated=0, unchanged=1)
    before = _table(database)
    assert _import(database, *rows) == AccountsImport(opened=0, linked=0, updated=0, unchanged=3)
    assert _table(database) == before
    assert _version(database) == 1


def test_a_missing_consent_is_filled_in_once(database: Database) -> None:
    _import(database, _row(1, "carrier-1111", consent_at=None), _row(2, "carrier-2222"))
    assert _import(database, FIRST, _row(2, "carrier-2222")) == AccountsImport(0, 0, updated=1, unchanged=1)
    assert _import(database, FIRST) == AccountsImport(0, 0, 0, unchanged=1)
    # Saying nothing does not take a consent back.
    assert _import(database, _row(1, "carrier-1111", consent_at=None)) == AccountsImport(0, 0, 0, unchanged=1)
    assert _table(database)[0] == ("carrier-1111", "account-0001", _wallet(1), CONSENT)
    assert _version(database) == 2


def test_a_consent_in_any_row_of_a_new_account_counts(database: Database) -> None:
    _import(database, _row(1, "carrier-1111", consent_at=None), _row(1, "carrier-2222"))
    assert [row[3] for row in _table(database)] == [CONSENT, CONSENT]


def test_a_carrier_is_linked_to_an_open_account(database: Database) -> None:
    _import(database, FIRST)
    assert _import(database, FIRST, _row(1, "carrier-2222")) == AccountsImport(0, linked=1, updated=0, unchanged=1)
    assert _version(database) == 2


def test_an_empty_frame_is_no_change(database: Database) -> None:
    assert _import(database) == AccountsImport(0, 0, 0, 0)
    assert _version(database) == 0


def test_odd_text_survives_the_fast_path(database: Database) -> None:
    odd = [
        'quote"d',
        "comma,ed",
        "back\\slash",
        "\\.",
        "深圳通-甲",
        "NULL",
        "'; DROP TABLE accounts; --",
        "%s {keys} ?",
    ]
    _import(database, *(_row(number, text) for number, text in enumerate(odd)))
    assert [row[0] for row in _table(database)] == sorted(odd)
    assert [row[0] for row in _table(database, pl.Series(odd))] == sorted(odd)


@pytest.mark.parametrize("many", [bulk.MANY_KEYS, 1])
def test_the_carrier_table_of_some_carriers(database: Database, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(bulk, "MANY_KEYS", many)
    _import(database, *(_row(number, f"carrier-{number}") for number in range(10)))
    wanted = pl.Series(["carrier-3", "carrier-8", "carrier-8", None, "unknown"])
    assert [row[0] for row in _table(database, wanted)] == ["carrier-3", "carrier-8"]
    assert _table(database, pl.Series([], dtype=pl.String)) == []


def test_the_carrier_table_has_its_types_even_when_empty(database: Database) -> None:
    with database.read() as session:
        assert accounts.carrier_table(session).schema == accounts.CARRIER_TABLE
    _import(database, FIRST)
    with database.read() as session:
        assert accounts.carrier_table(session).schema == accounts.CARRIER_TABLE


def test_the_account_table_of_some_accounts(database: Database) -> None:
    _import(database, FIRST, _row(2, "carrier-2222", kind="sme", hosted=False, consent_at=None))
    with database.read() as session:
        found = accounts.account_table(session, pl.Series(["account-0002", "account-0001", "unknown"]))
    assert sorted(found.rows()) == [
        ("account-0001", "individual", _wallet(1), True, CONSENT),
        ("account-0002", "sme", _wallet(2), False, None),
    ]


def test_many_accounts_open_in_one_go(database: Database) -> None:
    rows = 30_000
    frame = pl.DataFrame(
        {
            "row": range(1, rows + 1),
            "account_id": [f"account-{number}" for number in range(rows)],
            "carrier_ref": [f"carrier-{number}" for number in range(rows)],
            "kind": ["individual"] * rows,
            "wallet": [_wallet(number) for number in range(rows)],
            "hosted": [True] * rows,
            "consent_at": [CONSENT] * rows,
        }
    )
    opened = database.write(lambda session: import_accounts(session, frame, now=NOW))
    assert opened == AccountsImport(opened=rows, linked=rows, updated=0, unchanged=0)
    again = database.write(lambda session: import_accounts(session, frame, now=NOW))
    assert again == AccountsImport(opened=0, linked=0, updated=0, unchanged=rows)
    with database.read() as session:
        assert accounts.carrier_table(session, frame["carrier_ref"]).height == rows


def test_an_unknown_account_is_not_found_and_not_spelled_out(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFoundError) as caught:
        accounts.get(session, "account-9999")
    assert caught.value.message == "there is no account ac***99"


@pytest.mark.parametrize(
    ("reference", "shown"),
    [("", "***"), ("1234567", "***"), ("12345678", "12***78"), ("深圳通-一二三四五", "深圳***四五")],
)
def test_references_are_masked(reference: str, shown: str) -> None:
    assert accounts.masked(reference) == shown
