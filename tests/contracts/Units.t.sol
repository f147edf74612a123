// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155MetadataURI} from "@openzeppelin/contracts/token/ERC1155/extensions/IERC1155MetadataURI.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev What each verb does to balances and serials. Serials of `ISSUANCE` are 1 to 1,234, SELLER's 1 to 300.
contract UnitsTest is UnitsFixture {
    uint32 private constant OTHER = 2;

    function setUp() public override {
        super.setUp();
        _issue(ISSUANCE, 1_234);
        _give(SELLER, ISSUANCE, 300);
    }

    /// @dev Golden vector SN-01: of the block 1..1234, retiring 1,000 retires 1..1000 and leaves 1001..1234; the range
    /// 1000..1234 is then not held.
    function test_Retire_LowestFirst_GoldenVectorSN01() public {
        _give(SELLER, ISSUANCE, 934);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, SELLER, HELD, RETIRED, 1, 1_000);
        vm.expectEmit(address(reductions));
        emit IERC1155.TransferSingle(address(certificates), SELLER, address(0), ISSUANCE, 1_000);
        vm.prank(address(certificates));
        ICertifiedReductions.Range[] memory retired = reductions.retire(SELLER, ISSUANCE, 1_000);

        _assertSame(retired, _ranges(1, 1_000), "returned");
        _assertRanges(SELLER, ISSUANCE, RETIRED, _ranges(1, 1_000), "retired");
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(1_001, 1_234), "held");
        vm.assertEq(reductions.balanceOf(SELLER, ISSUANCE), 1_234 - 1_001 + 1, "last - first + 1");
        vm.assertEq(reductions.totalSupply(ISSUANCE), 234, "supply");
        vm.assertEq(reductions.issuanceOf(ISSUANCE).retired, 1_000, "counted");

        _assertSame(reductions.rangesOf(SELLER, ISSUANCE, HELD, 1_000, 1), _ranges(1_001, 1_234), "1000 is not held");
        vm.prank(SELLER);
        vm.expectRevert(_insufficient(SELLER, 234, 1_234 - 1_000 + 1, ISSUANCE));
        reductions.safeTransferFrom(SELLER, BUYER, ISSUANCE, 1_234 - 1_000 + 1, "");
    }

    function test_Transfer() public {
        vm.expectEmit(address(reductions));
        emit IERC1155.TransferSingle(SELLER, SELLER, BUYER, ISSUANCE, 100);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, BUYER, HELD, HELD, 1, 100);
        _transfer(SELLER, BUYER, ISSUANCE, 100);
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(1, 100), "buyer");
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(101, 300), "seller");
        vm.assertEq(reductions.balanceOf(SELLER, ISSUANCE), 200, "seller");
        vm.assertEq(reductions.balanceOf(BUYER, ISSUANCE), 100, "buyer");
        vm.assertEq(reductions.totalSupply(ISSUANCE), 1_234, "supply");
    }

    function test_Transfer_ByAnApprovedOperator() public {
        vm.prank(SELLER);
        reductions.setApprovalForAll(STRANGER, true);
        vm.prank(STRANGER);
        reductions.safeTransferFrom(SELLER, BUYER, ISSUANCE, 300, "");
        vm.assertEq(reductions.balanceOf(BUYER, ISSUANCE), 300, "buyer");
        _assertNothing(SELLER, ISSUANCE, HELD);
    }

    function test_BatchTransfer() public {
        _issue(OTHER, 10);
        _give(SELLER, OTHER, 10);
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (OTHER, ISSUANCE, 4, 5);
        vm.expectEmit(address(reductions));
        emit IERC1155.TransferBatch(SELLER, SELLER, BUYER, ids, values);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(OTHER, SELLER, BUYER, HELD, HELD, 1_235, 1_238);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, BUYER, HELD, HELD, 1, 5);
        vm.prank(SELLER);
        reductions.safeBatchTransferFrom(SELLER, BUYER, ids, values, "");
        _assertRanges(BUYER, OTHER, HELD, _ranges(1_235, 1_238), "other");
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(1, 5), "first");
    }

    function test_BatchTransfer_OfDuplicateIds() public {
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (ISSUANCE, ISSUANCE, 100, 200);
        vm.prank(SELLER);
        reductions.safeBatchTransferFrom(SELLER, BUYER, ids, values, "");
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(1, 300), "one range");
        _assertNothing(SELLER, ISSUANCE, HELD);
        vm.assertEq(reductions.balanceOf(BUYER, ISSUANCE), 300, "balance");
    }

    function test_ListAndUnlist() public {
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, SELLER, HELD, LISTED, 1, 120);
        _list(SELLER, ISSUANCE, 120);
        _assertPosition(300, 120, 180);
        _assertRanges(SELLER, ISSUANCE, LISTED, _ranges(1, 120), "listed");
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(121, 300), "held");

        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, SELLER, LISTED, HELD, 1, 20);
        _unlist(SELLER, ISSUANCE, 20);
        _assertPosition(300, 100, 200);
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(1, 20, 121, 300), "held in two");
        _unlist(SELLER, ISSUANCE, 100);
        _assertPosition(300, 0, 300);
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(1, 300), "merged again");
        _assertNothing(SELLER, ISSUANCE, LISTED);
    }

    /// @dev A suspended participant cannot list, but takes nothing from anyone by unlisting.
    function test_Unlist_OfASuspendedParticipant() public {
        _list(SELLER, ISSUANCE, 120);
        _suspendParticipant(SELLER);
        _unlist(SELLER, ISSUANCE, 120);
        _assertPosition(300, 0, 300);
    }

    function test_Settle() public {
        _list(SELLER, ISSUANCE, 120);
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, SELLER, BUYER, LISTED, HELD, 1, 50);
        vm.expectEmit(address(reductions));
        emit IERC1155.TransferSingle(SETTLEMENT, SELLER, BUYER, ISSUANCE, 50);
        _settle(SELLER, BUYER, ISSUANCE, 50);
        _assertPosition(250, 70, 180);
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(1, 50), "bought");
        _assertRanges(SELLER, ISSUANCE, LISTED, _ranges(51, 120), "still listed");
        vm.assertEq(reductions.balanceOf(BUYER, ISSUANCE), 50, "bought");
        vm.assertEq(reductions.totalSupply(ISSUANCE), 1_234, "supply");
    }

    function test_Retire_InSeveralRanges() public {
        _list(SELLER, ISSUANCE, 100);
        _give(BUYER, ISSUANCE, 5); // 301..305
        _settle(SELLER, BUYER, ISSUANCE, 10);
        vm.prank(address(certificates));
        ICertifiedReductions.Range[] memory retired = reductions.retire(BUYER, ISSUANCE, 12);
        _assertSame(retired, _ranges(1, 10, 301, 302), "returned");
        _assertRanges(BUYER, ISSUANCE, RETIRED, _ranges(1, 10, 301, 302), "retired");
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(303, 305), "held");
    }

    function test_SupportsInterface_OfMultiTokens() public view {
        vm.assertTrue(reductions.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        vm.assertTrue(reductions.supportsInterface(type(IERC1155).interfaceId), "ERC-1155");
        vm.assertTrue(reductions.supportsInterface(type(IERC1155MetadataURI).interfaceId), "metadata");
        vm.assertFalse(reductions.supportsInterface(0xffffffff), "nothing");
    }

    function test_MaxRanges() public view {
        vm.assertEq(reductions.MAX_RANGES(), 16, "ranges a call");
    }

    function _assertPosition(uint256 balance, uint256 listed, uint256 transferable) private view {
        vm.assertEq(reductions.balanceOf(SELLER, ISSUANCE), balance, "balance");
        vm.assertEq(reductions.listedOf(SELLER, ISSUANCE), listed, "listed");
        vm.assertEq(reductions.transferableOf(SELLER, ISSUANCE), transferable, "transferable");
    }
}
