// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

import {IRoleCouncil} from "../../contracts/interfaces/IRoleCouncil.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {RoleCouncil} from "../../contracts/RoleCouncil.sol";
import {Roles} from "../../contracts/Roles.sol";
import {Fixture} from "./Fixture.sol";

/// @dev The ledger as in production: the council is handed the administration, the deployer gives its own up.
contract RoleCouncilTest is Fixture {
    uint32 private constant DELAY = 1 days;
    uint256 private constant LIFETIME = 30 days;
    bytes32 private constant SALT = "2026-10";
    address private constant NEW_PLATFORM = address(0xC001);

    RoleCouncil private council;
    address[] private members;

    function _handOver() internal override {
        members = [PLATFORM, VERIFIER, REGULATOR, EXCHANGE, GUARDIAN];
        council = new RoleCouncil(address(manager), members, DELAY);
        manager.grantRole(Roles.ADMIN, address(council), 0);
        manager.renounceRole(Roles.ADMIN, address(this));
    }

    // Deployment

    function testFuzz_Deploy_ManagerThatIsNoContract(address nowhere) public {
        vm.assume(nowhere.code.length == 0);
        vm.expectRevert(abi.encodeWithSelector(IRoleCouncil.RoleCouncilInvalidManager.selector, nowhere));
        new RoleCouncil(nowhere, members, DELAY);
    }

    function test_Deploy_TooFewOrTooManyMembers() public {
        for (uint256 count = 0; count < 3; ++count) _expectNoCouncil(_memberCount(count), _accounts(count));
        _expectNoCouncil(_memberCount(17), _accounts(17));
        _expectNoCouncil(_memberCount(17), _accounts(20)); // at the one that is too many
    }

    function testFuzz_Deploy_ZeroOrRepeatedMember(uint256 count, uint256 first, uint256 second) public {
        count = _bound(count, 3, 16);
        first = _bound(first, 0, count - 2);
        second = _bound(second, first + 1, count - 1);
        address[] memory accounts = _accounts(count);
        accounts[second] = accounts[first];
        _expectNoCouncil(_invalidMember(accounts[first]), accounts);
        accounts[second] = address(0);
        _expectNoCouncil(_invalidMember(address(0)), accounts);
    }

    function testFuzz_Deploy_Records(uint256 count, uint32 delay) public {
        address[] memory accounts = _accounts(_bound(count, 3, 16));
        vm.recordLogs();
        RoleCouncil other = new RoleCouncil(address(manager), accounts, delay);
        vm.assertEq(vm.getRecordedLogs().length, accounts.length, "events");
        vm.assertEq(other.manager(), address(manager), "manager");
        vm.assertEq(other.delay(), delay, "delay");
        vm.assertEq(other.memberCount(), accounts.length, "members");
        for (uint256 i = 0; i < accounts.length; ++i) vm.assertTrue(other.isMember(accounts[i]), "member");
        vm.assertFalse(other.isMember(address(this)), "the deployer");
    }

    function test_Deploy_OnlyTheCouncilAdministers() public {
        address[9] memory others = [
            address(this),
            PLATFORM,
            VERIFIER,
            REGULATOR,
            EXCHANGE,
            GUARDIAN,
            STRANGER,
            address(points),
            address(manager)
        ];
        for (uint256 i = 0; i < others.length; ++i) {
            (bool admin, ) = manager.hasRole(Roles.ADMIN, others[i]);
            vm.assertFalse(admin, "administers");
            vm.prank(others[i]);
            vm.expectRevert(_notAdmin(others[i]));
            manager.grantRole(Roles.PLATFORM, others[i], 0);
        }
        (bool councilIsAdmin, uint32 delay) = manager.hasRole(Roles.ADMIN, address(council));
        vm.assertTrue(councilIsAdmin, "council");
        vm.assertEq(delay, 0, "the council has its own delay");
    }

    // Propose, and what holds for every function

    function testFuzz_EveryFunction_RefusesStrangers(address caller, bytes32 id) public {
        vm.assume(!council.isMember(caller));
        bytes memory refusal = abi.encodeWithSelector(IRoleCouncil.RoleCouncilNotMember.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        council.propose(address(manager), _rotation(), SALT);
        vm.expectRevert(refusal);
        council.approve(id);
        vm.expectRevert(refusal);
        council.cancel(id);
        vm.expectRevert(refusal);
        council.execute(address(manager), _rotation(), SALT);
    }

    function testFuzz_Propose_OtherTarget(address target) public {
        vm.assume(target != address(manager) && target != address(council));
        vm.prank(PLATFORM);
        vm.expectRevert(abi.encodeWithSelector(IRoleCouncil.RoleCouncilInvalidTarget.selector, target));
        council.propose(target, _rotation(), SALT);
    }

    function test_Propose_ProposedByAnother() public {
        bytes32 id = _propose(PLATFORM, _rotation());
        vm.prank(VERIFIER);
        vm.expectRevert(abi.encodeWithSelector(IRoleCouncil.RoleCouncilAlreadyProposed.selector, id, PLATFORM));
        council.propose(address(manager), _rotation(), SALT);
    }

    function testFuzz_Propose_AgainIsNoOp(uint8 stage) public {
        bytes32 id = _proposalAt(stage);
        IRoleCouncil.Proposal memory before = council.proposalOf(id);
        vm.recordLogs();
        vm.prank(PLATFORM);
        vm.assertFalse(council.propose(address(manager), _rotation(), SALT), "proposed again");
        _assertSilent();
        vm.assertEq(keccak256(abi.encode(council.proposalOf(id))), keccak256(abi.encode(before)), "unchanged");
    }

    function testFuzz_Propose_Records(uint256 who, bool toItself, bytes calldata data, bytes32 salt) public {
        address target = toItself ? address(council) : address(manager);
        bytes32 id = keccak256(abi.encode(target, data, salt));
        vm.assertEq(council.hashProposal(target, data, salt), id, "id");
        vm.expectEmit(address(council));
        emit IRoleCouncil.CouncilProposed(id, _member(who), target, data, salt);
        vm.prank(_member(who));
        vm.assertTrue(council.propose(target, data, salt), "proposed");

        IRoleCouncil.Proposal memory proposal = council.proposalOf(id);
        vm.assertEq(proposal.proposer, _member(who), "proposer");
        vm.assertEq(proposal.approver, address(0), "approver");
        vm.assertEq(proposal.readyAt, 0, "ready");
        _assertStatus(id, IRoleCouncil.Status.PROPOSED);
    }

    // Approve

    function testFuzz_Approve_Unknown(bytes32 id) public {
        vm.prank(VERIFIER);
        vm.expectRevert(_unexpected(id, IRoleCouncil.Status.NONE));
        council.approve(id);
    }

    function testFuzz_Approve_OwnProposal(uint256 who) public {
        bytes32 id = _propose(_member(who), _rotation());
        vm.prank(_member(who));
        vm.expectRevert(abi.encodeWithSelector(IRoleCouncil.RoleCouncilSelfApproval.selector, id, _member(who)));
        council.approve(id);
    }

    function testFuzz_Approve_NotProposedAnyMore(uint8 stage) public {
        stage = uint8(_bound(stage, 1, 3));
        bytes32 id = _proposalAt(stage);
        IRoleCouncil.Status status = council.proposalOf(id).status;
        vm.prank(GUARDIAN);
        vm.expectRevert(_unexpected(id, status));
        council.approve(id);
    }

    function testFuzz_Approve_AgainIsNoOp(uint8 stage) public {
        stage = uint8(_bound(stage, 1, 3));
        bytes32 id = _proposalAt(stage);
        uint64 readyAt = council.proposalOf(id).readyAt;
        vm.warp(block.timestamp + 1);
        vm.recordLogs();
        vm.prank(VERIFIER);
        vm.assertFalse(council.approve(id), "approved again");
        _assertSilent();
        vm.assertEq(council.proposalOf(id).readyAt, readyAt, "the delay does not begin anew");
    }

    function testFuzz_Approve_Records(uint256 who, uint256 other, uint32 wait) public {
        other = _bound(other, 1, 4) + (who % 5);
        bytes32 id = _propose(_member(who), _rotation());
        vm.warp(block.timestamp + wait);
        uint64 readyAt = uint64(block.timestamp) + DELAY;
        vm.expectEmit(address(council));
        emit IRoleCouncil.CouncilApproved(id, _member(other), readyAt);
        vm.prank(_member(other));
        vm.assertTrue(council.approve(id), "approved");

        vm.assertEq(council.proposalOf(id).approver, _member(other), "approver");
        vm.assertEq(council.proposalOf(id).readyAt, readyAt, "ready");
        _assertStatus(id, IRoleCouncil.Status.APPROVED);
    }

    // Cancel

    function testFuzz_Cancel_Unknown(bytes32 id) public {
        vm.prank(VERIFIER);
        vm.expectRevert(_unexpected(id, IRoleCouncil.Status.NONE));
        council.cancel(id);
    }

    function test_Cancel_Executed() public {
        bytes32 id = _proposalAt(3);
        vm.prank(VERIFIER);
        vm.expectRevert(_unexpected(id, IRoleCouncil.Status.EXECUTED));
        council.cancel(id);
    }

    function testFuzz_Cancel_AgainIsNoOp(uint256 who) public {
        bytes32 id = _proposalAt(2);
        vm.recordLogs();
        vm.prank(_member(who));
        vm.assertFalse(council.cancel(id), "cancelled again");
        _assertSilent();
    }

    /// @dev Any member can, at any time before the execution, and nothing brings the proposal back.
    function testFuzz_Cancel_IsForGood(uint256 who, bool approved, uint32 wait, uint32 later) public {
        bytes32 id = _proposalAt(approved ? 1 : 0);
        vm.warp(block.timestamp + wait);
        vm.expectEmit(address(council));
        emit IRoleCouncil.CouncilCancelled(id, _member(who));
        vm.prank(_member(who));
        vm.assertTrue(council.cancel(id), "cancelled");

        vm.warp(block.timestamp + later);
        for (uint256 i = 0; i < members.length; ++i) {
            _tryAll(members[i], address(manager), _rotation());
            vm.prank(members[i]);
            vm.expectRevert(_unexpected(id, IRoleCouncil.Status.CANCELLED));
            council.execute(address(manager), _rotation(), SALT);
        }
        _assertStatus(id, IRoleCouncil.Status.CANCELLED);
        _assertPlatform(NEW_PLATFORM, false);
    }

    // Execute

    function testFuzz_Execute_NotApproved(bool proposed, uint32 wait) public {
        bytes32 id = council.hashProposal(address(manager), _rotation(), SALT);
        if (proposed) _propose(PLATFORM, _rotation());
        vm.warp(block.timestamp + wait);
        _expect(_unexpected(id, proposed ? IRoleCouncil.Status.PROPOSED : IRoleCouncil.Status.NONE), _rotation());
    }

    function testFuzz_Execute_OutOfTime(uint256 early, uint32 late) public {
        bytes32 id = _proposalAt(1);
        uint256 readyAt = council.proposalOf(id).readyAt;
        uint256 until = readyAt + LIFETIME;
        bytes memory refusal = abi.encodeWithSelector(
            IRoleCouncil.RoleCouncilOutOfTime.selector,
            id,
            readyAt,
            until
        );
        _expect(refusal, _rotation());
        vm.warp(readyAt - _bound(early, 1, DELAY));
        _expect(refusal, _rotation());
        vm.warp(readyAt - 1);
        _expect(refusal, _rotation());
        vm.warp(until);
        _expect(refusal, _rotation());
        vm.warp(until + late);
        _expect(refusal, _rotation());
    }

    function testFuzz_Execute_AnotherCall(bytes calldata data, bytes32 salt) public {
        vm.assume(keccak256(data) != keccak256(_rotation()) && salt != SALT);
        vm.warp(council.proposalOf(_proposalAt(1)).readyAt);
        _expectUnknown(address(manager), data, SALT);
        _expectUnknown(address(manager), _rotation(), salt);
        _expectUnknown(address(council), _rotation(), SALT);
    }

    function test_Execute_OfARemovedProposerOrApprover() public {
        _expectVoidWithout(PLATFORM, "1");
        _expectVoidWithout(VERIFIER, "2");
        _assertPlatform(NEW_PLATFORM, false);
    }

    function test_Execute_ApprovedAfterItsProposerWasRemoved() public {
        bytes32 id = _propose(PLATFORM, _rotation());
        _decideBy(REGULATOR, EXCHANGE, address(council), abi.encodeCall(council.removeMember, (PLATFORM)), SALT);
        vm.prank(VERIFIER);
        council.approve(id);
        vm.warp(block.timestamp + DELAY);
        _expect(abi.encodeWithSelector(IRoleCouncil.RoleCouncilVoid.selector, id), _rotation());
    }

    function test_Execute_AfterAnUninvolvedMemberWasRemoved() public {
        _approved(address(manager), _rotation(), SALT);
        _decideBy(REGULATOR, EXCHANGE, address(council), abi.encodeCall(council.removeMember, (GUARDIAN)), SALT);
        vm.prank(EXCHANGE);
        vm.assertTrue(council.execute(address(manager), _rotation(), SALT), "executed");
        _assertPlatform(NEW_PLATFORM, true);
    }

    /// @dev The reason of the call comes through, and the proposal can be executed once the reason is gone.
    function test_Execute_FailingCall() public {
        address[] memory accounts = _accounts(11);
        for (uint256 i = 0; i < 11; ++i) {
            _decide(address(council), abi.encodeCall(council.addMember, (accounts[i])), bytes32(i));
        }
        bytes memory data = abi.encodeCall(council.addMember, (ALICE));
        bytes32 id = _approved(address(council), data, SALT);
        vm.warp(council.proposalOf(id).readyAt);
        vm.prank(GUARDIAN);
        vm.expectRevert(_memberCount(17));
        council.execute(address(council), data, SALT);
        _assertStatus(id, IRoleCouncil.Status.APPROVED);

        _decide(address(council), abi.encodeCall(council.removeMember, (accounts[0])), SALT);
        vm.prank(GUARDIAN);
        vm.assertTrue(council.execute(address(council), data, SALT), "executed");
        vm.assertTrue(council.isMember(ALICE), "member");
    }

    function testFuzz_Execute_AgainIsNoOp(uint256 who, uint32 later) public {
        _proposalAt(3);
        _decide(address(manager), abi.encodeCall(manager.revokeRole, (Roles.PLATFORM, NEW_PLATFORM)), SALT);
        vm.warp(block.timestamp + later);
        vm.recordLogs();
        vm.prank(_member(who));
        vm.assertFalse(council.execute(address(manager), _rotation(), SALT), "executed again");
        _assertSilent();
        _assertPlatform(NEW_PLATFORM, false);
    }

    function testFuzz_Execute_Records(uint256 who, uint256 wait) public {
        bytes32 id = _proposalAt(1);
        vm.warp(council.proposalOf(id).readyAt + _bound(wait, 0, LIFETIME - 1));
        vm.expectEmit(address(council));
        emit IRoleCouncil.CouncilExecuted(id, _member(who));
        vm.prank(_member(who));
        vm.assertTrue(council.execute(address(manager), _rotation(), SALT), "executed");
        _assertStatus(id, IRoleCouncil.Status.EXECUTED);
        _assertPlatform(NEW_PLATFORM, true);
    }

    // Members

    function testFuzz_Members_OnlyThroughAProposal(address caller, uint256 who) public {
        vm.assume(caller != address(council));
        _expectOnlyItself(caller);
        _expectOnlyItself(_member(who));
        _expectOnlyItself(address(manager));
    }

    /// @dev Nor by the detour over the manager, which the council may send to any function without a role.
    function test_Members_NotThroughTheManager() public {
        bytes memory data = abi.encodeCall(council.addMember, (ALICE));
        bytes memory detour = abi.encodeCall(manager.execute, (address(council), data));
        vm.warp(council.proposalOf(_approved(address(manager), detour, SALT)).readyAt);
        _expect(abi.encodeWithSelector(IRoleCouncil.RoleCouncilOnlyItself.selector, address(manager)), detour);
    }

    function test_AddMember_Zero() public {
        _expectDecision(_invalidMember(address(0)), abi.encodeCall(council.addMember, (address(0))));
    }

    function test_RemoveMember_BelowThree() public {
        _decide(address(council), abi.encodeCall(council.removeMember, (REGULATOR)), SALT);
        _decide(address(council), abi.encodeCall(council.removeMember, (EXCHANGE)), SALT);
        _expectDecision(_memberCount(2), abi.encodeCall(council.removeMember, (GUARDIAN)));
        vm.assertEq(council.memberCount(), 3, "members");
    }

    function testFuzz_Members_AgainIsNoOp(uint256 who, address stranger) public {
        vm.assume(!council.isMember(stranger));
        vm.startPrank(address(council));
        vm.recordLogs();
        vm.assertFalse(council.addMember(_member(who)), "added again");
        vm.assertFalse(council.removeMember(stranger), "removed again");
        _assertSilent();
        vm.assertEq(council.memberCount(), 5, "members");
    }

    function testFuzz_Members_Records(address account) public {
        vm.assume(account != address(0) && !council.isMember(account));
        vm.startPrank(address(council));
        vm.expectEmit(address(council));
        emit IRoleCouncil.CouncilMemberAdded(account);
        vm.assertTrue(council.addMember(account), "added");
        vm.assertTrue(council.isMember(account), "member");
        vm.assertEq(council.memberCount(), 6, "members");

        vm.expectEmit(address(council));
        emit IRoleCouncil.CouncilMemberRemoved(account);
        vm.assertTrue(council.removeMember(account), "removed");
        vm.assertFalse(council.isMember(account), "member");
        vm.assertEq(council.memberCount(), 5, "members");
    }

    // End to end

    /// @dev Every member takes every step it can, alone, for as long as it likes. None gets a role out of it.
    function testFuzz_OneMemberAlone_GrantsNothing(uint256 who, uint32 wait) public {
        address thief = _member(who);
        bytes memory grant = abi.encodeCall(manager.grantRole, (Roles.POINTS, thief, 0));
        bytes memory admin = abi.encodeCall(manager.grantRole, (Roles.ADMIN, thief, 0));
        bytes memory crony = abi.encodeCall(council.addMember, (STRANGER));
        for (uint256 i = 0; i < 2; ++i) {
            _tryAll(thief, address(manager), grant);
            _tryAll(thief, address(manager), admin);
            _tryAll(thief, address(council), crony);
            vm.warp(block.timestamp + wait);
        }
        (bool points_, ) = manager.hasRole(Roles.POINTS, thief);
        (bool admin_, ) = manager.hasRole(Roles.ADMIN, thief);
        vm.assertFalse(points_ || admin_ || council.isMember(STRANGER), "granted");
    }

    /// @dev A member that is a contract, and is called in the middle of an execution, gains nothing by calling back.
    function test_Reentrancy_GrantsNothing() public {
        Reentrant reentrant = new Reentrant(council, manager);
        _decide(address(council), abi.encodeCall(council.addMember, (address(reentrant))), SALT);
        bytes memory data = abi.encodeCall(
            manager.execute,
            (address(reentrant), abi.encodeCall(reentrant.reenter, (SALT)))
        );
        _decide(address(manager), data, SALT);

        vm.assertEq(reentrant.entered(), 1, "entered once");
        vm.assertEq(reentrant.succeeded(), 0, "nothing it tried succeeded");
        (bool platform, ) = manager.hasRole(Roles.PLATFORM, address(reentrant));
        vm.assertFalse(platform, "granted");
        vm.assertFalse(council.isMember(STRANGER), "member");
    }

    /// @dev Whichever two members agree can replace the platform's key, after the delay and not before.
    function testFuzz_TwoMembers_RotateThePlatformKey(uint256 first, uint256 second, uint256 third) public {
        second = _bound(second, 1, 4) + (first % 5);
        bytes[] memory calls = new bytes[](2);
        calls[0] = _rotation();
        calls[1] = abi.encodeCall(manager.revokeRole, (Roles.PLATFORM, PLATFORM));
        bytes memory rotation = abi.encodeCall(manager.multicall, (calls));
        vm.prank(_member(first));
        council.propose(address(manager), rotation, SALT);
        bytes32 id = council.hashProposal(address(manager), rotation, SALT);
        vm.prank(_member(second));
        council.approve(id);
        _assertPlatform(NEW_PLATFORM, false);
        vm.warp(block.timestamp + DELAY);
        vm.prank(_member(third));
        council.execute(address(manager), rotation, SALT);

        _assertPlatform(NEW_PLATFORM, true);
        _assertPlatform(PLATFORM, false);
        vm.prank(REGULATOR);
        anchors.updateSource(SOURCE, NEW_PLATFORM, DAILY_CAP, true);
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        vm.prank(PLATFORM);
        vm.expectRevert(_unauthorized(PLATFORM));
        anchors.anchor(batch);
        vm.prank(NEW_PLATFORM);
        vm.assertTrue(anchors.anchor(batch), "anchored");
    }

    // Steps

    function _rotation() private view returns (bytes memory) {
        return abi.encodeCall(manager.grantRole, (Roles.PLATFORM, NEW_PLATFORM, 0));
    }

    function _propose(address member, bytes memory data) private returns (bytes32) {
        vm.prank(member);
        vm.assertTrue(council.propose(address(manager), data, SALT), "proposed");
        return council.hashProposal(address(manager), data, SALT);
    }

    /// @dev The rotation as PLATFORM proposed it: 0 just so, 1 approved by VERIFIER, 2 then cancelled, 3 or executed.
    function _proposalAt(uint8 stage) private returns (bytes32 id) {
        stage = stage % 4;
        if (stage == 0) return _propose(PLATFORM, _rotation());
        id = _approved(address(manager), _rotation(), SALT);
        if (stage == 1) return id;
        vm.warp(block.timestamp + DELAY);
        vm.prank(PLATFORM);
        if (stage == 2) vm.assertTrue(council.cancel(id), "cancelled");
        else vm.assertTrue(council.execute(address(manager), _rotation(), SALT), "executed");
    }

    function _approved(address target, bytes memory data, bytes32 salt) private returns (bytes32) {
        return _approvedBy(PLATFORM, VERIFIER, target, data, salt);
    }

    function _approvedBy(
        address proposer,
        address approver,
        address target,
        bytes memory data,
        bytes32 salt
    ) private returns (bytes32 id) {
        id = council.hashProposal(target, data, salt);
        vm.prank(proposer);
        council.propose(target, data, salt);
        vm.prank(approver);
        council.approve(id);
    }

    function _decide(address target, bytes memory data, bytes32 salt) private {
        _decideBy(PLATFORM, VERIFIER, target, data, salt);
    }

    function _decideBy(
        address proposer,
        address approver,
        address target,
        bytes memory data,
        bytes32 salt
    ) private {
        vm.warp(council.proposalOf(_approvedBy(proposer, approver, target, data, salt)).readyAt);
        vm.prank(approver);
        vm.assertTrue(council.execute(target, data, salt), "executed");
    }

    /// @dev All a member can try on its own to have `data` called on `target`; failures are ignored.
    function _tryAll(address member, address target, bytes memory data) private {
        bytes32 id = council.hashProposal(target, data, SALT);
        bytes[9] memory steps = [
            abi.encodeCall(council.propose, (target, data, SALT)),
            abi.encodeCall(council.execute, (target, data, SALT)),
            abi.encodeCall(council.approve, (id)),
            abi.encodeCall(council.propose, (target, data, SALT)),
            abi.encodeCall(council.approve, (id)),
            abi.encodeCall(council.execute, (target, data, SALT)),
            abi.encodeCall(manager.schedule, (target, data, 0)),
            abi.encodeCall(manager.execute, (target, data)),
            abi.encodeCall(manager.execute, (address(council), abi.encodeCall(council.approve, (id))))
        ];
        for (uint256 i = 0; i < steps.length; ++i) {
            vm.prank(member);
            (bool done, ) = (i < 6 ? address(council) : address(manager)).call(steps[i]);
            vm.assertFalse(done && i > 5, "through the manager");
        }
        vm.prank(member);
        (bool direct, ) = target.call(data);
        vm.assertFalse(direct, "directly");
    }

    // Expectations

    function _expect(bytes memory reason, bytes memory data) private {
        vm.prank(GUARDIAN);
        vm.expectRevert(reason);
        council.execute(address(manager), data, SALT);
    }

    function _expectUnknown(address target, bytes memory data, bytes32 salt) private {
        bytes32 id = council.hashProposal(target, data, salt);
        vm.prank(GUARDIAN);
        vm.expectRevert(_unexpected(id, IRoleCouncil.Status.NONE));
        council.execute(target, data, salt);
    }

    function _expectDecision(bytes memory reason, bytes memory data) private {
        vm.warp(council.proposalOf(_approved(address(council), data, SALT)).readyAt);
        vm.prank(VERIFIER);
        vm.expectRevert(reason);
        council.execute(address(council), data, SALT);
    }

    /// @dev Removes `member`, who proposed or approved, and takes it in again.
    function _expectVoidWithout(address member, bytes32 salt) private {
        bytes32 id = _approved(address(manager), _rotation(), salt);
        _decideBy(REGULATOR, EXCHANGE, address(council), abi.encodeCall(council.removeMember, (member)), salt);
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(IRoleCouncil.RoleCouncilVoid.selector, id));
        council.execute(address(manager), _rotation(), salt);
        _decideBy(REGULATOR, EXCHANGE, address(council), abi.encodeCall(council.addMember, (member)), salt);
    }

    function _expectNoCouncil(bytes memory reason, address[] memory accounts) private {
        vm.expectRevert(reason);
        new RoleCouncil(address(manager), accounts, DELAY);
    }

    function _expectOnlyItself(address caller) private {
        bytes memory refusal = abi.encodeWithSelector(IRoleCouncil.RoleCouncilOnlyItself.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        council.addMember(ALICE);
        vm.expectRevert(refusal);
        council.removeMember(GUARDIAN);
        vm.stopPrank();
    }

    function _assertStatus(bytes32 id, IRoleCouncil.Status status) private view {
        vm.assertEq(uint256(council.proposalOf(id).status), uint256(status), "status");
    }

    function _assertPlatform(address account, bool expected) private view {
        (bool member, ) = manager.hasRole(Roles.PLATFORM, account);
        vm.assertEq(member, expected, "platform");
    }

    function _member(uint256 which) private view returns (address) {
        return members[which % members.length];
    }

    function _accounts(uint256 count) private pure returns (address[] memory accounts) {
        accounts = new address[](count);
        for (uint256 i = 0; i < count; ++i) accounts[i] = address(uint160(0xD000 + i));
    }

    function _unexpected(bytes32 id, IRoleCouncil.Status status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRoleCouncil.RoleCouncilUnexpectedStatus.selector, id, status);
    }

    function _memberCount(uint256 count) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRoleCouncil.RoleCouncilMemberCount.selector, count);
    }

    function _invalidMember(address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRoleCouncil.RoleCouncilInvalidMember.selector, account);
    }

    function _notAdmin(address caller) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IAccessManager.AccessManagerUnauthorizedAccount.selector,
                caller,
                Roles.ADMIN
            );
    }
}

