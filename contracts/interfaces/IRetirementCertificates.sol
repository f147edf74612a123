// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "./ICertifiedReductions.sol";

/// @title IRetirementCertificates
/// @notice Retires certified reductions and certifies it: an ERC-721 that stays with the account that retired
/// (ERC-5192).
/// @dev A certificate names the serials, the purpose and the beneficiary, and never changes. It is minted without a
/// call on the receiver, so a retirement cannot be re-entered.
/// For compliance an entity can retire up to its offset limit of the year, over all its accounts together.
interface IRetirementCertificates {
    /// @notice What units are retired for.
    enum Purpose {
        COMPLIANCE,
        VOLUNTARY,
        WELFARE
    }

    /// @param holder The account whose units are retired.
    /// @param issuance The issuance of the units.
    /// @param tonnes How many, lowest serials first.
    /// @param purpose What for.
    /// @param year The compliance year, 2000 to 9999; 0 for any other purpose.
    /// @param beneficiary On whose behalf: the holder's own entity for compliance, anyone not zero for other purposes.
    /// @param ref The operation's id, chosen by the holder; each one is used once a holder.
    struct Request {
        address holder;
        uint32 issuance;
        uint64 tonnes;
        Purpose purpose;
        uint16 year;
        bytes32 beneficiary;
        bytes32 ref;
    }

    /// @param issuance The issuance of the units.
    /// @param classId The class of the issuance.
    /// @param tonnes How many were retired.
    /// @param purpose What for.
    /// @param year The compliance year, 0 for any other purpose.
    /// @param retiredAt When, in seconds.
    /// @param holder The account that retired them.
    /// @param entity The holder's entity at that time.
    /// @param beneficiary On whose behalf.
    /// @param ref The holder's id of the operation.
    /// @param ranges The serials, ascending.
    struct Certificate {
        uint32 issuance;
        uint64 classId;
        uint64 tonnes;
        Purpose purpose;
        uint16 year;
        uint64 retiredAt;
        address holder;
        bytes32 entity;
        bytes32 beneficiary;
        bytes32 ref;
        ICertifiedReductions.Range[] ranges;
    }

    /// @notice Emitted when units are retired.
    event Retired(
        uint256 indexed certificate,
        address indexed holder,
        uint32 indexed issuance,
        uint64 tonnes,
        Purpose purpose,
        uint16 year,
        bytes32 entity,
        bytes32 beneficiary,
        bytes32 ref
    );

    /// @notice Emitted when the regulator sets an offset limit.
    event OffsetLimitSet(bytes32 indexed entity, uint16 indexed year, uint64 tonnes);

    /// @notice Thrown when a certificate would be transferred, or somebody approved to transfer it.
    error RetirementCertificatesSoulbound();

    /// @notice Thrown when the reductions are not a contract.
    error RetirementCertificatesInvalidReductions(address reductions);

    /// @notice Thrown when the participants are not a contract.
    error RetirementCertificatesInvalidParticipants(address participants);

    /// @notice Thrown when somebody but `holder` retires its units without its signature.
    error RetirementCertificatesNotHolder(address holder, address caller);

    /// @notice Thrown when a retirement has no reference.
    error RetirementCertificatesMissingReference(address holder);

    /// @notice Thrown when `holder` used `ref` for another retirement.
    error RetirementCertificatesReferenceUsed(address holder, bytes32 ref);

    /// @notice Thrown when a compliance year is not 2000 to 9999, or another purpose has a year.
    error RetirementCertificatesInvalidYear(Purpose purpose, uint16 year);

    /// @notice Thrown when a compliance retirement is for another than `entity`, or any has no beneficiary.
    error RetirementCertificatesInvalidBeneficiary(bytes32 entity, bytes32 beneficiary);

    /// @notice Thrown when a participant of another kind retires for compliance.
    error RetirementCertificatesNotCompliance(address holder);

    /// @notice Thrown when a retirement would pass the entity's offset limit of the year.
    error RetirementCertificatesLimitExceeded(bytes32 entity, uint16 year, uint256 tonnes, uint64 limit);

    /// @notice Thrown when a limit would be below what is used.
    error RetirementCertificatesLimitBelowUsed(bytes32 entity, uint16 year, uint64 tonnes, uint64 used);

    /// @notice Thrown when a limit is set for no entity.
    error RetirementCertificatesMissingEntity();

    /// @notice Retires the caller's units and mints the certificate.
    /// @dev Requirements: the caller is `request.holder`; not paused; the units can be retired
    /// ({ICertifiedReductions.retire}); `ref` is not zero; year and beneficiary suit the purpose; for COMPLIANCE the
    /// holder is of kind COMPLIANCE and its entity stays within its offset limit of the year.
    /// Emits a {Retired}, a {Locked} and a {Transfer} event.
    /// @return False if the holder retired exactly this under `ref` before, by either function.
    function retire(Request calldata request) external returns (bool);

    /// @notice {retire} for `request.holder`, who signed it. Anyone may call it.
    /// @dev Requirements: those of {retire}; `deadline` has not passed; `signature` is the holder's over the EIP-712
    /// struct `Retirement(address holder,uint32 issuance,uint64 tonnes,uint8 purpose,uint16 year,bytes32
    /// beneficiary,bytes32 ref, uint256 deadline)` in the domain `PuhuiRetirementCertificates`, version `1`. A contract
    /// wallet answers by ERC-1271.
    /// @return False if the holder retired exactly this under `ref` before; deadline and signature do not matter then.
    function retireFor(
        Request calldata request,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool);

    /// @notice Sets how much `entity` may retire for compliance year `year`.
    /// @dev Requirements: the caller holds REGULATOR; not paused; `entity` is not zero, `year` is 2000 to 9999, and
    /// `tonnes` is not below what is used. Emits an {OffsetLimitSet} event.
    /// @return False if this is the limit already.
    function setOffsetLimit(bytes32 entity, uint16 year, uint64 tonnes) external returns (bool);

    /// @notice The EIP-712 type hash of a signed retirement.
    function RETIREMENT_TYPEHASH() external view returns (bytes32);

    /// @notice What `entity` may retire for compliance year `year`, and has retired, in tonnes.
    function offsetOf(bytes32 entity, uint16 year) external view returns (uint64 limit, uint64 used);

    /// @notice Certificate `id`, all zero if there is none.
    function certificateOf(uint256 id) external view returns (Certificate memory);

    /// @notice The certificate of what `holder` retired under `ref`, 0 if there is none.
    function certificateFor(address holder, bytes32 ref) external view returns (uint256 id);

    /// @notice How many certificates there are; they are numbered from 1.
    function certificateCount() external view returns (uint256);
}
