// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev Random fills of random orders. What must settle settles, and nothing else does: the outcome of each is known
/// from a count of tonnes and fen kept beside the contracts.
contract SettleFuzzTest is TradeFixture {
    uint256 private constant ROUNDS = 12;
    uint64 private constant LISTED = 90;
    uint64 private constant MOST_TONNES = 60; // of an order and of a fill
    uint128 private constant MOST_FEN = 300; // of a limit and of a price

    IExchangeSettlement.Order[2] private sells;
    IExchangeSettlement.Order[2] private buys;
    uint64[2] private sold;
    uint64[2] private bought;
    uint64 private traded;
    uint128 private paid;
    uint128 private funds;

    /// @dev However the exchange fills them, no order goes beyond its limit or quantity and the buyer not beyond its
    /// cash; tonnes and cash only change hands.
    function testFuzz_Settle_RandomFills(uint256 seed) public {
        _listUnits(LISTED);
        seed = _order(seed);
        funds = uint128(_bound(seed, 0, LISTED * MOST_FEN));
        vm.prank(buyer);
        cash.burn(FUNDS - funds, "payout 1");
        for (uint256 round = 0; round < ROUNDS; ++round) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint64 tonnes = uint64(_bound(seed >> 8, 0, MOST_TONNES / 2));
            uint128 price = uint128(_bound(seed >> 72, 0, MOST_FEN));
            _try(_execution(bytes32(round + 1), tonnes, price), seed & 1, (seed >> 1) & 1);
        }
    }

    /// @dev Two sales and two purchases. Their limits overlap more often than not.
    function _order(uint256 seed) private returns (uint256) {
        for (uint256 i = 0; i < 2; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            sells[i] = _sell(uint64(_bound(seed, 0, MOST_TONNES)), uint128(_bound(seed >> 64, 0, MOST_FEN / 2)));
            buys[i] = _buy(
                uint64(_bound(seed >> 128, 0, MOST_TONNES)),
                uint128(_bound(seed >> 192, MOST_FEN / 2, MOST_FEN))
            );
            (sells[i].salt, buys[i].salt) = (bytes32(i), bytes32(i));
        }
        return uint256(keccak256(abi.encode(seed)));
    }

    function _try(IExchangeSettlement.Execution memory execution, uint256 i, uint256 j) private {
        bytes memory data = abi.encodeCall(
            settlement.settle,
            (execution, sells[i], _signOrder(SELLER_KEY, sells[i]), buys[j], _signOrder(BUYER_KEY, buys[j]))
        );
        bool expected = _isAllowed(execution, i, j);
        vm.prank(EXCHANGE);
        (bool settled, ) = address(settlement).call(data);
        vm.assertEq(settled, expected, "outcome");
        if (settled) {
            (sold[i], bought[j]) = (sold[i] + execution.tonnes, bought[j] + execution.tonnes);
            traded += execution.tonnes;
            paid += execution.tonnes * execution.priceFen;
        }
        _assertConserved();
    }

    function _isAllowed(
        IExchangeSettlement.Execution memory execution,
        uint256 i,
        uint256 j
    ) private view returns (bool) {
        (uint64 tonnes, uint128 price) = (execution.tonnes, execution.priceFen);
        return
            tonnes > 0 &&
            price > 0 &&
            price >= sells[i].limitFen &&
            price <= buys[j].limitFen &&
            sold[i] + tonnes <= sells[i].tonnes &&
            bought[j] + tonnes <= buys[j].tonnes &&
            traded + tonnes <= LISTED &&
            paid + tonnes * price <= funds;
    }

    function _assertConserved() private view {
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertEq(settlement.filledOf(_orderDigest(sells[i])), sold[i], "filled of a sale");
            vm.assertEq(settlement.filledOf(_orderDigest(buys[i])), bought[i], "filled of a purchase");
        }
        vm.assertEq(reductions.balanceOf(seller, ISSUANCE), SUPPLY - traded, "seller's tonnes");
        vm.assertEq(reductions.balanceOf(buyer, ISSUANCE), traded, "buyer's tonnes");
        vm.assertEq(reductions.listedOf(seller, ISSUANCE), LISTED - traded, "listed");
        vm.assertEq(reductions.totalSupply(ISSUANCE), SUPPLY, "tonnes");
        vm.assertEq(cash.balanceOf(seller), paid, "seller's cash");
        vm.assertEq(cash.balanceOf(buyer), funds - paid, "buyer's cash");
        vm.assertEq(cash.totalSupply(), funds, "cash");
    }
}
