// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The tree of RFC 9162 section 2.1, written as its definitions read, so that it shares nothing with the library
/// under test.
library MerkleTree {
    function leafHash(bytes memory leaf) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"00", leaf));
    }

    function nodeHash(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"01", left, right));
    }

    /// @dev MTH of section 2.1.1.
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        return _root(leaves, 0, leaves.length);
    }

    /// @dev PATH of section 2.1.3.1.
    function proof(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory) {
        return _path(leaves, index, 0, leaves.length);
    }

    /// @dev `count` different leaves.
    function leavesOf(uint256 count) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) leaves[i] = leafHash(abi.encodePacked("leaf ", uint64(i)));
    }

    function _root(bytes32[] memory leaves, uint256 from, uint256 count) private pure returns (bytes32) {
        if (count == 1) return leaves[from];
        uint256 left = _leftSize(count);
        return nodeHash(_root(leaves, from, left), _root(leaves, from + left, count - left));
    }

    function _path(
        bytes32[] memory leaves,
        uint256 index,
        uint256 from,
        uint256 count
    ) private pure returns (bytes32[] memory) {
        if (count == 1) return new bytes32[](0);
        uint256 left = _leftSize(count);
        return
            index < left
                ? _append(_path(leaves, index, from, left), _root(leaves, from + left, count - left))
                : _append(_path(leaves, index - left, from + left, count - left), _root(leaves, from, left));
    }

    /// @dev The largest power of two below `count`.
    function _leftSize(uint256 count) private pure returns (uint256 size) {
        size = 1;
        while (size * 2 < count) size *= 2;
    }

    function _append(bytes32[] memory path, bytes32 last) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](path.length + 1);
        for (uint256 i = 0; i < path.length; ++i) longer[i] = path[i];
        longer[path.length] = last;
    }
}
