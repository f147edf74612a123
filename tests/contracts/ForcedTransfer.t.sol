// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {UnitsFixture} from "./UnitsFixture.sol";
import {Vm} from "./Vm.sol";

/// @dev The regulator moves units. SELLER has 300 t: 1 to 120 are listed, 121 to 300 held.
contract ForcedTransferTest is UnitsFixture {
    function setUp() public override {
        super.setUp();
        _issue(ISSUANCE, 1_234);
        _give(SELLER, ISSUANCE, 300);
        _list(SELLER, ISSUANCE, 120);
    }

    function test_ForcedTransfer_ByAnybodyElse() public {
        vm.prank(STRANGER);
        vm.expectRevert(_unauthorized(STRANGER));
        reductions.forcedTransfer(SELLER, BUYER, ISSUANCE, 1, REASON);
    }

    function test_ForcedTransfer_WithoutItsDelay() public {
        bytes32 operation = manager.hashOperation(REGULATOR, address(reductions), _data(SELLER, BUYER, 1));
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, operation));
        reductions.forcedTransfer(SELLER, BUYER, ISSUANCE, 1, REASON);

        vm.prank(REGULATOR);
        manager.schedule(address(reductions), _data(SELLER, BUYER, 1), 0);
        vm.warp(block.timestamp + REGULATOR_DELAY - 1);
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotReady.selector, operation));
        reductions.forcedTransfer(SELLER, BUYER, ISSUANCE, 1, REASON);
    }

    /// @dev The guardian is the role's guardian: it cancels what the regulator scheduled, and nothing moves.
    function test_ForcedTransfer_CancelledByTheGuardian() public {
        bytes memory data = _data(SELLER, BUYER, 100);
        bytes32 operation = manager.hashOperation(REGULATOR, address(reductions), data);
        vm.prank(REGULATOR);
        manager.schedule(address(reductions), data, 0);

        vm.prank(STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessManager.AccessManagerUnauthorizedCancel.selector,
                STRANGER,
                REGULATOR,
                address(reductions),
                reductions.forcedTransfer.selector
            )
        );
        manager.cancel(REGULATOR, address(reductions), data);
        vm.prank(GUARDIAN);
        manager.cancel(REGULATOR, address(reductions), data);

        vm.warp(block.timestamp + REGULATOR_DELAY);
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, operation));
        manager.execute(address(reductions), data);
        vm.assertEq(reductions.balanceOf(SELLER, ISSUANCE), 300, "nothing moved");
    }

    function test_ForcedTransfer_OfWhatIsHeld() public {
        _ready(SELLER, BUYER, 100);
        vm.expectEmit(address(reductions));
        emit IERC1155.TransferSingle(address(manager), SELLER, BUYER, ISSUANCE, 100);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, BUYER, HELD, HELD, 121, 220);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.UnitsForced(SELLER, BUYER, ISSUANCE, 100, REASON);
        _execute(SELLER, BUYER, 100);
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(121, 220), "moved");
        _assertPosition(200, 120, 0);
    }

    /// @dev Once a schedule: it cannot be executed again.
    function test_ForcedTransfer_Again() public {
        _force(SELLER, BUYER, 100);
        bytes memory data = _data(SELLER, BUYER, 100);
        bytes32 operation = manager.hashOperation(REGULATOR, address(reductions), data);
        vm.prank(REGULATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, operation));
        manager.execute(address(reductions), data);
    }

    /// @dev 180 held, then the 20 lowest of those listed.
    function test_ForcedTransfer_HeldFirstThenListed() public {
        _ready(SELLER, BUYER, 200);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, BUYER, HELD, HELD, 121, 300);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, BUYER, LISTED, HELD, 1, 20);
        _execute(SELLER, BUYER, 200);
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(1, 20, 121, 300), "moved");
        _assertRanges(SELLER, ISSUANCE, LISTED, _ranges(21, 120), "still listed");
        _assertPosition(100, 100, 0);
    }

    function test_ForcedTransfer_OfEverything() public {
        _force(SELLER, BUYER, 300);
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(1, 300), "moved");
        _assertNothing(SELLER, ISSUANCE, HELD);
        _assertNothing(SELLER, ISSUANCE, LISTED);
        _assertPosition(0, 0, 0);
    }

    /// @dev 250 of 300 are frozen. After 30 there are 270 left, and 250 of them stay frozen.
    function test_ForcedTransfer_KeepsTheFreezeItCanKeep() public {
        _freeze(SELLER, ISSUANCE, 250);
        _force(SELLER, BUYER, 30);
        _assertPosition(270, 120, 250);
        _ready(SELLER, BUYER, 20);
        vm.recordLogs();
        _execute(SELLER, BUYER, 20);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            vm.assertNotEq(logs[i].topics[0], ICertifiedReductions.UnitsFrozen.selector, "frozen as before");
        }
        _assertPosition(250, 120, 250);
    }

    function test_ForcedTransfer_LowersTheFreezeToWhatIsLeft() public {
        _freeze(SELLER, ISSUANCE, 250);
        _ready(SELLER, BUYER, 190);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.UnitsFrozen(SELLER, ISSUANCE, 110, REASON);
        _execute(SELLER, BUYER, 190);
        _assertPosition(110, 110, 110);
    }

    function test_ForcedTransfer_OfAParticipantWhoIsSuspended() public {
        _suspendParticipant(SELLER);
        _force(SELLER, BUYER, 300);
        _assertPosition(0, 0, 0);
    }

    function test_ForcedTransfer_ToWhoeverIsNotActive() public {
        _expectRefused(SELLER, STRANGER, 1, REASON, _inactive(STRANGER, IParticipants.Status.NONE));
        _suspendParticipant(BUYER);
        _expectRefused(SELLER, BUYER, 1, REASON, _inactive(BUYER, IParticipants.Status.SUSPENDED));
    }

    function test_ForcedTransfer_Refused() public {
        _expectRefused(SELLER, BUYER, 0, REASON, _zeroAmount(SELLER, ISSUANCE));
        _expectRefused(SELLER, BUYER, 301, REASON, _insufficient(SELLER, 300, 301, ISSUANCE));
        _expectRefused(SELLER, BUYER, ALL, REASON, _insufficient(SELLER, 300, ALL, ISSUANCE));
        bytes4 toItself = ICertifiedReductions.CertifiedReductionsSelfTransfer.selector;
        _expectRefused(SELLER, SELLER, 1, REASON, abi.encodeWithSelector(toItself, SELLER));
        bytes4 noReason = ICertifiedReductions.CertifiedReductionsMissingReason.selector;
        _expectRefused(SELLER, BUYER, 1, 0, abi.encodeWithSelector(noReason, ISSUANCE));
    }

    function test_ForcedTransfer_WhenNothingMoves() public {
        _pause(address(reductions));
        _expectRefused(SELLER, BUYER, 1, REASON, _paused());
        _afterDelay(address(reductions), abi.encodeCall(reductions.unpause, ()));
        _suspend(ISSUANCE);
        bytes memory refusal = _unexpected(ISSUANCE, ICertifiedReductions.IssuanceStatus.SUSPENDED);
        _expectRefused(SELLER, BUYER, 2, REASON, refusal); // the transfer of 1 t is still scheduled
    }

    /// @dev 10 ranges held and 7 listed: one call moves the 10 and 6.
    function test_ForcedTransfer_TooFragmented() public {
        _issue(2, 100);
        _scatter(SELLER, THIRD, 2, 7);
        _list(SELLER, 2, 7);
        _scatter(SELLER, THIRD, 2, 10);
        _expectRefusedIn(2, 17, _tooFragmented(SELLER, 2, 17, 16));
        _afterDelay(
            address(reductions),
            abi.encodeCall(reductions.forcedTransfer, (SELLER, BUYER, 2, 16, REASON))
        );
        vm.assertEq(reductions.balanceOf(SELLER, 2), 1, "left");
        vm.assertEq(reductions.listedOf(SELLER, 2), 1, "listed");
    }

    function test_ForcedTransfer_TooFragmentedAmongTheHeld() public {
        _issue(2, 100);
        _scatter(SELLER, THIRD, 2, 17);
        _expectRefusedIn(2, 17, _tooFragmented(SELLER, 2, 17, 16));
        _give(SELLER, 2, 10);
        _list(SELLER, 2, 1);
        _expectRefusedIn(2, 27, _tooFragmented(SELLER, 2, 27, 16 + 10));
    }

    // Parts

    function _data(address from, address to, uint64 tonnes) private pure returns (bytes memory) {
        return abi.encodeCall(ICertifiedReductions.forcedTransfer, (from, to, ISSUANCE, tonnes, REASON));
    }

    function _ready(address from, address to, uint64 tonnes) private {
        vm.prank(REGULATOR);
        manager.schedule(address(reductions), _data(from, to, tonnes), 0);
        vm.warp(block.timestamp + REGULATOR_DELAY);
    }

    function _execute(address from, address to, uint64 tonnes) private {
        vm.prank(REGULATOR);
        manager.execute(address(reductions), _data(from, to, tonnes));
    }

    function _force(address from, address to, uint64 tonnes) private {
        _afterDelay(address(reductions), _data(from, to, tonnes));
    }

    function _expectRefused(
        address from,
        address to,
        uint64 tonnes,
        bytes32 reason,
        bytes memory refusal
    ) private {
        _expectRefused(abi.encodeCall(reductions.forcedTransfer, (from, to, ISSUANCE, tonnes, reason)), refusal);
    }

    function _expectRefusedIn(uint32 issuance, uint64 tonnes, bytes memory refusal) private {
        _expectRefused(abi.encodeCall(reductions.forcedTransfer, (SELLER, BUYER, issuance, tonnes, REASON)), refusal);
    }

    function _expectRefused(bytes memory data, bytes memory refusal) private {
        vm.prank(REGULATOR);
        manager.schedule(address(reductions), data, 0);
        vm.warp(block.timestamp + REGULATOR_DELAY);
        vm.prank(REGULATOR);
        vm.expectRevert(refusal);
        manager.execute(address(reductions), data);
    }

    function _assertPosition(uint256 balance, uint256 listed, uint256 frozen) private view {
        vm.assertEq(reductions.balanceOf(SELLER, ISSUANCE), balance, "balance");
        vm.assertEq(reductions.listedOf(SELLER, ISSUANCE), listed, "listed");
        vm.assertEq(reductions.frozenOf(SELLER, ISSUANCE), frozen, "frozen");
    }
}
