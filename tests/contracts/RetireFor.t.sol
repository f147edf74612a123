// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IIntents} from "../../contracts/interfaces/IIntents.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {RetirementCertificates} from "../../contracts/RetirementCertificates.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {RetireFixture} from "./RetireFixture.sol";

/// @dev Retirements that the holder signed and somebody else relays.
contract RetireForTest is RetireFixture {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint64 private constant AMOUNT = 60;

    uint256 private deadline;

    function setUp() public override {
        super.setUp();
        deadline = block.timestamp + 1 hours;
    }

    function test_RetireFor_OtherContract() public {
        RetirementCertificates other = new RetirementCertificates(address(manager), reductions, participants);
        _expectInvalid(_sign(KEY, _digest(_request(AMOUNT), block.chainid, address(other))));
    }

    function testFuzz_RetireFor_OtherChain(uint64 chainId) public {
        vm.assume(chainId != block.chainid);
        _expectInvalid(_sign(KEY, _digest(_request(AMOUNT), chainId, address(certificates))));
    }

    /// @dev The domain follows the chain: a fork with another id does not accept what was signed before it.
    function test_RetireFor_AfterTheChainChangedItsId() public {
        bytes memory signature = _signature(_request(AMOUNT));
        vm.chainId(block.chainid + 1);
        _expectInvalid(signature);
    }

    function testFuzz_RetireFor_OtherKey(uint256 key) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        vm.assume(key != KEY);
        _expectInvalid(_sign(key, _digest(_request(AMOUNT), block.chainid, address(certificates))));
    }

    /// @dev Every field is signed.
    function test_RetireFor_OtherContent() public {
        IRetirementCertificates.Request memory request = _request(AMOUNT);
        request.holder = SELLER;
        _expectInvalidFor(request);
        request = _request(AMOUNT);
        request.issuance = 2;
        _expectInvalidFor(request);
        _expectInvalidFor(_request(AMOUNT + 1));
        request = _request(AMOUNT);
        request.purpose = IRetirementCertificates.Purpose.VOLUNTARY;
        _expectInvalidFor(request);
        request = _request(AMOUNT);
        request.year = YEAR + 1;
        _expectInvalidFor(request);
        request = _request(AMOUNT);
        request.beneficiary = "somebody";
        _expectInvalidFor(request);
        request = _request(AMOUNT);
        request.ref = "retirement 2";
        _expectInvalidFor(request);

        bytes memory signature = _signature(_request(AMOUNT));
        ++deadline;
        _expectInvalid(signature);
    }

    function test_RetireFor_HighS() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            KEY,
            _digest(_request(AMOUNT), block.chainid, address(certificates))
        );
        _expectInvalid(abi.encodePacked(r, bytes32(CURVE_ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27)));
    }

    function test_RetireFor_RecoveryIdOfZeroOrOne() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            KEY,
            _digest(_request(AMOUNT), block.chainid, address(certificates))
        );
        _expectInvalid(abi.encodePacked(r, s, v - 27));
    }

    function test_RetireFor_64And66Bytes() public {
        bytes memory signature = _signature(_request(AMOUNT));
        bytes memory short = new bytes(64);
        bytes memory long = new bytes(66);
        for (uint256 i = 0; i < 65; ++i) {
            if (i < 64) short[i] = signature[i];
            long[i] = signature[i];
        }
        _expectInvalid(short);
        _expectInvalid(long);
        _expectInvalid("");
    }

    /// @dev r and vs of ERC-2098 say the same in 64 bytes. They are not accepted.
    function test_RetireFor_CompactForm() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            KEY,
            _digest(_request(AMOUNT), block.chainid, address(certificates))
        );
        _expectInvalid(abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255))));
    }

    function test_RetireFor_ZeroAddressAsHolder() public {
        // An invalid signature recovers to zero; zero must not be a holder that signed.
        IRetirementCertificates.Request memory request = _request(AMOUNT);
        request.holder = address(0);
        vm.expectRevert(_invalid(request));
        certificates.retireFor(request, deadline, new bytes(65));
    }

    function testFuzz_RetireFor_Expired(uint32 late) public {
        bytes memory signature = _signature(_request(AMOUNT));
        vm.warp(deadline + 1 + late);
        vm.expectRevert(abi.encodeWithSelector(IIntents.IntentsExpired.selector, holder, deadline));
        certificates.retireFor(_request(AMOUNT), deadline, signature);
    }

    function test_RetireFor_UsedReference() public {
        _retireFor(_signature(_request(AMOUNT)));
        IRetirementCertificates.Request memory other = _request(AMOUNT + 1);
        bytes memory signature = _signature(other);
        vm.expectRevert(_referenceUsed());
        certificates.retireFor(other, deadline, signature);
    }

    function test_RetireFor_WhilePaused() public {
        bytes memory signature = _signature(_request(AMOUNT));
        _pause(address(certificates));
        vm.expectRevert(_paused());
        certificates.retireFor(_request(AMOUNT), deadline, signature);
    }

    /// @dev Replaying a retirement, in any form of the signature and at any time, changes nothing.
    function testFuzz_RetireFor_AgainIsNoOp(bytes calldata other, uint32 later) public {
        _retireFor(_signature(_request(AMOUNT)));
        vm.warp(block.timestamp + later);
        vm.recordLogs();
        vm.assertFalse(_retireFor(_signature(_request(AMOUNT))), "the same again");
        vm.assertFalse(_retireFor(other), "in another form");
        vm.assertFalse(_retire(_request(AMOUNT)), "by the holder");
        _assertSilent();
        vm.assertEq(reductions.balanceOf(holder, ISSUANCE), 240, "balance");
        vm.assertEq(certificates.certificateCount(), 1, "one certificate");
    }

    function testFuzz_RetireFor_AnyoneRelays(address relayer, uint32 early) public {
        vm.warp(deadline - (early % 1 hours)); // the last second included
        bytes memory signature = _signature(_request(AMOUNT));
        vm.expectEmit(address(certificates));
        emit IRetirementCertificates.Retired(
            1,
            holder,
            ISSUANCE,
            AMOUNT,
            IRetirementCertificates.Purpose.COMPLIANCE,
            YEAR,
            ENTITY,
            ENTITY,
            REF
        );
        vm.prank(relayer);
        vm.assertTrue(_retireFor(signature), "retired");
        vm.assertEq(certificates.ownerOf(1), holder, "the holder's");
    }

    function test_RetireFor_ContractWallet() public {
        address wallet = address(new ContractWallet(holder));
        _admit(wallet, ENTITY, IParticipants.Kind.COMPLIANCE);
        _list(holder, ISSUANCE, AMOUNT);
        _settle(holder, wallet, ISSUANCE, AMOUNT);
        IRetirementCertificates.Request memory request = _request(AMOUNT);
        request.holder = wallet;

        bytes32 digest = _digest(request, block.chainid, address(certificates));
        vm.expectRevert(_invalid(request));
        certificates.retireFor(request, deadline, _sign(KEY + 1, digest));
        vm.assertTrue(certificates.retireFor(request, deadline, _sign(KEY, digest)), "retired");
        vm.assertEq(certificates.ownerOf(1), wallet, "the wallet's");
    }

    function test_Eip712Domain_IsTheDocumentedOne() public view {
        (, string memory name, string memory version, uint256 chainId, address verifying, , ) = certificates
            .eip712Domain();
        vm.assertEq(keccak256(bytes(name)), keccak256("PuhuiRetirementCertificates"), "name");
        vm.assertEq(keccak256(bytes(version)), keccak256("1"), "version");
        vm.assertEq(chainId, block.chainid, "chain");
        vm.assertEq(verifying, address(certificates), "contract");
        vm.assertEq(certificates.RETIREMENT_TYPEHASH(), _typehash(), "type");
    }

    // Parts

    function _retireFor(bytes memory signature) private returns (bool) {
        return certificates.retireFor(_request(AMOUNT), deadline, signature);
    }

    function _signature(IRetirementCertificates.Request memory request) private view returns (bytes memory) {
        return _sign(KEY, _digest(request, block.chainid, address(certificates)));
    }

    function _sign(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Built from the words of EIP-712 alone, not from what the contract says about itself.
    function _digest(
        IRetirementCertificates.Request memory request,
        uint256 chainId,
        address target
    ) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("PuhuiRetirementCertificates"),
                keccak256("1"),
                chainId,
                target
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, _structHash(request)));
    }

    function _structHash(IRetirementCertificates.Request memory request) private view returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    _typehash(),
                    request.holder,
                    request.issuance,
                    request.tonnes,
                    request.purpose,
                    request.year,
                    request.beneficiary,
                    request.ref,
                    deadline
                )
            );
    }

    function _typehash() private pure returns (bytes32) {
        return
            keccak256(
                "Retirement(address holder,uint32 issuance,uint64 tonnes,uint8 purpose,uint16 year,"
                "bytes32 beneficiary,bytes32 ref,uint256 deadline)"
            );
    }

    function _invalid(IRetirementCertificates.Request memory request) private view returns (bytes memory) {
        bytes4 selector = IIntents.IntentsInvalidSignature.selector;
        return abi.encodeWithSelector(selector, request.holder, _structHash(request));
    }

    function _expectInvalid(bytes memory signature) private {
        vm.expectRevert(_invalid(_request(AMOUNT)));
        _retireFor(signature);
    }

    /// @dev `request` with the signature of another one.
    function _expectInvalidFor(IRetirementCertificates.Request memory request) private {
        bytes memory signature = _signature(_request(AMOUNT));
        vm.expectRevert(_invalid(request));
        certificates.retireFor(request, deadline, signature);
    }
}
