// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IERC5192
/// @notice ERC-5192, minimal soulbound tokens: whether a token stays with its account. Interface id 0xb45a3c0e.
interface IERC5192 {
    /// @notice Emitted when `tokenId` is locked, once and for good.
    event Locked(uint256 tokenId);

    /// @notice Emitted when a token is unlocked, which no token of the ledger ever is.
    event Unlocked(uint256 tokenId);

    /// @notice Whether `tokenId` is locked. Reverts if there is no such token.
    function locked(uint256 tokenId) external view returns (bool);
}
