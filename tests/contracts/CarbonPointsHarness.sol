// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CarbonPoints} from "../../contracts/CarbonPoints.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";

/// @dev Writes balances without the verbs that keep the contract's own callers honest.
contract CarbonPointsHarness is CarbonPoints {
    constructor(
        address authority,
        ITripAnchors anchors_,
        uint32 activationDelay_
    ) CarbonPoints(authority, anchors_, activationDelay_) {}

    function update(address from, address to, uint256 id, uint256 mg) external {
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](1), new uint256[](1));
        (ids[0], values[0]) = (id, mg);
        _update(from, to, ids, values);
    }
}
