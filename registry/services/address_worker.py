"""Addresses of hosted keys at full speed; also run as a program of its own, so it imports nothing of the ledger.

As a program it reads the master secret and a JSON list of account ids from standard input and writes 20 bytes an
account. It calls libsecp256k1 and the Keccak of pycryptodome without their per-call wrappers, which take longer than
the work; `hosted_wallets` checks the result against the ordinary way.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Sequence
from typing import Final

from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]
from coincurve.context import GLOBAL_CONTEXT
from Crypto.Hash.keccak import _raw_keccak_lib as keccak_lib  # type: ignore[attr-defined]
from Crypto.Util._raw_api import VoidPointer, c_size_t, c_ubyte, c_uint8_ptr, get_raw_buffer  # type: ignore[attr-defined]
from Crypto.Util._raw_api import create_string_buffer as new_buffer

DOMAIN: Final = b"puhui/hosted/v1\0"
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_MASTER_SIZE: Final = 32
_UNCOMPRESSED: Final = 2  # SECP256K1_EC_UNCOMPRESSED


def encode(master: bytes, account_ids: Sequence[str]) -> bytes:
    """What the program reads from its standard input."""
    return master + json.dumps(account_ids).encode()


def addresses(master: bytes, account_ids: Sequence[str]) -> bytes:
    """The addresses of the accounts, 20 bytes each, one after the other."""
    context = GLOBAL_CONTEXT.ctx
    public, point, size = ffi.new("secp256k1_pubkey *"), ffi.new("unsigned char [65]"), ffi.new("size_t *", 65)
    coordinates = ffi.buffer(point, 65)
    state = VoidPointer()
    if keccak_lib.keccak_init(state.address_of(), c_size_t(64), c_ubyte(24)) != 0:
        raise MemoryError("keccak_init")
    sponge, digest = state.get(), new_buffer(32)  # type: ignore[call-arg]
    input_size, digest_size, padding = c_size_t(64), c_size_t(32), c_ubyte(1)
    found = []
    try:
        for account_id in account_ids:
            key = hmac.digest(master, DOMAIN + account_id.encode(), "sha256")
            # The library refuses what is no valid scalar.
            while not lib.secp256k1_ec_pubkey_create(context, public, key):
                key = hashlib.sha256(key).digest()
            lib.secp256k1_ec_pubkey_serialize(context, point, size, public, _UNCOMPRESSED)
            keccak_lib.keccak_reset(sponge)
            keccak_lib.keccak_absorb(sponge, c_uint8_ptr(coordinates[1:65]), input_size)
            keccak_lib.keccak_digest(sponge, digest, digest_size, padding)
            found.append(get_raw_buffer(digest)[12:])
    finally:
        keccak_lib.keccak_destroy(sponge)
    return b"".join(found)


def _run() -> None:
    request = sys.stdin.buffer.read()
    master, account_ids = request[:_MASTER_SIZE], json.loads(request[_MASTER_SIZE:])
    sys.stdout.buffer.write(addresses(master, account_ids))


if __name__ == "__main__":
    _run()
