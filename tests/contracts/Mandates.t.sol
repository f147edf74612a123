// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IMandates} from "../../contracts/interfaces/IMandates.sol";
import {Roles} from "../../contracts/Roles.sol";
import {MandatesFixture} from "./MandatesFixture.sol";

/// @dev What holders do themselves. What others relay for them is tested in MandatesFor.
contract MandatesTest is MandatesFixture {
    // Deployment

    function test_Deploy_Records() public view {
        (, string memory name, string memory version, uint256 chainId, address verifying, , ) = mandates.eip712Domain();
        vm.assertEq(keccak256(bytes(name)), keccak256("PuhuiMandates"), "name");
        vm.assertEq(keccak256(bytes(version)), keccak256("1"), "version");
        vm.assertEq(chainId, block.chainid, "chain");
        vm.assertEq(verifying, address(mandates), "contract");
        vm.assertEq(mandates.authority(), address(manager), "authority");
        vm.assertEq(mandates.changes(), 0, "changes");
        _assertState(ALICE, 0, 0, 0, 0);
    }

    // give

    function testFuzz_Give_NotTheNextNumber(uint32 number) public {
        vm.assume(number != 1);
        _expectGive(_unexpected(ALICE, 1, number), TERMS, number);
        _give(ALICE, TERMS, 1);
        _revoke(ALICE, 1);
        vm.assume(number != 2);
        _expectGive(_unexpected(ALICE, 2, number), TERMS, number);
    }

    /// @dev What was revoked does not come back: neither under its own terms nor under others.
    function testFuzz_Give_RevokedNumber(bytes32 terms) public {
        _give(ALICE, TERMS, 1);
        _revoke(ALICE, 1);
        _expectGive(_unexpected(ALICE, 2, 1), TERMS, 1);
        _expectGive(_unexpected(ALICE, 2, 1), terms, 1);
    }

    function test_Give_WithoutTerms() public {
        _expectGive(_missingTerms(ALICE), 0, 1);
        _give(ALICE, TERMS, 1);
        _expectGive(_active(ALICE, 1), 0, 1);
        _revoke(ALICE, 1);
        _expectGive(_missingTerms(ALICE), 0, 2);
    }

    function testFuzz_Give_WhileOneStands(bytes32 terms, uint32 number) public {
        vm.assume(terms != TERMS);
        _give(ALICE, TERMS, 1);
        _expectGive(_active(ALICE, 1), terms, 1);
        vm.assume(number != 1);
        _expectGive(_active(ALICE, 1), TERMS, number);
        _expectGive(_active(ALICE, 1), terms, number);
    }

    function test_Give_WhilePaused() public {
        _give(BOB, TERMS, 1);
        _pause();
        _expectGive(_paused(), TERMS, 1);
        vm.prank(BOB);
        vm.expectRevert(_paused());
        mandates.give(TERMS, 1);
    }

    function testFuzz_Give_AgainIsNoOp(uint32 later) public {
        uint256 givenAt = block.timestamp;
        _give(ALICE, TERMS, 1);
        vm.warp(block.timestamp + later);
        vm.recordLogs();
        vm.assertFalse(_give(ALICE, TERMS, 1), "given again");
        _assertSilent();
        vm.assertEq(mandates.changes(), 1, "changes");
        _assertState(ALICE, TERMS, 1, givenAt, 0);
    }

    function testFuzz_Give_Records(address giver, bytes32 terms) public {
        vm.assume(terms != 0 && giver != STRANGER);
        bytes32 unsigned = _mandateHash(IMandates.Mandate(giver, terms, 1, 0));
        vm.expectEmit(address(mandates));
        emit IMandates.MandateGiven(giver, 1, terms, unsigned);
        vm.assertTrue(_give(giver, terms, 1), "given");
        vm.assertEq(mandates.changes(), 1, "changes");
        _assertState(giver, terms, 1, block.timestamp, 0);
        _assertState(STRANGER, 0, 0, 0, 0);
    }

    /// @dev Holders agree to the same document or to different ones, and each state tells its own.
    function testFuzz_Give_EveryHolderOnItsOwnTerms(bytes32[6] calldata documents, uint8[12] calldata choices) public {
        for (uint256 i = 0; i < documents.length; ++i) vm.assume(documents[i] != 0);
        for (uint256 i = 0; i < choices.length; ++i) {
            _give(address(uint160(1 + i)), documents[choices[i] % documents.length], 1);
        }
        for (uint256 i = 0; i < choices.length; ++i) {
            _assertState(address(uint160(1 + i)), documents[choices[i] % documents.length], 1, block.timestamp, 0);
        }
    }

    function testFuzz_Give_NumbersGoOn(bytes32[4] calldata documents) public {
        for (uint32 number = 1; number <= documents.length; ++number) {
            bytes32 terms = documents[number - 1];
            vm.assume(terms != 0);
            uint256 givenAt = block.timestamp;
            vm.assertTrue(_give(ALICE, terms, number), "given");
            _assertState(ALICE, terms, number, givenAt, 0);
            vm.warp(block.timestamp + 1 hours);
            vm.assertTrue(_revoke(ALICE, number), "revoked");
            _assertState(ALICE, terms, number, givenAt, block.timestamp);
            vm.assertEq(mandates.changes(), 2 * number, "changes");
        }
    }

    // revoke

    function testFuzz_Revoke_NeverGiven(uint32 number) public {
        _expectRevoke(_unexpected(ALICE, 0, 0), 0); // nor is the nothing before the first a mandate
        _expectRevoke(_unexpected(ALICE, 0, number), number);
    }

    function testFuzz_Revoke_NotTheLatest(uint32 number) public {
        vm.assume(number != 2);
        _give(ALICE, TERMS, 1);
        _revoke(ALICE, 1);
        _give(ALICE, TERMS, 2);
        _expectRevoke(_unexpected(ALICE, 2, 1), 1);
        _expectRevoke(_unexpected(ALICE, 2, number), number);
        _assertState(ALICE, TERMS, 2, block.timestamp, 0);
    }

    function testFuzz_Revoke_SomeoneElses(address other) public {
        vm.assume(other != ALICE);
        _give(ALICE, TERMS, 1);
        vm.prank(other);
        vm.expectRevert(_unexpected(other, 0, 1));
        mandates.revoke(1);
    }

    function testFuzz_Revoke_AgainIsNoOp(uint32 later) public {
        uint256 revokedAt = block.timestamp;
        _give(ALICE, TERMS, 1);
        _revoke(ALICE, 1);
        vm.warp(revokedAt + later);
        vm.recordLogs();
        vm.assertFalse(_revoke(ALICE, 1), "revoked again");
        _assertSilent();
        vm.assertEq(mandates.changes(), 2, "changes");
        _assertState(ALICE, TERMS, 1, revokedAt, revokedAt);
    }

    function testFuzz_Revoke_Records(uint32 later, bool paused) public {
        uint256 givenAt = block.timestamp;
        _give(ALICE, TERMS, 1);
        vm.warp(givenAt + later);
        if (paused) _pause();
        vm.expectEmit(address(mandates));
        emit IMandates.MandateRevoked(ALICE, 1);
        vm.assertTrue(_revoke(ALICE, 1), "revoked");
        vm.assertEq(mandates.changes(), 2, "changes");
        _assertState(ALICE, TERMS, 1, givenAt, block.timestamp);
    }

    // Halting

    function test_Restricted_EveryFunctionRefusesEveryOtherRole() public {
        _expectOnly(Roles.GUARDIAN, address(mandates), abi.encodeCall(mandates.pause, ()));
        _expectOnly(Roles.REGULATOR_DELAYED, address(mandates), abi.encodeCall(mandates.unpause, ()));
    }

    function test_Pause_AtOnceAndAgainIsNoOp() public {
        vm.expectEmit(address(mandates));
        emit Pausable.Paused(GUARDIAN);
        vm.prank(GUARDIAN);
        vm.assertTrue(mandates.pause(), "paused");
        vm.assertTrue(mandates.paused(), "state");
        vm.assertFalse(points.paused(), "each contract for itself");

        vm.recordLogs();
        vm.prank(GUARDIAN);
        vm.assertFalse(mandates.pause(), "paused again");
        _assertSilent();
    }

    function test_Unpause_WithoutItsDelay() public {
        _pause();
        bytes32 operation = manager.hashOperation(REGULATOR, address(mandates), abi.encodeCall(mandates.unpause, ()));
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, operation));
        mandates.unpause();
    }

    function test_Unpause_AfterItsDelay() public {
        _pause();
        _scheduleUnpause();
        vm.expectEmit(address(mandates));
        emit Pausable.Unpaused(REGULATOR);
        vm.prank(REGULATOR);
        vm.assertTrue(mandates.unpause(), "unpaused");
        vm.assertFalse(mandates.paused(), "state");

        _scheduleUnpause();
        vm.recordLogs();
        vm.prank(REGULATOR);
        vm.assertFalse(mandates.unpause(), "unpaused again");
        vm.assertEq(vm.getRecordedLogs().length, 1, "only the manager's OperationExecuted");
    }

    // Small things

    function _scheduleUnpause() private {
        vm.prank(REGULATOR);
        manager.schedule(address(mandates), abi.encodeCall(mandates.unpause, ()), 0);
        vm.warp(block.timestamp + REGULATOR_DELAY);
    }

    function _expectGive(bytes memory reason, bytes32 terms, uint32 number) private {
        vm.prank(ALICE);
        vm.expectRevert(reason);
        mandates.give(terms, number);
    }

    function _expectRevoke(bytes memory reason, uint32 number) private {
        vm.prank(ALICE);
        vm.expectRevert(reason);
        mandates.revoke(number);
    }
}
