// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev The frozen part of a balance. SELLER has 300 t, serials 1 to 300.
contract FreezeTest is UnitsFixture {
    function setUp() public override {
        super.setUp();
        _issue(ISSUANCE, 1_234);
        _give(SELLER, ISSUANCE, 300);
    }

    function test_Freeze_ByAnybodyElse() public {
        vm.prank(STRANGER);
        vm.expectRevert(_unauthorized(STRANGER));
        reductions.freeze(SELLER, ISSUANCE, 1, REASON);
        vm.prank(GUARDIAN);
        vm.expectRevert(_unauthorized(GUARDIAN));
        reductions.freeze(SELLER, ISSUANCE, 0, REASON);
    }

    function test_Freeze_WithoutAReason() public {
        vm.startPrank(REGULATOR);
        vm.expectRevert(
            abi.encodeWithSelector(ICertifiedReductions.CertifiedReductionsMissingReason.selector, ISSUANCE)
        );
        reductions.freeze(SELLER, ISSUANCE, 1, 0);
    }

    function test_Freeze_InAnUnknownIssuance() public {
        vm.prank(REGULATOR);
        vm.expectRevert(_unexpected(2, ICertifiedReductions.IssuanceStatus.NONE));
        reductions.freeze(SELLER, 2, 1, REASON);
    }

    function test_Freeze_SetsTheAmount() public {
        vm.startPrank(REGULATOR);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.UnitsFrozen(SELLER, ISSUANCE, 100, REASON);
        vm.assertTrue(reductions.freeze(SELLER, ISSUANCE, 100, REASON), "frozen");
        _assertFrozen(100, 200);
        vm.assertTrue(reductions.freeze(SELLER, ISSUANCE, 250, REASON), "raised");
        _assertFrozen(250, 50);
        vm.assertTrue(reductions.freeze(SELLER, ISSUANCE, 0, "released"), "released");
        _assertFrozen(0, 300);
    }

    function test_Freeze_AgainIsNoOp() public {
        _freeze(SELLER, ISSUANCE, 100);
        vm.recordLogs();
        vm.startPrank(REGULATOR);
        vm.assertFalse(reductions.freeze(SELLER, ISSUANCE, 100, REASON), "again");
        vm.assertFalse(reductions.freeze(SELLER, ISSUANCE, 100, "other reason"), "for another reason");
        vm.assertFalse(reductions.freeze(BUYER, ISSUANCE, 0, REASON), "nothing");
        _assertSilent();
        _assertFrozen(100, 200);
    }

    function test_Freeze_WhilePausedAndSuspended() public {
        _pause(address(reductions));
        _suspend(ISSUANCE);
        _freeze(SELLER, ISSUANCE, 100);
        _assertFrozen(100, 200);
    }

    function test_Frozen_StaysWhereItIs() public {
        _freeze(SELLER, ISSUANCE, 100);
        bytes memory refusal = _notTransferable(SELLER, ISSUANCE, 201, 200);
        vm.prank(SELLER);
        vm.expectRevert(refusal);
        reductions.safeTransferFrom(SELLER, BUYER, ISSUANCE, 201, "");
        vm.prank(SETTLEMENT);
        vm.expectRevert(refusal);
        reductions.list(SELLER, ISSUANCE, 201);
        vm.prank(address(certificates));
        vm.expectRevert(refusal);
        reductions.retire(SELLER, ISSUANCE, 201);
        _transfer(SELLER, BUYER, ISSUANCE, 200);
        _assertFrozen(100, 0);
    }

    /// @dev 300 t, 250 of them listed, 100 frozen: 200 can be settled, then what is left is what is frozen.
    function test_Frozen_LimitsASettlement() public {
        _list(SELLER, ISSUANCE, 250);
        _freeze(SELLER, ISSUANCE, 100);
        vm.assertEq(reductions.transferableOf(SELLER, ISSUANCE), 0, "transferable");
        vm.startPrank(SETTLEMENT);
        vm.expectRevert(_notTransferable(SELLER, ISSUANCE, 201, 200));
        reductions.settle(SELLER, BUYER, ISSUANCE, 201);
        reductions.settle(SELLER, BUYER, ISSUANCE, 200);
        vm.expectRevert(_notTransferable(SELLER, ISSUANCE, 1, 0));
        reductions.settle(SELLER, BUYER, ISSUANCE, 1);
        reductions.unlist(SELLER, ISSUANCE, 50);
        vm.stopPrank();
        _assertFrozen(100, 0);
        vm.assertEq(reductions.balanceOf(SELLER, ISSUANCE), 100, "balance");
    }

    /// @dev More than the balance may be frozen. It binds what comes in.
    function testFuzz_Frozen_BeyondTheBalance(uint64 beyond) public {
        uint64 frozen = uint64(_bound(beyond, 400, ALL));
        _freeze(SELLER, ISSUANCE, frozen);
        _give(SELLER, ISSUANCE, 100);
        _assertFrozen(frozen, 0);
        vm.prank(SELLER);
        vm.expectRevert(_notTransferable(SELLER, ISSUANCE, 1, 0));
        reductions.safeTransferFrom(SELLER, BUYER, ISSUANCE, 1, "");
        _freeze(SELLER, ISSUANCE, 399);
        _assertFrozen(399, 1);
    }

    function testFuzz_Transferable_IsTheRest(uint64 listed, uint64 frozen, uint64 tonnes) public {
        listed = uint64(_bound(listed, 1, 300));
        frozen = uint64(_bound(frozen, 1, 400));
        tonnes = uint64(_bound(tonnes, 1, 300));
        _list(SELLER, ISSUANCE, listed);
        _freeze(SELLER, ISSUANCE, frozen);
        uint256 transferable = listed + frozen > 300 ? 0 : 300 - listed - frozen;
        vm.assertEq(reductions.transferableOf(SELLER, ISSUANCE), transferable, "transferable");
        vm.prank(SELLER);
        if (tonnes > transferable) vm.expectRevert(_notTransferable(SELLER, ISSUANCE, tonnes, transferable));
        reductions.safeTransferFrom(SELLER, BUYER, ISSUANCE, tonnes, "");
    }

    function _assertFrozen(uint256 frozen, uint256 transferable) private view {
        vm.assertEq(reductions.frozenOf(SELLER, ISSUANCE), frozen, "frozen");
        vm.assertEq(reductions.transferableOf(SELLER, ISSUANCE), transferable, "transferable");
    }
}