/// @dev A member that uses the moment in which the manager, on the council's behalf, calls it.
contract Reentrant {
    RoleCouncil private immutable _council;
    IAccessManager private immutable _manager;

    uint256 public entered;
    uint256 public succeeded;

    constructor(RoleCouncil council, IAccessManager manager) {
        _council = council;
        _manager = manager;
    }

    function reenter(bytes32 salt) external {
        if (++entered > 1) return; // a test that fails, not one that never ends
        bytes memory own = abi.encodeCall(
            _manager.execute,
            (address(this), abi.encodeCall(this.reenter, (salt)))
        );
        // The very proposal that is being executed.
        try _council.execute(address(_manager), own, salt) returns (bool again) {
            if (again) ++succeeded;
        } catch {}
        // One of its own, from the proposal to the execution.
        bytes memory grant = abi.encodeCall(_manager.grantRole, (1, address(this), 0));
        _council.propose(address(_manager), grant, salt);
        _attempt(address(_council), abi.encodeCall(_council.approve, (keccak256(abi.encode(_manager, grant, salt)))));
        _attempt(address(_council), abi.encodeCall(_council.execute, (address(_manager), grant, salt)));
        // The manager and the members, while the council is at work.
        _attempt(address(_manager), grant);
        _attempt(address(_manager), abi.encodeCall(_manager.execute, (address(_manager), grant)));
        bytes memory crony = abi.encodeCall(_council.addMember, (address(0xA0FF)));
        _attempt(address(_council), crony);
        _attempt(address(_manager), abi.encodeCall(_manager.execute, (address(_council), crony)));
    }

    function _attempt(address target, bytes memory data) private {
        (bool done, ) = target.call(data);
        if (done) ++succeeded;
    }
}
