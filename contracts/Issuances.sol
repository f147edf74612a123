// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Halting} from "./Halting.sol";
import {ICertifiedReductions} from "./interfaces/ICertifiedReductions.sol";

/// @dev The part of {CertifiedReductions} that knows what was issued and whether it can move.
abstract contract Issuances is ICertifiedReductions, Halting {
    /// @dev As many serials as {SerialSet} has keys.
    uint64 private constant MAX_TONNES = 1 << 24;

    uint64 private _lastSerial;
    uint32[] private _order; // the issuances, by their serials
    mapping(uint32 issuance => Issuance) private _issuances;
    mapping(uint32 issuance => address) private _issuedTo;
    mapping(uint32 issuance => bytes32) private _reasons; // why it is suspended or cancelled

    // ------------------------------------------------------------------ the regulator

    /// @inheritdoc ICertifiedReductions
    function suspend(uint32 issuance, bytes32 reason) external restricted returns (bool) {
        if (_isRepeated(issuance, IssuanceStatus.SUSPENDED, reason)) return false;
        _requireStatus(issuance, IssuanceStatus.ACTIVE);
        _requireReason(issuance, reason);

        _issuances[issuance].status = IssuanceStatus.SUSPENDED;
        _reasons[issuance] = reason;

        emit IssuanceSuspended(issuance, reason);
        return true;
    }

    /// @inheritdoc ICertifiedReductions
    function resume(uint32 issuance) external restricted whenNotPaused returns (bool) {
        if (_issuances[issuance].status == IssuanceStatus.ACTIVE) return false;
        _requireStatus(issuance, IssuanceStatus.SUSPENDED);

        _issuances[issuance].status = IssuanceStatus.ACTIVE;
        delete _reasons[issuance];

        emit IssuanceResumed(issuance);
        return true;
    }

    /// @inheritdoc ICertifiedReductions
    function cancel(uint32 issuance, bytes32 reason) external restricted returns (bool) {
        if (_isRepeated(issuance, IssuanceStatus.CANCELLED, reason)) return false;
        _requireStatus(issuance, IssuanceStatus.SUSPENDED);
        _requireReason(issuance, reason);

        _issuances[issuance].status = IssuanceStatus.CANCELLED;
        _reasons[issuance] = reason;

        emit IssuanceCancelled(issuance, reason);
        return true;
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ICertifiedReductions
    function issuanceOf(uint32 issuance) external view returns (Issuance memory) {
        return _issuances[issuance];
    }

    /// @inheritdoc ICertifiedReductions
    function issuanceCount() external view returns (uint256) {
        return _order.length;
    }

    /// @inheritdoc ICertifiedReductions
    function issuanceAt(uint64 serial) external view returns (uint32) {
        if (serial == 0 || serial > _lastSerial) return 0;
        (uint256 low, uint256 high) = (0, _order.length); // the issuance is below `high` and not below `low`
        while (high - low > 1) {
            uint256 middle = Math.average(low, high);
            if (_issuances[_order[middle]].firstSerial <= serial) low = middle;
            else high = middle;
        }
        return _order[low];
    }

    /// @inheritdoc ICertifiedReductions
    function nextSerial() public view returns (uint64) {
        return _lastSerial + 1;
    }

    /// @inheritdoc ICertifiedReductions
    function totalSupply(uint256 id) external view returns (uint256) {
        if (id > type(uint32).max) return 0;
        Issuance storage record = _issuances[uint32(id)];
        return record.tonnes - record.retired - record.cancelled;
    }

    // ------------------------------------------------------------------ guards and state

    function _requireStatus(uint32 issuance, IssuanceStatus needed) internal view {
        IssuanceStatus status = _issuances[issuance].status;
        if (status != needed) revert CertifiedReductionsUnexpectedStatus(issuance, status);
    }

    function _requireExisting(uint32 issuance) internal view {
        IssuanceStatus status = _issuances[issuance].status;
        if (status == IssuanceStatus.NONE) revert CertifiedReductionsUnexpectedStatus(issuance, status);
    }

    function _requireReason(uint32 issuance, bytes32 reason) internal pure {
        if (reason == bytes32(0)) revert CertifiedReductionsMissingReason(issuance);
    }

    function _firstSerialOf(uint32 issuance) internal view virtual returns (uint64) {
        return _issuances[issuance].firstSerial;
    }

    /// @dev Whether exactly this was issued before. Reverts if `issuance` is something else.
    function _isIssued(
        uint32 issuance,
        uint64 classId,
        uint64 tonnes,
        bytes32 dossier,
        address to
    ) internal view returns (bool) {
        Issuance storage record = _issuances[issuance];
        if (record.status == IssuanceStatus.NONE) return false;
        bool same = record.classId == classId && record.tonnes == tonnes && record.dossier == dossier;
        if (!same || _issuedTo[issuance] != to) revert CertifiedReductionsIssued(issuance);
        return true;
    }

    /// @dev Records a new issuance and gives it the next serials.
    function _open(
        uint32 issuance,
        uint64 classId,
        uint64 tonnes,
        bytes32 dossier,
        address to
    ) internal returns (uint64 firstSerial) {
        bool complete = issuance != 0 && classId != 0 && dossier != bytes32(0);
        if (!complete || tonnes == 0 || tonnes > MAX_TONNES) {
            revert CertifiedReductionsInvalidIssuance(issuance, classId, tonnes, dossier);
        }

        firstSerial = nextSerial();
        _lastSerial += tonnes;
        _order.push(issuance);
        _issuedTo[issuance] = to;
        _issuances[issuance] = Issuance({
            classId: classId,
            firstSerial: firstSerial,
            tonnes: tonnes,
            retired: 0,
            cancelled: 0,
            issuedAt: uint64(block.timestamp),
            status: IssuanceStatus.ACTIVE,
            dossier: dossier
        });
    }

    function _countRetired(uint32 issuance, uint64 tonnes) internal {
        _issuances[issuance].retired += tonnes;
    }

    function _countCancelled(uint32 issuance, uint64 tonnes) internal {
        _issuances[issuance].cancelled += tonnes;
    }

    function _isRepeated(uint32 issuance, IssuanceStatus status, bytes32 reason) private view returns (bool) {
        if (_issuances[issuance].status != status) return false;
        bytes32 recorded = _reasons[issuance];
        if (recorded != reason) revert CertifiedReductionsReasonMismatch(issuance, recorded, reason);
        return true;
    }
}
