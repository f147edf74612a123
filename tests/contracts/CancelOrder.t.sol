// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExchangeSettlement} from "../../contracts/ExchangeSettlement.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev A cancelled order is never filled again, whoever brought the cancellation.
contract CancelOrderTest is TradeFixture {
    uint64 private constant TONNES = 100;

    IExchangeSettlement.Order private sell;
    IExchangeSettlement.Order private buy;
    bytes32 private order; // the key of the buyer's
    uint256 private deadline;

    function setUp() public override {
        super.setUp();
        _listUnits(TONNES);
        (sell, buy) = (_sell(TONNES, PRICE), _buy(TONNES, PRICE));
        order = _orderDigest(buy);
        deadline = block.timestamp + 1 hours;
    }

    // By the trader

    function test_CancelOrder_StopsEveryTrade() public {
        vm.expectEmit(address(settlement));
        emit IExchangeSettlement.OrderCancelled(order, buyer);
        vm.assertTrue(_cancel(), "cancelled");
        vm.assertTrue(settlement.isCancelled(order), "state");
        vm.assertFalse(settlement.isCancelled(_orderDigest(sell)), "the other's");
        _expectRefused(_cancelled(buy), _execution(TRADE, TONNES, PRICE), sell, buy);
        buy.salt = "buy 2"; // the trader may order anew
        vm.assertTrue(_settle(_execution(TRADE, TONNES, PRICE), sell, buy), "another order");
    }

    function test_CancelOrder_OfTheSeller() public {
        vm.prank(seller);
        settlement.cancelOrder(sell);
        _expectRefused(_cancelled(sell), _execution(TRADE, TONNES, PRICE), sell, buy);
        vm.assertEq(reductions.listedOf(seller, ISSUANCE), TONNES, "what is listed stays so");
    }

    /// @dev What was traded before stands; the rest is not traded.
    function test_CancelOrder_PartlyFilled() public {
        _settle(_execution("trade 1", 40, PRICE), sell, buy);
        _cancel();
        _expectRefused(_cancelled(buy), _execution("trade 2", 1, PRICE), sell, buy);
        _assertStand(40, 60, 40 * PRICE);
        vm.assertEq(settlement.filledOf(order), 40, "filled");
    }

    function test_CancelOrder_AgainIsNoOp() public {
        _cancel();
        vm.recordLogs();
        vm.assertFalse(_cancel(), "cancelled again");
        _assertSilent();
    }

    function testFuzz_CancelOrder_OfAnother(address caller) public {
        vm.assume(caller != buyer);
        bytes4 selector = IExchangeSettlement.ExchangeSettlementNotTrader.selector;
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(selector, buyer, caller));
        settlement.cancelOrder(buy);
        vm.assertFalse(settlement.isCancelled(order), "state");
    }

    /// @dev Nothing keeps a trader from cancelling: not a pause, not its suspension, not the order's age.
    function test_CancelOrder_Always() public {
        _pause(address(settlement));
        _suspendParticipant(buyer);
        vm.warp(uint256(expiry) + 1);
        vm.assertTrue(_cancel(), "cancelled");
        bytes memory signature = _signForSettlement(SELLER_KEY, _cancellationHash(_orderDigest(sell), block.timestamp));
        vm.assertTrue(settlement.cancelOrderFor(sell, block.timestamp, signature), "signed");
    }

    // Signed

    function testFuzz_CancelOrderFor_AnyoneRelays(address relayer, uint32 early) public {
        vm.warp(deadline - (early % 1 hours)); // the last second included
        bytes memory signature = _signed();
        vm.expectEmit(address(settlement));
        emit IExchangeSettlement.OrderCancelled(order, buyer);
        vm.prank(relayer);
        vm.assertTrue(settlement.cancelOrderFor(buy, deadline, signature), "cancelled");
        _expectRefused(_cancelled(buy), _execution(TRADE, TONNES, PRICE), sell, buy);
    }

    /// @dev Replaying a cancellation, in any form of the signature and at any time, changes nothing.
    function testFuzz_CancelOrderFor_AgainIsNoOp(bytes calldata other, uint32 later) public {
        bytes memory signature = _signed();
        settlement.cancelOrderFor(buy, deadline, signature);
        vm.warp(block.timestamp + later);
        vm.recordLogs();
        vm.assertFalse(settlement.cancelOrderFor(buy, deadline, signature), "the same again");
        vm.assertFalse(settlement.cancelOrderFor(buy, deadline, other), "in another form");
        vm.assertFalse(_cancel(), "by the trader");
        _assertSilent();
    }

    function testFuzz_CancelOrderFor_Expired(uint32 late) public {
        bytes memory signature = _signed();
        vm.warp(deadline + 1 + late);
        vm.expectRevert(_expiredIntent(buyer, deadline));
        settlement.cancelOrderFor(buy, deadline, signature);
    }

    function testFuzz_CancelOrderFor_OtherKey(uint256 key) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        vm.assume(key != BUYER_KEY);
        _expectInvalid(_signForSettlement(key, _cancellationHash(order, deadline)));
    }

    function testFuzz_CancelOrderFor_OtherOrderOrDeadline(bytes32 other, uint64 until) public {
        vm.assume(other != order || until != deadline);
        _expectInvalid(_signForSettlement(BUYER_KEY, _cancellationHash(other, until)));
    }

    /// @dev The signature of the order itself does not cancel it, and a cancellation cancels no other order.
    function test_CancelOrderFor_OfAnotherOrder() public {
        _expectInvalid(_signOrder(BUYER_KEY, buy));
        bytes memory signature = _signed();
        buy.salt = "buy 2";
        order = _orderDigest(buy);
        _expectInvalid(signature);
        buy.trader = address(0);
        order = _orderDigest(buy);
        vm.expectRevert(_invalidIntent(address(0), _cancellationHash(order, deadline)));
        settlement.cancelOrderFor(buy, deadline, new bytes(65));
    }

    function testFuzz_CancelOrderFor_OtherChain(uint64 chainId) public {
        vm.assume(chainId != block.chainid);
        _expectInvalid(_signedFor(SETTLEMENT_DOMAIN, chainId, address(settlement)));
    }

    /// @dev The domain follows the chain, and with it the order's key.
    function test_CancelOrderFor_AfterTheChainChangedItsId() public {
        bytes memory signature = _signed();
        vm.chainId(block.chainid + 1);
        order = _orderDigest(buy);
        _expectInvalid(signature);
    }

    function test_CancelOrderFor_OtherContractOrName() public {
        address other = address(new ExchangeSettlement(address(manager), reductions, cash, participants));
        _expectInvalid(_signedFor(SETTLEMENT_DOMAIN, block.chainid, other));
        _expectInvalid(_signedFor(CASH_DOMAIN, block.chainid, address(settlement)));
    }

    function test_CancelOrderFor_OtherFormsOfTheSignature() public {
        bytes[] memory forms = _otherForms(_signed());
        for (uint256 i = 0; i < forms.length; ++i) _expectInvalid(forms[i]);
        vm.assertFalse(settlement.isCancelled(order), "state");
    }

    function test_CancelOrderFor_ContractWallet() public {
        buy.trader = address(new ContractWallet(buyer));
        order = _orderDigest(buy);
        bytes32 structHash = _cancellationHash(order, deadline);
        bytes memory stranger = _signForSettlement(SELLER_KEY, structHash);
        vm.expectRevert(_invalidIntent(buy.trader, structHash));
        settlement.cancelOrderFor(buy, deadline, stranger);
        vm.assertTrue(settlement.cancelOrderFor(buy, deadline, _signed()), "cancelled");
        vm.assertTrue(settlement.isCancelled(order), "state");
    }

    function _cancel() private returns (bool) {
        vm.prank(buyer);
        return settlement.cancelOrder(buy);
    }

    function _signed() private view returns (bytes memory) {
        return _signForSettlement(BUYER_KEY, _cancellationHash(order, deadline));
    }

    function _signedFor(string memory name, uint256 chainId, address target) private view returns (bytes memory) {
        return _signDigest(BUYER_KEY, _typedDigest(name, chainId, target, _cancellationHash(order, deadline)));
    }

    function _expectInvalid(bytes memory signature) private {
        vm.expectRevert(_invalidIntent(buyer, _cancellationHash(order, deadline)));
        settlement.cancelOrderFor(buy, deadline, signature);
    }

    function _cancelled(IExchangeSettlement.Order memory cancelled) private view returns (bytes memory) {
        bytes4 selector = IExchangeSettlement.ExchangeSettlementCancelled.selector;
        return abi.encodeWithSelector(selector, _orderDigest(cancelled));
    }
}
