// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IIntents} from "../../contracts/interfaces/IIntents.sol";
import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {MerkleLog} from "../../contracts/MerkleLog.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

contract DistributorClaimForTest is ProceedsFixture {
    uint256 private constant KEY = 0xC0FFEE;
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint128 private constant FUNDED = 10_000;
    uint128 private constant FEN = 1_000;

    bytes32[] private NO_PROOF;
    address private account;
    uint256 private deadline;

    function setUp() public override {
        super.setUp();
        _earn(FUNDED);
        account = vm.addr(KEY);
        _activeRunFor(1, account, FEN);
        deadline = block.timestamp + 1 hours;
    }

    function testFuzz_ClaimFor_OtherChainOrContract(uint64 chainId, address target) public {
        vm.assume(chainId != block.chainid && target != address(distributor));
        _expectInvalid(_signDigest(KEY, _digest(chainId, address(distributor), account, FEN)));
        _expectInvalid(_signDigest(KEY, _digest(block.chainid, target, account, FEN)));
    }

    function testFuzz_ClaimFor_OtherKey(uint256 key) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        vm.assume(key != KEY);
        _expectInvalid(_signDigest(key, _digest(block.chainid, address(distributor), account, FEN)));
    }

    function testFuzz_ClaimFor_OtherAmountOrDeadline(uint128 fen, uint32 later) public {
        vm.assume(fen != FEN);
        _expectInvalid(_signDigest(KEY, _digest(block.chainid, address(distributor), account, fen)));
        bytes memory signature = _signature();
        deadline += 1 + uint256(later);
        _expectInvalid(signature);
    }

    function testFuzz_ClaimFor_Expired(uint32 late) public {
        bytes memory signature = _signature();
        vm.warp(deadline + 1 + late);
        vm.expectRevert(abi.encodeWithSelector(IIntents.IntentsExpired.selector, account, deadline));
        _claimFor(signature);
    }

    /// @dev An invalid signature recovers to zero; zero must not be an account that signed.
    function test_ClaimFor_ZeroAddress() public {
        _activeRunFor(2, address(0), 2 * FEN);
        bytes memory invalid = _invalid(address(0), 2 * FEN);
        vm.expectRevert(invalid);
        distributor.claimFor(address(0), 2 * FEN, 0, NO_PROOF, deadline, new bytes(65));
    }

    function test_ClaimFor_WhilePaused() public {
        bytes memory signature = _signature();
        _pause(address(distributor));
        vm.expectRevert(_paused());
        _claimFor(signature);
    }

    function testFuzz_ClaimFor_AnyoneRelays(address relayer, uint32 early) public {
        vm.assume(relayer != address(0));
        vm.warp(deadline - (early % 1 hours)); // the last second included
        bytes memory signature = _signature();
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.ProceedsClaimed(account, FEN, FEN);
        vm.prank(relayer);
        vm.assertEq(_claimFor(signature), FEN, "claimed");
        vm.assertEq(cash.balanceOf(account), FEN, "balance");
    }

    /// @dev Replaying a claim, in any form of the signature and at any time, changes nothing.
    function testFuzz_ClaimFor_AgainIsNoOp(bytes calldata other, uint32 later) public {
        bytes memory signature = _signature();
        _claimFor(signature);
        vm.warp(block.timestamp + later);
        vm.recordLogs();
        vm.assertEq(_claimFor(signature), 0, "the same again");
        vm.assertEq(_claimFor(other), 0, "in another form");
        vm.assertEq(_claim(account, FEN, 0, NO_PROOF), 0, "by the account");
        _assertSilent();
        vm.assertEq(cash.balanceOf(account), FEN, "balance");
    }

    /// @dev A signature is for one cumulative amount: it does not claim what later runs add.
    function test_ClaimFor_ReplayedUnderTheNextRun() public {
        bytes memory signature = _signature();
        _claimFor(signature);
        bytes32 root = _share(account, 2 * FEN);
        _activeRunFor(2, account, 2 * FEN);
        bytes4 selector = MerkleLog.MerkleLogRootMismatch.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, root, _share(account, FEN)));
        _claimFor(signature);

        bytes memory invalid = _invalid(account, 2 * FEN);
        vm.expectRevert(invalid);
        distributor.claimFor(account, 2 * FEN, 0, NO_PROOF, deadline, signature);
        vm.assertEq(cash.balanceOf(account), FEN, "balance");
    }

    /// @dev What was signed before a run pays whatever of that amount is left then.
    function test_ClaimFor_AfterAnEarlierClaim() public {
        _claimFor(_signature());
        _activeRunFor(2, account, 3 * FEN);
        bytes memory signature = _signDigest(KEY, _digest(block.chainid, address(distributor), account, 3 * FEN));
        uint256 fen = distributor.claimFor(account, 3 * FEN, 0, NO_PROOF, deadline, signature);
        vm.assertEq(fen, 2 * FEN, "claimed");
        vm.assertEq(cash.balanceOf(account), 3 * FEN, "balance");
    }

    function test_ClaimFor_ContractWallet() public {
        address wallet = address(new ContractWallet(account));
        _activeRunFor(2, wallet, 2 * FEN);
        bytes32 digest = _digest(block.chainid, address(distributor), wallet, 2 * FEN);
        bytes memory stranger = _signDigest(KEY + 1, digest);
        bytes memory invalid = _invalid(wallet, 2 * FEN);
        vm.expectRevert(invalid);
        distributor.claimFor(wallet, 2 * FEN, 0, NO_PROOF, deadline, stranger);

        bytes memory signature = _signDigest(KEY, digest);
        uint256 fen = distributor.claimFor(wallet, 2 * FEN, 0, NO_PROOF, deadline, signature);
        vm.assertEq(fen, 2 * FEN, "claimed");
        vm.assertEq(cash.balanceOf(wallet), 2 * FEN, "balance");
    }

    function test_ProceedsClaimTypehash_IsTheDocumentedOne() public view {
        vm.assertEq(
            distributor.PROCEEDS_CLAIM_TYPEHASH(),
            keccak256("ProceedsClaim(address account,uint128 cumulativeFen,uint256 deadline)"),
            "type hash"
        );
    }

    // Helpers

    function _claimFor(bytes memory signature) private returns (uint256) {
        return distributor.claimFor(account, FEN, 0, NO_PROOF, deadline, signature);
    }

    function _signature() private view returns (bytes memory) {
        return _signDigest(KEY, _digest(block.chainid, address(distributor), account, FEN));
    }

    function _message(address signer, uint128 fen) private view returns (bytes32) {
        bytes32 typehash = keccak256("ProceedsClaim(address account,uint128 cumulativeFen,uint256 deadline)");
        return keccak256(abi.encode(typehash, signer, fen, deadline));
    }

    function _digest(
        uint256 chainId,
        address target,
        address signer,
        uint128 fen
    ) private view returns (bytes32) {
        return _typedDigest("PuhuiProceedsDistributor", chainId, target, _message(signer, fen));
    }

    function _invalid(address signer, uint128 fen) private view returns (bytes memory) {
        return abi.encodeWithSelector(IIntents.IntentsInvalidSignature.selector, signer, _message(signer, fen));
    }

    function _expectInvalid(bytes memory signature) private {
        bytes memory invalid = _invalid(account, FEN);
        vm.expectRevert(invalid);
        _claimFor(signature);
    }
}
