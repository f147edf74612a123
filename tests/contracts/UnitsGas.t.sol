// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev The most each transaction with units may cost, its intrinsic gas included. The tests run isolated: every call
/// is a transaction of its own that begins with cold storage.
contract UnitsGasTest is UnitsFixture {
    uint32 private constant OTHER = 2;

    /// @dev What a move costs does not depend on how many ranges its holder has: of 20 and of 2,000, the same to the
    /// unit of gas.
    function test_Gas_OfFragmentsDoesNotGrow() public {
        _issue(ISSUANCE, 100);
        _issue(OTHER, 10_000);
        _scatter(SELLER, THIRD, ISSUANCE, 20);
        _scatter(SELLER, THIRD, OTHER, 2_000);
        uint256 oneOfFew = _gasOfTransfer(ISSUANCE, 1);
        uint256 sixteenOfFew = _gasOfTransfer(ISSUANCE, 16);
        vm.assertEq(_gasOfTransfer(OTHER, 1), oneOfFew, "one range");
        vm.assertEq(_gasOfTransfer(OTHER, 16), sixteenOfFew, "sixteen ranges");
        vm.assertLe(oneOfFew, 190_000, "one range");
        vm.assertLe(sixteenOfFew, 335_000, "sixteen ranges");
    }

    /// @dev The dearest move there is: 16 ranges so far apart that they share no slot, to a holder who has none.
    function test_Gas_OfTheWorstMove() public {
        _issue(ISSUANCE, 1 << 24);
        for (uint256 i = 0; i < 16; ++i) {
            _give(THIRD, ISSUANCE, 70_000);
            _give(SELLER, ISSUANCE, 300);
        }
        vm.assertLe(_gasOfTransfer(ISSUANCE, 16 * 300), 1_400_000, "sixteen ranges far apart");
    }

    function test_Gas_OfASale() public {
        _issue(ISSUANCE, 10_000);
        _assertGas(295_000, "issue");
        _list(TREASURY, ISSUANCE, 5_000);
        _assertGas(190_000, "list");
        _settle(TREASURY, BUYER, ISSUANCE, 100);
        _assertGas(200_000, "first settlement");
        _settle(TREASURY, BUYER, ISSUANCE, 100);
        _assertGas(112_000, "next settlement");
        _unlist(TREASURY, ISSUANCE, 100);
        _assertGas(130_000, "unlist");
    }

    function test_Gas_OfARetirement() public {
        _issue(ISSUANCE, 10_000);
        _give(BUYER, ISSUANCE, 1_000);
        vm.prank(REGULATOR);
        certificates.setOffsetLimit(BUYER_ENTITY, 2026, 1_000);
        _retireFor("first");
        _assertGas(460_000, "first retirement");
        _retireFor("second");
        _assertGas(355_000, "next retirement");
    }

    function _retireFor(bytes32 ref) private {
        vm.prank(BUYER);
        certificates.retire(
            IRetirementCertificates.Request({
                holder: BUYER,
                issuance: ISSUANCE,
                tonnes: 100,
                purpose: IRetirementCertificates.Purpose.COMPLIANCE,
                year: 2026,
                beneficiary: BUYER_ENTITY,
                ref: ref
            })
        );
    }

    function _gasOfTransfer(uint32 issuance, uint64 tonnes) private returns (uint256) {
        _transfer(SELLER, BUYER, issuance, tonnes);
        return vm.lastCallGas().gasTotalUsed;
    }

    function _assertGas(uint256 limit, string memory what) private view {
        vm.assertLe(vm.lastCallGas().gasTotalUsed, limit, what);
    }
}
