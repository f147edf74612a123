// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {CertifiedReductions} from "../../contracts/CertifiedReductions.sol";
import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {Participants} from "../../contracts/Participants.sol";
import {RetirementCertificates} from "../../contracts/RetirementCertificates.sol";
import {Roles} from "../../contracts/Roles.sol";
import {Fixture} from "./Fixture.sol";

/// @dev The contracts that keep tonnes, wired as in production. Accounts stand in for the certification and the
/// settlement; the treasury holds what is issued.
abstract contract UnitsFixture is Fixture {
    address internal constant CERTIFICATION = address(0xC001);
    address internal constant SETTLEMENT = address(0xC002);
    address internal constant TREASURY = address(0xD000);
    address internal constant SELLER = address(0xD001);
    address internal constant BUYER = address(0xD002);
    address internal constant THIRD = address(0xD003);

    bytes32 internal constant SELLER_ENTITY = "seller";
    bytes32 internal constant BUYER_ENTITY = "buyer";
    bytes32 internal constant DOSSIER = "dossier";
    bytes32 internal constant REASON = "court order";
    uint32 internal constant ISSUANCE = 1;
    uint64 internal constant ALL = type(uint64).max;

    ICertifiedReductions.Place internal constant HELD = ICertifiedReductions.Place.HELD;
    ICertifiedReductions.Place internal constant LISTED = ICertifiedReductions.Place.LISTED;
    ICertifiedReductions.Place internal constant RETIRED = ICertifiedReductions.Place.RETIRED;
    ICertifiedReductions.Place internal constant CANCELLED = ICertifiedReductions.Place.CANCELLED;

    Participants internal participants;
    CertifiedReductions internal reductions;
    RetirementCertificates internal certificates;

    function setUp() public virtual override {
        super.setUp();
        _admit(TREASURY, "treasury", IParticipants.Kind.PROGRAMME);
        _admit(SELLER, SELLER_ENTITY, IParticipants.Kind.COMPLIANCE);
        _admit(BUYER, BUYER_ENTITY, IParticipants.Kind.COMPLIANCE);
        _admit(THIRD, "third", IParticipants.Kind.VOLUNTARY);
    }

    // Wiring

    /// @dev Deploys and wires while the administration is still here.
    function _handOver() internal virtual override {
        participants = new Participants(address(manager));
        reductions = new CertifiedReductions(address(manager), participants);
        certificates = new RetirementCertificates(address(manager), reductions, participants);
        _assign(address(participants), Roles.EXCHANGE, participants.register.selector);
        _assign(address(participants), Roles.REGULATOR, participants.admit.selector, participants.suspend.selector);
        _assign(address(participants), Roles.REGULATOR_DELAYED, participants.reinstate.selector);
        _assign(address(certificates), Roles.REGULATOR, certificates.setOffsetLimit.selector);
        _assign(address(certificates), Roles.GUARDIAN, certificates.pause.selector);
        _assign(address(certificates), Roles.REGULATOR_DELAYED, certificates.unpause.selector);
        _wireReductions(address(reductions));

        manager.grantRole(Roles.CERTIFICATION, CERTIFICATION, 0);
        manager.grantRole(Roles.SETTLEMENT, SETTLEMENT, 0);
        manager.grantRole(Roles.RETIREMENT, address(certificates), 0);
        manager.setRoleGuardian(Roles.REGULATOR_DELAYED, Roles.GUARDIAN);
        super._handOver();
    }

    function _wireReductions(address target) private {
        _assign(target, Roles.CERTIFICATION, reductions.issue.selector);
        _assign(target, Roles.SETTLEMENT, reductions.list.selector, reductions.unlist.selector);
        _assign(target, Roles.SETTLEMENT, reductions.settle.selector);
        _assign(target, Roles.RETIREMENT, reductions.retire.selector);
        _assign(target, Roles.REGULATOR, reductions.freeze.selector, reductions.suspend.selector);
        _assign(target, Roles.REGULATOR_DELAYED, reductions.forcedTransfer.selector);
        _assign(target, Roles.REGULATOR_DELAYED, reductions.resume.selector, reductions.cancel.selector);
        _assign(target, Roles.GUARDIAN, reductions.pause.selector);
        _assign(target, Roles.REGULATOR_DELAYED, reductions.unpause.selector);
    }

    // Acts

    function _admit(address account, bytes32 entity, IParticipants.Kind kind) internal {
        vm.prank(EXCHANGE);
        participants.register(account, entity, kind, "identity file");
        vm.prank(REGULATOR);
        participants.admit(account, entity, kind, "identity file");
    }

    function _suspendParticipant(address account) internal {
        vm.prank(REGULATOR);
        participants.suspend(account, REASON);
    }

    /// @dev Issues to the treasury.
    function _issue(uint32 issuance, uint64 tonnes) internal {
        vm.prank(CERTIFICATION);
        reductions.issue(issuance, CLASS, tonnes, DOSSIER, TREASURY);
    }

    function _give(address to, uint32 issuance, uint64 tonnes) internal {
        _transfer(TREASURY, to, issuance, tonnes);
    }

    function _transfer(address from, address to, uint32 issuance, uint64 tonnes) internal {
        vm.prank(from);
        reductions.safeTransferFrom(from, to, issuance, tonnes, "");
    }

    function _list(address holder, uint32 issuance, uint64 tonnes) internal {
        vm.prank(SETTLEMENT);
        reductions.list(holder, issuance, tonnes);
    }

    function _unlist(address holder, uint32 issuance, uint64 tonnes) internal {
        vm.prank(SETTLEMENT);
        reductions.unlist(holder, issuance, tonnes);
    }

    function _settle(address from, address to, uint32 issuance, uint64 tonnes) internal {
        vm.prank(SETTLEMENT);
        reductions.settle(from, to, issuance, tonnes);
    }

    function _retire(address holder, uint32 issuance, uint64 tonnes) internal {
        vm.prank(address(certificates));
        reductions.retire(holder, issuance, tonnes);
    }

    function _freeze(address account, uint32 issuance, uint64 tonnes) internal {
        vm.prank(REGULATOR);
        reductions.freeze(account, issuance, tonnes, REASON);
    }

    function _suspend(uint32 issuance) internal {
        vm.prank(REGULATOR);
        reductions.suspend(issuance, REASON);
    }

    function _cancel(uint32 issuance) internal {
        _afterDelay(address(reductions), abi.encodeCall(reductions.cancel, (issuance, REASON)));
    }

    function _pause(address target) internal {
        vm.prank(GUARDIAN);
        CertifiedReductions(target).pause();
    }

    /// @dev Gives `count` ranges of 1 t to `holder`, with a gap of 1 t before each, from the treasury's next serial on.
    function _scatter(address holder, address others, uint32 issuance, uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            _give(others, issuance, 1);
            _give(holder, issuance, 1);
        }
    }

    // What is expected

    function _ranges(uint64 first, uint64 last) internal pure returns (ICertifiedReductions.Range[] memory list) {
        list = new ICertifiedReductions.Range[](1);
        list[0] = ICertifiedReductions.Range(first, last);
    }

    function _ranges(
        uint64 first,
        uint64 last,
        uint64 secondFirst,
        uint64 secondLast
    ) internal pure returns (ICertifiedReductions.Range[] memory list) {
        list = new ICertifiedReductions.Range[](2);
        list[0] = ICertifiedReductions.Range(first, last);
        list[1] = ICertifiedReductions.Range(secondFirst, secondLast);
    }

    function _assertRanges(
        address holder,
        uint32 issuance,
        ICertifiedReductions.Place place,
        ICertifiedReductions.Range[] memory expected,
        string memory what
    ) internal view {
        _assertSame(reductions.rangesOf(holder, issuance, place, 0, type(uint256).max), expected, what);
    }

    function _assertSame(
        ICertifiedReductions.Range[] memory actual,
        ICertifiedReductions.Range[] memory expected,
        string memory what
    ) internal pure {
        vm.assertEq(actual.length, expected.length, what);
        vm.assertEq(keccak256(abi.encode(actual)), keccak256(abi.encode(expected)), what);
    }

    function _assertNothing(address holder, uint32 issuance, ICertifiedReductions.Place place) internal view {
        vm.assertEq(reductions.rangesOf(holder, issuance, place, 0, 1).length, 0, "nothing there");
    }

    function _insufficient(
        address holder,
        uint256 balance,
        uint256 needed,
        uint256 id
    ) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IERC1155Errors.ERC1155InsufficientBalance.selector,
                holder,
                balance,
                needed,
                id
            );
    }

    function _notTransferable(
        address holder,
        uint32 issuance,
        uint256 tonnes,
        uint256 transferable
    ) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ICertifiedReductions.CertifiedReductionsNotTransferable.selector,
                holder,
                issuance,
                tonnes,
                transferable
            );
    }

    function _unexpected(
        uint32 issuance,
        ICertifiedReductions.IssuanceStatus status
    ) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ICertifiedReductions.CertifiedReductionsUnexpectedStatus.selector,
                issuance,
                status
            );
    }

    function _inactive(address account, IParticipants.Status status) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IParticipants.ParticipantsInactive.selector, account, status);
    }

    function _zeroAmount(address holder, uint256 issuance) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ICertifiedReductions.CertifiedReductionsZeroAmount.selector,
                holder,
                issuance
            );
    }

    function _tooFragmented(
        address holder,
        uint32 issuance,
        uint256 tonnes,
        uint256 movable
    ) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ICertifiedReductions.CertifiedReductionsTooFragmented.selector,
                holder,
                issuance,
                tonnes,
                movable
            );
    }
}
