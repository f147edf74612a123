// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IExchangeSettlement
/// @notice Delivery against payment: listed tonnes and cash change hands in one transaction, or nothing does.
/// @dev The exchange matches orders; it cannot make them. A trade needs both traders' signed limit orders, and can
/// never go beyond either one's price, quantity or expiry, whoever calls. An order's key is its whole EIP-712 digest.
interface IExchangeSettlement {
    enum Side {
        SELL,
        BUY
    }

    /// @notice A limit order, as its trader signs it.
    /// @param tonnes How much at most, over all its fills.
    /// @param limitFen The lowest (SELL) or highest (BUY) price, in fen a tonne.
    /// @param salt Tells apart orders that are otherwise alike.
    /// @param expiry The last second at which it can be filled.
    struct Order {
        address trader;
        Side side;
        uint32 issuance;
        uint64 tonnes;
        uint128 limitFen;
        bytes32 salt;
        uint64 expiry;
    }

    /// @notice What the exchange matched, under its own id.
    struct Execution {
        bytes32 tradeId;
        uint64 tonnes;
        uint128 priceFen;
    }

    /// @notice A settled trade; `tonnes` is 0 if there is none.
    struct Trade {
        uint32 issuance;
        uint64 tonnes;
        uint64 settledAt;
        uint128 priceFen;
        address seller;
        address buyer;
        bytes32 sellOrder;
        bytes32 buyOrder;
    }

    /// @notice A listing or an unlisting; `tonnes` is 0 if there is none.
    struct Listing {
        uint32 issuance;
        uint64 tonnes;
        bool unlisted;
    }

    /// @notice Emitted when units are immobilised for sale.
    event Listed(address indexed holder, uint32 indexed issuance, uint64 tonnes, bytes32 ref);

    /// @notice Emitted when listed units are free again.
    event Unlisted(address indexed holder, uint32 indexed issuance, uint64 tonnes, bytes32 ref);

    /// @notice Emitted when a trader cancelled an order for good.
    event OrderCancelled(bytes32 indexed order, address indexed trader);

    /// @notice Emitted when a trade was settled.
    event TradeSettled(
        bytes32 indexed tradeId,
        bytes32 indexed sellOrder,
        bytes32 indexed buyOrder,
        address seller,
        address buyer,
        uint32 issuance,
        uint64 tonnes,
        uint128 priceFen
    );

    /// @notice Thrown when what the settlement works on is not a contract.
    error ExchangeSettlementInvalidContract(address contract_);

    /// @notice Thrown when a listing or a trade has no reference.
    error ExchangeSettlementMissingReference();

    /// @notice Thrown when a listing or a trade has no tonnes, or a trade no price.
    error ExchangeSettlementZeroAmount();

    /// @notice Thrown when `holder` used `ref` for another listing or unlisting.
    error ExchangeSettlementListingReferenceUsed(address holder, bytes32 ref);

    /// @notice Thrown when a trade id was used for another trade.
    error ExchangeSettlementTradeUsed(bytes32 tradeId);

    /// @notice Thrown when an order stands on the wrong side.
    error ExchangeSettlementWrongSide(bytes32 order);

    /// @notice Thrown when the two orders are for different issuances.
    error ExchangeSettlementIssuanceMismatch(uint32 sell, uint32 buy);

    /// @notice Thrown when the two orders are of one account or one entity.
    error ExchangeSettlementSelfTrade(address seller, address buyer);

    /// @notice Thrown when a price is worse than an order allows.
    error ExchangeSettlementLimitExceeded(bytes32 order, uint128 limitFen, uint128 priceFen);

    /// @notice Thrown when a trade would fill more than is left of an order.
    error ExchangeSettlementOverfilled(bytes32 order, uint64 left, uint64 tonnes);

    /// @notice Thrown when an order has expired.
    error ExchangeSettlementExpired(bytes32 order, uint64 expiry);

    /// @notice Thrown when an order was cancelled.
    error ExchangeSettlementCancelled(bytes32 order);

    /// @notice Thrown when an order is not signed by its trader for this contract on this chain.
    error ExchangeSettlementInvalidSignature(bytes32 order, address trader);

    /// @notice Thrown when somebody cancels another's order.
    error ExchangeSettlementNotTrader(address trader, address caller);

    /// @notice Immobilises the caller's units for sale.
    /// @dev Requirements: not paused; neither is zero; those of {ICertifiedReductions-list}. Emits a {Listed} event.
    /// @param ref A reference of the caller's choice; each is used once, for a listing or an unlisting.
    /// @return False if the holder listed exactly this under `ref` before.
    function list(uint32 issuance, uint64 tonnes, bytes32 ref) external returns (bool);

    /// @notice {list} for `holder`, who signed `Listing(address holder,uint32 issuance,uint64 tonnes,bytes32 ref,
    /// uint256 deadline)`. Anyone may call it.
    function listFor(
        address holder,
        uint32 issuance,
        uint64 tonnes,
        bytes32 ref,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool);

    /// @notice Frees listed units of the caller.
    /// @dev Requirements: not paused; neither is zero; so much is listed. Emits an {Unlisted} event.
    /// @return False if the holder unlisted exactly this under `ref` before.
    function unlist(uint32 issuance, uint64 tonnes, bytes32 ref) external returns (bool);

    /// @notice {unlist} for `holder`, who signed `Unlisting(address holder,uint32 issuance,uint64 tonnes,bytes32 ref,
    /// uint256 deadline)`. Anyone may call it.
    function unlistFor(
        address holder,
        uint32 issuance,
        uint64 tonnes,
        bytes32 ref,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool);

    /// @notice Cancels what is left of the caller's order, for good. Works while paused.
    /// @dev Requirements: the caller is its trader. Emits an {OrderCancelled} event.
    /// @return False if it was cancelled before.
    function cancelOrder(Order calldata order) external returns (bool);

    /// @notice {cancelOrder} for its trader, who signed `Cancellation(bytes32 order,uint256 deadline)`.
    function cancelOrderFor(
        Order calldata order,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool);

    /// @notice Fills both orders: the tonnes go from the seller's listed units to the buyer, the cash the other way.
    /// @dev Requirements: the caller holds EXCHANGE; not paused; `sell` and `buy` are on their sides, of one issuance,
    /// of two active participants of two entities; the price is within both limits; neither is filled beyond its tonnes,
    /// expired or cancelled; both are signed (by ERC-1271, if the trader is a contract); the seller has so much listed
    /// and not frozen, the buyer so much cash. Emits a {TradeSettled} event and those of both tokens.
    /// @return False if exactly this trade was settled under its id before.
    function settle(
        Execution calldata execution,
        Order calldata sell,
        bytes calldata sellSignature,
        Order calldata buy,
        bytes calldata buySignature
    ) external returns (bool);

    /// @notice The EIP-712 type hash of an order.
    function ORDER_TYPEHASH() external view returns (bytes32);

    /// @notice The EIP-712 digest of an order, which is its key.
    function hashOrder(Order calldata order) external view returns (bytes32);

    /// @notice How many tonnes of an order were traded.
    function filledOf(bytes32 order) external view returns (uint64);

    /// @notice Whether an order was cancelled.
    function isCancelled(bytes32 order) external view returns (bool);

    /// @notice A settled trade.
    function tradeOf(bytes32 tradeId) external view returns (Trade memory);

    /// @notice What `holder` listed or unlisted under `ref`.
    function listingOf(address holder, bytes32 ref) external view returns (Listing memory);
}
