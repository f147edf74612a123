// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ITripAnchors
/// @notice The sealed batches of trips the programme has anchored, and what the verifiers said about each.
/// @dev Valid transitions of a batch:
///
///   NONE -> ANCHORED      the platform, as the signer of the batch's source
///   ANCHORED -> ATTESTED  the last verifier of the quorum
///   ATTESTED -> ISSUED    the points contract, when an epoch lists the batch
///   ISSUED -> ATTESTED    the points contract, when that epoch is cancelled before it is active
///   ANCHORED -> REJECTED, ATTESTED -> REJECTED  a verifier; for good
///
/// Every function that changes state returns false, and emits nothing, when the same change was made before.
interface ITripAnchors {
    enum Status {
        NONE,
        ANCHORED,
        ATTESTED,
        ISSUED,
        REJECTED
    }

    /// @dev A batch is identified by the EIP-712 hash of this struct.
    /// @param source The source of the trips.
    /// @param serviceDate The day of the trips, `yyyymmdd`, UTC+8.
    /// @param sequence The batch's place among those of its source and service date, from 0.
    /// @param methodology The version all its reductions were computed under.
    /// @param tripCount The number of leaves under `tripRoot`.
    /// @param reductionMg The sum of its reductions, mg CO2e.
    /// @param tripRoot The RFC 6962 root over the trip leaves.
    /// @param leavesDigest The SHA-256 of the leaves file.
    /// @param inputDigest The SHA-256 of the input it was computed from.
    /// @param previous The id of the batch with sequence - 1, zero for the first.
    struct Batch {
        bytes32 source;
        uint32 serviceDate;
        uint32 sequence;
        uint32 methodology;
        uint64 tripCount;
        uint128 reductionMg;
        bytes32 tripRoot;
        bytes32 leavesDigest;
        bytes32 inputDigest;
        bytes32 previous;
    }

    /// @param reductionMg The batch's reduction, mg CO2e.
    /// @param classId The class of all its points, `methodology << 16 | year`.
    /// @param tripCount The number of its trips.
    /// @param anchoredBy The account that anchored it.
    /// @param status Where it stands.
    /// @param attestations The number of verifiers that attested it.
    /// @param serviceDate The day of its trips.
    /// @param sourceIndex The index of its source.
    /// @param rejectedFor The reason it was rejected for, or zero.
    struct Record {
        uint128 reductionMg;
        uint64 classId;
        uint64 tripCount;
        address anchoredBy;
        Status status;
        uint8 attestations;
        uint32 serviceDate;
        uint32 sourceIndex;
        bytes32 rejectedFor;
    }

    /// @param signer The one account that may anchor for it.
    /// @param active Whether it may anchor at all.
    /// @param index Its number among the sources, from 1.
    /// @param anchors How many batches it has anchored, rejected ones included.
    /// @param chainDay The day of its last anchor, as days since 1970-01-01 in UTC+8.
    /// @param dailyCapMg The most it may anchor for one service date, and on one chain day.
    /// @param chainDayMg What it anchored on `chainDay`, rejected batches included.
    /// @param head The head of its chain: `keccak256(abi.encode(head before, batch id))`, zero before the first.
    struct Source {
        address signer;
        bool active;
        uint32 index;
        uint32 anchors;
        uint24 chainDay;
        uint128 dailyCapMg;
        uint128 chainDayMg;
        bytes32 head;
    }

    /// @param nextSequence The sequence the next batch must have.
    /// @param anchoredMg The total of its batches that were not rejected.
    /// @param lastBatch The id the next batch must name as `previous`.
    struct Stream {
        uint32 nextSequence;
        uint128 anchoredMg;
        bytes32 lastBatch;
    }

    /// @notice What one batch adds to a class.
    struct Reduction {
        uint64 classId;
        uint128 reductionMg;
    }

    /// @notice Emitted when `source` is registered.
    event SourceRegistered(bytes32 indexed source, address indexed signer, uint32 index, uint128 dailyCapMg);

    /// @notice Emitted when the signer, the cap or the activity of `source` changes.
    event SourceUpdated(bytes32 indexed source, address indexed signer, uint128 dailyCapMg, bool active);

