// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ServiceDates
/// @notice Calendar dates as `yyyymmdd` integers, in the programme's time zone (UTC+8, without daylight saving).
/// @dev Integers of this form sort as dates do, so ranges are plain comparisons.
library ServiceDates {
    uint256 internal constant UTC_OFFSET = 8 hours;
    uint256 internal constant MIN_YEAR = 2000;
    uint256 internal constant MAX_YEAR = 2999;

    /// @notice Whether `date` names a day that exists, from 2000-01-01 to 2999-12-31.
    function isValid(uint32 date) internal pure returns (bool) {
        uint256 year = yearOf(date);
        uint256 month = (date / 100) % 100;
        uint256 day = date % 100;
        if (year < MIN_YEAR || year > MAX_YEAR || month == 0 || month > 12) return false;
        return day != 0 && day <= _daysIn(month, year);
    }

    /// @notice The year of `date`.
    function yearOf(uint32 date) internal pure returns (uint256) {
        return date / 10_000;
    }

    /// @notice The number of whole local days between 1970-01-01 and `timestamp`.
    function dayNumber(uint256 timestamp) internal pure returns (uint256) {
        return (timestamp + UTC_OFFSET) / 1 days;
    }

    /// @notice The local date at `timestamp`.
    /// @dev Counts in 400-year eras whose years begin on 1 March, so that a leap day is the last day of its year.
    function fromTimestamp(uint256 timestamp) internal pure returns (uint32) {
        uint256 sinceEra0 = dayNumber(timestamp) + 719_468; // days from 0000-03-01 to 1970-01-01
        uint256 era = sinceEra0 / 146_097;
        uint256 dayOfEra = sinceEra0 % 146_097;
        uint256 yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        uint256 monthFromMarch = (5 * dayOfYear + 2) / 153;
        uint256 day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1;
        uint256 month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
        uint256 year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
        return uint32(year * 10_000 + month * 100 + day);
    }

    /// @notice The instant at which `year` begins locally.
    /// @dev Warning: `year` must be 1971 or later; earlier ones underflow and revert.
    function startOfYear(uint256 year) internal pure returns (uint256) {
        uint256 past = year - 1;
        uint256 daysBefore = past * 365 + past / 4 - past / 100 + past / 400;
        return (daysBefore - 719_162) * 1 days - UTC_OFFSET; // 719,162 days from 0001-01-01 to 1970-01-01
    }

    function _daysIn(uint256 month, uint256 year) private pure returns (uint256) {
        if (month == 2) return _isLeap(year) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    function _isLeap(uint256 year) private pure returns (bool) {
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    }
}
