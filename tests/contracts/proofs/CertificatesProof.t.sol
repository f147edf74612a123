// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../../contracts/interfaces/IParticipants.sol";
import {RetirementCertificates} from "../../../contracts/RetirementCertificates.sol";
import {OpenAuthority, Proof} from "./Proof.sol";
import {ParticipantsStub, UnitsStub} from "./Stubs.sol";

contract CertificatesProof is Proof {
    RetirementCertificates private certificates;

    function setUp() public {
        certificates = new RetirementCertificates(
            address(new OpenAuthority()),
            ICertifiedReductions(address(new UnitsStub())),
            IParticipants(address(new ParticipantsStub()))
        );
        _anyState(address(certificates));
    }

    /// @dev A certificate stays with its owner, and with what it says, whoever calls what. Nobody has the key of the
    /// zero address, which stands for "no caller" in {RetirementCertificates-_update}.
    /// @custom:halmos --default-bytes-lengths 65
    function check_CertificatesAreSoulbound(address caller, uint256 id) public {
        vm.assume(caller != address(0));
        vm.assume(id != 0 && id <= certificates.certificateCount());
        address owner = certificates.ownerOf(id); // reverts if it has none
        _callAnything(address(certificates), "RetirementCertificates", caller);
        vm.assertEq(certificates.ownerOf(id), owner, "owner");
        vm.assertTrue(certificates.locked(id), "locked");
    }

    /// @custom:halmos --default-bytes-lengths 65
    function refute_NobodyGetsACertificate(address caller, address account) public {
        vm.assume(caller != address(0));
        uint256 owned = certificates.balanceOf(account);
        _callAnything(address(certificates), "RetirementCertificates", caller);
        vm.assertEq(certificates.balanceOf(account), owned, "certificates");
    }
}
