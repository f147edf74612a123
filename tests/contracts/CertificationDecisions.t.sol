// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IReductionCertification} from "../../contracts/interfaces/IReductionCertification.sol";
import {Roles} from "../../contracts/Roles.sol";
import {CertificationFixture} from "./CertificationFixture.sol";

/// @dev What becomes of an application. Certification 1 takes 7 t of a pool of 10 t and 5 mg.
contract CertificationDecisionsTest is CertificationFixture {
    uint64 private constant TONNES = 7;
    uint128 private constant POOL = 10 * TONNE + 5;
    uint64 private constant MOST = 1 << 24; // tonnes in one issuance

    IReductionCertification.Status private constant NONE = IReductionCertification.Status.NONE;
    IReductionCertification.Status private constant APPLIED = IReductionCertification.Status.APPLIED;
    IReductionCertification.Status private constant VERIFIED = IReductionCertification.Status.VERIFIED;
    IReductionCertification.Status private constant APPROVED = IReductionCertification.Status.APPROVED;
    IReductionCertification.Status private constant REJECTED = IReductionCertification.Status.REJECTED;

    function setUp() public override {
        super.setUp();
        _convert(POOL);
    }

    // verify

    function testFuzz_Verify_Unknown(uint32 number) public {
        _expectVerify(_unexpected(number, NONE), VERIFIER, number, DOSSIER);
        _expectVerify(_unexpected(number, NONE), VERIFIER, number, 0); // nor as the nothing that is recorded of it
    }

    function testFuzz_Verify_Rejected(bool verified) public {
        _reach(1, TONNES, verified ? 4 : 3);
        _expectVerify(_unexpected(1, REJECTED), VERIFIER, 1, DOSSIER);
    }

    /// @dev Also when it is verified or approved: a verifier that signs something else learns so.
    function testFuzz_Verify_AnotherDossier(bytes32 dossier, uint8 stage) public {
        vm.assume(dossier != DOSSIER);
        _reach(1, TONNES, stage % 3);
        _expectVerify(_mismatch(1, DOSSIER, dossier), VERIFIER, 1, dossier);
    }

    function test_Verify_ByItsApplicant() public {
        _apply(1, TONNES);
        _grant(Roles.VERIFIER, PLATFORM);
        _expectVerify(_sameAccount(1, PLATFORM), PLATFORM, 1, DOSSIER);
        _grant(Roles.PLATFORM, VERIFIER);
        vm.prank(VERIFIER);
        certification.applyFor(1, CLASS, TONNES, DOSSIER); // repeating an application does not make one its applicant
        vm.assertTrue(_verify(1), "verified");
    }

    function test_Verify_WhilePaused() public {
        _apply(1, TONNES);
        _pause(address(certification));
        _expectVerify(_paused(), VERIFIER, 1, DOSSIER);
    }

    function testFuzz_Verify_AgainIsNoOp(bool approved) public {
        _reach(1, TONNES, approved ? 2 : 1);
        _grant(Roles.VERIFIER, PLATFORM);
        vm.recordLogs();
        vm.assertFalse(_verify(1), "verified again");
        vm.prank(SECOND_VERIFIER);
        vm.assertFalse(certification.verify(1, DOSSIER), "by another");
        vm.prank(PLATFORM);
        vm.assertFalse(certification.verify(1, DOSSIER), "by its applicant");
        _assertSilent();
        vm.assertEq(certification.certificationOf(1).verifier, VERIFIER, "the first");
    }

    function test_Verify_Records() public {
        _apply(1, TONNES);
        vm.expectEmit(address(certification));
        emit IReductionCertification.CertificationVerified(1, VERIFIER, DOSSIER);
        vm.assertTrue(_verify(1), "verified");
        _assertSame(1, _record(VERIFIER, VERIFIED, 0));
        _assertPool(CLASS, TONNES * TONNE, POOL - TONNES * TONNE, 1);
        vm.assertEq(reductions.nextSerial(), 1, "nothing is issued yet");
    }

    // refute

    /// @dev A verifier refutes what it was asked; what is verified is the regulator's to reject.
    function testFuzz_Refute_NotApplied(uint32 number) public {
        vm.assume(number != 1);
        _expectRefute(_unexpected(number, NONE), number, REASON);
        _reach(1, TONNES, 1);
        _expectRefute(_unexpected(1, VERIFIED), 1, REASON);
        _approve(1);
        _expectRefute(_unexpected(1, APPROVED), 1, REASON);
    }

    function test_Refute_WithoutAReason() public {
        _apply(1, TONNES);
        _expectRefute(_missingReason(), 1, 0);
    }

    function testFuzz_Refute_ForAnotherReason(bytes32 reason, bool verified) public {
        vm.assume(reason != REASON);
        _reach(1, TONNES, verified ? 4 : 3);
        _expectRefute(_rejectedFor(reason), 1, reason);
    }

    function testFuzz_Refute_AgainIsNoOp(bool verified) public {
        _reach(1, TONNES, verified ? 4 : 3);
        vm.recordLogs();
        vm.assertFalse(_refute(1), "refuted again");
        _assertSilent();
        _assertPool(CLASS, 0, POOL, 0);
    }

    function testFuzz_Refute_Records(bytes32 reason, bool paused) public {
        vm.assume(reason != 0);
        _apply(1, TONNES);
        if (paused) _pause(address(certification));
        vm.expectEmit(address(certification));
        emit IReductionCertification.CertificationRejected(1, VERIFIER, reason);
        vm.prank(VERIFIER);
        vm.assertTrue(certification.refute(1, reason), "refuted");
        _assertSame(1, _record(address(0), REJECTED, reason));
        _assertPool(CLASS, 0, POOL, 0);
    }

    // approve

    function testFuzz_Approve_NotVerified(uint32 number, bool verified) public {
        _expectApprove(_unexpected(number, NONE), REGULATOR, number, DOSSIER);
        _expectApprove(_unexpected(number, NONE), REGULATOR, number, 0);
        _apply(1, TONNES);
        _expectApprove(_unexpected(1, APPLIED), REGULATOR, 1, DOSSIER);
        if (verified) _verify(1);
        _reject(1);
        _expectApprove(_unexpected(1, REJECTED), REGULATOR, 1, DOSSIER);
    }

    function testFuzz_Approve_AnotherDossier(bytes32 dossier, bool approved) public {
        vm.assume(dossier != DOSSIER);
        _reach(1, TONNES, approved ? 2 : 1);
        _expectApprove(_mismatch(1, DOSSIER, dossier), REGULATOR, 1, dossier);
    }

    function test_Approve_ByItsApplicantOrVerifier() public {
        _reach(1, TONNES, 1);
        _grant(Roles.REGULATOR, PLATFORM);
        _grant(Roles.REGULATOR, VERIFIER);
        _expectApprove(_sameAccount(1, PLATFORM), PLATFORM, 1, DOSSIER);
        _expectApprove(_sameAccount(1, VERIFIER), VERIFIER, 1, DOSSIER);
        vm.assertTrue(_approve(1), "approved");
    }

    /// @dev A key that holds every role takes one of the three steps and no more.
    function test_Approve_OneKeyWithEveryRole() public {
        _grant(Roles.VERIFIER, PLATFORM);
        _grant(Roles.REGULATOR, PLATFORM);
        _apply(1, TONNES);
        _expectVerify(_sameAccount(1, PLATFORM), PLATFORM, 1, DOSSIER);
        _expectApprove(_unexpected(1, APPLIED), PLATFORM, 1, DOSSIER);
        _verify(1);
        _expectApprove(_sameAccount(1, PLATFORM), PLATFORM, 1, DOSSIER);
        vm.assertEq(reductions.issuanceCount(), 0, "issued");
    }

    function test_Approve_WhilePaused() public {
        _reach(1, TONNES, 1);
        _pause(address(certification));
        _expectApprove(_paused(), REGULATOR, 1, DOSSIER);
    }

    /// @dev What the reductions refuse is not approved: it stays verified and keeps its part of the pool.
    function test_Approve_ReductionsThatArePaused() public {
        _reach(1, TONNES, 1);
        _pause(address(reductions));
        _expectApprove(_paused(), REGULATOR, 1, DOSSIER);
        _assertSame(1, _record(VERIFIER, VERIFIED, 0));
        _assertPool(CLASS, TONNES * TONNE, POOL - TONNES * TONNE, 1);
    }

    function test_Approve_TreasuryThatIsSuspended() public {
        _reach(1, TONNES, 1);
        vm.prank(REGULATOR);
        participants.suspend(treasury, REASON);
        bytes4 selector = IParticipants.ParticipantsInactive.selector;
        bytes memory inactive = abi.encodeWithSelector(selector, treasury, IParticipants.Status.SUSPENDED);
        _expectApprove(inactive, REGULATOR, 1, DOSSIER);
        _assertSame(1, _record(VERIFIER, VERIFIED, 0));
    }

    function test_Approve_NumberIssuedAsSomethingElse() public {
        _grant(Roles.CERTIFICATION, STRANGER);
        vm.prank(STRANGER);
        reductions.issue(1, CLASS, TONNES + 1, DOSSIER, treasury);
        _reach(1, TONNES, 1);
        bytes4 selector = ICertifiedReductions.CertifiedReductionsIssued.selector;
        _expectApprove(abi.encodeWithSelector(selector, 1), REGULATOR, 1, DOSSIER);
    }

    /// @dev Exactly what is approved was issued before, by a predecessor of this contract: it is not issued twice.
    function test_Approve_IssuedBefore() public {
        _grant(Roles.CERTIFICATION, STRANGER);
        vm.prank(STRANGER);
        reductions.issue(1, CLASS, TONNES, DOSSIER, treasury);
        _reach(1, TONNES, 2);
        _assertSame(1, _record(VERIFIER, APPROVED, 0));
        vm.assertEq(reductions.balanceOf(treasury, 1), TONNES, "issued once");
        vm.assertEq(reductions.nextSerial(), TONNES + 1, "serials");
    }

    /// @dev An issuance has room for 2**24 t: more is not applied for.
    function test_Approve_MostTonnesOfAnIssuance() public {
        _mockPool(type(uint128).max);
        bytes4 selector = IReductionCertification.ReductionCertificationTooManyTonnes.selector;
        vm.prank(PLATFORM);
        vm.expectRevert(abi.encodeWithSelector(selector, 1, MOST + 1, MOST));
        certification.applyFor(1, CLASS, MOST + 1, DOSSIER);
        _assertPool(CLASS, 0, type(uint128).max, 0);

        _reach(1, MOST, 2);
        vm.assertEq(reductions.balanceOf(treasury, 1), MOST, "issued");
        vm.assertEq(reductions.nextSerial(), MOST + 1, "serials");
    }

    function test_Approve_AgainIsNoOp() public {
        _reach(1, TONNES, 2);
        _grant(Roles.REGULATOR, VERIFIER);
        vm.recordLogs();
        vm.assertFalse(_approve(1), "approved again");
        vm.prank(VERIFIER);
        vm.assertFalse(certification.approve(1, DOSSIER), "by its verifier");
        _assertSilent();
        vm.assertEq(reductions.balanceOf(treasury, 1), TONNES, "issued once");
    }

    function test_Approve_IssuesToTheTreasury() public {
        _reach(1, TONNES, 1);
        vm.expectEmit(address(certification));
        emit IReductionCertification.CertificationApproved(1, REGULATOR);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.ReductionsIssued(1, CLASS, TONNES, 1, DOSSIER, treasury);
        vm.assertTrue(_approve(1), "approved");

        _assertSame(1, _record(VERIFIER, APPROVED, 0));
        _assertPool(CLASS, TONNES * TONNE, POOL - TONNES * TONNE, 0);
        vm.assertEq(reductions.balanceOf(treasury, 1), TONNES, "balance");
        ICertifiedReductions.IssuanceStatus active = ICertifiedReductions.IssuanceStatus.ACTIVE;
        bytes memory issuance = abi.encode(
            ICertifiedReductions.Issuance(CLASS, 1, TONNES, 0, 0, uint64(block.timestamp), active, DOSSIER)
        );
        vm.assertEq(keccak256(abi.encode(reductions.issuanceOf(1))), keccak256(issuance), "issuance");
    }

    /// @dev A rejected number leaves a gap among the issuances, and none among the serials.
    function test_Approve_AfterARejection() public {
        _reach(1, TONNES, 2);
        _reach(2, 2, 3);
        _reach(3, 3, 2);
        vm.assertEq(uint256(reductions.issuanceOf(2).status), 0, "no issuance");
        vm.assertEq(reductions.issuanceOf(3).firstSerial, TONNES + 1, "first serial");
        vm.assertEq(reductions.issuanceAt(TONNES), 1, "last of the first");
        vm.assertEq(reductions.issuanceAt(TONNES + 1), 3, "first of the next");
        _assertPool(CLASS, 10 * TONNE, 5, 0);
    }

    // reject

    function testFuzz_Reject_NotOpen(uint32 number) public {
        vm.assume(number != 1);
        _expectReject(_unexpected(number, NONE), number, REASON);
        _reach(1, TONNES, 2);
        _expectReject(_unexpected(1, APPROVED), 1, REASON);
        _assertPool(CLASS, TONNES * TONNE, POOL - TONNES * TONNE, 0);
    }

    function testFuzz_Reject_WithoutAReason(bool verified) public {
        _reach(1, TONNES, verified ? 1 : 0);
        _expectReject(_missingReason(), 1, 0);
    }

    function testFuzz_Reject_ForAnotherReason(bytes32 reason, bool verified) public {
        vm.assume(reason != REASON);
        _reach(1, TONNES, verified ? 4 : 3);
        _expectReject(_rejectedFor(reason), 1, reason);
    }

    /// @dev Also while another one is open: what was returned once is not returned twice.
    function testFuzz_Reject_AgainIsNoOp(bool verified) public {
        _reach(1, TONNES, verified ? 4 : 3);
        _apply(2, 2);
        vm.recordLogs();
        vm.assertFalse(_reject(1), "rejected again");
        _assertSilent();
        _assertPool(CLASS, 2 * TONNE, POOL - 2 * TONNE, 2);
    }

    function testFuzz_Reject_ReturnsEveryMg(bytes32 reason, bool verified, bool paused) public {
        vm.assume(reason != 0);
        _reach(1, TONNES, verified ? 1 : 0);
        if (paused) _pause(address(certification));
        vm.expectEmit(address(certification));
        emit IReductionCertification.CertificationRejected(1, REGULATOR, reason);
        vm.prank(REGULATOR);
        vm.assertTrue(certification.reject(1, reason), "rejected");
        _assertSame(1, _record(verified ? VERIFIER : address(0), REJECTED, reason));
        _assertPool(CLASS, 0, POOL, 0);
        vm.assertEq(reductions.issuanceCount(), 0, "issued");
    }

    // What is expected

    function _record(
        address verifier,
        IReductionCertification.Status status,
        bytes32 reason
    ) private pure returns (IReductionCertification.Certification memory) {
        return
            IReductionCertification.Certification(CLASS, TONNES, 0, DOSSIER, PLATFORM, verifier, status, reason);
    }

    function _missingReason() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IReductionCertification.ReductionCertificationMissingReason.selector, 1);
    }

    function _rejectedFor(bytes32 reason) private pure returns (bytes memory) {
        bytes4 selector = IReductionCertification.ReductionCertificationAlreadyRejected.selector;
        return abi.encodeWithSelector(selector, 1, REASON, reason);
    }

    function _expectVerify(bytes memory reason, address caller, uint32 number, bytes32 dossier) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        certification.verify(number, dossier);
    }

    function _expectRefute(bytes memory reason, uint32 number, bytes32 why) private {
        vm.prank(VERIFIER);
        vm.expectRevert(reason);
        certification.refute(number, why);
    }

    function _expectApprove(bytes memory reason, address caller, uint32 number, bytes32 dossier) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        certification.approve(number, dossier);
    }

    function _expectReject(bytes memory reason, uint32 number, bytes32 why) private {
        vm.prank(REGULATOR);
        vm.expectRevert(reason);
        certification.reject(number, why);
    }
}
