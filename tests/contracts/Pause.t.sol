// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {Fixture} from "./Fixture.sol";

/// @dev What a pause stops is tested with each verb.
contract PauseTest is Fixture {
    function test_Pause_AgainIsNoOp() public {
        vm.startPrank(GUARDIAN);
        points.pause();
        vm.recordLogs();
        vm.assertFalse(points.pause(), "paused again");
        _assertSilent();
    }

    function test_Pause_AtOnce() public {
        vm.expectEmit(address(points));
        emit Pausable.Paused(GUARDIAN);
        vm.prank(GUARDIAN);
        vm.assertTrue(points.pause(), "paused");
        vm.assertTrue(points.paused(), "state");
    }

    function test_Unpause_WithoutItsDelay() public {
        vm.prank(GUARDIAN);
        points.pause();
        bytes memory data = abi.encodeCall(points.unpause, ());
        vm.prank(REGULATOR);
        manager.schedule(address(points), data, 0);

        bytes32 operation = manager.hashOperation(REGULATOR, address(points), data);
        vm.warp(block.timestamp + REGULATOR_DELAY - 1);
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotReady.selector, operation));
        points.unpause();
    }

    function test_Unpause_Unscheduled() public {
        vm.prank(GUARDIAN);
        points.pause();
        bytes32 operation = manager.hashOperation(REGULATOR, address(points), abi.encodeCall(points.unpause, ()));
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, operation));
        points.unpause();
    }

    function test_Unpause_AfterItsDelay() public {
        vm.prank(GUARDIAN);
        points.pause();
        _afterDelay(address(points), abi.encodeCall(points.unpause, ()));
        vm.assertFalse(points.paused(), "paused");
    }

    function test_Unpause_AgainIsNoOp() public {
        _afterDelay(address(points), abi.encodeCall(points.unpause, ()));
        vm.assertFalse(points.paused(), "paused");
    }
}
