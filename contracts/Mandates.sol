// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Halting} from "./Halting.sol";
import {Intents} from "./Intents.sol";
import {IMandates} from "./interfaces/IMandates.sol";

contract Mandates is IMandates, Halting, Intents {
    bytes32 private constant MANDATE_TYPEHASH =
        keccak256("Mandate(address holder,bytes32 terms,uint32 number,uint256 deadline)");
    bytes32 private constant REVOCATION_TYPEHASH =
        keccak256("Revocation(address holder,uint32 number,uint256 deadline)");
    uint256 private constant MAX_MANDATES = 64;

    /// @inheritdoc IMandates
    uint64 public changes;
    mapping(address holder => State) private _states;

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
            (address holder, bytes32 terms, uint32 number) = (mandates[i].holder, mandates[i].terms, mandates[i].number);
            if (_stands(holder, terms, number)) continue;
            bytes32 structHash = _hash(holder, terms, number, mandates[i].deadline);
            _requireIntent(holder, structHash, mandates[i].deadline, signatures[i]);
            _give(holder, terms, number, structHash);
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
        if (_states[holder].revokedAt != 0) return false;
        bytes32 structHash = keccak256(abi.encode(REVOCATION_TYPEHASH, holder, number, deadline));
        _requireIntent(holder, structHash, deadline, signature);
        return _revoke(holder, number);
    }

    /// @inheritdoc IMandates
    function stateOf(address holder) external view returns (State memory) {
        return _states[holder];
    }

    /// @inheritdoc IMandates
    function isActive(address holder) external view returns (bool) {
        State storage state = _states[holder];
        return state.number != 0 && state.revokedAt == 0;
    }

    function _stands(address holder, bytes32 terms, uint32 number) private view returns (bool) {
        State storage state = _states[holder];
        return number != 0 && state.number == number && state.revokedAt == 0 && state.terms == terms;
    }

    function _give(address holder, bytes32 terms, uint32 number, bytes32 mandate) private {
        State storage state = _states[holder];
        uint32 last = state.number;
        if (last != 0 && state.revokedAt == 0) revert MandatesActive(holder, last);
        if (number != last + 1) revert MandatesUnexpectedNumber(holder, last + 1, number);
        if (terms == bytes32(0)) revert MandatesMissingTerms(holder);

        _states[holder] = State({terms: terms, number: number, givenAt: uint64(block.timestamp), revokedAt: 0});

        emit MandateGiven(holder, number, terms, mandate);
    }

    function _revoke(address holder, uint32 number) private returns (bool) {
        _requireLatest(holder, number);
        if (_states[holder].revokedAt != 0) return false;

        _states[holder].revokedAt = uint64(block.timestamp);
        ++changes;

        emit MandateRevoked(holder, number);
        return true;
    }

    function _requireLatest(address holder, uint32 number) private view {
        uint32 last = _states[holder].number;
        if (number == 0 || number != last) revert MandatesUnexpectedNumber(holder, last, number);
    }

    function _hash(address holder, bytes32 terms, uint32 number, uint256 deadline) private pure returns (bytes32) {
        return keccak256(abi.encode(MANDATE_TYPEHASH, holder, terms, number, deadline));
    }
}
