"""The accounts file is read whole or refused whole, with the rows and columns at fault."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from sqlmodel import Session

from registry.errors import ConflictError, InputError
from registry.services.accounts_file import read_accounts
from registry.services.hosted_wallets import HostedWallets
from registry.store.account_imports import ACCOUNT_ROWS, AccountsImport, import_accounts
from registry.store.accounts import carrier_table
from registry.store.session import Database

HOSTED = HostedWallets(bytes(range(32)))
HEADER = "account_id,carrier_ref,kind,wallet,consent_at"
GOOD = "A1,C-0001,individual,,2026-05-01 08:00:00"
MIXED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # from EIP-55
LOWER = MIXED.lower()
UPPER = "0x" + MIXED[2:].upper()


def _write(folder: Path, *lines: str) -> Path:
    path = folder / "accounts.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_accounts(path, HOSTED)
    return caught.value


ID_TEXT = "is missing, or no identifier (1 to 128 bytes of visible text; a number like 6.2E+15 lost digits)"
WALLET_TEXT = "is no address (0x and 40 hex digits, or empty for a hosted wallet)"
TIME_TEXT = "is no time (YYYY-MM-DD HH:MM:SS, with or without a zone), or outside 2000 to 2099"


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        (",C-0001,individual,,", "account_id", ID_TEXT),
        ("6.2E+15,C-0001,individual,,", "account_id", ID_TEXT),
        (" A1,C-0001,individual,,", "account_id", ID_TEXT),
        ("A1\u200b,C-0001,individual,,", "account_id", ID_TEXT),
        (f"{'A' * 129},C-0001,individual,,", "account_id", ID_TEXT),
        ("A1,,individual,,", "carrier_ref", ID_TEXT),
        ("A1,3.1E+11,individual,,", "carrier_ref", ID_TEXT),
        ("A1,C\t1,individual,,", "carrier_ref", ID_TEXT),
        ("A1,C-0001,,,", "kind", "is none of individual, household, sme"),
        ("A1,C-0001,Individual,,", "kind", "is none of individual, household, sme"),
        ("A1,C-0001,company,,", "kind", "is none of individual, household, sme"),
        ("A1,C-0001,individual,hosted,", "wallet", WALLET_TEXT),
        (f"A1,C-0001,individual,{LOWER[2:]},", "wallet", WALLET_TEXT),
        (f"A1,C-0001,individual,{LOWER[:-1]},", "wallet", WALLET_TEXT),
        (f"A1,C-0001,individual,{LOWER}0,", "wallet", WALLET_TEXT),
        (f"A1,C-0001,individual,{LOWER[:-1]}g,", "wallet", WALLET_TEXT),
        (f"A1,C-0001,individual,0X{LOWER[2:]},", "wallet", WALLET_TEXT),
        (f"A1,C-0001,individual,{MIXED[:-1]}D,", "wallet", "has a wrong checksum: a letter or digit was mistyped"),
        (f"A1,C-0001,individual,0x{'0' * 40},", "wallet", "is the zero address, which nobody can sign for"),
        ("A1,C-0001,individual,,45123", "consent_at", TIME_TEXT),
        ("A1,C-0001,individual,,2026-05-01", "consent_at", TIME_TEXT),
        ("A1,C-0001,individual,,2026-02-30 08:00:00", "consent_at", TIME_TEXT),
        ("A1,C-0001,individual,,2026-05-01 24:00:00", "consent_at", TIME_TEXT),
        ("A1,C-0001,individual,,1999-12-31 23:59:59", "consent_at", TIME_TEXT),
        ("A1,C-0001,individual,,2026-05-01T08:00:00+15:00", "consent_at", TIME_TEXT),
        ("A1,C-0001,individual", "row", "has more or fewer fields than the header"),
        ("A1,C-0001,individual,,,", "row", "has more or fewer fields than the header"),
    ],
)
def test_a_row_that_cannot_be_used_refuses_the_file(tmp_path: Path, row: str, column: str, why: str) -> None:
    path = _write(tmp_path, HEADER, GOOD, row)
    error = _refusal(path)
    assert error.message == f"{path}: row 2, {column}: {why}"
    assert error.fields == {"rows": [{"row": 2, "column": column, "why": why}], "count": 1}


def test_twenty_rows_at_fault_are_listed(tmp_path: Path) -> None:
    path = _write(tmp_path, HEADER, *(f"A{number},C-{number},x,," for number in range(30)))
    error = _refusal(path)
    assert error.message == f"{path}: row 1, kind: is none of individual, household, sme (and 29 more)"
    rows = error.fields["rows"]
    assert isinstance(rows, list)
    assert [row["row"] for row in rows] == list(range(1, 21))
    assert error.fields["count"] == 30


def test_a_wallet_of_two_accounts_refuses_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path, HEADER, f"A1,C1,individual,{MIXED},", f"A1,C2,individual,{LOWER},", f"A2,C3,sme,{UPPER},")
    error = _refusal(path)
    assert error.message == f"{path}: row 3, wallet: is the wallet of two accounts"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("account_id,carrier_ref,kind,wallet", "missing column consent_at"),
        ("account_id,carrier,kind,wallet,consent_at", "missing column carrier_ref; unknown column carrier"),
        (HEADER + ",kind", "repeated column kind"),
        (HEADER + ",phone,name", "unknown columns phone, name"),
    ],
)
def test_another_header_is_refused(tmp_path: Path, header: str, message: str) -> None:
    path = _write(tmp_path, header, GOOD)
    error = _refusal(path)
    assert error.message == f"{path}: {message}"
    assert error.hint == "the columns are account_id, carrier_ref, kind, wallet, consent_at"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (HEADER.encode() + b"\n", "no rows"),
        (b'{"account_id": "A1"}', "the accounts file is a CSV, this is json"),
        (HEADER.encode() + b"\nA1,C\0,individual,,\n", f"a NUL byte at byte {len(HEADER) + 5}, line 2"),
        (
            HEADER.encode() + b"\n\xc9\xee\xdb\xda,C1,individual,,\n",
            f"bytes that are not utf-8 at byte {len(HEADER) + 1}, line 2",
        ),
    ],
)
def test_a_file_that_is_no_csv_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(content)
    assert _refusal(path).message.removeprefix(f"{path}: ") == message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "none.csv").message == f"{tmp_path / 'none.csv'}: no such file"


def test_rows_become_values(tmp_path: Path) -> None:
    frame = read_accounts(
        _write(
            tmp_path,
            HEADER,
            GOOD,
            "A1,C-0002,individual,,",
            f"A2,C-0003,household,{MIXED},2026-05-01T00:00:00Z",
            f"A3,C-0004,sme,{LOWER[:-1]}0,2026-05-01T08:00:00+09:00",
            f"A4,C-0005,sme,{UPPER[:-1]}1,2026-05-01 08:00:00.900",
        ),
        HOSTED,
    )
    assert frame.schema == ACCOUNT_ROWS
    hosted, own = HOSTED.address_of("A1"), bytes.fromhex(LOWER[2:])
    assert frame.rows() == [
        (1, "A1", "C-0001", "individual", hosted, True, 1777593600),
        (2, "A1", "C-0002", "individual", hosted, True, None),
        (3, "A2", "C-0003", "household", own, False, 1777593600),
        (4, "A3", "C-0004", "sme", own[:-1] + b"\xe0", False, 1777590000),
        (5, "A4", "C-0005", "sme", own[:-1] + b"\xe1", False, 1777593600),
    ]


def test_columns_may_stand_in_any_order_and_encoding(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes("consent_at,kind,账户".replace("账户", "account_id").encode() + b",wallet,carrier_ref\r\n")
    path.write_bytes(path.read_bytes() + ",individual,深圳一号,,卡-1\r\n".encode("gb18030"))
    frame = read_accounts(path, HOSTED, encoding="gb18030")
    assert frame.select("account_id", "carrier_ref", "consent_at").rows() == [("深圳一号", "卡-1", None)]


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    """A migrated SQLite ledger."""
    database = Database.sqlite(tmp_path / "ledger.db")
    database.migrate()
    return database


def test_a_file_goes_into_the_ledger_and_again_changes_nothing(tmp_path: Path, ledger: Database) -> None:
    frame = read_accounts(_write(tmp_path, HEADER, GOOD, "A1,C-0002,individual,,", f"A2,C-3,sme,{MIXED},"), HOSTED)

    def record(session: Session) -> AccountsImport:
        return import_accounts(session, frame, now=1)

    assert ledger.write(record) == AccountsImport(opened=2, linked=3, updated=0, unchanged=0)
    assert ledger.write(record) == AccountsImport(opened=0, linked=0, updated=0, unchanged=3)
    with ledger.read() as session:
        table = carrier_table(session, pl.Series(["C-0002"]))
    assert table.rows() == [("C-0002", "A1", HOSTED.address_of("A1"), 1777593600)]


def test_an_account_with_an_own_and_a_hosted_wallet_contradicts_itself(tmp_path: Path, ledger: Database) -> None:
    frame = read_accounts(_write(tmp_path, HEADER, GOOD, f"A1,C-0002,individual,{MIXED},"), HOSTED)
    with pytest.raises(ConflictError, match="row 2, wallet: the account has another wallet"):
        ledger.write(lambda session: import_accounts(session, frame, now=1))
