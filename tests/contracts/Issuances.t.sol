// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev The life of an issuance: issued, suspended, resumed, cancelled, withdrawn.
contract IssuancesTest is UnitsFixture {
    uint64 private constant LARGEST = 1 << 24;

    // Issuing

    function test_Issue() public {
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(
            ISSUANCE,
            address(0),
            TREASURY,
            ICertifiedReductions.Place.NOWHERE,
            HELD,
            1,
            1_234
        );
        vm.expectEmit(address(reductions));
        emit IERC1155.TransferSingle(CERTIFICATION, address(0), TREASURY, ISSUANCE, 1_234);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.ReductionsIssued(ISSUANCE, CLASS, 1_234, 1, DOSSIER, TREASURY);
        vm.prank(CERTIFICATION);
        vm.assertTrue(reductions.issue(ISSUANCE, CLASS, 1_234, DOSSIER, TREASURY), "issued");

        ICertifiedReductions.Issuance memory expected = ICertifiedReductions.Issuance({
            classId: CLASS,
            firstSerial: 1,
            tonnes: 1_234,
            retired: 0,
            cancelled: 0,
            issuedAt: uint64(block.timestamp),
            status: ICertifiedReductions.IssuanceStatus.ACTIVE,
            dossier: DOSSIER
        });
        bytes32 actual = keccak256(abi.encode(reductions.issuanceOf(ISSUANCE)));
        vm.assertEq(actual, keccak256(abi.encode(expected)), "record");
        _assertRanges(TREASURY, ISSUANCE, HELD, _ranges(1, 1_234), "serials");
        vm.assertEq(reductions.balanceOf(TREASURY, ISSUANCE), 1_234, "balance");
        vm.assertEq(reductions.totalSupply(ISSUANCE), 1_234, "supply");
    }

    function test_Issue_AgainIsNoOp() public {
        _issue(ISSUANCE, 10);
        vm.recordLogs();
        vm.prank(CERTIFICATION);
        vm.assertFalse(reductions.issue(ISSUANCE, CLASS, 10, DOSSIER, TREASURY), "again");
        _assertSilent();
        vm.assertEq(reductions.nextSerial(), 11, "no other serials");
    }

    function test_Issue_AnotherUnderTheSameNumber() public {
        _issue(ISSUANCE, 10);
        bytes memory refusal = abi.encodeWithSelector(
            ICertifiedReductions.CertifiedReductionsIssued.selector,
            ISSUANCE
        );
        _expectIssueRefused(ISSUANCE, CLASS + 1, 10, DOSSIER, TREASURY, refusal);
        _expectIssueRefused(ISSUANCE, CLASS, 11, DOSSIER, TREASURY, refusal);
        _expectIssueRefused(ISSUANCE, CLASS, 10, "other", TREASURY, refusal);
        _expectIssueRefused(ISSUANCE, CLASS, 10, DOSSIER, BUYER, refusal);
    }

    function test_Issue_Incomplete() public {
        _expectInvalid(0, CLASS, 10, DOSSIER);
        _expectInvalid(ISSUANCE, 0, 10, DOSSIER);
        _expectInvalid(ISSUANCE, CLASS, 0, DOSSIER);
        _expectInvalid(ISSUANCE, CLASS, LARGEST + 1, DOSSIER);
        _expectInvalid(ISSUANCE, CLASS, ALL, DOSSIER);
        _expectInvalid(ISSUANCE, CLASS, 10, 0);
        vm.assertEq(reductions.issuanceCount(), 0, "none");
    }

    function test_Issue_ToWhoeverIsNotActive() public {
        bytes memory refusal = _inactive(STRANGER, IParticipants.Status.NONE);
        _expectIssueRefused(ISSUANCE, CLASS, 10, DOSSIER, STRANGER, refusal);
    }

    function test_Issue_WhilePaused() public {
        _pause(address(reductions));
        _expectIssueRefused(ISSUANCE, CLASS, 10, DOSSIER, TREASURY, _paused());
    }

    /// @dev Serials follow each other, whatever the numbers: 7 has 1..10, 3 has 11..15, 4294967295 has 16.
    function test_Serials_AreOfOneIssuanceEach() public {
        vm.assertEq(reductions.nextSerial(), 1, "the first ever");
        vm.assertEq(reductions.issuanceAt(1), 0, "none yet");
        _issue(7, 10);
        _issue(3, 5);
        _issue(type(uint32).max, 1);
        vm.assertEq(reductions.issuanceCount(), 3, "count");
        vm.assertEq(reductions.nextSerial(), 17, "next");
        vm.assertEq(reductions.issuanceOf(3).firstSerial, 11, "after the one before");
        vm.assertEq(reductions.issuanceAt(0), 0, "no serial");
        vm.assertEq(reductions.issuanceAt(17), 0, "not yet");
        vm.assertEq(reductions.issuanceAt(ALL), 0, "never");
        for (uint64 serial = 1; serial <= 16; ++serial) {
            uint256 expected = serial <= 10 ? 7 : serial <= 15 ? 3 : type(uint32).max;
            vm.assertEq(reductions.issuanceAt(serial), expected, "issuance");
        }
    }

    function testFuzz_IssuanceAt(uint8[12] calldata sizes, uint64 serial) public {
        uint64 last = 0;
        for (uint32 i = 0; i < sizes.length; ++i) {
            _issue(i + 1, uint64(sizes[i]) + 1);
            last += uint64(sizes[i]) + 1;
        }
        serial = uint64(_bound(serial, 1, last));
        ICertifiedReductions.Issuance memory issuance = reductions.issuanceOf(reductions.issuanceAt(serial));
        vm.assertLe(issuance.firstSerial, serial, "not before it");
        vm.assertLe(serial, issuance.firstSerial + issuance.tonnes - 1, "not after it");
    }

    function test_TotalSupply_OfNothing() public view {
        vm.assertEq(reductions.totalSupply(ISSUANCE), 0, "unknown");
        vm.assertEq(reductions.totalSupply(type(uint256).max), 0, "no such id");
    }

    // Suspending, resuming, cancelling

    function test_Suspend() public {
        _issue(ISSUANCE, 10);
        vm.startPrank(REGULATOR);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.IssuanceSuspended(ISSUANCE, REASON);
        vm.assertTrue(reductions.suspend(ISSUANCE, REASON), "suspended");
        _assertStatus(ICertifiedReductions.IssuanceStatus.SUSPENDED);
        vm.recordLogs();
        vm.assertFalse(reductions.suspend(ISSUANCE, REASON), "again");
        _assertSilent();
        vm.expectRevert(_otherReason("other"));
        reductions.suspend(ISSUANCE, "other");
    }

    function test_Suspend_Refused() public {
        vm.startPrank(REGULATOR);
        vm.expectRevert(_unexpected(ISSUANCE, ICertifiedReductions.IssuanceStatus.NONE));
        reductions.suspend(ISSUANCE, REASON);
        vm.stopPrank();
        _issue(ISSUANCE, 10);
        vm.prank(REGULATOR);
        vm.expectRevert(_missingReason());
        reductions.suspend(ISSUANCE, 0);
        vm.prank(STRANGER);
        vm.expectRevert(_unauthorized(STRANGER));
        reductions.suspend(ISSUANCE, REASON);
    }

    function test_Resume() public {
        _issue(ISSUANCE, 10);
        _suspend(ISSUANCE);
        vm.prank(STRANGER);
        vm.expectRevert(_unauthorized(STRANGER));
        reductions.resume(ISSUANCE);

        bytes memory data = abi.encodeCall(reductions.resume, (ISSUANCE));
        _schedule(data);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.IssuanceResumed(ISSUANCE);
        vm.prank(REGULATOR);
        vm.assertTrue(reductions.resume(ISSUANCE), "resumed");
        _assertStatus(ICertifiedReductions.IssuanceStatus.ACTIVE);
        _give(SELLER, ISSUANCE, 10);

        _schedule(data);
        vm.recordLogs();
        vm.prank(REGULATOR);
        vm.assertFalse(reductions.resume(ISSUANCE), "again");
        vm.assertEq(vm.getRecordedLogs().length, 1, "only the manager's event");
        vm.prank(REGULATOR);
        vm.assertTrue(reductions.suspend(ISSUANCE, "other"), "suspended again, for another reason");
    }

    function test_Resume_Refused() public {
        _expectDelayedRefused(
            abi.encodeCall(reductions.resume, (ISSUANCE)),
            _unexpected(ISSUANCE, ICertifiedReductions.IssuanceStatus.NONE)
        );
        _issue(2, 10);
        _suspend(2);
        _pause(address(reductions));
        _expectDelayedRefused(abi.encodeCall(reductions.resume, (2)), _paused());
        _cancel(2);
        _afterDelay(address(reductions), abi.encodeCall(reductions.unpause, ()));
        vm.prank(REGULATOR);
        vm.expectRevert(_unexpected(2, ICertifiedReductions.IssuanceStatus.CANCELLED));
        manager.execute(address(reductions), abi.encodeCall(reductions.resume, (2)));
    }

    function test_Cancel() public {
        _issue(ISSUANCE, 10);
        bytes memory data = abi.encodeCall(reductions.cancel, (ISSUANCE, REASON));
        _expectDelayedRefused(data, _unexpected(ISSUANCE, ICertifiedReductions.IssuanceStatus.ACTIVE));
        _suspend(ISSUANCE);
        _pause(address(reductions));
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.IssuanceCancelled(ISSUANCE, REASON);
        vm.prank(REGULATOR);
        vm.assertTrue(reductions.cancel(ISSUANCE, REASON), "cancelled, while paused");
        _assertStatus(ICertifiedReductions.IssuanceStatus.CANCELLED);

        _schedule(data);
        vm.prank(REGULATOR);
        vm.assertFalse(reductions.cancel(ISSUANCE, REASON), "again");
        _expectDelayedRefused(abi.encodeCall(reductions.cancel, (ISSUANCE, "other")), _otherReason("other"));
        vm.prank(REGULATOR);
        vm.expectRevert(_unexpected(ISSUANCE, ICertifiedReductions.IssuanceStatus.CANCELLED));
        reductions.suspend(ISSUANCE, REASON);
    }

    function test_Cancel_Refused() public {
        _issue(ISSUANCE, 10);
        _suspend(ISSUANCE);
        _expectDelayedRefused(abi.encodeCall(reductions.cancel, (ISSUANCE, 0)), _missingReason());
        vm.prank(STRANGER);
        vm.expectRevert(_unauthorized(STRANGER));
        reductions.cancel(ISSUANCE, REASON);
    }

    // Parts

    function _schedule(bytes memory data) private {
        vm.prank(REGULATOR);
        manager.schedule(address(reductions), data, 0);
        vm.warp(block.timestamp + REGULATOR_DELAY);
    }

    function _expectDelayedRefused(bytes memory data, bytes memory refusal) private {
        _schedule(data);
        vm.prank(REGULATOR);
        vm.expectRevert(refusal);
        manager.execute(address(reductions), data);
    }

    function _expectIssueRefused(
        uint32 issuance,
        uint64 classId,
        uint64 tonnes,
        bytes32 dossier,
        address to,
        bytes memory refusal
    ) private {
        vm.prank(CERTIFICATION);
        vm.expectRevert(refusal);
        reductions.issue(issuance, classId, tonnes, dossier, to);
    }

    function _expectInvalid(uint32 issuance, uint64 classId, uint64 tonnes, bytes32 dossier) private {
        bytes4 selector = ICertifiedReductions.CertifiedReductionsInvalidIssuance.selector;
        bytes memory refusal = abi.encodeWithSelector(selector, issuance, classId, tonnes, dossier);
        _expectIssueRefused(issuance, classId, tonnes, dossier, TREASURY, refusal);
    }

    function _assertStatus(ICertifiedReductions.IssuanceStatus status) private view {
        vm.assertEq(uint256(reductions.issuanceOf(ISSUANCE).status), uint256(status), "status");
    }

    function _otherReason(bytes32 reason) private pure returns (bytes memory) {
        bytes4 selector = ICertifiedReductions.CertifiedReductionsReasonMismatch.selector;
        return abi.encodeWithSelector(selector, ISSUANCE, REASON, reason);
    }

    function _missingReason() private pure returns (bytes memory) {
        return abi.encodeWithSelector(ICertifiedReductions.CertifiedReductionsMissingReason.selector, ISSUANCE);
    }
}
