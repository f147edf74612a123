"""Whose points, mandates or proceeds: an account of the programme, or just a wallet address."""

from __future__ import annotations

from dataclasses import dataclass

from web3 import Web3

from registry.errors import InputError
from registry.services.ledger import Ledger
from registry.store import accounts


@dataclass(frozen=True)
class Owner:
    """An account of the programme, or a wallet it knows nothing of (`account_id` None)."""

    account_id: str | None
    wallet: str
    hosted: bool


def find_owner(ledger: Ledger, name: str) -> Owner:
    """An account id, or a 0x wallet address; raises NotFoundError or InputError."""
    if name.startswith("0x"):
        wallet = address(name)
        with ledger.db.read() as session:
            owner = accounts.by_wallet(session, bytes.fromhex(wallet[2:]))
        return Owner(owner.account_id if owner else None, wallet, bool(owner and owner.hosted))
    with ledger.db.read() as session:
        account = accounts.get(session, name)
    return Owner(account.account_id, Web3.to_checksum_address(account.wallet), account.hosted)


def address(text: str) -> str:
    """A 0x address in checksum form; raises InputError."""
    if not Web3.is_address(text) or not text.startswith("0x"):
        raise InputError(f"{text} is not an address", hint="0x and 40 hex digits, with a correct checksum if mixed")
    return str(Web3.to_checksum_address(text))
