// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SerialSet
/// @notice A set of 24-bit keys in which the lowest key and the next one are found at a cost that does not grow.
/// @dev A bitmap of three levels, 256 wide: bit `key & 0xff` of leaf `key >> 8` says that the key is in the set, a bit
/// of a branch that its leaf is not empty, a bit of the root that its branch is not empty. So inserting, removing and
/// finding touch at most three slots of a path down, or five where the search has to go up and down again.
library SerialSet {
    struct Set {
        uint256 root;
        mapping(uint256 index => uint256) branches;
        mapping(uint256 index => uint256) leaves;
    }

    /// @notice Thrown when the lowest key of an empty set is asked for.
    error SerialSetEmpty();

    /// @notice Puts `key` into the set, where it may be already.
    function insert(Set storage set, uint24 key) internal {
        (uint256 leaf, uint256 branch) = (key >> 8, key >> 16);
        uint256 keys = set.leaves[leaf];
        set.leaves[leaf] = keys | _bit(key);
        if (keys != 0) return; // the levels above know the leaf

        uint256 leaves = set.branches[branch];
        set.branches[branch] = leaves | _bit(leaf);
        if (leaves == 0) set.root |= _bit(branch);
    }

    /// @notice Takes `key` out of the set, where it may be missing.
    function remove(Set storage set, uint24 key) internal {
        (uint256 leaf, uint256 branch) = (key >> 8, key >> 16);
        uint256 keys = set.leaves[leaf] & ~_bit(key);
        set.leaves[leaf] = keys;
        if (keys != 0) return;

        uint256 leaves = set.branches[branch] & ~_bit(leaf);
        set.branches[branch] = leaves;
        if (leaves == 0) set.root &= ~_bit(branch);
    }

    /// @notice Whether `key` is in the set.
    function contains(Set storage set, uint24 key) internal view returns (bool) {
        return set.leaves[key >> 8] & _bit(key) != 0;
    }

    /// @notice The lowest key of a set that is not empty.
    function lowest(Set storage set) internal view returns (uint24) {
        uint256 root = set.root;
        if (root == 0) revert SerialSetEmpty();
        return _lowestUnder(set, _lowestBit(root));
    }

    /// @notice The lowest key that is not below `key`.
    /// @return found False if there is none.
    function ceiling(Set storage set, uint24 key) internal view returns (bool found, uint24) {
        (uint256 leaf, uint256 branch) = (key >> 8, key >> 16);
        uint256 keys = set.leaves[leaf] & _from(key & 0xff);
        if (keys != 0) return (true, _key(leaf, _lowestBit(keys)));

        uint256 leaves = set.branches[branch] & _from((leaf & 0xff) + 1);
        if (leaves != 0) return (true, _lowestOf(set, _join(branch, _lowestBit(leaves))));

        uint256 branches = set.root & _from(branch + 1);
        if (branches != 0) return (true, _lowestUnder(set, _lowestBit(branches)));
        return (false, 0);
    }

    /// @dev The lowest key under a branch that is not empty.
    function _lowestUnder(Set storage set, uint256 branch) private view returns (uint24) {
        return _lowestOf(set, _join(branch, _lowestBit(set.branches[branch])));
    }

    /// @dev The lowest key of a leaf that is not empty.
    function _lowestOf(Set storage set, uint256 leaf) private view returns (uint24) {
        return _key(leaf, _lowestBit(set.leaves[leaf]));
    }

    function _key(uint256 leaf, uint256 index) private pure returns (uint24) {
        return uint24(_join(leaf, index)); // 65,536 leaves of 256 keys
    }

    function _join(uint256 high, uint256 low) private pure returns (uint256) {
        return (high << 8) | low;
    }

    /// @dev The bit of the lowest 8 bits of `index`.
    function _bit(uint256 index) private pure returns (uint256) {
        return 1 << (index & 0xff);
    }

    /// @dev All bits from `index` up; none if it is 256.
    function _from(uint256 index) private pure returns (uint256) {
        return type(uint256).max << index;
    }

    /// @dev The index of the lowest bit of a word that is not zero.
    function _lowestBit(uint256 word) private pure returns (uint256) {
        return Math.log2(word & (~word + 1));
    }
}
