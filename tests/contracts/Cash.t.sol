// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IInPerson} from "../../contracts/interfaces/IInPerson.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {ISettlementCash} from "../../contracts/interfaces/ISettlementCash.sol";
import {Roles} from "../../contracts/Roles.sol";
import {SettlementCash} from "../../contracts/SettlementCash.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev How cash comes into being: asked for by one key, confirmed by another.
contract CashTest is TradeFixture {
    address private constant TREASURY = address(0xD00D);
    bytes32 private constant BANK_REF = "transfer 1";
    uint128 private constant FEN = 123_456;

    // Roles

    function test_Restricted_EveryFunctionRefusesEveryOtherRole() public {
        bytes memory data = abi.encodeCall(cash.requestMint, (BANK_REF, seller, FEN));
        _expectOnly(Roles.EXCHANGE, address(cash), data);
        data = abi.encodeCall(cash.confirmMint, (BANK_REF, seller, FEN));
        _expectOnly(Roles.BANK, address(cash), data);
        _expectOnly(Roles.BANK, address(cash), abi.encodeCall(cash.cancelMint, (BANK_REF)));
        _expectOnly(Roles.TREASURY, address(cash), abi.encodeCall(cash.transfer, (seller, 1)));
        _expectOnly(Roles.SETTLEMENT, address(cash), abi.encodeCall(cash.transferFrom, (buyer, seller, 1)));
        _expectOnly(Roles.GUARDIAN, address(cash), abi.encodeCall(cash.pause, ()));
        _expectOnly(Roles.REGULATOR_DELAYED, address(cash), abi.encodeCall(cash.unpause, ()));
    }

    /// @dev The exchange asks as often as it likes: without the bank there is no cash.
    function testFuzz_Mint_ByTheExchangeAlone(uint128 fen) public {
        _request(BANK_REF, seller, uint128(_bound(fen, 1, type(uint128).max)));
        vm.assertEq(cash.balanceOf(seller), 0, "balance");
        vm.assertEq(cash.totalSupply(), FUNDS, "supply");
    }

    /// @dev The bank confirms what it likes: without a request there is no cash.
    function testFuzz_Mint_ByTheBankAlone(bytes32 bankRef, uint128 fen) public {
        vm.assume(cash.mintOf(bankRef).to == address(0));
        _expectConfirm(_unexpected(bankRef, ISettlementCash.MintStatus.NONE), bankRef, seller, fen);
    }

    function test_Mint_BothRolesAtOneKey() public {
        _grant(Roles.BANK, EXCHANGE);
        _request(BANK_REF, seller, FEN);
        vm.prank(EXCHANGE);
        bytes4 selector = ISettlementCash.SettlementCashSelfConfirmation.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, BANK_REF, EXCHANGE));
        cash.confirmMint(BANK_REF, seller, FEN);
        vm.prank(BANK); // another key of the role can
        vm.assertTrue(cash.confirmMint(BANK_REF, seller, FEN), "confirmed");
    }

    /// @dev Through the manager every caller looks the same, so the two keys could be one.
    function test_Mint_NotInPerson() public {
        bytes memory reason = abi.encodeWithSelector(IInPerson.InPersonRequired.selector, address(manager));
        bytes memory data = abi.encodeCall(cash.requestMint, (BANK_REF, seller, FEN));
        vm.prank(EXCHANGE);
        vm.expectRevert(reason);
        manager.execute(address(cash), data);

        _request(BANK_REF, seller, FEN);
        data = abi.encodeCall(cash.confirmMint, (BANK_REF, seller, FEN));
        vm.prank(BANK);
        vm.expectRevert(reason);
        manager.execute(address(cash), data);
    }

    // requestMint

    function testFuzz_RequestMint_Records(bytes32 bankRef, uint128 fen) public {
        vm.assume(bankRef != bytes32(0) && cash.mintOf(bankRef).to == address(0));
        fen = uint128(_bound(fen, 1, type(uint128).max));
        vm.expectEmit(address(cash));
        emit ISettlementCash.MintRequested(bankRef, seller, fen, EXCHANGE);
        vm.assertTrue(_request(bankRef, seller, fen), "requested");

        ISettlementCash.MintRequest memory request = cash.mintOf(bankRef);
        vm.assertEq(request.to, seller, "to");
        vm.assertEq(request.fen, fen, "fen");
        vm.assertEq(request.requester, EXCHANGE, "requester");
        _assertStatus(bankRef, ISettlementCash.MintStatus.REQUESTED);
    }

    function test_RequestMint_Incomplete() public {
        bytes memory reason = abi.encodeWithSelector(ISettlementCash.SettlementCashMissingReference.selector);
        _expectRequest(reason, bytes32(0), seller, FEN);
        reason = abi.encodeWithSelector(ISettlementCash.SettlementCashZeroAmount.selector, BANK_REF);
        _expectRequest(reason, BANK_REF, seller, 0);
    }

    function test_RequestMint_ToWhoMayNotHold() public {
        _expectRequest(_inactive(STRANGER, IParticipants.Status.NONE), BANK_REF, STRANGER, FEN);
        _expectRequest(_inactive(address(0), IParticipants.Status.NONE), BANK_REF, address(0), FEN);
        vm.prank(EXCHANGE);
        participants.register(ALICE, "alice", IParticipants.Kind.VOLUNTARY, "identity file");
        _expectRequest(_inactive(ALICE, IParticipants.Status.PENDING), BANK_REF, ALICE, FEN);
        _suspendParticipant(seller);
        _expectRequest(_inactive(seller, IParticipants.Status.SUSPENDED), BANK_REF, seller, FEN);
        _admit(TREASURY, "treasury", IParticipants.Kind.PROGRAMME);
        bytes4 selector = ISettlementCash.SettlementCashProgrammeAccount.selector;
        _expectRequest(abi.encodeWithSelector(selector, TREASURY), BANK_REF, TREASURY, FEN);
    }

    /// @dev Whatever came of it, a bank reference means one thing for ever.
    function test_RequestMint_UsedReference() public {
        _request(BANK_REF, seller, FEN);
        _assertUsed(BANK_REF);
        _confirm(BANK_REF, seller, FEN);
        _assertUsed(BANK_REF);

        _request("transfer 2", seller, FEN);
        _cancel("transfer 2");
        _assertUsed("transfer 2");
        _assertStatus("transfer 2", ISettlementCash.MintStatus.CANCELLED);
        vm.assertEq(cash.balanceOf(seller), FEN, "minted once");
    }

    // confirmMint

    function testFuzz_ConfirmMint_Mints(uint128 fen) public {
        fen = uint128(_bound(fen, 1, type(uint128).max));
        _request(BANK_REF, seller, fen);
        vm.expectEmit(address(cash));
        emit IERC20.Transfer(address(0), seller, fen);
        vm.expectEmit(address(cash));
        emit ISettlementCash.CashMinted(BANK_REF, seller, fen, BANK);
        vm.assertTrue(_confirm(BANK_REF, seller, fen), "confirmed");
        vm.assertEq(cash.balanceOf(seller), fen, "balance");
        vm.assertEq(cash.totalSupply(), uint256(FUNDS) + fen, "supply");
        _assertStatus(BANK_REF, ISettlementCash.MintStatus.MINTED);
    }

    function test_ConfirmMint_AgainIsNoOp() public {
        _request(BANK_REF, seller, FEN);
        _confirm(BANK_REF, seller, FEN);
        _suspendParticipant(seller); // what is done is done, whatever came after it
        vm.recordLogs();
        vm.assertFalse(_confirm(BANK_REF, seller, FEN), "confirmed again");
        _assertSilent();
        vm.assertEq(cash.balanceOf(seller), FEN, "minted once");
    }

    /// @dev Also of what was minted before.
    function testFuzz_ConfirmMint_OtherThanAsked(address to, uint128 fen) public {
        vm.assume(to != seller || fen != FEN);
        _request(BANK_REF, seller, FEN);
        bytes4 selector = ISettlementCash.SettlementCashMismatch.selector;
        bytes memory reason = abi.encodeWithSelector(selector, BANK_REF, seller, FEN);
        _expectConfirm(reason, BANK_REF, to, fen);
        _confirm(BANK_REF, seller, FEN);
        _expectConfirm(reason, BANK_REF, to, fen);
        vm.assertEq(cash.totalSupply(), FUNDS + FEN, "supply");
    }

    function test_ConfirmMint_OtherAmountOrRecipient() public {
        _request(BANK_REF, seller, FEN);
        bytes4 selector = ISettlementCash.SettlementCashMismatch.selector;
        bytes memory reason = abi.encodeWithSelector(selector, BANK_REF, seller, FEN);
        _expectConfirm(reason, BANK_REF, seller, FEN + 1);
        _expectConfirm(reason, BANK_REF, seller, FEN - 1);
        _expectConfirm(reason, BANK_REF, buyer, FEN);
    }

    function test_ConfirmMint_SuspendedSince() public {
        _request(BANK_REF, seller, FEN);
        _suspendParticipant(seller);
        _expectConfirm(_inactive(seller, IParticipants.Status.SUSPENDED), BANK_REF, seller, FEN);
    }

    function test_ConfirmMint_Cancelled() public {
        _request(BANK_REF, seller, FEN);
        _cancel(BANK_REF);
        _expectConfirm(_unexpected(BANK_REF, ISettlementCash.MintStatus.CANCELLED), BANK_REF, seller, FEN);
    }

    // cancelMint

    function test_CancelMint_ClosesForGood() public {
        _request(BANK_REF, seller, FEN);
        _pause(address(cash)); // a pause does not keep the bank from closing it
        vm.expectEmit(address(cash));
        emit ISettlementCash.MintCancelled(BANK_REF);
        vm.assertTrue(_cancel(BANK_REF), "cancelled");
        _assertStatus(BANK_REF, ISettlementCash.MintStatus.CANCELLED);
        vm.recordLogs();
        vm.assertFalse(_cancel(BANK_REF), "cancelled again");
        _assertSilent();
    }

    function test_CancelMint_NothingOpen() public {
        vm.prank(BANK);
        vm.expectRevert(_unexpected(BANK_REF, ISettlementCash.MintStatus.NONE));
        cash.cancelMint(BANK_REF);

        _request(BANK_REF, seller, FEN);
        _confirm(BANK_REF, seller, FEN);
        vm.prank(BANK);
        vm.expectRevert(_unexpected(BANK_REF, ISettlementCash.MintStatus.MINTED));
        cash.cancelMint(BANK_REF);
    }

    // The rest

    function test_Mint_WhilePaused() public {
        _request(BANK_REF, seller, FEN);
        _pause(address(cash));
        _expectRequest(_paused(), "transfer 2", seller, FEN);
        _expectConfirm(_paused(), BANK_REF, seller, FEN);
        _afterDelay(address(cash), abi.encodeCall(cash.unpause, ()));
        vm.assertTrue(_confirm(BANK_REF, seller, FEN), "confirmed");
    }

    function test_Deploy_WithoutParticipants() public {
        bytes4 selector = ISettlementCash.SettlementCashInvalidParticipants.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, STRANGER));
        new SettlementCash(address(manager), IParticipants(STRANGER));
    }

    function _request(bytes32 bankRef, address to, uint128 fen) private returns (bool) {
        vm.prank(EXCHANGE);
        return cash.requestMint(bankRef, to, fen);
    }

    function _confirm(bytes32 bankRef, address to, uint128 fen) private returns (bool) {
        vm.prank(BANK);
        return cash.confirmMint(bankRef, to, fen);
    }

    function _cancel(bytes32 bankRef) private returns (bool) {
        vm.prank(BANK);
        return cash.cancelMint(bankRef);
    }

    function _expectRequest(bytes memory reason, bytes32 bankRef, address to, uint128 fen) private {
        vm.expectRevert(reason);
        _request(bankRef, to, fen);
    }

    function _expectConfirm(bytes memory reason, bytes32 bankRef, address to, uint128 fen) private {
        vm.expectRevert(reason);
        _confirm(bankRef, to, fen);
    }

    /// @dev The same again is a no-op, another amount or recipient is refused.
    function _assertUsed(bytes32 bankRef) private {
        bytes4 selector = ISettlementCash.SettlementCashReferenceUsed.selector;
        bytes memory reason = abi.encodeWithSelector(selector, bankRef);
        _expectRequest(reason, bankRef, seller, FEN + 1);
        _expectRequest(reason, bankRef, buyer, FEN);
        vm.recordLogs();
        vm.assertFalse(_request(bankRef, seller, FEN), "requested again");
        _assertSilent();
    }

    function _assertStatus(bytes32 bankRef, ISettlementCash.MintStatus status) private view {
        vm.assertEq(uint256(cash.mintOf(bankRef).status), uint256(status), "status");
    }

    function _unexpected(
        bytes32 bankRef,
        ISettlementCash.MintStatus status
    ) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(ISettlementCash.SettlementCashUnexpectedStatus.selector, bankRef, status);
    }
}
