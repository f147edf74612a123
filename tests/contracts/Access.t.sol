// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {IEpochs} from "../../contracts/interfaces/IEpochs.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {Roles} from "../../contracts/Roles.sol";
import {Fixture} from "./Fixture.sol";

contract AccessTest is Fixture {
    struct Guarded {
        address target;
        uint64 role;
        bytes data;
    }

    Guarded[] private guarded;

    function setUp() public override {
        super.setUp();
        bytes32[] memory ids = new bytes32[](1);
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        IEpochs.Conversion[] memory none = _noConversions();

        _guard(address(registry), Roles.REGULATOR, abi.encodeCall(registry.publish, (2, _methodology())));
        _guard(address(registry), Roles.REGULATOR, abi.encodeCall(registry.end, (METHODOLOGY, 20261231)));
        _guard(address(anchors), Roles.REGULATOR, abi.encodeCall(anchors.registerSource, ("bus", ALICE, 1)));
        _guard(address(anchors), Roles.REGULATOR, abi.encodeCall(anchors.updateSource, (SOURCE, ALICE, 1, true)));
        _guard(address(anchors), Roles.REGULATOR_DELAYED, abi.encodeCall(anchors.setQuorum, (2)));
        _guard(address(anchors), Roles.PLATFORM, abi.encodeCall(anchors.anchor, (batch)));
        _guard(address(anchors), Roles.VERIFIER, abi.encodeCall(anchors.attest, (0)));
        _guard(address(anchors), Roles.VERIFIER, abi.encodeCall(anchors.reject, (0, "reason")));
        _guard(address(anchors), Roles.POINTS, abi.encodeCall(anchors.issue, (ids)));
        _guard(address(anchors), Roles.POINTS, abi.encodeCall(anchors.release, (ids)));
        _guard(address(points), Roles.PLATFORM, abi.encodeCall(points.publishEpoch, (1, "root", 1, ids, none)));
        _guard(address(points), Roles.VERIFIER, abi.encodeCall(points.attestEpoch, (1, "digest")));
        _guard(address(points), Roles.GUARDIAN, abi.encodeCall(points.cancelEpoch, (1, ids, none, "reason")));
        _guard(address(points), Roles.GUARDIAN, abi.encodeCall(points.pause, ()));
        _guard(address(points), Roles.REGULATOR_DELAYED, abi.encodeCall(points.unpause, ()));
    }

    function test_Restricted_EveryFunctionRefusesEveryOtherRole() public {
        address[8] memory actors = [
            PLATFORM,
            VERIFIER,
            REGULATOR,
            EXCHANGE,
            GUARDIAN,
            address(points),
            GOVERNANCE,
            STRANGER
        ];
        uint256 refused;
        for (uint256 i = 0; i < guarded.length; ++i) {
            Guarded memory call = guarded[i];
            for (uint256 j = 0; j < actors.length; ++j) {
                (bool member, ) = manager.hasRole(call.role, actors[j]);
                if (member) continue;
                _expectRefused(call, actors[j]);
                ++refused;
            }
        }
        vm.assertEq(refused, guarded.length * (actors.length - 1), "one role each");
    }

    function testFuzz_Restricted_RefusesAnyStranger(address caller, uint256 which) public {
        Guarded memory call = guarded[which % guarded.length];
        (bool member, ) = manager.hasRole(call.role, caller);
        vm.assume(!member && caller != address(manager));
        _expectRefused(call, caller);
    }

    function test_Restricted_EveryFunctionHasItsRole() public view {
        for (uint256 i = 0; i < guarded.length; ++i) {
            Guarded memory call = guarded[i];
            uint64 role = manager.getTargetFunctionRole(call.target, bytes4(call.data));
            vm.assertEq(role, call.role, vm.toString(i));
        }
    }

    /// @dev Without its delay the regulator's protected half is as closed to it as to a stranger.
    function test_Restricted_DelayedFunctionsAreDelayed() public view {
        for (uint256 i = 0; i < guarded.length; ++i) {
            Guarded memory call = guarded[i];
            if (call.role != Roles.REGULATOR_DELAYED) continue;
            (bool immediate, uint32 delay) = manager.canCall(REGULATOR, call.target, bytes4(call.data));
            vm.assertFalse(immediate, "immediate");
            vm.assertEq(delay, REGULATOR_DELAY, "delay");
        }
    }

    function test_Restricted_RevokedRole() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        bytes memory data = abi.encodeCall(manager.revokeRole, (Roles.VERIFIER, VERIFIER));
        vm.prank(GOVERNANCE);
        manager.schedule(address(manager), data, 0);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        vm.prank(GOVERNANCE);
        manager.execute(address(manager), data);

        vm.prank(VERIFIER);
        vm.expectRevert(_unauthorized(VERIFIER));
        anchors.attest(batchId);
    }

    function testFuzz_SetAuthority_OnlyTheManager(address caller) public {
        vm.assume(caller != address(manager));
        vm.startPrank(caller);
        vm.expectRevert(_unauthorized(caller));
        points.setAuthority(address(this));
        vm.expectRevert(_unauthorized(caller));
        anchors.setAuthority(address(this));
        vm.expectRevert(_unauthorized(caller));
        registry.setAuthority(address(this));
    }

    /// @dev Governance itself can do nothing at once.
    function test_Governance_IsDelayed() public {
        vm.prank(GOVERNANCE);
        (bool done, ) = address(manager).call(abi.encodeCall(manager.grantRole, (Roles.PLATFORM, GOVERNANCE, 0)));
        vm.assertFalse(done, "granted at once");
    }

    /// @dev Every actor takes every step it can, alone, for as long as it likes. Nobody gets a point out of it.
    function test_OneKeyAlone_CreatesNoPoints() public {
        address[6] memory actors = [PLATFORM, VERIFIER, REGULATOR, EXCHANGE, GUARDIAN, STRANGER];
        for (uint256 i = 0; i < actors.length; ++i) {
            address[] memory alone = new address[](1);
            alone[0] = actors[i];
            vm.assertEq(_mintBy(alone, uint32(20261001 + i)), 0, "points");
        }
    }

    /// @dev The same steps with both keys do create points, so the test above tests something.
    function test_TwoKeysTogether_CreatePoints() public {
        address[] memory both = new address[](2);
        (both[0], both[1]) = (PLATFORM, VERIFIER);
        vm.assertEq(_mintBy(both, 20261001), 1_000, "points");
    }

    /// @dev Each step is tried by each of `actors`, directly and through the manager; failures are ignored.
    function _mintBy(address[] memory actors, uint32 serviceDate) private returns (uint256) {
        address thief = actors[0];
        _tryAll(actors, address(registry), abi.encodeCall(registry.publish, (METHODOLOGY, _methodology())));
        _tryAll(actors, address(anchors), abi.encodeCall(anchors.registerSource, (bytes32("mine"), thief, DAILY_CAP)));
        _tryAll(actors, address(anchors), abi.encodeCall(anchors.setQuorum, (1)));
        ITripAnchors.Batch memory batch = _batch(serviceDate, 1_000);
        bytes32[] memory ids = _list(anchors.hashBatch(batch));
        _tryAll(actors, address(anchors), abi.encodeCall(anchors.anchor, (batch)));
        _tryAll(actors, address(anchors), abi.encodeCall(anchors.attest, (ids[0])));
        _tryAll(actors, address(anchors), abi.encodeCall(anchors.issue, (ids)));

        bytes32 root = _leaf(thief, CLASS, 1_000, 0);
        bytes32 digest = points.hashEpoch(1, root, 1, ids, _noConversions());
        _tryAll(actors, address(points), abi.encodeCall(points.publishEpoch, (1, root, 1, ids, _noConversions())));
        _tryAll(actors, address(points), abi.encodeCall(points.attestEpoch, (1, digest)));
        vm.warp(block.timestamp + 30 days);
        _tryAll(actors, address(points), abi.encodeCall(points.attestEpoch, (1, digest)));
        bytes32[] memory proof;
        _tryAll(actors, address(points), abi.encodeCall(points.claim, (thief, CLASS, 1_000, 0, 0, proof)));
        return points.totalSupply(CLASS);
    }

    function _tryAll(address[] memory actors, address target, bytes memory data) private {
        for (uint256 i = 0; i < actors.length; ++i) {
            vm.prank(actors[i]);
            (bool direct, ) = target.call(data);
            vm.prank(actors[i]);
            (bool through, ) = address(manager).call(abi.encodeCall(manager.execute, (target, data)));
            (direct, through); // whether a step succeeds is not the question
        }
    }

    function _guard(address target, uint64 role, bytes memory data) private {
        guarded.push(Guarded({target: target, role: role, data: data}));
    }

    function _expectRefused(Guarded memory call, address caller) private {
        vm.prank(caller);
        (bool done, bytes memory reason) = call.target.call(call.data);
        vm.assertFalse(done, "allowed");
        bytes memory expected = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        vm.assertEq(keccak256(reason), keccak256(expected), "reason");
    }
}
