// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IReductionCertification} from "../../contracts/interfaces/IReductionCertification.sol";
import {ReductionCertification} from "../../contracts/ReductionCertification.sol";
import {Roles} from "../../contracts/Roles.sol";
import {CertificationFixture} from "./CertificationFixture.sol";

/// @dev Applications and what they take of the pool. What becomes of them is tested in CertificationDecisions.
contract CertificationTest is CertificationFixture {
    uint64 private constant POOL = 1_000; // tonnes

    // Deployment

    function testFuzz_Deploy_ContractsThatAreNone(address nowhere) public {
        vm.assume(nowhere.code.length == 0);
        bytes4 selector = IReductionCertification.ReductionCertificationInvalidContract.selector;
        bytes memory invalid = abi.encodeWithSelector(selector, nowhere);
        vm.expectRevert(invalid);
        new ReductionCertification(address(manager), ICarbonPoints(nowhere), reductions, treasury);
        vm.expectRevert(invalid);
        new ReductionCertification(address(manager), points, ICertifiedReductions(nowhere), treasury);
        vm.expectRevert(invalid);
        new ReductionCertification(address(manager), points, reductions, nowhere);
    }

    function test_Deploy_Records() public view {
        vm.assertEq(certification.authority(), address(manager), "authority");
        vm.assertEq(certification.certificationCount(), 0, "count");
        _assertPool(CLASS, 0, 0, 0);
    }

    // Roles

    function test_Restricted_EveryFunctionRefusesEveryOtherRole() public {
        address target = address(certification);
        _expectOnly(Roles.PLATFORM, target, abi.encodeCall(certification.applyFor, (1, CLASS, 1, DOSSIER)));
        _expectOnly(Roles.VERIFIER, target, abi.encodeCall(certification.verify, (1, DOSSIER)));
        _expectOnly(Roles.VERIFIER, target, abi.encodeCall(certification.refute, (1, REASON)));
        _expectOnly(Roles.REGULATOR, target, abi.encodeCall(certification.approve, (1, DOSSIER)));
        _expectOnly(Roles.REGULATOR, target, abi.encodeCall(certification.reject, (1, REASON)));
        _expectOnly(Roles.GUARDIAN, target, abi.encodeCall(certification.pause, ()));
        _expectOnly(Roles.REGULATOR_DELAYED, target, abi.encodeCall(certification.unpause, ()));
    }

    function test_Restricted_ThroughTheManager() public {
        address target = address(certification);
        _convert(TONNE);
        _expectInPerson(PLATFORM, target, abi.encodeCall(certification.applyFor, (1, CLASS, 1, DOSSIER)));
        _apply(1, 1);
        _expectInPerson(VERIFIER, target, abi.encodeCall(certification.verify, (1, DOSSIER)));
        _verify(1);
        _expectInPerson(REGULATOR, target, abi.encodeCall(certification.approve, (1, DOSSIER)));
    }

    // applyFor

    function testFuzz_ApplyFor_NotTheNextNumber(uint32 number) public {
        _convert(POOL * TONNE);
        _expectApply(_unexpectedNumber(1, 0), 0, CLASS, 1, DOSSIER);
        vm.assume(number > 2);
        _expectApply(_unexpectedNumber(1, number), number, CLASS, 1, DOSSIER);
        _reach(1, 1, 2);
        _expectApply(_unexpectedNumber(2, number), number, CLASS, 1, DOSSIER);
        _expectApply(_unexpectedNumber(2, 0), 0, CLASS, 1, DOSSIER);
    }

    function test_ApplyFor_Incomplete() public {
        _convert(POOL * TONNE);
        bytes4 selector = IReductionCertification.ReductionCertificationIncomplete.selector;
        _expectApply(abi.encodeWithSelector(selector, 1), 1, CLASS, 0, DOSSIER);
        _expectApply(abi.encodeWithSelector(selector, 1), 1, CLASS, 1, 0);
    }

    function testFuzz_ApplyFor_WhileAnotherIsOpen(bool verified) public {
        _convert(POOL * TONNE);
        _reach(1, 1, verified ? 1 : 0);
        bytes4 selector = IReductionCertification.ReductionCertificationOpen.selector;
        _expectApply(abi.encodeWithSelector(selector, CLASS, 1), 2, CLASS, 1, DOSSIER);
    }

    function testFuzz_ApplyFor_BeyondThePool(uint64 tonnes, uint128 pool) public {
        pool = uint128(_bound(pool, 1, DAILY_CAP));
        tonnes = uint64(_bound(tonnes, pool / TONNE + 1, 1 << 24));
        _expectApply(_poolExceeded(CLASS, tonnes * TONNE, 0), 1, CLASS, tonnes, DOSSIER);
        _convert(pool);
        _expectApply(_poolExceeded(CLASS, tonnes * TONNE, pool), 1, CLASS, tonnes, DOSSIER);
        _expectApply(_poolExceeded(OTHER, tonnes * TONNE, 0), 1, OTHER, tonnes, DOSSIER);
    }

    /// @dev One mg short of a tonne is no tonne.
    function test_ApplyFor_OneMgShort() public {
        _convert(3 * TONNE - 1);
        _expectApply(_poolExceeded(CLASS, 3 * TONNE, 3 * TONNE - 1), 1, CLASS, 3, DOSSIER);
        vm.assertTrue(_apply(1, 2), "applied");
        _assertPool(CLASS, 2 * TONNE, TONNE - 1, 1);
    }

    /// @dev What a pending epoch converts can still be cancelled, so nothing can be certified of it.
    function test_ApplyFor_PendingConversion() public {
        bytes32[] memory batchIds = _list(_attestedBatch(TONNE));
        _publish(1, _list(_leaf(ALICE, CLASS, TONNE, TONNE)), batchIds, _conversion(CLASS, TONNE));
        _expectApply(_poolExceeded(CLASS, TONNE, 0), 1, CLASS, 1, DOSSIER);
        _activate(1);
        vm.assertTrue(_apply(1, 1), "applied");
    }

    function test_ApplyFor_RedeemedForTheMarket() public {
        _fund(ALICE, 3 * TONNE);
        vm.prank(ALICE);
        points.redeem(CLASS, 2 * TONNE, ICarbonPoints.Channel.MARKET, "order 1");
        vm.prank(ALICE);
        points.redeem(CLASS, TONNE, ICarbonPoints.Channel.WELFARE, "order 2");
        _expectApply(_poolExceeded(CLASS, 3 * TONNE, 2 * TONNE), 1, CLASS, 3, DOSSIER);
        vm.assertTrue(_apply(1, 2), "applied");
        _assertPool(CLASS, 2 * TONNE, 0, 1);
    }

    function test_ApplyFor_WhilePaused() public {
        _convert(TONNE);
        _pause(address(certification));
        _expectApply(_paused(), 1, CLASS, 1, DOSSIER);
    }

    /// @dev A number stands for one application, whatever came of it.
    function testFuzz_ApplyFor_UsedNumber(uint64 classId, uint64 tonnes, bytes32 dossier, uint8 stage) public {
        vm.assume(classId != CLASS && tonnes != 7 && dossier != DOSSIER);
        _convert(POOL * TONNE);
        _reach(1, 7, stage % 5);
        bytes4 selector = IReductionCertification.ReductionCertificationNumberUsed.selector;
        bytes memory used = abi.encodeWithSelector(selector, 1);
        _expectApply(used, 1, classId, 7, DOSSIER);
        _expectApply(used, 1, CLASS, tonnes, DOSSIER);
        _expectApply(used, 1, CLASS, 7, dossier);
    }

    function testFuzz_ApplyFor_AgainIsNoOp(uint8 stage) public {
        _convert(POOL * TONNE);
        _reach(1, 7, stage % 5);
        _grant(Roles.PLATFORM, STRANGER);
        IReductionCertification.Certification memory before = certification.certificationOf(1);
        uint128 left = certification.poolMg(CLASS);
        vm.recordLogs();
        vm.assertFalse(_apply(1, 7), "applied again");
        vm.prank(STRANGER);
        vm.assertFalse(certification.applyFor(1, CLASS, 7, DOSSIER), "by another");
        _assertSilent();
        _assertSame(1, before);
        vm.assertEq(certification.poolMg(CLASS), left, "left");
        vm.assertEq(certification.certificationCount(), 1, "count");
    }

    function testFuzz_ApplyFor_Records(uint64 tonnes, uint128 pool, bytes32 dossier) public {
        vm.assume(dossier != 0);
        tonnes = uint64(_bound(tonnes, 1, DAILY_CAP / TONNE));
        pool = uint128(_bound(pool, tonnes * TONNE, DAILY_CAP));
        _convert(pool);
        vm.expectEmit(address(certification));
        emit IReductionCertification.CertificationApplied(1, CLASS, tonnes, 0, dossier, PLATFORM);
        vm.prank(PLATFORM);
        vm.assertTrue(certification.applyFor(1, CLASS, tonnes, dossier), "applied");

        IReductionCertification.Status applied = IReductionCertification.Status.APPLIED;
        _assertSame(
            1,
            IReductionCertification.Certification(CLASS, tonnes, 0, dossier, PLATFORM, address(0), applied, 0)
        );
        vm.assertEq(certification.certificationCount(), 1, "count");
        _assertPool(CLASS, tonnes * TONNE, pool - tonnes * TONNE, 1);
    }

    function test_ApplyFor_MoreTonnesThanAnIssuanceHas() public {
        _mockPool(type(uint128).max);
        bytes4 selector = IReductionCertification.ReductionCertificationTooManyTonnes.selector;
        uint64 most = 1 << 24;
        _expectApply(abi.encodeWithSelector(selector, 1, most + 1, most), 1, CLASS, most + 1, DOSSIER);
        bytes memory reason = abi.encodeWithSelector(selector, 1, type(uint64).max, most);
        _expectApply(reason, 1, CLASS, type(uint64).max, DOSSIER);
    }

    function test_ApplyFor_MostTonnes() public {
        uint64 most = 1 << 24;
        _mockPool(most * TONNE - 1);
        _expectApply(_poolExceeded(CLASS, most * TONNE, most * TONNE - 1), 1, CLASS, most, DOSSIER);
        _mockPool(type(uint128).max);
        vm.assertTrue(_apply(1, most), "applied");
        _assertPool(CLASS, most * TONNE, type(uint128).max - most * TONNE, 1);
    }

    // The pool line

    /// @dev Two certifications of one pool share nothing of it: the second begins where the first ends.
    function test_Pool_SecondBeginsWhereTheFirstEnds() public {
        _convert(10 * TONNE + 5);
        _reach(1, 6, 2);
        _expectApply(_poolExceeded(CLASS, 5 * TONNE, 4 * TONNE + 5), 2, CLASS, 5, DOSSIER);
        _apply(2, 4);
        vm.assertEq(certification.certificationOf(2).fromMg, 6 * TONNE, "from");
        _assertPool(CLASS, 10 * TONNE, 5, 2);
        _verify(2);
        _approve(2);
        _expectApply(_poolExceeded(CLASS, TONNE, 5), 3, CLASS, 1, DOSSIER);
        _assertPool(CLASS, 10 * TONNE, 5, 0);
    }

    function testFuzz_Pool_RejectedTonnesReturn(bool verified, uint64 tonnes) public {
        tonnes = uint64(_bound(tonnes, 1, POOL));
        _convert(POOL * TONNE + 5);
        _reach(1, tonnes, verified ? 4 : 3);
        _assertPool(CLASS, 0, POOL * TONNE + 5, 0);
        vm.assertTrue(_apply(2, POOL), "all of it");
        vm.assertEq(certification.certificationOf(2).fromMg, 0, "from");
        vm.assertEq(certification.certificationOf(1).tonnes, tonnes, "what was applied for stays recorded");
    }

    function test_Pool_ClassesDoNotShareOne() public {
        _convert(CLASS, SERVICE_DATE, 3 * TONNE);
        _convert(OTHER, OTHER_DATE, 2 * TONNE);
        _apply(1, CLASS, 3);
        vm.assertTrue(_apply(2, OTHER, 2), "open beside another class's");
        _assertPool(CLASS, 3 * TONNE, 0, 1);
        _assertPool(OTHER, 2 * TONNE, 0, 2);
        vm.assertEq(certification.certificationOf(2).fromMg, 0, "from");
        _refute(1);
        _assertPool(CLASS, 0, 3 * TONNE, 0);
        _assertPool(OTHER, 2 * TONNE, 0, 2);
    }

    function test_Pool_GrowsUnderAnOpenOne() public {
        _convert(2 * TONNE);
        _apply(1, 2);
        _convert(3 * TONNE);
        _assertPool(CLASS, 2 * TONNE, 3 * TONNE, 1);
        _verify(1);
        _approve(1);
        _apply(2, 3);
        vm.assertEq(certification.certificationOf(2).fromMg, 2 * TONNE, "from");
        _assertPool(CLASS, 5 * TONNE, 0, 2);
    }

    /// @dev Whatever is applied for and decided, the approved intervals follow one another from 0 without a gap, what
    /// is certified is what was issued, and it is never above what entered the pool.
    function testFuzz_Pool_ApprovedIntervalsAreConsecutive(uint256 seed) public {
        uint64 issued;
        for (uint32 number = 1; number <= 6; ++number) {
            seed = uint256(keccak256(abi.encode(seed)));
            _convert(uint128(_bound(seed >> 128, TONNE, DAILY_CAP / 8)));
            uint64 tonnes = uint64(_bound(seed >> 8, 1, certification.poolMg(CLASS) / TONNE));
            uint256 stage = _bound(seed, 2, 4);
            _reach(number, tonnes, stage);
            vm.assertEq(certification.certificationOf(number).fromMg, issued * TONNE, "from");
            if (stage == 2) {
                issued += tonnes;
                vm.assertEq(reductions.issuanceOf(number).tonnes, tonnes, "issued under its number");
            }
            _assertPool(CLASS, issued * TONNE, points.marketMg(CLASS) - issued * TONNE, 0);
        }
        vm.assertEq(reductions.nextSerial(), issued + 1, "one serial a tonne");
    }

    function _expectApply(
        bytes memory reason,
        uint32 number,
        uint64 classId,
        uint64 tonnes,
        bytes32 dossier
    ) private {
        vm.prank(PLATFORM);
        vm.expectRevert(reason);
        certification.applyFor(number, classId, tonnes, dossier);
    }
}
