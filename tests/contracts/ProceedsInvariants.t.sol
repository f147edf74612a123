// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CertifiedReductions} from "../../contracts/CertifiedReductions.sol";
import {ProceedsDistributor} from "../../contracts/ProceedsDistributor.sol";
import {SettlementCash} from "../../contracts/SettlementCash.sol";
import {ProceedsHandler} from "./ProceedsHandler.sol";
import {Vm} from "./Vm.sol";

/// @dev What must hold of every fen a sale brings. I6: payouts + fee + remainder = proceeds.
contract ProceedsInvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant ACCOUNTS = 4;
    uint32 private constant ISSUANCE = 7;

    ProceedsHandler private handler;
    ProceedsDistributor private distributor;
    SettlementCash private cash;
    CertifiedReductions private reductions;
    address private treasury;
    address private buyer;
    address private feeAccount;

    function setUp() public {
        handler = new ProceedsHandler();
        (address cashAt, address reductionsAt) = handler.contracts();
        address distributorAt;
        (distributorAt, treasury, buyer, feeAccount) = handler.actors();
        (cash, reductions) = (SettlementCash(cashAt), CertifiedReductions(reductionsAt));
        distributor = ProceedsDistributor(distributorAt);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector({addr: address(handler), selectors: _actions()});
    }

    /// @dev I6, to the fen: what was paid out, the fees and what is left with the distributor are what was collected, and
    /// what is not collected yet is with the treasury.
    function invariant_ProceedsAddUpToTheFen() public view {
        ProceedsHandler.Books memory books = handler.books();
        uint256 fees = cash.balanceOf(feeAccount);
        uint256 remainder = cash.balanceOf(address(distributor));
        vm.assertEq(books.claimed + books.paidByBank + fees + remainder, books.collected, "I6");
        vm.assertEq(fees, books.fees, "fees");
        vm.assertEq(remainder, books.people - books.claimed - books.paidByBank, "remainder");
        vm.assertEq(cash.balanceOf(treasury), books.gross - books.collected, "not collected yet");
    }

    /// @dev paid <= attested <= funded, each as it was done.
    function invariant_DistributorKeepsTheBooks() public view {
        ProceedsHandler.Books memory books = handler.books();
        vm.assertEq(distributor.fundedFen(), books.people, "funded");
        vm.assertEq(distributor.fundedOf(ISSUANCE), books.people, "funded of the one issuance");
        vm.assertEq(distributor.attestedFen(), books.allocated, "attested");
        vm.assertEq(distributor.paidFen(), books.claimed + books.paidByBank, "paid");
        vm.assertLe(distributor.paidFen(), distributor.attestedFen(), "paid above attested");
        vm.assertLe(distributor.attestedFen(), distributor.fundedFen(), "attested above funded");
        uint256 paid;
        for (uint256 who = 0; who < ACCOUNTS; ++who) {
            vm.assertEq(distributor.paidOf(handler.account(who)), handler.receivedBy(who), "paid to the account");
            paid += handler.receivedBy(who);
        }
        vm.assertEq(distributor.paidFen(), paid, "paid is a sum");
    }

    /// @dev Cash comes from the bank and goes there; nothing else makes it more or less.
    function invariant_CashIsWhatTheBankHolds() public view {
        ProceedsHandler.Books memory books = handler.books();
        uint256 claimants;
        for (uint256 who = 0; who < ACCOUNTS; ++who) claimants += cash.balanceOf(handler.account(who));
        vm.assertEq(claimants, books.claimed - books.withdrawn, "claimed");
        vm.assertEq(cash.totalSupply(), books.gross - books.paidByBank - books.withdrawn, "supply");
        uint256 programme = cash.balanceOf(treasury) + cash.balanceOf(address(distributor));
        vm.assertEq(programme + cash.balanceOf(feeAccount) + claimants, cash.totalSupply(), "balances");
        vm.assertEq(cash.balanceOf(buyer), 0, "the buyer paid");
    }

    function invariant_UnitsChangeHandsWithCash() public view {
        uint256 sold = reductions.balanceOf(buyer, ISSUANCE);
        vm.assertEq(reductions.balanceOf(treasury, ISSUANCE) + sold, reductions.totalSupply(ISSUANCE), "units");
        vm.assertEq(sold == 0, handler.books().gross == 0, "both or none");
    }

    /// @dev The handler reaches every action in an ordinary run, so the invariants above are not vacuous.
    function test_ProceedsHandler_ReachesEveryAction() public {
        bytes4[] memory actions = _actions();
        uint256 seed = 1;
        for (uint256 i = 0; i < 1_000; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            bytes memory data = abi.encodePacked(actions[seed % actions.length], seed >> 8);
            (bool played, ) = address(handler).call(data);
            vm.assertTrue(played, "reverted");
        }
        string[13] memory names = [
            "rule",
            "offer",
            "withdrawOffer",
            "withdrawOffer filled",
            "fill",
            "collect",
            "collect again",
            "publish",
            "attest",
            "cancel",
            "claim",
            "pay",
            "withdraw"
        ];
        for (uint256 i = 0; i < names.length; ++i) vm.assertTrue(handler.done(names[i]) > 0, names[i]);
        vm.assertTrue(handler.books().fees > 0, "no fee");
        invariant_ProceedsAddUpToTheFen();
        invariant_DistributorKeepsTheBooks();
        invariant_CashIsWhatTheBankHolds();
        invariant_UnitsChangeHandsWithCash();
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](12);
        actions[0] = handler.rule.selector;
        actions[1] = handler.offer.selector;
        actions[2] = handler.withdrawOffer.selector;
        actions[3] = handler.fill.selector;
        actions[4] = handler.collect.selector;
        actions[5] = handler.publish.selector;
        actions[6] = handler.attest.selector;
        actions[7] = handler.cancel.selector;
        actions[8] = handler.claim.selector;
        actions[9] = handler.pay.selector;
        actions[10] = handler.withdraw.selector;
        actions[11] = handler.wait.selector;
    }
}
