// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @dev A wallet without an owner's key: it answers for the digests approved on it, as the treasury does, or in another
/// way that the test asks for, and may try to act while it is asked. So its answer is not declared `view`.
contract ScriptedWallet {
    enum Answer {
        APPROVED_DIGESTS,
        WITH_ANOTHER_BYTE,
        TRUE,
        FOUR_BYTES,
        NOTHING,
        REVERT
    }

    uint256 private constant ATTEMPT_GAS = 300_000; // a forbidden write takes all that it was given

    mapping(bytes32 digest => bool) private _approved;
    Answer private _answer;
    address private _target;
    bytes private _data;

    function setApproval(bytes32 digest, bool approved) external {
        _approved[digest] = approved;
    }

    function setAnswer(Answer answer) external {
        _answer = answer;
    }

    /// @dev Makes it call `target` whenever it is asked.
    function setAttempt(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function isValidSignature(bytes32 digest, bytes calldata) external returns (bytes4) {
        bytes4 magic = IERC1271.isValidSignature.selector;
        if (_target != address(0)) {
            (bool done, ) = _target.call{gas: ATTEMPT_GAS}(_data);
            if (done) return bytes4(0); // fails the test, which expects its trade to settle
        }
        if (_answer == Answer.WITH_ANOTHER_BYTE) _return(abi.encodePacked(magic, uint224(1)));
        if (_answer == Answer.TRUE) _return(abi.encode(true));
        if (_answer == Answer.FOUR_BYTES) _return(abi.encodePacked(magic));
        if (_answer == Answer.NOTHING) _return("");
        if (_answer == Answer.REVERT) revert();
        return _approved[digest] ? magic : bytes4(0xffffffff);
    }

    function _return(bytes memory data) private pure {
        assembly ("memory-safe") {
            return(add(data, 0x20), mload(data))
        }
    }
}
