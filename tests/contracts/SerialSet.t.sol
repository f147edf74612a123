// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SerialSet} from "../../contracts/SerialSet.sol";
import {SerialSetHarness} from "./SerialSetHarness.sol";
import {Vm} from "./Vm.sol";

contract SerialSetTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint24 private constant MAX = type(uint24).max;

    SerialSetHarness private set;

    function setUp() public {
        set = new SerialSetHarness();
    }

    function test_Lowest_OfEmpty() public {
        vm.expectRevert(abi.encodeWithSelector(SerialSet.SerialSetEmpty.selector));
        set.lowest();
        set.insert(7);
        set.remove(7);
        vm.expectRevert(abi.encodeWithSelector(SerialSet.SerialSetEmpty.selector));
        set.lowest();
    }

    function test_Ceiling_OfEmpty() public view {
        _assertCeiling(0, false, 0);
        _assertCeiling(MAX, false, 0);
    }

    /// @dev The first and the last key, and both sides of every border between leaves and branches.
    function test_Borders() public {
        uint24[8] memory keys = [0, 0xff, 0x100, 0xffff, 0x10000, 0x1ffff, 0xffff00, MAX];
        for (uint256 i = keys.length; i > 0; --i) {
            set.insert(keys[i - 1]);
            vm.assertEq(set.lowest(), keys[i - 1], "lowest");
        }
        uint24 from = 0;
        for (uint256 i = 0; i < keys.length; ++i) {
            _assertCeiling(from, true, keys[i]);
            _assertCeiling(keys[i], true, keys[i]);
            vm.assertTrue(set.contains(keys[i]), "contained");
            if (keys[i] != MAX) from = keys[i] + 1;
        }
        for (uint256 i = 0; i < keys.length; ++i) {
            vm.assertEq(set.lowest(), keys[i], "lowest");
            set.remove(keys[i]);
            vm.assertFalse(set.contains(keys[i]), "removed");
        }
        vm.assertEq(set.root(), 0, "empty up to the root");
    }

    function test_InsertAndRemove_AgainChangeNothing() public {
        set.insert(500);
        set.insert(500);
        vm.assertEq(set.lowest(), 500, "once");
        set.remove(501);
        set.remove(500);
        set.remove(500);
        vm.assertEq(set.root(), 0, "empty");
    }

    /// @dev The same steps on the set and on an array; then every answer is compared, near each key and at random.
    function testFuzz_Set_MatchesNaive(uint256[24] calldata steps, uint24[8] calldata probes) public {
        for (uint256 i = 0; i < steps.length; ++i) {
            uint256 count = set.size();
            if (steps[i] & 3 == 0 && count != 0) set.remove(set.keyAt((steps[i] >> 8) % count));
            else set.insert(_keyFrom(steps[i]));
            if (set.size() != 0) _assertLowest();
        }
        for (uint256 i = 0; i < probes.length; ++i) _assertLike(probes[i]);
        for (uint256 i = 0; i < set.size(); ++i) {
            uint24 key = set.keyAt(i);
            _assertLike(key);
            if (key != 0) _assertLike(key - 1);
            if (key != MAX) _assertLike(key + 1);
        }
        while (set.size() != 0) set.remove(set.keyAt(0));
        vm.assertEq(set.root(), 0, "empty up to the root");
    }

    /// @dev Crowds the keys: into one leaf, one branch, or the whole set.
    function _keyFrom(uint256 step) private pure returns (uint24) {
        uint24 key = uint24(step >> 8);
        if (step & 12 == 0) return key & 0xff;
        return step & 12 == 4 ? key & 0xffff : key;
    }

    function _assertLike(uint24 key) private view {
        (bool found, uint24 expected) = set.naiveCeiling(key);
        _assertCeiling(key, found, expected);
        vm.assertEq(set.contains(key), set.naiveContains(key), "contains");
    }

    function _assertLowest() private view {
        (, uint24 expected) = set.naiveCeiling(0);
        vm.assertEq(set.lowest(), expected, "lowest");
    }

    function _assertCeiling(uint24 key, bool found, uint24 expected) private view {
        (bool actualFound, uint24 actual) = set.ceiling(key);
        vm.assertEq(actualFound, found, "found");
        vm.assertEq(actual, expected, "ceiling");
    }
}
