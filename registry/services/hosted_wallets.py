"""Keys the programme holds for people without a wallet, derived from one master secret, so none is stored.

    private key = HMAC-SHA256(master, "puhui/hosted/v1" NUL | account id in UTF-8), hashed again while it is no
    valid secp256k1 scalar (which no one will ever see happen)

The account moves to a wallet of its own by changing the account, never by handing out the derived key.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from registry.errors import AuthError, StorageError
from registry.services import address_worker

MASTER_SIZE: Final = 32
# Below this the start of another interpreter costs more than it saves.
SPLIT_ABOVE: Final = 20_000


class HostedWallets:
    """Derives hosted keys and their addresses from the master secret (see `keystores.HOSTED`)."""

    def __init__(self, master: bytes) -> None:
        if len(master) != MASTER_SIZE:
            raise AuthError("the master secret of hosted wallets is not 32 bytes")
        self._master = master

    def __repr__(self) -> str:
        return "HostedWallets(...)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("hosted wallets are not pickled: the master secret would leave this process")

    def account(self, account_id: str) -> LocalAccount:
        """The signer of a hosted account."""
        account: LocalAccount = Account.from_key(private_key(self._master, account_id))
        return account

    def address_of(self, account_id: str) -> bytes:
        """The 20-byte address of a hosted account."""
        return self.addresses([account_id])[0]

    def addresses(self, account_ids: Sequence[str]) -> list[bytes]:
        """The 20-byte addresses of many accounts, in their order; large lists are split over the cores."""
        ids = list(account_ids)
        packed = _split(self._master, ids) if len(ids) > SPLIT_ABOVE else address_worker.addresses(self._master, ids)
        found = [packed[at : at + 20] for at in range(0, len(packed), 20)]
        # The fast path calls two libraries below their public surface: the ends of each list are checked by another.
        if len(found) != len(ids) or any(found[at] != self._checked(ids[at]) for at in {0, len(ids) - 1} if ids):
            raise AuthError("hosted addresses do not match their keys", hint="report this: the installation is broken")
        return found

    def _checked(self, account_id: str) -> bytes:
        return bytes.fromhex(self.account(account_id).address[2:])


def private_key(master: bytes, account_id: str) -> bytes:
    """The 32-byte private key of a hosted account."""
    key = hmac.digest(master, address_worker.DOMAIN + account_id.encode(), "sha256")
    while not 0 < int.from_bytes(key, "big") < address_worker.ORDER:
        key = hashlib.sha256(key).digest()
    return key


def _split(master: bytes, ids: list[str]) -> bytes:
    """Shares for the other cores go to bare interpreters that import the worker module alone; this one takes one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    size = -(-len(ids) // cores)
    shares = [ids[at : at + size] for at in range(0, len(ids), size)]
    # The master secret goes through a pipe: arguments and environment can be read by others.
    command = [sys.executable, "-I", address_worker.__file__]
    workers = [
        subprocess.Popen(  # noqa: S603 - our own file
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for _ in shares[1:]
    ]
    try:
        for worker, share in zip(workers, shares[1:], strict=True):
            _send(worker, address_worker.encode(master, share))
        packed = [address_worker.addresses(master, shares[0])]
        packed += [worker.communicate()[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    if sum(map(len, packed)) != 20 * len(ids):
        raise StorageError("a process deriving hosted addresses ended early", hint="check memory and try again")
    return b"".join(packed)


def _send(worker: subprocess.Popen[bytes], request: bytes) -> None:
    assert worker.stdin is not None  # noqa: S101 - it was opened as a pipe
    # A worker that died is noticed by what it did not write.
    with contextlib.suppress(BrokenPipeError), worker.stdin as pipe:
        pipe.write(request)
    worker.stdin = None
