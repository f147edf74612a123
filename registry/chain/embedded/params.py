"""JSON-RPC arguments into values that cannot be wrong; anything else is an `RpcError` -32602."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from registry.chain.embedded.errors import invalid_params
from registry.chain.embedded.logs import MAX_TOPICS
from registry.chain.embedded.simulate import Call

MAX_ALTERNATIVES = 1_000  # addresses, or values of one topic, in a log filter
BLOCK_TAGS = ("latest", "earliest", "pending", "safe", "finalized")
MAX_QUANTITY_DIGITS = 64
HASH_LENGTH = 66  # 0x and 64 digits

_PRICE_FIELDS = frozenset(("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"))
_CALL_FIELDS = _PRICE_FIELDS | {"from", "to", "gas", "value", "data", "input", "nonce", "chainId", "type", "accessList"}


@dataclass(frozen=True)
class BlockReference:
    """A block by number, by hash, or by tag: exactly one is set."""

    number: int | None = None
    hash: bytes | None = None
    tag: str | None = None


def arguments(params: Any, least: int, most: int) -> list[Any]:
    """The positional arguments, padded with None to `most`."""
    if not isinstance(params, list):
        raise invalid_params("params must be an array")
    if not least <= len(params) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise invalid_params(f"expected {wanted} arguments, got {len(params)}")
    return params + [None] * (most - len(params))


def data(value: Any, name: str, size: int | None = None) -> bytes:
    """0x hex bytes, of exactly `size` bytes if given."""
    if not isinstance(value, str) or value[:2] not in ("0x", "0X"):
        raise invalid_params(f"{name} must be a 0x string")
    try:
        # `fromhex` skips spaces, which are no hex digits.
        found = bytes.fromhex(value[2:]) if value.isalnum() or value == "0x" else None
    except ValueError:
        found = None
    if found is None:
        raise invalid_params(f"{name} must be whole bytes in hex")
    if size is not None and len(found) != size:
        raise invalid_params(f"{name} must be {size} bytes, got {len(found)}")
    return found


def quantity(value: Any, name: str) -> int:
    """A 0x hex number below 2**256."""
    if not isinstance(value, str) or value[:2] != "0x" or not 2 < len(value) <= 2 + MAX_QUANTITY_DIGITS:
        raise invalid_params(f"{name} must be a 0x number")
    try:
        # `int` reads underscores and spaces, which are no hex digits.
        return int(value, 16) if value.isalnum() else _not_hex(name)
    except ValueError:
        _not_hex(name)


def address(value: Any, name: str) -> bytes:
    """20 bytes."""
    return data(value, name, 20)


def flag(value: Any, name: str) -> bool:
    """true, false, or absent for false."""
    if value is not None and not isinstance(value, bool):
        raise invalid_params(f"{name} must be true or false")
    return bool(value)


def block_reference(value: Any) -> BlockReference:
    """A tag, a number, a hash, or the object of EIP-1898; absent means latest."""
    if value is None:
        return BlockReference(tag="latest")
    if isinstance(value, dict):
        if "blockHash" in value and "blockNumber" not in value:
            return BlockReference(hash=data(value["blockHash"], "blockHash", 32))
        if "blockNumber" in value and "blockHash" not in value:
            return BlockReference(number=quantity(value["blockNumber"], "blockNumber"))
        raise invalid_params("a block object must have blockHash or blockNumber")
    if isinstance(value, str) and value in BLOCK_TAGS:
        return BlockReference(tag=value)
    if isinstance(value, str) and len(value) == HASH_LENGTH:
        return BlockReference(hash=data(value, "block hash", 32))
    return BlockReference(number=quantity(value, "block"))


def call_object(value: Any, gas_limit: int) -> Call:
    """The transaction object of eth_call. Gas defaults to `gas_limit` and is capped by it; prices are ignored."""
    if not isinstance(value, dict):
        raise invalid_params("the call must be an object")
    unknown = sorted(str(key) for key in value if key not in _CALL_FIELDS)
    if unknown:
        raise invalid_params(f"unknown call field {unknown[0][:40]}")
    given = {key: item for key, item in value.items() if item is not None}
    payloads = {data(given[key], key) for key in ("data", "input") if key in given}
    if len(payloads) > 1:
        raise invalid_params("data and input differ")
    to = given.get("to")
    return Call(
        sender=address(given.get("from", "0x" + "00" * 20), "from"),
        to=address(to, "to") if to not in (None, "", "0x") else b"",
        gas=min(quantity(given["gas"], "gas"), gas_limit) if "gas" in given else gas_limit,
        value=quantity(given.get("value", "0x0"), "value"),
        data=payloads.pop() if payloads else b"",
        access_list=_access_list(given.get("accessList", [])),
    )


def one_or_more_addresses(value: Any) -> tuple[bytes, ...]:
    """The address member of a log filter: absent, one, or a list. An empty list accepts any."""
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    _limit(values, "addresses")
    return tuple(address(each, "address") for each in values)


def topics(value: Any) -> tuple[tuple[bytes, ...], ...]:
    """The topics member of a log filter: per position null (any), one value, or a list of alternatives."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_TOPICS:
        raise invalid_params(f"topics must be an array of at most {MAX_TOPICS}")
    return tuple(_alternatives(position) for position in value)


def _alternatives(value: Any) -> tuple[bytes, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    _limit(values, "alternatives of a topic")
    # A null among alternatives accepts any value, like an empty list.
    if any(each is None for each in values):
        return ()
    return tuple(data(each, "topic", 32) for each in values)


def _limit(values: list[Any], what: str) -> None:
    if len(values) > MAX_ALTERNATIVES:
        raise invalid_params(f"at most {MAX_ALTERNATIVES} {what}")


def _access_list(value: Any) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise invalid_params("accessList must be an array of objects")
    return tuple((address(entry.get("address"), "address"), _slots(entry.get("storageKeys"))) for entry in value)


def _slots(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise invalid_params("storageKeys must be an array")
    return tuple(int.from_bytes(data(key, "storageKey", 32), "big") for key in value)


def _not_hex(name: str) -> NoReturn:
    raise invalid_params(f"{name} must be a 0x number")
