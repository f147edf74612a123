// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExchangeSettlement} from "../../../contracts/ExchangeSettlement.sol";
import {ICertifiedReductions} from "../../../contracts/interfaces/ICertifiedReductions.sol";
import {IExchangeSettlement} from "../../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../../contracts/interfaces/IParticipants.sol";
import {ISettlementCash} from "../../../contracts/interfaces/ISettlementCash.sol";
import {OpenAuthority, Proof} from "./Proof.sol";
import {CashStub, ParticipantsStub, SigningWallet, UnitsStub} from "./Stubs.sol";

contract SettlementProof is Proof {
    ExchangeSettlement private settlement;
    UnitsStub private units;
    CashStub private cash;
    address private seller;
    address private buyer;

    function setUp() public {
        (units, cash) = (new UnitsStub(), new CashStub());
        (seller, buyer) = (address(new SigningWallet()), address(new SigningWallet()));
        settlement = new ExchangeSettlement(
            address(new OpenAuthority()),
            ICertifiedReductions(address(units)),
            ISettlementCash(address(cash)),
            IParticipants(address(new ParticipantsStub()))
        );
        _anyState(address(settlement));
    }

    /// @dev A trade stays within what both orders say, whoever settles it and whatever the contract's state, even for
    /// traders who sign anything; and what moves is exactly the trade.
    function check_SettleStaysWithinBothOrders(
        IExchangeSettlement.Execution memory execution,
        IExchangeSettlement.Order memory sell,
        IExchangeSettlement.Order memory buy
    ) public {
        (sell.trader, buy.trader) = (seller, buyer);
        (uint256 sold, uint256 bought) = (_filled(sell), _filled(buy));
        if (!settlement.settle(execution, sell, "", buy, "")) {
            vm.assertEq(units.moves() + cash.moves(), 0, "a repeated trade moves something");
            return;
        }
        vm.assertTrue(sell.limitFen <= execution.priceFen && execution.priceFen <= buy.limitFen, "price");
        vm.assertTrue(sold + execution.tonnes <= sell.tonnes && _filled(sell) == sold + execution.tonnes, "sold");
        vm.assertTrue(bought + execution.tonnes <= buy.tonnes && _filled(buy) == bought + execution.tonnes, "bought");
        vm.assertTrue(block.timestamp <= sell.expiry && block.timestamp <= buy.expiry, "expiry");
        _assertMoved(execution.tonnes, uint256(execution.tonnes) * execution.priceFen, sell.issuance);
        vm.assertEq(sell.issuance, buy.issuance, "issuance");
    }

    function refute_SettleStaysBelowTheBuyersLimit(
        IExchangeSettlement.Execution memory execution,
        IExchangeSettlement.Order memory sell,
        IExchangeSettlement.Order memory buy
    ) public {
        (sell.trader, buy.trader) = (seller, buyer);
        vm.assume(settlement.settle(execution, sell, "", buy, ""));
        vm.assertTrue(execution.priceFen < buy.limitFen, "price");
    }

    function _filled(IExchangeSettlement.Order memory order) private view returns (uint256) {
        return settlement.filledOf(settlement.hashOrder(order));
    }

    function _assertMoved(uint256 tonnes, uint256 fen, uint32 issuance) private view {
        vm.assertTrue(units.moves() == 1 && units.from() == seller && units.to() == buyer, "units");
        vm.assertTrue(units.tonnes() == tonnes && units.issuance() == issuance, "tonnes");
        vm.assertTrue(cash.moves() == 1 && cash.out(buyer) == fen && cash.into(seller) == fen, "cash");
    }
}
