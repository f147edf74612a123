// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IMethodologyRegistry
/// @notice The methodologies reductions may be computed under. One is published once, never edited, only ended.
/// @dev Dates are `yyyymmdd` integers and inclusive. An `effectiveTo` of 0 means that no end is set.
interface IMethodologyRegistry {
    /// @param name The short name, ASCII, left aligned.
    /// @param parametersHash The SHA-256 of the machine-readable parameters.
    /// @param documentHash The SHA-256 of the published document.
    /// @param effectiveFrom The first service date it applies to.
    /// @param effectiveTo The last service date it applies to, or 0.
    struct Methodology {
        bytes32 name;
        bytes32 parametersHash;
        bytes32 documentHash;
        uint32 effectiveFrom;
        uint32 effectiveTo;
    }

    /// @notice Emitted when `methodology` is published as version `id`.
    event MethodologyPublished(uint32 indexed id, Methodology methodology);

    /// @notice Emitted when `effectiveTo` becomes the last service date of version `id`.
    event MethodologyEnded(uint32 indexed id, uint32 effectiveTo);

    /// @notice Thrown when a methodology is published as version 0, which stands for none.
    error MethodologyRegistryZeroId();

    /// @notice Thrown when the name or one of the hashes is zero.
    error MethodologyRegistryIncomplete(uint32 id);

    /// @notice Thrown when `date` is not a day of the calendar.
    error MethodologyRegistryInvalidDate(uint32 id, uint32 date);

    /// @notice Thrown when a methodology would end before it begins.
    error MethodologyRegistryInvalidPeriod(uint32 id, uint32 effectiveFrom, uint32 effectiveTo);

    /// @notice Thrown when version `id` was already published with other contents.
    error MethodologyRegistryAlreadyPublished(uint32 id);

    /// @notice Thrown when version `id` was never published.
    error MethodologyRegistryUnknown(uint32 id);

    /// @notice Thrown when the end of version `id` would move to a later day.
    error MethodologyRegistryExtended(uint32 id, uint32 effectiveTo, uint32 requested);

    /// @notice Publishes `methodology` as version `id`.
    /// @dev Requirements:
    /// - the caller holds REGULATOR;
    /// - `id`, the name and both hashes are not zero;
    /// - the dates exist and are in order.
    /// Emits a {MethodologyPublished} event.
    /// Warning: it takes effect at once, and for any `effectiveFrom`, the past included.
    /// @return False if the same contents were published as `id` before, even if ended since.
    function publish(uint32 id, Methodology calldata methodology) external returns (bool);

    /// @notice Makes `effectiveTo` the last service date of version `id`.
    /// @dev Requirements:
    /// - the caller holds REGULATOR;
    /// - `effectiveTo` is a day not before `effectiveFrom` and not after an end already set.
    /// Emits a {MethodologyEnded} event.
    /// Warning: batches anchored for later days before this call stay anchored; a verifier must reject them.
    /// @return False if it ends on that day already.
    function end(uint32 id, uint32 effectiveTo) external returns (bool);

    /// @notice Version `id` as it stands now, all zero if there is none.
    function methodologyOf(uint32 id) external view returns (Methodology memory);

    /// @notice Whether version `id` exists and applies to `serviceDate`.
    function isEffective(uint32 id, uint32 serviceDate) external view returns (bool);
}
