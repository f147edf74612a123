// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev A holder with a key, of kind COMPLIANCE, who has serials 1 to 300 and may offset 100 t in 2026.
abstract contract RetireFixture is UnitsFixture {
    uint256 internal constant KEY = 0xC0FFEE;
    bytes32 internal constant ENTITY = "holder";
    bytes32 internal constant REF = "retirement 1";
    uint16 internal constant YEAR = 2026;
    uint64 internal constant LIMIT = 100;

    address internal holder;

    function setUp() public virtual override {
        super.setUp();
        holder = vm.addr(KEY);
        _admit(holder, ENTITY, IParticipants.Kind.COMPLIANCE);
        _issue(ISSUANCE, 1_234);
        _give(holder, ISSUANCE, 300);
        vm.prank(REGULATOR);
        certificates.setOffsetLimit(ENTITY, YEAR, LIMIT);
    }

    /// @dev A retirement for compliance, which is what has most to it.
    function _request(uint64 tonnes) internal view returns (IRetirementCertificates.Request memory) {
        return
            IRetirementCertificates.Request({
                holder: holder,
                issuance: ISSUANCE,
                tonnes: tonnes,
                purpose: IRetirementCertificates.Purpose.COMPLIANCE,
                year: YEAR,
                beneficiary: ENTITY,
                ref: REF
            });
    }

    function _voluntary(uint64 tonnes) internal view returns (IRetirementCertificates.Request memory request) {
        request = _request(tonnes);
        request.purpose = IRetirementCertificates.Purpose.VOLUNTARY;
        request.year = 0;
        request.beneficiary = "somebody";
    }

    function _retire(IRetirementCertificates.Request memory request) internal returns (bool) {
        vm.prank(request.holder);
        return certificates.retire(request);
    }

    function _expectRetireRefused(IRetirementCertificates.Request memory request, bytes memory refusal) internal {
        vm.prank(request.holder);
        vm.expectRevert(refusal);
        certificates.retire(request);
    }

    function _referenceUsed() internal view returns (bytes memory) {
        bytes4 selector = IRetirementCertificates.RetirementCertificatesReferenceUsed.selector;
        return abi.encodeWithSelector(selector, holder, REF);
    }

    function _assertCertificate(uint256 id, IRetirementCertificates.Certificate memory expected) internal view {
        bytes32 actual = keccak256(abi.encode(certificates.certificateOf(id)));
        vm.assertEq(actual, keccak256(abi.encode(expected)), "certificate");
    }
}
