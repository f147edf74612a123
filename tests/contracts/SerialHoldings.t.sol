// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {SerialSet} from "../../contracts/SerialSet.sol";
import {SerialHoldingsHarness} from "./SerialHoldingsHarness.sol";
import {SerialModel} from "./SerialModel.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev Where serials are after any sequence of moves, and how ranges are read, split and merged.
contract SerialHoldingsTest is UnitsFixture {
    uint32 private constant OTHER = 2;
    uint64 private constant FIRST = 1_001; // of OTHER
    uint64 private constant SMALL = 96; // tonnes of OTHER
    uint64 private constant LARGEST = 1 << 24;

    SerialModel private model;

    /// @dev After any list, unlist, settlement, transfer and retirement, every serial is where a model that moves them
    /// one by one has it: ranges are disjoint, complete, maximal and ascending, and add up to balances and totals.
    function testFuzz_Serials_MatchNaive(uint256[32] calldata steps) public {
        _issueTwo();
        for (uint256 i = 0; i < steps.length; ++i) _step(steps[i]);

        uint256 total = 0;
        for (uint256 i = 0; i < 4; ++i) total += _assertLikeModel(_account(i));
        vm.assertEq(total, SMALL, "held, listed and retired are all that was issued");
        _assertRanges(TREASURY, ISSUANCE, HELD, _ranges(1, FIRST - 1), "another issuance is not touched");
    }

    function test_Put_MergesWithWhatIsNextToIt() public {
        _issueTwo();
        for (uint256 i = 0; i < 5; ++i) _give(i % 2 == 0 ? SELLER : BUYER, OTHER, 2); // SSBBSSBBSS
        _transfer(SELLER, THIRD, OTHER, 2);
        _assertRanges(THIRD, OTHER, HELD, _ranges(1_001, 1_002), "alone");
        _transfer(BUYER, THIRD, OTHER, 1);
        _assertRanges(THIRD, OTHER, HELD, _ranges(1_001, 1_003), "with the one before");
        _transfer(SELLER, THIRD, OTHER, 2);
        _assertRanges(THIRD, OTHER, HELD, _ranges(1_001, 1_003, 1_005, 1_006), "with none");
        _transfer(BUYER, THIRD, OTHER, 1);
        _assertRanges(THIRD, OTHER, HELD, _ranges(1_001, 1_006), "with both");
        _transfer(THIRD, SELLER, OTHER, 6);
        _assertRanges(SELLER, OTHER, HELD, _ranges(1_001, 1_006, 1_009, 1_010), "beside a later one");
        _transfer(BUYER, SELLER, OTHER, 2);
        _assertRanges(SELLER, OTHER, HELD, _ranges(1_001, 1_010), "between two");
        _assertNothing(BUYER, OTHER, HELD);
        _assertNothing(THIRD, OTHER, HELD);
    }

    function test_Put_MergesWithTheOneAfterIt() public {
        _issueTwo();
        _give(SELLER, OTHER, 3);
        _give(BUYER, OTHER, 3);
        _list(BUYER, OTHER, 2);
        _settle(BUYER, THIRD, OTHER, 2);
        _transfer(SELLER, THIRD, OTHER, 3);
        _assertRanges(THIRD, OTHER, HELD, _ranges(1_001, 1_005), "merged");
        _assertRanges(BUYER, OTHER, HELD, _ranges(1_006, 1_006), "rest");
    }

    /// @dev The largest issuance fills every level of the bitmap to its last bit.
    function test_Serials_OfTheLargestIssuance() public {
        _issue(ISSUANCE, LARGEST);
        _give(SELLER, ISSUANCE, LARGEST - 1);
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(1, LARGEST - 1), "all but one");
        _assertRanges(TREASURY, ISSUANCE, HELD, _ranges(LARGEST, LARGEST), "the last one");
        ICertifiedReductions.Range[] memory end = reductions.rangesOf(TREASURY, ISSUANCE, HELD, LARGEST, 9);
        _assertSame(end, _ranges(LARGEST, LARGEST), "read from the last one");
        vm.assertEq(reductions.rangesOf(TREASURY, ISSUANCE, HELD, LARGEST + 1, 9).length, 0, "read beyond it");
        _give(SELLER, ISSUANCE, 1);
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(1, LARGEST), "merged at the end");
        _assertNothing(TREASURY, ISSUANCE, HELD);
        vm.assertEq(reductions.nextSerial(), LARGEST + 1, "next");
    }

    // What there is to read

    function test_RangesOf_FromAndLimit() public {
        _issueTwo();
        _scatter(SELLER, BUYER, OTHER, 20); // SELLER has 1002, 1004, ..., 1040
        vm.assertEq(_read(0, 0), 0, "none");
        vm.assertEq(_read(0, 7), 7, "limited");
        vm.assertEq(_read(0, 20), 20, "all");
        vm.assertEq(_read(0, type(uint256).max), 20, "all, without a limit");
        vm.assertEq(_read(1_003, 100), 19, "from a gap");
        vm.assertEq(_read(1_040, 100), 1, "from the last");
        vm.assertEq(_read(1_041, 100), 0, "after the last");
        vm.assertEq(_read(type(uint64).max, 100), 0, "after everything");
        ICertifiedReductions.Range[] memory ranges = reductions.rangesOf(SELLER, OTHER, HELD, 0, 100);
        for (uint64 i = 0; i < 20; ++i) {
            vm.assertEq(ranges[i].first, 1_002 + 2 * i, "first");
            vm.assertEq(ranges[i].last, 1_002 + 2 * i, "last");
        }
    }

    function test_RangesOf_FromWithinARange() public {
        _issueTwo();
        _assertSame(reductions.rangesOf(TREASURY, OTHER, HELD, 1_050, 9), _ranges(1_001, 1_096), "the whole range");
    }

    function test_RangesOf_Nothing() public {
        _issueTwo();
        _assertNothing(TREASURY, 3, HELD);
        _assertNothing(TREASURY, OTHER, ICertifiedReductions.Place.NOWHERE);
        _assertNothing(SELLER, OTHER, HELD);
    }

    // Fragments

    /// @dev 17 ranges of 1, 2, 3 ... tonnes: 16 of them are 136 t.
    function test_Move_TooFragmented_SaysWhatCanMove() public {
        _issue(ISSUANCE, 1_000);
        for (uint64 i = 1; i <= 17; ++i) {
            _give(SELLER, ISSUANCE, i);
            _give(THIRD, ISSUANCE, 1);
        }
        bytes memory refusal = _tooFragmented(SELLER, ISSUANCE, 137, 136);
        vm.prank(SELLER);
        vm.expectRevert(refusal);
        reductions.safeTransferFrom(SELLER, BUYER, ISSUANCE, 137, "");
        vm.startPrank(SETTLEMENT);
        vm.expectRevert(refusal);
        reductions.list(SELLER, ISSUANCE, 137);
        reductions.list(SELLER, ISSUANCE, 136);
        reductions.list(SELLER, ISSUANCE, 17);
        vm.expectRevert(_tooFragmented(SELLER, ISSUANCE, 153, 136));
        reductions.unlist(SELLER, ISSUANCE, 153);
        vm.expectRevert(refusal);
        reductions.settle(SELLER, BUYER, ISSUANCE, 137);
        reductions.unlist(SELLER, ISSUANCE, 136);
        reductions.unlist(SELLER, ISSUANCE, 17);
        vm.stopPrank();
        vm.prank(address(certificates));
        vm.expectRevert(refusal);
        reductions.retire(SELLER, ISSUANCE, 137);

        _transfer(SELLER, BUYER, ISSUANCE, 136);
        _transfer(SELLER, BUYER, ISSUANCE, 17);
        vm.assertEq(reductions.balanceOf(BUYER, ISSUANCE), 153, "in two calls");
        vm.assertEq(reductions.rangesOf(BUYER, ISSUANCE, HELD, 0, 100).length, 17, "as they were");
    }

    /// @dev The ranges of one call are shared by all ids of a batch.
    function test_BatchMove_TooFragmented() public {
        _issue(ISSUANCE, 100);
        _issue(OTHER, 100);
        _scatter(SELLER, THIRD, ISSUANCE, 10);
        _scatter(SELLER, THIRD, OTHER, 10);
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (ISSUANCE, OTHER, 10, 7);
        vm.startPrank(SELLER);
        vm.expectRevert(_tooFragmented(SELLER, OTHER, 7, 6));
        reductions.safeBatchTransferFrom(SELLER, BUYER, ids, values, "");
        values[1] = 6;
        reductions.safeBatchTransferFrom(SELLER, BUYER, ids, values, "");
        vm.assertEq(reductions.balanceOf(BUYER, ISSUANCE) + reductions.balanceOf(BUYER, OTHER), 16, "16 ranges");
    }

    // Defects that nothing but a defect could cause

    function test_Serials_TwiceInOnePlace() public {
        SerialHoldingsHarness harness = new SerialHoldingsHarness(address(manager), participants);
        harness.create(ISSUANCE, SELLER, 10);
        vm.expectRevert(_overlap(0));
        harness.create(ISSUANCE, SELLER, 10);
        vm.expectRevert(_overlap(0));
        harness.create(ISSUANCE, SELLER, 1);
        harness.move(ISSUANCE, SELLER, BUYER, 3);
        vm.expectRevert(_overlap(3));
        harness.create(ISSUANCE, SELLER, 4);
        harness.create(ISSUANCE, SELLER, 3);
    }

    function test_Serials_MoreThanThereAre() public {
        SerialHoldingsHarness harness = new SerialHoldingsHarness(address(manager), participants);
        harness.create(ISSUANCE, SELLER, 10);
        vm.expectRevert(abi.encodeWithSelector(SerialSet.SerialSetEmpty.selector));
        harness.move(ISSUANCE, SELLER, BUYER, 11);
    }

    // Parts

    function _issueTwo() private {
        _issue(ISSUANCE, FIRST - 1);
        _issue(OTHER, SMALL);
        model = new SerialModel(FIRST, SMALL, TREASURY);
    }

    /// @dev One move chosen by `step`, of at most what is there and mostly a few tonnes, on the contract and the model.
    function _step(uint256 step) private {
        (address from, address to) = (_account((step >> 8) % 4), _account((step >> 16) % 4));
        uint256 verb = step % 8; // 0 list, 1 unlist, 2 retire, 3 and 4 settle, 5 to 7 transfer
        bool listed = verb == 1 || verb == 3 || verb == 4;
        if (verb < 3) to = from;
        else if (from == to) return;
        SerialModel.Where memory origin = SerialModel.Where(from, listed ? LISTED : HELD);
        uint256 there = model.tonnesOf(origin);
        if (there == 0) return;
        uint256 tonnes = _bound(step >> 32, 1, (step >> 24) % 4 == 0 || there < 4 ? there : 4);

        ICertifiedReductions.Place place = verb == 0 ? LISTED : verb == 2 ? RETIRED : HELD;
        uint256 movable = model.move(origin, SerialModel.Where(to, place), tonnes, 16);
        vm.startPrank(verb < 5 ? (verb == 2 ? address(certificates) : SETTLEMENT) : from);
        if (movable != tonnes) vm.expectRevert(_tooFragmented(from, OTHER, tonnes, movable));
        if (verb == 0) reductions.list(from, OTHER, uint64(tonnes));
        else if (verb == 1) reductions.unlist(from, OTHER, uint64(tonnes));
        else if (verb == 2) reductions.retire(from, OTHER, uint64(tonnes));
        else if (verb < 5) reductions.settle(from, to, OTHER, uint64(tonnes));
        else reductions.safeTransferFrom(from, to, OTHER, tonnes, "");
        vm.stopPrank();
    }

    /// @return total What the account has and had, in tonnes.
    function _assertLikeModel(address account) private view returns (uint256 total) {
        uint256[3] memory tonnes;
        ICertifiedReductions.Place[3] memory places = [HELD, LISTED, RETIRED];
        for (uint256 i = 0; i < 3; ++i) {
            SerialModel.Where memory where = SerialModel.Where(account, places[i]);
            _assertRanges(account, OTHER, places[i], model.rangesOf(where), "ranges");
            tonnes[i] = model.tonnesOf(where);
            total += tonnes[i];
        }
        vm.assertEq(reductions.balanceOf(account, OTHER), tonnes[0] + tonnes[1], "balance");
        vm.assertEq(reductions.listedOf(account, OTHER), tonnes[1], "listed");
        vm.assertEq(reductions.transferableOf(account, OTHER), tonnes[0], "transferable");
    }

    function _account(uint256 index) private pure returns (address) {
        return [TREASURY, SELLER, BUYER, THIRD][index];
    }

    function _read(uint64 fromSerial, uint256 limit) private view returns (uint256) {
        return reductions.rangesOf(SELLER, OTHER, HELD, fromSerial, limit).length;
    }

    function _overlap(uint256 offset) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ICertifiedReductions.CertifiedReductionsSerialsOverlap.selector,
                ISSUANCE,
                offset
            );
    }
}
