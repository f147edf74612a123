// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CarbonPoints} from "../../contracts/CarbonPoints.sol";
import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {TripAnchors} from "../../contracts/TripAnchors.sol";
import {Fixture} from "./Fixture.sol";

contract DeployTest is Fixture {
    function testFuzz_Deploy_AnchorsThatAreNoContract(address nowhere) public {
        vm.assume(nowhere.code.length == 0);
        vm.expectRevert(abi.encodeWithSelector(ICarbonPoints.CarbonPointsInvalidAnchors.selector, nowhere));
        new CarbonPoints(address(manager), TripAnchors(nowhere), ACTIVATION_DELAY);
    }

    function testFuzz_Deploy_Records(uint8 quorum, uint32 delay) public {
        vm.assume(quorum != 0);
        TripAnchors newAnchors = new TripAnchors(address(manager), registry, quorum);
        CarbonPoints newPoints = new CarbonPoints(address(manager), newAnchors, delay);
        vm.assertEq(newAnchors.quorum(), quorum, "quorum");
        vm.assertEq(newAnchors.methodologies(), address(registry), "methodologies");
        vm.assertEq(newPoints.anchors(), address(newAnchors), "anchors");
        vm.assertEq(newPoints.activationDelay(), delay, "delay");
        vm.assertEq(newPoints.authority(), address(manager), "authority");
        vm.assertEq(bytes(newPoints.uri(CLASS)).length, 0, "uri");
    }
}
