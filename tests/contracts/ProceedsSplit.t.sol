// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

/// @dev I6: what was paid, the fee, what is still to be paid and what no run has allocated yet are the proceeds, to the
/// fen, after every round of sales, a run, claims and payments by the bank in any mixture.
contract ProceedsSplitTest is ProceedsFixture {
    uint256 private constant ACCOUNTS = 4;
    uint256 private constant ROUNDS = 4;

    uint256 private gross;
    uint256 private collectedGross;
    uint256 private claimed;
    uint256 private burnt;
    uint128[ACCOUNTS] private entitled;
    bytes32[] private uncollected;

    function testFuzz_Proceeds_AddUpToTheFen(uint16 feeBps, uint256 seed) public {
        _addRule(_rule(_now() + RULE_NOTICE, uint16(_bound(feeBps, 0, 10_000)), 1, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE);
        for (uint32 round = 1; round <= ROUNDS; ++round) {
            _sell(_random(seed, round, "sale"));
            _assertToTheFen();
            if (!_allocate(_random(seed, round, "run"))) continue;
            _assertToTheFen();
            _payOut(_random(seed, round, "payout"));
            _assertToTheFen();
        }
    }

    /// @dev Two trades, whose proceeds are collected now or in a later round.
    function _sell(uint256 seed) private {
        for (uint256 i = 0; i < 2; ++i) {
            (uint64 tonnes, uint128 price) = (uint64(1 + (seed % 50)), uint128(1 + ((seed >> 8) % 99_999)));
            uncollected.push(_trade(tonnes, price));
            gross += uint256(tonnes) * price;
            seed >>= 32;
        }
        while (uncollected.length > seed % 3) {
            bytes32 tradeId = uncollected[uncollected.length - 1];
            uncollected.pop();
            collectedGross += uint256(settlement.tradeOf(tradeId).tonnes) * settlement.tradeOf(tradeId).priceFen;
            treasury.collect(tradeId);
        }
    }

    /// @dev A run that hands out some of what is funded. False if there is nothing to hand out.
    function _allocate(uint256 seed) private returns (bool) {
        uint128 free = distributor.fundedFen() - distributor.attestedFen();
        if (free == 0) return false;
        uint128 left = uint128(_bound(seed, 1, free));
        for (uint256 i = 0; i < ACCOUNTS; ++i) {
            uint128 added = i == ACCOUNTS - 1 ? left : uint128((seed >> (32 * i)) % (uint256(left) + 1));
            entitled[i] += added;
            left -= added;
        }
        _activeTree(distributor.currentRun() + 1, _leaves(), _total());
        return true;
    }

    /// @dev Each account claims, is paid by the bank, or waits.
    function _payOut(uint256 seed) private {
        IProceedsDistributor.Payment[] memory payments = new IProceedsDistributor.Payment[](ACCOUNTS);
        uint256 count;
        for (uint256 i = 0; i < ACCOUNTS; ++i) {
            uint256 choice = (seed >> (8 * i)) % 3;
            uint128 due = entitled[i] - distributor.paidOf(_account(i));
            bytes32[] memory proof = MerkleTree.proof(_leaves(), i);
            if (choice == 0) {
                vm.assertEq(_claim(_account(i), entitled[i], uint64(i), proof), due, "claimed");
                claimed += due;
            } else if (choice == 1 && due != 0) {
                bytes32 bankRef = keccak256(abi.encode(seed, i));
                payments[count++] = _payment(_account(i), entitled[i], uint64(i), bankRef, proof);
                burnt += due;
            }
        }
        assembly ("memory-safe") {
            mstore(payments, count)
        }
        if (count != 0) _pay(bytes32(seed), payments);
    }

    function _assertToTheFen() private view {
        uint256 fee = cash.balanceOf(OPERATOR);
        uint256 waiting = cash.balanceOf(address(treasury));
        uint256 unpaid = distributor.attestedFen() - distributor.paidFen();
        uint256 unallocated = distributor.fundedFen() - distributor.attestedFen();
        uint256 balances;
        for (uint256 i = 0; i < ACCOUNTS; ++i) balances += cash.balanceOf(_account(i));

        vm.assertEq(balances, claimed, "claimed");
        vm.assertEq(distributor.paidFen(), claimed + burnt, "paid");
        vm.assertEq(distributor.attestedFen(), _total(), "attested");
        vm.assertEq(claimed + burnt + fee + unpaid + unallocated, collectedGross, "to the fen");
        vm.assertEq(waiting, gross - collectedGross, "not collected yet");
        vm.assertEq(cash.balanceOf(address(distributor)), unpaid + unallocated, "held");
    }

    function _leaves() private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](ACCOUNTS);
        for (uint256 i = 0; i < ACCOUNTS; ++i) leaves[i] = _share(_account(i), entitled[i]);
    }

    function _total() private view returns (uint128 total) {
        for (uint256 i = 0; i < ACCOUNTS; ++i) total += entitled[i];
    }

    function _account(uint256 i) private pure returns (address) {
        return address(uint160(0xD000 + i));
    }

    function _random(uint256 seed, uint256 round, string memory what) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, round, what)));
    }
}
