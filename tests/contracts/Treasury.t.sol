// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IProgrammeTreasury} from "../../contracts/interfaces/IProgrammeTreasury.sol";
import {Roles} from "../../contracts/Roles.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

/// @dev Offers: made, signed for, filled, withdrawn. What trades bring in is tested in TreasuryCollect.
contract TreasuryTest is ProceedsFixture {
    bytes32 private constant REF = "offer 1";
    uint64 private constant TONNES = 100;
    uint128 private constant LIMIT = 5_000;
    bytes4 private constant UNSIGNED = 0xffffffff;

    // Roles

    function test_Restricted_EveryFunctionRefusesEveryOtherRole() public {
        bytes memory data = abi.encodeCall(treasury.addRule, (_rule(0, 0, 0, OPERATOR)));
        _expectOnly(Roles.REGULATOR, address(treasury), data);
        data = abi.encodeCall(treasury.offer, (REF, ISSUANCE, TONNES, LIMIT, EXPIRY));
        _expectOnly(Roles.PLATFORM, address(treasury), data);
        _expectOnly(Roles.PLATFORM, address(treasury), abi.encodeCall(treasury.withdrawOffer, (REF)));
        _expectOnly(Roles.GUARDIAN, address(treasury), abi.encodeCall(treasury.pause, ()));
        _expectOnly(Roles.REGULATOR_DELAYED, address(treasury), abi.encodeCall(treasury.unpause, ()));
    }

    // offer

    function testFuzz_Offer_BelowTheFloor(uint128 floor, uint128 limit) public {
        floor = uint128(_bound(floor, 1, type(uint128).max));
        limit = uint128(_bound(limit, 0, floor - 1));
        _addRule(_rule(_now() + RULE_NOTICE, 1_000, floor, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE);
        _expectOffer(_belowFloor(limit, floor), REF, TONNES, limit, EXPIRY);
        _offer(REF, TONNES, floor);
    }

    function test_Offer_BelowTheFloorFromItsFirstSecond() public {
        _addRule(_rule(_now() + RULE_NOTICE, 1_000, LIMIT + 1, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE - 1);
        _offer("offer before", TONNES, LIMIT);
        vm.warp(block.timestamp + 1);
        _expectOffer(_belowFloor(LIMIT, LIMIT + 1), REF, TONNES, LIMIT, EXPIRY);
        _fill("trade 1", "offer before", TONNES, LIMIT); // what was offered before stands until it is withdrawn
    }

    /// @dev Where the rule has no floor, the price must still not be nothing.
    function test_Offer_ForNothing() public {
        _addRule(_rule(_now() + RULE_NOTICE, 1_000, 0, OPERATOR));
        vm.warp(block.timestamp + RULE_NOTICE);
        _expectOffer(_belowFloor(0, 0), REF, TONNES, 0, EXPIRY);
    }

    function test_Offer_MoreThanIsHeld() public {
        _expectOffer(_tooMuch(SUPPLY + 1), REF, SUPPLY + 1, LIMIT, EXPIRY);
        _offer(REF, SUPPLY - 10, LIMIT);
        _expectOffer(_tooMuch(11), "offer 2", 11, LIMIT, EXPIRY);
        _offer("offer 2", 10, LIMIT);
    }

    function test_Offer_WithoutReferenceOrAmount() public {
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryMissingReference.selector;
        _expectOffer(abi.encodeWithSelector(selector), 0, TONNES, LIMIT, EXPIRY);
        selector = IProgrammeTreasury.ProgrammeTreasuryZeroAmount.selector;
        _expectOffer(abi.encodeWithSelector(selector, REF), REF, 0, LIMIT, EXPIRY);
    }

    function test_Offer_Expired() public {
        uint64 past = _now() - 1;
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryOfferExpired.selector;
        _expectOffer(abi.encodeWithSelector(selector, REF, past), REF, TONNES, LIMIT, past);
        _offerUntil(REF, TONNES, LIMIT, _now()); // its last second
    }

    function test_Offer_UsedReference() public {
        _offer(REF, TONNES, LIMIT);
        bytes memory used = abi.encodeWithSelector(IProgrammeTreasury.ProgrammeTreasuryReferenceUsed.selector, REF);
        _expectOffer(used, REF, TONNES + 1, LIMIT, EXPIRY);
        _expectOffer(used, REF, TONNES, LIMIT + 1, EXPIRY);
        _expectOffer(used, REF, TONNES, LIMIT, EXPIRY + 1);
        vm.prank(PLATFORM);
        treasury.withdrawOffer(REF);
        _expectOffer(used, REF, TONNES + 1, LIMIT, EXPIRY);
    }

    function test_Offer_AgainIsNoOp() public {
        _offer(REF, TONNES, LIMIT);
        vm.startPrank(PLATFORM);
        vm.recordLogs();
        vm.assertFalse(treasury.offer(REF, ISSUANCE, TONNES, LIMIT, EXPIRY), "offered again");
        _assertSilent();
        treasury.withdrawOffer(REF);
        vm.recordLogs();
        vm.assertFalse(treasury.offer(REF, ISSUANCE, TONNES, LIMIT, EXPIRY), "after its withdrawal");
        _assertSilent();
        vm.assertEq(reductions.listedOf(address(treasury), ISSUANCE), 0, "listed");
        _assertUnsigned(treasury.offerOf(REF).order);
    }

    function test_Offer_WhilePaused() public {
        _pause(address(treasury));
        _expectOffer(_paused(), REF, TONNES, LIMIT, EXPIRY);
    }

    function testFuzz_Offer_Records(uint64 tonnes, uint128 limit, uint64 expiry) public {
        tonnes = uint64(_bound(tonnes, 1, SUPPLY));
        limit = uint128(_bound(limit, 1, type(uint128).max));
        expiry = uint64(_bound(expiry, block.timestamp, type(uint64).max));
        bytes32 order = settlement.hashOrder(_sellOrder(REF, tonnes, limit, expiry));
        _assertUnsigned(order);
        vm.expectEmit(address(treasury));
        emit IProgrammeTreasury.Offered(REF, order, ISSUANCE, tonnes, limit, expiry);
        _offerUntil(REF, tonnes, limit, expiry);

        IProgrammeTreasury.Offer memory recorded = treasury.offerOf(REF);
        vm.assertEq(recorded.issuance, ISSUANCE, "issuance");
        vm.assertEq(recorded.tonnes, tonnes, "tonnes");
        vm.assertEq(recorded.limitFen, limit, "limit");
        vm.assertEq(recorded.expiry, expiry, "expiry");
        vm.assertFalse(recorded.withdrawn, "withdrawn");
        vm.assertEq(recorded.order, order, "order");
        vm.assertEq(reductions.listedOf(address(treasury), ISSUANCE), tonnes, "listed");
        vm.assertEq(bytes32(treasury.isValidSignature(order, "")), bytes32(bytes4(0x1626ba7e)), "signed");
    }

    // withdrawOffer

    function test_WithdrawOffer_Unknown() public {
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryUnknownOffer.selector;
        _expectWithdraw(abi.encodeWithSelector(selector, REF));
    }

    function test_WithdrawOffer_WhilePaused() public {
        _offer(REF, TONNES, LIMIT);
        _pause(address(treasury));
        _expectWithdraw(_paused());
    }

    function testFuzz_WithdrawOffer_AfterAPartialFill(uint64 filled) public {
        filled = uint64(_bound(filled, 0, TONNES));
        _offer(REF, TONNES, LIMIT);
        _offer("offer 2", 7, LIMIT);
        if (filled != 0) _fill("trade 1", REF, filled, LIMIT);

        vm.expectEmit(address(treasury));
        emit IProgrammeTreasury.OfferWithdrawn(REF, TONNES - filled);
        vm.prank(PLATFORM);
        vm.assertTrue(treasury.withdrawOffer(REF), "withdrawn");
        vm.assertTrue(treasury.offerOf(REF).withdrawn, "state");
        vm.assertEq(reductions.listedOf(address(treasury), ISSUANCE), 7, "the other offer's");
        vm.assertEq(reductions.balanceOf(address(treasury), ISSUANCE), SUPPLY - filled, "balance");
        _assertUnsigned(treasury.offerOf(REF).order);
        _fill("trade 2", "offer 2", 7, LIMIT);
    }

    function test_WithdrawOffer_AgainIsNoOp() public {
        _offer(REF, TONNES, LIMIT);
        vm.startPrank(PLATFORM);
        treasury.withdrawOffer(REF);
        vm.recordLogs();
        vm.assertFalse(treasury.withdrawOffer(REF), "withdrawn again");
        _assertSilent();
    }

    // What it signs

    function test_IsValidSignature_Withdrawn() public {
        _offer(REF, TONNES, LIMIT);
        IExchangeSettlement.Order memory order = _sellOrder(REF, TONNES, LIMIT, EXPIRY);
        vm.prank(PLATFORM);
        treasury.withdrawOffer(REF);
        _expectUnsigned(order);
    }

    /// @dev While it is paused it sells nothing, not even what it had offered.
    function test_IsValidSignature_WhilePaused() public {
        _offer(REF, TONNES, LIMIT);
        bytes32 order = treasury.offerOf(REF).order;
        _pause(address(treasury));
        _assertUnsigned(order);
        _expectUnsigned(_sellOrder(REF, TONNES, LIMIT, EXPIRY));
        _unpause(address(treasury));
        _fill("trade 1", REF, TONNES, LIMIT);
    }

    /// @dev Nothing else than the very order: no other price, amount, day, issuance, side or trader.
    function testFuzz_IsValidSignature_Foreign(bytes32 digest, bytes calldata signature) public {
        _offer(REF, TONNES, LIMIT);
        vm.assume(digest != treasury.offerOf(REF).order);
        vm.assertEq(bytes32(treasury.isValidSignature(digest, signature)), bytes32(UNSIGNED), "signed");
        IExchangeSettlement.Order memory order = _sellOrder(REF, TONNES, LIMIT - 1, EXPIRY);
        _expectUnsigned(order);
        order = _sellOrder(REF, TONNES + 1, LIMIT, EXPIRY);
        _expectUnsigned(order);
        order = _sellOrder(REF, TONNES, LIMIT, EXPIRY + 1);
        _expectUnsigned(order);
        order = _sellOrder("another", TONNES, LIMIT, EXPIRY);
        _expectUnsigned(order);
    }

    function test_IsValidSignature_BuyOrder() public {
        _offer(REF, TONNES, LIMIT);
        IExchangeSettlement.Order memory order = _sellOrder(REF, TONNES, LIMIT, EXPIRY);
        order.side = IExchangeSettlement.Side.BUY;
        _assertUnsigned(settlement.hashOrder(order));
    }

    // Helpers

    function _belowFloor(uint128 limit, uint128 floor) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IProgrammeTreasury.ProgrammeTreasuryBelowFloor.selector, REF, limit, floor);
    }

    function _assertUnsigned(bytes32 digest) private view {
        vm.assertEq(bytes32(treasury.isValidSignature(digest, "")), bytes32(UNSIGNED), "signed");
    }

    function _tooMuch(uint64 tonnes) private view returns (bytes memory) {
        uint256 transferable = reductions.transferableOf(address(treasury), ISSUANCE);
        bytes4 selector = ICertifiedReductions.CertifiedReductionsNotTransferable.selector;
        return abi.encodeWithSelector(selector, address(treasury), ISSUANCE, tonnes, transferable);
    }

    /// @dev The settlement refuses `order` for want of the treasury's signature.
    function _expectUnsigned(IExchangeSettlement.Order memory order) private {
        bytes32 digest = settlement.hashOrder(order);
        IExchangeSettlement.Execution memory execution = IExchangeSettlement.Execution("trade", 1, order.limitFen);
        (IExchangeSettlement.Order memory buy, bytes memory signature) = _matching(order, "buy", order.limitFen);
        bytes4 selector = IExchangeSettlement.ExchangeSettlementInvalidSignature.selector;
        vm.prank(EXCHANGE);
        vm.expectRevert(abi.encodeWithSelector(selector, digest, address(treasury)));
        settlement.settle(execution, order, "", buy, signature);
    }

    function _expectOffer(bytes memory reason, bytes32 ref, uint64 tonnes, uint128 limit, uint64 expiry) private {
        vm.prank(PLATFORM);
        vm.expectRevert(reason);
        treasury.offer(ref, ISSUANCE, tonnes, limit, expiry);
    }

    function _expectWithdraw(bytes memory reason) private {
        vm.prank(PLATFORM);
        vm.expectRevert(reason);
        treasury.withdrawOffer(REF);
    }
}
