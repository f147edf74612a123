// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochs} from "../../contracts/interfaces/IEpochs.sol";
import {IInPerson} from "../../contracts/interfaces/IInPerson.sol";
import {Roles} from "../../contracts/Roles.sol";
import {Fixture} from "./Fixture.sol";

contract AttestEpochTest is Fixture {
    bytes32[] private leaves;
    bytes32 private digest;

    function setUp() public override {
        super.setUp();
        leaves.push(_leaf(ALICE, CLASS, 1_000, 0));
        _publish(1, leaves, _attestedBatch(1_000));
        digest = points.epochOf(1).digest;
    }

    function testFuzz_AttestEpoch_Unknown(uint32 number) public {
        vm.assume(number != 1);
        _expect(abi.encodeWithSelector(IEpochs.EpochsUnknown.selector, number), VERIFIER, number, digest);
    }

    function testFuzz_AttestEpoch_OtherDigest(bytes32 other) public {
        vm.assume(other != digest);
        _expect(abi.encodeWithSelector(IEpochs.EpochsDigestMismatch.selector, 1, digest, other), VERIFIER, 1, other);
    }

    /// @dev The same tree with other conversions is another epoch: an attestation on its way does not fit it.
    function test_AttestEpoch_SwappedAfterACancellation() public {
        bytes32[] memory batchIds = _list(anchors.streamOf(SOURCE, SERVICE_DATE).lastBatch);
        vm.prank(GUARDIAN);
        points.cancelEpoch(1, batchIds, _noConversions(), "mistake");
        _publish(1, leaves, batchIds, _conversion(CLASS, 1_000));
        bytes32 swapped = points.epochOf(1).digest;
        _expect(abi.encodeWithSelector(IEpochs.EpochsDigestMismatch.selector, 1, swapped, digest), VERIFIER, 1, digest);
    }

    function test_AttestEpoch_ByThePublisher() public {
        _grant(Roles.VERIFIER, PLATFORM);
        _expect(abi.encodeWithSelector(IEpochs.EpochsSelfAttestation.selector, 1, PLATFORM), PLATFORM, 1, digest);
    }

    function test_AttestEpoch_ThroughTheManager() public {
        _grant(Roles.VERIFIER, PLATFORM);
        vm.prank(PLATFORM);
        vm.expectRevert(abi.encodeWithSelector(IInPerson.InPersonRequired.selector, address(manager)));
        manager.execute(address(points), abi.encodeCall(points.attestEpoch, (1, digest)));
    }

    function test_AttestEpoch_WhilePaused() public {
        vm.prank(GUARDIAN);
        points.pause();
        _expect(_paused(), VERIFIER, 1, digest);
    }

    function test_AttestEpoch_AgainIsNoOp() public {
        _attestEpoch(1);
        vm.recordLogs();
        vm.prank(SECOND_VERIFIER);
        vm.assertFalse(points.attestEpoch(1, digest), "attested again");
        _assertSilent();
    }

    function testFuzz_AttestEpoch_ActiveOnlyWithBoth(uint32 earlier, uint32 later) public {
        uint256 activeAt = points.epochOf(1).activeAt;
        vm.warp(activeAt - _bound(earlier, 1, ACTIVATION_DELAY));
        vm.expectEmit(address(points));
        emit IEpochs.EpochAttested(1, VERIFIER, digest);
        vm.prank(VERIFIER);
        vm.assertTrue(points.attestEpoch(1, digest), "attested");
        vm.assertEq(points.activeEpoch(), 0, "attested, but early");
        vm.warp(activeAt + later);
        vm.assertEq(points.activeEpoch(), 1, "active");
    }

    function testFuzz_AttestEpoch_LateAttestationActivates(uint32 later) public {
        vm.warp(uint256(points.epochOf(1).activeAt) + later);
        vm.assertEq(points.activeEpoch(), 0, "time alone does not activate");
        _attestEpoch(1);
        vm.assertEq(points.activeEpoch(), 1, "active");
    }

    function _expect(bytes memory reason, address caller, uint32 number, bytes32 given) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        points.attestEpoch(number, given);
    }
}
