// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IParticipants
/// @notice Who may hold certified reductions: registered by the exchange, admitted by the regulator.
interface IParticipants {
    /// @notice What a participant is: it has a compliance duty, buys of its own will, or is the programme's treasury.
    enum Kind {
        NONE,
        COMPLIANCE,
        VOLUNTARY,
        PROGRAMME
    }

    enum Status {
        NONE,
        PENDING,
        ACTIVE,
        SUSPENDED
    }

    /// @param entity The code of the entity the account belongs to; an entity may have several accounts.
    /// @param identity The SHA-256 of its identity file.
    /// @param registrar Who registered it.
    struct Participant {
        bytes32 entity;
        bytes32 identity;
        address registrar;
        Kind kind;
        Status status;
    }

    /// @notice Emitted when an account is registered.
    event ParticipantRegistered(
        address indexed account,
        bytes32 indexed entity,
        Kind kind,
        bytes32 identity,
        address registrar
    );

    /// @notice Emitted when an account is admitted.
    event ParticipantAdmitted(address indexed account, address regulator);

    /// @notice Emitted when an account is suspended.
    event ParticipantSuspended(address indexed account, bytes32 reason);

    /// @notice Emitted when a suspended account is active again.
    event ParticipantReinstated(address indexed account);

    /// @notice Thrown when an account is registered without an address, entity, kind or identity.
    error ParticipantsIncomplete(address account);

    /// @notice Thrown when an account was registered as something else.
    error ParticipantsAlreadyRegistered(address account);

    /// @notice Thrown when what is admitted is not what was registered.
    error ParticipantsMismatch(address account);

    /// @notice Thrown when the one who registered an account would admit it.
    error ParticipantsSelfAdmission(address account, address registrar);

    /// @notice Thrown when an account is not in the status that the action needs.
    error ParticipantsUnexpectedStatus(address account, Status status);

    /// @notice Thrown when a suspension has no reason.
    error ParticipantsMissingReason(address account);

    /// @notice Thrown when an account that has to be active is not.
    error ParticipantsInactive(address account, Status status);

    /// @notice Registers an account, to be admitted by the regulator.
    /// @dev Requirements: the caller holds EXCHANGE; nothing is zero; the account is new.
    /// Emits a {ParticipantRegistered} event.
    /// @return False if exactly this was registered before.
    function register(address account, bytes32 entity, Kind kind, bytes32 identity) external returns (bool);

    /// @notice Admits what was registered.
    /// @dev Requirements: the caller holds REGULATOR and did not register it; it is pending; it was registered as this.
    /// Emits a {ParticipantAdmitted} event.
    /// @return False if it is active already.
    function admit(address account, bytes32 entity, Kind kind, bytes32 identity) external returns (bool);

    /// @notice Stops an account from receiving and trading.
    /// @dev Requirements: the caller holds REGULATOR; it is active; a reason. Emits a {ParticipantSuspended} event.
    /// @return False if it is suspended already.
    function suspend(address account, bytes32 reason) external returns (bool);

    /// @notice Undoes {suspend}.
    /// @dev Requirements: the caller holds REGULATOR_DELAYED and its delay has passed; it is suspended.
    /// Emits a {ParticipantReinstated} event.
    /// @return False if it is active.
    function reinstate(address account) external returns (bool);

    /// @notice The record of an account.
    function participantOf(address account) external view returns (Participant memory);

    /// @notice Whether an account is active.
    function isActive(address account) external view returns (bool);

    /// @notice Reverts unless an account is active.
    function requireActive(address account) external view;
}
