// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @dev A participant that is a contract. When it receives units it makes the call it was told to, once, and keeps the
/// outcome; it can also refuse them.
contract Receiver is IERC1155Receiver {
    address private _target;
    bytes private _data;
    bool private _refusing;

    uint256 public received;
    bool public succeeded;
    bytes public outcome;

    function callBack(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function refuse() external {
        _refusing = true;
    }

    function onERC1155Received(
        address,
        address,
        uint256,
        uint256 value,
        bytes calldata
    ) external returns (bytes4) {
        received += value;
        _callBack();
        return _refusing ? bytes4(0xffffffff) : IERC1155Receiver.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(
        address,
        address,
        uint256[] calldata,
        uint256[] calldata values,
        bytes calldata
    ) external returns (bytes4) {
        for (uint256 i = 0; i < values.length; ++i) received += values[i];
        _callBack();
        return IERC1155Receiver.onERC1155BatchReceived.selector;
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC1155Receiver).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    function _callBack() private {
        if (_target == address(0)) return;
        address target = _target;
        _target = address(0);
        (succeeded, outcome) = target.call(_data);
    }
}
