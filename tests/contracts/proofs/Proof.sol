// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Vm} from "../Vm.sol";
import {Svm} from "./Svm.sol";

/// @dev Grants everything to everyone at once: what is proved under it holds even when every key is stolen.
contract OpenAuthority {
    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }
}

/// @dev What the proofs share. A function `check_...` is a property: the symbolic executor runs it on all arguments at
/// once and has to show that no assertion in it can fail. A function `refute_...` is its control: the same calls with a
/// claim that is false, for which the executor has to find the arguments. Nothing here is run by the ordinary tests.
///
/// A path on which the proof itself reverts is left out, so sums that may wrap stand in `unchecked` blocks.
abstract contract Proof {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

    /// @dev Puts `target` into any state, reachable or not, in which it still answers to its authority; at any time.
    function _anyState(address target) internal {
        svm.enableSymbolicStorage(target);
        vm.warp(uint64(uint256(svm.createBytes32("now")))); // the executor's own clock stands at 1
    }

    /// @dev The same for a contract with state of its own in the slot of its authority, which the constructor wrote and
    /// which would keep its value.
    function _anyStateWithSlot0(AccessManaged target) internal {
        address authority = target.authority();
        _anyState(address(target));
        vm.store(address(target), 0, svm.createBytes32("slot"));
        vm.assume(target.authority() == authority);
    }

    /// @dev Any state-changing call of `contractName` by `caller`; what reverts changes nothing and is left out.
    function _callAnything(address target, string memory contractName, address caller) internal returns (bytes4 verb) {
        bytes memory data = svm.createCalldata(contractName);
        verb = bytes4(data);
        vm.prank(caller);
        (bool done, ) = target.call(data);
        vm.assume(done);
    }
}
