// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {ServiceDates} from "../../contracts/ServiceDates.sol";
import {Fixture} from "./Fixture.sol";

contract AnchorTest is Fixture {
    function testFuzz_Anchor_UnknownSource(bytes32 source) public {
        vm.assume(source != SOURCE);
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        batch.source = source;
        _expect(abi.encodeWithSelector(ITripAnchors.TripAnchorsUnknownSource.selector, source), batch);
    }

    function test_Anchor_InactiveSource() public {
        vm.prank(REGULATOR);
        anchors.updateSource(SOURCE, PLATFORM, DAILY_CAP, false);
        _expect(
            abi.encodeWithSelector(ITripAnchors.TripAnchorsInactiveSource.selector, SOURCE),
            _batch(SERVICE_DATE, 1_000)
        );
    }

    /// @dev The role alone is not enough: another platform key may not sign for this source.
    function testFuzz_Anchor_NotTheSigner(address signer) public {
        vm.assume(signer != PLATFORM && signer != address(0));
        vm.prank(REGULATOR);
        anchors.updateSource(SOURCE, signer, DAILY_CAP, true);
        _expect(
            abi.encodeWithSelector(ITripAnchors.TripAnchorsWrongSigner.selector, SOURCE, signer, PLATFORM),
            _batch(SERVICE_DATE, 1_000)
        );
    }

    function testFuzz_Anchor_DateThatDoesNotExist(uint32 date) public {
        vm.assume(!ServiceDates.isValid(date));
        _expect(_invalidDate(date), _batch(date, 1_000));
    }

    function test_Anchor_TheDayAfterTomorrow() public {
        _expect(_invalidDate(20261026), _batch(20261026, 1_000));
        _anchor(_batch(20261025, 1_000));
        vm.warp(block.timestamp + 1 days - 1); // the last second of the same day
        _expect(_invalidDate(20261026), _batch(20261026, 1_000));
    }

    function test_Anchor_MethodologyNotEffective() public {
        vm.prank(REGULATOR);
        registry.end(METHODOLOGY, 20261022);
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        _expect(_notEffective(METHODOLOGY, SERVICE_DATE), batch);
        batch.methodology = 2;
        _expect(_notEffective(2, SERVICE_DATE), batch);
    }

    function testFuzz_Anchor_Incomplete(uint256 missing) public {
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        missing %= 5;
        if (missing == 0) batch.tripCount = 0;
        if (missing == 1) batch.reductionMg = 0;
        if (missing == 2) batch.tripRoot = 0;
        if (missing == 3) batch.leavesDigest = 0;
        if (missing == 4) batch.inputDigest = 0;
        bytes32 batchId = anchors.hashBatch(batch);
        _expect(abi.encodeWithSelector(ITripAnchors.TripAnchorsIncompleteBatch.selector, batchId), batch);
    }

    function testFuzz_Anchor_OutOfSequence(uint32 sequence) public {
        vm.assume(sequence != 1);
        _anchor(_batch(SERVICE_DATE, 1_000));
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 2_000);
        batch.sequence = sequence;
        _expect(
            abi.encodeWithSelector(
                ITripAnchors.TripAnchorsUnexpectedSequence.selector,
                SOURCE,
                SERVICE_DATE,
                1,
                sequence
            ),
            batch
        );
    }

    /// @dev Another batch in a place that is taken: the same key with another value.
    function test_Anchor_OtherBatchInTheSamePlace() public {
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        _anchor(batch);
        batch.reductionMg = 1_001;
        _expect(
            abi.encodeWithSelector(ITripAnchors.TripAnchorsUnexpectedSequence.selector, SOURCE, SERVICE_DATE, 1, 0),
            batch
        );
    }

    function testFuzz_Anchor_WrongPrevious(bytes32 previous) public {
        bytes32 first = _anchor(_batch(SERVICE_DATE, 1_000));
        vm.assume(previous != first);
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        batch.previous = previous;
        _expect(
            abi.encodeWithSelector(
                ITripAnchors.TripAnchorsUnexpectedPrevious.selector,
                SOURCE,
                SERVICE_DATE,
                first,
                previous
            ),
            batch
        );
    }

    function testFuzz_Anchor_OverTheServiceDayCap(uint128 first, uint128 second) public {
        first = uint128(_bound(first, 1, DAILY_CAP));
        second = uint128(_bound(second, DAILY_CAP - first + 1, DAILY_CAP));
        _anchor(_batch(SERVICE_DATE, first));
        vm.warp(block.timestamp + 1 days); // a fresh chain day
        _expect(
            abi.encodeWithSelector(
                ITripAnchors.TripAnchorsServiceDayCapExceeded.selector,
                SOURCE,
                SERVICE_DATE,
                uint256(first) + second,
                DAILY_CAP
            ),
            _batch(SERVICE_DATE, second)
        );
    }

    /// @dev A stolen key that spreads its batches over many service dates gets no more than one day's cap a day.
    function testFuzz_Anchor_OverTheChainDayCap(uint128 first, uint128 second) public {
        first = uint128(_bound(first, 1, DAILY_CAP));
        second = uint128(_bound(second, uint256(DAILY_CAP) - first + 1, type(uint128).max));
        _anchor(_batch(20261001, first));
        _expect(_overChainDay(uint256(first) + second), _batch(20261002, second));
    }

    function test_Anchor_RejectionGivesNoChainDayBack() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, DAILY_CAP));
        vm.prank(VERIFIER);
        anchors.reject(batchId, "wrong factor");
        _expect(_overChainDay(uint256(DAILY_CAP) + 1), _batch(SERVICE_DATE, 1));

        vm.warp(block.timestamp + 1 days);
        _anchor(_batch(SERVICE_DATE, DAILY_CAP));
    }

    function test_Anchor_AgainIsNoOp() public {
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        bytes32 batchId = _anchor(batch);
        ITripAnchors.Source memory source = anchors.sourceOf(SOURCE);

        vm.recordLogs();
        vm.startPrank(PLATFORM);
        vm.assertFalse(anchors.anchor(batch), "anchored again");
        _assertSilent();
        vm.assertEq(anchors.sourceOf(SOURCE).head, source.head, "head");

        vm.stopPrank();
        _attest(batchId);
        vm.prank(PLATFORM);
        vm.assertFalse(anchors.anchor(batch), "anchored again after it was attested");
        _assertStatus(batchId, ITripAnchors.Status.ATTESTED);
    }

    function testFuzz_Anchor_Records(ITripAnchors.Batch memory batch) public {
        _complete(batch);
        bytes32 batchId = anchors.hashBatch(batch);
        bytes32 head = keccak256(abi.encode(bytes32(0), batchId));

        vm.expectEmit(address(anchors));
        emit ITripAnchors.BatchAnchored(batchId, SOURCE, batch.serviceDate, batch, PLATFORM, head);
        vm.prank(PLATFORM);
        vm.assertTrue(anchors.anchor(batch), "anchored");

        ITripAnchors.Record memory record = anchors.batchOf(batchId);
        vm.assertEq(uint256(record.status), uint256(ITripAnchors.Status.ANCHORED), "status");
        vm.assertEq(record.reductionMg, batch.reductionMg, "reduction");
        vm.assertEq(record.classId, (uint64(METHODOLOGY) << 16) | (batch.serviceDate / 10_000), "class");
        vm.assertEq(record.tripCount, batch.tripCount, "trips");
        vm.assertEq(record.anchoredBy, PLATFORM, "anchored by");
        vm.assertEq(record.attestations, 0, "attestations");
    }

    /// @dev I7: the anchors of a source form one chain, whatever service dates they are for.
    function testFuzz_Anchor_ChainsTheSource(uint256 seed) public {
        bytes32 head;
        uint32[3] memory sequences;
        for (uint32 i = 0; i < 12; ++i) {
            uint256 day = (seed >> (i * 8)) % 3;
            ITripAnchors.Batch memory batch = _batch(20261021 + uint32(day), 1_000);
            vm.assertEq(batch.sequence, sequences[day]++, "sequence");
            bytes32 batchId = _anchor(batch);
            head = keccak256(abi.encode(head, batchId));

            ITripAnchors.Source memory source = anchors.sourceOf(SOURCE);
            vm.assertEq(source.head, head, "head");
            vm.assertEq(source.anchors, i + 1, "anchors");
            vm.assertEq(anchors.streamOf(SOURCE, batch.serviceDate).lastBatch, batchId, "last batch");
        }
    }

    function test_HashBatch_IsTheEip712StructHash() public view {
        ITripAnchors.Batch memory batch = _batch(SERVICE_DATE, 1_000);
        bytes32 typehash = keccak256(
            "Batch(bytes32 source,uint32 serviceDate,uint32 sequence,uint32 methodology,uint64 tripCount,"
            "uint128 reductionMg,bytes32 tripRoot,bytes32 leavesDigest,bytes32 inputDigest,bytes32 previous)"
        );
        bytes memory head = abi.encode(
            typehash,
            batch.source,
            uint256(batch.serviceDate),
            uint256(batch.sequence),
            uint256(batch.methodology),
            uint256(batch.tripCount)
        );
        bytes memory tail = abi.encode(
            uint256(batch.reductionMg),
            batch.tripRoot,
            batch.leavesDigest,
            batch.inputDigest,
            batch.previous
        );
        vm.assertEq(anchors.BATCH_TYPEHASH(), typehash, "type hash");
        vm.assertEq(anchors.hashBatch(batch), keccak256(bytes.concat(head, tail)), "struct hash");
    }

    /// @dev Makes an arbitrary batch one that may be anchored first.
    function _complete(ITripAnchors.Batch memory batch) private pure {
        batch.source = SOURCE;
        batch.methodology = METHODOLOGY;
        batch.serviceDate = uint32(_bound(batch.serviceDate, 2020, 2025) * 10_000 + 101 + (batch.serviceDate % 28));
        batch.sequence = 0;
        batch.previous = 0;
        batch.tripCount = uint64(_bound(batch.tripCount, 1, type(uint64).max));
        batch.reductionMg = uint128(_bound(batch.reductionMg, 1, DAILY_CAP));
        batch.tripRoot |= bytes32(uint256(1));
        batch.leavesDigest |= bytes32(uint256(1));
        batch.inputDigest |= bytes32(uint256(1));
    }

    function _expect(bytes memory reason, ITripAnchors.Batch memory batch) private {
        vm.prank(PLATFORM);
        vm.expectRevert(reason);
        anchors.anchor(batch);
    }

    function _invalidDate(uint32 date) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ITripAnchors.TripAnchorsInvalidServiceDate.selector, date, 20261025);
    }

    function _notEffective(uint32 methodology, uint32 date) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ITripAnchors.TripAnchorsMethodologyNotEffective.selector, methodology, date);
    }

    function _overChainDay(uint256 totalMg) private view returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ITripAnchors.TripAnchorsChainDayCapExceeded.selector,
                SOURCE,
                (block.timestamp + 8 hours) / 1 days,
                totalMg,
                DAILY_CAP
            );
    }
}
