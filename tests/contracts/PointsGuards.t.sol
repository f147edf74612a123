// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {Roles} from "../../contracts/Roles.sol";
import {CarbonPointsHarness} from "./CarbonPointsHarness.sol";
import {Fixture} from "./Fixture.sol";

/// @dev The guards behind the verbs, which no call of the contract itself can reach.
contract PointsGuardsTest is Fixture {
    uint128 private constant HELD = 1_000;

    CarbonPointsHarness private harness;

    function setUp() public override {
        super.setUp();
        _fund(ALICE, HELD);
    }

    function _handOver() internal override {
        harness = new CarbonPointsHarness(address(manager), anchors, ACTIVATION_DELAY);
        _assign(address(harness), Roles.PLATFORM, harness.publishEpoch.selector);
        _assign(address(harness), Roles.VERIFIER, harness.attestEpoch.selector);
        manager.grantRole(Roles.POINTS, address(harness), 0);
        points = harness;
        super._handOver();
    }

    function testFuzz_PointsGuards_TransferFromWithin(address from, address to, uint256 mg) public {
        vm.assume(from != address(0) && to != address(0));
        vm.expectRevert(abi.encodeWithSelector(ICarbonPoints.CarbonPointsNonTransferable.selector));
        harness.update(from, to, CLASS, mg);
    }

    function test_PointsGuards_SupplyAboveWhatWasClaimed() public {
        harness.update(address(0), ALICE, CLASS, 1);
        _expectMismatch(HELD + 1 - 10, HELD - 10);
    }

    function test_PointsGuards_SupplyBelowWhatIsLeft() public {
        harness.update(ALICE, address(0), CLASS, 1);
        _expectMismatch(HELD - 1 - 10, HELD - 10);
    }

    function _expectMismatch(uint256 supply, uint256 expected) private {
        bytes4 selector = ICarbonPoints.CarbonPointsSupplyMismatch.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, CLASS, supply, expected));
        vm.prank(ALICE);
        points.redeem(CLASS, 10, ICarbonPoints.Channel.COMMERCE, "order 1");
    }
}
