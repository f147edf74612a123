// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The cheatcodes of the symbolic executor these proofs use, and no more.
interface Svm {
    /// @dev The calldata of every state-changing function of the contract, one path each, with symbolic arguments.
    function createCalldata(string calldata contractName) external pure returns (bytes memory);

    /// @dev Makes every slot of the account that was never written symbolic: the contract is then in any state.
    function enableSymbolicStorage(address account) external;

    /// @dev Any word.
    function createBytes32(string calldata name) external pure returns (bytes32);
}
