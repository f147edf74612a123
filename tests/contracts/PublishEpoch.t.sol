// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Classes} from "../../contracts/Classes.sol";
import {IEpochs} from "../../contracts/interfaces/IEpochs.sol";
import {IInPerson} from "../../contracts/interfaces/IInPerson.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {Fixture} from "./Fixture.sol";

contract PublishEpochTest is Fixture {
    bytes32 private constant ROOT = "root";

    function testFuzz_PublishEpoch_OutOfOrder(uint32 number) public {
        vm.assume(number != 1);
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        _expect(
            abi.encodeWithSelector(IEpochs.EpochsUnexpectedNumber.selector, 1, number),
            number,
            ROOT,
            1,
            batchIds
        );
    }

    function testFuzz_PublishEpoch_OtherContentsUnderTheSameNumber(bytes32 root, uint64 size) public {
        vm.assume(root != ROOT || size != 1);
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        _publishRoot(1, batchIds);
        bytes32 expected = points.epochOf(1).digest;
        bytes32 actual = points.hashEpoch(1, root, size, batchIds, _noConversions());
        _expect(
            abi.encodeWithSelector(IEpochs.EpochsDigestMismatch.selector, 1, expected, actual),
            1,
            root,
            size,
            batchIds
        );
    }

    function test_PublishEpoch_OverAPendingOne() public {
        _publishRoot(1, _list(_attestedBatch(1_000)));
        bytes32[] memory batchIds = _list(_attestedBatch(2_000));
        bytes memory pending = abi.encodeWithSelector(IEpochs.EpochsPending.selector, 1);

        _expect(pending, 2, ROOT, 1, batchIds);
        _attestEpoch(1);
        _expect(pending, 2, ROOT, 1, batchIds); // attested, but its delay has not passed
        vm.warp(points.epochOf(1).activeAt);
        _publishRoot(2, batchIds);
    }

    function test_PublishEpoch_OverAnUnattestedOne() public {
        _publishRoot(1, _list(_attestedBatch(1_000)));
        vm.warp(block.timestamp + 365 days);
        _expect(
            abi.encodeWithSelector(IEpochs.EpochsPending.selector, 1),
            2,
            ROOT,
            1,
            _list(_attestedBatch(2_000))
        );
    }

    function test_PublishEpoch_EmptyTree() public {
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        _expect(abi.encodeWithSelector(IEpochs.EpochsEmptyTree.selector, 1, 0, 1), 1, 0, 1, batchIds);
        _expect(abi.encodeWithSelector(IEpochs.EpochsEmptyTree.selector, 1, ROOT, 0), 1, ROOT, 0, batchIds);
    }

    function test_PublishEpoch_NoBatchesOrTooMany() public {
        bytes4 selector = IEpochs.EpochsBatchCount.selector;
        _expect(abi.encodeWithSelector(selector, 0, 64), 1, ROOT, 1, new bytes32[](0));
        _expect(abi.encodeWithSelector(selector, 65, 64), 1, ROOT, 1, new bytes32[](65));
    }

    function test_PublishEpoch_TooManyConversions() public {
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        IEpochs.Conversion[] memory conversions = new IEpochs.Conversion[](33);
        _expectWith(abi.encodeWithSelector(IEpochs.EpochsConversionCount.selector, 33, 32), batchIds, conversions);
    }

    function test_PublishEpoch_InvalidConversions() public {
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        bytes4 selector = IEpochs.EpochsInvalidConversion.selector;
        _expectWith(abi.encodeWithSelector(selector, CLASS, 0), batchIds, _conversion(CLASS, 0));
        _expectWith(abi.encodeWithSelector(selector, 0, 1), batchIds, _conversion(0, 1));

        IEpochs.Conversion[] memory two = new IEpochs.Conversion[](2);
        (two[0], two[1]) = (IEpochs.Conversion(CLASS, 1), IEpochs.Conversion(CLASS, 2));
        _expectWith(abi.encodeWithSelector(selector, CLASS, 2), batchIds, two);
        two[1].classId = CLASS - 1;
        _expectWith(abi.encodeWithSelector(selector, CLASS - 1, 2), batchIds, two);
    }

    function test_PublishEpoch_ConversionOfAnExpiredClass() public {
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        uint256 expiry = points.expiresAt(CLASS);
        vm.warp(expiry);
        _expectWith(
            abi.encodeWithSelector(Classes.ClassesExpired.selector, CLASS, expiry),
            batchIds,
            _conversion(CLASS, 1)
        );
    }

    function testFuzz_PublishEpoch_ConvertsMoreThanEarned(uint128 earned, uint128 converted) public {
        earned = uint128(_bound(earned, 1, DAILY_CAP));
        converted = uint128(_bound(converted, uint256(earned) + 1, type(uint112).max));
        bytes32[] memory batchIds = _list(_attestedBatch(earned));
        _expectWith(
            abi.encodeWithSelector(IEpochs.EpochsClassOverconverted.selector, CLASS, converted, earned),
            batchIds,
            _conversion(CLASS, converted)
        );
    }

    /// @dev What was claimed cannot be converted as well.
    function testFuzz_PublishEpoch_ConvertsWhatWasClaimed(uint128 added, uint128 converted) public {
        _fund(ALICE, 1_000);
        added = uint128(_bound(added, 1, DAILY_CAP));
        converted = uint128(_bound(converted, uint256(added) + 1, uint256(added) + 1_000));
        bytes32[] memory batchIds = _list(_attestedBatch(added));
        vm.prank(PLATFORM);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEpochs.EpochsClassOverdrawn.selector,
                CLASS,
                1_000,
                1_000 + uint256(added) - converted
            )
        );
        points.publishEpoch(2, ROOT, 1, batchIds, _conversion(CLASS, converted));
    }

    function test_PublishEpoch_BatchesThatMayNotBeIssued() public {
        bytes32 batchId = _anchor(_batch(SERVICE_DATE, 1_000));
        _expect(_unexpectedStatus(batchId, ITripAnchors.Status.ANCHORED), 1, ROOT, 1, _list(batchId));
        _attest(batchId);
        _expect(_unexpectedStatus(batchId, ITripAnchors.Status.ISSUED), 1, ROOT, 1, _list(batchId, batchId));
    }

    /// @dev A batch earns once, in whichever epoch.
    function test_PublishEpoch_BatchOfAnEarlierEpoch() public {
        bytes32 batchId = _attestedBatch(1_000);
        _publishRoot(1, _list(batchId));
        _activate(1);
        _expect(_unexpectedStatus(batchId, ITripAnchors.Status.ISSUED), 2, ROOT, 1, _list(batchId));
    }

    function test_PublishEpoch_WhilePaused() public {
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        vm.prank(GUARDIAN);
        points.pause();
        _expect(_paused(), 1, ROOT, 1, batchIds);
    }

    function test_PublishEpoch_ThroughTheManager() public {
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        bytes memory data = abi.encodeCall(points.publishEpoch, (1, ROOT, 1, batchIds, _noConversions()));
        vm.prank(PLATFORM);
        vm.expectRevert(abi.encodeWithSelector(IInPerson.InPersonRequired.selector, address(manager)));
        manager.execute(address(points), data);
    }

    function test_PublishEpoch_AgainIsNoOp() public {
        bytes32[] memory batchIds = _list(_attestedBatch(1_000));
        _publishRoot(1, batchIds);
        vm.recordLogs();
        vm.prank(PLATFORM);
        vm.assertFalse(points.publishEpoch(1, ROOT, 1, batchIds, _noConversions()), "published again");
        _assertSilent();

        _activate(1);
        _publishRoot(2, _list(_attestedBatch(1_000)));
        vm.prank(PLATFORM);
        vm.assertFalse(points.publishEpoch(1, ROOT, 1, batchIds, _noConversions()), "and after the next one");
        vm.assertEq(points.classTotals(CLASS).earned, 2_000, "earned once each");
    }

    function testFuzz_PublishEpoch_Records(uint128 first, uint128 second, uint128 converted, uint64 size) public {
        first = uint128(_bound(first, 1, DAILY_CAP / 2));
        second = uint128(_bound(second, 1, DAILY_CAP / 2));
        converted = uint128(_bound(converted, 1, uint256(first) + second));
        size = uint64(_bound(size, 1, type(uint64).max));
        bytes32[] memory batchIds = _list(_attestedBatch(first), _attestedBatch(second));
        IEpochs.Conversion[] memory conversions = _conversion(CLASS, converted);
        bytes32 digest = keccak256(abi.encode(uint32(1), ROOT, size, batchIds, conversions));
        uint64 activeAt = uint64(block.timestamp) + ACTIVATION_DELAY;

        vm.expectEmit(address(points));
        emit IEpochs.EpochPublished(1, ROOT, size, batchIds, conversions, activeAt, digest, PLATFORM);
        vm.prank(PLATFORM);
        vm.assertTrue(points.publishEpoch(1, ROOT, size, batchIds, conversions), "published");

        vm.assertEq(points.classTotals(CLASS).earned, uint256(first) + second, "earned");
        vm.assertEq(points.classTotals(CLASS).converted, converted, "converted");
        vm.assertEq(points.currentEpoch(), 1, "current");
        vm.assertEq(points.activeEpoch(), 0, "active");
        IEpochs.Epoch memory epoch = points.epochOf(1);
        vm.assertEq(epoch.root, ROOT, "root");
        vm.assertEq(epoch.size, size, "size");
        vm.assertEq(epoch.digest, digest, "digest");
        vm.assertEq(epoch.activeAt, activeAt, "active at");
        vm.assertFalse(epoch.attested, "attested");
    }

    function test_PublishEpoch_64Batches() public {
        bytes32[] memory batchIds = new bytes32[](64);
        for (uint256 i = 0; i < 64; ++i) batchIds[i] = _attestedBatch(1_000);
        _publishRoot(1, batchIds);
        vm.assertEq(points.classTotals(CLASS).earned, 64_000, "earned");
    }

    function _publishRoot(uint32 number, bytes32[] memory batchIds) private {
        vm.prank(PLATFORM);
        vm.assertTrue(points.publishEpoch(number, ROOT, 1, batchIds, _noConversions()), "published");
    }

    function _expect(
        bytes memory reason,
        uint32 number,
        bytes32 root,
        uint64 size,
        bytes32[] memory batchIds
    ) private {
        vm.prank(PLATFORM);
        vm.expectRevert(reason);
        points.publishEpoch(number, root, size, batchIds, _noConversions());
    }

    function _expectWith(
        bytes memory reason,
        bytes32[] memory batchIds,
        IEpochs.Conversion[] memory conversions
    ) private {
        vm.prank(PLATFORM);
        vm.expectRevert(reason);
        points.publishEpoch(1, ROOT, 1, batchIds, conversions);
    }
}
