// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Halting} from "./Halting.sol";
import {Intents} from "./Intents.sol";
import {ICertifiedReductions} from "./interfaces/ICertifiedReductions.sol";
import {IExchangeSettlement} from "./interfaces/IExchangeSettlement.sol";

/// @dev The half of {ExchangeSettlement} that immobilises units for sale and frees them.
abstract contract Listings is IExchangeSettlement, Halting, Intents {
    bytes32 private constant LISTING_TYPEHASH =
        keccak256("Listing(address holder,uint32 issuance,uint64 tonnes,bytes32 ref,uint256 deadline)");
    bytes32 private constant UNLISTING_TYPEHASH =
        keccak256("Unlisting(address holder,uint32 issuance,uint64 tonnes,bytes32 ref,uint256 deadline)");

    ICertifiedReductions internal immutable _reductions;

    mapping(address holder => mapping(bytes32 ref => Listing)) private _listings;

    constructor(ICertifiedReductions reductions) {
        if (address(reductions).code.length == 0) revert ExchangeSettlementInvalidContract(address(reductions));
        _reductions = reductions;
    }

    /// @inheritdoc IExchangeSettlement
    function list(uint32 issuance, uint64 tonnes, bytes32 ref) external whenNotPaused returns (bool) {
        return _list(msg.sender, issuance, tonnes, ref);
    }

    /// @inheritdoc IExchangeSettlement
    function listFor(
        address holder,
        uint32 issuance,
        uint64 tonnes,
        bytes32 ref,
        uint256 deadline,
        bytes calldata signature
    ) external whenNotPaused returns (bool) {
        if (_isRepeated(holder, issuance, tonnes, ref, false)) return false;
        bytes32 structHash = keccak256(abi.encode(LISTING_TYPEHASH, holder, issuance, tonnes, ref, deadline));
        _requireIntent(holder, structHash, deadline, signature);
        return _list(holder, issuance, tonnes, ref);
    }

    /// @inheritdoc IExchangeSettlement
    function unlist(uint32 issuance, uint64 tonnes, bytes32 ref) external whenNotPaused returns (bool) {
        return _unlist(msg.sender, issuance, tonnes, ref);
    }

    /// @inheritdoc IExchangeSettlement
    function unlistFor(
        address holder,
        uint32 issuance,
        uint64 tonnes,
        bytes32 ref,
        uint256 deadline,
        bytes calldata signature
    ) external whenNotPaused returns (bool) {
        if (_isRepeated(holder, issuance, tonnes, ref, true)) return false;
        bytes32 structHash = keccak256(abi.encode(UNLISTING_TYPEHASH, holder, issuance, tonnes, ref, deadline));
        _requireIntent(holder, structHash, deadline, signature);
        return _unlist(holder, issuance, tonnes, ref);
    }

    /// @inheritdoc IExchangeSettlement
    function listingOf(address holder, bytes32 ref) external view returns (Listing memory) {
        return _listings[holder][ref];
    }

    function _list(address holder, uint32 issuance, uint64 tonnes, bytes32 ref) private returns (bool) {
        if (_isRepeated(holder, issuance, tonnes, ref, false)) return false;
        _record(holder, issuance, tonnes, ref, false);
        emit Listed(holder, issuance, tonnes, ref);
        _reductions.list(holder, issuance, tonnes);
        return true;
    }

    function _unlist(address holder, uint32 issuance, uint64 tonnes, bytes32 ref) private returns (bool) {
        if (_isRepeated(holder, issuance, tonnes, ref, true)) return false;
        _record(holder, issuance, tonnes, ref, true);
        emit Unlisted(holder, issuance, tonnes, ref);
        _reductions.unlist(holder, issuance, tonnes);
        return true;
    }

    function _isRepeated(
        address holder,
        uint32 issuance,
        uint64 tonnes,
        bytes32 ref,
        bool unlisted
    ) private view returns (bool) {
        Listing memory recorded = _listings[holder][ref];
        if (recorded.tonnes == 0) return false;
        if (recorded.issuance != issuance || recorded.tonnes != tonnes || recorded.unlisted != unlisted) {
            revert ExchangeSettlementListingReferenceUsed(holder, ref);
        }
        return true;
    }

    function _record(address holder, uint32 issuance, uint64 tonnes, bytes32 ref, bool unlisted) private {
        if (ref == bytes32(0)) revert ExchangeSettlementMissingReference();
        if (tonnes == 0) revert ExchangeSettlementZeroAmount();
        _listings[holder][ref] = Listing({issuance: issuance, tonnes: tonnes, unlisted: unlisted});
    }
}
