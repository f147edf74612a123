// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipants} from "../../../contracts/interfaces/IParticipants.sol";
import {ISettlementCash} from "../../../contracts/interfaces/ISettlementCash.sol";
import {SettlementCash} from "../../../contracts/SettlementCash.sol";
import {OpenAuthority, Proof} from "./Proof.sol";
import {ParticipantsStub} from "./Stubs.sol";

contract CashProof is Proof {
    SettlementCash private cash;

    function setUp() public {
        IParticipants participants = IParticipants(address(new ParticipantsStub()));
        cash = new SettlementCash(address(new OpenAuthority()), participants);
        _anyState(address(cash));
    }

    /// @dev Cash is made by confirming what another account asked for; and once it is made, no call of anybody makes
    /// the request anything else than minted, nor does a second confirmation make cash.
    function check_CashIsConfirmedOnce(
        bytes32 bankRef,
        address to,
        uint128 fen,
        address bank,
        address anyone
    ) public {
        ISettlementCash.MintRequest memory asked = cash.mintOf(bankRef);
        (uint256 supply, uint256 balance) = (cash.totalSupply(), cash.balanceOf(to));
        _confirm(bankRef, to, fen, bank);
        vm.assertTrue(asked.status == ISettlementCash.MintStatus.REQUESTED && asked.requester != bank, "request");
        vm.assertTrue(asked.to == to && asked.fen == fen, "what was asked for");
        unchecked {
            vm.assertEq(cash.totalSupply() - supply, fen, "supply");
            vm.assertEq(cash.balanceOf(to) - balance, fen, "balance");
        }
        _callAnything(address(cash), "SettlementCash", anyone);
        vm.assertTrue(cash.mintOf(bankRef).status == ISettlementCash.MintStatus.MINTED, "minted for good");
        supply = cash.totalSupply();
        vm.prank(bank);
        (bool called, bytes memory answer) = address(cash).call(abi.encodeCall(cash.confirmMint, (bankRef, to, fen)));
        vm.assertFalse(called && abi.decode(answer, (bool)), "confirmed twice");
        vm.assertEq(cash.totalSupply(), supply, "minted twice");
    }

    function refute_CashIsNeverConfirmed(bytes32 bankRef, address to, uint128 fen, address bank) public {
        uint256 supply = cash.totalSupply();
        _confirm(bankRef, to, fen, bank);
        vm.assertEq(cash.totalSupply(), supply, "supply");
    }

    /// @dev Only a confirmation makes cash and only a burn unmakes it.
    function check_OnlyMintsAndBurnsChangeSupply(address caller) public {
        uint256 supply = cash.totalSupply();
        bytes4 verb = _callAnything(address(cash), "SettlementCash", caller);
        if (verb == cash.confirmMint.selector) return vm.assertLe(supply, cash.totalSupply(), "mint");
        bool burns = verb == cash.burn.selector || verb == cash.burnFor.selector;
        if (!burns) vm.assertEq(cash.totalSupply(), supply, "supply");
    }

    /// @dev What a transfer takes from one it gives to the other, and no third account has to do with it.
    function check_TransfersConserveCash(address from, address to, address third, uint256 fen) public {
        vm.assume(from != to && third != from && third != to);
        (uint256 ofFrom, uint256 ofTo) = (cash.balanceOf(from), cash.balanceOf(to));
        (uint256 ofThird, uint256 supply) = (cash.balanceOf(third), cash.totalSupply());
        cash.transferFrom(from, to, fen);
        unchecked {
            vm.assertEq(ofFrom - cash.balanceOf(from), fen, "from");
            vm.assertEq(cash.balanceOf(to) - ofTo, fen, "to");
        }
        vm.assertLe(fen, ofFrom, "more than there was");
        vm.assertEq(cash.balanceOf(third), ofThird, "third");
        vm.assertEq(cash.totalSupply(), supply, "supply");
    }

    function refute_NoCallMovesCash(address caller, address one) public {
        uint256 ofOne = cash.balanceOf(one);
        _callAnything(address(cash), "SettlementCash", caller);
        vm.assertEq(cash.balanceOf(one), ofOne, "balance");
    }

    function _confirm(bytes32 bankRef, address to, uint128 fen, address bank) private {
        vm.prank(bank);
        vm.assume(cash.confirmMint(bankRef, to, fen));
    }
}
