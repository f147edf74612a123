"""The accounts file: a CSV from the programme's app, read whole or refused whole.

Columns `account_id, carrier_ref, kind, wallet, consent_at`, in any order. An empty wallet asks for a hosted one; else
it is 0x and 40 hex digits, with the right EIP-55 checksum when its letters are of both cases. An empty `consent_at`
means no consent yet; a time without a zone is Asia/Shanghai. Several rows may give one account several carriers.
A row that cannot be used refuses the file: opening half of the accounts would reject the other half's trips.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl
from eth_utils.address import is_checksum_address

from registry.errors import InputError
from registry.services.hosted_wallets import HostedWallets
from registry.sources.csv_text import read_csv
from registry.sources.fields import identifier, missing, read_times
from registry.sources.input_file import open_input
from registry.store.account_imports import ACCOUNT_ROWS

COLUMNS: Final = ("account_id", "carrier_ref", "kind", "wallet", "consent_at")
KINDS: Final = ("individual", "household", "sme")
SHOWN: Final = 20
_WALLET: Final = r"^0x[0-9a-fA-F]{40}$"
_ZERO: Final = "0x" + "0" * 40
_TEXT: Final = {
    "ragged": "has more or fewer fields than the header",
    "account_id": "is missing, or no identifier (1 to 128 bytes of visible text; a number like 6.2E+15 lost digits)",
    "carrier_ref": "is missing, or no identifier (1 to 128 bytes of visible text; a number like 6.2E+15 lost digits)",
    "kind": "is none of " + ", ".join(KINDS),
    "wallet": "is no address (0x and 40 hex digits, or empty for a hosted wallet)",
    "checksum": "has a wrong checksum: a letter or digit was mistyped",
    "zero": "is the zero address, which nobody can sign for",
    "shared": "is the wallet of two accounts",
    "consent_at": "is no time (YYYY-MM-DD HH:MM:SS, with or without a zone), or outside 2000 to 2099",
}


def read_accounts(path: str | Path, hosted: HostedWallets, *, encoding: str = "utf-8") -> pl.DataFrame:
    """The file's rows as `ACCOUNT_ROWS`, hosted addresses filled in.

    Raises InputError naming the first 20 rows at fault and their columns; nothing was recorded then.
    """
    file = open_input(path, encoding=encoding)
    if file.kind != "csv":
        raise InputError(f"{file.path}: the accounts file is a CSV, this is {file.kind}")
    text = pl.concat(list(read_csv(file, required=COLUMNS)))
    rows = _read_fields(text)
    _refuse_faults(file.path, rows)
    own = rows.filter(pl.col("wallet").is_not_null())
    owners = own.group_by("wallet").agg(first=pl.col("account_id").first())
    shared = own.join(owners, on="wallet", maintain_order="left").filter(pl.col("account_id") != pl.col("first"))
    _refuse(file.path, [(row, "shared") for row in shared["row"].to_list()])
    return _with_hosted(rows, hosted)


def _read_fields(text: pl.DataFrame) -> pl.DataFrame:
    """Values of the columns, and `fault`: the first field that cannot be used, or null."""
    account, bad_account = identifier("account_id")
    carrier, bad_carrier = identifier("carrier_ref")
    wallet, kind = pl.col("wallet"), pl.col("kind")
    no_wallet, no_consent = missing("wallet"), missing("consent_at")
    lower = wallet.str.to_lowercase()
    faults = (
        ("ragged", pl.col("ragged")),
        ("account_id", bad_account),
        ("carrier_ref", bad_carrier),
        ("kind", kind.is_in(KINDS).fill_null(value=False).not_()),
        ("wallet", no_wallet.not_() & wallet.str.contains(_WALLET).not_()),
        ("checksum", pl.col("mistyped")),
        ("zero", no_wallet.not_() & (lower == _ZERO)),
        ("consent_at", no_consent.not_() & pl.col("consent").is_null()),
    )
    times = read_times(text, ["consent_at"])["consent_at"]
    checked = text.with_columns(consent=times, mistyped=_mistyped(text["wallet"]))
    return checked.select(
        pl.col("row").cast(pl.UInt32),
        account.alias("account_id"),
        carrier.alias("carrier_ref"),
        "kind",
        pl.when(no_wallet.not_()).then(lower).alias("wallet"),
        pl.col("consent").alias("consent_at"),
        pl.coalesce(pl.when(bad).then(pl.lit(name)) for name, bad in faults).alias("fault"),
    )


def _mistyped(wallets: pl.Series) -> pl.Series:
    """Whether an address has letters of both cases, which then carry a checksum, and it is wrong."""
    digits = pl.col("wallet").str.slice(2)
    mixed = (digits.str.to_lowercase() != digits) & (digits.str.to_uppercase() != digits)
    spelled = wallets.to_frame("wallet").select(pl.when(mixed).then("wallet")).to_series()
    return spelled.map_elements(lambda text: not is_checksum_address(text), return_dtype=pl.Boolean).fill_null(
        value=False
    )


def _refuse_faults(path: Path, rows: pl.DataFrame) -> None:
    faulty = rows.filter(pl.col("fault").is_not_null())
    _refuse(path, list(faulty.select("row", "fault").iter_rows()))


def _refuse(path: Path, faults: list[tuple[int, str]]) -> None:
    if not faults:
        return
    row, fault = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise InputError(
        f"{path}: row {row}, {_column(fault)}: {_TEXT[fault]}{more}",
        hint="correct the rows named in the fields; nothing was recorded",
        rows=[{"row": at, "column": _column(what), "why": _TEXT[what]} for at, what in faults[:SHOWN]],
        count=len(faults),
    )


def _column(fault: str) -> str:
    return {"checksum": "wallet", "zero": "wallet", "shared": "wallet", "ragged": "row"}.get(fault, fault)


def _with_hosted(rows: pl.DataFrame, hosted: HostedWallets) -> pl.DataFrame:
    """Addresses as 20 bytes; a row without one gets the hosted address of its account.

    An account that gives its own wallet in one row and none in another contradicts itself; the import says so.
    """
    wanted = rows.filter(pl.col("wallet").is_null())["account_id"].unique(maintain_order=True)
    derived = pl.DataFrame(
        {"account_id": wanted, "derived": hosted.addresses(wanted.to_list())},
        schema={"account_id": pl.String, "derived": pl.Binary},
    )
    own = pl.col("wallet").str.slice(2).str.decode("hex")
    joined = rows.join(derived, on="account_id", how="left", maintain_order="left")
    return joined.with_columns(hosted=pl.col("wallet").is_null(), wallet=own.fill_null(pl.col("derived"))).select(
        ACCOUNT_ROWS.names()
    )
