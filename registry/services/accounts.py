"""Importing an accounts file: all of it or nothing, and the same file again changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlmodel import Session

from registry.services.accounts_file import read_accounts
from registry.services.ledger import Ledger
from registry.store.account_imports import AccountsImport, import_accounts


class _DryRun(Exception):
    def __init__(self, result: AccountsImport) -> None:
        self.result = result


def import_accounts_file(
    ledger: Ledger,
    path: Path,
    *,
    encoding: str = "utf-8",
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> AccountsImport:
    """Open the accounts and link the carriers of a file; hosted wallets are derived where the file names none.

    Raises InputError or ConflictError naming the rows at fault, and then nothing was changed.
    """
    progress("reading")
    rows = read_accounts(path, ledger.keys.hosted_wallets, encoding=encoding)
    progress(f"recording {rows.height:,} rows")

    def write(session: Session) -> AccountsImport:
        result = import_accounts(session, rows, now=int(time.time()))
        if dry_run:
            raise _DryRun(result)
        return result

    try:
        return ledger.db.write(write)
    except _DryRun as done:
        return done.result
