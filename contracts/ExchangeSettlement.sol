// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {ICertifiedReductions} from "./interfaces/ICertifiedReductions.sol";
import {IExchangeSettlement} from "./interfaces/IExchangeSettlement.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {ISettlementCash} from "./interfaces/ISettlementCash.sol";
import {Listings} from "./Listings.sol";

contract ExchangeSettlement is Listings {
    /// @inheritdoc IExchangeSettlement
    bytes32 public constant ORDER_TYPEHASH = keccak256(
        "Order(address trader,uint8 side,uint32 issuance,uint64 tonnes,uint128 limitFen,bytes32 salt,uint64 expiry)"
    );
    bytes32 private constant CANCELLATION_TYPEHASH = keccak256("Cancellation(bytes32 order,uint256 deadline)");

    ISettlementCash private immutable _cash;
    IParticipants private immutable _participants;

    /// @inheritdoc IExchangeSettlement
    mapping(bytes32 order => uint64) public filledOf;
    /// @inheritdoc IExchangeSettlement
    mapping(bytes32 order => bool) public isCancelled;
    mapping(bytes32 tradeId => Trade) private _trades;

    constructor(
        address authority,
        ICertifiedReductions reductions,
        ISettlementCash cash,
        IParticipants participants
    )
        AccessManaged(authority)
        Listings(reductions)
        EIP712("PuhuiExchangeSettlement", "1")
    {
        if (address(cash).code.length == 0) revert ExchangeSettlementInvalidContract(address(cash));
        if (address(participants).code.length == 0) revert ExchangeSettlementInvalidContract(address(participants));
        (_cash, _participants) = (cash, participants);
    }

    // ------------------------------------------------------------------ orders

    /// @inheritdoc IExchangeSettlement
    function cancelOrder(Order calldata order) external returns (bool) {
        if (msg.sender != order.trader) revert ExchangeSettlementNotTrader(order.trader, msg.sender);
        return _cancel(hashOrder(order), order.trader);
    }

    /// @inheritdoc IExchangeSettlement
    function cancelOrderFor(
        Order calldata order,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool) {
        bytes32 digest = hashOrder(order);
        if (isCancelled[digest]) return false;
        bytes32 structHash = keccak256(abi.encode(CANCELLATION_TYPEHASH, digest, deadline));
        _requireIntent(order.trader, structHash, deadline, signature);
        return _cancel(digest, order.trader);
    }

    // ------------------------------------------------------------------ settle

    /// @inheritdoc IExchangeSettlement
    function settle(
        Execution calldata execution,
        Order calldata sell,
        bytes calldata sellSignature,
        Order calldata buy,
        bytes calldata buySignature
    ) external restricted whenNotPaused returns (bool) {
        (bytes32 sellOrder, bytes32 buyOrder) = (hashOrder(sell), hashOrder(buy));
        if (_isSettled(execution, sellOrder, buyOrder)) return false;
        _requireMatch(execution, sell, buy, sellOrder, buyOrder);
        _requireFillable(execution, sell, sellOrder, sellSignature);
        _requireFillable(execution, buy, buyOrder, buySignature);

        _record(execution, sell, buy, sellOrder, buyOrder);

        _reductions.settle(sell.trader, buy.trader, sell.issuance, execution.tonnes);
        // It reverts or returns true. The product of 64 and 128 bits fits.
        _cash.transferFrom(buy.trader, sell.trader, uint256(execution.tonnes) * execution.priceFen);
        return true;
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IExchangeSettlement
    function hashOrder(Order calldata order) public view returns (bytes32) {
        // All members are static, so the struct is encoded as its fields in a row, as EIP-712 wants them.
        return _hashTypedDataV4(keccak256(abi.encode(ORDER_TYPEHASH, order)));
    }

    /// @inheritdoc IExchangeSettlement
    function tradeOf(bytes32 tradeId) external view returns (Trade memory) {
        return _trades[tradeId];
    }

    // ------------------------------------------------------------------ inside

    function _isSettled(
        Execution calldata execution,
        bytes32 sellOrder,
        bytes32 buyOrder
    ) private view returns (bool) {
        Trade memory trade = _trades[execution.tradeId];
        if (trade.tonnes == 0) return false;
        bool same = trade.sellOrder == sellOrder &&
            trade.buyOrder == buyOrder &&
            trade.tonnes == execution.tonnes &&
            trade.priceFen == execution.priceFen;
        if (!same) revert ExchangeSettlementTradeUsed(execution.tradeId);
        return true;
    }

    function _requireMatch(
        Execution calldata execution,
        Order calldata sell,
        Order calldata buy,
        bytes32 sellOrder,
        bytes32 buyOrder
    ) private view {
        if (execution.tradeId == bytes32(0)) revert ExchangeSettlementMissingReference();
        if (execution.tonnes == 0 || execution.priceFen == 0) revert ExchangeSettlementZeroAmount();
        if (sell.side != Side.SELL) revert ExchangeSettlementWrongSide(sellOrder);
        if (buy.side != Side.BUY) revert ExchangeSettlementWrongSide(buyOrder);
        if (sell.issuance != buy.issuance) revert ExchangeSettlementIssuanceMismatch(sell.issuance, buy.issuance);
        uint128 price = execution.priceFen;
        if (price < sell.limitFen) revert ExchangeSettlementLimitExceeded(sellOrder, sell.limitFen, price);
        if (price > buy.limitFen) revert ExchangeSettlementLimitExceeded(buyOrder, buy.limitFen, price);
        _requireTwoParties(sell.trader, buy.trader);
    }

    function _requireTwoParties(address seller, address buyer) private view {
        _participants.requireActive(seller);
        _participants.requireActive(buyer);
        bytes32 entity = _participants.participantOf(seller).entity;
        if (seller == buyer || entity == _participants.participantOf(buyer).entity) {
            revert ExchangeSettlementSelfTrade(seller, buyer);
        }
    }

    function _requireFillable(
        Execution calldata execution,
        Order calldata order,
        bytes32 digest,
        bytes calldata signature
    ) private view {
        if (block.timestamp > order.expiry) revert ExchangeSettlementExpired(digest, order.expiry);
        if (isCancelled[digest]) revert ExchangeSettlementCancelled(digest);
        uint64 filled = filledOf[digest];
        if (execution.tonnes > order.tonnes - filled) {
            revert ExchangeSettlementOverfilled(digest, order.tonnes - filled, execution.tonnes);
        }
        if (!SignatureChecker.isValidSignatureNowCalldata(order.trader, digest, signature)) {
            revert ExchangeSettlementInvalidSignature(digest, order.trader);
        }
    }

    function _record(
        Execution calldata execution,
        Order calldata sell,
        Order calldata buy,
        bytes32 sellOrder,
        bytes32 buyOrder
    ) private {
        filledOf[sellOrder] += execution.tonnes;
        filledOf[buyOrder] += execution.tonnes;
        _trades[execution.tradeId] = Trade({
            issuance: sell.issuance,
            tonnes: execution.tonnes,
            settledAt: uint64(block.timestamp),
            priceFen: execution.priceFen,
            seller: sell.trader,
            buyer: buy.trader,
            sellOrder: sellOrder,
            buyOrder: buyOrder
        });

        emit TradeSettled(
            execution.tradeId,
            sellOrder,
            buyOrder,
            sell.trader,
            buy.trader,
            sell.issuance,
            execution.tonnes,
            execution.priceFen
        );
    }

    function _cancel(bytes32 digest, address trader) private returns (bool) {
        if (isCancelled[digest]) return false;

        isCancelled[digest] = true;

        emit OrderCancelled(digest, trader);
        return true;
    }
}
