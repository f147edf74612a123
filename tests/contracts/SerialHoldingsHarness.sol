// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CertifiedReductions} from "../../contracts/CertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";

/// @dev Moves serials without the balances that keep the contract's own callers honest.
contract SerialHoldingsHarness is CertifiedReductions {
    constructor(address authority, IParticipants participants) CertifiedReductions(authority, participants) {}

    function create(uint32 issuance, address to, uint64 tonnes) external {
        _create(issuance, to, tonnes);
    }

    function move(uint32 issuance, address from, address to, uint256 tonnes) external returns (uint256 moved) {
        (, moved) = _move(Route(issuance, from, Place.HELD, to, Place.HELD), tonnes, MAX_RANGES);
    }
}
