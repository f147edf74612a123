// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {ScriptedWallet} from "./ScriptedWallet.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev Wallets whose word changes, is no word, or comes with an attempt to act: every fill asks anew, and asking
/// changes nothing. Both traders are such wallets.
contract SettleWalletsTest is TradeFixture {
    uint32 private constant THEIRS = ISSUANCE + 1;
    uint64 private constant TONNES = 100;

    ScriptedWallet private from;
    ScriptedWallet private to;
    IExchangeSettlement.Order private sell;
    IExchangeSettlement.Order private buy;

    function setUp() public override {
        super.setUp();
        (from, to) = (new ScriptedWallet(), new ScriptedWallet());
        _admit(address(from), "selling wallet", IParticipants.Kind.VOLUNTARY);
        _admit(address(to), "buying wallet", IParticipants.Kind.VOLUNTARY);
        reductions.issue(THEIRS, CLASS, TONNES + 1, "dossier", address(from));
        _mint(address(to), FUNDS);
        vm.prank(address(from));
        settlement.list(THEIRS, TONNES, "listing 1");

        (sell, buy) = (_sell(TONNES, PRICE), _buy(TONNES, PRICE));
        (sell.trader, sell.issuance) = (address(from), THEIRS);
        (buy.trader, buy.issuance) = (address(to), THEIRS);
        from.setApproval(_orderDigest(sell), true);
        to.setApproval(_orderDigest(buy), true);
    }

    /// @dev A word that was taken back counts no more for what is not filled yet, and nothing for what is.
    function test_Wallet_TakesItsWordBack() public {
        _trade("trade 1", 40);
        from.setApproval(_orderDigest(sell), false);
        _expectInvalid(sell, "trade 2", 60);
        vm.recordLogs();
        vm.assertFalse(_trade("trade 1", 40), "settled again");
        _assertSilent();

        from.setApproval(_orderDigest(sell), true);
        to.setApproval(_orderDigest(buy), false);
        _expectInvalid(buy, "trade 2", 60);
        _assertTraded(40);
        to.setApproval(_orderDigest(buy), true);
        _trade("trade 2", 60);
        _assertTraded(TONNES);
    }

    /// @dev The approval is of the whole digest: of no order that differs from it.
    function test_Wallet_OfAnotherOrder() public {
        sell.limitFen = PRICE - 1;
        _expectInvalid(sell, TRADE, TONNES);
        sell.limitFen = PRICE;
        buy.salt = "buy 2";
        _expectInvalid(buy, TRADE, TONNES);
        _assertTraded(0);
    }

    /// @dev Anything but one word that is the magic value and nothing else is a refusal.
    function test_Wallet_AnswersSomethingElse() public {
        uint256 last = uint256(type(ScriptedWallet.Answer).max);
        for (uint256 i = uint256(ScriptedWallet.Answer.WITH_ANOTHER_BYTE); i <= last; ++i) {
            from.setAnswer(ScriptedWallet.Answer(i));
            _expectInvalid(sell, TRADE, TONNES);
            from.setAnswer(ScriptedWallet.Answer.APPROVED_DIGESTS);
            to.setAnswer(ScriptedWallet.Answer(i));
            _expectInvalid(buy, TRADE, TONNES);
            to.setAnswer(ScriptedWallet.Answer.APPROVED_DIGESTS);
        }
        _trade(TRADE, TONNES);
        _assertTraded(TONNES);
    }

    /// @dev What a wallet may do at any other time it cannot do between the guards and the trade.
    function test_Wallet_ActsWhileItIsAsked() public {
        bytes[3] memory attempts = [
            abi.encodeCall(settlement.list, (THEIRS, 1, "listing 2")),
            abi.encodeCall(settlement.unlist, (THEIRS, 1, "unlisting 1")),
            abi.encodeCall(settlement.cancelOrder, (sell))
        ];
        for (uint256 i = 0; i < attempts.length; ++i) {
            from.setAttempt(address(settlement), attempts[i]);
            vm.assertTrue(_trade(bytes32(i + 1), 10), "settled");
        }
        to.setAttempt(address(cash), abi.encodeCall(cash.burn, (FUNDS, "payout 1")));
        vm.assertTrue(_trade("trade 4", 10), "settled");
        _assertTraded(40);
        vm.assertEq(settlement.listingOf(address(from), "listing 2").tonnes, 0, "listed");
        vm.assertEq(settlement.listingOf(address(from), "unlisting 1").tonnes, 0, "unlisted");
        vm.assertFalse(settlement.isCancelled(_orderDigest(sell)), "cancelled");

        for (uint256 i = 0; i < attempts.length; ++i) { // afterwards they are its good right
            vm.prank(address(from));
            (bool done, ) = address(settlement).call(attempts[i]);
            vm.assertTrue(done, "afterwards");
        }
    }

    /// @dev A wallet has no signature to give: what it approved is all that is asked for.
    function _trade(bytes32 tradeId, uint64 tonnes) private returns (bool) {
        return _settleSigned(_execution(tradeId, tonnes, PRICE), sell, "", buy, "");
    }

    function _expectInvalid(IExchangeSettlement.Order memory order, bytes32 tradeId, uint64 tonnes) private {
        vm.expectRevert(_invalidOrder(order));
        _trade(tradeId, tonnes);
    }

    function _assertTraded(uint64 tonnes) private view {
        vm.assertEq(reductions.balanceOf(address(from), THEIRS), TONNES + 1 - tonnes, "seller's tonnes");
        vm.assertEq(reductions.balanceOf(address(to), THEIRS), tonnes, "buyer's tonnes");
        vm.assertEq(reductions.listedOf(address(from), THEIRS), TONNES - tonnes, "listed");
        vm.assertEq(cash.balanceOf(address(from)), tonnes * PRICE, "seller's cash");
        vm.assertEq(cash.balanceOf(address(to)), FUNDS - tonnes * PRICE, "buyer's cash");
    }
}
