// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {Receiver} from "./Receiver.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev Receivers that are contracts. They are called when everything is written, so whatever they call back sees the
/// ledger as it is after the transfer.
contract UnitsReceiverTest is UnitsFixture {
    Receiver private receiver;

    function setUp() public override {
        super.setUp();
        receiver = new Receiver();
        _admit(address(receiver), "receiver", IParticipants.Kind.VOLUNTARY);
        _issue(ISSUANCE, 1_234);
        _give(SELLER, ISSUANCE, 300);
    }

    function test_Receiver_IsCalled() public {
        _transfer(SELLER, address(receiver), ISSUANCE, 100);
        vm.assertEq(receiver.received(), 100, "single");
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (ISSUANCE, ISSUANCE, 2, 3);
        vm.prank(SELLER);
        reductions.safeBatchTransferFrom(SELLER, address(receiver), ids, values, "");
        vm.assertEq(receiver.received(), 105, "batch");
    }

    function test_Receiver_Refuses() public {
        receiver.refuse();
        _expectRefused(address(receiver));
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(1, 300), "nothing moved");
    }

    function test_Receiver_WithoutAHook() public {
        address wallet = address(new ContractWallet(SELLER));
        _admit(wallet, "wallet", IParticipants.Kind.VOLUNTARY);
        _expectRefused(wallet);
    }

    /// @dev Issues, settlements and forced transfers ask nobody.
    function test_Receiver_IsNotCalledOtherwise() public {
        address wallet = address(new ContractWallet(SELLER));
        _admit(wallet, "wallet", IParticipants.Kind.VOLUNTARY);
        vm.prank(CERTIFICATION);
        reductions.issue(2, CLASS, 10, DOSSIER, wallet);
        _list(SELLER, ISSUANCE, 10);
        _settle(SELLER, wallet, ISSUANCE, 10);
        _afterDelay(
            address(reductions),
            abi.encodeCall(reductions.forcedTransfer, (SELLER, wallet, ISSUANCE, 10, REASON))
        );
        vm.assertEq(reductions.balanceOf(wallet, 2), 10, "issued");
        vm.assertEq(reductions.balanceOf(wallet, ISSUANCE), 20, "settled and forced");
    }

    function test_Reentrant_PassesOnWhatItGot() public {
        _callBack(
            address(reductions),
            abi.encodeCall(reductions.safeTransferFrom, (address(receiver), BUYER, ISSUANCE, 100, ""))
        );
        vm.assertTrue(receiver.succeeded(), "passed on");
        _assertRanges(BUYER, ISSUANCE, HELD, _ranges(1, 100), "at the buyer's");
        _assertNothing(address(receiver), ISSUANCE, HELD);
        vm.assertEq(reductions.balanceOf(BUYER, ISSUANCE), 100, "balance");
        _assertRest();
    }

    function test_Reentrant_CannotPassOnMore() public {
        _callBack(
            address(reductions),
            abi.encodeCall(reductions.safeTransferFrom, (address(receiver), BUYER, ISSUANCE, 101, ""))
        );
        _assertFailed(_insufficient(address(receiver), 100, 101, ISSUANCE));
    }

    /// @dev The sender has sent already: taking it again fails even with its approval.
    function test_Reentrant_CannotTakeTwice() public {
        vm.prank(SELLER);
        reductions.setApprovalForAll(address(receiver), true);
        _callBack(
            address(reductions),
            abi.encodeCall(reductions.safeTransferFrom, (SELLER, BUYER, ISSUANCE, 201, ""))
        );
        _assertFailed(_insufficient(SELLER, 200, 201, ISSUANCE));
    }

    function test_Reentrant_Retires() public {
        IRetirementCertificates.Request memory request = IRetirementCertificates.Request({
            holder: address(receiver),
            issuance: ISSUANCE,
            tonnes: 60,
            purpose: IRetirementCertificates.Purpose.VOLUNTARY,
            year: 0,
            beneficiary: "receiver",
            ref: "retirement 1"
        });
        _callBack(address(certificates), abi.encodeCall(certificates.retire, (request)));
        vm.assertTrue(receiver.succeeded(), "retired");
        _assertRanges(address(receiver), ISSUANCE, RETIRED, _ranges(1, 60), "retired");
        _assertRanges(address(receiver), ISSUANCE, HELD, _ranges(61, 100), "held");
        _assertSame(certificates.certificateOf(1).ranges, _ranges(1, 60), "certified");
        vm.assertEq(reductions.totalSupply(ISSUANCE), 1_174, "supply");
        _assertRest();
    }

    function test_Reentrant_CannotListOrRetireByItself() public {
        _callBack(address(reductions), abi.encodeCall(reductions.list, (address(receiver), ISSUANCE, 10)));
        _assertFailed(_unauthorized(address(receiver)));
        _callBack(address(reductions), abi.encodeCall(reductions.retire, (address(receiver), ISSUANCE, 10)));
        vm.assertFalse(receiver.succeeded(), "retired");
        vm.assertEq(keccak256(receiver.outcome()), keccak256(_unauthorized(address(receiver))), "refusal");
    }

    function _callBack(address target, bytes memory data) private {
        receiver.callBack(target, data);
        _transfer(SELLER, address(receiver), ISSUANCE, 100);
    }

    function _expectRefused(address to) private {
        vm.prank(SELLER);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, to));
        reductions.safeTransferFrom(SELLER, to, ISSUANCE, 100, "");
    }

    /// @dev The transfer itself stands.
    function _assertFailed(bytes memory refusal) private view {
        vm.assertFalse(receiver.succeeded(), "called back");
        vm.assertEq(keccak256(receiver.outcome()), keccak256(refusal), "refusal");
        _assertRanges(address(receiver), ISSUANCE, HELD, _ranges(1, 100), "received");
        _assertRest();
    }

    function _assertRest() private view {
        _assertRanges(SELLER, ISSUANCE, HELD, _ranges(101, 300), "seller");
        vm.assertEq(reductions.balanceOf(SELLER, ISSUANCE), 200, "seller");
    }
}
