// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Halting} from "./Halting.sol";
import {InPerson} from "./InPerson.sol";
import {ICarbonPoints} from "./interfaces/ICarbonPoints.sol";
import {ICertifiedReductions} from "./interfaces/ICertifiedReductions.sol";
import {IReductionCertification} from "./interfaces/IReductionCertification.sol";

contract ReductionCertification is IReductionCertification, InPerson, Halting {
    uint128 private constant MG_PER_TONNE = 1_000_000_000;
    uint64 private constant MAX_TONNES = 1 << 24; // of one issuance

    ICarbonPoints private immutable _points;
    ICertifiedReductions private immutable _reductions;
    address private immutable _treasury;

    /// @inheritdoc IReductionCertification
    uint32 public certificationCount;
    /// @inheritdoc IReductionCertification
    mapping(uint64 classId => uint32) public openOf;
    /// @inheritdoc IReductionCertification
    mapping(uint64 classId => uint128) public certifiedMg;
    mapping(uint32 number => Certification) private _certifications;

    constructor(
        address authority,
        ICarbonPoints points,
        ICertifiedReductions reductions,
        address treasury
    ) AccessManaged(authority) {
        if (address(points).code.length == 0) revert ReductionCertificationInvalidContract(address(points));
        if (address(reductions).code.length == 0) revert ReductionCertificationInvalidContract(address(reductions));
        if (treasury.code.length == 0) revert ReductionCertificationInvalidContract(treasury);
        (_points, _reductions, _treasury) = (points, reductions, treasury);
    }

    /// @inheritdoc IReductionCertification
    function applyFor(
        uint32 number,
        uint64 classId,
        uint64 tonnes,
        bytes32 dossier
    ) external restricted inPerson whenNotPaused returns (bool) {
        uint32 count = certificationCount;
        if (number != 0 && number <= count) {
            _requireApplied(number, classId, tonnes, dossier);
            return false;
        }
        if (number != count + 1) revert ReductionCertificationUnexpectedNumber(count + 1, number);
        if (tonnes == 0 || dossier == bytes32(0)) revert ReductionCertificationIncomplete(number);
        if (tonnes > MAX_TONNES) revert ReductionCertificationTooManyTonnes(number, tonnes, MAX_TONNES);
        if (openOf[classId] != 0) revert ReductionCertificationOpen(classId, openOf[classId]);
        uint128 wanted = tonnes * MG_PER_TONNE; // 64 and 30 bits
        uint128 available = poolMg(classId);
        if (wanted > available) revert ReductionCertificationPoolExceeded(classId, wanted, available);

        uint128 fromMg = certifiedMg[classId];
        certificationCount = number;
        openOf[classId] = number;
        certifiedMg[classId] = fromMg + wanted;
        _certifications[number] = Certification({
            classId: classId,
            tonnes: tonnes,
            fromMg: fromMg,
            dossier: dossier,
            applicant: msg.sender,
            verifier: address(0),
            status: Status.APPLIED,
            reason: bytes32(0)
        });

        emit CertificationApplied(number, classId, tonnes, fromMg, dossier, msg.sender);
        return true;
    }

    /// @inheritdoc IReductionCertification
    function verify(uint32 number, bytes32 dossier) external restricted inPerson whenNotPaused returns (bool) {
        Certification storage certification = _certifications[number];
        Status status = certification.status;
        if (status == Status.NONE || status == Status.REJECTED) {
            revert ReductionCertificationUnexpectedStatus(number, status);
        }
        _requireDossier(number, dossier);
        if (status != Status.APPLIED) return false;
        if (msg.sender == certification.applicant) revert ReductionCertificationSameAccount(number, msg.sender);

        (certification.verifier, certification.status) = (msg.sender, Status.VERIFIED);

        emit CertificationVerified(number, msg.sender, dossier);
        return true;
    }

    /// @inheritdoc IReductionCertification
    function refute(uint32 number, bytes32 reason) external restricted returns (bool) {
        if (_certifications[number].status == Status.VERIFIED) {
            revert ReductionCertificationUnexpectedStatus(number, Status.VERIFIED);
        }
        return _reject(number, reason);
    }

    /// @inheritdoc IReductionCertification
    function approve(uint32 number, bytes32 dossier) external restricted inPerson whenNotPaused returns (bool) {
        Certification storage certification = _certifications[number];
        Status status = certification.status;
        if (status != Status.VERIFIED && status != Status.APPROVED) {
            revert ReductionCertificationUnexpectedStatus(number, status);
        }
        _requireDossier(number, dossier);
        if (status == Status.APPROVED) return false;
        if (msg.sender == certification.applicant || msg.sender == certification.verifier) {
            revert ReductionCertificationSameAccount(number, msg.sender);
        }

        certification.status = Status.APPROVED;
        delete openOf[certification.classId];

        emit CertificationApproved(number, msg.sender);
        // It reverts if the number was issued as anything else.
        _reductions.issue(number, certification.classId, certification.tonnes, dossier, _treasury);
        return true;
    }

    /// @inheritdoc IReductionCertification
    function reject(uint32 number, bytes32 reason) external restricted returns (bool) {
        return _reject(number, reason);
    }

    /// @inheritdoc IReductionCertification
    function certificationOf(uint32 number) external view returns (Certification memory) {
        return _certifications[number];
    }

    /// @inheritdoc IReductionCertification
    function poolMg(uint64 classId) public view returns (uint128) {
        return _points.marketMg(classId) - certifiedMg[classId];
    }

    function _reject(uint32 number, bytes32 reason) private returns (bool) {
        Certification storage certification = _certifications[number];
        Status status = certification.status;
        if (status == Status.REJECTED) {
            bytes32 recorded = certification.reason;
            if (recorded != reason) revert ReductionCertificationAlreadyRejected(number, recorded, reason);
            return false;
        }
        if (status != Status.APPLIED && status != Status.VERIFIED) {
            revert ReductionCertificationUnexpectedStatus(number, status);
        }
        if (reason == bytes32(0)) revert ReductionCertificationMissingReason(number);

        (certification.status, certification.reason) = (Status.REJECTED, reason);
        delete openOf[certification.classId];
        certifiedMg[certification.classId] -= certification.tonnes * MG_PER_TONNE;

        emit CertificationRejected(number, msg.sender, reason);
        return true;
    }

    function _requireApplied(uint32 number, uint64 classId, uint64 tonnes, bytes32 dossier) private view {
        Certification storage certification = _certifications[number];
        bool same = certification.classId == classId &&
            certification.tonnes == tonnes &&
            certification.dossier == dossier;
        if (!same) revert ReductionCertificationNumberUsed(number);
    }

    function _requireDossier(uint32 number, bytes32 dossier) private view {
        bytes32 expected = _certifications[number].dossier;
        if (expected != dossier) revert ReductionCertificationDossierMismatch(number, expected, dossier);
    }
}
