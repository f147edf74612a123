// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {IEpochs} from "../../contracts/interfaces/IEpochs.sol";
import {Fixture} from "./Fixture.sol";

/// @dev What ever entered the market pool of a class: converted by active epochs, or redeemed for the market.
contract PoolTest is Fixture {
    uint128 private constant EARNED = 1_000_000;
    uint128 private constant CONVERTED = 400_000;
    uint64 private constant OTHER = CLASS - 1; // the vintage before
    bytes32 private constant REASON = "wrong tree";

    function testFuzz_MarketMg_OfNothing(uint64 classId) public view {
        vm.assertEq(points.marketMg(classId), 0, "pool");
    }

    function testFuzz_MarketMg_ConversionCountsOnceActive(uint32 early, uint32 late) public {
        _convert(1, CONVERTED);
        uint256 activeAt = points.epochOf(1).activeAt;
        vm.assertEq(points.marketMg(CLASS), 0, "published");
        _attestEpoch(1);
        vm.assertEq(points.marketMg(CLASS), 0, "attested");
        vm.warp(activeAt - _bound(early, 1, ACTIVATION_DELAY));
        vm.assertEq(points.marketMg(CLASS), 0, "too early");
        vm.warp(activeAt + late);
        vm.assertEq(points.marketMg(CLASS), CONVERTED, "active");
        vm.assertEq(points.marketMg(OTHER), 0, "of another class");
    }

    function testFuzz_MarketMg_TimeAloneCountsNothing(uint32 late) public {
        _convert(1, CONVERTED);
        vm.warp(uint256(points.epochOf(1).activeAt) + late);
        vm.assertEq(points.marketMg(CLASS), 0, "not attested");
        _attestEpoch(1);
        vm.assertEq(points.marketMg(CLASS), CONVERTED, "attested late");
    }

    function testFuzz_MarketMg_CancelledEpochCountsNothing(uint128 first, uint128 second, bool attested) public {
        first = uint128(_bound(first, 1, EARNED));
        second = uint128(_bound(second, 1, EARNED));
        bytes32[] memory batchIds = _convert(1, first);
        if (attested) _attestEpoch(1);
        _cancel(1, batchIds, first);
        vm.warp(block.timestamp + ACTIVATION_DELAY);
        vm.assertEq(points.marketMg(CLASS), 0, "cancelled");

        _publish(1, _list(_leaf(ALICE, CLASS, EARNED, second)), batchIds, _conversion(CLASS, second));
        vm.assertEq(points.marketMg(CLASS), 0, "published again");
        _activate(1);
        vm.assertEq(points.marketMg(CLASS), second, "what was published last");
    }

    /// @dev Whatever the next epoch does, the pool keeps what the active ones brought.
    function testFuzz_MarketMg_PendingEpochOverAnActiveOne(uint128 first, uint128 second, bool cancelled) public {
        first = uint128(_bound(first, 1, EARNED));
        second = uint128(_bound(second, 1, EARNED));
        _convert(1, first);
        _activate(1);
        bytes32[] memory batchIds = _convert(2, second);
        vm.assertEq(points.marketMg(CLASS), first, "pending");
        if (cancelled) _cancel(2, batchIds, second);
        else _activate(2);
        vm.assertEq(points.marketMg(CLASS), cancelled ? first : first + second, "decided");
        vm.assertEq(points.classTotals(CLASS).converted, cancelled ? first : first + second, "as the totals say");
    }

    function test_MarketMg_PendingEpochThatConvertsAnotherClass() public {
        _convert(1, CONVERTED);
        _activate(1);
        bytes32[] memory batchIds = _list(_attestedBatch(20251231, EARNED));
        _publish(2, _list(_leaf(ALICE, OTHER, EARNED, EARNED)), batchIds, _conversion(OTHER, EARNED));
        vm.assertEq(points.marketMg(CLASS), CONVERTED, "the class before");
        vm.assertEq(points.marketMg(OTHER), 0, "the pending one");
        _activate(2);
        vm.assertEq(points.marketMg(CLASS), CONVERTED, "the class before");
        vm.assertEq(points.marketMg(OTHER), EARNED, "the other");
    }

    /// @dev A pending epoch that adds to what a class earned and converts nothing of it changes nothing.
    function test_MarketMg_PendingEpochThatConvertsNothing() public {
        _convert(1, CONVERTED);
        _activate(1);
        _publish(2, _list(_leaf(ALICE, CLASS, 2 * EARNED, CONVERTED)), _attestedBatch(EARNED));
        vm.assertEq(points.marketMg(CLASS), CONVERTED, "pending");
        _activate(2);
        vm.assertEq(points.marketMg(CLASS), CONVERTED, "active");
    }

    function testFuzz_MarketMg_RedemptionForTheMarketCountsAtOnce(uint128 mg) public {
        mg = uint128(_bound(mg, 1, EARNED));
        _fund(ALICE, EARNED);
        _redeem(mg, ICarbonPoints.Channel.MARKET, "order 1");
        vm.assertEq(points.marketMg(CLASS), mg, "redeemed");
        vm.assertEq(points.marketMg(OTHER), 0, "of another class");
    }

    function test_MarketMg_OtherChannelsCountNothing() public {
        _fund(ALICE, EARNED);
        _redeem(1, ICarbonPoints.Channel.COMMERCE, "order 1");
        _redeem(2, ICarbonPoints.Channel.WELFARE, "order 2");
        _redeem(4, ICarbonPoints.Channel.POLICY, "order 3");
        vm.assertEq(points.marketMg(CLASS), 0, "pool");
    }

    function testFuzz_MarketMg_SumOfBoth(uint128 converted, uint128 redeemed, bool active) public {
        converted = uint128(_bound(converted, 1, EARNED - 1));
        redeemed = uint128(_bound(redeemed, 1, EARNED - converted));
        _fund(ALICE, EARNED);
        _convert(2, converted);
        if (active) _activate(2);
        _redeem(redeemed, ICarbonPoints.Channel.MARKET, "order 1");
        vm.assertEq(points.marketMg(CLASS), active ? converted + redeemed : redeemed, "pool");
    }

    /// @dev All a class earned can be in the pool, and what expires afterwards takes nothing from it.
    function test_MarketMg_OfAnExpiredClass() public {
        bytes32 leaf = _leaf(ALICE, CLASS, EARNED, CONVERTED);
        _publish(1, _list(leaf), _list(_attestedBatch(EARNED)), _conversion(CLASS, CONVERTED));
        _activate(1);
        points.claim(ALICE, CLASS, EARNED, CONVERTED, 0, new bytes32[](0));
        _redeem(100_000, ICarbonPoints.Channel.MARKET, "order 1");
        vm.warp(points.expiresAt(CLASS));
        points.expire(ALICE, CLASS);
        vm.assertEq(points.classTotals(CLASS).expired, 500_000, "expired");
        vm.assertEq(points.marketMg(CLASS), 500_000, "pool");
    }

    /// @dev In any order of epochs, cancellations and redemptions the pool never falls and is never above what the
    /// class has earned by active epochs.
    function testFuzz_MarketMg_NeverFalls(uint256 seed) public {
        uint128 highest;
        uint32 number = 1;
        _fund(ALICE, DAILY_CAP / 2); // epoch 1
        for (uint256 i = 0; i < 8; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint128 mg = uint128(_bound(seed >> 8, 1, EARNED));
            if (seed % 3 == 0) {
                _redeem(mg, ICarbonPoints.Channel.MARKET, bytes32(i + 1));
            } else {
                bytes32[] memory batchIds = _convert(number + 1, mg);
                highest = _assertNotBelow(highest);
                if (seed % 3 == 1) _cancel(number + 1, batchIds, mg);
                else _activate(++number);
            }
            highest = _assertNotBelow(highest);
        }
        ICarbonPoints.ClassTotals memory totals = points.classTotals(CLASS);
        vm.assertEq(highest, totals.redeemed + totals.converted, "nothing is pending: the totals");
    }

    function _assertNotBelow(uint128 before) private view returns (uint128 pool) {
        pool = points.marketMg(CLASS);
        vm.assertLe(before, pool, "fell");
        vm.assertLe(pool, points.classTotals(CLASS).earned, "above what was earned");
    }

    /// @dev Publishes an epoch that earns `EARNED` and converts `mg`.
    function _convert(uint32 number, uint128 mg) private returns (bytes32[] memory batchIds) {
        batchIds = _list(_attestedBatch(EARNED));
        _publish(number, _list(_leaf(ALICE, CLASS, EARNED, mg)), batchIds, _conversion(CLASS, mg));
    }

    function _cancel(uint32 number, bytes32[] memory batchIds, uint128 mg) private {
        IEpochs.Conversion[] memory conversions = _conversion(CLASS, mg);
        vm.prank(GUARDIAN);
        vm.assertTrue(points.cancelEpoch(number, batchIds, conversions, REASON), "cancelled");
    }

    function _redeem(uint128 mg, ICarbonPoints.Channel channel, bytes32 ref) private {
        vm.prank(ALICE);
        points.redeem(CLASS, mg, channel, ref);
    }
}
