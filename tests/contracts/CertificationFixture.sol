// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CertifiedReductions} from "../../contracts/CertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IReductionCertification} from "../../contracts/interfaces/IReductionCertification.sol";
import {Participants} from "../../contracts/Participants.sol";
import {ReductionCertification} from "../../contracts/ReductionCertification.sol";
import {Roles} from "../../contracts/Roles.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {OnlyRole} from "./OnlyRole.sol";

/// @dev The certification with the points before it and the reductions behind it, wired as in production. A contract
/// without a receiver hook stands in for the treasury: whatever is issued to it, it is not called.
abstract contract CertificationFixture is OnlyRole {
    bytes32 internal constant DOSSIER = "dossier";
    bytes32 internal constant REASON = "wrong factor";
    uint128 internal constant TONNE = 1_000_000_000; // in mg
    uint64 internal constant OTHER = CLASS - 1; // the vintage before
    uint32 internal constant OTHER_DATE = 20251231;

    Participants internal participants;
    CertifiedReductions internal reductions;
    ReductionCertification internal certification;
    address internal treasury;

    function setUp() public virtual override {
        super.setUp();
        vm.prank(EXCHANGE);
        participants.register(treasury, "programme", IParticipants.Kind.PROGRAMME, "identity file");
        vm.prank(REGULATOR);
        participants.admit(treasury, "programme", IParticipants.Kind.PROGRAMME, "identity file");
    }

    // Wiring

    function _handOver() internal virtual override {
        participants = new Participants(address(manager));
        reductions = new CertifiedReductions(address(manager), participants);
        treasury = address(new ContractWallet(STRANGER));
        certification = new ReductionCertification(address(manager), points, reductions, treasury);

        _assign(address(participants), Roles.EXCHANGE, participants.register.selector);
        _assign(address(participants), Roles.REGULATOR, participants.admit.selector, participants.suspend.selector);
        _assign(address(reductions), Roles.CERTIFICATION, reductions.issue.selector);
        _assign(address(reductions), Roles.GUARDIAN, reductions.pause.selector);
        address target = address(certification);
        _assign(target, Roles.PLATFORM, certification.applyFor.selector);
        _assign(target, Roles.VERIFIER, certification.verify.selector, certification.refute.selector);
        _assign(target, Roles.REGULATOR, certification.approve.selector, certification.reject.selector);
        _assign(target, Roles.GUARDIAN, certification.pause.selector);
        _assign(target, Roles.REGULATOR_DELAYED, certification.unpause.selector);
        manager.grantRole(Roles.CERTIFICATION, target, 0);
        super._handOver();
    }

    // Acts

    /// @dev Puts `mg` of `classId` into the pool, earned on `serviceDate`: up to the daily cap of 5,000 t.
    function _convert(uint64 classId, uint32 serviceDate, uint128 mg) internal {
        uint32 number = points.currentEpoch() + 1;
        bytes32[] memory batchIds = _list(_attestedBatch(serviceDate, mg));
        _publish(number, _list(_leaf(ALICE, classId, mg, mg)), batchIds, _conversion(classId, mg));
        _activate(number);
    }

    function _convert(uint128 mg) internal {
        _convert(CLASS, SERVICE_DATE, mg);
    }

    /// @dev As if `mg` were in the pool of `CLASS`, which no two days of trips could fill.
    function _mockPool(uint128 mg) internal {
        vm.mockCall(address(points), abi.encodeCall(points.marketMg, (CLASS)), abi.encode(mg));
    }

    function _apply(uint32 number, uint64 classId, uint64 tonnes) internal returns (bool) {
        vm.prank(PLATFORM);
        return certification.applyFor(number, classId, tonnes, DOSSIER);
    }

    function _apply(uint32 number, uint64 tonnes) internal returns (bool) {
        return _apply(number, CLASS, tonnes);
    }

    function _verify(uint32 number) internal returns (bool) {
        vm.prank(VERIFIER);
        return certification.verify(number, DOSSIER);
    }

    function _refute(uint32 number) internal returns (bool) {
        vm.prank(VERIFIER);
        return certification.refute(number, REASON);
    }

    function _approve(uint32 number) internal returns (bool) {
        vm.prank(REGULATOR);
        return certification.approve(number, DOSSIER);
    }

    function _reject(uint32 number) internal returns (bool) {
        vm.prank(REGULATOR);
        return certification.reject(number, REASON);
    }

    /// @dev Applied for, verified, approved, refuted, rejected after it was verified: the ways a certification can be.
    function _reach(uint32 number, uint64 tonnes, uint256 stage) internal {
        _apply(number, tonnes);
        if (stage == 3) _refute(number);
        if (stage != 1 && stage != 2 && stage != 4) return;
        _verify(number);
        if (stage == 2) _approve(number);
        if (stage == 4) _reject(number);
    }

    function _pause(address target) internal {
        vm.prank(GUARDIAN);
        ReductionCertification(target).pause();
    }

    // What is expected

    function _unexpectedNumber(uint32 expected, uint32 actual) internal pure returns (bytes memory) {
        bytes4 selector = IReductionCertification.ReductionCertificationUnexpectedNumber.selector;
        return abi.encodeWithSelector(selector, expected, actual);
    }

    function _unexpected(uint32 number, IReductionCertification.Status status) internal pure returns (bytes memory) {
        bytes4 selector = IReductionCertification.ReductionCertificationUnexpectedStatus.selector;
        return abi.encodeWithSelector(selector, number, status);
    }

    function _mismatch(uint32 number, bytes32 expected, bytes32 actual) internal pure returns (bytes memory) {
        bytes4 selector = IReductionCertification.ReductionCertificationDossierMismatch.selector;
        return abi.encodeWithSelector(selector, number, expected, actual);
    }

    function _sameAccount(uint32 number, address account) internal pure returns (bytes memory) {
        bytes4 selector = IReductionCertification.ReductionCertificationSameAccount.selector;
        return abi.encodeWithSelector(selector, number, account);
    }

    function _poolExceeded(uint64 classId, uint256 wanted, uint256 available) internal pure returns (bytes memory) {
        bytes4 selector = IReductionCertification.ReductionCertificationPoolExceeded.selector;
        return abi.encodeWithSelector(selector, classId, wanted, available);
    }

    function _assertSame(
        uint32 number,
        IReductionCertification.Certification memory expected
    ) internal view {
        bytes32 actual = keccak256(abi.encode(certification.certificationOf(number)));
        vm.assertEq(actual, keccak256(abi.encode(expected)), "certification");
    }

    function _assertPool(uint64 classId, uint256 certified, uint256 left, uint32 open) internal view {
        vm.assertEq(certification.certifiedMg(classId), certified, "certified");
        vm.assertEq(certification.poolMg(classId), left, "left");
        vm.assertEq(certification.openOf(classId), open, "open");
    }
}
