// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochs} from "../../contracts/interfaces/IEpochs.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {Fixture} from "./Fixture.sol";

contract CancelEpochTest is Fixture {
    bytes32 private constant REASON = "wrong tree";

    bytes32[] private leaves;
    bytes32[] private batchIds;

    function setUp() public override {
        super.setUp();
        leaves.push(_leaf(ALICE, CLASS, 1_000, 400));
        batchIds.push(_attestedBatch(1_000));
        _publish(1, leaves, batchIds, _conversion(CLASS, 400));
    }

    function testFuzz_CancelEpoch_Unknown(uint32 number) public {
        vm.assume(number != 1);
        _expect(
            abi.encodeWithSelector(IEpochs.EpochsUnknown.selector, number),
            number,
            batchIds,
            _conversion(CLASS, 400),
            REASON
        );
    }

    function test_CancelEpoch_Active() public {
        _activate(1);
        bytes memory active = abi.encodeWithSelector(IEpochs.EpochsActive.selector, 1);
        _expect(active, 1, batchIds, _conversion(CLASS, 400), REASON);

        bytes32[] memory next = _list(_attestedBatch(1_000));
        _publish(2, leaves, next, _noConversions());
        _expect(active, 1, batchIds, _conversion(CLASS, 400), REASON); // nor one that others came after
    }

    function testFuzz_CancelEpoch_OtherLists(bytes32 other, uint128 mg) public {
        vm.assume(other != batchIds[0] && mg != 400);
        IEpochs.Epoch memory epoch = points.epochOf(1);
        bytes32 actual = points.hashEpoch(1, epoch.root, 1, _list(other), _conversion(CLASS, 400));
        _expect(_mismatch(epoch.digest, actual), 1, _list(other), _conversion(CLASS, 400), REASON);
        actual = points.hashEpoch(1, epoch.root, 1, batchIds, _conversion(CLASS, mg));
        _expect(_mismatch(epoch.digest, actual), 1, batchIds, _conversion(CLASS, mg), REASON);
    }

    function test_CancelEpoch_WithoutAReason() public {
        _expect(
            abi.encodeWithSelector(IEpochs.EpochsMissingReason.selector, 1),
            1,
            batchIds,
            _conversion(CLASS, 400),
            0
        );
    }

    function test_CancelEpoch_AgainIsNoOp() public {
        _cancel();
        vm.recordLogs();
        vm.prank(GUARDIAN);
        vm.assertFalse(points.cancelEpoch(1, batchIds, _conversion(CLASS, 400), REASON), "cancelled again");
        _assertSilent();
        _expect(
            abi.encodeWithSelector(IEpochs.EpochsUnknown.selector, 1),
            1,
            batchIds,
            _conversion(CLASS, 400),
            "another reason"
        );
    }

    function testFuzz_CancelEpoch_UndoesEverything(bool attested, bool paused) public {
        if (attested) _attestEpoch(1);
        if (paused) {
            vm.prank(GUARDIAN);
            points.pause();
        }
        bytes32 digest = points.epochOf(1).digest;
        vm.expectEmit(address(points));
        emit IEpochs.EpochCancelled(1, digest, REASON);
        _cancel();

        vm.assertEq(points.classTotals(CLASS).earned, 0, "earned");
        vm.assertEq(points.classTotals(CLASS).converted, 0, "converted");
        vm.assertEq(points.currentEpoch(), 0, "current");
        vm.assertEq(points.epochOf(1).digest, bytes32(0), "epoch");
        _assertStatus(batchIds[0], ITripAnchors.Status.ATTESTED);
    }

    function test_CancelEpoch_FreesItsNumber() public {
        _attestEpoch(1);
        _cancel();
        leaves[0] = _leaf(ALICE, CLASS, 1_000, 0);
        _publish(1, leaves, batchIds, _noConversions());
        vm.warp(points.epochOf(1).activeAt);
        vm.assertEq(points.activeEpoch(), 0, "the old attestation is gone");
        _attestEpoch(1);
        points.claim(ALICE, CLASS, 1_000, 0, 0, new bytes32[](0));
        vm.assertEq(points.balanceOf(ALICE, CLASS), 1_000, "balance");
    }

    function test_CancelEpoch_SameEpochPublishedAgainCanBeCancelledAgain() public {
        _cancel();
        _publish(1, leaves, batchIds, _conversion(CLASS, 400));
        _cancel();
        vm.assertEq(points.classTotals(CLASS).earned, 0, "earned");
    }

    /// @dev However much is claimed meanwhile under the active epoch, even by leaves that overstate it, the pending
    /// one can always be taken back.
    function testFuzz_CancelEpoch_NeverFailsOnItsSums(uint128 overstated, uint128 added, uint128 converted) public {
        _cancel();
        overstated = uint128(_bound(overstated, 1, 2 * DAILY_CAP));
        added = uint128(_bound(added, 1, DAILY_CAP - 1_000));
        converted = uint128(_bound(converted, 1, uint256(added) + 1_000));
        leaves[0] = _leaf(ALICE, CLASS, overstated, 0);
        _publish(1, leaves, batchIds, _noConversions());
        _activate(1);
        bytes32[] memory next = _list(_attestedBatch(added));
        _publish(2, leaves, next, _conversion(CLASS, converted));

        try points.claim(ALICE, CLASS, overstated, 0, 0, new bytes32[](0)) {
            vm.assertLe(overstated, 1_000, "no more than the active epochs earned");
        } catch {}
        vm.prank(GUARDIAN);
        vm.assertTrue(points.cancelEpoch(2, next, _conversion(CLASS, converted), REASON), "cancelled");
        vm.assertEq(points.classTotals(CLASS).earned, 1_000, "earned");
        vm.assertEq(points.classTotals(CLASS).converted, 0, "converted");
    }

    function _cancel() private {
        vm.prank(GUARDIAN);
        vm.assertTrue(points.cancelEpoch(1, batchIds, _conversion(CLASS, 400), REASON), "cancelled");
    }

    function _mismatch(bytes32 expected, bytes32 actual) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEpochs.EpochsDigestMismatch.selector, 1, expected, actual);
    }

    function _expect(
        bytes memory reason,
        uint32 number,
        bytes32[] memory ids,
        IEpochs.Conversion[] memory conversions,
        bytes32 why
    ) private {
        vm.prank(GUARDIAN);
        vm.expectRevert(reason);
        points.cancelEpoch(number, ids, conversions, why);
    }
}
