// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IInPerson} from "../../contracts/interfaces/IInPerson.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {Roles} from "../../contracts/Roles.sol";
import {Fixture} from "./Fixture.sol";

contract AttestTest is Fixture {
    bytes32 private constant REASON = "wrong factor";

    function testFuzz_Attest_Unknown(bytes32 batchId) public {
        vm.prank(VERIFIER);
        vm.expectRevert(_unexpectedStatus(batchId, ITripAnchors.Status.NONE));
        anchors.attest(batchId);
    }

    function test_Attest_Rejected() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        vm.startPrank(VERIFIER);
        anchors.reject(batchId, REASON);
        vm.expectRevert(_unexpectedStatus(batchId, ITripAnchors.Status.REJECTED));
        anchors.attest(batchId);
    }

    function test_Attest_BeyondTheQuorum() public {
        bytes32 batchId = _attestedBatch(1_000);
        vm.prank(SECOND_VERIFIER);
        vm.expectRevert(_unexpectedStatus(batchId, ITripAnchors.Status.ATTESTED));
        anchors.attest(batchId);
    }

    /// @dev Even an account that holds both roles may not attest what it anchored.
    function test_Attest_ByTheAnchorer() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        _grant(Roles.VERIFIER, PLATFORM);
        vm.prank(PLATFORM);
        vm.expectRevert(
            abi.encodeWithSelector(ITripAnchors.TripAnchorsSelfAttestation.selector, batchId, PLATFORM)
        );
        anchors.attest(batchId);
    }

    /// @dev Nor hide behind the AccessManager, which would make it a second person.
    function test_Attest_ThroughTheManager() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        bytes memory data = abi.encodeCall(anchors.attest, (batchId));
        vm.prank(VERIFIER);
        vm.expectRevert(abi.encodeWithSelector(IInPerson.InPersonRequired.selector, address(manager)));
        manager.execute(address(anchors), data);
    }

    function test_Attest_AgainIsNoOp() public {
        _afterDelay(address(anchors), abi.encodeCall(anchors.setQuorum, (2)));
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        _attest(batchId);
        vm.recordLogs();
        vm.prank(VERIFIER);
        vm.assertFalse(anchors.attest(batchId), "attested again");
        _assertSilent();
        _assertStatus(batchId, ITripAnchors.Status.ANCHORED);
    }

    function test_Attest_AgainAfterItsRejectionIsNoOp() public {
        bytes32 batchId = _attestedBatch(1_000);
        vm.startPrank(VERIFIER);
        anchors.reject(batchId, REASON);
        vm.assertFalse(anchors.attest(batchId), "attested again");
        _assertStatus(batchId, ITripAnchors.Status.REJECTED);
    }

    function test_Attest_CompletesAtTheQuorum() public {
        _afterDelay(address(anchors), abi.encodeCall(anchors.setQuorum, (2)));
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));

        vm.expectEmit(address(anchors));
        emit ITripAnchors.BatchAttested(batchId, VERIFIER, 1, false);
        vm.prank(VERIFIER);
        vm.assertTrue(anchors.attest(batchId), "first");
        _assertStatus(batchId, ITripAnchors.Status.ANCHORED);

        vm.expectEmit(address(anchors));
        emit ITripAnchors.BatchAttested(batchId, SECOND_VERIFIER, 2, true);
        vm.prank(SECOND_VERIFIER);
        vm.assertTrue(anchors.attest(batchId), "second");
        _assertStatus(batchId, ITripAnchors.Status.ATTESTED);
        vm.assertTrue(anchors.hasAttested(batchId, VERIFIER), "the first is named");
        vm.assertFalse(anchors.hasAttested(batchId, STRANGER), "nobody else is");
    }

    /// @dev Without this a batch whose verifiers have all attested would wait for ever.
    function test_Attest_CompletesAfterTheQuorumWasLowered() public {
        _afterDelay(address(anchors), abi.encodeCall(anchors.setQuorum, (2)));
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        _attest(batchId);
        _afterDelay(address(anchors), abi.encodeCall(anchors.setQuorum, (1)));

        vm.prank(VERIFIER);
        vm.assertTrue(anchors.attest(batchId), "completed");
        vm.assertEq(anchors.batchOf(batchId).attestations, 1, "counted once");
        _assertStatus(batchId, ITripAnchors.Status.ATTESTED);
    }

    function testFuzz_Reject_Unknown(bytes32 batchId, bytes32 reason) public {
        vm.prank(VERIFIER);
        vm.expectRevert(_unexpectedStatus(batchId, ITripAnchors.Status.NONE));
        anchors.reject(batchId, reason);
    }

    function test_Reject_Issued() public {
        bytes32 batchId = _attestedBatch(1_000);
        _publish(1, _leaves(), batchId);
        vm.prank(VERIFIER);
        vm.expectRevert(_unexpectedStatus(batchId, ITripAnchors.Status.ISSUED));
        anchors.reject(batchId, REASON);
    }

    function test_Reject_WithoutAReason() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        vm.prank(VERIFIER);
        vm.expectRevert(abi.encodeWithSelector(ITripAnchors.TripAnchorsMissingReason.selector, batchId));
        anchors.reject(batchId, 0);
    }

    function testFuzz_Reject_ForAnotherReason(bytes32 other) public {
        vm.assume(other != REASON);
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        vm.startPrank(VERIFIER);
        anchors.reject(batchId, REASON);
        vm.expectRevert(
            abi.encodeWithSelector(ITripAnchors.TripAnchorsAlreadyRejected.selector, batchId, REASON, other)
        );
        anchors.reject(batchId, other);
    }

    function test_Reject_AgainIsNoOp() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        vm.startPrank(VERIFIER);
        anchors.reject(batchId, REASON);
        vm.recordLogs();
        vm.assertFalse(anchors.reject(batchId, REASON), "rejected again");
        _assertSilent();
        vm.assertEq(anchors.streamOf(SOURCE, SERVICE_DATE).anchoredMg, 0, "given back once");
    }

    function testFuzz_Reject_GivesTheServiceDayBack(uint128 kept, uint128 rejected, bool attested) public {
        kept = uint128(_bound(kept, 1, DAILY_CAP / 2));
        rejected = uint128(_bound(rejected, 1, DAILY_CAP / 2));
        _anchor(_batch(SERVICE_DATE, kept));
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, rejected));
        if (attested) _attest(batchId);

        vm.expectEmit(address(anchors));
        emit ITripAnchors.BatchRejected(batchId, VERIFIER, REASON);
        vm.prank(VERIFIER);
        vm.assertTrue(anchors.reject(batchId, REASON), "rejected");

        ITripAnchors.Stream memory stream = anchors.streamOf(SOURCE, SERVICE_DATE);
        vm.assertEq(stream.anchoredMg, kept, "total");
        vm.assertEq(stream.nextSequence, 2, "its place stays taken");
        vm.assertEq(stream.lastBatch, batchId, "the next one names it");
        vm.assertEq(anchors.batchOf(batchId).rejectedFor, REASON, "reason");
    }

    function _leaves() private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](1);
        leaves[0] = _leaf(ALICE, CLASS, 1_000, 0);
    }
}
