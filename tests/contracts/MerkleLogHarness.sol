// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleLog} from "../../contracts/MerkleLog.sol";

/// @dev Makes the library callable, for shared test vectors and for tests that expect it to revert.
contract MerkleLogHarness {
    function verify(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root) external view {
        MerkleLog.verify(leaf, index, size, proof, root);
    }

    function leafHash(bytes calldata leaf) external pure returns (bytes32) {
        return MerkleLog.leafHash(leaf);
    }

    function nodeHash(bytes32 left, bytes32 right) external view returns (bytes32) {
        return MerkleLog.nodeHash(left, right);
    }
}
