"""Makes the genesis file of a ledger's own network: QBFT with four validators or more, free gas, Cancun.

    python deploy/besu/make_genesis.py --chain-id 20261 ADDRESS ADDRESS ADDRESS ADDRESS > genesis.json
    python deploy/besu/make_genesis.py --chain-id 20261 --validators validators.json > genesis.json

The addresses are those of the validators' node keys; nobody has a balance, since gas is free. The same chain id and
addresses give the same bytes, in whatever order the addresses are given: four organisations can each make the file and
compare digests. The figures below are the network's constitution; a running network keeps those it began with.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import rlp
from eth_utils.address import is_address, is_checksum_address, to_canonical_address

# Of n validators (n - 1) // 3 may fail: four is the least that tolerates one.
LEAST_VALIDATORS: Final = 4
MAX_CHAIN_ID: Final = (1 << 53) - 1  # what every wallet can hold in a JSON number

# A transaction waits two seconds at most for its block, and an idle network makes one block a minute: a year is then
# half a million blocks, which an audit reads in some hundreds of requests, instead of sixteen million.
BLOCK_PERIOD_S: Final = 2
EMPTY_BLOCK_PERIOD_S: Final = 60
# Twice the block period; it doubles with every round that fails, until the validators are restarted.
REQUEST_TIMEOUT_S: Final = 4
# Votes that have not won are forgotten after this many blocks. Never changed in a running network.
EPOCH_BLOCKS: Final = 30_000

# Fifteen calls of the ledger's size, and 0.3 s of work for a node at 200 million gas a second.
BLOCK_GAS: Final = 60_000_000
# What a transaction may use from the Osaka fork on, kept from the first block so that the fork will change nothing.
TRANSACTION_GAS: Final = 1 << 24
# The public rule (EIP-170), stated so that nobody raises it by leaving it out.
CONTRACT_BYTES: Final = 24_576

# "ctical byzantine fault tolerance": how a Besu node knows a block of the Byzantine fault tolerant family.
MIX_HASH: Final = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"
VANITY_BYTES: Final = 32


class BadNetworkError(ValueError):
    """The chain id or the validators cannot make a network."""


def extra_data(vanity: bytes, validators: Sequence[bytes]) -> bytes:
    """The header field that names the validators: RLP of vanity, validators, no vote, round 0, no seals."""
    if len(vanity) != VANITY_BYTES:
        raise BadNetworkError(f"the vanity is {len(vanity)} bytes, not {VANITY_BYTES}")
    return bytes(rlp.encode([vanity, list(validators), [], 0, []]))


def validator_addresses(texts: Sequence[str]) -> list[bytes]:
    """The addresses, ascending as nodes keep them; raises BadNetworkError for too few, a repeated or a bad one."""
    for text in texts:
        if not text.startswith("0x") or not is_address(text):
            raise BadNetworkError(f"{text!r} is not an address")
        digits = text[2:]
        if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(text):
            raise BadNetworkError(f"{text} has a wrong checksum")
    found: list[bytes] = sorted(to_canonical_address(text) for text in texts)
    if len(found) < LEAST_VALIDATORS:
        raise BadNetworkError(f"{len(found)} validators: with fewer than {LEAST_VALIDATORS} no faulty one is tolerated")
    if len(set(found)) < len(found):
        raise BadNetworkError("a validator is given twice")
    if found[0] == bytes(20):
        raise BadNetworkError("the zero address is nobody's")
    return found


def genesis(chain_id: int, validators: Sequence[str]) -> dict[str, Any]:
    """The genesis file's content. The chain id is in the vanity too, so that the genesis hash tells chains apart."""
    if not 0 < chain_id <= MAX_CHAIN_ID:
        raise BadNetworkError(f"the chain id must be from 1 to {MAX_CHAIN_ID}")
    vanity = (b"puhui/%d" % chain_id).ljust(VANITY_BYTES, b"\0")
    return {
        "config": {
            "chainId": chain_id,
            "berlinBlock": 0,
            "londonBlock": 0,
            "shanghaiTime": 0,
            "cancunTime": 0,
            "zeroBaseFee": True,
            "contractSizeLimit": CONTRACT_BYTES,
            "qbft": {
                "epochlength": EPOCH_BLOCKS,
                "blockperiodseconds": BLOCK_PERIOD_S,
                "emptyblockperiodseconds": EMPTY_BLOCK_PERIOD_S,
                "requesttimeoutseconds": REQUEST_TIMEOUT_S,
                "pertxgaslimit": TRANSACTION_GAS,
            },
        },
        "nonce": "0x0",
        "timestamp": "0x0",
        "extraData": "0x" + extra_data(vanity, validator_addresses(validators)).hex(),
        "gasLimit": hex(BLOCK_GAS),
        "difficulty": "0x1",
        "mixHash": MIX_HASH,
        "coinbase": "0x" + "00" * 20,
        "alloc": {},
    }


def file_bytes(chain_id: int, validators: Sequence[str]) -> bytes:
    """The genesis file, byte for byte."""
    return json.dumps(genesis(chain_id, validators), indent=2).encode() + b"\n"


def read_validators(file: Path) -> list[str]:
    """The addresses of a file that maps each organisation to its validator; raises BadNetworkError."""
    try:
        body = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadNetworkError(f"{file}: not readable ({error})") from error
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise BadNetworkError(f'{file}: expected {{"organisation": "0x..", ..}}')
    return list(body.values())


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="make_genesis.py", description=(__doc__ or "").splitlines()[0])
    made.add_argument("--chain-id", type=int, required=True, help="the network's chain id, in no other use")
    made.add_argument("--validators", type=Path, metavar="FILE", help="a file of addresses by organisation")
    made.add_argument("addresses", nargs="*", metavar="ADDRESS", help="the validators' addresses")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file to standard output; 2 for arguments that make no network."""
    given = parser().parse_args(arguments)
    if (given.validators is None) == (not given.addresses):
        parser().error("give either addresses or --validators")
    try:
        addresses = given.addresses or read_validators(given.validators)
        sys.stdout.write(file_bytes(given.chain_id, addresses).decode())
    except BadNetworkError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
