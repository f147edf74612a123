// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CertifiedReductions} from "../../../contracts/CertifiedReductions.sol";
import {ICertifiedReductions} from "../../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../../contracts/interfaces/IParticipants.sol";
import {OpenAuthority, Proof} from "./Proof.sol";
import {ParticipantsStub} from "./Stubs.sol";

/// @dev One issuance of {TONNES} serials, of which {HOLDER} retires and lists some before a call of any kind. Amounts are
/// told apart one by one: the bitmap's logarithms are beyond the solver while they stay symbolic.
contract UnitsProof is Proof {
    address private constant HOLDER = address(0xD001);
    address private constant OTHER = address(0xD002);
    uint32 private constant ISSUANCE = 1;
    uint64 private constant TONNES = 3;
    uint64 private constant VERBS = 9;

    ICertifiedReductions.Place private constant RETIRED = ICertifiedReductions.Place.RETIRED;

    CertifiedReductions private units;

    function setUp() public {
        IParticipants participants = IParticipants(address(new ParticipantsStub()));
        units = new CertifiedReductions(address(new OpenAuthority()), participants);
        units.issue(ISSUANCE, 1, TONNES, "dossier", HOLDER);
    }

    /// @dev What is retired stays retired, serial by serial, whatever is called next.
    /// @custom:halmos --loop 10
    function check_RetiredIsAbsorbing(uint64 retired, uint64 listed, uint64 verb, uint64 tonnes) public {
        retired = _retireAndList(retired, listed);
        _call(verb, tonnes);
        ICertifiedReductions.Range[] memory ranges = units.rangesOf(HOLDER, ISSUANCE, RETIRED, 0, 2);
        vm.assertTrue(ranges[0].first == 1 && ranges[0].last >= retired, "serials");
        uint256 sum;
        for (uint256 i = 0; i < ranges.length; ++i) sum += ranges[i].last - ranges[i].first + 1;
        vm.assertEq(units.issuanceOf(ISSUANCE).retired, sum, "counted");
    }

    /// @custom:halmos --loop 10
    function refute_RetiredStaysAsItIs(uint64 retired, uint64 listed, uint64 verb, uint64 tonnes) public {
        retired = _retireAndList(retired, listed);
        _call(verb, tonnes);
        vm.assertEq(units.issuanceOf(ISSUANCE).retired, retired, "counted");
    }

    /// @dev issued = circulating + retired + cancelled, and what circulates is what the holders have.
    /// @custom:halmos --loop 10
    function check_TonnesAreConserved(uint64 retired, uint64 listed, uint64 verb, uint64 tonnes) public {
        _retireAndList(retired, listed);
        _call(verb, tonnes);
        ICertifiedReductions.Issuance memory issuance = units.issuanceOf(ISSUANCE);
        uint256 circulating = units.totalSupply(ISSUANCE);
        vm.assertEq(circulating + issuance.retired + issuance.cancelled, TONNES, "issued");
        vm.assertEq(units.balanceOf(HOLDER, ISSUANCE) + units.balanceOf(OTHER, ISSUANCE), circulating, "balances");
    }

    /// @custom:halmos --loop 10
    function refute_NothingChangesHands(uint64 retired, uint64 listed, uint64 verb, uint64 tonnes) public {
        _retireAndList(retired, listed);
        _call(verb, tonnes);
        vm.assertEq(units.balanceOf(OTHER, ISSUANCE), 0, "balance");
    }

    function _retireAndList(uint64 retired, uint64 listed) private returns (uint64) {
        retired = _oneOf(retired, TONNES + 1);
        if (retired != 0) units.retire(HOLDER, ISSUANCE, retired);
        vm.assume(retired != 0);
        listed = _oneOf(listed, TONNES + 1 - retired);
        if (listed != 0) units.list(HOLDER, ISSUANCE, listed);
        return retired;
    }

    /// @dev Everything that moves serials or changes what may move.
    function _call(uint64 verb, uint64 tonnes) private {
        verb = _oneOf(verb, VERBS);
        tonnes = _oneOf(tonnes, TONNES + 1);
        if (verb == 0) units.list(HOLDER, ISSUANCE, tonnes);
        else if (verb == 1) units.unlist(HOLDER, ISSUANCE, tonnes);
        else if (verb == 2) units.settle(HOLDER, OTHER, ISSUANCE, tonnes);
        else if (verb == 3) units.retire(HOLDER, ISSUANCE, tonnes);
        else if (verb == 4) units.forcedTransfer(HOLDER, OTHER, ISSUANCE, tonnes, "reason");
        else if (verb == 5) units.freeze(HOLDER, ISSUANCE, tonnes, "reason");
        else if (verb == 6) units.suspend(ISSUANCE, "reason");
        else if (verb == 7) _withdraw();
        else _transfer(tonnes);
    }

    function _transfer(uint64 tonnes) private {
        vm.prank(HOLDER);
        units.safeTransferFrom(HOLDER, OTHER, ISSUANCE, tonnes, "");
    }

    function _withdraw() private {
        units.suspend(ISSUANCE, "reason");
        units.cancel(ISSUANCE, "reason");
        units.withdraw(ISSUANCE, HOLDER);
    }

    /// @dev `value`, known to be one of the `count` lowest numbers, on a path of its own for each.
    function _oneOf(uint64 value, uint64 count) private pure returns (uint64) {
        for (uint64 i = 0; i < count; ++i) {
            if (value == i) return i;
        }
        vm.assume(false);
        return 0;
    }
}
