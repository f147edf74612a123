// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {CarbonPoints} from "../../contracts/CarbonPoints.sol";
import {IEpochs} from "../../contracts/interfaces/IEpochs.sol";
import {IMethodologyRegistry} from "../../contracts/interfaces/IMethodologyRegistry.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {MethodologyRegistry} from "../../contracts/MethodologyRegistry.sol";
import {Roles} from "../../contracts/Roles.sol";
import {TripAnchors} from "../../contracts/TripAnchors.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {Vm} from "./Vm.sol";

/// @dev The contracts, deployed and wired as in production: one AccessManager, a role for each function, the protected
/// actions of the regulator delayed, the administration handed to governance with a delay and given up by the deployer.
abstract contract Fixture {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant GOVERNANCE = address(0xA000);
    address internal constant PLATFORM = address(0xA001);
    address internal constant VERIFIER = address(0xA002);
    address internal constant SECOND_VERIFIER = address(0xA102);
    address internal constant REGULATOR = address(0xA003);
    address internal constant EXCHANGE = address(0xA004);
    address internal constant GUARDIAN = address(0xA005);
    address internal constant STRANGER = address(0xA0FF);
    address internal constant ALICE = address(0xB001);
    address internal constant BOB = address(0xB002);

    uint32 internal constant GOVERNANCE_DELAY = 2 days;
    uint32 internal constant REGULATOR_DELAY = 1 days;
    uint32 internal constant ACTIVATION_DELAY = 6 hours;

    bytes32 internal constant SOURCE = "metro";
    uint128 internal constant DAILY_CAP = 5_000_000_000_000; // 5,000 t
    uint32 internal constant METHODOLOGY = 1;
    uint32 internal constant TODAY = 20261024; // the blocks begin at its first second
    uint32 internal constant SERVICE_DATE = 20261023;
    uint64 internal constant CLASS = (uint64(METHODOLOGY) << 16) | 2026;

    AccessManager internal manager;
    MethodologyRegistry internal registry;
    TripAnchors internal anchors;
    CarbonPoints internal points;

    function setUp() public virtual {
        manager = new AccessManager(address(this));
        registry = new MethodologyRegistry(address(manager));
        anchors = new TripAnchors(address(manager), registry, 1);
        points = new CarbonPoints(address(manager), anchors, ACTIVATION_DELAY);
        _wire();

        vm.startPrank(REGULATOR);
        registry.publish(METHODOLOGY, _methodology());
        anchors.registerSource(SOURCE, PLATFORM, DAILY_CAP);
        vm.stopPrank();
    }

    // Wiring

    function _wire() internal {
        _assign(address(registry), Roles.REGULATOR, registry.publish.selector, registry.end.selector);
        _assign(address(anchors), Roles.REGULATOR, anchors.registerSource.selector, anchors.updateSource.selector);
        _assign(address(anchors), Roles.REGULATOR_DELAYED, anchors.setQuorum.selector);
        _assign(address(anchors), Roles.PLATFORM, anchors.anchor.selector);
        _assign(address(anchors), Roles.VERIFIER, anchors.attest.selector, anchors.reject.selector);
        _assign(address(anchors), Roles.POINTS, anchors.issue.selector, anchors.release.selector);
        _assign(address(points), Roles.PLATFORM, points.publishEpoch.selector);
        _assign(address(points), Roles.VERIFIER, points.attestEpoch.selector);
        _assign(address(points), Roles.GUARDIAN, points.cancelEpoch.selector, points.pause.selector);
        _assign(address(points), Roles.REGULATOR_DELAYED, points.unpause.selector);

        manager.grantRole(Roles.PLATFORM, PLATFORM, 0);
        manager.grantRole(Roles.VERIFIER, VERIFIER, 0);
        manager.grantRole(Roles.VERIFIER, SECOND_VERIFIER, 0);
        manager.grantRole(Roles.REGULATOR, REGULATOR, 0);
        manager.grantRole(Roles.REGULATOR_DELAYED, REGULATOR, REGULATOR_DELAY);
        manager.grantRole(Roles.EXCHANGE, EXCHANGE, 0);
        manager.grantRole(Roles.GUARDIAN, GUARDIAN, 0);
        manager.grantRole(Roles.POINTS, address(points), 0);
        _handOver();
    }

    /// @dev Gives the administration away.
    function _handOver() internal virtual {
        manager.grantRole(Roles.ADMIN, GOVERNANCE, GOVERNANCE_DELAY);
        manager.renounceRole(Roles.ADMIN, address(this));
    }

    function _assign(address target, uint64 role, bytes4 selector) internal {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        manager.setTargetFunctionRole(target, selectors, role);
    }

    function _assign(address target, uint64 role, bytes4 first, bytes4 second) internal {
        _assign(target, role, first);
        _assign(target, role, second);
    }

    /// @dev Grants `role` as governance does: scheduled, waited for, executed.
    function _grant(uint64 role, address account) internal {
        bytes memory data = abi.encodeCall(manager.grantRole, (role, account, 0));
        vm.prank(GOVERNANCE);
        manager.schedule(address(manager), data, 0);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        vm.prank(GOVERNANCE);
        manager.execute(address(manager), data);
    }

    /// @dev Makes the delayed regulator do `data` on `target`.
    function _afterDelay(address target, bytes memory data) internal {
        vm.prank(REGULATOR);
        manager.schedule(target, data, 0);
        vm.warp(block.timestamp + REGULATOR_DELAY);
        vm.prank(REGULATOR);
        manager.execute(target, data);
    }

    // Methodologies and batches

    function _methodology() internal pure returns (IMethodologyRegistry.Methodology memory) {
        return
            IMethodologyRegistry.Methodology({
                name: "SZ-TRANSIT-1",
                parametersHash: sha256("parameters"),
                documentHash: sha256("document"),
                effectiveFrom: 20200101,
                effectiveTo: 0
            });
    }

    /// @dev The next batch of `SOURCE` for `serviceDate`.
    function _batch(uint32 serviceDate, uint128 reductionMg) internal view returns (ITripAnchors.Batch memory) {
        ITripAnchors.Stream memory stream = anchors.streamOf(SOURCE, serviceDate);
        return
            ITripAnchors.Batch({
                source: SOURCE,
                serviceDate: serviceDate,
                sequence: stream.nextSequence,
                methodology: METHODOLOGY,
                tripCount: 1_000,
                reductionMg: reductionMg,
                tripRoot: sha256(abi.encode("trips", serviceDate, stream.nextSequence)),
                leavesDigest: sha256("leaves"),
                inputDigest: sha256("input"),
                previous: stream.lastBatch
            });
    }

    function _anchor(ITripAnchors.Batch memory batch) internal returns (bytes32 batchId) {
        batchId = anchors.hashBatch(batch);
        vm.prank(PLATFORM);
        anchors.anchor(batch);
    }

    function _attest(bytes32 batchId) internal {
        vm.prank(VERIFIER);
        anchors.attest(batchId);
    }

    function _attestedBatch(uint32 serviceDate, uint128 reductionMg) internal returns (bytes32 batchId) {
        batchId = _anchor(_batch(serviceDate, reductionMg));
        _attest(batchId);
    }

    function _attestedBatch(uint128 reductionMg) internal returns (bytes32) {
        return _attestedBatch(SERVICE_DATE, reductionMg);
    }

    // Entitlements and epochs

    function _leaf(
        address account,
        uint64 classId,
        uint128 earned,
        uint128 converted
    ) internal pure returns (bytes32) {
        return MerkleTree.leafHash(abi.encodePacked(uint8(0x02), account, classId, earned, converted));
    }

    function _publish(uint32 number, bytes32[] memory leaves, bytes32 batchId) internal {
        _publish(number, leaves, _list(batchId), _noConversions());
    }

    function _publish(
        uint32 number,
        bytes32[] memory leaves,
        bytes32[] memory batchIds,
        IEpochs.Conversion[] memory conversions
    ) internal {
        bytes32 root = MerkleTree.root(leaves); // before the prank: hashing is a call to a precompile
        vm.prank(PLATFORM);
        points.publishEpoch(number, root, uint64(leaves.length), batchIds, conversions);
    }

    function _attestEpoch(uint32 number) internal {
        bytes32 digest = points.epochOf(number).digest;
        vm.prank(VERIFIER);
        points.attestEpoch(number, digest);
    }

    function _activate(uint32 number) internal {
        _attestEpoch(number);
        vm.warp(points.epochOf(number).activeAt);
    }

    /// @dev Earns `mg` of `CLASS` for `account` in epoch 1, whose only leaf it is, and makes it active.
    function _activeEpochFor(address account, uint128 mg) internal returns (bytes32[] memory leaves) {
        leaves = new bytes32[](1);
        leaves[0] = _leaf(account, CLASS, mg, 0);
        _publish(1, leaves, _attestedBatch(mg));
        _activate(1);
    }

    /// @dev Gives `account` points the long way: anchored, attested, published, active, claimed.
    function _fund(address account, uint128 mg) internal {
        _activeEpochFor(account, mg);
        points.claim(account, CLASS, mg, 0, 0, new bytes32[](0));
    }

    // Small things

    function _list(bytes32 only) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = only;
    }

    function _list(bytes32 first, bytes32 second) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](2);
        (list[0], list[1]) = (first, second);
    }

    function _noConversions() internal pure returns (IEpochs.Conversion[] memory) {
        return new IEpochs.Conversion[](0);
    }

    function _conversion(uint64 classId, uint128 mg) internal pure returns (IEpochs.Conversion[] memory list) {
        list = new IEpochs.Conversion[](1);
        list[0] = IEpochs.Conversion({classId: classId, mg: mg});
    }

    function _bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + (value % (high - low + 1));
    }

    function _unauthorized(address caller) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
    }

    function _paused() internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Pausable.EnforcedPause.selector);
    }

    function _unexpectedStatus(bytes32 batchId, ITripAnchors.Status status) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ITripAnchors.TripAnchorsUnexpectedStatus.selector, batchId, status);
    }

    function _assertSilent() internal {
        vm.assertEq(vm.getRecordedLogs().length, 0, "events of a no-op");
    }

    function _assertStatus(bytes32 batchId, ITripAnchors.Status status) internal view {
        vm.assertEq(uint256(anchors.batchOf(batchId).status), uint256(status), "status");
    }
}
