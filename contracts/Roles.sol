// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Roles
/// @notice The role ids every deployment grants in its one AccessManager.
/// @dev No contract of the ledger reads these: the AccessManager maps each function to a role at deployment. They stand
/// here so that the deployment, the tests and the auditor name the same numbers.
/// No single role can create value: PLATFORM anchors and publishes, VERIFIER attests, REGULATOR admits sources.
library Roles {
    /// @notice Administers the AccessManager. Held with an execution delay, never by a key of another role.
    uint64 internal constant ADMIN = 0;
    /// @notice Anchors batches (as the signer of a source) and publishes epochs.
    uint64 internal constant PLATFORM = 1;
    /// @notice Attests or rejects batches and attests epochs.
    uint64 internal constant VERIFIER = 2;
    /// @notice Publishes and ends methodologies, registers and updates sources.
    uint64 internal constant REGULATOR = 3;
    /// @notice The exchange. Holds no function of the contracts in this folder yet.
    uint64 internal constant EXCHANGE = 4;
    /// @notice Pauses the points and cancels an epoch that is not active yet.
    uint64 internal constant GUARDIAN = 5;
    /// @notice The regulator for whatever lowers a protection (unpausing, the quorum).
    /// @dev Warning: the delay belongs to the grant, not to the role. Grant it with a non-zero execution delay.
    uint64 internal constant REGULATOR_DELAYED = 6;
    /// @notice The CarbonPoints contract itself, which alone may issue and release batches.
    uint64 internal constant POINTS = 7;
}
