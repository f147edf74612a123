// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IHalting
/// @notice One guardian stops a contract at once; starting it again takes the regulator and a delay.
interface IHalting {
    /// @notice Stops whatever moves value.
    /// @dev Requirements: the caller holds GUARDIAN. Emits a {Paused} event.
    /// @return False if it is paused already.
    function pause() external returns (bool);

    /// @notice Undoes {pause}.
    /// @dev Requirements: the caller holds REGULATOR_DELAYED and its delay has passed. Emits an {Unpaused} event.
    /// @return False if it is not paused.
    function unpause() external returns (bool);
}
