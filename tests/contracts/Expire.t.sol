// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Classes} from "../../contracts/Classes.sol";
import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {Fixture} from "./Fixture.sol";

contract ExpireTest is Fixture {
    uint128 private constant HELD = 1_000_000;

    uint256 private expiry;

    function setUp() public override {
        super.setUp();
        _fund(ALICE, HELD);
        expiry = points.expiresAt(CLASS);
    }

    function testFuzz_Expire_TooEarly(uint256 timestamp) public {
        vm.warp(_bound(timestamp, block.timestamp, expiry - 1));
        vm.expectRevert(abi.encodeWithSelector(ICarbonPoints.CarbonPointsNotExpired.selector, CLASS, expiry));
        points.expire(ALICE, CLASS);
    }

    function testFuzz_Expire_ClassWithoutAVintage(uint64 classId) public {
        vm.assume(uint16(classId) < 2000 || uint16(classId) > 2999);
        vm.expectRevert(
            abi.encodeWithSelector(Classes.ClassesInvalidVintage.selector, classId, uint16(classId))
        );
        points.expire(ALICE, classId);
    }

    function test_Expire_AgainIsNoOp() public {
        vm.warp(expiry);
        points.expire(ALICE, CLASS);
        vm.recordLogs();
        vm.assertFalse(points.expire(ALICE, CLASS), "expired again");
        vm.assertFalse(points.expire(BOB, CLASS), "nothing was held");
        _assertSilent();
    }

    function testFuzz_Expire_BurnsTheRemainder(uint128 redeemed, address caller, bool paused) public {
        redeemed = uint128(_bound(redeemed, 1, HELD - 1));
        vm.prank(ALICE);
        points.redeem(CLASS, redeemed, ICarbonPoints.Channel.COMMERCE, "order 1");
        if (paused) {
            vm.prank(GUARDIAN);
            points.pause();
        }
        vm.warp(expiry);

        vm.expectEmit(address(points));
        emit ICarbonPoints.PointsExpired(ALICE, CLASS, HELD - redeemed);
        vm.prank(caller);
        vm.assertTrue(points.expire(ALICE, CLASS), "expired");

        vm.assertEq(points.balanceOf(ALICE, CLASS), 0, "balance");
        vm.assertEq(points.totalSupply(CLASS), 0, "supply");
        vm.assertEq(points.classTotals(CLASS).expired, HELD - redeemed, "expired");
    }
}
