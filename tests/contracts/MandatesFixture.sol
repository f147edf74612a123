// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IIntents} from "../../contracts/interfaces/IIntents.sol";
import {IMandates} from "../../contracts/interfaces/IMandates.sol";
import {Mandates} from "../../contracts/Mandates.sol";
import {Roles} from "../../contracts/Roles.sol";
import {OnlyRole} from "./OnlyRole.sol";

/// @dev The mandates, wired as in production, and what a wallet signs for them: built from the words of EIP-712 alone,
/// not from what the contract says about itself.
abstract contract MandatesFixture is OnlyRole {
    uint256 internal constant KEY = 0xC0FFEE;
    uint256 internal constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    bytes32 internal constant TERMS = "terms of 2026";

    Mandates internal mandates;
    address internal holder = vm.addr(KEY);

    function _handOver() internal override {
        mandates = new Mandates(address(manager));
        _assign(address(mandates), Roles.GUARDIAN, mandates.pause.selector);
        _assign(address(mandates), Roles.REGULATOR_DELAYED, mandates.unpause.selector);
        super._handOver();
    }

    // Acts of the holder

    function _give(address giver, bytes32 terms, uint32 number) internal returns (bool) {
        vm.prank(giver);
        return mandates.give(terms, number);
    }

    function _revoke(address giver, uint32 number) internal returns (bool) {
        vm.prank(giver);
        return mandates.revoke(number);
    }

    function _pause() internal {
        vm.prank(GUARDIAN);
        mandates.pause();
    }

    // Signatures

    function _mandateHash(IMandates.Mandate memory mandate) internal pure returns (bytes32) {
        bytes32 typehash = keccak256("Mandate(address holder,bytes32 terms,uint32 number,uint256 deadline)");
        return keccak256(abi.encode(typehash, mandate.holder, mandate.terms, mandate.number, mandate.deadline));
    }

    function _revocationHash(address signer, uint32 number, uint256 deadline) internal pure returns (bytes32) {
        bytes32 typehash = keccak256("Revocation(address holder,uint32 number,uint256 deadline)");
        return keccak256(abi.encode(typehash, signer, number, deadline));
    }

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return _digest(structHash, block.chainid, address(mandates));
    }

    function _digest(bytes32 structHash, uint256 chainId, address target) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("PuhuiMandates"),
                keccak256("1"),
                chainId,
                target
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The other signature of `key` over `digest`, with its s in the upper half.
    function _signHigh(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, bytes32(CURVE_ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
    }

    /// @dev The first `length` bytes of `signature`, or all of them and zeros.
    function _resized(bytes memory signature, uint256 length) internal pure returns (bytes memory other) {
        other = new bytes(length);
        for (uint256 i = 0; i < length && i < signature.length; ++i) other[i] = signature[i];
    }

    /// @dev First mandates of `count` holders on three documents, each with its signature, good until `deadline`.
    function _signedBatch(
        uint256 count,
        uint256 deadline
    ) internal view returns (IMandates.Mandate[] memory list, bytes[] memory signatures) {
        (list, signatures) = (new IMandates.Mandate[](count), new bytes[](count));
        for (uint256 i = 0; i < count; ++i) {
            bytes32 terms = keccak256(abi.encode("document", i % 3));
            list[i] = IMandates.Mandate({holder: vm.addr(i + 1), terms: terms, number: 1, deadline: deadline});
            signatures[i] = _sign(i + 1, _digest(_mandateHash(list[i])));
        }
    }

    // What is expected

    function _invalid(address signer, bytes32 structHash) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IIntents.IntentsInvalidSignature.selector, signer, structHash);
    }

    function _expired(address signer, uint256 deadline) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IIntents.IntentsExpired.selector, signer, deadline);
    }

    function _unexpected(address giver, uint32 expected, uint32 actual) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IMandates.MandatesUnexpectedNumber.selector, giver, expected, actual);
    }

    function _active(address giver, uint32 number) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IMandates.MandatesActive.selector, giver, number);
    }

    function _missingTerms(address giver) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IMandates.MandatesMissingTerms.selector, giver);
    }

    function _assertState(
        address giver,
        bytes32 terms,
        uint32 number,
        uint256 givenAt,
        uint256 revokedAt
    ) internal view {
        IMandates.State memory expected = IMandates.State(terms, number, uint64(givenAt), uint64(revokedAt));
        vm.assertEq(keccak256(abi.encode(mandates.stateOf(giver))), keccak256(abi.encode(expected)), "state");
        vm.assertEq(mandates.isActive(giver), number != 0 && revokedAt == 0, "active");
    }
}
