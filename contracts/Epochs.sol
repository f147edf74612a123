// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Classes} from "./Classes.sol";
import {Halting} from "./Halting.sol";
import {InPerson} from "./InPerson.sol";
import {IEpochs} from "./interfaces/IEpochs.sol";
import {ITripAnchors} from "./interfaces/ITripAnchors.sol";

/// @dev The half of {CarbonPoints} that decides how much there is to claim. The other half says, through
/// {_claimedTotal}, how much was claimed.
abstract contract Epochs is IEpochs, InPerson, Halting {
    using SafeCast for uint256;

    /// @dev What a class has earned and converted by all epochs, the pending one included.
    struct Earnings {
        uint128 earned;
        uint128 converted;
    }

    /// @dev The part of {Earnings} that epoch `epoch` added, to be left out while that epoch is pending.
    struct Additions {
        uint32 epoch;
        uint112 earned;
        uint112 converted;
    }

    uint256 private constant MAX_BATCHES = 64;
    uint256 private constant MAX_CONVERSIONS = 32;

    ITripAnchors private immutable _anchors;
    uint32 private immutable _activationDelay;

    uint32 private _current;
    address private _publisher; // of the current epoch: no other can still be attested
    bytes32 private _lastCancellation;
    mapping(uint32 number => Epoch) private _epochs;
    mapping(uint64 classId => Earnings) private _earnings;
    mapping(uint64 classId => Additions) private _additions;

    constructor(ITripAnchors anchors_, uint32 activationDelay_) {
        _anchors = anchors_;
        _activationDelay = activationDelay_;
    }

    /// @inheritdoc IEpochs
    function publishEpoch(
        uint32 number,
        bytes32 root,
        uint64 size,
        bytes32[] calldata batchIds,
        Conversion[] calldata conversions
    ) external restricted inPerson whenNotPaused returns (bool) {
        bytes32 digest = hashEpoch(number, root, size, batchIds, conversions);
        if (number != 0 && number <= _current) {
            _requireDigest(number, digest);
            return false;
        }
        _requireNext(number);
        if (root == bytes32(0) || size == 0) revert EpochsEmptyTree(number, root, size);
        _requireLists(batchIds, conversions);

        uint64 activeAt = uint64(block.timestamp) + _activationDelay;
        _current = number;
        _publisher = msg.sender;
        _epochs[number] = Epoch({root: root, digest: digest, size: size, activeAt: activeAt, attested: false});
        // The anchors are called before the sums are written because they say what each batch adds. They are this
        // contract's own immutable counterpart and call nobody back.
        _addEarned(number, _anchors.issue(batchIds));
        _addConverted(number, conversions);

        emit EpochPublished(number, root, size, batchIds, conversions, activeAt, digest, msg.sender);
        return true;
    }

    /// @inheritdoc IEpochs
    function attestEpoch(
        uint32 number,
        bytes32 digest
    ) external restricted inPerson whenNotPaused returns (bool) {
        _requireDigest(number, digest);
        Epoch storage epoch = _epochs[number];
        if (epoch.attested) return false;
        if (msg.sender == _publisher) revert EpochsSelfAttestation(number, msg.sender);

        epoch.attested = true;

        emit EpochAttested(number, msg.sender, digest);
        return true;
    }

    /// @inheritdoc IEpochs
    function cancelEpoch(
        uint32 number,
        bytes32[] calldata batchIds,
        Conversion[] calldata conversions,
        bytes32 reason
    ) external restricted returns (bool) {
        bytes32 cancellation = keccak256(abi.encode(number, batchIds, conversions, reason));
        if (number == _current + 1 && cancellation == _lastCancellation) return false;
        if (number == 0 || number > _current) revert EpochsUnknown(number);
        if (number <= activeEpoch()) revert EpochsActive(number);
        bytes32 digest = hashEpoch(number, _epochs[number].root, _epochs[number].size, batchIds, conversions);
        _requireDigest(number, digest);
        if (reason == bytes32(0)) revert EpochsMissingReason(number);

        _lastCancellation = cancellation;
        _current = number - 1;
        delete _epochs[number];
        _subtractConverted(conversions);
        _subtractEarned(_anchors.release(batchIds));

        emit EpochCancelled(number, digest, reason);
        return true;
    }

    /// @inheritdoc IEpochs
    function hashEpoch(
        uint32 number,
        bytes32 root,
        uint64 size,
        bytes32[] calldata batchIds,
        Conversion[] calldata conversions
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(number, root, size, batchIds, conversions));
    }

    /// @inheritdoc IEpochs
    function epochOf(uint32 number) public view returns (Epoch memory) {
        return _epochs[number];
    }

    /// @inheritdoc IEpochs
    function currentEpoch() external view returns (uint32) {
        return _current;
    }

    /// @inheritdoc IEpochs
    function activeEpoch() public view returns (uint32) {
        uint32 current = _current;
        if (current == 0) return 0;
        Epoch storage epoch = _epochs[current];
        // The one before is active because no epoch can be published over a pending one.
        return epoch.attested && block.timestamp >= epoch.activeAt ? current : current - 1;
    }

    /// @inheritdoc IEpochs
    function activationDelay() external view returns (uint32) {
        return _activationDelay;
    }

    /// @inheritdoc IEpochs
    function anchors() external view returns (address) {
        return address(_anchors);
    }

    /// @dev How much of a class was ever claimed.
    function _claimedTotal(uint64 classId) internal view virtual returns (uint128);

    function _earningsOf(uint64 classId) internal view returns (Earnings memory) {
        return _earnings[classId];
    }

    /// @dev What active epochs have converted of a class: all but the addition of a pending one.
    function _activeConverted(uint64 classId) internal view returns (uint128) {
        Additions memory added = _additions[classId];
        uint128 converted = _earnings[classId].converted;
        return added.epoch <= activeEpoch() ? converted : converted - added.converted;
    }

    /// @dev The root and size of the epoch in force.
    function _activeTree() internal view returns (bytes32 root, uint64 size) {
        uint32 active = activeEpoch();
        if (active == 0) revert EpochsNoneActive();
        return (_epochs[active].root, _epochs[active].size);
    }

    /// @dev Asserts that a class is backed both if the pending epoch becomes active and if it is cancelled. The second
    /// is why a cancellation can never fail on its sums.
    function _requireBacked(uint64 classId) internal view {
        Earnings memory all = _earnings[classId];
        _requireWithin(classId, all.earned, all.converted);
        Additions memory added = _additions[classId];
        if (added.epoch <= activeEpoch()) return;
        _requireWithin(classId, all.earned - added.earned, all.converted - added.converted);
    }

    function _requireWithin(uint64 classId, uint256 earned, uint256 converted) private view {
        if (converted > earned) revert EpochsClassOverconverted(classId, converted, earned);
        uint256 claimed = _claimedTotal(classId);
        if (claimed > earned - converted) revert EpochsClassOverdrawn(classId, claimed, earned - converted);
    }

    function _requireDigest(uint32 number, bytes32 digest) private view {
        bytes32 expected = _epochs[number].digest;
        if (expected == bytes32(0)) revert EpochsUnknown(number);
        if (expected != digest) revert EpochsDigestMismatch(number, expected, digest);
    }

    function _requireNext(uint32 number) private view {
        uint32 current = _current;
        if (number != current + 1) revert EpochsUnexpectedNumber(current + 1, number);
        if (activeEpoch() != current) revert EpochsPending(current);
    }

    function _requireLists(bytes32[] calldata batchIds, Conversion[] calldata conversions) private view {
        (uint256 batches, uint256 converted) = (batchIds.length, conversions.length);
        if (batches == 0 || batches > MAX_BATCHES) revert EpochsBatchCount(batches, MAX_BATCHES);
        if (converted > MAX_CONVERSIONS) revert EpochsConversionCount(converted, MAX_CONVERSIONS);
        uint64 previous = 0; // no class is 0: a methodology is not
        for (uint256 i = 0; i < conversions.length; ++i) {
            (uint64 classId, uint128 mg) = (conversions[i].classId, conversions[i].mg);
            if (classId <= previous || mg == 0) revert EpochsInvalidConversion(classId, mg);
            Classes.requireLive(classId);
            previous = classId;
        }
    }

    function _addEarned(uint32 number, ITripAnchors.Reduction[] memory reductions) private {
        for (uint256 i = 0; i < reductions.length; ++i) {
            (uint64 classId, uint128 mg) = (reductions[i].classId, reductions[i].reductionMg);
            _earnings[classId].earned += mg;
            _additionsOf(classId, number).earned += uint256(mg).toUint112();
        }
    }

    function _addConverted(uint32 number, Conversion[] calldata conversions) private {
        for (uint256 i = 0; i < conversions.length; ++i) {
            (uint64 classId, uint128 mg) = (conversions[i].classId, conversions[i].mg);
            _earnings[classId].converted += mg;
            _additionsOf(classId, number).converted += uint256(mg).toUint112();
            // Only a conversion can leave a class short; what batches add cannot.
            _requireBacked(classId);
        }
    }

    function _subtractEarned(ITripAnchors.Reduction[] memory reductions) private {
        for (uint256 i = 0; i < reductions.length; ++i) {
            (uint64 classId, uint128 mg) = (reductions[i].classId, reductions[i].reductionMg);
            _earnings[classId].earned -= mg;
            _additions[classId].earned -= uint112(mg); // it was added as a uint112
            _requireBacked(classId);
        }
    }

    function _subtractConverted(Conversion[] calldata conversions) private {
        for (uint256 i = 0; i < conversions.length; ++i) {
            (uint64 classId, uint128 mg) = (conversions[i].classId, conversions[i].mg);
            _earnings[classId].converted -= mg;
            _additions[classId].converted -= uint112(mg); // it was added as a uint112
        }
    }

    /// @dev The additions of epoch `number` to a class, starting from zero if the last ones were another epoch's.
    function _additionsOf(uint64 classId, uint32 number) private returns (Additions storage additions) {
        additions = _additions[classId];
        if (additions.epoch != number) _additions[classId] = Additions({epoch: number, earned: 0, converted: 0});
    }
}
