// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {Classes} from "../../contracts/Classes.sol";
import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {Fixture} from "./Fixture.sol";

contract RedeemTest is Fixture {
    uint128 private constant HELD = 1_000_000;
    bytes32 private constant REF = "order 1";

    function setUp() public override {
        super.setUp();
        _fund(ALICE, HELD);
    }

    function test_Redeem_ZeroAmount() public {
        _expect(abi.encodeWithSelector(ICarbonPoints.CarbonPointsZeroAmount.selector, ALICE, REF), CLASS, 0, REF);
    }

    function test_Redeem_WithoutAReference() public {
        _expect(abi.encodeWithSelector(ICarbonPoints.CarbonPointsMissingReference.selector, ALICE), CLASS, 1, 0);
    }

    function testFuzz_Redeem_MoreThanHeld(uint128 mg) public {
        vm.assume(mg > HELD);
        _expect(
            abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, ALICE, HELD, mg, CLASS),
            CLASS,
            mg,
            REF
        );
    }

    function testFuzz_Redeem_AnotherClass(uint32 methodology) public {
        vm.assume(methodology != METHODOLOGY);
        uint64 other = (uint64(methodology) << 16) | 2026;
        _expect(
            abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, ALICE, 0, 1, other),
            other,
            1,
            REF
        );
    }

    function testFuzz_Redeem_SomeoneElsesPoints(address other) public {
        vm.assume(other != ALICE && other != address(0));
        vm.prank(other);
        vm.expectRevert(
            abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, other, 0, 1, CLASS)
        );
        points.redeem(CLASS, 1, ICarbonPoints.Channel.COMMERCE, REF);
    }

    function test_Redeem_ExpiredClass() public {
        uint256 expiry = points.expiresAt(CLASS);
        vm.warp(expiry);
        _expect(abi.encodeWithSelector(Classes.ClassesExpired.selector, CLASS, expiry), CLASS, 1, REF);
        vm.warp(expiry - 1);
        vm.prank(ALICE);
        points.redeem(CLASS, 1, ICarbonPoints.Channel.COMMERCE, REF);
    }

    function test_Redeem_UnknownChannel() public {
        bytes memory data = abi.encodeWithSelector(points.redeem.selector, CLASS, 1, 4, REF);
        vm.prank(ALICE);
        (bool done, ) = address(points).call(data);
        vm.assertFalse(done, "redeemed");
    }

    function test_Redeem_WhilePaused() public {
        vm.prank(GUARDIAN);
        points.pause();
        _expect(_paused(), CLASS, 1, REF);
    }

    function testFuzz_Redeem_UsedReference(uint64 classId, uint128 mg, uint8 channel) public {
        vm.assume(classId != CLASS || mg != 1_000 || channel % 4 != 0);
        vm.startPrank(ALICE);
        points.redeem(CLASS, 1_000, ICarbonPoints.Channel.COMMERCE, REF);
        vm.expectRevert(abi.encodeWithSelector(ICarbonPoints.CarbonPointsReferenceUsed.selector, ALICE, REF));
        points.redeem(classId, mg, ICarbonPoints.Channel(channel % 4), REF);
    }

    function test_Redeem_AgainIsNoOp() public {
        vm.startPrank(ALICE);
        points.redeem(CLASS, 1_000, ICarbonPoints.Channel.COMMERCE, REF);
        vm.recordLogs();
        vm.assertFalse(points.redeem(CLASS, 1_000, ICarbonPoints.Channel.COMMERCE, REF), "redeemed again");
        _assertSilent();
        vm.assertEq(points.balanceOf(ALICE, CLASS), HELD - 1_000, "balance");
    }

    /// @dev References belong to a holder, not to the programme.
    function test_Redeem_SameReferenceOfAnotherHolder() public {
        vm.prank(ALICE);
        points.redeem(CLASS, 1_000, ICarbonPoints.Channel.COMMERCE, REF);
        _publish(2, _list(_leaf(BOB, CLASS, 500, 0)), _attestedBatch(500));
        _activate(2);
        points.claim(BOB, CLASS, 500, 0, 0, new bytes32[](0));
        vm.prank(BOB);
        vm.assertTrue(points.redeem(CLASS, 500, ICarbonPoints.Channel.WELFARE, REF), "redeemed");
    }

    function testFuzz_Redeem_Burns(uint128 mg, uint8 which, bytes32 ref) public {
        vm.assume(ref != 0);
        mg = uint128(_bound(mg, 1, HELD));
        ICarbonPoints.Channel channel = ICarbonPoints.Channel(which % 4);

        vm.expectEmit(address(points));
        emit IERC1155.TransferSingle(ALICE, ALICE, address(0), CLASS, mg);
        vm.expectEmit(address(points));
        emit ICarbonPoints.PointsRedeemed(ALICE, CLASS, channel, mg, ref);
        vm.prank(ALICE);
        vm.assertTrue(points.redeem(CLASS, mg, channel, ref), "redeemed");

        vm.assertEq(points.balanceOf(ALICE, CLASS), HELD - mg, "balance");
        vm.assertEq(points.totalSupply(CLASS), HELD - mg, "supply");
        vm.assertEq(points.classTotals(CLASS).redeemed, mg, "redeemed");
        vm.assertEq(points.redeemedBy(CLASS, channel), mg, "by channel");
        ICarbonPoints.Redemption memory redemption = points.redemptionOf(ALICE, ref);
        vm.assertEq(redemption.classId, CLASS, "recorded class");
        vm.assertEq(redemption.mg, mg, "recorded amount");
        vm.assertEq(uint256(redemption.channel), uint256(channel), "recorded channel");
    }

    /// @dev What was redeemed is not claimed a second time.
    function testFuzz_Redeem_LeavesNothingToClaim(uint128 mg) public {
        mg = uint128(_bound(mg, 1, HELD));
        vm.prank(ALICE);
        points.redeem(CLASS, mg, ICarbonPoints.Channel.POLICY, REF);
        vm.assertEq(points.claim(ALICE, CLASS, HELD, 0, 0, new bytes32[](0)), 0, "minted");
    }

    function _expect(bytes memory reason, uint64 classId, uint128 mg, bytes32 ref) private {
        vm.prank(ALICE);
        vm.expectRevert(reason);
        points.redeem(classId, mg, ICarbonPoints.Channel.COMMERCE, ref);
    }
}
