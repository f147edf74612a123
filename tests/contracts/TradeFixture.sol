// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IHalting} from "../../contracts/interfaces/IHalting.sol";
import {IIntents} from "../../contracts/interfaces/IIntents.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {MarketFixture} from "./MarketFixture.sol";

/// @dev A seller that holds one issuance, nothing of it listed, and a buyer with cash.
abstract contract TradeFixture is MarketFixture {
    uint256 internal constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    bytes32 internal constant SELLER_ENTITY = "seller";
    bytes32 internal constant BUYER_ENTITY = "buyer";
    bytes32 internal constant REASON = "court order";
    uint32 internal constant ISSUANCE = 7;
    uint64 internal constant SUPPLY = 1_000;
    uint128 internal constant PRICE = 5_000; // fen a tonne
    uint128 internal constant FUNDS = 10_000_000; // pays for twice the supply
    bytes32 internal constant TRADE = "trade 1";

    uint64 internal expiry;

    function setUp() public virtual override {
        super.setUp();
        _admit(seller, SELLER_ENTITY, IParticipants.Kind.COMPLIANCE);
        _admit(buyer, BUYER_ENTITY, IParticipants.Kind.VOLUNTARY);
        reductions.issue(ISSUANCE, CLASS, SUPPLY, "dossier", seller);
        _mint(buyer, FUNDS);
        expiry = uint64(block.timestamp + 1 hours);
    }

    function _handOver() internal virtual override {
        _deployMarket();
        super._handOver();
    }

    // Acts

    function _listUnits(uint64 tonnes) internal {
        _listUnits(seller, tonnes, "listing 1");
    }

    function _listUnits(address holder, uint64 tonnes, bytes32 ref) internal {
        vm.prank(holder);
        settlement.list(ISSUANCE, tonnes, ref);
    }

    function _freeze(address account, uint64 tonnes) internal {
        vm.prank(REGULATOR);
        reductions.freeze(account, ISSUANCE, tonnes, REASON);
    }

    function _suspendParticipant(address account) internal {
        vm.prank(REGULATOR);
        participants.suspend(account, REASON);
    }

    function _suspendIssuance() internal {
        vm.prank(REGULATOR);
        reductions.suspend(ISSUANCE, REASON);
    }

    function _pause(address target) internal {
        vm.prank(GUARDIAN);
        IHalting(target).pause();
    }

    // Orders and trades

    function _sell(uint64 tonnes, uint128 limitFen) internal view returns (IExchangeSettlement.Order memory) {
        return
            IExchangeSettlement.Order({
                trader: seller,
                side: IExchangeSettlement.Side.SELL,
                issuance: ISSUANCE,
                tonnes: tonnes,
                limitFen: limitFen,
                salt: "sell 1",
                expiry: expiry
            });
    }

    function _buy(uint64 tonnes, uint128 limitFen) internal view returns (IExchangeSettlement.Order memory) {
        return
            IExchangeSettlement.Order({
                trader: buyer,
                side: IExchangeSettlement.Side.BUY,
                issuance: ISSUANCE,
                tonnes: tonnes,
                limitFen: limitFen,
                salt: "buy 1",
                expiry: expiry
            });
    }

    function _execution(
        bytes32 tradeId,
        uint64 tonnes,
        uint128 priceFen
    ) internal pure returns (IExchangeSettlement.Execution memory) {
        return IExchangeSettlement.Execution({tradeId: tradeId, tonnes: tonnes, priceFen: priceFen});
    }

    /// @dev Both sign, and the exchange settles.
    function _settle(
        IExchangeSettlement.Execution memory execution,
        IExchangeSettlement.Order memory sell,
        IExchangeSettlement.Order memory buy
    ) internal returns (bool) {
        return
            _settleSigned(execution, sell, _signOrder(SELLER_KEY, sell), buy, _signOrder(BUYER_KEY, buy));
    }

    function _settleSigned(
        IExchangeSettlement.Execution memory execution,
        IExchangeSettlement.Order memory sell,
        bytes memory sellSignature,
        IExchangeSettlement.Order memory buy,
        bytes memory buySignature
    ) internal returns (bool) {
        vm.prank(EXCHANGE);
        return settlement.settle(execution, sell, sellSignature, buy, buySignature);
    }

    /// @dev Both sign, and the settlement refuses.
    function _expectRefused(
        bytes memory reason,
        IExchangeSettlement.Execution memory execution,
        IExchangeSettlement.Order memory sell,
        IExchangeSettlement.Order memory buy
    ) internal {
        bytes[2] memory signatures = [_signOrder(SELLER_KEY, sell), _signOrder(BUYER_KEY, buy)];
        vm.expectRevert(reason);
        _settleSigned(execution, sell, signatures[0], buy, signatures[1]);
        vm.assertEq(settlement.tradeOf(execution.tradeId).tonnes, 0, "a refused trade");
    }

    // What is expected

    /// @dev What both have of tonnes and cash, and what the seller still has listed.
    function _assertStand(uint64 bought, uint64 listed, uint128 paid) internal view {
        vm.assertEq(reductions.balanceOf(seller, ISSUANCE), SUPPLY - bought, "seller's tonnes");
        vm.assertEq(reductions.balanceOf(buyer, ISSUANCE), bought, "buyer's tonnes");
        vm.assertEq(reductions.listedOf(seller, ISSUANCE), listed, "listed");
        vm.assertEq(cash.balanceOf(seller), paid, "seller's cash");
        vm.assertEq(cash.balanceOf(buyer), FUNDS - paid, "buyer's cash");
    }

    function _bareError(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }

    function _inactive(address account, IParticipants.Status status) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IParticipants.ParticipantsInactive.selector, account, status);
    }

    function _notListed(address holder, uint64 tonnes, uint64 listed) internal pure returns (bytes memory) {
        bytes4 selector = ICertifiedReductions.CertifiedReductionsNotListed.selector;
        return abi.encodeWithSelector(selector, holder, ISSUANCE, tonnes, listed);
    }

    function _notTransferable(address holder, uint64 tonnes, uint256 left) internal pure returns (bytes memory) {
        bytes4 selector = ICertifiedReductions.CertifiedReductionsNotTransferable.selector;
        return abi.encodeWithSelector(selector, holder, ISSUANCE, tonnes, left);
    }

    function _notActive(ICertifiedReductions.IssuanceStatus status) internal pure returns (bytes memory) {
        bytes4 selector = ICertifiedReductions.CertifiedReductionsUnexpectedStatus.selector;
        return abi.encodeWithSelector(selector, ISSUANCE, status);
    }

    function _overfilled(
        IExchangeSettlement.Order memory order,
        uint64 left,
        uint64 tonnes
    ) internal view returns (bytes memory) {
        bytes4 selector = IExchangeSettlement.ExchangeSettlementOverfilled.selector;
        return abi.encodeWithSelector(selector, _orderDigest(order), left, tonnes);
    }

    function _invalidOrder(IExchangeSettlement.Order memory order) internal view returns (bytes memory) {
        bytes4 selector = IExchangeSettlement.ExchangeSettlementInvalidSignature.selector;
        return abi.encodeWithSelector(selector, _orderDigest(order), order.trader);
    }

    function _invalidIntent(address signer, bytes32 structHash) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IIntents.IntentsInvalidSignature.selector, signer, structHash);
    }

    function _expiredIntent(address signer, uint256 deadline) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IIntents.IntentsExpired.selector, signer, deadline);
    }

    function _insufficientCash(address holder, uint256 balance, uint256 needed) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, holder, balance, needed);
    }

    /// @dev Asserts that `data` is for holders of `role` and refused to everybody else, the exchange's and the
    /// administration's included.
    function _expectOnly(uint64 role, address target, bytes memory data) internal {
        vm.assertEq(manager.getTargetFunctionRole(target, bytes4(data)), role, "role");
        address[10] memory actors = [
            PLATFORM,
            VERIFIER,
            REGULATOR,
            EXCHANGE,
            GUARDIAN,
            BANK,
            GOVERNANCE,
            STRANGER,
            seller,
            address(settlement)
        ];
        for (uint256 i = 0; i < actors.length; ++i) {
            (bool member, ) = manager.hasRole(role, actors[i]);
            if (member) continue;
            vm.prank(actors[i]);
            (bool done, bytes memory reason) = target.call(data);
            vm.assertFalse(done, "allowed");
            vm.assertEq(keccak256(reason), keccak256(_unauthorized(actors[i])), "reason");
        }
    }

    /// @dev Every form of `signature` but its own 65 bytes: malleated, with a recovery id of 0 or 1, EIP-2098's 64
    /// bytes, one byte short or long, all zero, empty.
    function _otherForms(bytes memory signature) internal pure returns (bytes[] memory forms) {
        (bytes32 r, bytes32 s, uint8 v) = _split(signature);
        uint8 other = v == 27 ? 28 : 27;
        forms = new bytes[](8);
        forms[0] = abi.encodePacked(r, CURVE_ORDER - uint256(s), other);
        forms[1] = abi.encodePacked(r, s, v - 27);
        forms[2] = abi.encodePacked(r, uint256(s) | (uint256(v - 27) << 255));
        forms[3] = abi.encodePacked(r, s);
        forms[4] = abi.encodePacked(r, s, v, uint8(0));
        forms[5] = abi.encodePacked(r, s, other);
        forms[6] = new bytes(65);
        forms[7] = "";
    }

    function _split(bytes memory signature) internal pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }
}
