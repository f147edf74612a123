// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExchangeSettlement} from "../../contracts/ExchangeSettlement.sol";
import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {ISettlementCash} from "../../contracts/interfaces/ISettlementCash.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev Trades that both have signed and that do not settle all the same.
contract SettleRefusedTest is TradeFixture {
    uint64 private constant TONNES = 100;
    uint64 private constant LISTED = 500;

    function setUp() public override {
        super.setUp();
        _listUnits(LISTED);
    }

    // The trade and its two orders

    function test_Settle_Incomplete() public {
        bytes memory reason = _bareError(IExchangeSettlement.ExchangeSettlementMissingReference.selector);
        _expect(reason, _execution(bytes32(0), TONNES, PRICE));
        reason = _bareError(IExchangeSettlement.ExchangeSettlementZeroAmount.selector);
        _expect(reason, _execution(TRADE, 0, PRICE));
        _expectRefused(reason, _execution(TRADE, TONNES, 0), _sell(TONNES, 0), _buy(TONNES, PRICE));
    }

    function test_Settle_WrongSide() public {
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        sell.side = IExchangeSettlement.Side.BUY;
        bytes4 selector = IExchangeSettlement.ExchangeSettlementWrongSide.selector;
        _expectRefused(abi.encodeWithSelector(selector, _orderDigest(sell)), _whole(), sell, buy);
        sell.side = IExchangeSettlement.Side.SELL;
        buy.side = IExchangeSettlement.Side.SELL;
        _expectRefused(abi.encodeWithSelector(selector, _orderDigest(buy)), _whole(), sell, buy);
    }

    function test_Settle_OfTwoIssuances() public {
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        buy.issuance = ISSUANCE + 1;
        bytes4 selector = IExchangeSettlement.ExchangeSettlementIssuanceMismatch.selector;
        bytes memory reason = abi.encodeWithSelector(selector, ISSUANCE, ISSUANCE + 1);
        _expectRefused(reason, _whole(), _sell(TONNES, PRICE), buy);
    }

    function testFuzz_Settle_BelowTheSellersLimit(uint128 limit, uint128 price) public {
        limit = uint128(_bound(limit, 2, type(uint128).max));
        price = uint128(_bound(price, 1, limit - 1));
        IExchangeSettlement.Order memory sell = _sell(TONNES, limit);
        bytes memory reason = _beyond(sell, price);
        _expectRefused(reason, _execution(TRADE, TONNES, price), sell, _buy(TONNES, type(uint128).max));
    }

    function testFuzz_Settle_AboveTheBuyersLimit(uint128 limit, uint128 price) public {
        limit = uint128(_bound(limit, 0, type(uint128).max - 1));
        price = uint128(_bound(price, uint256(limit) + 1, type(uint128).max));
        IExchangeSettlement.Order memory buy = _buy(TONNES, limit);
        _expectRefused(_beyond(buy, price), _execution(TRADE, TONNES, price), _sell(TONNES, 0), buy);
    }

    function test_Settle_OneFenBeyondEitherLimit() public {
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        _expectRefused(_beyond(sell, PRICE - 1), _execution(TRADE, TONNES, PRICE - 1), sell, buy);
        _expectRefused(_beyond(buy, PRICE + 1), _execution(TRADE, TONNES, PRICE + 1), sell, buy);
    }

    function testFuzz_Settle_MoreThanOrdered(uint64 ordered, uint64 tonnes, bool sale) public {
        ordered = uint64(_bound(ordered, 0, type(uint64).max - 1));
        tonnes = uint64(_bound(tonnes, ordered + 1, type(uint64).max));
        IExchangeSettlement.Order memory sell = _sell(sale ? ordered : type(uint64).max, PRICE);
        IExchangeSettlement.Order memory buy = _buy(sale ? type(uint64).max : ordered, PRICE);
        bytes memory reason = _overfilled(sale ? sell : buy, ordered, tonnes);
        _expectRefused(reason, _execution(TRADE, tonnes, PRICE), sell, buy);
    }

    function testFuzz_Settle_Expired(uint32 late) public {
        uint64 instant = uint64(expiry + 1 + late);
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        vm.warp(instant);
        buy.expiry = instant;
        _expectRefused(_expired(sell), _whole(), sell, buy);
        (sell.expiry, buy.expiry) = (instant, expiry);
        _expectRefused(_expired(buy), _whole(), sell, buy);
    }

    // The traders

    function test_Settle_WithItself() public {
        _mint(seller, FUNDS);
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        buy.trader = seller;
        bytes[2] memory signatures = [_signOrder(SELLER_KEY, sell), _signOrder(SELLER_KEY, buy)];
        vm.expectRevert(_selfTrade(seller));
        _settleSigned(_whole(), sell, signatures[0], buy, signatures[1]);
    }

    function test_Settle_WithinOneEntity() public {
        uint256 key = 0x5E2;
        address second = vm.addr(key);
        _admit(second, SELLER_ENTITY, IParticipants.Kind.COMPLIANCE);
        _mint(second, FUNDS);
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        buy.trader = second;
        bytes[2] memory signatures = [_signOrder(SELLER_KEY, sell), _signOrder(key, buy)];
        vm.expectRevert(_selfTrade(second));
        _settleSigned(_whole(), sell, signatures[0], buy, signatures[1]);
    }

    function test_Settle_SuspendedTrader() public {
        _suspendParticipant(seller);
        _expect(_inactive(seller, IParticipants.Status.SUSPENDED), _whole());
        _afterDelay(address(participants), abi.encodeCall(participants.reinstate, (seller)));
        expiry = uint64(block.timestamp);
        _suspendParticipant(buyer);
        _expect(_inactive(buyer, IParticipants.Status.SUSPENDED), _whole());
    }

    function test_Settle_NoParticipant() public {
        uint256 key = 0x5E2;
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        buy.trader = vm.addr(key);
        bytes[2] memory signatures = [_signOrder(SELLER_KEY, sell), _signOrder(key, buy)];
        vm.expectRevert(_inactive(buy.trader, IParticipants.Status.NONE));
        _settleSigned(_whole(), sell, signatures[0], buy, signatures[1]);
        vm.prank(EXCHANGE);
        participants.register(buy.trader, "third", IParticipants.Kind.VOLUNTARY, "identity file");
        vm.expectRevert(_inactive(buy.trader, IParticipants.Status.PENDING));
        _settleSigned(_whole(), sell, signatures[0], buy, signatures[1]);
    }

    /// @dev An invalid signature recovers to zero; zero must not be a trader that signed.
    function test_Settle_ZeroAddressAsTrader() public {
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        sell.trader = address(0);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        bytes memory signature = _signOrder(BUYER_KEY, buy);
        vm.expectRevert(_inactive(address(0), IParticipants.Status.NONE));
        _settleSigned(_whole(), sell, new bytes(65), buy, signature);
    }

    // The tonnes

    function test_Settle_MoreThanIsListed() public {
        bytes memory reason = _notListed(seller, LISTED + 1, LISTED);
        IExchangeSettlement.Execution memory execution = _execution(TRADE, LISTED + 1, PRICE);
        _expectRefused(reason, execution, _sell(SUPPLY, PRICE), _buy(SUPPLY, PRICE));
        _settle(_execution(TRADE, LISTED, PRICE), _sell(SUPPLY, PRICE), _buy(SUPPLY, PRICE));
        reason = _notListed(seller, 1, 0);
        _expectRefused(reason, _execution("trade 2", 1, PRICE), _sell(SUPPLY, PRICE), _buy(SUPPLY, PRICE));
        _assertStand(LISTED, 0, LISTED * PRICE);
    }

    function test_Settle_UnlistedMeanwhile() public {
        vm.prank(seller);
        settlement.unlist(ISSUANCE, LISTED - TONNES + 1, "unlisting 1");
        _expect(_notListed(seller, TONNES, TONNES - 1), _whole());
    }

    /// @dev What is frozen must stay, listed or not.
    function test_Settle_Frozen() public {
        _freeze(seller, SUPPLY - TONNES + 1);
        _expect(_notTransferable(seller, TONNES, TONNES - 1), _whole());
        _freeze(seller, type(uint64).max);
        _expect(_notTransferable(seller, TONNES, 0), _whole());
        _freeze(seller, SUPPLY - TONNES);
        _freeze(buyer, SUPPLY); // binds what the buyer receives, not the receiving
        vm.assertTrue(_settle(_whole(), _sell(TONNES, PRICE), _buy(TONNES, PRICE)), "settled");
        vm.assertEq(reductions.transferableOf(buyer, ISSUANCE), 0, "the buyer's");
    }

    function test_Settle_SuspendedOrCancelledIssuance() public {
        _suspendIssuance();
        _expect(_notActive(ICertifiedReductions.IssuanceStatus.SUSPENDED), _whole());
        _afterDelay(address(reductions), abi.encodeCall(reductions.cancel, (ISSUANCE, REASON)));
        expiry = uint64(block.timestamp);
        _expect(_notActive(ICertifiedReductions.IssuanceStatus.CANCELLED), _whole());
    }

    function test_Settle_NoIssuance() public {
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        (sell.issuance, buy.issuance) = (ISSUANCE + 1, ISSUANCE + 1);
        bytes4 selector = ICertifiedReductions.CertifiedReductionsUnexpectedStatus.selector;
        ICertifiedReductions.IssuanceStatus none = ICertifiedReductions.IssuanceStatus.NONE;
        _expectRefused(abi.encodeWithSelector(selector, ISSUANCE + 1, none), _whole(), sell, buy);
    }

    // The cash

    function test_Settle_OneFenShort() public {
        vm.prank(buyer);
        cash.burn(FUNDS - TONNES * PRICE + 1, "payout 1");
        uint256 amount = TONNES * PRICE;
        _expect(_insufficientCash(buyer, amount - 1, amount), _whole());
        vm.assertEq(reductions.balanceOf(buyer, ISSUANCE), 0, "no tonnes without cash");
        _mint(buyer, 1);
        _settle(_whole(), _sell(TONNES, PRICE), _buy(TONNES, PRICE));
        vm.assertEq(cash.balanceOf(buyer), 0, "to the last fen");
    }

    /// @dev The product of the largest tonnage there is and the largest price does not wrap around.
    function test_Settle_AtThePriceNobodyHas() public {
        IExchangeSettlement.Execution memory execution = _execution(TRADE, LISTED, type(uint128).max);
        bytes memory reason = _insufficientCash(buyer, FUNDS, uint256(LISTED) * type(uint128).max);
        _expectRefused(reason, execution, _sell(LISTED, PRICE), _buy(LISTED, type(uint128).max));
    }

    // Pausing

    /// @dev Each of the three alone stops a trade, and nothing is half done.
    function test_Settle_WhilePaused() public {
        address[3] memory targets = [address(settlement), address(reductions), address(cash)];
        for (uint256 i = 0; i < targets.length; ++i) {
            _pause(targets[i]);
            _expect(_paused(), _whole());
            _assertStand(0, LISTED, 0);
            _afterDelay(targets[i], abi.encodeWithSelector(settlement.unpause.selector));
            expiry = uint64(block.timestamp);
        }
        vm.assertTrue(_settle(_whole(), _sell(TONNES, PRICE), _buy(TONNES, PRICE)), "settled");
    }

    // Deployment

    function test_Deploy_WithoutItsContracts() public {
        bytes4 selector = IExchangeSettlement.ExchangeSettlementInvalidContract.selector;
        bytes memory reason = abi.encodeWithSelector(selector, STRANGER);
        vm.expectRevert(reason);
        new ExchangeSettlement(address(manager), ICertifiedReductions(STRANGER), cash, participants);
        vm.expectRevert(reason);
        new ExchangeSettlement(address(manager), reductions, ISettlementCash(STRANGER), participants);
        vm.expectRevert(reason);
        new ExchangeSettlement(address(manager), reductions, cash, IParticipants(STRANGER));
    }

    function _whole() private pure returns (IExchangeSettlement.Execution memory) {
        return _execution(TRADE, TONNES, PRICE);
    }

    /// @dev Refuses `execution` of two orders that would fit it.
    function _expect(bytes memory reason, IExchangeSettlement.Execution memory execution) private {
        _expectRefused(reason, execution, _sell(TONNES, PRICE), _buy(TONNES, PRICE));
    }

    function _beyond(IExchangeSettlement.Order memory order, uint128 price) private view returns (bytes memory) {
        bytes4 selector = IExchangeSettlement.ExchangeSettlementLimitExceeded.selector;
        return abi.encodeWithSelector(selector, _orderDigest(order), order.limitFen, price);
    }

    function _expired(IExchangeSettlement.Order memory order) private view returns (bytes memory) {
        bytes4 selector = IExchangeSettlement.ExchangeSettlementExpired.selector;
        return abi.encodeWithSelector(selector, _orderDigest(order), order.expiry);
    }

    function _selfTrade(address with) private view returns (bytes memory) {
        return abi.encodeWithSelector(IExchangeSettlement.ExchangeSettlementSelfTrade.selector, seller, with);
    }
}
