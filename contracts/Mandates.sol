// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Halting} from "./Halting.sol";
import {Intents} from "./Intents.sol";
import {IMandates} from "./interfaces/IMandates.sol";

contract Mandates is IMandates, Halting, Intents {
    /// @dev A holder's latest mandate in one slot. The terms are among the few documents the programme ever has, so
    /// each document is stored once, and `terms` is its place in that list, from 1.
    struct Standing {
        uint32 number;
        uint64 givenAt;
        uint64 revokedAt;
        uint96 terms;
    }

    bytes32 private constant MANDATE_TYPEHASH =
        keccak256("Mandate(address holder,bytes32 terms,uint32 number,uint256 deadline)");
    bytes32 private constant REVOCATION_TYPEHASH =
        keccak256("Revocation(address holder,uint32 number,uint256 deadline)");
    uint256 private constant MAX_MANDATES = 64;

    /// @inheritdoc IMandates
    uint64 public changes;
    bytes32[] private _documents;
    mapping(bytes32 terms => uint96) private _placeOf; // from 1, 0 for terms nobody gave a mandate on
    mapping(address holder => Standing) private _standings;

    constructor(address authority) AccessManaged(authority) EIP712("PuhuiMandates", "1") {}

    /// @inheritdoc IMandates
    function give(bytes32 terms, uint32 number) external whenNotPaused returns (bool) {
        if (_stands(msg.sender, terms, number)) return false;
        _give(msg.sender, terms, number, _hash(msg.sender, terms, number, 0));
        ++changes;
        return true;
    }

    /// @inheritdoc IMandates
    function giveFor(
        Mandate[] calldata mandates,
        bytes[] calldata signatures
    ) external whenNotPaused returns (uint256 given) {
        uint256 count = mandates.length;
        if (count == 0 || count > MAX_MANDATES || count != signatures.length) {
            revert MandatesCount(count, signatures.length, MAX_MANDATES);
        }
        for (uint256 i = 0; i < count; ++i) {
            Mandate calldata mandate = mandates[i];
            if (_stands(mandate.holder, mandate.terms, mandate.number)) continue;
            bytes32 structHash = _hash(mandate.holder, mandate.terms, mandate.number, mandate.deadline);
            _requireIntent(mandate.holder, structHash, mandate.deadline, signatures[i]);
            _give(mandate.holder, mandate.terms, mandate.number, structHash);
            ++given;
        }
        changes += uint64(given);
    }

    /// @inheritdoc IMandates
    function revoke(uint32 number) external returns (bool) {
        return _revoke(msg.sender, number);
    }

    /// @inheritdoc IMandates
    function revokeFor(
        address holder,
        uint32 number,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool) {
        _requireLatest(holder, number);
        if (_standings[holder].revokedAt != 0) return false;
        bytes32 structHash = keccak256(abi.encode(REVOCATION_TYPEHASH, holder, number, deadline));
        _requireIntent(holder, structHash, deadline, signature);
        return _revoke(holder, number);
    }

    /// @inheritdoc IMandates
    function stateOf(address holder) external view returns (State memory) {
        Standing memory standing = _standings[holder];
        return
            State({
                terms: standing.number == 0 ? bytes32(0) : _documents[standing.terms - 1],
                number: standing.number,
                givenAt: standing.givenAt,
                revokedAt: standing.revokedAt
            });
    }

    /// @inheritdoc IMandates
    function isActive(address holder) external view returns (bool) {
        return _isStanding(_standings[holder]);
    }

    function _stands(address holder, bytes32 terms, uint32 number) private view returns (bool) {
        Standing memory standing = _standings[holder];
        return _isStanding(standing) && standing.number == number && standing.terms == _placeOf[terms];
    }

    function _give(address holder, bytes32 terms, uint32 number, bytes32 mandate) private {
        Standing memory standing = _standings[holder];
        uint32 last = standing.number;
        if (_isStanding(standing)) revert MandatesActive(holder, last);
        if (number != last + 1) revert MandatesUnexpectedNumber(holder, last + 1, number);
        if (terms == bytes32(0)) revert MandatesMissingTerms(holder);

        _standings[holder] = Standing({
            number: number,
            givenAt: uint64(block.timestamp),
            revokedAt: 0,
            terms: _place(terms)
        });

        emit MandateGiven(holder, number, terms, mandate);
    }

    function _revoke(address holder, uint32 number) private returns (bool) {
        _requireLatest(holder, number);
        if (_standings[holder].revokedAt != 0) return false;

        _standings[holder].revokedAt = uint64(block.timestamp);
        ++changes;

        emit MandateRevoked(holder, number);
        return true;
    }

    /// @dev The place of `terms` among the documents, whose last it becomes if it is new.
    function _place(bytes32 terms) private returns (uint96 place) {
        place = _placeOf[terms];
        if (place != 0) return place;
        _documents.push(terms);
        place = uint96(_documents.length); // each cost its giver two slots: never near 96 bits
        _placeOf[terms] = place;
    }

    function _requireLatest(address holder, uint32 number) private view {
        uint32 last = _standings[holder].number;
        if (number == 0 || number != last) revert MandatesUnexpectedNumber(holder, last, number);
    }

    function _isStanding(Standing memory standing) private pure returns (bool) {
        return standing.number != 0 && standing.revokedAt == 0;
    }

    function _hash(address holder, bytes32 terms, uint32 number, uint256 deadline) private pure returns (bytes32) {
        return keccak256(abi.encode(MANDATE_TYPEHASH, holder, terms, number, deadline));
    }
}
