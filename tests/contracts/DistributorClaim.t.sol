// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {MerkleLog} from "../../contracts/MerkleLog.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

contract DistributorClaimTest is ProceedsFixture {
    uint128 private constant FUNDED = 10_000;

    bytes32[] private NO_PROOF;

    function setUp() public override {
        super.setUp();
        _earn(FUNDED);
    }

    function test_Claim_BeforeAnyRunIsActive() public {
        bytes memory none = abi.encodeWithSelector(IProceedsDistributor.ProceedsDistributorNoneActive.selector);
        _expect(none, ALICE, 1_000, 0, NO_PROOF);
        _publishRun(1, _share(ALICE, 1_000), 1, 1_000);
        _expect(none, ALICE, 1_000, 0, NO_PROOF);

        IProceedsDistributor.Payment[] memory payments = new IProceedsDistributor.Payment[](1);
        payments[0] = _payment(ALICE, 1_000, 0, "tx 1", NO_PROOF);
        vm.prank(BANK);
        vm.expectRevert(none);
        distributor.pay("batch 1", payments);
    }

    function test_Claim_UnderAPendingRun() public {
        _activeRunFor(1, ALICE, 1_000);
        _publishRun(2, _share(ALICE, 3_000), 1, 3_000);
        _expectMismatch(ALICE, 3_000, 0, NO_PROOF, _share(ALICE, 3_000));
        vm.assertEq(_claim(ALICE, 1_000, 0, NO_PROOF), 1_000, "the one before stays claimable");
        _attestRun(2);
        _expectMismatch(ALICE, 1_000, 0, NO_PROOF, _share(ALICE, 1_000));
        vm.assertEq(_claim(ALICE, 3_000, 0, NO_PROOF), 2_000, "the difference");
        vm.assertEq(cash.balanceOf(ALICE), 3_000, "balance");
    }

    function testFuzz_Claim_NotTheLeaf(address account, uint128 fen) public {
        vm.assume(account != address(manager) && (account != ALICE || fen != 1_000));
        _activeRunFor(1, ALICE, 1_000);
        _expectMismatch(account, fen, 0, NO_PROOF, _share(account, fen));
    }

    /// @dev A proof of another account's entitlement, or of one's own in an older tree.
    function test_Claim_ForeignOrOldProof() public {
        bytes32[] memory leaves = _list(_share(ALICE, 1_000), _share(BOB, 2_000));
        _activeTree(1, leaves, 3_000);
        bytes32[] memory alices = MerkleTree.proof(leaves, 0);
        bytes32[] memory bobs = MerkleTree.proof(leaves, 1);
        _expectMismatch(BOB, 1_000, 0, alices, MerkleTree.nodeHash(_share(BOB, 1_000), alices[0]));
        _expectMismatch(ALICE, 1_000, 0, bobs, MerkleTree.nodeHash(_share(ALICE, 1_000), bobs[0]));

        leaves = _list(_share(ALICE, 1_000), _share(BOB, 2_500));
        _activeTree(2, leaves, 3_500);
        _expectMismatch(ALICE, 1_000, 0, alices, MerkleTree.nodeHash(_share(ALICE, 1_000), alices[0]));
    }

    function testFuzz_Claim_ProofOfTheWrongLength(uint8 length) public {
        vm.assume(length != 1);
        _activeTree(1, _list(_share(ALICE, 1_000), _share(BOB, 2_000)), 3_000);
        bytes32[] memory proof = new bytes32[](length);
        _expect(abi.encodeWithSelector(MerkleLog.MerkleLogProofLength.selector, 1, length), ALICE, 1_000, 0, proof);
    }

    /// @dev A tree built by someone who hopes that a node can pass for an entitlement.
    function test_Claim_NodeAsLeaf() public {
        bytes32[] memory leaves = MerkleTree.leavesOf(4);
        _activeTree(1, leaves, 1_000);
        bytes32[] memory proof = _list(MerkleTree.nodeHash(leaves[2], leaves[3]));
        _expect(abi.encodeWithSelector(MerkleLog.MerkleLogProofLength.selector, 2, 1), ALICE, 1_000, 0, proof);

        // The same node where the length fits: as the only leaf of a tree of one.
        bytes32 node = MerkleTree.nodeHash(_share(ALICE, 1_000), leaves[1]);
        _activeTree(2, _list(node), 2_000);
        _expectMismatch(ALICE, 1_000, 0, NO_PROOF, _share(ALICE, 1_000));
    }

    function test_Claim_AtAnotherIndex() public {
        bytes32[] memory leaves = _list(_share(ALICE, 1_000), _share(BOB, 2_000));
        _activeTree(1, leaves, 3_000);
        bytes32[] memory proof = MerkleTree.proof(leaves, 0);
        _expectMismatch(ALICE, 1_000, 1, proof, MerkleTree.nodeHash(proof[0], _share(ALICE, 1_000)));
        _expect(
            abi.encodeWithSelector(MerkleLog.MerkleLogIndexOutOfRange.selector, 2, 2),
            ALICE,
            1_000,
            2,
            proof
        );
    }

    /// @dev A run published with another size than its tree's pays nobody whose path differs.
    function test_Claim_UnderAnotherSize() public {
        bytes32[] memory leaves = MerkleTree.leavesOf(3);
        leaves[2] = _share(ALICE, 1_000);
        bytes32[] memory proof = MerkleTree.proof(leaves, 2);
        _publishRun(1, MerkleTree.root(leaves), 4, 1_000);
        _attestRun(1);
        _expect(abi.encodeWithSelector(MerkleLog.MerkleLogProofLength.selector, 2, 1), ALICE, 1_000, 2, proof);
    }

    function testFuzz_Claim_Regressed(uint128 fen) public {
        fen = uint128(_bound(fen, 0, 999));
        _activeRunFor(1, ALICE, 1_000);
        _claim(ALICE, 1_000, 0, NO_PROOF);
        _activeTree(2, _list(_share(ALICE, fen)), 2_000);
        bytes4 selector = IProceedsDistributor.ProceedsDistributorEntitlementRegressed.selector;
        _expect(abi.encodeWithSelector(selector, ALICE, fen, 1_000), ALICE, fen, 0, NO_PROOF);
    }

    /// @dev Even an attested tree cannot pay more than the total it was attested with.
    function testFuzz_Claim_AboveTheAttestedTotal(uint128 total, uint128 fen) public {
        total = uint128(_bound(total, 1, FUNDED));
        fen = uint128(_bound(fen, uint256(total) + 1, type(uint128).max));
        _activeTree(1, _list(_share(ALICE, fen)), total);
        _expect(_overdrawn(fen, total), ALICE, fen, 0, NO_PROOF);
    }

    /// @dev The sum is compared before it could overflow.
    function test_Claim_AboveTheAttestedTotalByTheLargestAmount() public {
        _activeRunFor(1, BOB, 1_000);
        _claim(BOB, 1_000, 0, NO_PROOF);
        _activeTree(2, _list(_share(ALICE, type(uint128).max)), FUNDED);
        _expect(_overdrawn(uint256(type(uint128).max) + 1_000, FUNDED), ALICE, type(uint128).max, 0, NO_PROOF);
    }

    function test_Claim_AboveTheCashHeld() public {
        _activeRunFor(1, ALICE, 1_000);
        _mockHeld(FUNDED - 1);
        _expect(_insolvent(FUNDED - 1, FUNDED), ALICE, 1_000, 0, NO_PROOF);
    }

    function test_Claim_WhilePaused() public {
        _activeRunFor(1, ALICE, 1_000);
        _pause(address(distributor));
        _expect(_paused(), ALICE, 1_000, 0, NO_PROOF);
    }

    function test_Claim_WhileTheCashIsPaused() public {
        _activeRunFor(1, ALICE, 1_000);
        _pause(address(cash));
        _expect(_paused(), ALICE, 1_000, 0, NO_PROOF);
        vm.assertEq(distributor.paidOf(ALICE), 0, "paid");
    }

    function test_Claim_AgainIsNoOp() public {
        _activeRunFor(1, ALICE, 1_000);
        _claim(ALICE, 1_000, 0, NO_PROOF);
        vm.recordLogs();
        vm.assertEq(_claim(ALICE, 1_000, 0, NO_PROOF), 0, "claimed again");
        _assertSilent();
        vm.assertEq(cash.balanceOf(ALICE), 1_000, "balance");
    }

    function test_Claim_OfNothingIsNoOp() public {
        _activeTree(1, _list(_share(ALICE, 0), _share(BOB, 1_000)), 1_000);
        vm.recordLogs();
        vm.assertEq(_claim(ALICE, 0, 0, _list(_share(BOB, 1_000))), 0, "claimed");
        _assertSilent();
    }

    function testFuzz_Claim_Pays(uint128 fen) public {
        fen = uint128(_bound(fen, 1, FUNDED));
        _activeRunFor(1, ALICE, fen);
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.ProceedsClaimed(ALICE, fen, fen);
        vm.assertEq(_claim(ALICE, fen, 0, NO_PROOF), fen, "claimed");
        vm.assertEq(cash.balanceOf(ALICE), fen, "balance");
        vm.assertEq(cash.balanceOf(address(distributor)), FUNDED - fen, "held");
        vm.assertEq(distributor.paidOf(ALICE), fen, "paid to it");
        vm.assertEq(distributor.paidFen(), fen, "paid");
    }

    function test_Claim_TheLargestAmount() public {
        _earn(type(uint128).max - FUNDED);
        _activeRunFor(1, ALICE, type(uint128).max);
        vm.assertEq(_claim(ALICE, type(uint128).max, 0, NO_PROOF), type(uint128).max, "claimed");
        vm.assertEq(cash.balanceOf(ALICE), type(uint128).max, "balance");
        vm.assertEq(distributor.paidFen(), type(uint128).max, "paid");
    }

    /// @dev Whichever runs it claims under, an account ends with what the last one says.
    function testFuzz_Claim_CumulativeOverSeveralRuns(uint16[5] calldata added, uint8 skipped) public {
        uint128 fen = 0;
        uint256 received = 0;
        for (uint32 i = 0; i < added.length; ++i) {
            fen += 1 + (added[i] % 2_000);
            _activeRunFor(i + 1, ALICE, fen);
            if ((skipped >> i) & 1 == 0) received += _claim(ALICE, fen, 0, NO_PROOF);
        }
        received += _claim(ALICE, fen, 0, NO_PROOF);
        vm.assertEq(received, fen, "received");
        vm.assertEq(cash.balanceOf(ALICE), fen, "balance");
        vm.assertEq(distributor.paidOf(ALICE), fen, "paid to it");
        vm.assertEq(distributor.paidFen(), fen, "paid");
    }

    // Helpers

    function _expectMismatch(
        address account,
        uint128 fen,
        uint64 index,
        bytes32[] memory proof,
        bytes32 computed
    ) private {
        bytes32 root = distributor.runOf(distributor.activeRun()).root;
        bytes memory reason = abi.encodeWithSelector(MerkleLog.MerkleLogRootMismatch.selector, root, computed);
        _expect(reason, account, fen, index, proof);
    }

    function _expect(
        bytes memory reason,
        address account,
        uint128 fen,
        uint64 index,
        bytes32[] memory proof
    ) private {
        vm.prank(account);
        vm.expectRevert(reason);
        distributor.claim(fen, index, proof);
    }
}
