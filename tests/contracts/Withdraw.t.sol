// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {UnitsFixture} from "./UnitsFixture.sol";
import {Vm} from "./Vm.sol";

/// @dev Units of a cancelled issuance are burnt holder by holder, and every serial is named.
contract WithdrawTest is UnitsFixture {
    function setUp() public override {
        super.setUp();
        _issue(ISSUANCE, 1_234);
        _give(SELLER, ISSUANCE, 300);
    }

    function test_Withdraw_OfWhatIsNotCancelled() public {
        vm.expectRevert(_unexpected(ISSUANCE, ICertifiedReductions.IssuanceStatus.ACTIVE));
        reductions.withdraw(ISSUANCE, SELLER);
        _suspend(ISSUANCE);
        vm.expectRevert(_unexpected(ISSUANCE, ICertifiedReductions.IssuanceStatus.SUSPENDED));
        reductions.withdraw(ISSUANCE, SELLER);
        vm.expectRevert(_unexpected(2, ICertifiedReductions.IssuanceStatus.NONE));
        reductions.withdraw(2, SELLER);
    }

    /// @dev Anyone may, also while paused; what is frozen goes too, what was retired stays retired.
    function test_Withdraw_HeldListedAndFrozen() public {
        _retire(SELLER, ISSUANCE, 40);
        _list(SELLER, ISSUANCE, 60);
        _freeze(SELLER, ISSUANCE, 200);
        _suspend(ISSUANCE);
        _cancel(ISSUANCE);
        _pause(address(reductions));

        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, SELLER, HELD, CANCELLED, 101, 300);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, SELLER, LISTED, CANCELLED, 41, 100);
        vm.expectEmit(address(reductions));
        emit IERC1155.TransferSingle(STRANGER, SELLER, address(0), ISSUANCE, 260);
        vm.prank(STRANGER);
        vm.assertEq(reductions.withdraw(ISSUANCE, SELLER), 260, "withdrawn");

        _assertRanges(SELLER, ISSUANCE, CANCELLED, _ranges(41, 300), "cancelled");
        _assertRanges(SELLER, ISSUANCE, RETIRED, _ranges(1, 40), "retired");
        _assertNothing(SELLER, ISSUANCE, HELD);
        _assertNothing(SELLER, ISSUANCE, LISTED);
        _assertRanges(TREASURY, ISSUANCE, HELD, _ranges(301, 1_234), "another holder's");
        vm.assertEq(reductions.balanceOf(SELLER, ISSUANCE), 0, "balance");
        vm.assertEq(reductions.listedOf(SELLER, ISSUANCE), 0, "listed");
        _assertTotals(40, 260, 934);
    }

    function test_Withdraw_AgainIsNoOp() public {
        _suspend(ISSUANCE);
        _cancel(ISSUANCE);
        reductions.withdraw(ISSUANCE, SELLER);
        vm.recordLogs();
        vm.assertEq(reductions.withdraw(ISSUANCE, SELLER), 0, "again");
        vm.assertEq(reductions.withdraw(ISSUANCE, BUYER), 0, "nothing ever");
        _assertSilent();
        _assertTotals(0, 300, 934);
    }

    /// @dev 25 ranges held and 15 listed take three calls; every serial of them is named once.
    function test_Withdraw_InSeveralSteps() public {
        _scatter(BUYER, THIRD, ISSUANCE, 15);
        _list(BUYER, ISSUANCE, 15);
        _scatter(BUYER, THIRD, ISSUANCE, 25);
        _suspend(ISSUANCE);
        _cancel(ISSUANCE);

        uint64 serial = 332; // the first of those that are not listed
        vm.assertEq(_withdrawn(16, HELD, serial), 16, "first step");
        vm.recordLogs();
        vm.assertEq(reductions.withdraw(ISSUANCE, BUYER), 16, "second step");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint64 i = 0; i < 9; ++i) _assertWithdrawn(logs[i], HELD, 364 + 2 * i);
        for (uint64 i = 0; i < 7; ++i) _assertWithdrawn(logs[9 + i], LISTED, 302 + 2 * i);
        vm.assertEq(reductions.listedOf(BUYER, ISSUANCE), 8, "listed");
        vm.assertEq(_withdrawn(8, LISTED, 316), 8, "third step");
        vm.assertEq(reductions.withdraw(ISSUANCE, BUYER), 0, "done");
        vm.assertEq(reductions.rangesOf(BUYER, ISSUANCE, CANCELLED, 0, 100).length, 40, "all of them");
        _assertTotals(0, 40, 1_194);
    }

    /// @dev When all holders have withdrawn, retired and cancelled are all that was issued.
    function test_Withdraw_ByAllHolders() public {
        _retire(SELLER, ISSUANCE, 100);
        _suspend(ISSUANCE);
        _cancel(ISSUANCE);
        vm.assertEq(reductions.withdraw(ISSUANCE, TREASURY), 934, "treasury");
        vm.assertEq(reductions.withdraw(ISSUANCE, SELLER), 200, "seller");
        _assertTotals(100, 1_134, 0);
    }

    function _withdrawn(
        uint256 count,
        ICertifiedReductions.Place place,
        uint64 serial
    ) private returns (uint256 tonnes) {
        vm.recordLogs();
        tonnes = reductions.withdraw(ISSUANCE, BUYER);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, count + 1, "a range each, and the burning");
        for (uint64 i = 0; i < count; ++i) _assertWithdrawn(logs[i], place, serial + 2 * i);
    }

    function _assertWithdrawn(Vm.Log memory log, ICertifiedReductions.Place place, uint64 serial) private pure {
        vm.assertEq(log.topics[0], ICertifiedReductions.SerialsMoved.selector, "event");
        vm.assertEq(log.topics[2], bytes32(uint256(uint160(BUYER))), "from");
        vm.assertEq(log.topics[3], bytes32(uint256(uint160(BUYER))), "to");
        vm.assertEq(keccak256(log.data), keccak256(abi.encode(place, CANCELLED, serial, serial)), "range");
    }

    function _assertTotals(uint256 retired, uint256 cancelled, uint256 supply) private view {
        vm.assertEq(reductions.issuanceOf(ISSUANCE).retired, retired, "retired");
        vm.assertEq(reductions.issuanceOf(ISSUANCE).cancelled, cancelled, "cancelled");
        vm.assertEq(reductions.totalSupply(ISSUANCE), supply, "supply");
    }
}
