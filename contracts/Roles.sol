// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Roles
/// @notice The role ids every deployment grants in its one AccessManager.
/// @dev No contract of the ledger reads these: the AccessManager maps each function to a role at deployment. They stand
/// here so that the deployment, the tests and the auditor name the same numbers.
/// No single role can create value: PLATFORM anchors, publishes and applies, VERIFIER attests, REGULATOR admits and
/// approves, EXCHANGE asks for cash that only BANK can confirm.
library Roles {
    /// @notice Administers the AccessManager. Held with an execution delay, never by a key of another role.
    uint64 internal constant ADMIN = 0;
    /// @notice Anchors batches (as the signer of a source), publishes epochs and payout runs, applies for
    /// certification, offers the treasury's tonnes.
    uint64 internal constant PLATFORM = 1;
    /// @notice Attests or rejects batches, attests epochs and payout runs, verifies or refutes certifications.
    uint64 internal constant VERIFIER = 2;
    /// @notice Publishes and ends methodologies, registers sources, admits participants, approves certifications,
    /// freezes units, suspends issuances, sets offset limits and the treasury's rules.
    uint64 internal constant REGULATOR = 3;
    /// @notice Registers participants, asks for cash against bank money, settles trades.
    uint64 internal constant EXCHANGE = 4;
    /// @notice Pauses any contract, cancels an epoch that is not active yet or a run that is not attested, and cancels
    /// what REGULATOR_DELAYED has scheduled.
    uint64 internal constant GUARDIAN = 5;
    /// @notice The regulator for whatever lowers a protection (unpausing, the quorum) or takes units away (forced
    /// transfers, cancelling an issuance).
    /// @dev Warning: the delay belongs to the grant, not to the role. Grant it with a non-zero execution delay.
    uint64 internal constant REGULATOR_DELAYED = 6;
    /// @notice The CarbonPoints contract itself, which alone may issue and release batches.
    uint64 internal constant POINTS = 7;
    /// @notice The settlement bank: confirms that it holds the money behind cash, and records what it paid out.
    uint64 internal constant BANK = 8;
    /// @notice The ReductionCertification contract, which alone issues certified reductions.
    uint64 internal constant CERTIFICATION = 9;
    /// @notice The ExchangeSettlement contract, which alone lists and settles units and moves traders' cash.
    uint64 internal constant SETTLEMENT = 10;
    /// @notice The RetirementCertificates contract, which alone retires units.
    uint64 internal constant RETIREMENT = 11;
    /// @notice The ProgrammeTreasury and ProceedsDistributor contracts, which alone transfer cash of their own.
    uint64 internal constant TREASURY = 12;
    /// @notice The ProgrammeTreasury contract, which alone funds the distributor.
    uint64 internal constant DISTRIBUTOR = 13;
}
