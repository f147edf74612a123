// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SerialSet} from "../../contracts/SerialSet.sol";

/// @dev A set, and a naive model of it: an unordered array of the keys.
contract SerialSetHarness {
    using SerialSet for SerialSet.Set;

    SerialSet.Set private _set;
    uint24[] private _keys;

    function insert(uint24 key) external {
        _set.insert(key);
        if (!naiveContains(key)) _keys.push(key);
    }

    function remove(uint24 key) external {
        _set.remove(key);
        for (uint256 i = 0; i < _keys.length; ++i) {
            if (_keys[i] != key) continue;
            _keys[i] = _keys[_keys.length - 1];
            _keys.pop();
            return;
        }
    }

    function contains(uint24 key) external view returns (bool) {
        return _set.contains(key);
    }

    function lowest() external view returns (uint24) {
        return _set.lowest();
    }

    function ceiling(uint24 key) external view returns (bool found, uint24) {
        return _set.ceiling(key);
    }

    function root() external view returns (uint256) {
        return _set.root;
    }

    function keyAt(uint256 index) external view returns (uint24) {
        return _keys[index];
    }

    function size() external view returns (uint256) {
        return _keys.length;
    }

    function naiveContains(uint24 key) public view returns (bool) {
        for (uint256 i = 0; i < _keys.length; ++i) {
            if (_keys[i] == key) return true;
        }
        return false;
    }

    function naiveCeiling(uint24 key) external view returns (bool found, uint24 best) {
        for (uint256 i = 0; i < _keys.length; ++i) {
            uint24 candidate = _keys[i];
            if (candidate < key || (found && candidate > best)) continue;
            (found, best) = (true, candidate);
        }
    }
}
