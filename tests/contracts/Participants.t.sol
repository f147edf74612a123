// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {Participants} from "../../contracts/Participants.sol";
import {Roles} from "../../contracts/Roles.sol";
import {OnlyRole} from "./OnlyRole.sol";

contract ParticipantsTest is OnlyRole {
    bytes32 private constant ENTITY = "entity";
    bytes32 private constant IDENTITY = "identity file";
    bytes32 private constant REASON = "sanctioned";
    IParticipants.Kind private constant KIND = IParticipants.Kind.COMPLIANCE;

    Participants private participants;

    function _handOver() internal override {
        participants = new Participants(address(manager));
        address target = address(participants);
        _assign(target, Roles.EXCHANGE, participants.register.selector);
        _assign(target, Roles.REGULATOR, participants.admit.selector, participants.suspend.selector);
        _assign(target, Roles.REGULATOR_DELAYED, participants.reinstate.selector);
        super._handOver();
    }

    // Roles

    function test_Restricted_EveryFunctionRefusesEveryOtherRole() public {
        address target = address(participants);
        _expectOnly(Roles.EXCHANGE, target, abi.encodeCall(participants.register, (ALICE, ENTITY, KIND, IDENTITY)));
        _expectOnly(Roles.REGULATOR, target, abi.encodeCall(participants.admit, (ALICE, ENTITY, KIND, IDENTITY)));
        _expectOnly(Roles.REGULATOR, target, abi.encodeCall(participants.suspend, (ALICE, REASON)));
        _expectOnly(Roles.REGULATOR_DELAYED, target, abi.encodeCall(participants.reinstate, (ALICE)));
    }

    function test_Restricted_ThroughTheManager() public {
        address target = address(participants);
        _expectInPerson(EXCHANGE, target, abi.encodeCall(participants.register, (ALICE, ENTITY, KIND, IDENTITY)));
        _register();
        _expectInPerson(REGULATOR, target, abi.encodeCall(participants.admit, (ALICE, ENTITY, KIND, IDENTITY)));
    }

    // register

    function test_Register_Incomplete() public {
        vm.startPrank(EXCHANGE);
        _expectIncomplete(address(0), ENTITY, KIND, IDENTITY);
        _expectIncomplete(ALICE, 0, KIND, IDENTITY);
        _expectIncomplete(ALICE, ENTITY, IParticipants.Kind.NONE, IDENTITY);
        _expectIncomplete(ALICE, ENTITY, KIND, 0);
    }

    /// @dev Once registered as something an account is never registered as anything else, in whatever status it is.
    function testFuzz_Register_AsSomethingElse(bytes32 entity, bytes32 identity, uint8 stage) public {
        vm.assume(entity != ENTITY && identity != IDENTITY);
        _reach(stage);
        bytes memory registered = abi.encodeWithSelector(IParticipants.ParticipantsAlreadyRegistered.selector, ALICE);
        vm.startPrank(EXCHANGE);
        vm.expectRevert(registered);
        participants.register(ALICE, entity, KIND, IDENTITY);
        vm.expectRevert(registered);
        participants.register(ALICE, ENTITY, IParticipants.Kind.PROGRAMME, IDENTITY);
        vm.expectRevert(registered);
        participants.register(ALICE, ENTITY, KIND, identity);
    }

    function testFuzz_Register_AgainIsNoOp(uint8 stage) public {
        _reach(stage);
        _grant(Roles.EXCHANGE, STRANGER);
        IParticipants.Participant memory before = participants.participantOf(ALICE);
        vm.recordLogs();
        vm.prank(EXCHANGE);
        vm.assertFalse(participants.register(ALICE, ENTITY, KIND, IDENTITY), "registered again");
        vm.prank(STRANGER);
        vm.assertFalse(participants.register(ALICE, ENTITY, KIND, IDENTITY), "by another");
        _assertSilent();
        _assertSame(participants.participantOf(ALICE), before);
    }

    function testFuzz_Register_Records(address account, bytes32 entity, uint8 kind_, bytes32 identity) public {
        vm.assume(account != address(0) && entity != 0 && identity != 0);
        IParticipants.Kind kind = IParticipants.Kind(_bound(kind_, 1, 3));
        vm.expectEmit(address(participants));
        emit IParticipants.ParticipantRegistered(account, entity, kind, identity, EXCHANGE);
        vm.prank(EXCHANGE);
        vm.assertTrue(participants.register(account, entity, kind, identity), "registered");

        IParticipants.Status pending = IParticipants.Status.PENDING;
        _assertSame(
            participants.participantOf(account),
            IParticipants.Participant(entity, identity, EXCHANGE, kind, pending)
        );
        vm.assertFalse(participants.isActive(account), "active");
    }

    function test_Register_SeveralAccountsOfAnEntity() public {
        _register();
        vm.prank(EXCHANGE);
        vm.assertTrue(participants.register(BOB, ENTITY, KIND, IDENTITY), "registered");
        _admit();
        vm.assertTrue(participants.isActive(ALICE), "the one");
        vm.assertFalse(participants.isActive(BOB), "not the other with it");
    }

    // admit

    function test_Admit_Unregistered() public {
        _expectAdmit(_unexpected(IParticipants.Status.NONE), ENTITY, KIND, IDENTITY);
        // Not even as the nothing that is recorded of it.
        _expectAdmit(_unexpected(IParticipants.Status.NONE), 0, IParticipants.Kind.NONE, 0);
    }

    /// @dev Admitting is not the way around a reinstatement and its delay.
    function test_Admit_Suspended() public {
        _reach(2);
        _expectAdmit(_unexpected(IParticipants.Status.SUSPENDED), ENTITY, KIND, IDENTITY);
    }

    function testFuzz_Admit_SomethingElse(bytes32 entity, bytes32 identity, bool active) public {
        vm.assume(entity != ENTITY && identity != IDENTITY);
        _reach(active ? 1 : 0);
        bytes memory mismatch = abi.encodeWithSelector(IParticipants.ParticipantsMismatch.selector, ALICE);
        _expectAdmit(mismatch, entity, KIND, IDENTITY);
        _expectAdmit(mismatch, ENTITY, IParticipants.Kind.VOLUNTARY, IDENTITY);
        _expectAdmit(mismatch, ENTITY, KIND, identity);
    }

    function test_Admit_ByItsRegistrar() public {
        _grant(Roles.EXCHANGE, REGULATOR);
        vm.prank(REGULATOR);
        participants.register(ALICE, ENTITY, KIND, IDENTITY);
        _expectAdmit(
            abi.encodeWithSelector(IParticipants.ParticipantsSelfAdmission.selector, ALICE, REGULATOR),
            ENTITY,
            KIND,
            IDENTITY
        );
    }

    function test_Admit_AgainIsNoOp() public {
        _reach(1);
        _grant(Roles.REGULATOR, EXCHANGE);
        vm.recordLogs();
        vm.prank(REGULATOR);
        vm.assertFalse(participants.admit(ALICE, ENTITY, KIND, IDENTITY), "admitted again");
        vm.prank(EXCHANGE);
        vm.assertFalse(participants.admit(ALICE, ENTITY, KIND, IDENTITY), "by its registrar");
        _assertSilent();
    }

    function test_Admit_Records() public {
        _register();
        vm.expectEmit(address(participants));
        emit IParticipants.ParticipantAdmitted(ALICE, REGULATOR);
        vm.prank(REGULATOR);
        vm.assertTrue(participants.admit(ALICE, ENTITY, KIND, IDENTITY), "admitted");

        IParticipants.Status active = IParticipants.Status.ACTIVE;
        _assertSame(
            participants.participantOf(ALICE),
            IParticipants.Participant(ENTITY, IDENTITY, EXCHANGE, KIND, active)
        );
    }

    // suspend

    function test_Suspend_NotActive() public {
        _expectSuspend(_unexpected(IParticipants.Status.NONE), REASON);
        _register();
        _expectSuspend(_unexpected(IParticipants.Status.PENDING), REASON);
    }

    function test_Suspend_WithoutAReason() public {
        _reach(1);
        _expectSuspend(abi.encodeWithSelector(IParticipants.ParticipantsMissingReason.selector, ALICE), 0);
    }

    function testFuzz_Suspend_AgainIsNoOp(bytes32 reason) public {
        _reach(2);
        vm.recordLogs();
        vm.prank(REGULATOR);
        vm.assertFalse(participants.suspend(ALICE, reason), "suspended again");
        _assertSilent();
    }

    function testFuzz_Suspend_Records(bytes32 reason) public {
        vm.assume(reason != 0);
        _reach(1);
        vm.expectEmit(address(participants));
        emit IParticipants.ParticipantSuspended(ALICE, reason);
        vm.prank(REGULATOR);
        vm.assertTrue(participants.suspend(ALICE, reason), "suspended");

        IParticipants.Status suspended = IParticipants.Status.SUSPENDED;
        _assertSame(
            participants.participantOf(ALICE),
            IParticipants.Participant(ENTITY, IDENTITY, EXCHANGE, KIND, suspended)
        );
    }

    // reinstate

    function test_Reinstate_NotSuspended() public {
        _expectReinstate(_unexpected(IParticipants.Status.NONE));
        _register();
        _expectReinstate(_unexpected(IParticipants.Status.PENDING));
    }

    function test_Reinstate_WithoutItsDelay() public {
        _reach(2);
        bytes memory data = abi.encodeCall(participants.reinstate, (ALICE));
        bytes32 operation = manager.hashOperation(REGULATOR, address(participants), data);
        vm.startPrank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, operation));
        participants.reinstate(ALICE);
        manager.schedule(address(participants), data, 0);
        vm.warp(block.timestamp + REGULATOR_DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotReady.selector, operation));
        participants.reinstate(ALICE);
    }

    function test_Reinstate_AgainIsNoOp() public {
        _reach(1);
        _schedule();
        vm.recordLogs();
        vm.prank(REGULATOR);
        vm.assertFalse(participants.reinstate(ALICE), "reinstated again");
        vm.assertEq(vm.getRecordedLogs().length, 1, "only the manager's OperationExecuted");
    }

    function test_Reinstate_Records() public {
        _reach(2);
        _schedule();
        vm.expectEmit(address(participants));
        emit IParticipants.ParticipantReinstated(ALICE);
        vm.prank(REGULATOR);
        vm.assertTrue(participants.reinstate(ALICE), "reinstated");
        vm.assertTrue(participants.isActive(ALICE), "active");

        vm.prank(REGULATOR);
        vm.assertTrue(participants.suspend(ALICE, REASON), "suspended once more");
        vm.assertFalse(participants.isActive(ALICE), "active");
    }

    // Views

    function testFuzz_RequireActive_OnlyTheActive(address other) public {
        vm.assume(other != ALICE);
        _expectInactive(ALICE, IParticipants.Status.NONE);
        _register();
        _expectInactive(ALICE, IParticipants.Status.PENDING);
        _admit();
        participants.requireActive(ALICE);
        vm.assertTrue(participants.isActive(ALICE), "active");
        _expectInactive(other, IParticipants.Status.NONE);
        _suspend();
        _expectInactive(ALICE, IParticipants.Status.SUSPENDED);
    }

    // Acts

    /// @dev Pending, active or suspended.
    function _reach(uint256 stage) private {
        _register();
        if (stage % 3 > 0) _admit();
        if (stage % 3 > 1) _suspend();
    }

    function _register() private {
        vm.prank(EXCHANGE);
        participants.register(ALICE, ENTITY, KIND, IDENTITY);
    }

    function _admit() private {
        vm.prank(REGULATOR);
        participants.admit(ALICE, ENTITY, KIND, IDENTITY);
    }

    function _suspend() private {
        vm.prank(REGULATOR);
        participants.suspend(ALICE, REASON);
    }

    function _schedule() private {
        vm.prank(REGULATOR);
        manager.schedule(address(participants), abi.encodeCall(participants.reinstate, (ALICE)), 0);
        vm.warp(block.timestamp + REGULATOR_DELAY);
    }

    // What is expected

    function _expectIncomplete(address account, bytes32 entity, IParticipants.Kind kind, bytes32 identity) private {
        vm.expectRevert(abi.encodeWithSelector(IParticipants.ParticipantsIncomplete.selector, account));
        participants.register(account, entity, kind, identity);
    }

    function _expectAdmit(
        bytes memory reason,
        bytes32 entity,
        IParticipants.Kind kind,
        bytes32 identity
    ) private {
        vm.prank(REGULATOR);
        vm.expectRevert(reason);
        participants.admit(ALICE, entity, kind, identity);
    }

    function _expectSuspend(bytes memory reason, bytes32 why) private {
        vm.prank(REGULATOR);
        vm.expectRevert(reason);
        participants.suspend(ALICE, why);
    }

    function _expectReinstate(bytes memory reason) private {
        _schedule();
        vm.prank(REGULATOR);
        vm.expectRevert(reason);
        participants.reinstate(ALICE);
        bytes memory data = abi.encodeCall(participants.reinstate, (ALICE));
        vm.prank(REGULATOR);
        manager.cancel(REGULATOR, address(participants), data);
    }

    function _expectInactive(address account, IParticipants.Status status) private {
        vm.expectRevert(abi.encodeWithSelector(IParticipants.ParticipantsInactive.selector, account, status));
        participants.requireActive(account);
        vm.assertFalse(participants.isActive(account), "active");
    }

    function _unexpected(IParticipants.Status status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IParticipants.ParticipantsUnexpectedStatus.selector, ALICE, status);
    }

    function _assertSame(
        IParticipants.Participant memory actual,
        IParticipants.Participant memory expected
    ) private pure {
        vm.assertEq(keccak256(abi.encode(actual)), keccak256(abi.encode(expected)), "participant");
    }
}
