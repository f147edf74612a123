// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IInPerson
/// @notice Refuses calls that the AccessManager makes on behalf of a role's holder.
/// @dev `AccessManager.execute` calls the target itself, so the target sees the manager as the caller. A rule that
/// counts people ("two distinct verifiers", "not the account that anchored it") could then be met twice by one person:
/// once directly and once through the manager.
interface IInPerson {
    /// @notice Thrown when `caller` is the AccessManager and the function wants the role's holder itself.
    error InPersonRequired(address caller);
}
