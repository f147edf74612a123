// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "./interfaces/ICertifiedReductions.sol";
import {SerialSet} from "./SerialSet.sol";

/// @dev The part of {CertifiedReductions} that knows which serials are where. It keeps, for each (issuance, account,
/// place), ranges that neither overlap nor touch, as offsets from the issuance's first serial.
///
/// A range is found by its LAST offset and remembers its first. Taking the lowest tonnes of a range leaves its last
/// where it is, so a partial move from it writes one slot.
abstract contract SerialHoldings is ICertifiedReductions {
    using SerialSet for SerialSet.Set;

    /// @dev `firsts` holds 8 to a slot, in 32 bits each, under the last they belong to. The first of a last that is not
    /// in the set is what was there before, and means nothing.
    struct Holding {
        SerialSet.Set lasts;
        mapping(uint256 slot => uint256) firsts;
    }

    struct Route {
        uint32 issuance;
        address from;
        Place fromPlace;
        address to;
        Place toPlace;
    }

    /// @inheritdoc ICertifiedReductions
    uint256 public constant MAX_RANGES = 16;

    uint256 private constant MAX_OFFSET = type(uint24).max;

    mapping(uint32 issuance => mapping(address holder => mapping(Place => Holding))) private _holdings;

    /// @inheritdoc ICertifiedReductions
    function rangesOf(
        address holder,
        uint32 issuance,
        Place place,
        uint64 fromSerial,
        uint256 limit
    ) external view returns (Range[] memory ranges) {
        Holding storage holding = _holdings[issuance][holder][place];
        uint64 base = _firstSerialOf(issuance);
        uint256 offset = fromSerial > base ? fromSerial - base : 0;
        uint256 capacity = 16;
        ranges = new Range[](capacity);
        uint256 count = 0;
        while (count < limit && offset <= MAX_OFFSET) {
            (bool found, uint24 last) = holding.lasts.ceiling(uint24(offset));
            if (!found) break;
            if (count == capacity) (ranges, capacity) = (_doubled(ranges), capacity * 2);
            ranges[count++] = Range({first: base + _firstOf(holding, last), last: base + last});
            offset = uint256(last) + 1;
        }
        _truncate(ranges, count);
    }

    /// @dev The first serial of an issuance.
    function _firstSerialOf(uint32 issuance) internal view virtual returns (uint64);

    /// @dev Moves the lowest of `tonnes` that are there, at most `max` ranges.
    /// @return ranges What moved, ascending.
    /// @return moved How much that is, in tonnes.
    function _move(
        Route memory route,
        uint256 tonnes,
        uint256 max
    ) internal returns (Range[] memory ranges, uint256 moved) {
        Holding storage origin = _holdings[route.issuance][route.from][route.fromPlace];
        Holding storage destination = _holdings[route.issuance][route.to][route.toPlace];
        uint64 base = _firstSerialOf(route.issuance);
        ranges = new Range[](max);
        uint256 count = 0;
        while (moved < tonnes && count < max) {
            (uint24 first, uint24 last) = _take(origin, tonnes - moved);
            _put(route.issuance, destination, first, last);
            ranges[count] = Range({first: base + first, last: base + last});
            moved += uint256(last) - first + 1;
            _announce(route, ranges[count++]);
        }
        _truncate(ranges, count);
    }

    /// @dev Creates all serials of an issuance, which has none yet, in the holdings of `to`.
    function _create(uint32 issuance, address to, uint64 tonnes) internal {
        _put(issuance, _holdings[issuance][to][Place.HELD], 0, uint24(tonnes - 1));
        uint64 base = _firstSerialOf(issuance);
        _announce(
            Route({issuance: issuance, from: address(0), fromPlace: Place.NOWHERE, to: to, toPlace: Place.HELD}),
            Range({first: base, last: base + tonnes - 1})
        );
    }

    /// @dev Takes out the lowest range, or its lowest `max` tonnes if it has more.
    function _take(Holding storage origin, uint256 max) private returns (uint24 first, uint24 last) {
        last = origin.lasts.lowest();
        first = _firstOf(origin, last);
        if (uint256(last) - first < max) {
            origin.lasts.remove(last);
        } else {
            uint24 rest = first + uint24(max);
            _setFirst(origin, last, rest);
            last = rest - 1;
        }
    }

    /// @dev Puts in a range and merges it with those that end before it and begin after it.
    function _put(uint32 issuance, Holding storage destination, uint24 first, uint24 last) private {
        (bool found, uint24 next) = destination.lasts.ceiling(first);
        uint256 nextFirst = found ? _firstOf(destination, next) : type(uint256).max;
        // Every range that could overlap ends at or after `first`, and of those the next begins first.
        if (nextFirst <= last) revert CertifiedReductionsSerialsOverlap(issuance, nextFirst);

        if (first != 0 && destination.lasts.contains(first - 1)) {
            uint24 previous = first - 1;
            first = _firstOf(destination, previous);
            destination.lasts.remove(previous);
        }
        if (nextFirst == uint256(last) + 1) last = next;
        else destination.lasts.insert(last);
        _setFirst(destination, last, first);
    }

    function _firstOf(Holding storage holding, uint24 last) private view returns (uint24) {
        return uint24(holding.firsts[last >> 3] >> _shift(last));
    }

    function _setFirst(Holding storage holding, uint24 last, uint24 first) private {
        uint256 shift = _shift(last);
        uint256 others = holding.firsts[last >> 3] & ~(uint256(type(uint32).max) << shift);
        holding.firsts[last >> 3] = others | (uint256(first) << shift);
    }

    function _shift(uint24 last) private pure returns (uint256) {
        return uint256(last & 7) << 5;
    }

    function _announce(Route memory route, Range memory range) private {
        emit SerialsMoved(
            route.issuance,
            route.from,
            route.to,
            route.fromPlace,
            route.toPlace,
            range.first,
            range.last
        );
    }

    function _doubled(Range[] memory ranges) private pure returns (Range[] memory doubled) {
        doubled = new Range[](ranges.length * 2);
        for (uint256 i = 0; i < ranges.length; ++i) doubled[i] = ranges[i];
    }

    /// @dev In assembly because an array cannot be shortened otherwise.
    function _truncate(Range[] memory ranges, uint256 count) private pure {
        assembly ("memory-safe") {
            mstore(ranges, count)
        }
    }
}
