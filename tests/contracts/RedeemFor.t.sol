// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CarbonPoints} from "../../contracts/CarbonPoints.sol";
import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {IIntents} from "../../contracts/interfaces/IIntents.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {Fixture} from "./Fixture.sol";

contract RedeemForTest is Fixture {
    uint256 private constant KEY = 0xC0FFEE;
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint128 private constant HELD = 1_000_000;
    uint128 private constant AMOUNT = 1_000;
    bytes32 private constant REF = "order 1";
    ICarbonPoints.Channel private constant CHANNEL = ICarbonPoints.Channel.WELFARE;

    address private holder;
    uint256 private deadline;

    function setUp() public override {
        super.setUp();
        holder = vm.addr(KEY);
        _fund(holder, HELD);
        deadline = block.timestamp + 1 hours;
    }

    function test_RedeemFor_OtherContract() public {
        CarbonPoints other = new CarbonPoints(address(manager), anchors, ACTIVATION_DELAY);
        _expectInvalid(_sign(KEY, _digest(block.chainid, address(other), AMOUNT, REF)));
    }

    function testFuzz_RedeemFor_OtherChain(uint64 chainId) public {
        vm.assume(chainId != block.chainid);
        _expectInvalid(_sign(KEY, _digest(chainId, address(points), AMOUNT, REF)));
    }

    /// @dev The domain follows the chain: a fork with another id does not accept what was signed before it.
    function test_RedeemFor_AfterTheChainChangedItsId() public {
        bytes memory signature = _sign(KEY, _digest(block.chainid, address(points), AMOUNT, REF));
        vm.chainId(block.chainid + 1);
        _expectInvalid(signature);
    }

    function testFuzz_RedeemFor_OtherKey(uint256 key) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        vm.assume(key != KEY);
        _expectInvalid(_sign(key, _digest(block.chainid, address(points), AMOUNT, REF)));
    }

    function testFuzz_RedeemFor_OtherTerms(uint128 mg, bytes32 ref) public {
        vm.assume(mg != AMOUNT || ref != REF);
        _expectInvalid(_sign(KEY, _digest(block.chainid, address(points), mg, ref)));
    }

    function test_RedeemFor_OtherChannelClassOrDeadline() public {
        bytes memory signature = _signature();
        ICarbonPoints.Channel other = ICarbonPoints.Channel.COMMERCE;
        vm.expectRevert(_invalid(holder, _structHash(holder, CLASS, AMOUNT, other, REF, deadline)));
        points.redeemFor(holder, CLASS, AMOUNT, other, REF, deadline, signature);
        vm.expectRevert(_invalid(holder, _structHash(holder, CLASS - 1, AMOUNT, CHANNEL, REF, deadline)));
        points.redeemFor(holder, CLASS - 1, AMOUNT, CHANNEL, REF, deadline, signature);
        vm.expectRevert(_invalid(holder, _structHash(holder, CLASS, AMOUNT, CHANNEL, REF, deadline + 1)));
        points.redeemFor(holder, CLASS, AMOUNT, CHANNEL, REF, deadline + 1, signature);
        vm.expectRevert(_invalid(ALICE));
        points.redeemFor(ALICE, CLASS, AMOUNT, CHANNEL, REF, deadline, signature);
    }

    function test_RedeemFor_HighS() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, _digest(block.chainid, address(points), AMOUNT, REF));
        _expectInvalid(abi.encodePacked(r, bytes32(CURVE_ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27)));
    }

    function test_RedeemFor_RecoveryIdOfZeroOrOne() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, _digest(block.chainid, address(points), AMOUNT, REF));
        _expectInvalid(abi.encodePacked(r, s, v - 27));
    }

    function testFuzz_RedeemFor_WrongLength(uint8 length) public {
        vm.assume(length != 65);
        bytes memory signature = _signature();
        bytes memory other = new bytes(length);
        for (uint256 i = 0; i < length && i < 65; ++i) other[i] = signature[i];
        _expectInvalid(other);
    }

    function test_RedeemFor_ZeroAddressAsHolder() public {
        // An invalid signature recovers to zero; zero must not be a holder that signed.
        vm.expectRevert(_invalid(address(0)));
        points.redeemFor(address(0), CLASS, AMOUNT, CHANNEL, REF, deadline, new bytes(65));
    }

    function testFuzz_RedeemFor_Expired(uint32 late) public {
        bytes memory signature = _signature();
        vm.warp(deadline + 1 + late);
        vm.expectRevert(abi.encodeWithSelector(IIntents.IntentsExpired.selector, holder, deadline));
        points.redeemFor(holder, CLASS, AMOUNT, CHANNEL, REF, deadline, signature);
    }

    function test_RedeemFor_UsedReference() public {
        _redeem(_signature());
        bytes memory signature = _sign(KEY, _digest(block.chainid, address(points), AMOUNT + 1, REF));
        vm.expectRevert(abi.encodeWithSelector(ICarbonPoints.CarbonPointsReferenceUsed.selector, holder, REF));
        points.redeemFor(holder, CLASS, AMOUNT + 1, CHANNEL, REF, deadline, signature);
    }

    function test_RedeemFor_WhilePaused() public {
        bytes memory signature = _signature();
        vm.prank(GUARDIAN);
        points.pause();
        vm.expectRevert(_paused());
        points.redeemFor(holder, CLASS, AMOUNT, CHANNEL, REF, deadline, signature);
    }

    /// @dev Replaying a redemption, in any form of the signature and at any time, changes nothing.
    function testFuzz_RedeemFor_AgainIsNoOp(bytes calldata other, uint32 later) public {
        _redeem(_signature());
        vm.warp(block.timestamp + later);
        vm.recordLogs();
        vm.assertFalse(_redeem(_signature()), "the same again");
        vm.assertFalse(_redeem(other), "in another form");
        vm.prank(holder);
        vm.assertFalse(points.redeem(CLASS, AMOUNT, CHANNEL, REF), "by the holder");
        _assertSilent();
        vm.assertEq(points.balanceOf(holder, CLASS), HELD - AMOUNT, "balance");
    }

    function testFuzz_RedeemFor_AnyoneRelays(address relayer, uint32 early) public {
        vm.warp(deadline - (early % 1 hours)); // the last second included
        bytes memory signature = _signature();
        vm.expectEmit(address(points));
        emit ICarbonPoints.PointsRedeemed(holder, CLASS, CHANNEL, AMOUNT, REF);
        vm.prank(relayer);
        vm.assertTrue(_redeem(signature), "redeemed");
        vm.assertEq(points.balanceOf(holder, CLASS), HELD - AMOUNT, "balance");
    }

    function test_RedeemFor_ContractWallet() public {
        address wallet = address(new ContractWallet(holder));
        _publish(2, _list(_leaf(wallet, CLASS, AMOUNT, 0)), _attestedBatch(AMOUNT));
        _activate(2);
        points.claim(wallet, CLASS, AMOUNT, 0, 0, new bytes32[](0));
        deadline = block.timestamp;

        bytes32 digest = _digestFor(wallet, block.chainid, address(points), AMOUNT, REF);
        bytes memory stranger = _sign(KEY + 1, digest);
        vm.expectRevert(_invalid(wallet));
        points.redeemFor(wallet, CLASS, AMOUNT, CHANNEL, REF, deadline, stranger);
        vm.assertTrue(
            points.redeemFor(wallet, CLASS, AMOUNT, CHANNEL, REF, deadline, _sign(KEY, digest)),
            "redeemed"
        );
    }

    function test_Eip712Domain_IsTheDocumentedOne() public view {
        (, string memory name, string memory version, uint256 chainId, address verifying, , ) = points.eip712Domain();
        vm.assertEq(keccak256(bytes(name)), keccak256("PuhuiCarbonPoints"), "name");
        vm.assertEq(keccak256(bytes(version)), keccak256("1"), "version");
        vm.assertEq(chainId, block.chainid, "chain");
        vm.assertEq(verifying, address(points), "contract");
    }

    function _redeem(bytes memory signature) private returns (bool) {
        return points.redeemFor(holder, CLASS, AMOUNT, CHANNEL, REF, deadline, signature);
    }

    function _signature() private view returns (bytes memory) {
        return _sign(KEY, _digest(block.chainid, address(points), AMOUNT, REF));
    }

    function _sign(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _digest(uint256 chainId, address target, uint128 mg, bytes32 ref) private view returns (bytes32) {
        return _digestFor(holder, chainId, target, mg, ref);
    }

    /// @dev Built from the words of EIP-712 alone, not from what the contract says about itself.
    function _digestFor(
        address signer,
        uint256 chainId,
        address target,
        uint128 mg,
        bytes32 ref
    ) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("PuhuiCarbonPoints"),
                keccak256("1"),
                chainId,
                target
            )
        );
        bytes32 message = _structHash(signer, CLASS, mg, CHANNEL, ref, deadline);
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }

    function _structHash(
        address signer,
        uint64 classId,
        uint128 mg,
        ICarbonPoints.Channel channel,
        bytes32 ref,
        uint256 until
    ) private pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256(
                        "Redemption(address holder,uint64 classId,uint128 mg,uint8 channel,bytes32 ref,uint256 deadline)"
                    ),
                    signer,
                    classId,
                    mg,
                    channel,
                    ref,
                    until
                )
            );
    }

    function _invalid(address signer, bytes32 structHash) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IIntents.IntentsInvalidSignature.selector, signer, structHash);
    }

    function _invalid(address signer) private view returns (bytes memory) {
        return _invalid(signer, _structHash(signer, CLASS, AMOUNT, CHANNEL, REF, deadline));
    }

    function _expectInvalid(bytes memory signature) private {
        vm.expectRevert(_invalid(holder));
        _redeem(signature);
    }
}
