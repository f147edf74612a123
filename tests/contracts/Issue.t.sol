// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {Fixture} from "./Fixture.sol";

contract IssueTest is Fixture {
    function testFuzz_Issue_Unknown(bytes32 batchId) public {
        _expectIssue(_unexpectedStatus(batchId, ITripAnchors.Status.NONE), _list(batchId));
    }

    function test_Issue_NotAttested() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        _expectIssue(_unexpectedStatus(batchId, ITripAnchors.Status.ANCHORED), _list(batchId));
    }

    function test_Issue_Rejected() public {
        bytes32 batchId = _attestedBatch(1_000);
        vm.prank(VERIFIER);
        anchors.reject(batchId, "wrong factor");
        _expectIssue(_unexpectedStatus(batchId, ITripAnchors.Status.REJECTED), _list(batchId));
    }

    function test_Issue_Twice() public {
        bytes32 batchId = _attestedBatch(1_000);
        vm.prank(address(points));
        anchors.issue(_list(batchId));
        _expectIssue(_unexpectedStatus(batchId, ITripAnchors.Status.ISSUED), _list(batchId));
    }

    function test_Issue_ListedTwice() public {
        bytes32 batchId = _attestedBatch(1_000);
        _expectIssue(_unexpectedStatus(batchId, ITripAnchors.Status.ISSUED), _list(batchId, batchId));
    }

    /// @dev One bad batch and nothing is issued.
    function test_Issue_AllOrNothing() public {
        bytes32 good = _attestedBatch(1_000);
        bytes32 bad = _anchor(_batch(SERVICE_DATE, 2_000));
        _expectIssue(_unexpectedStatus(bad, ITripAnchors.Status.ANCHORED), _list(good, bad));
        _assertStatus(good, ITripAnchors.Status.ATTESTED);
    }

    function testFuzz_Issue_ReturnsWhatEachAdds(uint128 first, uint128 second) public {
        first = uint128(_bound(first, 1, DAILY_CAP / 2));
        second = uint128(_bound(second, 1, DAILY_CAP / 2));
        bytes32 one = _attestedBatch(20261023, first);
        bytes32 two = _attestedBatch(20251231, second);

        vm.expectEmit(address(anchors));
        emit ITripAnchors.BatchIssued(one);
        vm.expectEmit(address(anchors));
        emit ITripAnchors.BatchIssued(two);
        vm.prank(address(points));
        ITripAnchors.Reduction[] memory reductions = anchors.issue(_list(one, two));

        vm.assertEq(reductions.length, 2, "length");
        vm.assertEq(reductions[0].classId, CLASS, "first class");
        vm.assertEq(reductions[0].reductionMg, first, "first reduction");
        vm.assertEq(reductions[1].classId, CLASS - 1, "second class");
        vm.assertEq(reductions[1].reductionMg, second, "second reduction");
        _assertStatus(one, ITripAnchors.Status.ISSUED);
    }

    function testFuzz_Release_NotIssued(bytes32 unknown) public {
        bytes32 batchId = _attestedBatch(1_000);
        vm.startPrank(address(points));
        vm.expectRevert(_unexpectedStatus(batchId, ITripAnchors.Status.ATTESTED));
        anchors.release(_list(batchId));
        vm.assume(unknown != batchId);
        vm.expectRevert(_unexpectedStatus(unknown, ITripAnchors.Status.NONE));
        anchors.release(_list(unknown));
    }

    function test_Release_ListedTwice() public {
        bytes32 batchId = _attestedBatch(1_000);
        vm.startPrank(address(points));
        anchors.issue(_list(batchId));
        vm.expectRevert(_unexpectedStatus(batchId, ITripAnchors.Status.ATTESTED));
        anchors.release(_list(batchId, batchId));
    }

    function testFuzz_Release_UndoesIssue(uint128 mg) public {
        mg = uint128(_bound(mg, 1, DAILY_CAP));
        bytes32 batchId = _attestedBatch(mg);
        vm.startPrank(address(points));
        anchors.issue(_list(batchId));
        vm.expectEmit(address(anchors));
        emit ITripAnchors.BatchReleased(batchId);
        ITripAnchors.Reduction[] memory reductions = anchors.release(_list(batchId));

        vm.assertEq(reductions[0].reductionMg, mg, "reduction");
        _assertStatus(batchId, ITripAnchors.Status.ATTESTED);
    }

    function _expectIssue(bytes memory reason, bytes32[] memory batchIds) private {
        vm.prank(address(points));
        vm.expectRevert(reason);
        anchors.issue(batchIds);
    }
}
