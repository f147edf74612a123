// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {Roles} from "../../contracts/Roles.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev Trades that settle, and who may settle them. What is refused is tested in SettleRefused and SettleReplay.
contract SettleTest is TradeFixture {
    uint64 private constant TONNES = 100;

    // Who

    function test_Settle_ByTheExchangeAlone() public {
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        (bytes memory sold, bytes memory bought) = (_signOrder(SELLER_KEY, sell), _signOrder(BUYER_KEY, buy));
        bytes memory data = abi.encodeCall(
            settlement.settle,
            (_execution(TRADE, TONNES, PRICE), sell, sold, buy, bought)
        );
        _listUnits(TONNES);
        _expectOnly(Roles.EXCHANGE, address(settlement), data);
        _expectOnly(Roles.GUARDIAN, address(settlement), abi.encodeCall(settlement.pause, ()));
        _expectOnly(Roles.REGULATOR_DELAYED, address(settlement), abi.encodeCall(settlement.unpause, ()));
        _assertStand(0, TONNES, 0);
    }

    /// @dev The exchange moves neither tonnes nor cash otherwise than by a trade that both signed.
    function test_Exchange_MovesNothingByItself() public {
        _listUnits(TONNES);
        bytes memory reason = _unauthorized(EXCHANGE);
        vm.startPrank(EXCHANGE);
        vm.expectRevert(reason);
        reductions.list(seller, ISSUANCE, 1);
        vm.expectRevert(reason);
        reductions.unlist(seller, ISSUANCE, 1);
        vm.expectRevert(reason);
        reductions.settle(seller, buyer, ISSUANCE, 1);
        vm.expectRevert(reason);
        cash.transferFrom(buyer, seller, 1);
        vm.expectRevert(reason);
        cash.transfer(seller, 1);
        vm.stopPrank();
        _assertStand(0, TONNES, 0);
    }

    // Delivery against payment

    function test_Settle_DeliversAgainstPayment() public {
        _listUnits(TONNES);
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        (bytes memory sold, bytes memory bought) = (_signOrder(SELLER_KEY, sell), _signOrder(BUYER_KEY, buy));
        _expectTrade(_orderDigest(sell), _orderDigest(buy), 40, PRICE);
        vm.assertTrue(
            _settleSigned(_execution(TRADE, 40, PRICE), sell, sold, buy, bought),
            "settled"
        );
        _assertStand(40, 60, 200_000);
        _assertTrade(_orderDigest(sell), _orderDigest(buy), 40, PRICE);
        vm.assertEq(settlement.filledOf(_orderDigest(sell)), 40, "filled of the sale");
        vm.assertEq(settlement.filledOf(_orderDigest(buy)), 40, "filled of the purchase");
    }

    /// @dev Any price within both limits, the limits included.
    function testFuzz_Settle_AtAnyPriceBothAllow(uint128 low, uint128 high, uint128 price) public {
        low = uint128(_bound(low, 0, FUNDS / TONNES));
        high = uint128(_bound(high, low == 0 ? 1 : low, FUNDS / TONNES));
        price = uint128(_bound(price, low == 0 ? 1 : low, high));
        _listUnits(TONNES);
        vm.assertTrue(_settle(_execution(TRADE, TONNES, price), _sell(TONNES, low), _buy(TONNES, high)), "settled");
        _assertStand(TONNES, 0, TONNES * price);
    }

    function test_Settle_InTheLastSecond() public {
        _listUnits(TONNES);
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        vm.warp(expiry);
        vm.assertTrue(_settle(_execution(TRADE, TONNES, PRICE), sell, buy), "settled");
        vm.assertEq(settlement.tradeOf(TRADE).settledAt, expiry, "settledAt");
    }

    // Partial fills

    /// @dev One sale, bought in four trades by two purchases, down to the last tonne and no further.
    function test_Settle_DownToTheLastTonne() public {
        _listUnits(SUPPLY);
        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory one = _buy(70, PRICE);
        IExchangeSettlement.Order memory other = _buy(31, PRICE + 1);
        other.salt = "buy 2";
        _settle(_execution("trade 1", 69, PRICE), sell, one);
        _settle(_execution("trade 2", 29, PRICE + 1), sell, other);
        _settle(_execution("trade 3", 1, PRICE), sell, one);
        vm.assertEq(settlement.filledOf(_orderDigest(one)), 70, "one is full");
        _expectRefused(_overfilled(one, 0, 1), _execution("trade 4", 1, PRICE), sell, one);
        _expectRefused(_overfilled(sell, 1, 2), _execution("trade 4", 2, PRICE), sell, other);
        _settle(_execution("trade 4", 1, PRICE), sell, other);
        vm.assertEq(settlement.filledOf(_orderDigest(sell)), TONNES, "the sale is full");
        _expectRefused(_overfilled(sell, 0, 1), _execution("trade 5", 1, PRICE), sell, other);
        _assertStand(TONNES, SUPPLY - TONNES, 71 * PRICE + 29 * (PRICE + 1));
    }

    /// @dev One purchase, filled by two sellers.
    function test_Settle_OfTwoSellers() public {
        uint256 key = 0x5E2;
        address second = vm.addr(key);
        _admit(second, "second seller", IParticipants.Kind.VOLUNTARY);
        vm.prank(seller);
        reductions.safeTransferFrom(seller, second, ISSUANCE, 60, "");
        _listUnits(40);
        _listUnits(second, 60, "listing 1");
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        _settle(_execution("trade 1", 40, PRICE), _sell(40, PRICE), buy);
        IExchangeSettlement.Order memory sell = _sell(60, PRICE);
        sell.trader = second;
        _settleSigned(
            _execution("trade 2", 60, PRICE),
            sell,
            _signOrder(key, sell),
            buy,
            _signOrder(BUYER_KEY, buy)
        );
        vm.assertEq(settlement.filledOf(_orderDigest(buy)), TONNES, "filled");
        vm.assertEq(reductions.balanceOf(buyer, ISSUANCE), TONNES, "bought");
        vm.assertEq(cash.balanceOf(second), 60 * PRICE, "paid to the second");
    }

    // Extremes

    /// @dev Orders over everything there can be are filled like any other.
    function test_Settle_TheLargestOrders() public {
        _listUnits(TONNES);
        IExchangeSettlement.Order memory sell = _sell(type(uint64).max, 0);
        IExchangeSettlement.Order memory buy = _buy(type(uint64).max, type(uint128).max);
        (sell.expiry, buy.expiry) = (type(uint64).max, type(uint64).max);
        _settle(_execution("trade 1", TONNES, 1), sell, buy);
        _assertStand(TONNES, 0, TONNES);
        bytes memory reason = _notListed(seller, type(uint64).max - TONNES, 0);
        _expectRefused(reason, _execution("trade 2", type(uint64).max - TONNES, 1), sell, buy);
        reason = _overfilled(sell, type(uint64).max - TONNES, type(uint64).max);
        _expectRefused(reason, _execution("trade 2", type(uint64).max, 1), sell, buy);
    }

    /// @dev The amount is counted in 256 bits: it is paid to the fen even beyond 128.
    function test_Settle_AtTheLargestPrice() public {
        _listUnits(2);
        _mint(buyer, type(uint128).max);
        _mint(buyer, type(uint128).max - FUNDS);
        uint256 amount = 2 * uint256(type(uint128).max);
        vm.assertEq(cash.balanceOf(buyer), amount, "funds");
        IExchangeSettlement.Order memory buy = _buy(2, type(uint128).max);
        _settle(_execution(TRADE, 2, type(uint128).max), _sell(2, type(uint128).max), buy);
        vm.assertEq(cash.balanceOf(seller), amount, "paid");
        vm.assertEq(cash.balanceOf(buyer), 0, "left");
    }

    // Contract wallets

    function test_Settle_BetweenContractWallets() public {
        (address from, address to) = (address(new ContractWallet(seller)), address(new ContractWallet(buyer)));
        _admit(from, "selling wallet", IParticipants.Kind.VOLUNTARY);
        _admit(to, "buying wallet", IParticipants.Kind.VOLUNTARY);
        reductions.issue(ISSUANCE + 1, CLASS, TONNES, "dossier", from);
        _mint(to, TONNES * PRICE);
        vm.prank(from);
        settlement.list(ISSUANCE + 1, TONNES, "listing 1");

        IExchangeSettlement.Order memory sell = _sell(TONNES, PRICE);
        IExchangeSettlement.Order memory buy = _buy(TONNES, PRICE);
        (sell.trader, sell.issuance, buy.trader, buy.issuance) = (from, ISSUANCE + 1, to, ISSUANCE + 1);
        bytes[2] memory owners = [_signOrder(SELLER_KEY, sell), _signOrder(BUYER_KEY, buy)];
        vm.expectRevert(_invalidOrder(sell));
        _settleSigned(_execution(TRADE, TONNES, PRICE), sell, owners[1], buy, owners[1]);
        vm.expectRevert(_invalidOrder(buy));
        _settleSigned(_execution(TRADE, TONNES, PRICE), sell, owners[0], buy, owners[0]);
        _settleSigned(_execution(TRADE, TONNES, PRICE), sell, owners[0], buy, owners[1]);
        vm.assertEq(reductions.balanceOf(to, ISSUANCE + 1), TONNES, "bought");
        vm.assertEq(cash.balanceOf(from), TONNES * PRICE, "paid");
    }

    /// @dev In the order in which the two tokens move.
    function _expectTrade(bytes32 sell, bytes32 buy, uint64 tonnes, uint128 price) private {
        vm.expectEmit(address(settlement));
        emit IExchangeSettlement.TradeSettled(TRADE, sell, buy, seller, buyer, ISSUANCE, tonnes, price);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(
            ISSUANCE,
            seller,
            buyer,
            ICertifiedReductions.Place.LISTED,
            ICertifiedReductions.Place.HELD,
            1,
            tonnes
        );
        vm.expectEmit(address(reductions));
        emit IERC1155.TransferSingle(address(settlement), seller, buyer, ISSUANCE, tonnes);
        vm.expectEmit(address(cash));
        emit IERC20.Transfer(buyer, seller, tonnes * price);
    }

    function _assertTrade(bytes32 sell, bytes32 buy, uint64 tonnes, uint128 price) private view {
        IExchangeSettlement.Trade memory trade = settlement.tradeOf(TRADE);
        vm.assertEq(trade.issuance, ISSUANCE, "issuance");
        vm.assertEq(trade.tonnes, tonnes, "tonnes");
        vm.assertEq(trade.settledAt, block.timestamp, "settledAt");
        vm.assertEq(trade.priceFen, price, "price");
        vm.assertEq(trade.seller, seller, "seller");
        vm.assertEq(trade.buyer, buyer, "buyer");
        vm.assertEq(trade.sellOrder, sell, "sell order");
        vm.assertEq(trade.buyOrder, buy, "buy order");
    }
}
