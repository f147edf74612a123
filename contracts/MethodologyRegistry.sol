// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IMethodologyRegistry} from "./interfaces/IMethodologyRegistry.sol";
import {ServiceDates} from "./ServiceDates.sol";

contract MethodologyRegistry is IMethodologyRegistry, AccessManaged {
    mapping(uint32 id => Methodology) private _methodologies;

    // What was published, as a hash, so that a repeated publish is still recognised after the methodology was ended.
    mapping(uint32 id => bytes32) private _publishedAs;

    constructor(address authority) AccessManaged(authority) {}

    /// @inheritdoc IMethodologyRegistry
    function publish(uint32 id, Methodology calldata methodology) external restricted returns (bool) {
        bytes32 contents = keccak256(abi.encode(methodology));
        bytes32 publishedAs = _publishedAs[id];
        if (publishedAs == contents) return false;
        if (publishedAs != bytes32(0)) revert MethodologyRegistryAlreadyPublished(id);
        if (id == 0) revert MethodologyRegistryZeroId();
        if (
            methodology.name == bytes32(0) ||
            methodology.parametersHash == bytes32(0) ||
            methodology.documentHash == bytes32(0)
        ) revert MethodologyRegistryIncomplete(id);
        _requireDate(id, methodology.effectiveFrom);
        if (methodology.effectiveTo != 0) _requireEnd(id, methodology.effectiveFrom, methodology.effectiveTo);

        _publishedAs[id] = contents;
        _methodologies[id] = methodology;

        emit MethodologyPublished(id, methodology);
        return true;
    }

    /// @inheritdoc IMethodologyRegistry
    function end(uint32 id, uint32 effectiveTo) external restricted returns (bool) {
        Methodology storage methodology = _methodologies[id];
        uint32 current = methodology.effectiveTo;
        if (methodology.effectiveFrom == 0) revert MethodologyRegistryUnknown(id);
        _requireEnd(id, methodology.effectiveFrom, effectiveTo);
        if (effectiveTo == current) return false;
        if (current != 0 && effectiveTo > current) revert MethodologyRegistryExtended(id, current, effectiveTo);

        methodology.effectiveTo = effectiveTo;

        emit MethodologyEnded(id, effectiveTo);
        return true;
    }

    /// @inheritdoc IMethodologyRegistry
    function methodologyOf(uint32 id) external view returns (Methodology memory) {
        return _methodologies[id];
    }

    /// @inheritdoc IMethodologyRegistry
    function isEffective(uint32 id, uint32 serviceDate) external view returns (bool) {
        Methodology storage methodology = _methodologies[id];
        (uint32 from, uint32 to) = (methodology.effectiveFrom, methodology.effectiveTo);
        return from != 0 && serviceDate >= from && (to == 0 || serviceDate <= to);
    }

    function _requireDate(uint32 id, uint32 date) private pure {
        if (!ServiceDates.isValid(date)) revert MethodologyRegistryInvalidDate(id, date);
    }

    function _requireEnd(uint32 id, uint32 effectiveFrom, uint32 effectiveTo) private pure {
        _requireDate(id, effectiveTo);
        if (effectiveTo < effectiveFrom) revert MethodologyRegistryInvalidPeriod(id, effectiveFrom, effectiveTo);
    }
}
