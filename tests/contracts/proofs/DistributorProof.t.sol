// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlementCash} from "../../../contracts/interfaces/ISettlementCash.sol";
import {ProceedsDistributor} from "../../../contracts/ProceedsDistributor.sol";
import {OpenAuthority, Proof} from "./Proof.sol";
import {CashStub} from "./Stubs.sol";

/// @dev The tree of the active run has one leaf, with any root.
contract DistributorProof is Proof {
    ProceedsDistributor private distributor;
    CashStub private cash;

    function setUp() public {
        cash = new CashStub();
        distributor = new ProceedsDistributor(address(new OpenAuthority()), ISettlementCash(address(cash)));
        _anyState(address(distributor));
    }

    /// @dev A claim pays what the account is entitled to and was not paid, to that account, once; and never does all
    /// that was paid exceed what was attested, nor that what was funded.
    function check_ClaimPaysWhatIsDue(address account, uint128 cumulativeFen) public {
        _assumeOneLeaf();
        (uint256 before, uint256 paid) = (distributor.paidOf(account), distributor.paidFen());
        uint256 due = _claim(account, cumulativeFen);
        vm.assertEq(before + due, cumulativeFen, "due");
        vm.assertEq(distributor.paidOf(account), cumulativeFen, "paid to the account");
        vm.assertEq(distributor.paidFen(), paid + due, "paid");
        vm.assertTrue(cash.fen() == due && cash.into(account) == due, "cash");
        if (due != 0) {
            vm.assertLe(distributor.paidFen(), distributor.attestedFen(), "paid above attested");
            vm.assertLe(distributor.attestedFen(), distributor.fundedFen(), "attested above funded");
        }
        vm.assertEq(_claim(account, cumulativeFen), 0, "paid twice");
        vm.assertEq(cash.fen(), due, "cash of the second claim");
    }

    function refute_ClaimPaysAllThatIsEntitled(address account, uint128 cumulativeFen) public {
        _assumeOneLeaf();
        uint256 due = _claim(account, cumulativeFen);
        vm.assume(due != 0);
        vm.assertEq(due, cumulativeFen, "due");
    }

    /// @dev What the bank pays is due to the account, and is paid under a reference that was not used before.
    function check_PayPaysWhatIsDue(bytes32 batchRef, ProceedsDistributor.Payment memory payment) public {
        _assumeOneLeaf();
        (uint256 before, uint256 paid) = (distributor.paidOf(payment.account), distributor.paidFen());
        (, uint128 used) = distributor.payoutOf(payment.bankRef);
        vm.assume(_pay(batchRef, payment));
        vm.assertEq(used, 0, "reference");
        vm.assertTrue(payment.cumulativeFen > before, "nothing due");
        vm.assertEq(distributor.paidOf(payment.account), payment.cumulativeFen, "paid to the account");
        vm.assertEq(distributor.paidFen(), paid + payment.cumulativeFen - before, "paid");
        vm.assertLe(distributor.paidFen(), distributor.attestedFen(), "paid above attested");
        vm.assertLe(distributor.attestedFen(), distributor.fundedFen(), "attested above funded");
    }

    function refute_PayNeverPays(bytes32 batchRef, ProceedsDistributor.Payment memory payment) public {
        _assumeOneLeaf();
        vm.assertFalse(_pay(batchRef, payment), "paid");
    }

    function _pay(bytes32 batchRef, ProceedsDistributor.Payment memory payment) private returns (bool) {
        payment.proof = new bytes32[](0);
        ProceedsDistributor.Payment[] memory payments = new ProceedsDistributor.Payment[](1);
        payments[0] = payment;
        return distributor.pay(batchRef, payments);
    }

    function _claim(address account, uint128 cumulativeFen) private returns (uint256) {
        vm.prank(account);
        return distributor.claim(cumulativeFen, 0, new bytes32[](0));
    }

    function _assumeOneLeaf() private view {
        vm.assume(distributor.runOf(distributor.activeRun()).size == 1);
    }
}