    /// @notice Emitted when the quorum of verifiers changes, and once at deployment.
    event QuorumChanged(uint8 previous, uint8 current);

    /// @notice Emitted when a batch is anchored. `head` is the head of its source's chain afterwards.
    event BatchAnchored(
        bytes32 indexed batchId,
        bytes32 indexed source,
        uint32 indexed serviceDate,
        Batch batch,
        address anchoredBy,
        bytes32 head
    );

    /// @notice Emitted when `verifier` attests a batch. `complete` says that the quorum is reached.
    event BatchAttested(bytes32 indexed batchId, address indexed verifier, uint8 attestations, bool complete);

    /// @notice Emitted when `verifier` rejects a batch.
    event BatchRejected(bytes32 indexed batchId, address indexed verifier, bytes32 reason);

    /// @notice Emitted when an epoch takes up a batch.
    event BatchIssued(bytes32 indexed batchId);

    /// @notice Emitted when the epoch that took up a batch is cancelled.
    event BatchReleased(bytes32 indexed batchId);

    /// @notice Thrown when a source would have no name, no signer or no cap.
    error TripAnchorsInvalidSource(bytes32 source, address signer, uint128 dailyCapMg);

    /// @notice Thrown when `source` is registered again with another signer or cap.
    error TripAnchorsSourceRegistered(bytes32 source);

    /// @notice Thrown when `source` is not registered.
    error TripAnchorsUnknownSource(bytes32 source);

    /// @notice Thrown when `source` may not anchor at present.
    error TripAnchorsInactiveSource(bytes32 source);

    /// @notice Thrown when `caller` anchors for a source that another account signs for.
    error TripAnchorsWrongSigner(bytes32 source, address signer, address caller);

    /// @notice Thrown when a service date does not exist or is later than `latest`.
    error TripAnchorsInvalidServiceDate(uint32 serviceDate, uint32 latest);

    /// @notice Thrown when `methodology` does not apply to `serviceDate`.
    error TripAnchorsMethodologyNotEffective(uint32 methodology, uint32 serviceDate);

    /// @notice Thrown when a batch has no trips, no reduction, no root or no digest.
    error TripAnchorsIncompleteBatch(bytes32 batchId);

    /// @notice Thrown when a batch is not the next one of its source and service date.
    error TripAnchorsUnexpectedSequence(bytes32 source, uint32 serviceDate, uint32 expected, uint32 actual);

    /// @notice Thrown when a batch does not name the one before it.
    error TripAnchorsUnexpectedPrevious(bytes32 source, uint32 serviceDate, bytes32 expected, bytes32 actual);

    /// @notice Thrown when the source's total for one service date would pass its cap.
    error TripAnchorsServiceDayCapExceeded(bytes32 source, uint32 serviceDate, uint256 totalMg, uint128 capMg);

    /// @notice Thrown when the source's total of one chain day would pass its cap.
    error TripAnchorsChainDayCapExceeded(bytes32 source, uint256 chainDay, uint256 totalMg, uint128 capMg);

    /// @notice Thrown when a batch is not in a status the call accepts.
    error TripAnchorsUnexpectedStatus(bytes32 batchId, Status status);

    /// @notice Thrown when the account that anchored a batch attests it.
    error TripAnchorsSelfAttestation(bytes32 batchId, address verifier);

    /// @notice Thrown when a batch is rejected without a reason.
    error TripAnchorsMissingReason(bytes32 batchId);

    /// @notice Thrown when a rejected batch is rejected again for another reason.
    error TripAnchorsAlreadyRejected(bytes32 batchId, bytes32 recorded, bytes32 requested);

    /// @notice Thrown when the quorum would be zero.
    error TripAnchorsZeroQuorum();

    /// @notice Registers `source`, active at once.
    /// @dev Requirements: the caller holds REGULATOR; no argument is zero.
    /// Emits a {SourceRegistered} event.
    function registerSource(bytes32 source, address signer, uint128 dailyCapMg) external returns (bool);

