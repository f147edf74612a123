// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

/// @dev The most each transaction may cost, its intrinsic gas included. The tests run isolated: every call is a
/// transaction of its own that begins with cold storage.
contract GasProceedsTest is ProceedsFixture {
    uint256 private constant KEY = 0xC0FFEE;
    uint256 private constant DEPTH = 20; // of a tree of a million leaves
    uint64 private constant SIZE = 1 << 20;

    function test_Gas_RulesAndOffers() public {
        _addRule(_rule(_now() + RULE_NOTICE, 1_000, 1, OPERATOR));
        _assertGas(97_000, "addRule");
        _offer("offer 1", 100, 5_000);
        _assertGas(345_000, "first offer");
        _offer("offer 2", 100, 5_000);
        _assertGas(255_000, "next offer");
        vm.prank(PLATFORM);
        treasury.withdrawOffer("offer 1");
        _assertGas(215_000, "withdrawOffer");
    }

    function test_Gas_Collect() public {
        _addRule(_rule(_now() + RULE_NOTICE, 1_000, 1, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE);
        bytes32 tradeId = _trade(10, 5_000);
        treasury.collect(tradeId);
        _assertGas(222_000, "first collect");
        tradeId = _trade(10, 5_000);
        treasury.collect(tradeId);
        _assertGas(152_000, "next collect");
    }

    function test_Gas_Run() public {
        _earn(3);
        _publishRun(1, "root", SIZE, 1);
        _assertGas(185_000, "first run");
        _attestRun(1);
        _assertGas(65_000, "attestRun");
        _publishRun(2, "root", SIZE, 2);
        _assertGas(168_000, "next run");
        vm.prank(GUARDIAN);
        distributor.cancelRun(2, "mistake");
        _assertGas(76_000, "cancelRun");
    }

    function test_Gas_ClaimAtDepth20() public {
        _earn(10_000);
        address account = vm.addr(KEY);
        bytes32[] memory proof = _siblings(0);
        _runOver(1, _share(account, 1_000), proof, 1_000);
        _claim(account, 1_000, 0, proof);
        _assertGas(139_000, "first claim");
        _runOver(2, _share(account, 2_000), proof, 2_000);
        _claim(account, 2_000, 0, proof);
        _assertGas(103_000, "next claim");

        _runOver(3, _share(account, 3_000), proof, 3_000);
        bytes memory signature = _sign(account, 3_000);
        distributor.claimFor(account, 3_000, 0, proof, type(uint64).max, signature);
        _assertGas(113_000, "signed claim");
    }

    function test_Gas_PayAtDepth20() public {
        _earn(10_000);
        bytes32[] memory proof = _siblings(0);
        _runOver(1, _share(ALICE, 1_000), proof, 1_000);
        IProceedsDistributor.Payment[] memory payments = new IProceedsDistributor.Payment[](1);
        payments[0] = _payment(ALICE, 1_000, 0, "tx 1", proof);
        _pay("batch 1", payments);
        _assertGas(220_000, "one payment");
    }

    /// @dev A full batch fits a block of 30 million gas four times over.
    function test_Gas_Pay64() public {
        _earn(64_000);
        bytes32[] memory leaves = new bytes32[](64);
        for (uint256 i = 0; i < 64; ++i) leaves[i] = _share(_account(i), 1_000);
        bytes32[] memory upper = _siblings(6);
        _runOver(1, MerkleTree.root(leaves), upper, 64_000);

        IProceedsDistributor.Payment[] memory payments = new IProceedsDistributor.Payment[](64);
        for (uint256 i = 0; i < 64; ++i) {
            bytes32[] memory proof = _joined(MerkleTree.proof(leaves, i), upper);
            payments[i] = _payment(_account(i), 1_000, uint64(i), keccak256(abi.encode(i)), proof);
        }
        _pay("batch 1", payments);
        _assertGas(6_500_000, "64 payments");
        vm.assertEq(distributor.paidFen(), 64_000, "paid");
    }

    // Helpers

    /// @dev The siblings of the leftmost path of a tree of `SIZE`, from `level` upwards.
    function _siblings(uint256 level) private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](DEPTH - level);
        for (uint256 i = 0; i < proof.length; ++i) proof[i] = sha256(abi.encode(level + i));
    }

    function _joined(bytes32[] memory lower, bytes32[] memory upper) private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](lower.length + upper.length);
        for (uint256 i = 0; i < lower.length; ++i) proof[i] = lower[i];
        for (uint256 i = 0; i < upper.length; ++i) proof[lower.length + i] = upper[i];
    }

    /// @dev Makes a run active in which `proof` leads from `node` at the left edge to the root.
    function _runOver(uint32 number, bytes32 node, bytes32[] memory proof, uint128 total) private {
        for (uint256 i = 0; i < proof.length; ++i) node = MerkleTree.nodeHash(node, proof[i]);
        _publishRun(number, node, SIZE, total);
        _attestRun(number);
    }

    function _account(uint256 i) private pure returns (address) {
        return address(uint160(0xD000 + i));
    }

    function _sign(address account, uint128 fen) private view returns (bytes memory) {
        bytes32 typehash = keccak256("ProceedsClaim(address account,uint128 cumulativeFen,uint256 deadline)");
        bytes32 message = keccak256(abi.encode(typehash, account, fen, type(uint64).max));
        bytes32 digest = _typedDigest("PuhuiProceedsDistributor", block.chainid, address(distributor), message);
        return _signDigest(KEY, digest);
    }

    function _assertGas(uint256 limit, string memory what) private view {
        vm.assertLe(vm.lastCallGas().gasTotalUsed, limit, what);
    }
}
