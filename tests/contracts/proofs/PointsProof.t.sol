// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CarbonPoints} from "../../../contracts/CarbonPoints.sol";
import {ICarbonPoints} from "../../../contracts/interfaces/ICarbonPoints.sol";
import {IMethodologyRegistry} from "../../../contracts/interfaces/IMethodologyRegistry.sol";
import {ITripAnchors} from "../../../contracts/interfaces/ITripAnchors.sol";
import {TripAnchors} from "../../../contracts/TripAnchors.sol";
import {OpenAuthority, Proof} from "./Proof.sol";

/// @dev The tree of the active epoch has one leaf, with any root: the amounts do not depend on how deep a leaf lies, and
/// a proof's loop would be followed once for each depth.
contract PointsProof is Proof {
    CarbonPoints private points;
    TripAnchors private anchors;

    function setUp() public {
        address authority = address(new OpenAuthority());
        anchors = new TripAnchors(authority, IMethodologyRegistry(address(1)), 1);
        points = new CarbonPoints(authority, anchors, 6 hours);
        _anyState(address(anchors));
        _anyStateWithSlot0(points);
    }

    /// @dev Points do not change hands: no call takes from one account and gives to another, whoever makes it. What there
    /// is of them changes with one account's balance, by the four verbs that are for it.
    /// @custom:halmos --array-lengths proof=0 --default-array-lengths 1 --default-bytes-lengths 65
    function check_NoCallMovesPoints(address caller, address one, address other, uint64 classId) public {
        vm.assume(one != other);
        _assumeOneLeaf();
        (uint256 ofOne, uint256 ofOther) = (points.balanceOf(one, classId), points.balanceOf(other, classId));
        uint256 supply = points.totalSupply(classId);
        bytes4 verb = _callAnything(address(points), "CarbonPoints", caller);
        unchecked {
            uint256 added = points.balanceOf(one, classId) - ofOne;
            uint256 supplied = points.totalSupply(classId) - supply;
            vm.assertTrue(_either(added == 0, points.balanceOf(other, classId) == ofOther), "two balances changed");
            vm.assertTrue(_either(added == 0, uint128(supplied) == uint128(added)), "supply");
            if (!_changesSupply(verb)) vm.assertEq(supplied, 0, "supply of another verb");
        }
    }

    /// @custom:halmos --array-lengths proof=0 --default-array-lengths 1 --default-bytes-lengths 65
    function refute_NoCallChangesABalance(address caller, address one, uint64 classId) public {
        _assumeOneLeaf();
        uint256 ofOne = points.balanceOf(one, classId);
        _callAnything(address(points), "CarbonPoints", caller);
        vm.assertEq(points.balanceOf(one, classId), ofOne, "balance");
    }

    /// @dev What is minted was earned by epochs: not more is ever claimed of a class than it earned and did not convert,
    /// and an account gets exactly what it is entitled to and did not claim.
    function check_MintIsWithinWhatWasEarned(
        address account,
        uint64 classId,
        uint128 earnedMg,
        uint128 convertedMg
    ) public {
        _assumeOneLeaf();
        (uint256 claimed, uint256 balance) = (points.claimedOf(account, classId), points.balanceOf(account, classId));
        uint256 minted = points.claim(account, classId, earnedMg, convertedMg, 0, new bytes32[](0));
        unchecked {
            vm.assertEq(claimed + minted, uint256(earnedMg) - convertedMg, "entitlement");
            vm.assertEq(points.balanceOf(account, classId) - balance, minted, "balance");
        }
        if (minted == 0) return;
        ICarbonPoints.ClassTotals memory totals = points.classTotals(classId);
        vm.assertTrue(totals.converted <= totals.earned, "converted above earned");
        vm.assertLe(totals.claimed, totals.earned - totals.converted, "claimed above earned");
    }

    function refute_MintIsBelowWhatWasEarned(address account, uint64 classId, uint128 earnedMg) public {
        _assumeOneLeaf();
        vm.assume(points.claim(account, classId, earnedMg, 0, 0, new bytes32[](0)) != 0);
        ICarbonPoints.ClassTotals memory totals = points.classTotals(classId);
        vm.assertTrue(totals.claimed < totals.earned - totals.converted, "claimed");
    }

    /// @dev What an epoch adds was attested: a batch is issued only when attested, and once.
    function check_OnlyAttestedBatchesAreIssued(bytes32 first, bytes32 second, address caller) public {
        bytes32[] memory batchIds = new bytes32[](2);
        (batchIds[0], batchIds[1]) = (first, second);
        (ITripAnchors.Record memory one, ITripAnchors.Record memory other) = _records(first, second);
        vm.prank(caller);
        ITripAnchors.Reduction[] memory added = anchors.issue(batchIds);
        vm.assertTrue(first != second, "twice the same");
        vm.assertTrue(one.status == ITripAnchors.Status.ATTESTED, "first");
        vm.assertTrue(other.status == ITripAnchors.Status.ATTESTED, "second");
        vm.assertTrue(added[0].reductionMg == one.reductionMg && added[0].classId == one.classId, "what first adds");
        vm.assertTrue(added[1].reductionMg == other.reductionMg && added[1].classId == other.classId, "and second");
        (one, other) = _records(first, second);
        vm.assertTrue(one.status == ITripAnchors.Status.ISSUED && other.status == one.status, "issued");
    }

    function refute_NoBatchIsIssued(bytes32 batchId) public {
        bytes32[] memory batchIds = new bytes32[](1);
        batchIds[0] = batchId;
        ITripAnchors.Status status = anchors.batchOf(batchId).status;
        anchors.issue(batchIds);
        vm.assertTrue(anchors.batchOf(batchId).status == status, "status");
    }

    /// @dev supply = claimed - redeemed - expired after each of the verbs that change it, if it was so before, and it
    /// changes by what the account's balance does.
    function check_ClaimConservesSupply(address account, uint64 classId, uint128 earnedMg, uint128 convertedMg) public {
        _assumeOneLeaf();
        (uint256 supply, uint256 balance) = _conserved(account, classId);
        points.claim(account, classId, earnedMg, convertedMg, 0, new bytes32[](0));
        _assertConserved(account, classId, supply, balance);
    }

    function check_RedemptionConservesSupply(address account, uint64 classId, uint128 mg, bytes32 ref) public {
        (uint256 supply, uint256 balance) = _conserved(account, classId);
        vm.prank(account);
        points.redeem(classId, mg, ICarbonPoints.Channel.MARKET, ref);
        _assertConserved(account, classId, supply, balance);
    }

    function check_ExpiryConservesSupply(address account, uint64 classId) public {
        (uint256 supply, uint256 balance) = _conserved(account, classId);
        points.expire(account, classId);
        _assertConserved(account, classId, supply, balance);
    }

    function refute_ExpiryLeavesSupply(address account, uint64 classId) public {
        (uint256 supply, ) = _conserved(account, classId);
        points.expire(account, classId);
        vm.assertEq(points.totalSupply(classId), supply, "supply");
    }

    /// @dev What ERC-1155 offers for moving points is refused to everybody.
    function check_TransfersAreRefused(address caller, address from, address to, uint256 id, uint256 mg) public {
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](1), new uint256[](1));
        (ids[0], values[0]) = (id, mg);
        _assertRefused(caller, abi.encodeCall(points.safeTransferFrom, (from, to, id, mg, "")));
        _assertRefused(caller, abi.encodeCall(points.safeBatchTransferFrom, (from, to, ids, values, "")));
        _assertRefused(caller, abi.encodeCall(points.setApprovalForAll, (to, true)));
    }

    function refute_RedemptionsAreRefused(address caller, uint64 classId, uint128 mg, bytes32 ref) public {
        ICarbonPoints.Channel channel = ICarbonPoints.Channel.MARKET;
        _assertRefused(caller, abi.encodeCall(points.redeem, (classId, mg, channel, ref)));
    }

    function _assertRefused(address caller, bytes memory data) private {
        vm.prank(caller);
        (bool done, ) = address(points).call(data);
        vm.assertFalse(done, "allowed");
    }

    function _assumeOneLeaf() private view {
        vm.assume(points.epochOf(points.activeEpoch()).size == 1);
    }

    /// @dev `||` without a path for each side.
    function _either(bool one, bool other) private pure returns (bool either) {
        assembly ("memory-safe") {
            either := or(one, other)
        }
    }

    function _changesSupply(bytes4 verb) private view returns (bool) {
        bool burns = verb == points.redeem.selector || verb == points.redeemFor.selector;
        return burns || verb == points.claim.selector || verb == points.expire.selector;
    }

    function _conserved(address account, uint64 classId) private view returns (uint256, uint256) {
        vm.assume(_isConserved(classId));
        return (points.totalSupply(classId), points.balanceOf(account, classId));
    }

    function _assertConserved(address account, uint64 classId, uint256 supply, uint256 balance) private view {
        vm.assertTrue(_isConserved(classId), "claimed - redeemed - expired");
        unchecked {
            uint256 added = points.balanceOf(account, classId) - balance;
            vm.assertEq(points.totalSupply(classId) - supply, added, "balance");
        }
    }

    function _isConserved(uint64 classId) private view returns (bool) {
        ICarbonPoints.ClassTotals memory totals = points.classTotals(classId);
        return points.totalSupply(classId) + totals.redeemed + totals.expired == totals.claimed;
    }

    function _records(
        bytes32 first,
        bytes32 second
    ) private view returns (ITripAnchors.Record memory, ITripAnchors.Record memory) {
        return (anchors.batchOf(first), anchors.batchOf(second));
    }
}
