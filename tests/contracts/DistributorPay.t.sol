// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IInPerson} from "../../contracts/interfaces/IInPerson.sol";
import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {MerkleLog} from "../../contracts/MerkleLog.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

contract DistributorPayTest is ProceedsFixture {
    uint128 private constant FUNDED = 10_000;
    bytes32 private constant BATCH = "batch 1";

    bytes32[] private leaves;

    function setUp() public override {
        super.setUp();
        _earn(FUNDED);
        leaves = _list(_share(ALICE, 1_000), _share(BOB, 2_000));
        _activeTree(1, leaves, 3_000);
    }

    // Who, what and how many

    function test_Pay_ByAnybodyButTheBank() public {
        address[7] memory others = [PLATFORM, VERIFIER, REGULATOR, EXCHANGE, GUARDIAN, ALICE, address(treasury)];
        IProceedsDistributor.Payment[] memory payments = _alices("tx 1");
        for (uint256 i = 0; i < others.length; ++i) _expectFrom(others[i], _unauthorized(others[i]), BATCH, payments);
    }

    function test_Pay_ThroughTheManager() public {
        bytes memory data = abi.encodeCall(distributor.pay, (BATCH, _alices("tx 1")));
        vm.prank(BANK);
        vm.expectRevert(abi.encodeWithSelector(IInPerson.InPersonRequired.selector, address(manager)));
        manager.execute(address(distributor), data);
    }

    function test_Pay_WhilePaused() public {
        _pause(address(distributor));
        _expect(_paused(), BATCH, _alices("tx 1"));
    }

    function test_Pay_WhileTheCashIsPaused() public {
        _pause(address(cash));
        _expect(_paused(), BATCH, _alices("tx 1"));
        vm.assertEq(distributor.paidOf(ALICE), 0, "paid");
    }

    function test_Pay_NoneOrTooMany() public {
        bytes4 selector = IProceedsDistributor.ProceedsDistributorPaymentCount.selector;
        _expect(abi.encodeWithSelector(selector, 0, 64), BATCH, new IProceedsDistributor.Payment[](0));
        _expect(abi.encodeWithSelector(selector, 65, 64), BATCH, new IProceedsDistributor.Payment[](65));
    }

    function test_Pay_MissingReference() public {
        bytes memory missing = abi.encodeWithSelector(
            IProceedsDistributor.ProceedsDistributorMissingReference.selector
        );
        _expect(missing, 0, _alices("tx 1"));
        _expect(missing, BATCH, _alices(0));
    }

    function test_Pay_WithoutAProof() public {
        IProceedsDistributor.Payment[] memory payments = _alices("tx 1");
        payments[0].proof = new bytes32[](0);
        _expect(abi.encodeWithSelector(MerkleLog.MerkleLogProofLength.selector, 1, 0), BATCH, payments);

        payments = _alices("tx 1");
        payments[0].cumulativeFen = 1_001;
        bytes32 computed = MerkleTree.nodeHash(_share(ALICE, 1_001), leaves[1]);
        bytes4 selector = MerkleLog.MerkleLogRootMismatch.selector;
        _expect(abi.encodeWithSelector(selector, MerkleTree.root(leaves), computed), BATCH, payments);
    }

    // References

    function test_Pay_UsedBankReference() public {
        _pay(BATCH, _alices("tx 1"));
        _expect(_bankReferenceUsed("tx 1"), "batch 2", _bobs("tx 1"));
    }

    function test_Pay_BankReferenceTwiceInOneCall() public {
        _expect(_bankReferenceUsed("tx 1"), BATCH, _both("tx 1", "tx 1"));
        vm.assertEq(distributor.paidOf(ALICE), 0, "nobody is paid");
    }

    function test_Pay_UsedBatchReference() public {
        _pay(BATCH, _alices("tx 1"));
        bytes4 selector = IProceedsDistributor.ProceedsDistributorReferenceUsed.selector;
        bytes memory used = abi.encodeWithSelector(selector, BATCH);
        _expect(used, BATCH, _bobs("tx 2"));
        _expect(used, BATCH, _alices("tx 2"));
        _expect(used, BATCH, _both("tx 1", "tx 2"));
        IProceedsDistributor.Payment[] memory payments = _alices("tx 1");
        payments[0].cumulativeFen = 1_001;
        _expect(used, BATCH, payments);
    }

    /// @dev Every payment of a batch counts, and their order.
    function test_Pay_UsedBatchReferenceOfSeveralPayments() public {
        IProceedsDistributor.Payment[] memory payments = _both("tx 1", "tx 2");
        _pay(BATCH, payments);
        bytes4 selector = IProceedsDistributor.ProceedsDistributorReferenceUsed.selector;
        bytes memory used = abi.encodeWithSelector(selector, BATCH);
        _expect(used, BATCH, _alices("tx 1"));
        _expect(used, BATCH, _bobs("tx 2"));
        _expect(used, BATCH, _both("tx 3", "tx 2"));
        (payments[0], payments[1]) = (payments[1], payments[0]);
        _expect(used, BATCH, payments);
    }

    /// @dev A batch that is sent again, also with the proofs of a later run, changes nothing.
    function test_Pay_AgainIsNoOp() public {
        IProceedsDistributor.Payment[] memory payments = _both("tx 1", "tx 2");
        _pay(BATCH, payments);
        _activeTree(2, _list(_share(BOB, 2_000), _share(ALICE, 1_500)), 3_500);
        payments[0].proof = new bytes32[](3);
        payments[1].index = 7;
        vm.recordLogs();
        vm.prank(BANK);
        vm.assertFalse(distributor.pay(BATCH, payments), "paid again");
        _assertSilent();
        vm.assertEq(distributor.paidFen(), 3_000, "paid");
    }

    // Once only

    function test_Pay_WhatWasClaimed() public {
        _claim(ALICE, 1_000, 0, MerkleTree.proof(leaves, 0));
        _expect(_nothingDue(ALICE, 1_000, "tx 1"), BATCH, _alices("tx 1"));
        _expect(_nothingDue(ALICE, 1_000, "tx 1"), BATCH, _both("tx 1", "tx 2"));
        vm.assertEq(distributor.paidOf(BOB), 0, "the whole batch is refused");
    }

    function test_Pay_WhatWasPaid() public {
        _pay(BATCH, _alices("tx 1"));
        _expect(_nothingDue(ALICE, 1_000, "tx 2"), "batch 2", _alices("tx 2"));
    }

    function test_Pay_OneAccountTwiceInOneCall() public {
        IProceedsDistributor.Payment[] memory payments = _both("tx 1", "tx 2");
        payments[1] = _alices("tx 2")[0];
        _expect(_nothingDue(ALICE, 1_000, "tx 2"), BATCH, payments);
    }

    function test_Claim_WhatTheBankPaid() public {
        _pay(BATCH, _alices("tx 1"));
        vm.recordLogs();
        vm.assertEq(_claim(ALICE, 1_000, 0, MerkleTree.proof(leaves, 0)), 0, "claimed");
        _assertSilent();
        vm.assertEq(cash.balanceOf(ALICE), 0, "balance");
    }

    function test_Pay_Regressed() public {
        _pay(BATCH, _alices("tx 1"));
        leaves = _list(_share(ALICE, 999), _share(BOB, 3_000));
        _activeTree(2, leaves, 3_999);
        IProceedsDistributor.Payment[] memory payments = _alices("tx 2");
        payments[0].cumulativeFen = 999;
        bytes4 selector = IProceedsDistributor.ProceedsDistributorEntitlementRegressed.selector;
        _expect(abi.encodeWithSelector(selector, ALICE, 999, 1_000), "batch 2", payments);
    }

    // Totals

    function test_Pay_AboveTheAttestedTotal() public {
        leaves = _list(_share(ALICE, 1_000), _share(BOB, 2_501));
        _activeTree(2, leaves, 3_500);
        IProceedsDistributor.Payment[] memory payments = _both("tx 1", "tx 2");
        payments[1].cumulativeFen = 2_501;
        _expect(_overdrawn(3_501, 3_500), BATCH, payments);
    }

    /// @dev The sum is compared before it could overflow.
    function test_Pay_AboveTheAttestedTotalByTheLargestAmounts() public {
        uint128 most = type(uint128).max;
        leaves = _list(_share(ALICE, most), _share(BOB, most));
        _activeTree(2, leaves, FUNDED);
        IProceedsDistributor.Payment[] memory payments = _both("tx 1", "tx 2");
        (payments[0].cumulativeFen, payments[1].cumulativeFen) = (most, most);
        _expect(_overdrawn(2 * uint256(most), FUNDED), BATCH, payments);
    }

    function test_Pay_TheLargestAmount() public {
        uint128 most = type(uint128).max;
        _earn(most - FUNDED);
        leaves = _list(_share(ALICE, most - 2_000), _share(BOB, 2_000));
        _activeTree(2, leaves, most);
        IProceedsDistributor.Payment[] memory payments = _both("tx 1", "tx 2");
        payments[0].cumulativeFen = most - 2_000;
        _pay(BATCH, payments);
        vm.assertEq(cash.burnOf(address(distributor), BATCH), most, "burnt");
        vm.assertEq(distributor.paidFen(), most, "paid");
    }

    function test_Pay_AboveTheCashHeld() public {
        _mockHeld(FUNDED - 1);
        _expect(_insolvent(FUNDED - 1, FUNDED), BATCH, _both("tx 1", "tx 2"));
    }

    function test_Pay_MarksAndBurns() public {
        uint256 supply = cash.totalSupply();
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.ProceedsPaid(ALICE, "tx 1", 1_000, 1_000, BATCH);
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.ProceedsPaid(BOB, "tx 2", 2_000, 2_000, BATCH);
        _pay(BATCH, _both("tx 1", "tx 2"));

        (address account, uint128 fen) = distributor.payoutOf("tx 2");
        vm.assertEq(account, BOB, "account");
        vm.assertEq(fen, 2_000, "payout");
        vm.assertEq(distributor.paidOf(ALICE), 1_000, "paid to Alice");
        vm.assertEq(distributor.paidFen(), 3_000, "paid");
        vm.assertEq(cash.burnOf(address(distributor), BATCH), 3_000, "burnt");
        vm.assertEq(cash.totalSupply(), supply - 3_000, "supply");
        vm.assertEq(cash.balanceOf(address(distributor)), FUNDED - 3_000, "held");
        vm.assertEq(cash.balanceOf(ALICE), 0, "no cash for what the bank paid");
    }

    function test_Pay_OnlyWhatWasAddedSince() public {
        _pay(BATCH, _alices("tx 1"));
        leaves = _list(_share(ALICE, 1_700), _share(BOB, 2_000));
        _activeTree(2, leaves, 3_700);
        IProceedsDistributor.Payment[] memory payments = _alices("tx 2");
        payments[0].cumulativeFen = 1_700;
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.ProceedsPaid(ALICE, "tx 2", 700, 1_700, "batch 2");
        _pay("batch 2", payments);
        vm.assertEq(cash.burnOf(address(distributor), "batch 2"), 700, "burnt");
    }

    // Helpers

    function _alices(bytes32 bankRef) private view returns (IProceedsDistributor.Payment[] memory payments) {
        payments = new IProceedsDistributor.Payment[](1);
        payments[0] = _payment(ALICE, 1_000, 0, bankRef, MerkleTree.proof(leaves, 0));
    }

    function _bobs(bytes32 bankRef) private view returns (IProceedsDistributor.Payment[] memory payments) {
        payments = new IProceedsDistributor.Payment[](1);
        payments[0] = _payment(BOB, 2_000, 1, bankRef, MerkleTree.proof(leaves, 1));
    }

    function _both(bytes32 first, bytes32 second) private view returns (IProceedsDistributor.Payment[] memory both) {
        both = new IProceedsDistributor.Payment[](2);
        (both[0], both[1]) = (_alices(first)[0], _bobs(second)[0]);
    }

    function _nothingDue(address account, uint128 fen, bytes32 bankRef) private pure returns (bytes memory) {
        bytes4 selector = IProceedsDistributor.ProceedsDistributorNothingDue.selector;
        return abi.encodeWithSelector(selector, account, fen, bankRef);
    }

    function _bankReferenceUsed(bytes32 bankRef) private pure returns (bytes memory) {
        bytes4 selector = IProceedsDistributor.ProceedsDistributorBankReferenceUsed.selector;
        return abi.encodeWithSelector(selector, bankRef);
    }

    function _expect(bytes memory reason, bytes32 batchRef, IProceedsDistributor.Payment[] memory payments) private {
        _expectFrom(BANK, reason, batchRef, payments);
    }

    function _expectFrom(
        address caller,
        bytes memory reason,
        bytes32 batchRef,
        IProceedsDistributor.Payment[] memory payments
    ) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        distributor.pay(batchRef, payments);
    }
}
