// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMandates} from "../../contracts/interfaces/IMandates.sol";
import {MandatesFixture} from "./MandatesFixture.sol";

/// @dev The most each transaction may cost, its intrinsic gas included, as in Gas.
contract GasMandatesTest is MandatesFixture {
    /// @dev More than half of a first mandate is the slot that has to be written.
    function test_Gas_Mandates() public {
        (IMandates.Mandate[] memory list, bytes[] memory signatures) = _signedBatch(50, block.timestamp);
        mandates.giveFor(list, signatures);
        _assertGas(50 * 42_000, "fifty first mandates");
        _revoke(list[0].holder, 1);
        _assertGas(36_000, "revoke");
        _give(list[0].holder, list[0].terms, 2);
        _assertGas(43_000, "next mandate");
    }

    function _assertGas(uint256 limit, string memory what) private view {
        vm.assertLe(vm.lastCallGas().gasTotalUsed, limit, what);
    }
}
