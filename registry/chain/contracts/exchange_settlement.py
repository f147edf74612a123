"""ExchangeSettlement: listed tonnes, signed limit orders, and trades that move tonnes and cash in one transaction."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any, Final

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract
from registry.chain.typed_data import typed_message

ORDER: Final = {
    "trader": "address",
    "side": "uint8",
    "issuance": "uint32",
    "tonnes": "uint64",
    "limitFen": "uint128",
    "salt": "bytes32",
    "expiry": "uint64",
}
LISTING: Final = {
    "holder": "address",
    "issuance": "uint32",
    "tonnes": "uint64",
    "ref": "bytes32",
    "deadline": "uint256",
}
CANCELLATION: Final = {"order": "bytes32", "deadline": "uint256"}


class Side(IntEnum):
    """Which side of a trade an order is for."""

    SELL = 0
    BUY = 1


@dataclass(frozen=True)
class Order:
    """A limit order as its trader signs it: at most `tonnes`, at `limit_fen` a tonne or better, until `expiry`."""

    trader: str
    side: Side
    issuance: int
    tonnes: int
    limit_fen: int
    salt: bytes
    expiry: int


@dataclass(frozen=True)
class Listing:
    """A listing or unlisting as its holder signs it; `ref` is used once a holder, over both."""

    holder: str
    issuance: int
    tonnes: int
    ref: bytes
    deadline: int


@dataclass(frozen=True)
class Trade:
    """A settled trade; orders by their EIP-712 digest, price in fen a tonne, time in epoch seconds."""

    issuance: int
    tonnes: int
    settled_at: int
    price_fen: int
    seller: str
    buyer: str
    sell_order: bytes
    buy_order: bytes

    @property
    def gross_fen(self) -> int:
        """What the buyer paid."""
        return self.tonnes * self.price_fen


class ExchangeSettlement(DeployedContract):
    """Typed access to the ExchangeSettlement contract."""

    NAME = "ExchangeSettlement"

    def list_for(self, listing: Listing, signature: bytes) -> ContractFunction:
        """The call that relays a signed listing: the units are immobilised. Anyone may send it."""
        return self.contract.functions.listFor(*astuple(listing), signature)

    def unlist_for(self, listing: Listing, signature: bytes) -> ContractFunction:
        """The call that relays a signed unlisting. Anyone may send it."""
        return self.contract.functions.unlistFor(*astuple(listing), signature)

    def cancel_order_for(self, order: Order, deadline: int, signature: bytes) -> ContractFunction:
        """The call that relays a trader's signed cancellation. Anyone may send it."""
        return self.contract.functions.cancelOrderFor(_plain(order), deadline, signature)

    def settle(
        self,
        trade_id: bytes,
        tonnes: int,
        price_fen: int,
        sell: Order,
        sell_signature: bytes,
        buy: Order,
        buy_signature: bytes,
    ) -> ContractFunction:
        """The call that fills both orders and moves tonnes and cash. Role: EXCHANGE."""
        execution = (trade_id, tonnes, price_fen)
        return self.contract.functions.settle(execution, _plain(sell), sell_signature, _plain(buy), buy_signature)

    def typed_order(self, order: Order) -> dict[str, Any]:
        """The EIP-712 message of a limit order."""
        return typed_message(self, "Order", ORDER, *_plain(order))

    def typed_listing(self, listing: Listing) -> dict[str, Any]:
        """The EIP-712 message of a listing."""
        return typed_message(self, "Listing", LISTING, *astuple(listing))

    def typed_unlisting(self, listing: Listing) -> dict[str, Any]:
        """The EIP-712 message of an unlisting."""
        return typed_message(self, "Unlisting", LISTING, *astuple(listing))

    def typed_cancellation(self, order_hash: bytes, deadline: int) -> dict[str, Any]:
        """The EIP-712 message by which a trader cancels an order."""
        return typed_message(self, "Cancellation", CANCELLATION, order_hash, deadline)

    def hash_order(self, order: Order) -> bytes:
        """The order's key: its full EIP-712 digest."""
        return bytes(self._read(self.contract.functions.hashOrder(_plain(order))))

    def filled(self, order_hash: bytes, block: BlockIdentifier = "latest") -> int:
        """How many tonnes of an order were traded."""
        return int(self._read(self.contract.functions.filledOf(order_hash), block))

    def is_cancelled(self, order_hash: bytes, block: BlockIdentifier = "latest") -> bool:
        """Whether its trader cancelled the order."""
        return bool(self._read(self.contract.functions.isCancelled(order_hash), block))

    def trade(self, trade_id: bytes, block: BlockIdentifier = "latest") -> Trade | None:
        """A settled trade, or None."""
        record = self._read(self.contract.functions.tradeOf(trade_id), block)
        issuance, tonnes, settled_at, price_fen, seller, buyer, sell, buy = record
        if not tonnes:
            return None
        return Trade(issuance, tonnes, settled_at, price_fen, seller, buyer, bytes(sell), bytes(buy))


def _plain(order: Order) -> tuple[Any, ...]:
    return tuple(int(value) if isinstance(value, Side) else value for value in astuple(order))
