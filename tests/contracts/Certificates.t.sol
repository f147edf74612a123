// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {RetirementCertificates} from "../../contracts/RetirementCertificates.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {RetireFixture} from "./RetireFixture.sol";

/// @dev Certificates as tokens: they stay with the account that retired.
contract CertificatesTest is RetireFixture {
    function test_Certificate_StaysWhereItIs() public {
        _retire(_request(60));
        bytes memory refusal = abi.encodeWithSelector(
            IRetirementCertificates.RetirementCertificatesSoulbound.selector
        );
        vm.startPrank(holder);
        vm.expectRevert(refusal);
        certificates.transferFrom(holder, BUYER, 1);
        vm.expectRevert(refusal);
        certificates.transferFrom(holder, holder, 1);
        vm.expectRevert(refusal);
        certificates.safeTransferFrom(holder, BUYER, 1);
        vm.expectRevert(refusal);
        certificates.safeTransferFrom(holder, BUYER, 1, "data");
        vm.expectRevert(refusal);
        certificates.transferFrom(holder, BUYER, 2);
        vm.expectRevert(refusal);
        certificates.approve(BUYER, 1);
        vm.expectRevert(refusal);
        certificates.setApprovalForAll(BUYER, true);
        vm.expectRevert(refusal);
        certificates.setApprovalForAll(BUYER, false);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        certificates.transferFrom(holder, address(0), 1);
        vm.assertEq(certificates.ownerOf(1), holder, "owner");
    }

    function testFuzz_Certificate_OfNobodyElse(address caller, address to, uint256 id) public {
        vm.assume(caller != address(0) && to != address(0));
        _retire(_request(60));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IRetirementCertificates.RetirementCertificatesSoulbound.selector));
        certificates.transferFrom(holder, to, id);
    }

    function test_Certificate_Locked() public {
        bytes memory unknown = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1);
        vm.expectRevert(unknown);
        certificates.locked(1);
        _retire(_request(60));
        vm.assertTrue(certificates.locked(1), "locked");
    }

    /// @dev The receiver is not asked, so a wallet without a hook gets its certificate too.
    function test_Certificate_ForAWalletWithoutAHook() public {
        address wallet = address(new ContractWallet(holder));
        _admit(wallet, "wallet", IParticipants.Kind.VOLUNTARY);
        _list(holder, ISSUANCE, 10);
        _settle(holder, wallet, ISSUANCE, 10);
        IRetirementCertificates.Request memory request = _voluntary(10);
        request.holder = wallet;
        vm.assertTrue(_retire(request), "retired");
        vm.assertEq(certificates.ownerOf(1), wallet, "owner");
    }

    function test_SupportsInterface_OfLockedTokens() public view {
        vm.assertTrue(certificates.supportsInterface(0xb45a3c0e), "ERC-5192");
        vm.assertTrue(certificates.supportsInterface(type(IERC721).interfaceId), "ERC-721");
        vm.assertTrue(certificates.supportsInterface(type(IERC721Metadata).interfaceId), "metadata");
        vm.assertTrue(certificates.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        vm.assertFalse(certificates.supportsInterface(0xffffffff), "nothing");
    }

    function test_Constructor_PartsWithoutCode() public {
        bytes4 selector = IRetirementCertificates.RetirementCertificatesInvalidReductions.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, STRANGER));
        new RetirementCertificates(address(manager), ICertifiedReductions(STRANGER), participants);
        selector = IRetirementCertificates.RetirementCertificatesInvalidParticipants.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, STRANGER));
        new RetirementCertificates(address(manager), reductions, IParticipants(STRANGER));
    }
}
