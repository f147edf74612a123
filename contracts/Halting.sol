// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IHalting} from "./interfaces/IHalting.sol";

abstract contract Halting is IHalting, AccessManaged, Pausable {
    /// @inheritdoc IHalting
    function pause() external restricted returns (bool) {
        if (paused()) return false;
        _pause();
        return true;
    }

    /// @inheritdoc IHalting
    function unpause() external restricted returns (bool) {
        if (!paused()) return false;
        _unpause();
        return true;
    }
}
