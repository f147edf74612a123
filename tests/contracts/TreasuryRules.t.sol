// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {IProgrammeTreasury} from "../../contracts/interfaces/IProgrammeTreasury.sol";
import {ISettlementCash} from "../../contracts/interfaces/ISettlementCash.sol";
import {ProgrammeTreasury} from "../../contracts/ProgrammeTreasury.sol";
import {Roles} from "../../contracts/Roles.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

contract TreasuryRulesTest is ProceedsFixture {
    // Deployment

    function testFuzz_Deploy_CounterpartThatIsNoContract(address nowhere) public {
        vm.assume(nowhere.code.length == 0);
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryInvalidCounterpart.selector;
        bytes memory invalid = abi.encodeWithSelector(selector, nowhere);
        vm.expectRevert(invalid);
        new ProgrammeTreasury(address(manager), IExchangeSettlement(nowhere), cash, distributor, RULE_NOTICE);
        vm.expectRevert(invalid);
        new ProgrammeTreasury(address(manager), settlement, ISettlementCash(nowhere), distributor, RULE_NOTICE);
        vm.expectRevert(invalid);
        new ProgrammeTreasury(address(manager), settlement, cash, IProceedsDistributor(nowhere), RULE_NOTICE);
    }

    function testFuzz_Deploy_Records(uint32 notice) public {
        ProgrammeTreasury other = new ProgrammeTreasury(address(manager), settlement, cash, distributor, notice);
        vm.assertEq(other.settlement(), address(settlement), "settlement");
        vm.assertEq(other.cash(), address(cash), "cash");
        vm.assertEq(other.distributor(), address(distributor), "distributor");
        vm.assertEq(other.ruleNotice(), notice, "notice");
        vm.assertEq(other.authority(), address(manager), "authority");
        vm.assertEq(other.ruleCount(), 0, "rules");
    }

    // addRule

    function test_AddRule_BeforeTheLatest() public {
        uint64 latest = _now() + RULE_NOTICE + 10;
        _addRule(_rule(latest, 1_000, 500, OPERATOR));
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryRuleOutOfOrder.selector;
        bytes memory outOfOrder = abi.encodeWithSelector(selector, latest - 1, latest);
        _expect(outOfOrder, _rule(latest - 1, 1_000, 500, OPERATOR));
    }

    function testFuzz_AddRule_WithoutItsNotice(uint32 early) public {
        uint64 earliest = _now() + RULE_NOTICE;
        uint64 from = earliest - uint64(_bound(early, 1, RULE_NOTICE + 1 days));
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryRuleTooEarly.selector;
        _expect(abi.encodeWithSelector(selector, from, earliest), _rule(from, 1_000, 500, OPERATOR));
        _addRule(_rule(earliest, 1_000, 500, OPERATOR));
    }

    function testFuzz_AddRule_FeeAboveTheWhole(uint16 feeBps) public {
        feeBps = uint16(_bound(feeBps, 10_001, type(uint16).max));
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryInvalidFee.selector;
        _expect(abi.encodeWithSelector(selector, feeBps), _rule(_now() + RULE_NOTICE, feeBps, 500, OPERATOR));
    }

    /// @dev Also without a fee, so that no rule lacks one.
    function test_AddRule_InvalidFeeAccount() public {
        bytes4 selector = IProgrammeTreasury.ProgrammeTreasuryInvalidFeeAccount.selector;
        address[3] memory accounts = [address(0), address(treasury), address(distributor)];
        for (uint256 i = 0; i < accounts.length; ++i) {
            bytes memory invalid = abi.encodeWithSelector(selector, accounts[i]);
            _expect(invalid, _rule(_now() + RULE_NOTICE, 0, 500, accounts[i]));
            _expect(invalid, _rule(_now() + RULE_NOTICE, 1, 500, accounts[i]));
        }
    }

    function test_AddRule_AnotherFromTheSameSecond() public {
        uint64 from = _now() + RULE_NOTICE;
        _addRule(_rule(from, 1_000, 500, OPERATOR));
        bytes memory exists = abi.encodeWithSelector(IProgrammeTreasury.ProgrammeTreasuryRuleExists.selector, from);
        _expect(exists, _rule(from, 1_001, 500, OPERATOR));
        _expect(exists, _rule(from, 1_000, 501, OPERATOR));
        _expect(exists, _rule(from, 1_000, 500, ALICE));
    }

    function test_AddRule_AgainIsNoOp() public {
        IProgrammeTreasury.Rule memory first = treasury.ruleOf(0);
        IProgrammeTreasury.Rule memory second = _rule(_now() + RULE_NOTICE, 1_000, 500, OPERATOR);
        _addRule(second);
        vm.warp(block.timestamp + 365 days);
        vm.recordLogs();
        vm.startPrank(REGULATOR);
        vm.assertFalse(treasury.addRule(second), "added again");
        vm.assertFalse(treasury.addRule(first), "an older one");
        _assertSilent();
        vm.assertEq(treasury.ruleCount(), 2, "rules");
    }

    function test_AddRule_WhilePaused() public {
        _pause(address(treasury));
        _expect(_paused(), _rule(_now() + RULE_NOTICE, 1_000, 500, OPERATOR));
    }

    /// @dev The first rule may begin at any time, in the past and in the future.
    function testFuzz_AddRule_TheFirst(uint64 from, uint16 feeBps, uint128 floor, uint64 before) public {
        feeBps = uint16(_bound(feeBps, 0, 10_000));
        _withNewTreasury();
        vm.expectRevert(_noRule(type(uint64).max));
        treasury.ruleAt(type(uint64).max);

        IProgrammeTreasury.Rule memory rule = _rule(from, feeBps, floor, OPERATOR);
        vm.expectEmit(address(treasury));
        emit IProgrammeTreasury.RuleAdded(0, rule);
        _addRule(rule);
        _assertRule(treasury.ruleOf(0), rule);
        _assertRule(treasury.ruleAt(from), rule);
        _assertRule(treasury.ruleAt(type(uint64).max), rule);
        vm.assertEq(treasury.ruleCount(), 1, "rules");
        if (from == 0) return;
        before = uint64(_bound(before, 0, from - 1));
        vm.expectRevert(_noRule(before));
        treasury.ruleAt(before);
    }

    // Which one is in force

    function test_RuleAt_ItsFirstSecondAndTheOneBefore() public {
        uint64 from = _now() + RULE_NOTICE;
        _addRule(_rule(from, 1_000, 500, OPERATOR));
        _addRule(_rule(from + 1, 2_000, 600, ALICE));
        _assertRule(treasury.ruleAt(from - 1), treasury.ruleOf(0));
        _assertRule(treasury.ruleAt(from), treasury.ruleOf(1));
        _assertRule(treasury.ruleAt(from + 1), treasury.ruleOf(2));
    }

    /// @dev A rule that is added changes nothing before its notice has passed.
    function testFuzz_RuleAt_NeverChangesForThePast(uint32 later, uint32 back) public {
        uint64 time = _now() - uint64(_bound(back, 0, 365 days));
        IProgrammeTreasury.Rule memory inForce = treasury.ruleAt(time);
        _addRule(_rule(_now() + RULE_NOTICE + later, 9_999, 1, ALICE));
        _assertRule(treasury.ruleAt(time), inForce);
        _assertRule(treasury.ruleAt(_now() + RULE_NOTICE - 1), inForce);
    }

    function test_Offer_BeforeTheFirstRule() public {
        _withNewTreasury();
        _addRule(_rule(_now() + 1, 0, 1, OPERATOR));
        vm.prank(REGULATOR);
        vm.expectRevert(_noRule(_now()));
        treasury.offer("offer 1", ISSUANCE, 1, 1, EXPIRY);
    }

    // Helpers

    /// @dev One without rules, where the regulator may also offer.
    function _withNewTreasury() private {
        treasury = new ProgrammeTreasury(address(manager), settlement, cash, distributor, RULE_NOTICE);
        bytes4[] memory selectors = new bytes4[](2);
        (selectors[0], selectors[1]) = (treasury.addRule.selector, treasury.offer.selector);
        uint64 role = Roles.REGULATOR;
        bytes memory data = abi.encodeCall(manager.setTargetFunctionRole, (address(treasury), selectors, role));
        vm.prank(GOVERNANCE);
        manager.schedule(address(manager), data, 0);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        vm.prank(GOVERNANCE);
        manager.execute(address(manager), data);
    }

    function _noRule(uint64 time) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IProgrammeTreasury.ProgrammeTreasuryNoRule.selector, time);
    }

    function _assertRule(
        IProgrammeTreasury.Rule memory actual,
        IProgrammeTreasury.Rule memory expected
    ) private pure {
        vm.assertEq(keccak256(abi.encode(actual)), keccak256(abi.encode(expected)), "rule");
    }

    function _expect(bytes memory reason, IProgrammeTreasury.Rule memory rule) private {
        vm.prank(REGULATOR);
        vm.expectRevert(reason);
        treasury.addRule(rule);
    }
}
