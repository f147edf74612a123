// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {TripAnchors} from "../../contracts/TripAnchors.sol";
import {Fixture} from "./Fixture.sol";
import {Vm} from "./Vm.sol";

contract SourcesTest is Fixture {
    bytes32 private constant BUS = "bus";

    function test_RegisterSource_Incomplete() public {
        vm.startPrank(REGULATOR);
        _expectInvalid(0, PLATFORM, DAILY_CAP);
        anchors.registerSource(0, PLATFORM, DAILY_CAP);
        _expectInvalid(BUS, address(0), DAILY_CAP);
        anchors.registerSource(BUS, address(0), DAILY_CAP);
        _expectInvalid(BUS, PLATFORM, 0);
        anchors.registerSource(BUS, PLATFORM, 0);
    }

    function testFuzz_RegisterSource_OtherTermsUnderTheSameName(address signer, uint128 cap) public {
        vm.assume(signer != PLATFORM || cap != DAILY_CAP);
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(ITripAnchors.TripAnchorsSourceRegistered.selector, SOURCE));
        anchors.registerSource(SOURCE, signer, cap);
    }

    function test_RegisterSource_AgainIsNoOp() public {
        vm.recordLogs();
        vm.prank(REGULATOR);
        vm.assertFalse(anchors.registerSource(SOURCE, PLATFORM, DAILY_CAP), "registered again");
        _assertSilent();
    }

    function testFuzz_RegisterSource_Records(bytes32 name, address signer, uint128 cap) public {
        vm.assume(name != 0 && name != SOURCE && signer != address(0) && cap != 0);
        vm.expectEmit(address(anchors));
        emit ITripAnchors.SourceRegistered(name, signer, 2, cap);
        vm.prank(REGULATOR);
        vm.assertTrue(anchors.registerSource(name, signer, cap), "registered");

        ITripAnchors.Source memory source = anchors.sourceOf(name);
        vm.assertEq(source.signer, signer, "signer");
        vm.assertEq(source.dailyCapMg, cap, "cap");
        vm.assertEq(source.index, 2, "index");
        vm.assertTrue(source.active, "active");
        vm.assertEq(source.head, bytes32(0), "head");
    }

    function test_UpdateSource_Unknown() public {
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(ITripAnchors.TripAnchorsUnknownSource.selector, BUS));
        anchors.updateSource(BUS, PLATFORM, DAILY_CAP, true);
    }

    function test_UpdateSource_Incomplete() public {
        vm.startPrank(REGULATOR);
        _expectInvalid(SOURCE, address(0), DAILY_CAP);
        anchors.updateSource(SOURCE, address(0), DAILY_CAP, true);
        _expectInvalid(SOURCE, PLATFORM, 0);
        anchors.updateSource(SOURCE, PLATFORM, 0, true);
    }

    function test_UpdateSource_AgainIsNoOp() public {
        vm.recordLogs();
        vm.prank(REGULATOR);
        vm.assertFalse(anchors.updateSource(SOURCE, PLATFORM, DAILY_CAP, true), "nothing changed");
        _assertSilent();
    }

    function testFuzz_UpdateSource_KeepsItsChain(address signer, uint128 cap, bool active) public {
        vm.assume(signer != address(0) && signer != PLATFORM && cap != 0);
        _anchor(_batch(SERVICE_DATE, 1_000));
        ITripAnchors.Source memory before = anchors.sourceOf(SOURCE);

        vm.expectEmit(address(anchors));
        emit ITripAnchors.SourceUpdated(SOURCE, signer, cap, active);
        vm.prank(REGULATOR);
        vm.assertTrue(anchors.updateSource(SOURCE, signer, cap, active), "updated");

        ITripAnchors.Source memory source = anchors.sourceOf(SOURCE);
        vm.assertEq(source.signer, signer, "signer");
        vm.assertEq(source.dailyCapMg, cap, "cap");
        vm.assertEq(source.active, active, "active");
        vm.assertEq(source.head, before.head, "head");
        vm.assertEq(source.anchors, 1, "anchors");
        vm.assertEq(source.chainDayMg, 1_000, "spent today");
        vm.assertEq(source.index, before.index, "index");
    }

    function test_SetQuorum_Zero() public {
        bytes memory data = abi.encodeCall(anchors.setQuorum, (0));
        vm.prank(REGULATOR);
        manager.schedule(address(anchors), data, 0);
        vm.warp(block.timestamp + REGULATOR_DELAY);
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(ITripAnchors.TripAnchorsZeroQuorum.selector));
        manager.execute(address(anchors), data);

        vm.expectRevert(abi.encodeWithSelector(ITripAnchors.TripAnchorsZeroQuorum.selector));
        new TripAnchors(address(manager), registry, 0);
    }

    function testFuzz_SetQuorum_Records(uint8 quorum) public {
        vm.assume(quorum > 1);
        vm.recordLogs();
        _afterDelay(address(anchors), abi.encodeCall(anchors.setQuorum, (quorum)));
        vm.assertEq(anchors.quorum(), quorum, "quorum");
        vm.assertEq(_count(ITripAnchors.QuorumChanged.selector), 1, "events");
    }

    function test_SetQuorum_AgainIsNoOp() public {
        vm.recordLogs();
        _afterDelay(address(anchors), abi.encodeCall(anchors.setQuorum, (1)));
        vm.assertEq(_count(ITripAnchors.QuorumChanged.selector), 0, "events");
    }

    function _count(bytes32 topic) private returns (uint256 count) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic) ++count;
        }
    }

    function _expectInvalid(bytes32 source, address signer, uint128 cap) private {
        vm.expectRevert(
            abi.encodeWithSelector(ITripAnchors.TripAnchorsInvalidSource.selector, source, signer, cap)
        );
    }
}
