// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {ISettlementCash} from "../../contracts/interfaces/ISettlementCash.sol";
import {SettlementCash} from "../../contracts/SettlementCash.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev Withdrawals that their holder signed and anyone relays.
contract CashBurnForTest is TradeFixture {
    bytes32 private constant REF = "payout 1";
    uint128 private constant FEN = 1_000;

    uint256 private deadline;

    function setUp() public override {
        super.setUp();
        deadline = block.timestamp + 1 hours;
    }

    function test_BurnFor_WhilePaused() public {
        bytes memory signature = _signed(deadline);
        _pause(address(cash));
        vm.expectRevert(_paused());
        cash.burnFor(buyer, FEN, REF, deadline, signature);
    }

    function test_BurnFor_MoreThanHeldOrNothing() public {
        bytes memory signature = _signForCash(BUYER_KEY, _withdrawalHash(buyer, FUNDS + 1, REF, deadline));
        vm.expectRevert(_insufficientCash(buyer, FUNDS, FUNDS + 1));
        cash.burnFor(buyer, FUNDS + 1, REF, deadline, signature);
        signature = _signForCash(BUYER_KEY, _withdrawalHash(buyer, 0, REF, deadline));
        vm.expectRevert(abi.encodeWithSelector(ISettlementCash.SettlementCashZeroAmount.selector, REF));
        cash.burnFor(buyer, 0, REF, deadline, signature);
        signature = _signForCash(BUYER_KEY, _withdrawalHash(buyer, FEN, bytes32(0), deadline));
        vm.expectRevert(_bareError(ISettlementCash.SettlementCashMissingReference.selector));
        cash.burnFor(buyer, FEN, bytes32(0), deadline, signature);
    }

    function testFuzz_BurnFor_AnyoneRelays(address relayer, uint32 early) public {
        vm.warp(deadline - (early % 1 hours)); // the last second included
        bytes memory signature = _signed(deadline);
        vm.expectEmit(address(cash));
        emit ISettlementCash.CashBurnt(buyer, REF, FEN);
        vm.prank(relayer);
        vm.assertTrue(cash.burnFor(buyer, FEN, REF, deadline, signature), "burnt");
        _assertBurnt();
    }

    /// @dev Replaying a withdrawal, in any form of the signature and at any time, changes nothing.
    function testFuzz_BurnFor_AgainIsNoOp(bytes calldata other, uint32 later) public {
        bytes memory signature = _signed(deadline);
        cash.burnFor(buyer, FEN, REF, deadline, signature);
        vm.warp(block.timestamp + later);
        vm.recordLogs();
        vm.assertFalse(cash.burnFor(buyer, FEN, REF, deadline, signature), "the same again");
        vm.assertFalse(cash.burnFor(buyer, FEN, REF, deadline, other), "in another form");
        vm.prank(buyer);
        vm.assertFalse(cash.burn(FEN, REF), "by the holder");
        _assertSilent();
        _assertBurnt();
    }

    function test_BurnFor_UsedReference() public {
        vm.prank(buyer);
        cash.burn(FEN, REF);
        bytes memory signature = _signForCash(BUYER_KEY, _withdrawalHash(buyer, FEN + 1, REF, deadline));
        bytes4 selector = ISettlementCash.SettlementCashBurnReferenceUsed.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, buyer, REF));
        cash.burnFor(buyer, FEN + 1, REF, deadline, signature);
    }

    function testFuzz_BurnFor_Expired(uint32 late) public {
        bytes memory signature = _signed(deadline);
        vm.warp(deadline + 1 + late);
        vm.expectRevert(_expiredIntent(buyer, deadline));
        cash.burnFor(buyer, FEN, REF, deadline, signature);
    }

    function testFuzz_BurnFor_OtherKey(uint256 key) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        vm.assume(key != BUYER_KEY);
        _expectInvalid(_signForCash(key, _withdrawalHash(buyer, FEN, REF, deadline)));
    }

    function testFuzz_BurnFor_OtherTerms(uint128 fen, bytes32 ref, uint64 until) public {
        vm.assume(fen != FEN || ref != REF || until != deadline);
        _expectInvalid(_signForCash(BUYER_KEY, _withdrawalHash(buyer, fen, ref, until)));
    }

    function test_BurnFor_OtherHolder() public {
        _mint(seller, FEN);
        bytes memory signature = _signed(deadline);
        vm.expectRevert(_invalidIntent(seller, _withdrawalHash(seller, FEN, REF, deadline)));
        cash.burnFor(seller, FEN, REF, deadline, signature);
        vm.expectRevert(_invalidIntent(address(0), _withdrawalHash(address(0), FEN, REF, deadline)));
        cash.burnFor(address(0), FEN, REF, deadline, new bytes(65));
    }

    function testFuzz_BurnFor_OtherChain(uint64 chainId) public {
        vm.assume(chainId != block.chainid);
        bytes32 structHash = _withdrawalHash(buyer, FEN, REF, deadline);
        _expectInvalid(_signDigest(BUYER_KEY, _typedDigest(CASH_DOMAIN, chainId, address(cash), structHash)));
    }

    /// @dev The domain follows the chain: a fork with another id does not accept what was signed before it.
    function test_BurnFor_AfterTheChainChangedItsId() public {
        bytes memory signature = _signed(deadline);
        vm.chainId(block.chainid + 1);
        _expectInvalid(signature);
    }

    function test_BurnFor_OtherContractOrName() public {
        address other = address(new SettlementCash(address(manager), participants));
        bytes32 structHash = _withdrawalHash(buyer, FEN, REF, deadline);
        _expectInvalid(_signDigest(BUYER_KEY, _typedDigest(CASH_DOMAIN, block.chainid, other, structHash)));
        bytes32 digest = _typedDigest(SETTLEMENT_DOMAIN, block.chainid, address(cash), structHash);
        _expectInvalid(_signDigest(BUYER_KEY, digest));
    }

    function test_BurnFor_OtherFormsOfTheSignature() public {
        bytes memory signature = _signed(deadline);
        bytes[] memory forms = _otherForms(signature);
        for (uint256 i = 0; i < forms.length; ++i) _expectInvalid(forms[i]);
        vm.assertTrue(cash.burnFor(buyer, FEN, REF, deadline, signature), "its own form");
    }

    function testFuzz_BurnFor_WrongLength(uint8 length) public {
        vm.assume(length != 65);
        bytes memory signature = _signed(deadline);
        bytes memory other = new bytes(length);
        for (uint256 i = 0; i < length && i < 65; ++i) other[i] = signature[i];
        _expectInvalid(other);
    }

    function test_BurnFor_ContractWallet() public {
        address wallet = address(new ContractWallet(buyer));
        _admit(wallet, "wallet", IParticipants.Kind.VOLUNTARY);
        _mint(wallet, FEN);
        bytes32 structHash = _withdrawalHash(wallet, FEN, REF, deadline);
        bytes memory stranger = _signForCash(SELLER_KEY, structHash);
        vm.expectRevert(_invalidIntent(wallet, structHash));
        cash.burnFor(wallet, FEN, REF, deadline, stranger);
        bytes memory owner = _signForCash(BUYER_KEY, structHash);
        vm.assertTrue(cash.burnFor(wallet, FEN, REF, deadline, owner), "burnt");
        vm.assertEq(cash.balanceOf(wallet), 0, "balance");
    }

    function _signed(uint256 until) private view returns (bytes memory) {
        return _signForCash(BUYER_KEY, _withdrawalHash(buyer, FEN, REF, until));
    }

    function _expectInvalid(bytes memory signature) private {
        vm.expectRevert(_invalidIntent(buyer, _withdrawalHash(buyer, FEN, REF, deadline)));
        cash.burnFor(buyer, FEN, REF, deadline, signature);
    }

    function _assertBurnt() private view {
        vm.assertEq(cash.burnOf(buyer, REF), FEN, "recorded");
        vm.assertEq(cash.balanceOf(buyer), FUNDS - FEN, "balance");
        vm.assertEq(cash.totalSupply(), FUNDS - FEN, "supply");
    }
}
