// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";

/// @dev What {CertifiedReductions} has to say about one issuance, told serial by serial: each has exactly one account
/// and one place, so nothing can be lost or be in two places here.
contract SerialModel {
    struct Where {
        address account;
        ICertifiedReductions.Place place;
    }

    uint64 private immutable _first;
    Where[] private _serials;

    constructor(uint64 first, uint64 tonnes, address account) {
        _first = first;
        for (uint256 i = 0; i < tonnes; ++i) _serials.push(Where(account, ICertifiedReductions.Place.HELD));
    }

    /// @dev Moves one serial after the other, the lowest first, unless they are more than `max` runs.
    /// @return movable How much could move.
    function move(Where memory from, Where memory to, uint256 tonnes, uint256 max) external returns (uint256 movable) {
        movable = _movable(from, tonnes, max);
        if (movable != tonnes) return movable;
        for (uint256 i = 0; tonnes != 0; ++i) {
            if (!_is(i, from)) continue;
            _serials[i] = to;
            --tonnes;
        }
    }

    function tonnesOf(Where memory where) external view returns (uint256 tonnes) {
        for (uint256 i = 0; i < _serials.length; ++i) {
            if (_is(i, where)) ++tonnes;
        }
    }

    function rangesOf(Where memory where) external view returns (ICertifiedReductions.Range[] memory ranges) {
        ranges = new ICertifiedReductions.Range[](_serials.length);
        uint256 count = 0;
        for (uint256 i = 0; i < _serials.length; ++i) {
            if (!_is(i, where)) continue;
            uint64 serial = _first + uint64(i);
            if (i == 0 || !_is(i - 1, where)) ranges[count++].first = serial;
            ranges[count - 1].last = serial;
        }
        assembly ("memory-safe") {
            mstore(ranges, count)
        }
    }

    function _movable(Where memory from, uint256 tonnes, uint256 max) private view returns (uint256 movable) {
        uint256 runs = 0;
        for (uint256 i = 0; i < _serials.length && movable < tonnes; ++i) {
            if (!_is(i, from)) continue;
            if ((i == 0 || !_is(i - 1, from)) && ++runs > max) return movable;
            ++movable;
        }
    }

    function _is(uint256 index, Where memory where) private view returns (bool) {
        return _serials[index].account == where.account && _serials[index].place == where.place;
    }
}
