"""Signing for a person or a company: EIP-712 messages, with a hosted key or a keystore of their own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from registry.errors import AuthError
from registry.services import keystores
from registry.services.ledger import Ledger
from registry.services.owners import Owner

SIGNATURE_LIFE_S: Final = 600


def deadline() -> int:
    """Until when a signature made now is good, in epoch seconds."""
    return int(time.time()) + SIGNATURE_LIFE_S


def sign(key: LocalAccount, message: dict[str, Any]) -> bytes:
    """The 65-byte signature of an EIP-712 message."""
    return bytes(Account.sign_message(encode_typed_data(full_message=message), key.key).signature)


def keystore_account(path: Path, password: str) -> LocalAccount:
    """The signer of a keystore file; raises AuthError."""
    account: LocalAccount = Account.from_key(keystores.unlock(path.parent, path.stem, password).key)
    return account


def owner_key(ledger: Ledger, owner: Owner, signer: LocalAccount | None) -> LocalAccount:
    """The key that signs for an owner: `signer`, else the hosted one. Raises AuthError if it is of another wallet."""
    if signer is None:
        if owner.account_id is None or not owner.hosted:
            raise AuthError(
                f"the programme does not hold the key of {owner.wallet}", hint="give its keystore with --keystore FILE"
            )
        signer = ledger.keys.hosted_wallets.account(owner.account_id)
    if signer.address != owner.wallet:
        raise AuthError(f"the keystore is of {signer.address}, the account's wallet is {owner.wallet}")
    return signer
