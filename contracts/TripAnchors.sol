// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Classes} from "./Classes.sol";
import {InPerson} from "./InPerson.sol";
import {IMethodologyRegistry} from "./interfaces/IMethodologyRegistry.sol";
import {ITripAnchors} from "./interfaces/ITripAnchors.sol";
import {ServiceDates} from "./ServiceDates.sol";

contract TripAnchors is ITripAnchors, InPerson {
    /// @inheritdoc ITripAnchors
    bytes32 public constant BATCH_TYPEHASH = keccak256(
        "Batch(bytes32 source,uint32 serviceDate,uint32 sequence,uint32 methodology,uint64 tripCount,"
        "uint128 reductionMg,bytes32 tripRoot,bytes32 leavesDigest,bytes32 inputDigest,bytes32 previous)"
    );

    IMethodologyRegistry private immutable _methodologies;

    uint8 private _quorum;
    uint32 private _sourceCount;
    mapping(bytes32 source => Source) private _sources;
    mapping(uint32 sourceIndex => mapping(uint32 serviceDate => Stream)) private _streams;
    mapping(bytes32 batchId => Record) private _records;
    mapping(bytes32 batchId => mapping(address verifier => bool)) private _attested;

    constructor(address authority, IMethodologyRegistry methodologies_, uint8 quorum_) AccessManaged(authority) {
        _methodologies = methodologies_;
        _setQuorum(quorum_);
    }

    // ------------------------------------------------------------------ the regulator

    /// @inheritdoc ITripAnchors
    function registerSource(bytes32 source, address signer, uint128 dailyCapMg) external restricted returns (bool) {
        Source storage entry = _sources[source];
        if (entry.index != 0) {
            if (entry.signer != signer || entry.dailyCapMg != dailyCapMg) revert TripAnchorsSourceRegistered(source);
            return false;
        }
        _requireSource(source, signer, dailyCapMg);

        entry.signer = signer;
        entry.active = true;
        entry.index = ++_sourceCount;
        entry.dailyCapMg = dailyCapMg;

        emit SourceRegistered(source, signer, entry.index, dailyCapMg);
        return true;
    }

    /// @inheritdoc ITripAnchors
    function updateSource(
        bytes32 source,
        address signer,
        uint128 dailyCapMg,
        bool active
    ) external restricted returns (bool) {
        Source storage entry = _sources[source];
        if (entry.index == 0) revert TripAnchorsUnknownSource(source);
        if (entry.signer == signer && entry.dailyCapMg == dailyCapMg && entry.active == active) return false;
        _requireSource(source, signer, dailyCapMg);

        entry.signer = signer;
        entry.active = active;
        entry.dailyCapMg = dailyCapMg;

        emit SourceUpdated(source, signer, dailyCapMg, active);
        return true;
    }

    /// @inheritdoc ITripAnchors
    function setQuorum(uint8 quorum_) external restricted returns (bool) {
        if (quorum_ == _quorum) return false;
        _setQuorum(quorum_);
        return true;
    }

    // ------------------------------------------------------------------ the platform

    /// @inheritdoc ITripAnchors
    function anchor(Batch calldata batch) external restricted inPerson returns (bool) {
        bytes32 batchId = hashBatch(batch);
        Record storage record = _records[batchId];
        if (record.status != Status.NONE) return false;

        Source storage source = _sources[batch.source];
        uint32 sourceIndex = source.index;
        _requireSigner(batch.source, source);
        _requireContents(batchId, batch);

        _spendChainDay(batch, source);
        _extendStream(batchId, batch, _streams[sourceIndex][batch.serviceDate], source.dailyCapMg);
        bytes32 head = _extendChain(batchId, source);

        record.reductionMg = batch.reductionMg;
        record.classId = Classes.idOf(batch.methodology, batch.serviceDate);
        record.tripCount = batch.tripCount;
        record.anchoredBy = msg.sender;
        record.status = Status.ANCHORED;
        record.serviceDate = batch.serviceDate;
        record.sourceIndex = sourceIndex;

        emit BatchAnchored(batchId, batch.source, batch.serviceDate, batch, msg.sender, head);
        return true;
    }

    // ------------------------------------------------------------------ the verifiers

    /// @inheritdoc ITripAnchors
    function attest(bytes32 batchId) external restricted inPerson returns (bool) {
        Record storage record = _records[batchId];
        (Status status, uint8 attestations, uint8 needed) = (record.status, record.attestations, _quorum);
        bool counted = _attested[batchId][msg.sender];
        // A verifier counts once, but may complete a batch that waits only because the quorum was lowered.
        if (counted && (status != Status.ANCHORED || attestations < needed)) return false;
        if (status != Status.ANCHORED) revert TripAnchorsUnexpectedStatus(batchId, status);
        if (msg.sender == record.anchoredBy) revert TripAnchorsSelfAttestation(batchId, msg.sender);

        if (!counted) {
            _attested[batchId][msg.sender] = true;
            record.attestations = ++attestations;
        }
        bool complete = attestations >= needed;
        if (complete) record.status = Status.ATTESTED;

        emit BatchAttested(batchId, msg.sender, attestations, complete);
        return true;
    }

    /// @inheritdoc ITripAnchors
    function reject(bytes32 batchId, bytes32 reason) external restricted inPerson returns (bool) {
        Record storage record = _records[batchId];
        Status status = record.status;
        if (status == Status.REJECTED) {
            bytes32 recorded = record.rejectedFor;
            if (recorded != reason) revert TripAnchorsAlreadyRejected(batchId, recorded, reason);
            return false;
        }
        if (status != Status.ANCHORED && status != Status.ATTESTED) revert TripAnchorsUnexpectedStatus(batchId, status);
        if (reason == bytes32(0)) revert TripAnchorsMissingReason(batchId);

        record.status = Status.REJECTED;
        record.rejectedFor = reason;
        _streams[record.sourceIndex][record.serviceDate].anchoredMg -= record.reductionMg;

        emit BatchRejected(batchId, msg.sender, reason);
        return true;
    }

    // ------------------------------------------------------------------ the points contract

    /// @inheritdoc ITripAnchors
    function issue(bytes32[] calldata batchIds) external restricted returns (Reduction[] memory reductions) {
        reductions = new Reduction[](batchIds.length);
        for (uint256 i = 0; i < batchIds.length; ++i) {
            reductions[i] = _move(batchIds[i], Status.ATTESTED, Status.ISSUED);
            emit BatchIssued(batchIds[i]);
        }
    }

    /// @inheritdoc ITripAnchors
    function release(bytes32[] calldata batchIds) external restricted returns (Reduction[] memory reductions) {
        reductions = new Reduction[](batchIds.length);
        for (uint256 i = 0; i < batchIds.length; ++i) {
            reductions[i] = _move(batchIds[i], Status.ISSUED, Status.ATTESTED);
            emit BatchReleased(batchIds[i]);
        }
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ITripAnchors
    function hashBatch(Batch calldata batch) public pure returns (bytes32) {
        // All members are static, so the struct is encoded as its fields in a row, as EIP-712 wants them.
        return keccak256(abi.encode(BATCH_TYPEHASH, batch));
    }

    /// @inheritdoc ITripAnchors
    function batchOf(bytes32 batchId) external view returns (Record memory) {
        return _records[batchId];
    }

    /// @inheritdoc ITripAnchors
    function hasAttested(bytes32 batchId, address verifier) external view returns (bool) {
        return _attested[batchId][verifier];
    }

    /// @inheritdoc ITripAnchors
    function sourceOf(bytes32 source) external view returns (Source memory) {
        return _sources[source];
    }

    /// @inheritdoc ITripAnchors
    function streamOf(bytes32 source, uint32 serviceDate) external view returns (Stream memory) {
        return _streams[_sources[source].index][serviceDate];
    }

    /// @inheritdoc ITripAnchors
    function quorum() external view returns (uint8) {
        return _quorum;
    }

    /// @inheritdoc ITripAnchors
    function methodologies() external view returns (address) {
        return address(_methodologies);
    }

    // ------------------------------------------------------------------ guards

    function _requireSource(bytes32 source, address signer, uint128 dailyCapMg) private pure {
        if (source == bytes32(0) || signer == address(0) || dailyCapMg == 0) {
            revert TripAnchorsInvalidSource(source, signer, dailyCapMg);
        }
    }

    function _requireSigner(bytes32 name, Source storage source) private view {
        address signer = source.signer;
        if (signer == address(0)) revert TripAnchorsUnknownSource(name);
        if (!source.active) revert TripAnchorsInactiveSource(name);
        if (msg.sender != signer) revert TripAnchorsWrongSigner(name, signer, msg.sender);
    }

    function _requireContents(bytes32 batchId, Batch calldata batch) private view {
        uint32 tomorrow = ServiceDates.fromTimestamp(block.timestamp + 1 days);
        if (!ServiceDates.isValid(batch.serviceDate) || batch.serviceDate > tomorrow) {
            revert TripAnchorsInvalidServiceDate(batch.serviceDate, tomorrow);
        }
        if (!_methodologies.isEffective(batch.methodology, batch.serviceDate)) {
            revert TripAnchorsMethodologyNotEffective(batch.methodology, batch.serviceDate);
        }
        if (
            batch.tripCount == 0 ||
            batch.reductionMg == 0 ||
            batch.tripRoot == bytes32(0) ||
            batch.leavesDigest == bytes32(0) ||
            batch.inputDigest == bytes32(0)
        ) revert TripAnchorsIncompleteBatch(batchId);
    }

    // ------------------------------------------------------------------ state

    /// @dev Counts the batch against the allowance of the day on which it is anchored.
    function _spendChainDay(Batch calldata batch, Source storage source) private {
        uint24 today = uint24(ServiceDates.dayNumber(block.timestamp)); // enough for 45,000 years
        uint256 spent = source.chainDay == today ? source.chainDayMg : 0;
        uint256 total = spent + batch.reductionMg;
        uint128 cap = source.dailyCapMg;
        if (total > cap) revert TripAnchorsChainDayCapExceeded(batch.source, today, total, cap);

        source.chainDay = today;
        source.chainDayMg = uint128(total); // at most the cap
    }

    /// @dev Appends the batch to the stream of its source and service date, and counts it against that allowance.
    function _extendStream(bytes32 batchId, Batch calldata batch, Stream storage stream, uint128 cap) private {
        (bytes32 source, uint32 date, uint32 sequence) = (batch.source, batch.serviceDate, stream.nextSequence);
        if (batch.sequence != sequence) {
            revert TripAnchorsUnexpectedSequence(source, date, sequence, batch.sequence);
        }
        if (batch.previous != stream.lastBatch) {
            revert TripAnchorsUnexpectedPrevious(source, date, stream.lastBatch, batch.previous);
        }
        uint256 total = uint256(stream.anchoredMg) + batch.reductionMg;
        if (total > cap) revert TripAnchorsServiceDayCapExceeded(source, date, total, cap);

        stream.nextSequence = sequence + 1;
        stream.anchoredMg = uint128(total); // at most the cap
        stream.lastBatch = batchId;
    }

    /// @dev Appends the batch to its source's chain.
    function _extendChain(bytes32 batchId, Source storage source) private returns (bytes32 head) {
        head = keccak256(abi.encode(source.head, batchId));
        source.head = head;
        ++source.anchors;
    }

    /// @dev Moves a batch between the statuses of {issue} and {release}; a batch listed twice fails the second time.
    function _move(bytes32 batchId, Status from, Status to) private returns (Reduction memory) {
        Record storage record = _records[batchId];
        Status status = record.status;
        if (status != from) revert TripAnchorsUnexpectedStatus(batchId, status);

        record.status = to;
        return Reduction({classId: record.classId, reductionMg: record.reductionMg});
    }

    function _setQuorum(uint8 quorum_) private {
        if (quorum_ == 0) revert TripAnchorsZeroQuorum();
        uint8 previous = _quorum;
        _quorum = quorum_;
        emit QuorumChanged(previous, quorum_);
    }
}
