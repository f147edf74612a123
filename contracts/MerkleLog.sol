// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title MerkleLog
/// @notice Inclusion in an RFC 6962 / RFC 9162 Merkle tree over SHA-256.
/// @dev A leaf is `SHA-256(0x00 | bytes)`, a node `SHA-256(0x01 | left | right)`: no node can pass for a leaf. An odd
/// node is promoted, never paired with itself: `[A, B, C]` and `[A, B, C, C]` have different roots. The length of a
/// proof follows from (index, size) and any other length is refused, so a proof fits one position of one size only.
/// Warning: the root alone does not bind the size. Take both from the same trusted place.
library MerkleLog {
    /// @notice Thrown when `index` is not a position of a tree of `size` leaves (no position is, when it is empty).
    error MerkleLogIndexOutOfRange(uint64 index, uint64 size);

    /// @notice Thrown when a proof does not have the one length that its position requires.
    error MerkleLogProofLength(uint256 expected, uint256 actual);

    /// @notice Thrown when the proof leads to another root.
    error MerkleLogRootMismatch(bytes32 expected, bytes32 computed);

    /// @notice Thrown when the chain does not answer for SHA-256 at address 2.
    error MerkleLogHashUnavailable();

    /// @notice Reverts unless `leaf` is at `index` in the tree of `size` leaves that has this `root`.
    /// @param leaf The leaf's hash, from {leafHash}.
    /// @param proof The siblings from the leaf upwards.
    function verify(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root) internal view {
        if (index >= size) revert MerkleLogIndexOutOfRange(index, size);

        // Up to the level where the paths of this leaf and of the last leaf meet, there is a sibling on every level.
        // Above it the path is the tree's right border, where there is one only for each 1 bit, always on the left.
        uint256 inner = _bitLength(index ^ (size - 1));
        uint256 border = _countOnes(uint256(index) >> inner);
        if (proof.length != inner + border) revert MerkleLogProofLength(inner + border, proof.length);

        bytes32 computed = leaf;
        for (uint256 i = 0; i < proof.length; ++i) {
            bool onTheLeft = i >= inner || (index >> i) & 1 == 1;
            computed = onTheLeft ? nodeHash(proof[i], computed) : nodeHash(computed, proof[i]);
        }
        if (computed != root) revert MerkleLogRootMismatch(root, computed);
    }

    /// @notice The hash of a leaf's bytes.
    function leafHash(bytes memory leaf) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), leaf));
    }

    /// @notice The hash of the node over `left` and `right`.
    /// @dev In assembly because `abi.encodePacked` would allocate and copy 97 bytes a level, which costs more than the
    /// hash. The 65 bytes are laid out above the free memory pointer, which is scratch space and stays unallocated.
    function nodeHash(bytes32 left, bytes32 right) internal view returns (bytes32 digest) {
        bool hashed;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 0x01)
            mstore(add(free, 0x01), left)
            mstore(add(free, 0x21), right)
            hashed := staticcall(gas(), 0x02, free, 0x41, 0x00, 0x20)
            hashed := and(hashed, eq(returndatasize(), 0x20))
            digest := mload(0x00)
        }
        if (!hashed) revert MerkleLogHashUnavailable();
    }

    function _bitLength(uint64 value) private pure returns (uint256) {
        return value == 0 ? 0 : Math.log2(value) + 1;
    }

    function _countOnes(uint256 value) private pure returns (uint256 ones) {
        while (value != 0) {
            value &= value - 1; // clears the lowest 1 bit
            ++ones;
        }
    }
}
