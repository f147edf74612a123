// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IIntents} from "./interfaces/IIntents.sol";

abstract contract Intents is IIntents, EIP712 {
    /// @dev Reverts unless `signer` signed the struct and its deadline has not passed.
    function _requireIntent(
        address signer,
        bytes32 structHash,
        uint256 deadline,
        bytes calldata signature
    ) internal view {
        if (block.timestamp > deadline) revert IntentsExpired(signer, deadline);
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, _hashTypedDataV4(structHash), signature)) {
            revert IntentsInvalidSignature(signer, structHash);
        }
    }
}
