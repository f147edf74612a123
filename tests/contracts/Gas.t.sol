// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {ITripAnchors} from "../../contracts/interfaces/ITripAnchors.sol";
import {Fixture} from "./Fixture.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @dev The most each transaction may cost, its intrinsic gas included. The tests run isolated: every call is a
/// transaction of its own that begins with cold storage.
contract GasTest is Fixture {
    uint256 private constant KEY = 0xC0FFEE;
    uint256 private constant DEPTH = 19; // of a tree of 420,000 leaves

    function test_Gas_Anchor() public {
        ITripAnchors.Batch memory batch = _fullBatch(SERVICE_DATE);
        vm.prank(PLATFORM);
        anchors.anchor(batch);
        _assertGas(200_000, "first of its source and day");

        batch = _fullBatch(SERVICE_DATE);
        vm.prank(PLATFORM);
        anchors.anchor(batch);
        _assertGas(145_000, "next");
    }

    function test_Gas_AttestAndReject() public {
        bytes32 batchId = _anchor(_fullBatch(SERVICE_DATE));
        vm.prank(VERIFIER);
        anchors.attest(batchId);
        _assertGas(75_000, "attest");
        vm.prank(VERIFIER);
        anchors.reject(batchId, "wrong factor");
        _assertGas(80_000, "reject");
    }

    function test_Gas_PublishEpochOfOneBatch() public {
        bytes32[] memory leaves = MerkleTree.leavesOf(2);
        bytes32[] memory batchIds = _batches(1);
        _publish(1, leaves, batchIds, _noConversions());
        _assertGas(230_000, "first epoch");
        bytes32 digest = points.epochOf(1).digest;
        vm.prank(VERIFIER);
        points.attestEpoch(1, digest);
        _assertGas(55_000, "attestEpoch");

        vm.warp(points.epochOf(1).activeAt);
        batchIds = _batches(1);
        _publish(2, leaves, batchIds, _noConversions());
        _assertGas(175_000, "next epoch");
        vm.prank(GUARDIAN);
        points.cancelEpoch(2, batchIds, _noConversions(), "mistake");
        _assertGas(125_000, "cancelEpoch");
    }

    function test_Gas_PublishEpochOfEightBatches() public {
        bytes32[] memory leaves = MerkleTree.leavesOf(2);
        _publish(1, leaves, _batches(1), _noConversions());
        _activate(1);
        bytes32[] memory batchIds = _batches(8);
        _publish(2, leaves, batchIds, _noConversions());
        _assertGas(260_000, "eight batches");
    }

    function test_Gas_ClaimAndRedeemAtDepth19() public {
        address holder = vm.addr(KEY);
        bytes32[] memory proof = new bytes32[](DEPTH);
        for (uint256 i = 0; i < DEPTH; ++i) proof[i] = sha256(abi.encode(i));
        _fundAt(1, holder, 1_000_000, proof);
        _assertGas(150_000, "first claim of a class");
        _fundAt(2, ALICE, 1_000_000, proof);
        _assertGas(130_000, "claim of a new holder");
        _fundAt(3, holder, 2_000_000, proof);
        _assertGas(95_000, "claim of an old holder");

        vm.prank(holder);
        points.redeem(CLASS, 1_000, ICarbonPoints.Channel.COMMERCE, "order 1");
        _assertGas(125_000, "first redemption");
        vm.prank(holder);
        points.redeem(CLASS, 1_000, ICarbonPoints.Channel.COMMERCE, "order 2");
        _assertGas(86_000, "next redemption");

        bytes memory signature = _sign(holder, 1_000, "order 3");
        points.redeemFor(holder, CLASS, 1_000, ICarbonPoints.Channel.COMMERCE, "order 3", type(uint64).max, signature);
        _assertGas(97_000, "signed redemption");
    }

    /// @dev A batch as large as a city's.
    function _fullBatch(uint32 serviceDate) private view returns (ITripAnchors.Batch memory batch) {
        batch = _batch(serviceDate, 399_999_000_000);
        batch.tripCount = 8_000_000;
    }

    function _batches(uint256 count) private returns (bytes32[] memory batchIds) {
        batchIds = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) batchIds[i] = _attestedBatch(1_000_000_000);
    }

    /// @dev Publishes an epoch in which `proof` leads from the leaf at 0 to the root, and claims that leaf.
    function _fundAt(uint32 number, address account, uint128 earned, bytes32[] memory proof) private {
        bytes32 root = _leaf(account, CLASS, earned, 0);
        for (uint256 i = 0; i < DEPTH; ++i) root = MerkleTree.nodeHash(root, proof[i]);
        bytes32[] memory batchIds = _batches(1);
        vm.prank(PLATFORM);
        points.publishEpoch(number, root, 420_000, batchIds, _noConversions());
        _activate(number);
        points.claim(account, CLASS, earned, 0, 0, proof);
    }

    function _sign(address holder, uint128 mg, bytes32 ref) private view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("PuhuiCarbonPoints"),
                keccak256("1"),
                block.chainid,
                address(points)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "Redemption(address holder,uint64 classId,uint128 mg,uint8 channel,bytes32 ref,uint256 deadline)"
                ),
                holder,
                CLASS,
                mg,
                0,
                ref,
                type(uint64).max
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, keccak256(abi.encodePacked(hex"1901", domain, message)));
        return abi.encodePacked(r, s, v);
    }

    function _assertGas(uint256 limit, string memory what) private view {
        vm.assertLe(vm.lastCallGas().gasTotalUsed, limit, what);
    }
}
