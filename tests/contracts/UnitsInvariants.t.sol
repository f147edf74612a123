// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CertifiedReductions} from "../../contracts/CertifiedReductions.sol";
import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {RetirementCertificates} from "../../contracts/RetirementCertificates.sol";
import {UnitsHandler} from "./UnitsHandler.sol";
import {Vm} from "./Vm.sol";

/// @dev What must hold of every tonne whatever happens to it. I1: per issuance, holdings + listed + retired + cancelled =
/// issued, and the serial ranges are disjoint and complete.
contract UnitsInvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant HOLDERS = 4;
    uint32 private constant ISSUANCES = 2;
    uint256 private constant WORDS = 3; // of 256 serials: more than the handler issues at once

    UnitsHandler private handler;
    CertifiedReductions private reductions;
    RetirementCertificates private certificates;

    function setUp() public {
        handler = new UnitsHandler();
        (address reductionsAt, address certificatesAt) = handler.contracts();
        (reductions, certificates) = (CertifiedReductions(reductionsAt), RetirementCertificates(certificatesAt));
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector({addr: address(handler), selectors: _actions()});
    }

    /// @dev I1: the ranges of all accounts and places are disjoint and complete, and hold what was issued and done.
    function invariant_EveryTonneIsInOnePlace() public view {
        for (uint32 issuance = 1; issuance <= ISSUANCES; ++issuance) {
            uint256[WORDS] memory found; // a bit for each serial
            UnitsHandler.Book memory sum;
            for (uint256 who = 0; who < HOLDERS; ++who) {
                UnitsHandler.Book memory book = handler.bookOf(issuance, who);
                _assertBook(found, issuance, handler.account(who), book);
                sum.held += book.held;
                sum.listed += book.listed;
                sum.retired += book.retired;
                sum.cancelled += book.cancelled;
            }
            uint256 tonnes = handler.tonnesOf(issuance);
            for (uint256 i = 0; i < WORDS; ++i) vm.assertEq(found[i], _lowest(tonnes, i), "serials are missing");
            ICertifiedReductions.Issuance memory record = reductions.issuanceOf(issuance);
            vm.assertEq(record.tonnes, tonnes, "issued");
            vm.assertEq(record.retired, sum.retired, "retired");
            vm.assertEq(record.cancelled, sum.cancelled, "cancelled");
            vm.assertEq(reductions.totalSupply(issuance), sum.held + sum.listed, "supply");
            vm.assertEq(sum.held + sum.listed + sum.retired + sum.cancelled, tonnes, "I1");
        }
    }

    /// @dev Serials are given in one row, without a gap, and every retired tonne has its certificate.
    function invariant_SerialsAreOneRow() public view {
        uint64 next = 1;
        uint256 retired;
        for (uint32 issuance = 1; issuance <= reductions.issuanceCount(); ++issuance) {
            ICertifiedReductions.Issuance memory record = reductions.issuanceOf(issuance);
            vm.assertEq(record.firstSerial, next, "first serial");
            next += record.tonnes;
            vm.assertEq(reductions.issuanceAt(next - 1), issuance, "issuance of its last serial");
            retired += record.retired;
        }
        vm.assertEq(reductions.nextSerial(), next, "next serial");
        vm.assertEq(handler.issuedTonnes(), next - 1, "serials are tonnes");
        vm.assertEq(certificates.certificateCount(), handler.done("retire"), "certificates");
        vm.assertEq(handler.certificateTonnes(), retired, "tonnes of certificates");
    }

    /// @dev The handler reaches every action in an ordinary run, so the invariants above are not vacuous.
    function test_UnitsHandler_ReachesEveryAction() public {
        bytes4[] memory actions = _actions();
        uint256 seed = 1;
        for (uint256 i = 0; i < 1_500; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            bytes memory data = abi.encodePacked(actions[seed % actions.length], seed >> 8, seed >> 136);
            (bool played, ) = address(handler).call(data);
            vm.assertTrue(played, "reverted");
        }
        string[15] memory names = [
            "issue",
            "transfer",
            "transferBatch",
            "list",
            "unlist",
            "settle",
            "retire",
            "overreach",
            "freeze",
            "force",
            "force listed",
            "suspend",
            "resume",
            "cancel",
            "withdraw"
        ];
        for (uint256 i = 0; i < names.length; ++i) vm.assertTrue(handler.done(names[i]) > 0, names[i]);
        invariant_EveryTonneIsInOnePlace();
        invariant_SerialsAreOneRow();
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](14);
        actions[0] = handler.issue.selector;
        actions[1] = handler.transfer.selector;
        actions[2] = handler.transferBatch.selector;
        actions[3] = handler.list.selector;
        actions[4] = handler.unlist.selector;
        actions[5] = handler.settle.selector;
        actions[6] = handler.retire.selector;
        actions[7] = handler.overreach.selector;
        actions[8] = handler.freeze.selector;
        actions[9] = handler.force.selector;
        actions[10] = handler.suspend.selector;
        actions[11] = handler.resume.selector;
        actions[12] = handler.cancel.selector;
        actions[13] = handler.withdraw.selector;
    }

    function _assertBook(
        uint256[WORDS] memory found,
        uint32 issuance,
        address account,
        UnitsHandler.Book memory book
    ) private view {
        vm.assertEq(reductions.balanceOf(account, issuance), book.held + book.listed, "balance");
        vm.assertEq(reductions.listedOf(account, issuance), book.listed, "listed");
        vm.assertEq(reductions.frozenOf(account, issuance), book.frozen, "frozen");
        uint256 free = book.held > book.frozen ? book.held - book.frozen : 0;
        vm.assertEq(reductions.transferableOf(account, issuance), free, "transferable");
        uint256[4] memory tonnes = [book.held, book.listed, book.retired, book.cancelled];
        for (uint256 i = 0; i < 4; ++i) vm.assertEq(_find(found, issuance, account, _place(i)), tonnes[i], "in its place");
    }

    /// @dev Marks the serials of a holding in `found`, where none of them may be yet.
    /// @return tonnes How many they are.
    function _find(
        uint256[WORDS] memory found,
        uint32 issuance,
        address account,
        ICertifiedReductions.Place place
    ) private view returns (uint256 tonnes) {
        uint64 base = reductions.issuanceOf(issuance).firstSerial;
        ICertifiedReductions.Range[] memory ranges = reductions.rangesOf(account, issuance, place, 0, type(uint256).max);
        for (uint256 i = 0; i < ranges.length; ++i) {
            (uint64 first, uint64 last) = (ranges[i].first, ranges[i].last);
            if (i != 0) vm.assertTrue(first > ranges[i - 1].last + 1, "ranges touch");
            tonnes += last - first + 1;
            for (uint256 j = 0; j < WORDS; ++j) {
                uint256 serials = _lowest(last - base + 1, j) & ~_lowest(first - base, j);
                vm.assertEq(found[j] & serials, 0, "a serial in two places");
                found[j] |= serials;
            }
        }
    }

    /// @dev The bits of the lowest `count` serials in word `index`.
    function _lowest(uint256 count, uint256 index) private pure returns (uint256) {
        if (count <= index * 256) return 0;
        uint256 bits = count - index * 256;
        return bits >= 256 ? type(uint256).max : (uint256(1) << bits) - 1;
    }

    function _place(uint256 index) private pure returns (ICertifiedReductions.Place) {
        return ICertifiedReductions.Place(1 + index); // NOWHERE is left out
    }
}