    /// @notice Sets the signer, the cap and the activity of `source`.
    /// @dev Requirements: the caller holds REGULATOR; `source` is registered; no other argument is zero.
    /// Emits a {SourceUpdated} event.
    /// Warning: a cap below what was anchored already takes nothing back; it only stops further batches.
    function updateSource(bytes32 source, address signer, uint128 dailyCapMg, bool active) external returns (bool);

    /// @notice Sets how many distinct verifiers complete a batch.
    /// @dev Requirements: the caller holds REGULATOR_DELAYED and its delay has passed; `quorum_` is not zero.
    /// Emits a {QuorumChanged} event.
    /// Warning: batches attested before keep their status. One that waits with enough attestations for a lowered
    /// quorum is completed by the next call of {attest}, also by a verifier that is counted already.
    function setQuorum(uint8 quorum_) external returns (bool);

    /// @notice Anchors `batch`.
    /// @dev Requirements:
    /// - the caller holds PLATFORM and is, in person, the signer of the source;
    /// - the source is active;
    /// - the service date exists and is not later than tomorrow (UTC+8);
    /// - the methodology is effective on that date;
    /// - the batch has trips, a reduction, a root and both digests;
    /// - its sequence is the next one of its source and service date, and `previous` is the batch before it;
    /// - neither the service date's total (without rejected batches) nor the chain day's (with them) passes the cap.
    /// Emits a {BatchAnchored} event.
    /// Warning: rejecting a batch does not give the chain day's allowance back, so a stolen key gains nothing by it;
    /// catching up on several service dates in one day needs a cap with that much room.
    /// @return False if this very batch was anchored before, whatever became of it and whoever asks.
    function anchor(Batch calldata batch) external returns (bool);

    /// @notice Records that the caller recomputed a batch and found it right.
    /// @dev Requirements: the caller holds VERIFIER, in person; the batch is ANCHORED; the caller did not anchor it.
    /// Emits a {BatchAttested} event.
    /// @return False if the caller attested the batch before and nothing is left to complete.
    function attest(bytes32 batchId) external returns (bool);

    /// @notice Rejects a batch, for good, and gives its service date's allowance back.
    /// @dev Requirements: the caller holds VERIFIER, in person; the batch is ANCHORED or ATTESTED; the reason is not
    /// zero.
    /// Emits a {BatchRejected} event.
    /// Warning: the batch keeps its place; the next one of its stream names it as `previous` all the same.
    /// @return False if the batch was rejected for this reason before.
    function reject(bytes32 batchId, bytes32 reason) external returns (bool);

    /// @notice Marks batches as taken up by an epoch and returns what they add.
    /// @dev Requirements: the caller holds POINTS; each batch is ATTESTED, and listed once.
    /// Emits a {BatchIssued} event for each.
    function issue(bytes32[] calldata batchIds) external returns (Reduction[] memory reductions);

    /// @notice Undoes {issue} for an epoch that never became active.
    /// @dev Requirements: the caller holds POINTS; each batch is ISSUED, and listed once.
    /// Emits a {BatchReleased} event for each.
    /// Warning: which batches may be released is the caller's rule; it must pass those of one cancelled epoch only.
    function release(bytes32[] calldata batchIds) external returns (Reduction[] memory reductions);

    /// @notice The EIP-712 type hash of a batch.
    function BATCH_TYPEHASH() external view returns (bytes32);

    /// @notice The id of `batch`: `keccak256(abi.encode(BATCH_TYPEHASH, its fields))`.
    function hashBatch(Batch calldata batch) external pure returns (bytes32);

    /// @notice What is recorded of a batch, all zero if it was never anchored.
    function batchOf(bytes32 batchId) external view returns (Record memory);

    /// @notice Whether `verifier` attested a batch.
    function hasAttested(bytes32 batchId, address verifier) external view returns (bool);

    /// @notice The source, all zero if it is not registered.
    function sourceOf(bytes32 source) external view returns (Source memory);

    /// @notice Where the batches of `source` for `serviceDate` stand, all zero before the first.
    function streamOf(bytes32 source, uint32 serviceDate) external view returns (Stream memory);

    /// @notice How many distinct verifiers complete a batch.
    function quorum() external view returns (uint8);

    /// @notice The registry that says which methodology applies on which date.
    function methodologies() external view returns (address);
}
