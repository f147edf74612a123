// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {IEpochs} from "../../contracts/interfaces/IEpochs.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {Fixture} from "./Fixture.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @dev A whole programme of two classes and four accounts, played by honest actors in an order the fuzzer chooses. It
/// keeps its own books, against which {Invariants} holds the contracts. An action that is impossible just now returns
/// without doing anything, so a revert is always a finding.
contract LedgerHandler is Fixture {
    uint256 internal constant ACCOUNTS = 4;
    uint256 internal constant CLASSES = 2;

    struct Entitlement {
        uint128 earned;
        uint128 converted;
    }

    bytes32[] public batchIds;
    bytes32 public head; // of the source's chain
    uint256 public refusedClaims;
    mapping(string action => uint256) public done;

    // What each account is entitled to under the epoch in force and under the latest one.
    Entitlement[ACCOUNTS][CLASSES] private active;
    Entitlement[ACCOUNTS][CLASSES] private latest;

    // The lists of the latest epoch, as a cancellation has to repeat them.
    bytes32[] private listed;
    IEpochs.Conversion[] private conversions;

    constructor() {
        setUp();
    }

    // Actions

    function anchor(uint256 seed, uint128 mg) external {
        ITripAnchors.Batch memory batch = _batch(_serviceDate(seed), uint128(_bound(mg, 1, DAILY_CAP / 4)));
        ITripAnchors.Source memory source = anchors.sourceOf(SOURCE);
        bool sameDay = source.chainDay == (block.timestamp + 8 hours) / 1 days;
        uint256 spent = sameDay ? source.chainDayMg : 0;
        if (spent + batch.reductionMg > DAILY_CAP) return;
        if (anchors.streamOf(SOURCE, batch.serviceDate).anchoredMg + batch.reductionMg > DAILY_CAP) return;

        bytes32 batchId = _anchor(batch);
        batchIds.push(batchId);
        head = keccak256(abi.encode(head, batchId));
        ++done["anchor"];
    }

    function attest(uint256 seed) external {
        (bytes32 batchId, bool found) = _find(seed, ITripAnchors.Status.ANCHORED);
        if (!found) return;
        _attest(batchId);
        ++done["attest"];
    }

    function reject(uint256 seed) external {
        bool attested = seed % 5 == 0;
        (bytes32 batchId, bool found) = _find(
            seed,
            attested ? ITripAnchors.Status.ATTESTED : ITripAnchors.Status.ANCHORED
        );
        if (!found || seed % 3 != 0) return;
        vm.prank(VERIFIER);
        anchors.reject(batchId, "sampled");
        ++done["reject"];
    }

    /// @dev Credits each batch to one account and converts part of what one account has not claimed.
    function publish(uint256 seed) external {
        if (points.activeEpoch() != points.currentEpoch()) return;
        delete listed;
        delete conversions;
        for (uint256 i = 0; i < batchIds.length && listed.length < 4; ++i) {
            if (anchors.batchOf(batchIds[i]).status == ITripAnchors.Status.ATTESTED) listed.push(batchIds[i]);
        }
        if (listed.length == 0) return;

        active = latest;
        for (uint256 i = 0; i < listed.length; ++i) _credit(listed[i], (seed >> i) % ACCOUNTS);
        _convert((seed >> 16) % CLASSES, (seed >> 24) % ACCOUNTS, uint128(seed >> 32));
        _publish(points.currentEpoch() + 1, _leaves(latest), listed, conversions);
        ++done["publish"];
    }

    function attestEpoch() external {
        uint32 number = points.currentEpoch();
        if (number == points.activeEpoch() || points.epochOf(number).attested) return;
        _attestEpoch(number);
        ++done["attestEpoch"];
    }

    function cancelEpoch(uint256 seed) external {
        uint32 number = points.currentEpoch();
        if (number == points.activeEpoch() || seed % 3 != 0) return;
        vm.prank(GUARDIAN);
        points.cancelEpoch(number, listed, conversions, "sampled");
        latest = active;
        ++done["cancelEpoch"];
    }

    function claim(uint256 seed) external {
        if (points.activeEpoch() == 0) return;
        (uint256 vintage, uint256 who) = (seed % CLASSES, (seed >> 8) % ACCOUNTS);
        bool isLatest = points.activeEpoch() == points.currentEpoch();
        Entitlement memory due = isLatest ? latest[vintage][who] : active[vintage][who];
        uint64 index = uint64(vintage * ACCOUNTS + who);
        bytes32[] memory proof = MerkleTree.proof(isLatest ? _leaves(latest) : _leaves(active), index);

        // A pending conversion of points that are claimed meanwhile leaves the account owing them: the class refuses
        // the last ones to claim, or the next epoch is below what was claimed. Neither may break the sums.
        try points.claim(account(who), class(vintage), due.earned, due.converted, index, proof) returns (uint256 mg) {
            if (mg != 0) ++done["claim"];
        } catch {
            ++refusedClaims;
        }
    }

    function redeem(uint256 seed, uint128 mg) external {
        (uint256 vintage, address holder) = (seed % CLASSES, account((seed >> 8) % ACCOUNTS));
        uint256 balance = points.balanceOf(holder, class(vintage));
        if (balance == 0 || block.timestamp >= points.expiresAt(class(vintage))) return;
        uint128 amount = uint128(_bound(mg, 1, balance));
        vm.prank(holder);
        points.redeem(class(vintage), amount, ICarbonPoints.Channel((seed >> 16) % 4), bytes32(++done["redeem"]));
    }

    function expire(uint256 seed) external {
        uint64 classId = class(seed % CLASSES);
        if (block.timestamp < points.expiresAt(classId)) return;
        if (points.expire(account((seed >> 8) % ACCOUNTS), classId)) ++done["expire"];
    }

    function wait(uint256 seed) external {
        // Mostly hours, and rarely the years that it takes the older class to expire.
        vm.warp(block.timestamp + (seed % 61 == 0 ? 4 * 365 days : 1 + (seed % 12 hours)));
    }

    // Books

    function account(uint256 who) public pure returns (address) {
        return address(uint160(0xD000 + who));
    }

    function class(uint256 vintage) public pure returns (uint64) {
        return CLASS - 1 + uint64(vintage);
    }

    function batchCount() external view returns (uint256) {
        return batchIds.length;
    }

    function contracts() external view returns (address, address) {
        return (address(anchors), address(points));
    }

    /// @dev What the accounts are entitled to under the latest epoch, in sum.
    function entitled(uint256 vintage) external view returns (uint256 earned, uint256 converted) {
        for (uint256 who = 0; who < ACCOUNTS; ++who) {
            earned += latest[vintage][who].earned;
            converted += latest[vintage][who].converted;
        }
    }

    function _serviceDate(uint256 seed) private pure returns (uint32) {
        return uint32((seed % CLASSES == 0 ? 20251220 : 20261010) + (seed >> 8) % 10);
    }

    function _find(uint256 seed, ITripAnchors.Status status) private view returns (bytes32, bool) {
        for (uint256 i = 0; i < batchIds.length; ++i) {
            bytes32 batchId = batchIds[(seed % batchIds.length + i) % batchIds.length];
            if (anchors.batchOf(batchId).status == status) return (batchId, true);
        }
        return (0, false);
    }

    function _credit(bytes32 batchId, uint256 who) private {
        ITripAnchors.Record memory record = anchors.batchOf(batchId);
        latest[record.classId - class(0)][who].earned += record.reductionMg;
    }

    function _convert(uint256 vintage, uint256 who, uint128 seed) private {
        Entitlement storage due = latest[vintage][who];
        uint256 gone = uint256(due.converted) + points.claimedOf(account(who), class(vintage));
        if (due.earned <= gone || block.timestamp >= points.expiresAt(class(vintage))) return;
        uint128 mg = uint128(_bound(seed, 1, due.earned - gone));
        // What others hold beyond their entitlement after such a race is missing in the class.
        ICarbonPoints.ClassTotals memory totals = points.classTotals(class(vintage));
        uint256 free = uint256(totals.earned) + _addedOf(vintage) - totals.converted - totals.claimed;
        if (mg > free) return;
        due.converted += mg;
        conversions.push(IEpochs.Conversion({classId: class(vintage), mg: mg}));
        ++done["convert"];
    }

    function _addedOf(uint256 vintage) private view returns (uint256 added) {
        for (uint256 i = 0; i < listed.length; ++i) {
            ITripAnchors.Record memory record = anchors.batchOf(listed[i]);
            if (record.classId == class(vintage)) added += record.reductionMg;
        }
    }

    function _leaves(Entitlement[ACCOUNTS][CLASSES] storage due) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](ACCOUNTS * CLASSES);
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            for (uint256 who = 0; who < ACCOUNTS; ++who) {
                Entitlement storage entry = due[vintage][who];
                leaves[vintage * ACCOUNTS + who] = _leaf(account(who), class(vintage), entry.earned, entry.converted);
            }
        }
    }
}
