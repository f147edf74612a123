// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev The most each transaction may cost, its intrinsic gas included. The tests run isolated: every call is a
/// transaction of its own that begins with cold storage.
contract GasMarketTest is TradeFixture {
    uint64 private constant MAX_RANGES = 16; // of one move, see ICertifiedReductions

    uint256 private constant THIRD_KEY = 0x7D;

    function test_Gas_Mint() public {
        vm.prank(EXCHANGE);
        cash.requestMint("transfer 1", seller, 1_000_000);
        _assertGas(121_000, "requestMint");
        vm.prank(BANK);
        cash.confirmMint("transfer 1", seller, 1_000_000);
        _assertGas(93_000, "confirmMint to a new holder");

        vm.prank(EXCHANGE);
        cash.requestMint("transfer 2", seller, 1_000_000);
        vm.prank(BANK);
        cash.confirmMint("transfer 2", seller, 1_000_000);
        _assertGas(75_000, "confirmMint to an old holder");

        vm.prank(EXCHANGE);
        cash.requestMint("transfer 3", seller, 1_000_000);
        vm.prank(BANK);
        cash.cancelMint("transfer 3");
        _assertGas(43_500, "cancelMint");
    }

    function test_Gas_Burn() public {
        vm.prank(buyer);
        cash.burn(1_000, "payout 1");
        _assertGas(63_000, "burn");
        bytes memory signature = _signForCash(BUYER_KEY, _withdrawalHash(buyer, 1_000, "payout 2", expiry));
        cash.burnFor(buyer, 1_000, "payout 2", expiry, signature);
        _assertGas(73_000, "signed burn");
    }

    function test_Gas_List() public {
        _listUnits(100);
        _assertGas(217_000, "first listing");
        _listUnits(seller, 100, "listing 2");
        _assertGas(127_000, "next listing");
        bytes32 structHash = _listingHash("Listing", seller, ISSUANCE, 100, "listing 3", expiry);
        bytes memory signature = _signForSettlement(SELLER_KEY, structHash);
        settlement.listFor(seller, ISSUANCE, 100, "listing 3", expiry, signature);
        _assertGas(158_000, "signed listing");
        vm.prank(seller);
        settlement.unlist(ISSUANCE, 100, "unlisting 1");
        _assertGas(156_000, "unlisting");
    }

    function test_Gas_Settle() public {
        _listUnits(100);
        IExchangeSettlement.Order memory sell = _sell(100, PRICE);
        IExchangeSettlement.Order memory buy = _buy(100, PRICE);
        _settle(_execution("trade 1", 10, PRICE), sell, buy);
        _assertGas(498_000, "first trade of both");
        _settle(_execution("trade 2", 10, PRICE), sell, buy);
        _assertGas(356_000, "next trade of both orders");
        buy.salt = "buy 2";
        _settle(_execution("trade 3", 80, PRICE), sell, buy);
        _assertGas(360_000, "last trade of an order");
        vm.prank(buyer);
        settlement.cancelOrder(buy);
        _assertGas(50_000, "cancelOrder");
    }

    function test_Gas_SettleOfContractWallets() public {
        (address from, address to) = (address(new ContractWallet(seller)), address(new ContractWallet(buyer)));
        _admit(from, "selling wallet", IParticipants.Kind.VOLUNTARY);
        _admit(to, "buying wallet", IParticipants.Kind.VOLUNTARY);
        vm.prank(buyer);
        cash.burn(FUNDS, "payout 1");
        reductions.issue(ISSUANCE + 1, CLASS, 10, "dossier", from);
        _mint(to, FUNDS);
        vm.prank(from);
        settlement.list(ISSUANCE + 1, 10, "listing 1");
        IExchangeSettlement.Order memory sell = _sell(10, PRICE);
        IExchangeSettlement.Order memory buy = _buy(10, PRICE);
        (sell.trader, sell.issuance, buy.trader, buy.issuance) = (from, ISSUANCE + 1, to, ISSUANCE + 1);
        _settle(_execution(TRADE, 10, PRICE), sell, buy);
        _assertGas(464_000, "trade of two contract wallets");
    }

    /// @dev The most scattered serials that one trade can move.
    function test_Gas_OfScatteredSerials() public {
        address third = vm.addr(THIRD_KEY);
        _admit(third, "third", IParticipants.Kind.VOLUNTARY);
        _admit(ALICE, "alice", IParticipants.Kind.VOLUNTARY);
        vm.startPrank(seller);
        for (uint256 i = 0; i < MAX_RANGES; ++i) {
            reductions.safeTransferFrom(seller, ALICE, ISSUANCE, 1, "");
            reductions.safeTransferFrom(seller, third, ISSUANCE, 1, "");
        }
        vm.stopPrank();
        _listUnits(third, MAX_RANGES, "listing 1");
        _assertGas(427_000, "listing of 16 ranges");
        IExchangeSettlement.Order memory sell = _sell(MAX_RANGES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(MAX_RANGES, PRICE);
        sell.trader = third;
        IExchangeSettlement.Execution memory execution = _execution(TRADE, MAX_RANGES, PRICE);
        _settleSigned(execution, sell, _signOrder(THIRD_KEY, sell), buy, _signOrder(BUYER_KEY, buy));
        _assertGas(698_000, "trade of 16 ranges");
    }

    function _assertGas(uint256 limit, string memory what) private view {
        vm.assertLe(vm.lastCallGas().gasTotalUsed, limit, what);
    }
}
