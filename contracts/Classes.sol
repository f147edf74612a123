// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ServiceDates} from "./ServiceDates.sol";

/// @title Classes
/// @notice A class is a pair (methodology, vintage year), written `methodology << 16 | year`.
/// @dev Points of one class are alike in everything that decides what they may be used for, and expire together.
library Classes {
    /// @notice The calendar years a class lives after its vintage year has ended.
    uint256 internal constant LIFETIME_YEARS = 10;

    /// @notice Thrown when `classId` has a vintage year that no service date can have.
    error ClassesInvalidVintage(uint64 classId, uint16 year);

    /// @notice Thrown when a class is used at or after the instant at which it expired.
    error ClassesExpired(uint64 classId, uint256 expiredAt);

    /// @notice The class of a reduction made on `serviceDate` under `methodology`.
    /// @dev Warning: `serviceDate` must be a valid date, so that its year has four digits.
    function idOf(uint32 methodology, uint32 serviceDate) internal pure returns (uint64) {
        return (uint64(methodology) << 16) | uint16(ServiceDates.yearOf(serviceDate));
    }

    /// @notice The first instant at which `classId` is expired: the local start of 1 January, vintage year + 11.
    function expiresAt(uint64 classId) internal pure returns (uint256) {
        uint16 year = uint16(classId);
        if (year < ServiceDates.MIN_YEAR || year > ServiceDates.MAX_YEAR) revert ClassesInvalidVintage(classId, year);
        return ServiceDates.startOfYear(year + LIFETIME_YEARS + 1);
    }

    /// @notice Reverts if `classId` has expired.
    function requireLive(uint64 classId) internal view {
        uint256 expiry = expiresAt(classId);
        if (block.timestamp >= expiry) revert ClassesExpired(classId, expiry);
    }
}
