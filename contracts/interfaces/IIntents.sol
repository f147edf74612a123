// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IIntents
/// @notice What a holder signed and anyone may relay: an EIP-712 struct, good until its deadline.
/// @dev A contract wallet answers by ERC-1271. A signature has several valid forms and is never a key: each contract
/// says what makes its intents happen once.
interface IIntents {
    /// @notice Thrown when an intent arrives after its deadline.
    error IntentsExpired(address signer, uint256 deadline);

    /// @notice Thrown when an intent is not signed by `signer` for this contract on this chain.
    error IntentsInvalidSignature(address signer, bytes32 structHash);
}
