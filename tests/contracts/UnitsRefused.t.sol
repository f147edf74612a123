// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {CertifiedReductions} from "../../contracts/CertifiedReductions.sol";
import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev Every move that must not happen. SELLER has 300 t.
contract UnitsRefusedTest is UnitsFixture {
    uint256 private constant MAX = type(uint256).max;

    function setUp() public override {
        super.setUp();
        _issue(ISSUANCE, 1_234);
        _give(SELLER, ISSUANCE, 300);
    }

    // Amounts

    function test_ZeroAmount() public {
        bytes memory refusal = _zeroAmount(SELLER, ISSUANCE);
        _expectTransferRefused(ISSUANCE, 0, refusal);
        _expectVerbsRefused(0, refusal);
        vm.startPrank(SETTLEMENT);
        vm.expectRevert(refusal);
        reductions.unlist(SELLER, ISSUANCE, 0);
        vm.expectRevert(refusal);
        reductions.settle(SELLER, BUYER, ISSUANCE, 0);
    }

    function test_ZeroAmount_OfAnyId() public {
        _expectTransferRefused(MAX, 0, _zeroAmount(SELLER, MAX));
    }

    function test_ZeroAmount_InABatch() public {
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (ISSUANCE, ISSUANCE, 1, 0);
        _expectBatchRefused(ids, values, _zeroAmount(SELLER, ISSUANCE));
    }

    function test_MoreThanTheBalance() public {
        _expectTransferRefused(ISSUANCE, 301, _insufficient(SELLER, 300, 301, ISSUANCE));
        _expectTransferRefused(ISSUANCE, MAX, _insufficient(SELLER, 300, MAX, ISSUANCE));
        _expectVerbsRefused(301, _notTransferable(SELLER, ISSUANCE, 301, 300));
        _expectVerbsRefused(ALL, _notTransferable(SELLER, ISSUANCE, ALL, 300));
    }

    /// @dev 2**32 + 1 is not taken for issuance 1.
    function testFuzz_OfAnotherId(uint256 id) public {
        vm.assume(id != ISSUANCE);
        _expectTransferRefused(id, 1, _insufficient(SELLER, 0, 1, id));
        _expectTransferRefused((uint256(1) << 32) + ISSUANCE, 1, _insufficient(SELLER, 0, 1, (1 << 32) + ISSUANCE));
    }

    function test_Batch_DuplicateIdsBeyondTheBalance() public {
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (ISSUANCE, ISSUANCE, 200, 101);
        _expectBatchRefused(ids, values, _insufficient(SELLER, 100, 101, ISSUANCE));
    }

    /// @dev Each would pass alone: 100 t are transferable.
    function test_Batch_DuplicateIdsBeyondWhatIsTransferable() public {
        _list(SELLER, ISSUANCE, 200);
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (ISSUANCE, ISSUANCE, 60, 60);
        _expectBatchRefused(ids, values, _notTransferable(SELLER, ISSUANCE, 60, 40));
    }

    function test_Batch_OfUnequalArrays() public {
        _expectBatchRefused(new uint256[](2), new uint256[](1), _lengths(2, 1));
        _expectBatchRefused(new uint256[](0), new uint256[](1), _lengths(0, 1));
    }

    // Listed and retired units

    function test_Listed() public {
        _list(SELLER, ISSUANCE, 200);
        _expectTransferRefused(ISSUANCE, 101, _notTransferable(SELLER, ISSUANCE, 101, 100));
        _expectVerbsRefused(101, _notTransferable(SELLER, ISSUANCE, 101, 100));
        _transfer(SELLER, BUYER, ISSUANCE, 100);
        _expectTransferRefused(ISSUANCE, 1, _notTransferable(SELLER, ISSUANCE, 1, 0));
    }

    function test_NotListed() public {
        _list(SELLER, ISSUANCE, 200);
        vm.startPrank(SETTLEMENT);
        vm.expectRevert(_notListed(SELLER, 201, 200));
        reductions.unlist(SELLER, ISSUANCE, 201);
        vm.expectRevert(_notListed(SELLER, 201, 200));
        reductions.settle(SELLER, BUYER, ISSUANCE, 201);
        vm.expectRevert(_notListed(BUYER, 1, 0));
        reductions.unlist(BUYER, ISSUANCE, 1);
        vm.expectRevert(_notListed(SELLER, ALL, 200));
        reductions.settle(SELLER, BUYER, ISSUANCE, ALL);
    }

    function test_Retired() public {
        _retire(SELLER, ISSUANCE, 300);
        _expectTransferRefused(ISSUANCE, 1, _insufficient(SELLER, 0, 1, ISSUANCE));
        _expectVerbsRefused(1, _notTransferable(SELLER, ISSUANCE, 1, 0));
        _assertRanges(SELLER, ISSUANCE, RETIRED, _ranges(1, 300), "for good");
    }

    // Issuances that do not move

    function test_UnknownIssuance() public {
        vm.startPrank(SETTLEMENT);
        vm.expectRevert(_unexpected(7, ICertifiedReductions.IssuanceStatus.NONE));
        reductions.list(SELLER, 7, 1);
        vm.expectRevert(_unexpected(7, ICertifiedReductions.IssuanceStatus.NONE));
        reductions.settle(SELLER, BUYER, 7, 1);
    }

    function test_SuspendedIssuance() public {
        _list(SELLER, ISSUANCE, 100);
        _suspend(ISSUANCE);
        _expectNothingMoves(ICertifiedReductions.IssuanceStatus.SUSPENDED);
    }

    function test_CancelledIssuance() public {
        _list(SELLER, ISSUANCE, 100);
        _suspend(ISSUANCE);
        _cancel(ISSUANCE);
        _expectNothingMoves(ICertifiedReductions.IssuanceStatus.CANCELLED);
    }

    // Parties

    function test_SelfTransfer() public {
        _list(SELLER, ISSUANCE, 100);
        bytes memory refusal = abi.encodeWithSelector(
            ICertifiedReductions.CertifiedReductionsSelfTransfer.selector,
            SELLER
        );
        vm.startPrank(SELLER);
        vm.expectRevert(refusal);
        reductions.safeTransferFrom(SELLER, SELLER, ISSUANCE, 1, "");
        vm.expectRevert(refusal);
        reductions.safeBatchTransferFrom(SELLER, SELLER, new uint256[](0), new uint256[](0), "");
        vm.stopPrank();
        vm.prank(SETTLEMENT);
        vm.expectRevert(refusal);
        reductions.settle(SELLER, SELLER, ISSUANCE, 1);
    }

    function test_ToNobody() public {
        vm.prank(SELLER);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, address(0)));
        reductions.safeTransferFrom(SELLER, address(0), ISSUANCE, 1, "");
        _list(SELLER, ISSUANCE, 1);
        vm.prank(SETTLEMENT);
        vm.expectRevert(_inactive(address(0), IParticipants.Status.NONE));
        reductions.settle(SELLER, address(0), ISSUANCE, 1);
    }

    function test_ToWhoeverIsNotActive() public {
        _list(SELLER, ISSUANCE, 100);
        _expectReceiverRefused(STRANGER, IParticipants.Status.NONE);
        vm.prank(EXCHANGE);
        participants.register(STRANGER, "stranger", IParticipants.Kind.VOLUNTARY, "identity file");
        _expectReceiverRefused(STRANGER, IParticipants.Status.PENDING);
        _suspendParticipant(BUYER);
        _expectReceiverRefused(BUYER, IParticipants.Status.SUSPENDED);
    }

    function test_FromASuspendedParticipant() public {
        _list(SELLER, ISSUANCE, 100);
        _suspendParticipant(SELLER);
        bytes memory refusal = _inactive(SELLER, IParticipants.Status.SUSPENDED);
        _expectTransferRefused(ISSUANCE, 1, refusal);
        _expectVerbsRefused(1, refusal);
        vm.prank(SETTLEMENT);
        vm.expectRevert(refusal);
        reductions.settle(SELLER, BUYER, ISSUANCE, 1);
    }

    function test_ByAnOperatorWithoutApproval() public {
        bytes memory refusal = abi.encodeWithSelector(
            IERC1155Errors.ERC1155MissingApprovalForAll.selector,
            STRANGER,
            SELLER
        );
        vm.startPrank(STRANGER);
        vm.expectRevert(refusal);
        reductions.safeTransferFrom(SELLER, BUYER, ISSUANCE, 1, "");
        vm.expectRevert(refusal);
        reductions.safeBatchTransferFrom(SELLER, BUYER, new uint256[](0), new uint256[](0), "");
    }

    function testFuzz_VerbsOfContracts_ByAnybodyElse(address caller) public {
        vm.assume(caller != SETTLEMENT && caller != address(certificates) && caller != CERTIFICATION);
        vm.startPrank(caller);
        vm.expectRevert(_unauthorized(caller));
        reductions.list(SELLER, ISSUANCE, 1);
        vm.expectRevert(_unauthorized(caller));
        reductions.unlist(SELLER, ISSUANCE, 1);
        vm.expectRevert(_unauthorized(caller));
        reductions.settle(SELLER, BUYER, ISSUANCE, 1);
        vm.expectRevert(_unauthorized(caller));
        reductions.retire(SELLER, ISSUANCE, 1);
        vm.expectRevert(_unauthorized(caller));
        reductions.issue(2, CLASS, 1, DOSSIER, TREASURY);
    }

    function test_WhilePaused() public {
        _list(SELLER, ISSUANCE, 100);
        _pause(address(reductions));
        _expectTransferRefused(ISSUANCE, 1, _paused());
        _expectVerbsRefused(1, _paused());
        vm.startPrank(SETTLEMENT);
        vm.expectRevert(_paused());
        reductions.unlist(SELLER, ISSUANCE, 1);
        vm.expectRevert(_paused());
        reductions.settle(SELLER, BUYER, ISSUANCE, 1);
    }

    function test_Constructor_ParticipantsWithoutCode() public {
        vm.expectRevert(
            abi.encodeWithSelector(ICertifiedReductions.CertifiedReductionsInvalidParticipants.selector, STRANGER)
        );
        new CertifiedReductions(address(manager), IParticipants(STRANGER));
    }

    // Parts

    function _expectTransferRefused(uint256 id, uint256 value, bytes memory refusal) private {
        vm.prank(SELLER);
        vm.expectRevert(refusal);
        reductions.safeTransferFrom(SELLER, BUYER, id, value, "");
    }

    function _expectBatchRefused(uint256[] memory ids, uint256[] memory values, bytes memory refusal) private {
        vm.prank(SELLER);
        vm.expectRevert(refusal);
        reductions.safeBatchTransferFrom(SELLER, BUYER, ids, values, "");
    }

    /// @dev Listing and retiring.
    function _expectVerbsRefused(uint64 tonnes, bytes memory refusal) private {
        vm.prank(SETTLEMENT);
        vm.expectRevert(refusal);
        reductions.list(SELLER, ISSUANCE, tonnes);
        vm.prank(address(certificates));
        vm.expectRevert(refusal);
        reductions.retire(SELLER, ISSUANCE, tonnes);
    }

    function _expectNothingMoves(ICertifiedReductions.IssuanceStatus status) private {
        bytes memory refusal = _unexpected(ISSUANCE, status);
        _expectTransferRefused(ISSUANCE, 1, refusal);
        _expectVerbsRefused(1, refusal);
        vm.startPrank(SETTLEMENT);
        vm.expectRevert(refusal);
        reductions.unlist(SELLER, ISSUANCE, 1);
        vm.expectRevert(refusal);
        reductions.settle(SELLER, BUYER, ISSUANCE, 1);
        vm.stopPrank();
    }

    function _expectReceiverRefused(address to, IParticipants.Status status) private {
        vm.prank(SELLER);
        vm.expectRevert(_inactive(to, status));
        reductions.safeTransferFrom(SELLER, to, ISSUANCE, 1, "");
        vm.prank(SETTLEMENT);
        vm.expectRevert(_inactive(to, status));
        reductions.settle(SELLER, to, ISSUANCE, 1);
    }

    function _notListed(address holder, uint256 tonnes, uint64 listed) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ICertifiedReductions.CertifiedReductionsNotListed.selector,
                holder,
                ISSUANCE,
                tonnes,
                listed
            );
    }

    function _lengths(uint256 ids, uint256 values) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidArrayLength.selector, ids, values);
    }
}
