// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IEpochs
/// @notice The published roots of what every account is entitled to, and what each class has earned by them.
/// @dev An epoch is a tree of cumulative entitlements. It is
///
///   pending   from its publication,
///   active    once a verifier has attested it and its delay has passed; this is for good,
///   gone      when the guardian cancels it before that; its number is free again.
///
/// At most one epoch is pending, always the latest. Until it is active the one before stays in force, and nothing it
/// adds can be claimed.
interface IEpochs {
    /// @notice Reduction of a class that was converted for the market instead of being claimable as points.
    /// @param classId The class.
    /// @param mg The amount this epoch adds.
    struct Conversion {
        uint64 classId;
        uint128 mg;
    }

    /// @param root The RFC 6962 root over the entitlement leaves.
    /// @param digest What the verifier attests: {hashEpoch}.
    /// @param size The number of leaves under `root`.
    /// @param activeAt The first instant at which it can be active.
    /// @param attested Whether a verifier attested it.
    struct Epoch {
        bytes32 root;
        bytes32 digest;
        uint64 size;
        uint64 activeAt;
        bool attested;
    }

    /// @notice Emitted when the platform publishes an epoch.
    event EpochPublished(
        uint32 indexed number,
        bytes32 root,
        uint64 size,
        bytes32[] batchIds,
        Conversion[] conversions,
        uint64 activeAt,
        bytes32 digest,
        address publisher
    );

    /// @notice Emitted when `verifier` attests an epoch.
    event EpochAttested(uint32 indexed number, address indexed verifier, bytes32 digest);

    /// @notice Emitted when the guardian cancels an epoch.
    event EpochCancelled(uint32 indexed number, bytes32 digest, bytes32 reason);

    /// @notice Thrown when an epoch is published out of order.
    error EpochsUnexpectedNumber(uint32 expected, uint32 actual);

    /// @notice Thrown when `number` stands for an epoch with other contents.
    error EpochsDigestMismatch(uint32 number, bytes32 expected, bytes32 actual);

    /// @notice Thrown when an epoch is published while epoch `number` is not active yet.
    error EpochsPending(uint32 number);

    /// @notice Thrown when epoch `number` is active and so cannot be cancelled.
    error EpochsActive(uint32 number);

    /// @notice Thrown when there is no epoch `number`.
    error EpochsUnknown(uint32 number);

    /// @notice Thrown when something is claimed before any epoch is active.
    error EpochsNoneActive();

    /// @notice Thrown when an epoch is published without a root or without leaves.
    error EpochsEmptyTree(uint32 number, bytes32 root, uint64 size);

    /// @notice Thrown when an epoch lists no batch or more than `max`.
    error EpochsBatchCount(uint256 count, uint256 max);

    /// @notice Thrown when an epoch lists more than `max` conversions.
    error EpochsConversionCount(uint256 count, uint256 max);

    /// @notice Thrown when a conversion is zero, or its class is not above the one before.
    error EpochsInvalidConversion(uint64 classId, uint128 mg);

    /// @notice Thrown when the publisher of an epoch attests it.
    error EpochsSelfAttestation(uint32 number, address verifier);

    /// @notice Thrown when an epoch is cancelled without a reason.
    error EpochsMissingReason(uint32 number);

    /// @notice Thrown when more of a class would be claimed than it has earned and not converted.
    error EpochsClassOverdrawn(uint64 classId, uint256 claimedMg, uint256 limitMg);

    /// @notice Thrown when more of a class would be converted than it has earned.
    error EpochsClassOverconverted(uint64 classId, uint256 convertedMg, uint256 earnedMg);

    /// @notice Publishes epoch `number`: issues its batches, which adds to `earned`, and adds its conversions.
    /// @dev Requirements:
    /// - the caller holds PLATFORM, in person, and the contract is not paused;
    /// - `number` is the current one plus one, and the current one is active;
    /// - there are a root, leaves, 1 to 64 batches and up to 32 conversions;
    /// - each batch is ATTESTED, and listed once;
    /// - conversions are not zero, in strictly increasing order of class, none of an expired class;
    /// - no class ends with claimed + converted above earned.
    /// Emits an {EpochPublished} event.
    /// Warning: the contract cannot see whether the tree is right. That is what the verifier attests.
    /// Warning: until it is active, points it converts can still be claimed under the epoch before. The class totals
    /// hold all the same; the account must then earn the difference before it can claim again.
    /// @return False if the same epoch was published as `number` before.
    function publishEpoch(
        uint32 number,
        bytes32 root,
        uint64 size,
        bytes32[] calldata batchIds,
        Conversion[] calldata conversions
    ) external returns (bool);

    /// @notice Records that the caller recomputed every entitlement and conversion of epoch `number`.
    /// @dev Requirements:
    /// - the caller holds VERIFIER, in person, did not publish the epoch, and the contract is not paused;
    /// - `digest` is that of the epoch.
    /// Emits an {EpochAttested} event.
    /// Warning: compute `digest` from your own root, size, batches and conversions, never by reading it from the chain.
    /// It covers the conversions, which a root does not: an epoch swapped after a cancellation is not attested by it.
    /// @return False if the epoch was attested before, by whomever.
    function attestEpoch(uint32 number, bytes32 digest) external returns (bool);

    /// @notice Cancels epoch `number` before it is active, and undoes what it added.
    /// @dev Requirements:
    /// - the caller holds GUARDIAN (also while paused);
    /// - the epoch is pending, `batchIds` and `conversions` are the published ones, `reason` is not zero.
    /// Emits an {EpochCancelled} event.
    /// @return False if the same call cancelled the epoch before and nothing was published since.
    function cancelEpoch(
        uint32 number,
        bytes32[] calldata batchIds,
        Conversion[] calldata conversions,
        bytes32 reason
    ) external returns (bool);

    /// @notice The digest of an epoch: `keccak256(abi.encode(number, root, size, batchIds, conversions))`.
    function hashEpoch(
        uint32 number,
        bytes32 root,
        uint64 size,
        bytes32[] calldata batchIds,
        Conversion[] calldata conversions
    ) external pure returns (bytes32);

    /// @notice Epoch `number`, all zero if there is none.
    function epochOf(uint32 number) external view returns (Epoch memory);

    /// @notice The number of the latest epoch, pending or active; 0 before the first.
    function currentEpoch() external view returns (uint32);

    /// @notice The number of the epoch in force; 0 before the first is active.
    function activeEpoch() external view returns (uint32);

    /// @notice Seconds between the publication of an epoch and the first instant at which it can be active.
    function activationDelay() external view returns (uint32);

    /// @notice The contract whose batches epochs list.
    function anchors() external view returns (address);
}
