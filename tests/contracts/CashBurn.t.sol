// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ISettlementCash} from "../../contracts/interfaces/ISettlementCash.sol";
import {Roles} from "../../contracts/Roles.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev How cash goes: burnt by its holder or in its name, moved by the programme's contracts alone.
contract CashBurnTest is TradeFixture {
    address private constant PROGRAMME = address(0xD00D); // stands in for the treasury's contracts
    bytes32 private constant REF = "payout 1";
    uint128 private constant FEN = 1_000;

    function _handOver() internal override {
        manager.grantRole(Roles.TREASURY, PROGRAMME, 0);
        super._handOver();
    }

    // burn

    function testFuzz_Burn_UpToAllThereIs(uint128 fen, bytes32 ref) public {
        vm.assume(ref != bytes32(0));
        fen = uint128(_bound(fen, 1, FUNDS));
        vm.expectEmit(address(cash));
        emit IERC20.Transfer(buyer, address(0), fen);
        vm.expectEmit(address(cash));
        emit ISettlementCash.CashBurnt(buyer, ref, fen);
        vm.assertTrue(_burn(fen, ref), "burnt");
        _assertBurnt(fen, ref);
    }

    function testFuzz_Burn_MoreThanHeld(uint128 fen) public {
        fen = uint128(_bound(fen, uint256(FUNDS) + 1, type(uint128).max));
        vm.expectRevert(_insufficientCash(buyer, FUNDS, fen));
        _burn(fen, REF);
        vm.prank(STRANGER);
        vm.expectRevert(_insufficientCash(STRANGER, 0, 1));
        cash.burn(1, REF);
    }

    function test_Burn_Incomplete() public {
        vm.expectRevert(_bareError(ISettlementCash.SettlementCashMissingReference.selector));
        _burn(FEN, bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(ISettlementCash.SettlementCashZeroAmount.selector, REF));
        _burn(0, REF);
    }

    function test_Burn_UsedReference() public {
        _burn(FEN, REF);
        vm.expectRevert(_used(buyer));
        _burn(FEN + 1, REF);
        vm.expectRevert(_used(buyer));
        _burn(0, REF);
        vm.recordLogs();
        vm.assertFalse(_burn(FEN, REF), "burnt again");
        _assertSilent();
        _assertBurnt(FEN, REF);
    }

    /// @dev A reference is its holder's, not everybody's.
    function test_Burn_SameReferenceOfAnotherHolder() public {
        _burn(FEN, REF);
        _mint(seller, FEN);
        vm.prank(seller);
        vm.assertTrue(cash.burn(FEN, REF), "burnt");
        vm.assertEq(cash.burnOf(seller, REF), FEN, "seller's");
    }

    /// @dev A suspended participant trades no more, and still gets its money back.
    function test_Burn_Suspended() public {
        _suspendParticipant(buyer);
        vm.assertTrue(_burn(FUNDS, REF), "burnt");
        vm.assertEq(cash.totalSupply(), 0, "supply");
    }

    function test_Burn_WhilePaused() public {
        _pause(address(cash));
        vm.expectRevert(_paused());
        _burn(FEN, REF);
    }

    // What ERC-20 offers

    function test_Metadata() public view {
        vm.assertEq(uint256(cash.decimals()), 2, "decimals");
        vm.assertEq(keccak256(bytes(cash.name())), keccak256("Puhui Settlement Cash"), "name");
        vm.assertEq(keccak256(bytes(cash.symbol())), keccak256("PSC"), "symbol");
        bytes32 typeHash = keccak256("Withdrawal(address holder,uint128 fen,bytes32 ref,uint256 deadline)");
        vm.assertEq(cash.WITHDRAWAL_TYPEHASH(), typeHash, "type hash");
    }

    function testFuzz_Approve_Refused(address holder, address spender, uint256 fen) public {
        vm.prank(holder);
        vm.expectRevert(_bareError(ISettlementCash.SettlementCashNoAllowance.selector));
        cash.approve(spender, fen);
        vm.assertEq(cash.allowance(holder, spender), 0, "allowance");
    }

    function testFuzz_Move_ByStrangers(address caller, address to, uint256 fen) public {
        vm.assume(caller != PROGRAMME && caller != address(settlement));
        vm.startPrank(caller);
        vm.expectRevert(_unauthorized(caller));
        cash.transfer(to, fen);
        vm.expectRevert(_unauthorized(caller));
        cash.transferFrom(buyer, to, fen);
        vm.stopPrank();
        vm.prank(buyer);
        vm.expectRevert(_unauthorized(buyer));
        cash.transfer(to, fen);
    }

    function test_Transfer_ByTheProgramme() public {
        vm.prank(address(settlement));
        cash.transferFrom(buyer, PROGRAMME, FEN);
        vm.startPrank(PROGRAMME);
        vm.expectRevert(_insufficientCash(PROGRAMME, FEN, FEN + 1));
        cash.transfer(ALICE, FEN + 1);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        cash.transfer(address(0), 1);
        vm.expectEmit(address(cash));
        emit IERC20.Transfer(PROGRAMME, ALICE, FEN);
        vm.assertTrue(cash.transfer(ALICE, FEN), "transferred");
        vm.assertEq(cash.balanceOf(ALICE), FEN, "balance");
    }

    /// @dev The two roles that move cash move it each in its own way.
    function test_Move_ByTheOtherRole() public {
        vm.prank(PROGRAMME);
        vm.expectRevert(_unauthorized(PROGRAMME));
        cash.transferFrom(buyer, PROGRAMME, 1);
        vm.prank(address(settlement));
        vm.expectRevert(_unauthorized(address(settlement)));
        cash.transfer(seller, 1);
    }

    function test_Move_WhilePaused() public {
        _pause(address(cash));
        vm.prank(PROGRAMME);
        vm.expectRevert(_paused());
        cash.transfer(ALICE, 0);
        vm.prank(address(settlement));
        vm.expectRevert(_paused());
        cash.transferFrom(buyer, seller, 1);
    }

    function _burn(uint128 fen, bytes32 ref) private returns (bool) {
        vm.prank(buyer);
        return cash.burn(fen, ref);
    }

    function _used(address holder) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlementCash.SettlementCashBurnReferenceUsed.selector, holder, REF);
    }

    function _assertBurnt(uint128 fen, bytes32 ref) private view {
        vm.assertEq(cash.burnOf(buyer, ref), fen, "recorded");
        vm.assertEq(cash.balanceOf(buyer), FUNDS - fen, "balance");
        vm.assertEq(cash.totalSupply(), FUNDS - fen, "supply");
    }
}
