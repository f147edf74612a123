// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev Units put up for sale and taken back by their holder. What is signed is tested in ListingFor.
contract ListingTest is TradeFixture {
    bytes32 private constant REF = "listing 1";
    uint64 private constant TONNES = 100;

    // list

    function testFuzz_List_UpToAllThereIs(uint64 tonnes, bytes32 ref) public {
        vm.assume(ref != bytes32(0));
        tonnes = uint64(_bound(tonnes, 1, SUPPLY));
        vm.expectEmit(address(settlement));
        emit IExchangeSettlement.Listed(seller, ISSUANCE, tonnes, ref);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(
            ISSUANCE,
            seller,
            seller,
            ICertifiedReductions.Place.HELD,
            ICertifiedReductions.Place.LISTED,
            1,
            tonnes
        );
        vm.assertTrue(_putUp(tonnes, ref), "listed");
        _assertListing(seller, ref, tonnes, false);
        _assertListed(tonnes);
    }

    function testFuzz_List_MoreThanHeld(uint64 tonnes) public {
        tonnes = uint64(_bound(tonnes, SUPPLY + 1, type(uint64).max));
        vm.expectRevert(_notTransferable(seller, tonnes, SUPPLY));
        _putUp(tonnes, REF);
        _assertListing(seller, REF, 0, false);
    }

    /// @dev What is listed cannot be listed twice, nor transferred meanwhile.
    function test_List_WhatIsListed() public {
        _putUp(SUPPLY - 10, REF);
        vm.expectRevert(_notTransferable(seller, 11, 10));
        _putUp(11, "listing 2");
        vm.prank(seller);
        vm.expectRevert(_notTransferable(seller, 11, 10));
        reductions.safeTransferFrom(seller, buyer, ISSUANCE, 11, "");
        vm.assertTrue(_putUp(10, "listing 2"), "the rest");
        _assertListed(SUPPLY);
    }

    function test_List_Incomplete() public {
        vm.expectRevert(_bareError(IExchangeSettlement.ExchangeSettlementMissingReference.selector));
        _putUp(TONNES, bytes32(0));
        vm.expectRevert(_bareError(IExchangeSettlement.ExchangeSettlementZeroAmount.selector));
        _putUp(0, REF);
    }

    function test_List_AgainIsNoOp() public {
        _putUp(TONNES, REF);
        vm.recordLogs();
        vm.assertFalse(_putUp(TONNES, REF), "listed again");
        _assertSilent();
        _assertListed(TONNES);
    }

    function test_List_Frozen() public {
        _freeze(seller, SUPPLY - 10);
        vm.expectRevert(_notTransferable(seller, 11, 10));
        _putUp(11, REF);
        vm.assertTrue(_putUp(10, REF), "what is not frozen");
    }

    function test_List_WhoMayNotHold() public {
        vm.prank(STRANGER);
        vm.expectRevert(_inactive(STRANGER, IParticipants.Status.NONE));
        settlement.list(ISSUANCE, 1, REF);
        _suspendParticipant(seller);
        vm.expectRevert(_inactive(seller, IParticipants.Status.SUSPENDED));
        _putUp(1, REF);
    }

    function test_List_OfNoIssuance() public {
        bytes4 selector = ICertifiedReductions.CertifiedReductionsUnexpectedStatus.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, ISSUANCE + 1, ICertifiedReductions.IssuanceStatus.NONE));
        vm.prank(seller);
        settlement.list(ISSUANCE + 1, 1, REF);
    }

    // unlist

    function testFuzz_Unlist_UpToAllThatIsListed(uint64 tonnes, bytes32 ref) public {
        vm.assume(ref != bytes32(0) && ref != REF);
        tonnes = uint64(_bound(tonnes, 1, TONNES));
        _putUp(TONNES, REF);
        vm.expectEmit(address(settlement));
        emit IExchangeSettlement.Unlisted(seller, ISSUANCE, tonnes, ref);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(
            ISSUANCE,
            seller,
            seller,
            ICertifiedReductions.Place.LISTED,
            ICertifiedReductions.Place.HELD,
            1,
            tonnes
        );
        vm.assertTrue(_takeBack(tonnes, ref), "unlisted");
        _assertListing(seller, ref, tonnes, true);
        _assertListed(TONNES - tonnes);
    }

    function testFuzz_Unlist_MoreThanListed(uint64 tonnes) public {
        tonnes = uint64(_bound(tonnes, TONNES + 1, type(uint64).max));
        _putUp(TONNES, REF);
        vm.expectRevert(_notListed(seller, tonnes, TONNES));
        _takeBack(tonnes, "unlisting 1");
    }

    function test_Unlist_Incomplete() public {
        _putUp(TONNES, REF);
        vm.expectRevert(_bareError(IExchangeSettlement.ExchangeSettlementMissingReference.selector));
        _takeBack(TONNES, bytes32(0));
        vm.expectRevert(_bareError(IExchangeSettlement.ExchangeSettlementZeroAmount.selector));
        _takeBack(0, "unlisting 1");
    }

    function test_Unlist_AgainIsNoOp() public {
        _putUp(TONNES, REF);
        _takeBack(1, "unlisting 1");
        vm.recordLogs();
        vm.assertFalse(_takeBack(1, "unlisting 1"), "unlisted again");
        _assertSilent();
        _assertListed(TONNES - 1);
    }

    /// @dev Who may not list any more can still take its units back.
    function test_Unlist_SuspendedOrFrozen() public {
        _putUp(TONNES, REF);
        _suspendParticipant(seller);
        _freeze(seller, SUPPLY);
        vm.assertTrue(_takeBack(TONNES, "unlisting 1"), "unlisted");
        _assertListed(0);
    }

    // References

    /// @dev A reference is used once, for one listing or one unlisting.
    function test_Reference_UsedForSomethingElse() public {
        _putUp(TONNES, REF);
        _expectUsed(ISSUANCE, TONNES + 1, REF, false);
        _expectUsed(ISSUANCE, 0, REF, false);
        _expectUsed(ISSUANCE + 1, TONNES, REF, false);
        _expectUsed(ISSUANCE, TONNES, REF, true);

        _takeBack(TONNES, "unlisting 1");
        _expectUsed(ISSUANCE, TONNES - 1, "unlisting 1", true);
        _expectUsed(ISSUANCE + 1, TONNES, "unlisting 1", true);
        _expectUsed(ISSUANCE, TONNES, "unlisting 1", false);
        _assertListed(0);
    }

    /// @dev After a listing was undone its reference does not list again.
    function test_Reference_AfterItsListingWasUndone() public {
        _putUp(TONNES, REF);
        _takeBack(TONNES, "unlisting 1");
        vm.assertFalse(_putUp(TONNES, REF), "the old listing");
        _assertListed(0);
        vm.assertTrue(_putUp(TONNES, "listing 2"), "a new one");
        vm.assertFalse(_takeBack(TONNES, "unlisting 1"), "the old unlisting");
        _assertListed(TONNES);
    }

    /// @dev A reference is its holder's, not everybody's.
    function test_Reference_OfAnotherHolder() public {
        vm.prank(seller);
        reductions.safeTransferFrom(seller, buyer, ISSUANCE, TONNES, "");
        _putUp(TONNES, REF);
        vm.prank(buyer);
        vm.assertTrue(settlement.list(ISSUANCE, TONNES, REF), "the buyer's");
        _assertListing(buyer, REF, TONNES, false);
    }

    // Pausing

    function test_Listing_WhilePaused() public {
        _putUp(TONNES, REF);
        _pause(address(settlement));
        vm.expectRevert(_paused());
        _putUp(1, "listing 2");
        vm.expectRevert(_paused());
        _takeBack(1, "unlisting 1");
        _afterDelay(address(settlement), abi.encodeCall(settlement.unpause, ()));
        vm.assertTrue(_takeBack(1, "unlisting 1"), "unlisted");
    }

    function test_Listing_WhileTheReductionsArePausedOrSuspended() public {
        _putUp(TONNES, REF);
        _suspendIssuance();
        vm.expectRevert(_notActive(ICertifiedReductions.IssuanceStatus.SUSPENDED));
        _putUp(1, "listing 2");
        vm.expectRevert(_notActive(ICertifiedReductions.IssuanceStatus.SUSPENDED));
        _takeBack(1, "unlisting 1");
        _pause(address(reductions));
        vm.expectRevert(_paused());
        _putUp(1, "listing 2");
        vm.expectRevert(_paused());
        _takeBack(1, "unlisting 1");
        _assertListing(seller, "listing 2", 0, false);
        _assertListing(seller, "unlisting 1", 0, false);
    }

    function _putUp(uint64 tonnes, bytes32 ref) private returns (bool) {
        vm.prank(seller);
        return settlement.list(ISSUANCE, tonnes, ref);
    }

    function _takeBack(uint64 tonnes, bytes32 ref) private returns (bool) {
        vm.prank(seller);
        return settlement.unlist(ISSUANCE, tonnes, ref);
    }

    function _expectUsed(uint32 issuance, uint64 tonnes, bytes32 ref, bool unlisting) private {
        bytes4 selector = IExchangeSettlement.ExchangeSettlementListingReferenceUsed.selector;
        vm.prank(seller);
        vm.expectRevert(abi.encodeWithSelector(selector, seller, ref));
        unlisting ? settlement.unlist(issuance, tonnes, ref) : settlement.list(issuance, tonnes, ref);
    }

    function _assertListing(address holder, bytes32 ref, uint64 tonnes, bool unlisted) private view {
        IExchangeSettlement.Listing memory listing = settlement.listingOf(holder, ref);
        vm.assertEq(listing.issuance, tonnes == 0 ? 0 : ISSUANCE, "issuance");
        vm.assertEq(listing.tonnes, tonnes, "tonnes");
        vm.assertEq(listing.unlisted, unlisted, "unlisted");
    }

    /// @dev Listing moves nothing to anybody else.
    function _assertListed(uint64 listed) private view {
        vm.assertEq(reductions.listedOf(seller, ISSUANCE), listed, "listed");
        vm.assertEq(reductions.balanceOf(seller, ISSUANCE), SUPPLY, "balance");
    }
}
