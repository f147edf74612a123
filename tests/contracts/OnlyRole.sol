// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IInPerson} from "../../contracts/interfaces/IInPerson.sol";
import {Fixture} from "./Fixture.sol";

/// @dev What every restricted function has to refuse, whatever it does.
abstract contract OnlyRole is Fixture {
    /// @dev `data` on `target` belongs to `role`, and everybody without it is refused.
    function _expectOnly(uint64 role, address target, bytes memory data) internal {
        vm.assertEq(manager.getTargetFunctionRole(target, bytes4(data)), role, "role");
        address[8] memory actors = [
            PLATFORM,
            VERIFIER,
            REGULATOR,
            EXCHANGE,
            GUARDIAN,
            address(points),
            GOVERNANCE,
            STRANGER
        ];
        uint256 refused;
        for (uint256 i = 0; i < actors.length; ++i) {
            (bool member, ) = manager.hasRole(role, actors[i]);
            if (member) continue;
            vm.prank(actors[i]);
            (bool done, bytes memory reason) = target.call(data);
            vm.assertFalse(done, "allowed");
            vm.assertEq(keccak256(reason), keccak256(_unauthorized(actors[i])), "reason");
            ++refused;
        }
        vm.assertEq(refused, actors.length - 1, "one holds it");
    }

    /// @dev `actor`, who may do `data` on `target`, may not have the manager do it.
    function _expectInPerson(address actor, address target, bytes memory data) internal {
        vm.prank(actor);
        vm.expectRevert(abi.encodeWithSelector(IInPerson.InPersonRequired.selector, address(manager)));
        manager.execute(target, data);
    }
}
