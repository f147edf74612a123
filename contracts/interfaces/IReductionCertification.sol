// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IReductionCertification
/// @notice Whole tonnes of a class's market pool: applied for, verified, approved or rejected, by three different keys.
/// @dev A class's pool is a line of all mg that ever entered it. The certifications that were approved take consecutive
/// intervals of it; one more at a time can be open, and begins where they end. Always: certified <= entered.
interface IReductionCertification {
    enum Status {
        NONE,
        APPLIED,
        VERIFIED,
        APPROVED,
        REJECTED
    }

    /// @param fromMg Where its interval of the class's pool line begins; it is `tonnes` * 10^9 mg long.
    /// @param dossier The SHA-256 of the dossier, which says whose mg these are.
    /// @param reason Why it was rejected.
    struct Certification {
        uint64 classId;
        uint64 tonnes;
        uint128 fromMg;
        bytes32 dossier;
        address applicant;
        address verifier;
        Status status;
        bytes32 reason;
    }

    /// @notice Emitted when whole tonnes are applied for.
    event CertificationApplied(
        uint32 indexed number,
        uint64 indexed classId,
        uint64 tonnes,
        uint128 fromMg,
        bytes32 dossier,
        address applicant
    );

    /// @notice Emitted when a verifier signed the dossier.
    event CertificationVerified(uint32 indexed number, address verifier, bytes32 dossier);

    /// @notice Emitted when the regulator approved, and the tonnes were issued.
    event CertificationApproved(uint32 indexed number, address regulator);

    /// @notice Emitted when it was rejected, and every mg returned to the pool.
    event CertificationRejected(uint32 indexed number, address by, bytes32 reason);

    /// @notice Thrown when what the certification works on is not a contract.
    error ReductionCertificationInvalidContract(address contract_);

    /// @notice Thrown when a certification does not have the next number.
    error ReductionCertificationUnexpectedNumber(uint32 expected, uint32 actual);

    /// @notice Thrown when a number was used for another application.
    error ReductionCertificationNumberUsed(uint32 number);

    /// @notice Thrown when an application has no tonnes or no dossier.
    error ReductionCertificationIncomplete(uint32 number);

    /// @notice Thrown when an application is for more tonnes than an issuance can have.
    error ReductionCertificationTooManyTonnes(uint32 number, uint64 tonnes, uint64 max);

    /// @notice Thrown when a certification of the class is open.
    error ReductionCertificationOpen(uint64 classId, uint32 number);

    /// @notice Thrown when the pool has less than is applied for.
    error ReductionCertificationPoolExceeded(uint64 classId, uint256 wantedMg, uint256 poolMg);

    /// @notice Thrown when a certification is not in the status that the action needs.
    error ReductionCertificationUnexpectedStatus(uint32 number, Status status);

    /// @notice Thrown when a dossier is not the one that was applied with.
    error ReductionCertificationDossierMismatch(uint32 number, bytes32 expected, bytes32 actual);

    /// @notice Thrown when one account would act for two of applicant, verifier and regulator.
    error ReductionCertificationSameAccount(uint32 number, address account);

    /// @notice Thrown when a rejection has no reason.
    error ReductionCertificationMissingReason(uint32 number);

    /// @notice Thrown when it was rejected for another reason.
    error ReductionCertificationAlreadyRejected(uint32 number, bytes32 recorded, bytes32 reason);

    /// @notice Applies for whole tonnes of a class's pool.
    /// @dev Requirements: the caller holds PLATFORM itself; not paused; `number` is the next; neither tonnes nor
    /// dossier is zero; an issuance has room for them (2^24 t); no certification of the class is open; the pool has so much.
    /// Emits a {CertificationApplied} event.
    /// @return False if exactly this was applied for under `number` before, whatever came of it.
    function applyFor(uint32 number, uint64 classId, uint64 tonnes, bytes32 dossier) external returns (bool);

    /// @notice Signs a dossier that the verifier recomputed.
    /// @dev Requirements: the caller holds VERIFIER itself and is not the applicant; not paused; it is applied for with
    /// this dossier. Emits a {CertificationVerified} event.
    /// @return False if it was verified before.
    function verify(uint32 number, bytes32 dossier) external returns (bool);

    /// @notice Rejects an application whose dossier the verifier could not confirm. Works while paused.
    /// @dev Requirements: the caller holds VERIFIER; it is applied for; a reason.
    /// Emits a {CertificationRejected} event.
    /// @return False if it was rejected for this reason before.
    function refute(uint32 number, bytes32 reason) external returns (bool);

    /// @notice Approves, which issues the tonnes to the programme's treasury.
    /// @dev Requirements: the caller holds REGULATOR itself and is neither applicant nor verifier; not paused; it was
    /// verified with this dossier. Emits a {CertificationApproved} event and those of the issuance.
    /// @return False if it was approved before.
    function approve(uint32 number, bytes32 dossier) external returns (bool);

    /// @notice Rejects; every mg returns to the pool. Works while paused.
    /// @dev Requirements: the caller holds REGULATOR; it is applied for or verified; a reason.
    /// Emits a {CertificationRejected} event.
    /// @return False if it was rejected for this reason before.
    function reject(uint32 number, bytes32 reason) external returns (bool);

    /// @notice The record of a certification, which is also the number of its issuance.
    function certificationOf(uint32 number) external view returns (Certification memory);

    /// @notice How many were ever applied for. They are numbered from 1.
    function certificationCount() external view returns (uint32);

    /// @notice The open certification of a class; 0 if there is none.
    function openOf(uint64 classId) external view returns (uint32);

    /// @notice What certifications took of a class's pool, in mg, the open one included.
    function certifiedMg(uint64 classId) external view returns (uint128);

    /// @notice What is left in a class's pool, in mg.
    function poolMg(uint64 classId) external view returns (uint128);
}
