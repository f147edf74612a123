// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleLog} from "../../../contracts/MerkleLog.sol";
import {MerkleLogHarness} from "../MerkleLogHarness.sol";
import {Proof} from "./Proof.sol";

contract MerkleLogProof is Proof {
    uint256 private constant MAX_LOG = 8;
    MerkleLogHarness private log;

    function setUp() public {
        log = new MerkleLogHarness();
    }

    /// @dev A leaf is hashed behind 0x00 and a node behind 0x01, so that none passes for the other without a collision of
    /// SHA-256. The executor knows nothing of the hash but that equal bytes have equal hashes.
    function check_LeavesAndNodesAreHashedApart(bytes32 left, bytes32 right) public view {
        bytes memory both = abi.encodePacked(left, right);
        vm.assertEq(log.leafHash(both), sha256(abi.encodePacked(bytes1(0x00), both)), "leaf");
        vm.assertEq(log.nodeHash(left, right), sha256(abi.encodePacked(bytes1(0x01), both)), "node");
    }

    function refute_LeavesAndNodesAreHashedAlike(bytes32 left, bytes32 right) public view {
        vm.assertEq(log.leafHash(abi.encodePacked(left, right)), log.nodeHash(left, right), "hash");
    }

    /// @dev The length of a proof is what the definition of RFC 9162 (section 2.1.3.1) gives: with k the largest power of
    /// two below the size, one more than in the left tree of k leaves, or one more than in the right tree of the rest.
    /// Sizes up to 2^MAX_LOG; the loop of the library runs at most MAX_LOG times.
    /// @custom:halmos --loop 9 --solver-timeout-branching 50ms
    function check_ProofLengthFollowsTheDefinition(uint64 index, uint64 size) public view {
        vm.assume(index < size && size <= 2 ** MAX_LOG);
        uint256 length = _length(index, size);
        if (size == 1) return vm.assertEq(length, 0, "one leaf");
        for (uint64 log2 = 0; log2 < MAX_LOG; ++log2) {
            uint64 left = uint64(1) << log2;
            if (size <= left || size > 2 * left) continue;
            if (index < left) vm.assertEq(length, log2 + 1, "left");
            else vm.assertEq(length, 1 + _length(index - left, size - left), "right");
        }
    }

    /// @custom:halmos --loop 9 --solver-timeout-branching 50ms
    function refute_ProofsAreAsLongAsTheTreeIsHigh(uint64 index) public view {
        vm.assume(index < 5);
        vm.assertEq(_length(index, 5), 3, "length"); // the fifth leaf stands alone under the root
    }

    function _length(uint64 index, uint64 size) private view returns (uint256 expected) {
        try log.verify(0, index, size, new bytes32[](0), 0) {} catch (bytes memory reason) {
            assembly ("memory-safe") {
                expected := mload(add(reason, 0x24)) // the first argument of MerkleLogProofLength
            }
        }
    }
}
