// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CertificationFixture} from "./CertificationFixture.sol";

/// @dev The most each transaction may cost, its intrinsic gas included, as in Gas. Nothing of it depends on the tonnes.
contract GasCertificationTest is CertificationFixture {
    function test_Gas_Certification() public {
        _convert(DAILY_CAP);
        _apply(1, 5_000);
        _assertGas(205_000, "applyFor");
        _verify(1);
        _assertGas(50_000, "verify");
        _approve(1);
        _assertGas(330_000, "approve, which issues");
    }

    function test_Gas_CertificationRejected() public {
        _convert(DAILY_CAP);
        _apply(1, 5_000);
        _refute(1);
        _assertGas(72_000, "refute");
    }

    function _assertGas(uint256 limit, string memory what) private view {
        vm.assertLe(vm.lastCallGas().gasTotalUsed, limit, what);
    }
}
