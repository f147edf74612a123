// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CarbonPoints} from "../../contracts/CarbonPoints.sol";
import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {TripAnchors} from "../../contracts/TripAnchors.sol";
import {LedgerHandler} from "./LedgerHandler.sol";
import {Vm} from "./Vm.sol";

/// @dev What must hold whatever order the programme is played in.
contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant ACCOUNTS = 4;
    uint256 private constant CLASSES = 2;
    bytes32 private constant SOURCE = "metro";

    LedgerHandler private handler;
    TripAnchors private anchors;
    CarbonPoints private points;

    function setUp() public {
        handler = new LedgerHandler();
        (address anchorsAt, address pointsAt) = handler.contracts();
        (anchors, points) = (TripAnchors(anchorsAt), CarbonPoints(pointsAt));
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector({addr: address(handler), selectors: _actions()});
    }

    /// @dev I3: per class, claimed + converted + unclaimed = earned = the sum of its issued batches.
    function invariant_ClassIsBackedByIssuedBatches() public view {
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            uint64 classId = handler.class(vintage);
            ICarbonPoints.ClassTotals memory totals = points.classTotals(classId);
            vm.assertEq(totals.earned, _issued(classId), "earned is the sum of the issued batches");
            vm.assertLe(uint256(totals.claimed) + totals.converted, totals.earned, "nothing unclaimed is negative");
        }
    }

    /// @dev The supply is the sum of the issued batches minus what is unclaimed, converted, redeemed and expired.
    function invariant_SupplyIsWhatIsLeft() public view {
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            uint64 classId = handler.class(vintage);
            ICarbonPoints.ClassTotals memory totals = points.classTotals(classId);
            uint256 unclaimed = uint256(totals.earned) - totals.converted - totals.claimed;
            uint256 left = _issued(classId) - unclaimed - totals.converted - totals.redeemed - totals.expired;
            vm.assertEq(points.totalSupply(classId), left, "supply");
            vm.assertEq(_sumOfBalances(vintage), left, "balances");
        }
    }

    function invariant_TotalsAreSumsOfTheirParts() public view {
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            uint64 classId = handler.class(vintage);
            ICarbonPoints.ClassTotals memory totals = points.classTotals(classId);
            uint256 claimed;
            uint256 redeemed;
            for (uint256 i = 0; i < ACCOUNTS; ++i) {
                claimed += points.claimedOf(handler.account(i), classId);
                redeemed += points.redeemedBy(classId, ICarbonPoints.Channel(i)); // four channels, four accounts
            }
            vm.assertEq(totals.claimed, claimed, "claimed");
            vm.assertEq(totals.redeemed, redeemed, "redeemed");
        }
    }

    /// @dev What the trees promise is what the contract has on its books, converted points included.
    function invariant_EntitlementsAddUpToTheTotals() public view {
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            ICarbonPoints.ClassTotals memory totals = points.classTotals(handler.class(vintage));
            (uint256 earned, uint256 converted) = handler.entitled(vintage);
            vm.assertEq(totals.earned, earned, "earned");
            vm.assertEq(totals.converted, converted, "converted");
        }
    }

    /// @dev I7: the anchors of a source form one chain.
    function invariant_AnchorsFormOneChain() public view {
        ITripAnchors.Source memory source = anchors.sourceOf(SOURCE);
        vm.assertEq(source.head, handler.head(), "head");
        vm.assertEq(source.anchors, handler.batchCount(), "anchors");
    }

    function invariant_ServiceDayTotalsLeaveRejectedBatchesOut() public view {
        uint256 batches;
        uint256 streams;
        for (uint256 i = 0; i < handler.batchCount(); ++i) {
            ITripAnchors.Record memory record = anchors.batchOf(handler.batchIds(i));
            if (record.status != ITripAnchors.Status.REJECTED) batches += record.reductionMg;
        }
        for (uint32 day = 0; day < 10; ++day) {
            streams += anchors.streamOf(SOURCE, 20251220 + day).anchoredMg;
            streams += anchors.streamOf(SOURCE, 20261010 + day).anchoredMg;
        }
        vm.assertEq(streams, batches, "totals");
    }

    function invariant_AtMostOneEpochIsPending() public view {
        vm.assertLe(points.currentEpoch() - points.activeEpoch(), 1, "pending");
    }

    /// @dev The handler reaches every action in an ordinary run, so the invariants above are not vacuous.
    function test_Handler_ReachesEveryAction() public {
        bytes4[] memory actions = _actions();
        uint256 seed = 1;
        for (uint256 i = 0; i < 1_500; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            bytes memory data = abi.encodePacked(actions[seed % actions.length], seed >> 8, seed >> 136);
            (bool played, ) = address(handler).call(data);
            vm.assertTrue(played, "reverted");
        }
        string[10] memory names = [
            "anchor",
            "attest",
            "reject",
            "publish",
            "convert",
            "attestEpoch",
            "cancelEpoch",
            "claim",
            "redeem",
            "expire"
        ];
        for (uint256 i = 0; i < names.length; ++i) vm.assertTrue(handler.done(names[i]) > 0, names[i]);
        invariant_ClassIsBackedByIssuedBatches();
        invariant_SupplyIsWhatIsLeft();
        invariant_EntitlementsAddUpToTheTotals();
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](10);
        actions[0] = handler.anchor.selector;
        actions[1] = handler.attest.selector;
        actions[2] = handler.reject.selector;
        actions[3] = handler.publish.selector;
        actions[4] = handler.attestEpoch.selector;
        actions[5] = handler.cancelEpoch.selector;
        actions[6] = handler.claim.selector;
        actions[7] = handler.redeem.selector;
        actions[8] = handler.expire.selector;
        actions[9] = handler.wait.selector;
    }

    function _issued(uint64 classId) private view returns (uint256 total) {
        for (uint256 i = 0; i < handler.batchCount(); ++i) {
            ITripAnchors.Record memory record = anchors.batchOf(handler.batchIds(i));
            if (record.classId == classId && record.status == ITripAnchors.Status.ISSUED) total += record.reductionMg;
        }
    }

    function _sumOfBalances(uint256 vintage) private view returns (uint256 total) {
        for (uint256 i = 0; i < ACCOUNTS; ++i) total += points.balanceOf(handler.account(i), handler.class(vintage));
    }
}
