// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleLog} from "../../contracts/MerkleLog.sol";
import {MerkleLogHarness} from "./MerkleLogHarness.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {Vm} from "./Vm.sol";

/// @dev Attacks by name first, then the proofs that must hold.
contract MerkleLogTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant MAX_SIZE = 70;

    MerkleLogHarness private log;

    function setUp() public {
        log = new MerkleLogHarness();
    }

    /// @dev Second preimage: the 64 bytes under a node are shown as a leaf one level up.
    function test_Verify_NodeAsLeaf() public {
        bytes32[] memory leaves = MerkleTree.leavesOf(4);
        bytes32 root = MerkleTree.root(leaves);
        bytes32 forged = MerkleTree.leafHash(bytes.concat(leaves[0], leaves[1]));
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = MerkleTree.nodeHash(leaves[2], leaves[3]);

        _expectMismatch(root, MerkleTree.nodeHash(forged, proof[0]));
        log.verify(forged, 0, 2, proof, root);
    }

    /// @dev The node itself does pass as a leaf *hash* of a smaller tree: that is why callers hash the leaf's bytes
    /// themselves and take the size from where they take the root.
    function test_Verify_NodeAsLeafHashNeedsAForeignSize() public {
        bytes32[] memory leaves = MerkleTree.leavesOf(4);
        bytes32 root = MerkleTree.root(leaves);
        bytes32 node = MerkleTree.nodeHash(leaves[0], leaves[1]);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = MerkleTree.nodeHash(leaves[2], leaves[3]);

        log.verify(node, 0, 2, proof, root); // with the size of another tree
        _expectLength(2, 1);
        log.verify(node, 0, 4, proof, root); // with the size that belongs to the root
    }

    /// @dev CVE-2012-2459: a tree that pairs an odd node with itself cannot tell [A, B, C] from [A, B, C, C].
    function test_Verify_DuplicatedLastNode() public {
        bytes32[] memory three = MerkleTree.leavesOf(3);
        bytes32[] memory four = new bytes32[](4);
        (four[0], four[1], four[2], four[3]) = (three[0], three[1], three[2], three[2]);
        bytes32 root = MerkleTree.root(three);
        vm.assertNotEq(root, MerkleTree.root(four), "roots");

        bytes32[] memory proof = MerkleTree.proof(four, 3);
        _expectMismatch(root, MerkleTree.root(four));
        log.verify(four[3], 3, 4, proof, root);
        _expectOutOfRange(3, 3);
        log.verify(four[3], 3, 3, proof, root);
    }

    function test_Verify_EmptyTree() public {
        bytes32 root = sha256("");
        _expectOutOfRange(0, 0);
        log.verify(root, 0, 0, new bytes32[](0), root);
    }

    function test_Verify_EmptyProof() public {
        bytes32[] memory leaves = MerkleTree.leavesOf(2);
        _expectLength(1, 0);
        log.verify(leaves[0], 0, 2, new bytes32[](0), leaves[0]);
    }

    function testFuzz_Verify_WrongIndex(uint256 seed, uint256 wrong) public view {
        (bytes32[] memory leaves, uint64 index, uint64 size) = _case(seed);
        vm.assume(size > 1);
        uint64 other = uint64(wrong % size);
        vm.assume(other != index);
        _expectFailure(leaves[index], other, size, MerkleTree.proof(leaves, index), MerkleTree.root(leaves));
    }

    function testFuzz_Verify_IndexOutOfRange(uint64 index, uint64 size) public {
        vm.assume(index >= size);
        _expectOutOfRange(index, size);
        log.verify(bytes32(0), index, size, new bytes32[](0), bytes32(0));
    }

    /// @dev The first leaf's path has the same length in every tree of the same height, so only the root can tell.
    function testFuzz_Verify_WrongSize(uint256 seed, uint256 wrong) public view {
        (bytes32[] memory leaves, uint64 index, uint64 size) = _case(seed);
        uint64 other = uint64(1 + (wrong % (2 * MAX_SIZE)));
        bytes32[] memory proof = MerkleTree.proof(leaves, index);
        vm.assume(other != size && other > index);
        bytes32[] memory others = MerkleTree.leavesOf(other);
        others[index] = leaves[index];
        // A tree of another size has another root; this proof must not lead to it.
        _expectFailure(leaves[index], index, other, proof, MerkleTree.root(others));
    }

    function testFuzz_Verify_WrongLength(uint256 seed, uint256 wrong) public {
        (bytes32[] memory leaves, uint64 index, uint64 size) = _case(seed);
        bytes32[] memory proof = MerkleTree.proof(leaves, index);
        uint256 length = wrong % (proof.length + 65);
        vm.assume(length != proof.length);
        bytes32[] memory other = new bytes32[](length);
        for (uint256 i = 0; i < length && i < proof.length; ++i) other[i] = proof[i];
        bytes32 root = MerkleTree.root(leaves);

        _expectLength(proof.length, length);
        log.verify(leaves[index], index, size, other, root);
    }

    function testFuzz_Verify_FlippedBit(uint256 seed, uint8 bit, uint256 where) public view {
        (bytes32[] memory leaves, uint64 index, uint64 size) = _case(seed);
        bytes32[] memory proof = MerkleTree.proof(leaves, index);
        bytes32 leaf = leaves[index];
        bytes32 root = MerkleTree.root(leaves);
        bytes32 flip = bytes32(uint256(1) << bit);
        uint256 place = where % (proof.length + 2);
        if (place < proof.length) proof[place] ^= flip;
        else if (place == proof.length) leaf ^= flip;
        else root ^= flip;

        _expectFailure(leaf, index, size, proof, root);
    }

    function test_Verify_EveryPositionAroundPowersOfTwo() public view {
        bytes32[] memory all = MerkleTree.leavesOf(MAX_SIZE);
        for (uint64 size = 1; size <= 17; ++size) _verifyAll(all, size);
        // Around the powers of two the shape of the right border changes.
        for (uint64 size = 31; size <= 33; ++size) _verifyAll(all, size);
        for (uint64 size = 63; size <= 65; ++size) _verifyAll(all, size);
        _verifyAll(all, uint64(MAX_SIZE));
    }

    function testFuzz_Verify_Inclusion(uint256 seed) public view {
        (bytes32[] memory leaves, uint64 index, uint64 size) = _case(seed);
        log.verify(leaves[index], index, size, MerkleTree.proof(leaves, index), MerkleTree.root(leaves));
    }

    /// @dev The last leaf of the largest size is all right border: its 63 siblings stand on the left.
    function test_Verify_LargestSize() public view {
        uint64 size = type(uint64).max;
        bytes32[] memory proof = new bytes32[](63);
        bytes32 computed = sha256("leaf");
        for (uint256 i = 0; i < 63; ++i) computed = MerkleTree.nodeHash(bytes32(0), computed);
        log.verify(sha256("leaf"), size - 1, size, proof, computed);
    }

    function testFuzz_LeafHash_FollowsTheStandard(bytes calldata leaf) public view {
        vm.assertEq(log.leafHash(leaf), sha256(bytes.concat(hex"00", leaf)), "leaf hash");
    }

    function testFuzz_NodeHash_FollowsTheStandard(bytes32 left, bytes32 right) public view {
        vm.assertEq(log.nodeHash(left, right), sha256(bytes.concat(hex"01", left, right)), "node hash");
    }

    /// @dev The published vectors of RFC 6962 trees: the hash of the empty leaf, and of eight known leaves.
    function test_LeafHash_PublishedVectors() public view {
        vm.assertEq(
            log.leafHash(""),
            0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d,
            "empty leaf"
        );
        bytes32[] memory leaves = new bytes32[](8);
        leaves[0] = log.leafHash("");
        leaves[1] = log.leafHash(hex"00");
        leaves[2] = log.leafHash(hex"10");
        leaves[3] = log.leafHash(hex"2021");
        leaves[4] = log.leafHash(hex"3031");
        leaves[5] = log.leafHash(hex"40414243");
        leaves[6] = log.leafHash(hex"5051525354555657");
        leaves[7] = log.leafHash(hex"606162636465666768696a6b6c6d6e6f");
        bytes32 root = 0x5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328;
        for (uint64 i = 0; i < 8; ++i) log.verify(leaves[i], i, 8, MerkleTree.proof(leaves, i), root);
    }

    /// @dev An empty answer must not be taken for a hash.
    function test_NodeHash_ChainWithoutSha256() public {
        vm.mockCall(address(2), bytes.concat(hex"01", bytes32(uint256(1)), bytes32(uint256(2))), "");
        vm.expectRevert(abi.encodeWithSelector(MerkleLog.MerkleLogHashUnavailable.selector));
        log.nodeHash(bytes32(uint256(1)), bytes32(uint256(2)));
    }

    function _case(uint256 seed) private pure returns (bytes32[] memory leaves, uint64 index, uint64 size) {
        size = uint64(1 + (seed % MAX_SIZE));
        index = uint64((seed >> 64) % size);
        leaves = MerkleTree.leavesOf(size);
    }

    function _verifyAll(bytes32[] memory all, uint64 size) private view {
        bytes32[] memory leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) leaves[i] = all[i];
        bytes32 root = MerkleTree.root(leaves);
        for (uint64 i = 0; i < size; ++i) log.verify(leaves[i], i, size, MerkleTree.proof(leaves, i), root);
    }

    function _expectFailure(
        bytes32 leaf,
        uint64 index,
        uint64 size,
        bytes32[] memory proof,
        bytes32 root
    ) private view {
        (bool verified, ) = address(log).staticcall(abi.encodeCall(log.verify, (leaf, index, size, proof, root)));
        vm.assertFalse(verified, "verified");
    }

    function _expectOutOfRange(uint64 index, uint64 size) private {
        vm.expectRevert(abi.encodeWithSelector(MerkleLog.MerkleLogIndexOutOfRange.selector, index, size));
    }

    function _expectLength(uint256 expected, uint256 actual) private {
        vm.expectRevert(abi.encodeWithSelector(MerkleLog.MerkleLogProofLength.selector, expected, actual));
    }

    function _expectMismatch(bytes32 expected, bytes32 computed) private {
        vm.expectRevert(abi.encodeWithSelector(MerkleLog.MerkleLogRootMismatch.selector, expected, computed));
    }
}
