// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMandates} from "../../contracts/interfaces/IMandates.sol";
import {Mandates} from "../../contracts/Mandates.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {MandatesFixture} from "./MandatesFixture.sol";

/// @dev What holders sign and anyone relays.
contract MandatesForTest is MandatesFixture {
    uint256 private deadline;
    IMandates.Mandate private mandate; // the holder's first

    function setUp() public override {
        super.setUp();
        deadline = block.timestamp + 1 hours;
        mandate = IMandates.Mandate({holder: holder, terms: TERMS, number: 1, deadline: deadline});
    }

    // giveFor: how many

    function test_GiveFor_NoneOrTooMany() public {
        _expectCount(0, 0);
        _expectCount(65, 65);
    }

    function testFuzz_GiveFor_AnotherNumberOfSignatures(uint8 count, uint8 signatures) public {
        vm.assume(count % 66 != signatures % 66);
        _expectCount(count % 66, signatures % 66);
    }

    function testFuzz_GiveFor_EachIsGiven(uint8 count) public {
        count = uint8(_bound(count, 1, 64));
        (IMandates.Mandate[] memory list, bytes[] memory signatures) = _signedBatch(count, deadline);
        vm.recordLogs();
        vm.assertEq(mandates.giveFor(list, signatures), count, "given");
        vm.assertEq(vm.getRecordedLogs().length, count, "events");
        vm.assertEq(mandates.changes(), count, "changes");
        for (uint256 i = 0; i < count; ++i) _assertState(list[i].holder, list[i].terms, 1, block.timestamp, 0);
    }

    /// @dev Those that stand are passed over, whatever is beside them; their signatures do not matter.
    function testFuzz_GiveFor_SomeStand(uint64 standing) public {
        (IMandates.Mandate[] memory list, bytes[] memory signatures) = _signedBatch(64, deadline);
        uint256 left = 64;
        for (uint256 i = 0; i < 64; ++i) {
            if ((standing >> i) & 1 == 0) continue;
            _give(list[i].holder, list[i].terms, 1);
            signatures[i] = "";
            --left;
        }
        vm.recordLogs();
        vm.assertEq(mandates.giveFor(list, signatures), left, "given");
        vm.assertEq(vm.getRecordedLogs().length, left, "events");
        vm.assertEq(mandates.changes(), 64, "changes");
    }

    function test_GiveFor_TwiceInOneBatch() public {
        (IMandates.Mandate[] memory list, bytes[] memory signatures) = _signedBatch(2, deadline);
        (list[1], signatures[1]) = (list[0], signatures[0]);
        vm.assertEq(mandates.giveFor(list, signatures), 1, "given");
        vm.assertEq(mandates.changes(), 1, "changes");
    }

    /// @dev All or nothing: one bad signature undoes those before it.
    function testFuzz_GiveFor_OneIsInvalid(uint8 which) public {
        (IMandates.Mandate[] memory list, bytes[] memory signatures) = _signedBatch(8, deadline);
        uint256 bad = which % 8;
        signatures[bad] = _sign(KEY, _digest(_mandateHash(list[bad])));
        vm.expectRevert(_invalid(list[bad].holder, _mandateHash(list[bad])));
        mandates.giveFor(list, signatures);
        for (uint256 i = 0; i < 8; ++i) _assertState(list[i].holder, 0, 0, 0, 0);
        vm.assertEq(mandates.changes(), 0, "changes");
    }

    // giveFor: whose signature

    function test_GiveFor_OtherContract() public {
        Mandates other = new Mandates(address(manager));
        bytes32 digest = _digest(_mandateHash(mandate), block.chainid, address(other));
        _expectInvalid(mandate, _sign(KEY, digest));
    }

    function testFuzz_GiveFor_OtherChain(uint64 chainId) public {
        vm.assume(chainId != block.chainid);
        _expectInvalid(mandate, _sign(KEY, _digest(_mandateHash(mandate), chainId, address(mandates))));
    }

    function test_GiveFor_AfterTheChainChangedItsId() public {
        bytes memory signature = _signature();
        vm.chainId(block.chainid + 1);
        _expectInvalid(mandate, signature);
    }

    function testFuzz_GiveFor_OtherKey(uint256 key) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        vm.assume(key != KEY);
        _expectInvalid(mandate, _sign(key, _digest(_mandateHash(mandate))));
    }

    function testFuzz_GiveFor_OtherContents(bytes32 terms, uint32 number, uint256 until, address other) public {
        until = _bound(until, block.timestamp, type(uint256).max);
        vm.assume(terms != TERMS && number != 1 && until != deadline && other != holder && other.code.length == 0);
        bytes memory signature = _signature();
        _expectInvalid(IMandates.Mandate(holder, terms, 1, deadline), signature);
        _expectInvalid(IMandates.Mandate(holder, TERMS, number, deadline), signature);
        _expectInvalid(IMandates.Mandate(holder, TERMS, 1, until), signature);
        _expectInvalid(IMandates.Mandate(other, TERMS, 1, deadline), signature);
    }

    /// @dev One kind of intent is not the other, though both name a holder, a number and a deadline.
    function test_GiveFor_SignedRevocation() public {
        _expectInvalid(mandate, _sign(KEY, _digest(_revocationHash(holder, 1, deadline))));
    }

    function test_GiveFor_HighS() public {
        _expectInvalid(mandate, _signHigh(KEY, _digest(_mandateHash(mandate))));
    }

    function testFuzz_GiveFor_WrongLength(uint8 length) public {
        vm.assume(length != 65);
        _expectInvalid(mandate, _resized(_signature(), length));
    }

    function test_GiveFor_CompactOrLongSignature() public {
        bytes32 digest = _digest(_mandateHash(mandate));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, digest);
        _expectInvalid(mandate, abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255)))); // ERC-2098
        _expectInvalid(mandate, abi.encodePacked(r, s, v, uint8(0)));
        _expectInvalid(mandate, abi.encodePacked(r, s, v - 27));
    }

    function test_GiveFor_ZeroAddressAsHolder() public {
        // An invalid signature recovers to zero; zero must not be a holder that signed.
        _expectInvalid(IMandates.Mandate(address(0), TERMS, 1, deadline), new bytes(65));
    }

    function testFuzz_GiveFor_Expired(uint32 late) public {
        bytes memory signature = _signature();
        vm.warp(deadline + 1 + late);
        _expectGiveFor(_expired(holder, deadline), mandate, signature);
    }

    function test_GiveFor_ContractWallet() public {
        mandate.holder = address(new ContractWallet(holder));
        bytes32 digest = _digest(_mandateHash(mandate));
        _expectInvalid(mandate, _sign(KEY + 1, digest));
        vm.assertEq(_giveFor(mandate, _sign(KEY, digest)), 1, "given");
        _assertState(mandate.holder, TERMS, 1, block.timestamp, 0);
        vm.assertFalse(mandates.isActive(holder), "the wallet's, not its owner's");
    }

    // giveFor: what {give} refuses too

    function test_GiveFor_WhatGiveRefuses() public {
        mandate.terms = 0;
        _expectGiveFor(_missingTerms(holder), mandate, _signature());
        (mandate.terms, mandate.number) = (TERMS, 0);
        _expectGiveFor(_unexpected(holder, 1, 0), mandate, _signature());
        mandate.number = type(uint32).max;
        _expectGiveFor(_unexpected(holder, 1, type(uint32).max), mandate, _signature());
        _give(holder, TERMS, 1);
        mandate.number = 2;
        _expectGiveFor(_active(holder, 1), mandate, _signature());
    }

    function test_GiveFor_WhilePaused() public {
        bytes memory signature = _signature();
        _pause();
        _expectGiveFor(_paused(), mandate, signature);
    }

    // giveFor: once

    /// @dev Replaying a standing mandate, in any form of the signature and at any time, changes nothing.
    function testFuzz_GiveFor_AgainIsNoOp(bytes calldata other, uint32 later) public {
        bytes memory signature = _signature();
        uint256 givenAt = block.timestamp;
        _giveFor(mandate, signature);
        vm.warp(givenAt + later);
        vm.recordLogs();
        vm.assertEq(_giveFor(mandate, signature), 0, "the same again");
        vm.assertEq(_giveFor(mandate, other), 0, "in another form");
        vm.assertFalse(_give(holder, TERMS, 1), "by the holder");
        _assertSilent();
        vm.assertEq(mandates.changes(), 1, "changes");
        _assertState(holder, TERMS, 1, givenAt, 0);
    }

    /// @dev A signed mandate has one life: once revoked it does not come back, even before its deadline.
    function test_GiveFor_AfterItsRevocation() public {
        bytes memory signature = _signature();
        _giveFor(mandate, signature);
        _revoke(holder, 1);
        _expectGiveFor(_unexpected(holder, 2, 1), mandate, signature);
        _give(holder, "other terms", 2);
        _expectGiveFor(_active(holder, 2), mandate, signature);
        _revoke(holder, 2);
        _expectGiveFor(_unexpected(holder, 3, 1), mandate, signature);
    }

    function testFuzz_GiveFor_AnyoneRelays(address relayer, uint32 early) public {
        bytes memory signature = _signature();
        vm.warp(deadline - (early % 1 hours)); // the last second included
        vm.expectEmit(address(mandates));
        emit IMandates.MandateGiven(holder, 1, TERMS, _mandateHash(mandate));
        vm.prank(relayer);
        vm.assertEq(_giveFor(mandate, signature), 1, "given");
        _assertState(holder, TERMS, 1, block.timestamp, 0);
    }

    // revokeFor

    function testFuzz_RevokeFor_NotTheLatest(uint32 number) public {
        _expectRevokeFor(_unexpected(holder, 0, number), number, deadline, _signedRevocation(number));
        _expectRevokeFor(_unexpected(holder, 0, 0), 0, deadline, _signedRevocation(0));
        _give(holder, TERMS, 1);
        vm.assume(number != 1);
        _expectRevokeFor(_unexpected(holder, 1, number), number, deadline, _signedRevocation(number));
    }

    function testFuzz_RevokeFor_OtherSignatures(uint256 key, uint64 chainId, uint8 length, uint64 until) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        until = uint64(_bound(until, block.timestamp, type(uint64).max));
        vm.assume(key != KEY && chainId != block.chainid && length != 65 && until != deadline);
        _give(holder, TERMS, 1);
        bytes32 structHash = _revocationHash(holder, 1, deadline);
        bytes memory invalid = _invalid(holder, structHash);
        _expectRevokeFor(invalid, 1, deadline, _sign(key, _digest(structHash)));
        _expectRevokeFor(invalid, 1, deadline, _sign(KEY, _digest(structHash, chainId, address(mandates))));
        _expectRevokeFor(invalid, 1, deadline, _sign(KEY, _digest(structHash, block.chainid, address(points))));
        _expectRevokeFor(invalid, 1, deadline, _signHigh(KEY, _digest(structHash)));
        _expectRevokeFor(invalid, 1, deadline, _resized(_signedRevocation(1), length));
        _expectRevokeFor(invalid, 1, deadline, _resized(_signedRevocation(1), 64));
        _expectRevokeFor(invalid, 1, deadline, _resized(_signedRevocation(1), 66));
        _expectRevokeFor(invalid, 1, deadline, _signedRevocation(2));
        _expectRevokeFor(invalid, 1, deadline, _signature()); // a mandate
        _expectRevokeFor(_invalid(holder, _revocationHash(holder, 1, until)), 1, until, _signedRevocation(1));
    }

    function test_RevokeFor_ForAnotherHolder() public {
        _give(ALICE, TERMS, 1);
        bytes memory signature = _signedRevocation(1);
        vm.expectRevert(_invalid(ALICE, _revocationHash(ALICE, 1, deadline)));
        mandates.revokeFor(ALICE, 1, deadline, signature);
    }

    function testFuzz_RevokeFor_Expired(uint32 late) public {
        _give(holder, TERMS, 1);
        vm.warp(deadline + 1 + late);
        _expectRevokeFor(_expired(holder, deadline), 1, deadline, _signedRevocation(1));
    }

    function test_RevokeFor_ContractWallet() public {
        address wallet = address(new ContractWallet(holder));
        _give(wallet, TERMS, 1);
        bytes32 structHash = _revocationHash(wallet, 1, deadline);
        vm.expectRevert(_invalid(wallet, structHash));
        mandates.revokeFor(wallet, 1, deadline, _sign(KEY + 1, _digest(structHash)));
        vm.assertTrue(mandates.revokeFor(wallet, 1, deadline, _sign(KEY, _digest(structHash))), "revoked");
        vm.assertFalse(mandates.isActive(wallet), "active");
    }

    /// @dev Neither deadline nor signature matter once it is revoked.
    function testFuzz_RevokeFor_AgainIsNoOp(bytes calldata other, uint32 later) public {
        uint256 revokedAt = block.timestamp;
        _give(holder, TERMS, 1);
        mandates.revokeFor(holder, 1, deadline, _signedRevocation(1));
        vm.warp(revokedAt + later);
        vm.recordLogs();
        vm.assertFalse(mandates.revokeFor(holder, 1, deadline, _signedRevocation(1)), "the same again");
        vm.assertFalse(mandates.revokeFor(holder, 1, 0, other), "in another form");
        vm.assertFalse(_revoke(holder, 1), "by the holder");
        _assertSilent();
        vm.assertEq(mandates.changes(), 2, "changes");
        _assertState(holder, TERMS, 1, revokedAt, revokedAt);
    }

    /// @dev An old revocation does not touch the mandate that came after it.
    function test_RevokeFor_OldRevocation() public {
        _give(holder, TERMS, 1);
        mandates.revokeFor(holder, 1, deadline, _signedRevocation(1));
        _give(holder, TERMS, 2);
        _expectRevokeFor(_unexpected(holder, 2, 1), 1, deadline, _signedRevocation(1));
        vm.assertTrue(mandates.isActive(holder), "active");
    }

    function testFuzz_RevokeFor_AnyoneRelays(address relayer, uint32 early, bool paused) public {
        uint256 givenAt = block.timestamp;
        _give(holder, TERMS, 1);
        if (paused) _pause();
        vm.warp(deadline - (early % 1 hours)); // the last second included
        bytes memory signature = _signedRevocation(1);
        vm.expectEmit(address(mandates));
        emit IMandates.MandateRevoked(holder, 1);
        vm.prank(relayer);
        vm.assertTrue(mandates.revokeFor(holder, 1, deadline, signature), "revoked");
        vm.assertEq(mandates.changes(), 2, "changes");
        _assertState(holder, TERMS, 1, givenAt, block.timestamp);
    }

    // Small things

    function _signature() private view returns (bytes memory) {
        return _sign(KEY, _digest(_mandateHash(mandate)));
    }

    function _signedRevocation(uint32 number) private view returns (bytes memory) {
        return _sign(KEY, _digest(_revocationHash(holder, number, deadline)));
    }

    function _giveFor(IMandates.Mandate memory one, bytes memory signature) private returns (uint256) {
        (IMandates.Mandate[] memory list, bytes[] memory signatures) = (new IMandates.Mandate[](1), new bytes[](1));
        (list[0], signatures[0]) = (one, signature);
        return mandates.giveFor(list, signatures);
    }

    function _expectCount(uint256 count, uint256 signatures) private {
        vm.expectRevert(abi.encodeWithSelector(IMandates.MandatesCount.selector, count, signatures, 64));
        mandates.giveFor(new IMandates.Mandate[](count), new bytes[](signatures));
    }

    function _expectGiveFor(bytes memory reason, IMandates.Mandate memory one, bytes memory signature) private {
        vm.expectRevert(reason);
        _giveFor(one, signature);
    }

    function _expectInvalid(IMandates.Mandate memory one, bytes memory signature) private {
        _expectGiveFor(_invalid(one.holder, _mandateHash(one)), one, signature);
    }

    function _expectRevokeFor(
        bytes memory reason,
        uint32 number,
        uint256 until,
        bytes memory signature
    ) private {
        vm.expectRevert(reason);
        mandates.revokeFor(holder, number, until, signature);
    }
}
