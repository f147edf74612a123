"""The orders a trade was settled by, read back from the input of its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from web3.exceptions import Web3Exception

from registry.chain.client import node_errors
from registry.chain.contracts.exchange_settlement import ExchangeSettlement, Order, Side


@dataclass(frozen=True)
class SignedOrder:
    """An order with the signature it came with, which is empty or opaque for a contract wallet."""

    order: Order
    signature: bytes


@dataclass(frozen=True)
class SettleCall:
    """The input of a `settle` call: what to trade, and both orders."""

    trade_id: bytes
    tonnes: int
    price_fen: int
    sell: SignedOrder
    buy: SignedOrder


def read_settle_call(settlement: ExchangeSettlement, transaction: str) -> SettleCall | None:
    """The `settle` call a transaction made, or None when it did not call it directly: then its orders are not known."""
    with node_errors(settlement.chain.where):
        found = settlement.chain.w3.eth.get_transaction(transaction)  # type: ignore[arg-type]
    if found.get("to") != settlement.address:
        return None
    try:
        function, given = settlement.contract.decode_function_input(found["input"])
    except (ValueError, DecodingError, Web3Exception):
        return None
    if function.fn_name != "settle":
        return None
    execution = given["execution"]
    return SettleCall(
        bytes(execution["tradeId"]),
        int(execution["tonnes"]),
        int(execution["priceFen"]),
        SignedOrder(_order(given["sell"]), bytes(given["sellSignature"])),
        SignedOrder(_order(given["buy"]), bytes(given["buySignature"])),
    )


def order_digest(settlement: ExchangeSettlement, order: Order) -> bytes:
    """The order's key, its EIP-712 digest, computed here and not asked of a node."""
    message = _signable(settlement, order)
    return keccak(b"\x19" + message.version + message.header + message.body)


def recover_signer(settlement: ExchangeSettlement, signed: SignedOrder) -> str | None:
    """The account whose key signed an order, or None when its signature is no key's."""
    if len(signed.signature) != 65:
        return None
    try:
        return str(Account.recover_message(_signable(settlement, signed.order), signature=signed.signature))
    except (BadSignature, ValidationError, ValueError):
        return None


def _signable(settlement: ExchangeSettlement, order: Order) -> SignableMessage:
    return encode_typed_data(full_message=settlement.typed_order(order))


def _order(given: Mapping[str, Any]) -> Order:
    return Order(
        str(given["trader"]),
        Side(given["side"]),
        int(given["issuance"]),
        int(given["tonnes"]),
        int(given["limitFen"]),
        bytes(given["salt"]),
        int(given["expiry"]),
    )
