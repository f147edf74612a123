// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ICertifiedReductions} from "./interfaces/ICertifiedReductions.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {Issuances} from "./Issuances.sol";
import {SerialHoldings} from "./SerialHoldings.sol";

/// @dev ERC-1155 keeps the balances, {SerialHoldings} the serials behind them. Every function here that changes one
/// changes the other by as much.
contract CertifiedReductions is ICertifiedReductions, Issuances, SerialHoldings, ERC1155 {
    /// @dev What of a balance cannot be transferred.
    struct Bound {
        uint64 listed;
        uint64 frozen;
    }

    IParticipants private immutable _participants;

    mapping(uint32 issuance => mapping(address holder => Bound)) private _bounds;

    constructor(address authority, IParticipants participants) AccessManaged(authority) ERC1155("") {
        if (address(participants).code.length == 0) {
            revert CertifiedReductionsInvalidParticipants(address(participants));
        }
        _participants = participants;
    }

    // ------------------------------------------------------------------ the programme's contracts

    /// @inheritdoc ICertifiedReductions
    function issue(
        uint32 issuance,
        uint64 classId,
        uint64 tonnes,
        bytes32 dossier,
        address to
    ) external restricted whenNotPaused returns (bool) {
        if (_isIssued(issuance, classId, tonnes, dossier, to)) return false;
        _participants.requireActive(to);

        uint64 firstSerial = _open(issuance, classId, tonnes, dossier, to);
        _create(issuance, to, tonnes);
        _book(issuance, address(0), to, tonnes);

        emit ReductionsIssued(issuance, classId, tonnes, firstSerial, dossier, to);
        return true;
    }

    /// @inheritdoc ICertifiedReductions
    function list(address holder, uint32 issuance, uint64 tonnes) external restricted whenNotPaused {
        _requireMovable(holder, issuance, tonnes);
        _participants.requireActive(holder);
        _requireTransferable(holder, issuance, tonnes);

        _bounds[issuance][holder].listed += tonnes;
        _moveAll(Route(issuance, holder, Place.HELD, holder, Place.LISTED), tonnes);
    }

    /// @inheritdoc ICertifiedReductions
    function unlist(address holder, uint32 issuance, uint64 tonnes) external restricted whenNotPaused {
        _requireMovable(holder, issuance, tonnes);

        _takeListed(holder, issuance, tonnes);
        _moveAll(Route(issuance, holder, Place.LISTED, holder, Place.HELD), tonnes);
    }

    /// @inheritdoc ICertifiedReductions
    function settle(address from, address to, uint32 issuance, uint64 tonnes) external restricted whenNotPaused {
        _requireMovable(from, issuance, tonnes);
        _requireParties(from, to);

        _takeListed(from, issuance, tonnes);
        _requireUnfrozen(from, issuance, tonnes);
        _moveAll(Route(issuance, from, Place.LISTED, to, Place.HELD), tonnes);
        _book(issuance, from, to, tonnes);
    }

    /// @inheritdoc ICertifiedReductions
    function retire(
        address holder,
        uint32 issuance,
        uint64 tonnes
    ) external restricted whenNotPaused returns (Range[] memory ranges) {
        _requireMovable(holder, issuance, tonnes);
        _participants.requireActive(holder);
        _requireTransferable(holder, issuance, tonnes);

        _countRetired(issuance, tonnes);
        ranges = _moveAll(Route(issuance, holder, Place.HELD, holder, Place.RETIRED), tonnes);
        _book(issuance, holder, address(0), tonnes);
    }

    // ------------------------------------------------------------------ the regulator

    /// @inheritdoc ICertifiedReductions
    function freeze(
        address account,
        uint32 issuance,
        uint64 tonnes,
        bytes32 reason
    ) external restricted returns (bool) {
        _requireExisting(issuance);
        _requireReason(issuance, reason);
        if (_bounds[issuance][account].frozen == tonnes) return false;

        _setFrozen(account, issuance, tonnes, reason);
        return true;
    }

    /// @inheritdoc ICertifiedReductions
    function forcedTransfer(
        address from,
        address to,
        uint32 issuance,
        uint64 tonnes,
        bytes32 reason
    ) external restricted whenNotPaused {
        _requireMovable(from, issuance, tonnes);
        _requireReason(issuance, reason);
        if (from == to) revert CertifiedReductionsSelfTransfer(from);
        _participants.requireActive(to);

        uint256 balance = balanceOf(from, issuance);
        _book(issuance, from, to, tonnes);
        uint256 moved = _moveAny(Route(issuance, from, Place.HELD, to, Place.HELD), balance, tonnes);
        if (moved != tonnes) revert CertifiedReductionsTooFragmented(from, issuance, tonnes, moved);
        uint64 left = uint64(balance - tonnes); // no balance is above 2**24
        if (_bounds[issuance][from].frozen > left) _setFrozen(from, issuance, left, reason);

        emit UnitsForced(from, to, issuance, tonnes, reason);
    }

    /// @inheritdoc ICertifiedReductions
    function withdraw(uint32 issuance, address holder) external returns (uint256 tonnes) {
        _requireStatus(issuance, IssuanceStatus.CANCELLED);
        uint256 balance = balanceOf(holder, issuance);
        if (balance == 0) return 0;

        tonnes = _moveAny(Route(issuance, holder, Place.HELD, holder, Place.CANCELLED), balance, balance);
        _countCancelled(issuance, uint64(tonnes));
        _book(issuance, holder, address(0), tonnes);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ICertifiedReductions
    function listedOf(address holder, uint32 issuance) external view returns (uint64) {
        return _bounds[issuance][holder].listed;
    }

    /// @inheritdoc ICertifiedReductions
    function frozenOf(address holder, uint32 issuance) external view returns (uint64) {
        return _bounds[issuance][holder].frozen;
    }

    /// @inheritdoc ICertifiedReductions
    function transferableOf(address holder, uint32 issuance) external view returns (uint256) {
        return _transferable(holder, issuance, balanceOf(holder, issuance));
    }

    // ------------------------------------------------------------------ guards

    function _requireMovable(address holder, uint32 issuance, uint256 tonnes) private view {
        if (tonnes == 0) revert CertifiedReductionsZeroAmount(holder, issuance);
        _requireStatus(issuance, IssuanceStatus.ACTIVE);
    }

    function _requireParties(address from, address to) private view {
        if (from == to) revert CertifiedReductionsSelfTransfer(from);
        _participants.requireActive(from);
        _participants.requireActive(to);
    }

    function _requireTransferable(address holder, uint32 issuance, uint256 tonnes) private view {
        uint256 transferable = _transferable(holder, issuance, balanceOf(holder, issuance));
        if (tonnes > transferable) {
            revert CertifiedReductionsNotTransferable(holder, issuance, tonnes, transferable);
        }
    }

    /// @dev What is listed was taken off what is transferable before, so a settlement looks at the freeze alone.
    function _requireUnfrozen(address holder, uint32 issuance, uint256 tonnes) private view {
        uint256 unfrozen = Math.saturatingSub(balanceOf(holder, issuance), _bounds[issuance][holder].frozen);
        if (tonnes > unfrozen) revert CertifiedReductionsNotTransferable(holder, issuance, tonnes, unfrozen);
    }

    function _transferable(address holder, uint32 issuance, uint256 balance) private view returns (uint256) {
        Bound memory bound = _bounds[issuance][holder];
        return Math.saturatingSub(balance, uint256(bound.listed) + bound.frozen);
    }

    /// @inheritdoc Issuances
    function _firstSerialOf(uint32 issuance) internal view override(Issuances, SerialHoldings) returns (uint64) {
        return Issuances._firstSerialOf(issuance);
    }

    // ------------------------------------------------------------------ state

    /// @dev The holder's own transfers, and nothing else: {_book} does not come this way. The units of a duplicate id
    /// are gone from the balance before the first of them is looked at, so together they stay within what is
    /// transferable.
    function _update(
        address from,
        address to,
        uint256[] memory ids,
        uint256[] memory values
    ) internal override whenNotPaused {
        _requireParties(from, to);
        super._update(from, to, ids, values);

        uint256 ranges = MAX_RANGES;
        for (uint256 i = 0; i < ids.length; ++i) {
            if (values[i] == 0) revert CertifiedReductionsZeroAmount(from, ids[i]);
            uint32 issuance = uint32(ids[i]); // nobody has a balance of any other id
            ranges -= _transfer(from, to, issuance, values[i], ranges);
        }
    }

    /// @return How many ranges it moved, at most `max`.
    function _transfer(
        address from,
        address to,
        uint32 issuance,
        uint256 tonnes,
        uint256 max
    ) private returns (uint256) {
        _requireStatus(issuance, IssuanceStatus.ACTIVE);
        uint256 transferable = _transferable(from, issuance, balanceOf(from, issuance) + tonnes);
        if (tonnes > transferable) revert CertifiedReductionsNotTransferable(from, issuance, tonnes, transferable);

        (Range[] memory ranges, uint256 moved) = _move(Route(issuance, from, Place.HELD, to, Place.HELD), tonnes, max);
        if (moved != tonnes) revert CertifiedReductionsTooFragmented(from, issuance, tonnes, moved);
        return ranges.length;
    }

    function _moveAll(Route memory route, uint256 tonnes) private returns (Range[] memory ranges) {
        uint256 moved;
        (ranges, moved) = _move(route, tonnes, MAX_RANGES);
        if (moved != tonnes) revert CertifiedReductionsTooFragmented(route.from, route.issuance, tonnes, moved);
    }

    /// @dev Moves what is held first, then what is listed: `tonnes` of `balance`, or what {MAX_RANGES} allow.
    function _moveAny(Route memory route, uint256 balance, uint256 tonnes) private returns (uint256 moved) {
        Bound storage bound = _bounds[route.issuance][route.from];
        uint256 held = Math.min(tonnes, balance - bound.listed);
        Range[] memory ranges;
        (ranges, moved) = _move(route, held, MAX_RANGES);
        if (moved == tonnes) return moved;

        route.fromPlace = Place.LISTED; // where no range may move if some of those held did not
        (, uint256 listed) = _move(route, tonnes - held, MAX_RANGES - ranges.length);
        bound.listed -= uint64(listed); // it is in there
        moved += listed;
    }

    function _takeListed(address holder, uint32 issuance, uint64 tonnes) private {
        uint64 listed = _bounds[issuance][holder].listed;
        if (tonnes > listed) revert CertifiedReductionsNotListed(holder, issuance, tonnes, listed);
        _bounds[issuance][holder].listed = listed - tonnes;
    }

    function _setFrozen(address account, uint32 issuance, uint64 tonnes, bytes32 reason) private {
        _bounds[issuance][account].frozen = tonnes;
        emit UnitsFrozen(account, issuance, tonnes, reason);
    }

    /// @dev Changes balances without a check and without a call on the receiver.
    function _book(uint32 issuance, address from, address to, uint256 tonnes) private {
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](1), new uint256[](1));
        (ids[0], values[0]) = (issuance, tonnes);
        super._update(from, to, ids, values);
    }
}
