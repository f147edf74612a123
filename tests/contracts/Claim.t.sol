// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {Classes} from "../../contracts/Classes.sol";
import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {IEpochs} from "../../contracts/interfaces/IEpochs.sol";
import {MerkleLog} from "../../contracts/MerkleLog.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {Fixture} from "./Fixture.sol";
import {MerkleTree} from "./MerkleTree.sol";

contract ClaimTest is Fixture {
    bytes32[] private NO_PROOF;

    function test_Claim_BeforeAnyEpochIsActive() public {
        bytes memory none = abi.encodeWithSelector(IEpochs.EpochsNoneActive.selector);
        _expect(none, ALICE, CLASS, 1_000, 0);
        bytes32[] memory leaves = _leavesFor(ALICE, 1_000, 0);
        _publish(1, leaves, _attestedBatch(1_000));
        _expect(none, ALICE, CLASS, 1_000, 0);
        _attestEpoch(1);
        _expect(none, ALICE, CLASS, 1_000, 0);
        vm.warp(points.epochOf(1).activeAt - 1);
        _expect(none, ALICE, CLASS, 1_000, 0);
    }

    function test_Claim_UnderAPendingEpoch() public {
        _activeEpochFor(ALICE, 1_000);
        _publish(2, _leavesFor(ALICE, 3_000, 0), _attestedBatch(2_000));
        _expectMismatch(ALICE, CLASS, 3_000, 0);
        points.claim(ALICE, CLASS, 1_000, 0, 0, NO_PROOF); // the one before stays claimable
        _activate(2);
        _expectMismatch(ALICE, CLASS, 1_000, 0);
        points.claim(ALICE, CLASS, 3_000, 0, 0, NO_PROOF);
        vm.assertEq(points.balanceOf(ALICE, CLASS), 3_000, "balance");
    }

    function testFuzz_Claim_NotTheLeaf(address account, uint64 classId, uint128 earned, uint128 converted) public {
        vm.assume(account != ALICE || classId != CLASS || earned != 1_000 || converted != 0);
        _activeEpochFor(ALICE, 1_000);
        _expectMismatch(account, classId, earned, converted);
    }

    /// @dev A tree built by someone who hopes that a node can pass for an entitlement.
    function test_Claim_NodeAsLeaf() public {
        bytes32[] memory leaves = MerkleTree.leavesOf(4);
        _publish(1, leaves, _attestedBatch(1_000));
        _activate(1);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = MerkleTree.nodeHash(leaves[2], leaves[3]);
        vm.expectRevert(abi.encodeWithSelector(MerkleLog.MerkleLogProofLength.selector, 2, 1));
        points.claim(ALICE, CLASS, 1_000, 0, 0, proof);
    }

    function testFuzz_Claim_AtAnotherIndex(uint64 index) public {
        vm.assume(index != 0);
        _activeEpochFor(ALICE, 1_000);
        vm.expectRevert(abi.encodeWithSelector(MerkleLog.MerkleLogIndexOutOfRange.selector, index, 1));
        points.claim(ALICE, CLASS, 1_000, 0, index, NO_PROOF);
    }

    function test_Claim_ExpiredClass() public {
        _activeEpochFor(ALICE, 1_000);
        uint256 expiry = points.expiresAt(CLASS);
        vm.warp(expiry);
        _expect(abi.encodeWithSelector(Classes.ClassesExpired.selector, CLASS, expiry), ALICE, CLASS, 1_000, 0);
    }

    function testFuzz_Claim_ClassWithoutAVintage(uint16 year) public {
        vm.assume(year < 2000 || year > 2999);
        uint64 classId = (uint64(METHODOLOGY) << 16) | year;
        _publish(1, _list(_leaf(ALICE, classId, 1_000, 0)), _attestedBatch(1_000));
        _activate(1);
        _expect(
            abi.encodeWithSelector(Classes.ClassesInvalidVintage.selector, classId, year),
            ALICE,
            classId,
            1_000,
            0
        );
    }

    function testFuzz_Claim_Regressed(uint128 earned, uint128 converted) public {
        _fund(ALICE, 1_000);
        converted = uint128(_bound(converted, 0, type(uint128).max));
        vm.assume(earned < uint256(converted) + 1_000);
        _publish(2, _leavesFor(ALICE, earned, converted), _attestedBatch(1));
        _activate(2);
        _expect(_regressed(earned, converted, 1_000), ALICE, CLASS, earned, converted);
    }

    function testFuzz_Claim_ConvertedAboveEarned(uint128 earned, uint128 converted) public {
        vm.assume(earned < converted);
        _publish(1, _leavesFor(ALICE, earned, converted), _attestedBatch(1));
        _activate(1);
        _expect(_regressed(earned, converted, 0), ALICE, CLASS, earned, converted);
    }

    /// @dev Even an attested tree cannot mint more of a class than its batches earned.
    function testFuzz_Claim_MoreThanTheClassEarned(uint128 earned, uint128 entitled) public {
        earned = uint128(_bound(earned, 1, DAILY_CAP));
        entitled = uint128(_bound(entitled, uint256(earned) + 1, type(uint128).max));
        _publish(1, _leavesFor(ALICE, entitled, 0), _attestedBatch(earned));
        _activate(1);
        _expect(_overdrawn(entitled, earned), ALICE, CLASS, entitled, 0);
    }

    /// @dev What a pending epoch adds backs nothing yet.
    function test_Claim_MoreThanTheActiveEpochsEarned() public {
        _publish(1, _leavesFor(ALICE, 1_500, 0), _attestedBatch(1_000));
        _activate(1);
        _publish(2, _leavesFor(ALICE, 1_500, 0), _attestedBatch(2_000));
        _expect(_overdrawn(1_500, 1_000), ALICE, CLASS, 1_500, 0);
        _activate(2);
        points.claim(ALICE, CLASS, 1_500, 0, 0, NO_PROOF);
    }

    function test_Claim_WhatWasConverted() public {
        _publish(1, _leavesFor(ALICE, 1_000, 0), _list(_attestedBatch(1_000)), _conversion(CLASS, 300));
        _activate(1);
        _expect(_overdrawn(1_000, 700), ALICE, CLASS, 1_000, 0);
    }

    function test_Claim_ForTheZeroAddress() public {
        _activeEpochFor(address(0), 1_000);
        _expect(
            abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, address(0)),
            address(0),
            CLASS,
            1_000,
            0
        );
    }

    function test_Claim_WhilePaused() public {
        _activeEpochFor(ALICE, 1_000);
        vm.prank(GUARDIAN);
        points.pause();
        _expect(_paused(), ALICE, CLASS, 1_000, 0);
    }

    function test_Claim_AgainIsNoOp() public {
        _fund(ALICE, 1_000);
        vm.recordLogs();
        vm.assertEq(points.claim(ALICE, CLASS, 1_000, 0, 0, NO_PROOF), 0, "minted");
        _assertSilent();
    }

    function testFuzz_Claim_MintsTheDifference(
        uint128 first,
        uint128 second,
        uint128 converted,
        address relayer
    ) public {
        first = uint128(_bound(first, 1, DAILY_CAP / 2));
        second = uint128(_bound(second, 1, DAILY_CAP / 2));
        converted = uint128(_bound(converted, 1, second));
        _fund(ALICE, first);
        uint128 earned = first + second;
        _publish(
            2,
            _leavesFor(ALICE, earned, converted),
            _list(_attestedBatch(20261022, second)),
            _conversion(CLASS, converted)
        );
        _activate(2);

        uint128 minted = second - converted;
        if (minted != 0) {
            vm.expectEmit(address(points));
            emit IERC1155.TransferSingle(relayer, address(0), ALICE, CLASS, minted);
            vm.expectEmit(address(points));
            emit ICarbonPoints.PointsClaimed(ALICE, CLASS, 2, minted, first + minted);
        }
        vm.prank(relayer);
        vm.assertEq(points.claim(ALICE, CLASS, earned, converted, 0, NO_PROOF), minted, "minted");

        vm.assertEq(points.balanceOf(ALICE, CLASS), first + minted, "balance");
        vm.assertEq(points.claimedOf(ALICE, CLASS), first + minted, "claimed by the account");
        vm.assertEq(points.classTotals(CLASS).claimed, first + minted, "claimed of the class");
        vm.assertEq(points.totalSupply(CLASS), first + minted, "supply");
    }

    function testFuzz_Claim_EveryLeafOfATree(uint256 seed) public {
        uint256 count = 1 + (seed % 20);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) leaves[i] = _leaf(address(uint160(0xC000 + i)), CLASS, uint128(i + 1), 0);
        _publish(1, leaves, _attestedBatch(uint128((count * (count + 1)) / 2)));
        _activate(1);
        for (uint256 i = 0; i < count; ++i) {
            bytes32[] memory proof = MerkleTree.proof(leaves, i);
            points.claim(address(uint160(0xC000 + i)), CLASS, uint128(i + 1), 0, uint64(i), proof);
        }
        vm.assertEq(points.totalSupply(CLASS), points.classTotals(CLASS).earned, "all of it is claimed");
    }

    /// @dev A contract without a receiver hook can hold points: nothing is called on it.
    function test_Claim_ForAContractWallet() public {
        address wallet = address(new ContractWallet(ALICE));
        _fund(wallet, 1_000);
        vm.assertEq(points.balanceOf(wallet, CLASS), 1_000, "balance");
    }

    function _leavesFor(address account, uint128 earned, uint128 converted) private pure returns (bytes32[] memory) {
        return _list(_leaf(account, CLASS, earned, converted));
    }

    function _regressed(uint128 earned, uint128 converted, uint128 claimed) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ICarbonPoints.CarbonPointsEntitlementRegressed.selector,
                ALICE,
                CLASS,
                earned,
                converted,
                claimed
            );
    }

    function _overdrawn(uint256 claimed, uint256 limit) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEpochs.EpochsClassOverdrawn.selector, CLASS, claimed, limit);
    }

    function _expectMismatch(address account, uint64 classId, uint128 earned, uint128 converted) private {
        bytes32 root = points.epochOf(points.activeEpoch()).root;
        bytes32 computed = _leaf(account, classId, earned, converted);
        _expect(
            abi.encodeWithSelector(MerkleLog.MerkleLogRootMismatch.selector, root, computed),
            account,
            classId,
            earned,
            converted
        );
    }

    function _expect(
        bytes memory reason,
        address account,
        uint64 classId,
        uint128 earned,
        uint128 converted
    ) private {
        vm.expectRevert(reason);
        points.claim(account, classId, earned, converted, 0, NO_PROOF);
    }
}
