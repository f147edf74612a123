// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {IProgrammeTreasury} from "../../contracts/interfaces/IProgrammeTreasury.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

/// @dev The programme sells its tonnes and hands out the proceeds to four accounts, in an order the fuzzer chooses. It keeps
/// its own books, against which {ProceedsInvariants} holds the contracts. An action that is impossible just now returns
/// without doing anything, so a revert is always a finding.
contract ProceedsHandler is ProceedsFixture {
    uint256 internal constant ACCOUNTS = 4;
    uint256 internal constant MAX_RULES = 6;

    /// @dev In fen. What the sales brought, what of it was collected, and where the collected part went.
    struct Books {
        uint256 gross;
        uint256 collected;
        uint256 fees;
        uint256 people;
        uint256 allocated;
        uint256 claimed;
        uint256 paidByBank;
        uint256 withdrawn;
    }

    mapping(string action => uint256) public done;
    Books private _books;
    bytes32[] private _offers;
    bytes32[] private _trades;
    IProgrammeTreasury.Rule[] private _rules;

    // What each account is entitled to, and was given, in all: under the run in force and under the latest one.
    uint128[ACCOUNTS] private active;
    uint128[ACCOUNTS] private latest;
    uint128[ACCOUNTS] private received;

    constructor() {
        setUp();
        _rules.push(_rule(0, 0, 1, OPERATOR));
    }

    // Actions: sales

    function rule(uint256 seed) external {
        if (_rules.length == MAX_RULES) return;
        uint64 from = _now() + RULE_NOTICE + uint64(seed % 5 days);
        if (from <= _rules[_rules.length - 1].effectiveFrom) return;
        uint16 feeBps = seed % 7 == 0 ? 10_000 : uint16((seed >> 8) % 3_000);
        _rules.push(_rule(from, feeBps, 1, OPERATOR));
        _addRule(_rules[_rules.length - 1]);
        ++done["rule"];
    }

    function offer(uint256 seed) external {
        bytes32 ref = bytes32(++done["offer"]);
        _offers.push(ref);
        _offer(ref, uint64(1 + (seed % 300)), uint128(1 + ((seed >> 16) % 9_999)));
    }

    function withdrawOffer(uint256 seed) external {
        (bytes32 ref, uint64 left) = _find(seed);
        if (ref == 0 || seed % 3 != 0) return;
        vm.prank(PLATFORM);
        treasury.withdrawOffer(ref);
        ++done[left == 0 ? "withdrawOffer filled" : "withdrawOffer"];
    }

    function fill(uint256 seed) external {
        (bytes32 ref, uint64 left) = _find(seed);
        if (left == 0) return;
        uint64 tonnes = seed % 2 == 0 ? left : uint64(1 + ((seed >> 16) % left));
        uint128 price = treasury.offerOf(ref).limitFen + uint128((seed >> 80) % 1_000);
        bytes32 tradeId = keccak256(abi.encode("trade", ++done["fill"]));
        _trades.push(tradeId);
        _fill(tradeId, ref, tonnes, price);
        _books.gross += uint256(tonnes) * price;
    }

    function collect(uint256 seed) external {
        if (_trades.length == 0) return;
        bytes32 tradeId = _trades[seed % _trades.length];
        bool repeated = treasury.collectedOf(tradeId);
        vm.assertEq(treasury.collect(tradeId), !repeated, "collected once");
        ++done[repeated ? "collect again" : "collect"];
        if (repeated) return;

        IExchangeSettlement.Trade memory trade = settlement.tradeOf(tradeId);
        uint256 gross = uint256(trade.tonnes) * trade.priceFen;
        uint256 fee = (gross * _feeBpsAt(trade.settledAt)) / 10_000;
        _books.collected += gross;
        _books.fees += fee;
        _books.people += gross - fee;
    }

    // Actions: runs and payouts

    /// @dev Hands out part of what no run has handed out yet.
    function publish(uint256 seed) external {
        uint256 free = _books.people - _books.allocated;
        if (distributor.activeRun() != distributor.currentRun() || free == 0) return;
        uint256 left = 1 + (seed % free);
        active = latest;
        for (uint256 who = 0; who < ACCOUNTS; ++who) {
            uint256 share = who == ACCOUNTS - 1 ? left : (seed >> (16 * who)) % (left + 1);
            latest[who] += uint128(share);
            left -= share;
        }
        bytes32 root = MerkleTree.root(_leaves(latest));
        _publishRun(distributor.currentRun() + 1, root, uint64(ACCOUNTS), uint128(_sum(latest)));
        ++done["publish"];
    }

    function attest() external {
        uint32 number = distributor.currentRun();
        if (number == distributor.activeRun()) return;
        _attestRun(number);
        active = latest;
        _books.allocated = _sum(latest);
        ++done["attest"];
    }

    function cancel(uint256 seed) external {
        uint32 number = distributor.currentRun();
        if (number == distributor.activeRun() || seed % 3 != 0) return;
        vm.prank(GUARDIAN);
        distributor.cancelRun(number, "sampled");
        latest = active;
        ++done["cancel"];
    }

    function claim(uint256 seed) external {
        if (distributor.activeRun() == 0) return;
        uint256 who = seed % ACCOUNTS;
        uint128 due = active[who] - received[who];
        bytes32[] memory proof = MerkleTree.proof(_leaves(active), who);
        vm.assertEq(_claim(account(who), active[who], uint64(who), proof), due, "what was due");
        received[who] += due;
        _books.claimed += due;
        if (due != 0) ++done["claim"];
    }

    /// @dev The bank pays every account but one, as far as anything is due to it.
    function pay(uint256 seed) external {
        IProceedsDistributor.Payment[] memory payments = new IProceedsDistributor.Payment[](ACCOUNTS);
        uint256 count = 0;
        bytes32[] memory leaves = _leaves(active);
        for (uint256 who = 0; who < ACCOUNTS; ++who) {
            uint128 due = active[who] - received[who];
            if (due == 0 || who == seed % ACCOUNTS) continue;
            bytes32 bankRef = keccak256(abi.encode("payment", done["pay"], who));
            bytes32[] memory proof = MerkleTree.proof(leaves, who);
            payments[count++] = _payment(account(who), active[who], uint64(who), bankRef, proof);
            received[who] += due;
            _books.paidByBank += due;
        }
        if (count == 0) return;
        assembly ("memory-safe") {
            mstore(payments, count)
        }
        _pay(bytes32(++done["pay"]), payments);
    }

    /// @dev An account has its claimed cash paid out.
    function withdraw(uint256 seed) external {
        address holder = account(seed % ACCOUNTS);
        uint256 balance = cash.balanceOf(holder);
        if (balance == 0) return;
        uint128 fen = uint128(1 + ((seed >> 8) % balance));
        vm.prank(holder);
        cash.burn(fen, bytes32(++done["withdraw"]));
        _books.withdrawn += fen;
    }

    function wait(uint256 seed) external {
        vm.warp(block.timestamp + (seed % 11 == 0 ? 20 days : 1 + (seed % 6 hours)));
    }

    // Books

    function account(uint256 who) public pure returns (address) {
        return address(uint160(0xE000 + who));
    }

    function books() external view returns (Books memory) {
        return _books;
    }

    function receivedBy(uint256 who) external view returns (uint128) {
        return received[who];
    }

    function actors() external view returns (address distributorAt, address treasuryAt, address buyerAt, address feeAt) {
        return (address(distributor), address(treasury), buyer, OPERATOR);
    }

    function contracts() external view returns (address, address) {
        return (address(cash), address(reductions));
    }

    // Inside

    /// @dev An offer that is not withdrawn, and what of it is not filled; zero if there is none.
    function _find(uint256 seed) private view returns (bytes32 ref, uint64 left) {
        for (uint256 i = 0; i < 8 && i < _offers.length; ++i) {
            ref = _offers[((seed >> 8) % _offers.length + i) % _offers.length];
            IProgrammeTreasury.Offer memory found = treasury.offerOf(ref);
            if (!found.withdrawn) return (ref, found.tonnes - settlement.filledOf(found.order));
        }
        return (0, 0);
    }

    function _feeBpsAt(uint256 time) private view returns (uint256 feeBps) {
        for (uint256 i = 0; i < _rules.length && _rules[i].effectiveFrom <= time; ++i) feeBps = _rules[i].feeBps;
    }

    function _leaves(uint128[ACCOUNTS] storage shares) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](ACCOUNTS);
        for (uint256 who = 0; who < ACCOUNTS; ++who) leaves[who] = _share(account(who), shares[who]);
    }

    function _sum(uint128[ACCOUNTS] storage shares) private view returns (uint256 sum) {
        for (uint256 who = 0; who < ACCOUNTS; ++who) sum += shares[who];
    }
}
