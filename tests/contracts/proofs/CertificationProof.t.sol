// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICarbonPoints} from "../../../contracts/interfaces/ICarbonPoints.sol";
import {ICertifiedReductions} from "../../../contracts/interfaces/ICertifiedReductions.sol";
import {IReductionCertification} from "../../../contracts/interfaces/IReductionCertification.sol";
import {ReductionCertification} from "../../../contracts/ReductionCertification.sol";
import {OpenAuthority, Proof} from "./Proof.sol";
import {PoolStub, UnitsStub} from "./Stubs.sol";

contract CertificationProof is Proof {
    ReductionCertification private certification;
    PoolStub private pool;
    UnitsStub private units;
    address private treasury;

    function setUp() public {
        (pool, units) = (new PoolStub(), new UnitsStub());
        _anyState(address(pool));
        treasury = address(new OpenAuthority());
        certification = new ReductionCertification(
            address(new OpenAuthority()),
            ICarbonPoints(address(pool)),
            ICertifiedReductions(address(units)),
            treasury
        );
        _anyStateWithSlot0(certification);
    }

    /// @dev What is certified is within the market pool, after any application and any other call of anybody.
    function check_CertifiedStaysWithinThePool(address caller, uint64 classId) public {
        vm.assume(certification.certifiedMg(classId) <= pool.marketMg(classId));
        _callAnything(address(certification), "ReductionCertification", caller);
        vm.assertLe(certification.certifiedMg(classId), pool.marketMg(classId), "certified above the pool");
    }

    function refute_CertifiedStaysBelowThePool(address caller, uint64 classId) public {
        vm.assume(certification.certifiedMg(classId) < pool.marketMg(classId));
        _callAnything(address(certification), "ReductionCertification", caller);
        vm.assertTrue(certification.certifiedMg(classId) < pool.marketMg(classId), "certified");
    }

    /// @dev Tonnes are issued for one certification at a time, as it was verified, by a third account; once it is
    /// approved, no call of anybody makes it anything else.
    function check_IssuedIsWhatThreeAgreedOn(uint32 number, bytes32 dossier, address approver, address anyone) public {
        vm.assume(number <= certification.certificationCount());
        IReductionCertification.Certification memory verified = certification.certificationOf(number);
        vm.prank(approver);
        vm.assume(certification.approve(number, dossier));
        vm.assertTrue(verified.status == IReductionCertification.Status.VERIFIED, "not verified");
        vm.assertTrue(verified.dossier == dossier, "another dossier");
        vm.assertTrue(approver != verified.applicant && approver != verified.verifier, "not a third account");
        vm.assertTrue(units.moves() == 1 && units.to() == treasury, "issued");
        vm.assertTrue(units.issuance() == number && units.tonnes() == verified.tonnes, "tonnes");
        _callAnything(address(certification), "ReductionCertification", anyone);
        IReductionCertification.Status status = certification.certificationOf(number).status;
        vm.assertTrue(status == IReductionCertification.Status.APPROVED, "approved for good");
    }

    function refute_NothingIsEverIssued(uint32 number, bytes32 dossier, address approver) public {
        vm.prank(approver);
        certification.approve(number, dossier);
        vm.assertEq(units.moves(), 0, "issued");
    }
}
