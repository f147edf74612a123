// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Halting} from "./Halting.sol";
import {IExchangeSettlement} from "./interfaces/IExchangeSettlement.sol";
import {IProceedsDistributor} from "./interfaces/IProceedsDistributor.sol";
import {IProgrammeTreasury} from "./interfaces/IProgrammeTreasury.sol";
import {ISettlementCash} from "./interfaces/ISettlementCash.sol";

contract ProgrammeTreasury is IProgrammeTreasury, Halting {
    using SafeCast for uint256;

    uint256 private constant WHOLE_BPS = 10_000;

    IExchangeSettlement private immutable _settlement;
    ISettlementCash private immutable _cash;
    IProceedsDistributor private immutable _distributor;
    /// @inheritdoc IProgrammeTreasury
    uint32 public immutable ruleNotice;

    Rule[] private _rules;
    mapping(bytes32 ref => Offer) private _offers;
    mapping(bytes32 order => bool) private _isSigned;
    /// @inheritdoc IProgrammeTreasury
    mapping(bytes32 tradeId => bool) public collectedOf;

    constructor(
        address authority,
        IExchangeSettlement settlement_,
        ISettlementCash cash_,
        IProceedsDistributor distributor_,
        uint32 ruleNotice_
    ) AccessManaged(authority) {
        _requireContract(address(settlement_));
        _requireContract(address(cash_));
        _requireContract(address(distributor_));
        (_settlement, _cash, _distributor, ruleNotice) = (settlement_, cash_, distributor_, ruleNotice_);
    }

    // ------------------------------------------------------------------ rules

    /// @inheritdoc IProgrammeTreasury
    function addRule(Rule calldata rule) external restricted whenNotPaused returns (bool) {
        if (_isAdded(rule)) return false;
        uint256 index = _rules.length;
        if (index != 0) _requireLater(rule.effectiveFrom, _rules[index - 1].effectiveFrom);
        if (rule.feeBps > WHOLE_BPS) revert ProgrammeTreasuryInvalidFee(rule.feeBps);
        address to = rule.feeAccount;
        if (to == address(0) || to == address(this) || to == address(_distributor)) {
            revert ProgrammeTreasuryInvalidFeeAccount(to);
        }

        _rules.push(rule);

        emit RuleAdded(index, rule);
        return true;
    }

    // ------------------------------------------------------------------ offers

    /// @inheritdoc IProgrammeTreasury
    function offer(
        bytes32 ref,
        uint32 issuance,
        uint64 tonnes,
        uint128 limitFen,
        uint64 expiry
    ) external restricted whenNotPaused returns (bool) {
        bytes32 order = _hashOrder(ref, issuance, tonnes, limitFen, expiry);
        bytes32 recorded = _offers[ref].order;
        if (recorded == order) return false;
        if (recorded != bytes32(0)) revert ProgrammeTreasuryReferenceUsed(ref);
        if (ref == bytes32(0)) revert ProgrammeTreasuryMissingReference();
        if (tonnes == 0) revert ProgrammeTreasuryZeroAmount(ref);
        if (block.timestamp > expiry) revert ProgrammeTreasuryOfferExpired(ref, expiry);
        uint128 floorFen = ruleAt(uint64(block.timestamp)).floorFen;
        if (limitFen == 0 || limitFen < floorFen) revert ProgrammeTreasuryBelowFloor(ref, limitFen, floorFen);

        _offers[ref] = Offer({
            issuance: issuance,
            tonnes: tonnes,
            limitFen: limitFen,
            expiry: expiry,
            withdrawn: false,
            order: order
        });
        _isSigned[order] = true;

        emit Offered(ref, order, issuance, tonnes, limitFen, expiry);
        _settlement.list(issuance, tonnes, ref);
        return true;
    }

    /// @inheritdoc IProgrammeTreasury
    function withdrawOffer(bytes32 ref) external restricted whenNotPaused returns (bool) {
        Offer storage recorded = _offers[ref];
        (bytes32 order, uint32 issuance) = (recorded.order, recorded.issuance);
        if (order == bytes32(0)) revert ProgrammeTreasuryUnknownOffer(ref);
        if (recorded.withdrawn) return false;
        uint64 tonnes = recorded.tonnes - _settlement.filledOf(order);

        recorded.withdrawn = true;
        _isSigned[order] = false;

        emit OfferWithdrawn(ref, tonnes);
        if (tonnes != 0) _settlement.unlist(issuance, tonnes, keccak256(abi.encode(ref, "withdraw")));
        return true;
    }

    /// @inheritdoc IProgrammeTreasury
    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return _isSigned[digest] && !paused() ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    // ------------------------------------------------------------------ proceeds

    /// @inheritdoc IProgrammeTreasury
    function collect(bytes32 tradeId) external whenNotPaused returns (bool) {
        if (collectedOf[tradeId]) return false;
        IExchangeSettlement.Trade memory trade = _settlement.tradeOf(tradeId);
        if (trade.seller != address(this)) revert ProgrammeTreasuryForeignTrade(tradeId, trade.seller);
        Rule memory rule = ruleAt(trade.settledAt);
        uint256 grossFen = uint256(trade.tonnes) * trade.priceFen;
        uint256 feeFen = (grossFen * rule.feeBps) / WHOLE_BPS; // rounded down: the rest of a fen is the people's
        uint128 peopleFen = (grossFen - feeFen).toUint128();

        collectedOf[tradeId] = true;

        emit ProceedsCollected(tradeId, trade.issuance, grossFen.toUint128(), feeFen.toUint128(), peopleFen);
        if (feeFen != 0) _cash.transfer(rule.feeAccount, feeFen);
        if (peopleFen != 0) {
            _cash.transfer(address(_distributor), peopleFen);
            _distributor.fund(trade.issuance, peopleFen);
        }
        return true;
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IProgrammeTreasury
    function ruleAt(uint64 time) public view returns (Rule memory) {
        (bool found, uint256 index) = _indexAt(time);
        if (!found) revert ProgrammeTreasuryNoRule(time);
        return _rules[index];
    }

    /// @inheritdoc IProgrammeTreasury
    function ruleOf(uint256 index) external view returns (Rule memory) {
        return _rules[index];
    }

    /// @inheritdoc IProgrammeTreasury
    function ruleCount() external view returns (uint256) {
        return _rules.length;
    }

    /// @inheritdoc IProgrammeTreasury
    function offerOf(bytes32 ref) external view returns (Offer memory) {
        return _offers[ref];
    }

    /// @inheritdoc IProgrammeTreasury
    function settlement() external view returns (address) {
        return address(_settlement);
    }

    /// @inheritdoc IProgrammeTreasury
    function cash() external view returns (address) {
        return address(_cash);
    }

    /// @inheritdoc IProgrammeTreasury
    function distributor() external view returns (address) {
        return address(_distributor);
    }

    // ------------------------------------------------------------------ guards

    function _requireContract(address counterpart) private view {
        if (counterpart.code.length == 0) revert ProgrammeTreasuryInvalidCounterpart(counterpart);
    }

    /// @dev A rule is known by its first second.
    function _isAdded(Rule calldata rule) private view returns (bool) {
        (bool found, uint256 index) = _indexAt(rule.effectiveFrom);
        if (!found || _rules[index].effectiveFrom != rule.effectiveFrom) return false;
        if (keccak256(abi.encode(_rules[index])) != keccak256(abi.encode(rule))) {
            revert ProgrammeTreasuryRuleExists(rule.effectiveFrom);
        }
        return true;
    }

    function _requireLater(uint64 effectiveFrom, uint64 latest) private view {
        if (effectiveFrom < latest) revert ProgrammeTreasuryRuleOutOfOrder(effectiveFrom, latest);
        uint256 earliest = block.timestamp + ruleNotice;
        if (effectiveFrom < earliest) revert ProgrammeTreasuryRuleTooEarly(effectiveFrom, earliest);
    }

    /// @dev The last rule that begins at `time` or before. Looked for from the end: most trades are recent.
    function _indexAt(uint64 time) private view returns (bool, uint256) {
        for (uint256 i = _rules.length; i > 0; --i) {
            if (_rules[i - 1].effectiveFrom <= time) return (true, i - 1);
        }
        return (false, 0);
    }

    function _hashOrder(
        bytes32 ref,
        uint32 issuance,
        uint64 tonnes,
        uint128 limitFen,
        uint64 expiry
    ) private view returns (bytes32) {
        return
            _settlement.hashOrder(
                IExchangeSettlement.Order({
                    trader: address(this),
                    side: IExchangeSettlement.Side.SELL,
                    issuance: issuance,
                    tonnes: tonnes,
                    limitFen: limitFen,
                    salt: ref,
                    expiry: expiry
                })
            );
    }
}
