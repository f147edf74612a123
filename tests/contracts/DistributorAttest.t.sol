// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IInPerson} from "../../contracts/interfaces/IInPerson.sol";
import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {Roles} from "../../contracts/Roles.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

/// @dev What becomes of a published run: attested or cancelled.
contract DistributorAttestTest is ProceedsFixture {
    bytes32 private constant ROOT = "root";
    bytes32 private constant REASON = "wrong tree";
    uint128 private constant FUNDED = 1_000_000;

    bytes32 private digest;

    function setUp() public override {
        super.setUp();
        _earn(FUNDED);
        _publishRun(1, ROOT, 3, FUNDED - 1);
        digest = distributor.runOf(1).digest;
    }

    // attestRun

    function testFuzz_AttestRun_Unknown(uint32 number) public {
        vm.assume(number != 1);
        _expectAttest(_unknown(number), VERIFIER, number, digest);
    }

    function testFuzz_AttestRun_OtherDigest(bytes32 other) public {
        vm.assume(other != digest);
        _expectAttest(_mismatch(1, digest, other), VERIFIER, 1, other);
    }

    /// @dev Another run under the same number: an attestation on its way does not fit it.
    function test_AttestRun_SwappedAfterACancellation() public {
        _cancel(1, REASON);
        _publishRun(1, ROOT, 3, FUNDED);
        bytes32 swapped = distributor.runOf(1).digest;
        _expectAttest(_mismatch(1, swapped, digest), VERIFIER, 1, digest);
    }

    /// @dev One key that was given both roles is still one person.
    function test_AttestRun_ByThePublisher() public {
        _grant(Roles.VERIFIER, PLATFORM);
        bytes memory self = abi.encodeWithSelector(
            IProceedsDistributor.ProceedsDistributorSelfAttestation.selector,
            1,
            PLATFORM
        );
        _expectAttest(self, PLATFORM, 1, digest);
    }

    function test_AttestRun_ThroughTheManager() public {
        _grant(Roles.VERIFIER, PLATFORM);
        vm.prank(PLATFORM);
        vm.expectRevert(abi.encodeWithSelector(IInPerson.InPersonRequired.selector, address(manager)));
        manager.execute(address(distributor), abi.encodeCall(distributor.attestRun, (1, digest)));
    }

    function test_AttestRun_WhilePaused() public {
        _pause(address(distributor));
        _expectAttest(_paused(), VERIFIER, 1, digest);
    }

    function test_AttestRun_AgainIsNoOp() public {
        _attestRun(1);
        vm.recordLogs();
        vm.prank(SECOND_VERIFIER);
        vm.assertFalse(distributor.attestRun(1, digest), "attested again");
        _assertSilent();
        _activeRunFor(2, ALICE, FUNDED);
        vm.prank(SECOND_VERIFIER);
        vm.assertFalse(distributor.attestRun(1, digest), "an older one");
        vm.assertEq(distributor.activeRun(), 2, "active");
    }

    /// @dev The attestation asserts solvency like every other change.
    function test_AttestRun_WithLessCashThanIsOwed() public {
        _mockHeld(FUNDED - 1);
        _expectAttest(_insolvent(FUNDED - 1, FUNDED), VERIFIER, 1, digest);
    }

    function test_AttestRun_Activates() public {
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.RunAttested(1, VERIFIER, digest);
        vm.prank(VERIFIER);
        vm.assertTrue(distributor.attestRun(1, digest), "attested");
        vm.assertTrue(distributor.runOf(1).attested, "state");
        vm.assertEq(distributor.activeRun(), 1, "active");
        vm.assertEq(distributor.attestedFen(), FUNDED - 1, "attested total");

        _publishRun(2, ROOT, 3, FUNDED);
        vm.assertEq(distributor.activeRun(), 1, "in force until the next is attested");
        vm.assertEq(distributor.attestedFen(), FUNDED - 1, "attested total");
        _attestRun(2);
        vm.assertEq(distributor.activeRun(), 2, "active");
        vm.assertEq(distributor.attestedFen(), FUNDED, "attested total");
    }

    // cancelRun

    function testFuzz_CancelRun_Unknown(uint32 number) public {
        vm.assume(number != 1);
        _expectCancel(_unknown(number), number, REASON);
    }

    function test_CancelRun_Attested() public {
        _attestRun(1);
        bytes memory attested = abi.encodeWithSelector(IProceedsDistributor.ProceedsDistributorAttested.selector, 1);
        _expectCancel(attested, 1, REASON);
        _publishRun(2, ROOT, 3, FUNDED);
        _expectCancel(attested, 1, REASON); // nor one that others came after
    }

    function test_CancelRun_WithoutAReason() public {
        bytes4 selector = IProceedsDistributor.ProceedsDistributorMissingReason.selector;
        _expectCancel(abi.encodeWithSelector(selector, 1), 1, 0);
    }

    function test_CancelRun_AgainIsNoOp() public {
        _cancel(1, REASON);
        vm.recordLogs();
        vm.prank(GUARDIAN);
        vm.assertFalse(distributor.cancelRun(1, REASON), "cancelled again");
        _assertSilent();
        _expectCancel(_unknown(1), 1, "another reason");
    }

    function test_CancelRun_SameRunPublishedAgainCanBeCancelledAgain() public {
        _cancel(1, REASON);
        _publishRun(1, ROOT, 3, FUNDED - 1);
        _cancel(1, REASON);
        vm.assertEq(distributor.currentRun(), 0, "current");
    }

    function testFuzz_CancelRun_LeavesNothing(bool paused) public {
        if (paused) _pause(address(distributor));
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.RunCancelled(1, digest, REASON);
        _cancel(1, REASON);

        bytes32 left = keccak256(abi.encode(distributor.runOf(1)));
        IProceedsDistributor.Run memory empty;
        vm.assertEq(left, keccak256(abi.encode(empty)), "run");
        vm.assertEq(distributor.currentRun(), 0, "current");
        vm.assertEq(distributor.activeRun(), 0, "active");
    }

    function test_CancelRun_LeavesTheOneBeforeInForce() public {
        _attestRun(1);
        _publishRun(2, ROOT, 3, FUNDED);
        _cancel(2, REASON);
        vm.assertEq(distributor.currentRun(), 1, "current");
        vm.assertEq(distributor.activeRun(), 1, "active");
        _activeRunFor(2, ALICE, FUNDED); // its number is free again
        vm.assertEq(distributor.activeRun(), 2, "active");
    }

    // Helpers

    function _cancel(uint32 number, bytes32 reason) private {
        vm.prank(GUARDIAN);
        vm.assertTrue(distributor.cancelRun(number, reason), "cancelled");
    }

    function _unknown(uint32 number) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IProceedsDistributor.ProceedsDistributorUnknown.selector, number);
    }

    function _expectAttest(bytes memory reason, address caller, uint32 number, bytes32 given) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        distributor.attestRun(number, given);
    }

    function _expectCancel(bytes memory reason, uint32 number, bytes32 why) private {
        vm.prank(GUARDIAN);
        vm.expectRevert(reason);
        distributor.cancelRun(number, why);
    }
}
