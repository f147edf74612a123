"""Encrypted keystores (Ethereum keystore v3, scrypt), one file each under the ledger's `keys/`.

Two sorts: a signer's private key (`create`, `unlock`, `address`) and a 32-byte secret that other keys are derived
from or wrapped with (`create_secret`, `unlock_secret`), whose file names no address. A file is never overwritten, and
no key leaves these functions other than as the object that was asked for: none is printed, logged or in an error.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import eth_keyfile
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import is_address, to_checksum_address

from registry.errors import AuthError, ConflictError
from registry.services.private_files import private_folder, write_new

ROLES: Final = ("platform", "verifier", "regulator", "exchange", "guardian", "bank")
DAY_KEYS: Final = "daykeys"
HOSTED: Final = "hosted"
SCRYPT_N: Final = 2**17
_SECRET_SIZE: Final = 32
_MOST: Final = 8 * 1024  # bytes of a keystore file; one has some 600
_WRONG: Final = "the keystore cannot be opened: wrong password, or the file was changed"
_HINT: Final = "set PUHUI_KEYSTORE_PASSWORD to the password given at `puhui init`"


def create(folder: Path, roles: Sequence[str], password: str, scrypt_n: int = SCRYPT_N) -> dict[str, str]:
    """Make a new key for each role; returns the checksum addresses by role.

    Raises ConflictError if any of the files is there already (none is written then), AuthError for an empty password.
    """
    _require_new(folder, roles, password)
    addresses: dict[str, str] = {}
    for role in roles:
        account: LocalAccount = Account.create()
        body = _encrypt(bytes(account.key), password, scrypt_n)
        _write(folder, role, {**body, "address": account.address[2:].lower()})
        addresses[role] = account.address
    return addresses


def create_secret(folder: Path, name: str, password: str, scrypt_n: int = SCRYPT_N) -> None:
    """Make a new 32-byte secret. Raises ConflictError if it exists, AuthError for an empty password."""
    _require_new(folder, (name,), password)
    body = _encrypt(secrets.token_bytes(_SECRET_SIZE), password, scrypt_n)
    # eth_keyfile takes the secret for a private key and writes down its address; it is none.
    body.pop("address", None)
    _write(folder, name, body)


def missing(folder: Path, names: Sequence[str]) -> list[str]:
    """Which of these keystores are not there: what an interrupted `puhui init` has still to create."""
    return [name for name in names if not _path(folder, name).exists()]


def unlock(folder: Path, role: str, password: str) -> LocalAccount:
    """The signer of a role. Raises AuthError if its file is missing, damaged, or the password is not its own."""
    body = _read(folder, role)
    account: LocalAccount = Account.from_key(_decrypt(body, role, password))
    # The address in the file is not covered by its checksum; another one there would mislead `address`.
    if account.address != _address_in(body, role):
        raise AuthError(f"the keystore of {role} names another address than its key has", hint=_HINT, keystore=role)
    return account


def unlock_secret(folder: Path, name: str, password: str) -> bytes:
    """The 32 bytes of a secret. Raises AuthError as `unlock` does."""
    return _decrypt(_read(folder, name), name, password)


def address(folder: Path, role: str) -> str:
    """The checksum address a keystore names, without its password. Raises AuthError if it cannot be read."""
    return _address_in(_read(folder, role), role)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _require_new(folder: Path, names: Sequence[str], password: str) -> None:
    if not password.strip():
        raise AuthError("the keystore password is empty", hint="set PUHUI_KEYSTORE_PASSWORD")
    present = [name for name in names if _path(folder, name).exists()]
    if present:
        raise ConflictError(
            f"keystores exist already: {', '.join(present)}",
            hint="they are never overwritten; use another --home for another ledger",
            keystores=present,
        )
    private_folder(folder)


def _encrypt(key: bytes, password: str, scrypt_n: int) -> dict[str, Any]:
    return dict(eth_keyfile.create_keyfile_json(key, password.encode(), kdf="scrypt", iterations=scrypt_n))


def _write(folder: Path, name: str, body: dict[str, Any]) -> None:
    if not write_new(_path(folder, name), json.dumps(body, indent=1).encode() + b"\n"):
        raise ConflictError(f"keystores exist already: {name}", keystores=[name])


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        with _path(folder, name).open("rb") as file:
            content = file.read(_MOST + 1)
        # Imported libraries raise the recursion limit so far that deeply nested JSON would end the process.
        body = json.loads(content) if len(content) <= _MOST else None
    except FileNotFoundError as error:
        raise AuthError(f"there is no keystore of {name}", hint="run `puhui init`", keystore=name) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(name) from error
    if not isinstance(body, dict) or body.get("version") != 3:
        raise _damaged(name)
    return body


def _decrypt(body: dict[str, Any], name: str, password: str) -> bytes:
    try:
        key = bytes(eth_keyfile.decode_keyfile_json(body, password.encode()))
    except (ValueError, TypeError, KeyError, AttributeError, MemoryError):
        # Without its cause: a library's message may quote what it was working on.
        raise AuthError(_WRONG, hint=_HINT, keystore=name) from None
    if len(key) != _SECRET_SIZE:
        raise _damaged(name)
    return key


def _address_in(body: dict[str, Any], name: str) -> str:
    found = body.get("address")
    if not isinstance(found, str) or not is_address(found):
        raise _damaged(name)
    return str(to_checksum_address(found))


def _damaged(name: str) -> AuthError:
    return AuthError(f"the keystore of {name} is damaged", hint="restore it from a backup", keystore=name)
