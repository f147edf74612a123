// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IProgrammeTreasury} from "../../contracts/interfaces/IProgrammeTreasury.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

contract TreasuryCollectTest is ProceedsFixture {
    function test_Collect_UnknownTrade() public {
        _expect(_foreign("no such trade", address(0)), "no such trade");
    }

    function test_Collect_OfAForeignTrade() public {
        _trade(10, 5_000);
        _resell("resale", 10, 6_000);
        _expect(_foreign("resale", buyer), "resale");
    }

    function test_Collect_WhilePaused() public {
        bytes32 tradeId = _trade(10, 5_000);
        _pause(address(treasury));
        _expect(_paused(), tradeId);
    }

    /// @dev Nothing is half done: what the distributor or the cash refuses is collected later.
    function test_Collect_WhileTheDistributorOrTheCashIsPaused() public {
        bytes32 tradeId = _trade(10, 5_000);
        _pause(address(distributor));
        _expect(_paused(), tradeId);
        _unpause(address(distributor));
        _pause(address(cash));
        _expect(_paused(), tradeId);
        _unpause(address(cash));
        vm.assertFalse(treasury.collectedOf(tradeId), "collected");
        treasury.collect(tradeId);
        vm.assertEq(distributor.fundedFen(), 50_000, "funded");
    }

    function testFuzz_Collect_AgainIsNoOp(address caller) public {
        vm.assume(caller != address(0));
        bytes32 tradeId = _trade(10, 5_000);
        vm.startPrank(caller); // anyone may
        vm.assertTrue(treasury.collect(tradeId), "collected");
        vm.recordLogs();
        vm.assertFalse(treasury.collect(tradeId), "collected again");
        _assertSilent();
        vm.assertTrue(treasury.collectedOf(tradeId), "state");
        vm.assertEq(distributor.fundedFen(), 50_000, "funded once");
    }

    /// @dev The fee is rounded down, and whatever it does not take is the people's.
    function testFuzz_Collect_Splits(uint16 feeBps, uint64 tonnes, uint64 price) public {
        feeBps = uint16(_bound(feeBps, 0, 10_000));
        (tonnes, price) = (uint64(_bound(tonnes, 1, SUPPLY)), uint64(_bound(price, 1, type(uint64).max)));
        _addRule(_rule(_now() + RULE_NOTICE, feeBps, 1, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE);
        bytes32 tradeId = _trade(tonnes, price);

        uint128 gross = uint128(tonnes) * price;
        uint128 fee = (gross * feeBps) / 10_000;
        vm.assertEq(cash.balanceOf(address(treasury)), gross, "gross");
        vm.expectEmit(address(treasury));
        emit IProgrammeTreasury.ProceedsCollected(tradeId, ISSUANCE, gross, fee, gross - fee);
        treasury.collect(tradeId);
        _assertSplit(fee, gross - fee);
    }

    function test_Collect_RoundsInFavourOfThePeople() public {
        _addRule(_rule(_now() + RULE_NOTICE, 9_999, 1, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE);
        treasury.collect(_trade(1, 1)); // 0.9999 fen of fee
        _assertSplit(0, 1);
        treasury.collect(_trade(1, 10_001)); // 9,999.9999 fen of it
        _assertSplit(9_999, 3);
    }

    function test_Collect_WithoutFeeOrWithoutRest() public {
        bytes32 tradeId = _trade(3, 333);
        vm.recordLogs();
        treasury.collect(tradeId);
        vm.assertEq(vm.getRecordedLogs().length, 3, "collected, transferred and funded, and no fee of nothing");
        _assertSplit(0, 999);

        _addRule(_rule(_now() + RULE_NOTICE, 10_000, 1, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE);
        tradeId = _trade(3, 333);
        vm.recordLogs();
        treasury.collect(tradeId);
        vm.assertEq(vm.getRecordedLogs().length, 2, "collected and transferred");
        _assertSplit(999, 999); // nothing is added to what is funded
    }

    /// @dev What the distributor could not count is not taken from the treasury.
    function test_Collect_MoreThanCanBeCounted() public {
        treasury.collect(_trade(1, type(uint128).max));
        bytes32 tradeId = _trade(1, 1);
        _expect(abi.encodeWithSignature("Panic(uint256)", 0x11), tradeId);
        _assertHeld(1, type(uint128).max);
    }

    function test_Collect_TheLargestAmount() public {
        _addRule(_rule(_now() + RULE_NOTICE, 3_333, 1, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE);
        uint128 gross = type(uint128).max;
        treasury.collect(_trade(1, gross));
        uint128 fee = uint128((uint256(gross) * 3_333) / 10_000);
        _assertSplit(fee, gross - fee);
    }

    // Which rule

    /// @dev The rule is that of the trade's second, however late its proceeds are collected.
    function test_Collect_ByTheRuleOfTheTrade() public {
        uint64 from = _now() + RULE_NOTICE;
        _addRule(_rule(from, 1_000, 1, OPERATOR));
        _addRule(_rule(from + 1, 2_000, 1, ALICE));
        vm.warp(from - 1);
        bytes32 before = _trade(1, 10_000);
        vm.warp(from);
        bytes32 atItsFirstSecond = _trade(1, 10_000);
        vm.warp(from + 1);
        bytes32 afterwards = _trade(1, 10_000);
        vm.warp(from + 365 days);

        treasury.collect(afterwards);
        vm.assertEq(cash.balanceOf(ALICE), 2_000, "fee by the last rule");
        treasury.collect(before);
        vm.assertEq(cash.balanceOf(OPERATOR), 0, "fee by the first rule");
        treasury.collect(atItsFirstSecond);
        _assertSplit(1_000, 8_000 + 10_000 + 9_000);
    }

    /// @dev A rule that is added after a trade cannot be put into force before it.
    function test_Collect_ByNoLaterRule() public {
        bytes32 tradeId = _trade(1, 10_000);
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryRuleTooEarly.selector;
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(selector, _now(), _now() + RULE_NOTICE));
        treasury.addRule(_rule(_now(), 10_000, 1, OPERATOR));
        treasury.collect(tradeId);
        _assertSplit(0, 10_000);
    }

    // Helpers

    /// @dev The buyer sells on to another trader what it bought from the treasury.
    function _resell(bytes32 tradeId, uint64 tonnes, uint128 price) private {
        uint256 key = 0x5EC0;
        _admit(vm.addr(key), "another buyer", IParticipants.Kind.VOLUNTARY);
        _mint(vm.addr(key), tonnes * price);
        vm.prank(buyer);
        settlement.list(ISSUANCE, tonnes, tradeId);
        IExchangeSettlement.Order memory sell = _sellOrder(tradeId, tonnes, price, EXPIRY);
        sell.trader = buyer;
        IExchangeSettlement.Order memory buy = _sellOrder(tradeId, tonnes, price, EXPIRY);
        (buy.trader, buy.side) = (vm.addr(key), IExchangeSettlement.Side.BUY);
        bytes[2] memory signatures = [_signOrder(BUYER_KEY, sell), _signOrder(key, buy)];
        vm.prank(EXCHANGE);
        IExchangeSettlement.Execution memory execution = IExchangeSettlement.Execution(tradeId, tonnes, price);
        settlement.settle(execution, sell, signatures[0], buy, signatures[1]);
    }

    function _assertSplit(uint256 fee, uint256 people) private view {
        vm.assertEq(cash.balanceOf(OPERATOR), fee, "fee");
        _assertHeld(0, people);
    }

    function _assertHeld(uint256 waiting, uint256 people) private view {
        vm.assertEq(cash.balanceOf(address(treasury)), waiting, "not collected");
        vm.assertEq(cash.balanceOf(address(distributor)), people, "people's share");
        vm.assertEq(distributor.fundedOf(ISSUANCE), people, "funded");
        vm.assertEq(distributor.fundedFen(), people, "funded in all");
    }

    function _foreign(bytes32 tradeId, address seller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IProgrammeTreasury.ProgrammeTreasuryForeignTrade.selector, tradeId, seller);
    }

    function _expect(bytes memory reason, bytes32 tradeId) private {
        vm.expectRevert(reason);
        treasury.collect(tradeId);
    }
}
