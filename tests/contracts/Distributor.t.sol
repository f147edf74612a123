// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IInPerson} from "../../contracts/interfaces/IInPerson.sol";
import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {ISettlementCash} from "../../contracts/interfaces/ISettlementCash.sol";
import {ProceedsDistributor} from "../../contracts/ProceedsDistributor.sol";
import {Roles} from "../../contracts/Roles.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

/// @dev Funding and the life of a run. What a run pays is tested in DistributorClaim and DistributorPay.
contract DistributorTest is ProceedsFixture {
    bytes32 private constant ROOT = "root";
    bytes32 private constant REASON = "wrong tree";
    uint128 private constant FUNDED = 1_000_000;

    function setUp() public override {
        super.setUp();
        _earn(FUNDED);
    }

    // Deployment

    function testFuzz_Deploy_CashThatIsNoContract(address nowhere) public {
        vm.assume(nowhere.code.length == 0);
        vm.expectRevert(abi.encodeWithSelector(IProceedsDistributor.ProceedsDistributorInvalidCash.selector, nowhere));
        new ProceedsDistributor(address(manager), ISettlementCash(nowhere));
    }

    function test_Deploy_Records() public {
        ProceedsDistributor other = new ProceedsDistributor(address(manager), cash);
        vm.assertEq(other.cash(), address(cash), "cash");
        vm.assertEq(other.authority(), address(manager), "authority");
        vm.assertEq(other.currentRun(), 0, "current");
        vm.assertEq(other.activeRun(), 0, "active");
        vm.assertEq(other.attestedFen(), 0, "attested");
        (, string memory name, string memory version, uint256 chainId, address verifying, , ) = other.eip712Domain();
        vm.assertEq(keccak256(bytes(name)), keccak256("PuhuiProceedsDistributor"), "name");
        vm.assertEq(keccak256(bytes(version)), keccak256("1"), "version");
        vm.assertEq(chainId, block.chainid, "chain");
        vm.assertEq(verifying, address(other), "contract");
    }

    // Roles

    function test_Restricted_EveryFunctionRefusesEveryOtherRole() public {
        IProceedsDistributor.Payment[] memory none;
        _expectOnly(Roles.DISTRIBUTOR, address(distributor), abi.encodeCall(distributor.fund, (1, 1)));
        bytes memory data = abi.encodeCall(distributor.publishRun, (1, ROOT, 1, 1, DOSSIER));
        _expectOnly(Roles.PLATFORM, address(distributor), data);
        _expectOnly(Roles.VERIFIER, address(distributor), abi.encodeCall(distributor.attestRun, (1, ROOT)));
        _expectOnly(Roles.GUARDIAN, address(distributor), abi.encodeCall(distributor.cancelRun, (1, REASON)));
        _expectOnly(Roles.BANK, address(distributor), abi.encodeCall(distributor.pay, ("batch", none)));
        _expectOnly(Roles.GUARDIAN, address(distributor), abi.encodeCall(distributor.pause, ()));
        _expectOnly(Roles.REGULATOR_DELAYED, address(distributor), abi.encodeCall(distributor.unpause, ()));
    }

    // fund

    function test_Fund_WithNothing() public {
        vm.prank(address(treasury));
        vm.expectRevert(abi.encodeWithSelector(IProceedsDistributor.ProceedsDistributorZeroAmount.selector, ISSUANCE));
        distributor.fund(ISSUANCE, 0);
    }

    function testFuzz_Fund_WithoutTheCash(uint128 fen) public {
        fen = uint128(_bound(fen, 1, type(uint128).max - FUNDED));
        vm.prank(address(treasury));
        vm.expectRevert(_insolvent(FUNDED, uint256(FUNDED) + fen));
        distributor.fund(ISSUANCE, fen);
    }

    function test_Fund_WhilePaused() public {
        _pause(address(distributor));
        vm.prank(address(treasury));
        vm.expectRevert(_paused());
        distributor.fund(ISSUANCE, 1);
    }

    function testFuzz_Fund_AddsUp(uint64 fen) public {
        fen = uint64(_bound(fen, 1, type(uint64).max));
        bytes32 tradeId = _trade(1, fen);
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.Funded(ISSUANCE, fen, FUNDED + fen);
        treasury.collect(tradeId);
        vm.assertEq(distributor.fundedFen(), uint256(FUNDED) + fen, "funded");
        vm.assertEq(distributor.fundedOf(ISSUANCE), uint256(FUNDED) + fen, "funded by the issuance");
        vm.assertEq(distributor.fundedOf(ISSUANCE + 1), 0, "funded by another");
    }

    // publishRun

    function testFuzz_PublishRun_OutOfOrder(uint32 number) public {
        vm.assume(number != 1);
        _expectPublish(_unexpected(1, number), number, ROOT, 1, FUNDED, DOSSIER);
        _activeRunFor(1, ALICE, FUNDED);
        vm.assume(number != 2);
        bytes32 digest = distributor.runOf(1).digest;
        bytes32 other = distributor.hashRun(number, "other", 1, FUNDED, DOSSIER);
        bytes memory reason = number == 1 ? _mismatch(1, digest, other) : _unexpected(2, number);
        _expectPublish(reason, number, "other", 1, FUNDED, DOSSIER);
    }

    function test_PublishRun_OverAPendingOne() public {
        _publishRun(1, ROOT, 1, 1);
        bytes memory pending = abi.encodeWithSelector(IProceedsDistributor.ProceedsDistributorPending.selector, 1);
        _expectPublish(pending, 2, ROOT, 1, 2, DOSSIER);
    }

    function test_PublishRun_Incomplete() public {
        bytes memory incomplete = abi.encodeWithSelector(
            IProceedsDistributor.ProceedsDistributorIncompleteRun.selector,
            1
        );
        _expectPublish(incomplete, 1, 0, 1, 1, DOSSIER);
        _expectPublish(incomplete, 1, ROOT, 0, 1, DOSSIER);
        _expectPublish(incomplete, 1, ROOT, 1, 1, 0);
    }

    function testFuzz_PublishRun_NotAboveThePreviousTotal(uint128 previous, uint128 total) public {
        previous = uint128(_bound(previous, 1, FUNDED));
        total = uint128(_bound(total, 0, previous));
        _expectPublish(_notAbove(1, 0, 0), 1, ROOT, 1, 0, DOSSIER);
        _activeRunFor(1, ALICE, previous);
        _expectPublish(_notAbove(2, total, previous), 2, ROOT, 1, total, DOSSIER);
    }

    function testFuzz_PublishRun_AboveWhatWasFunded(uint128 total) public {
        total = uint128(_bound(total, FUNDED + 1, type(uint128).max));
        bytes memory unfunded = abi.encodeWithSelector(
            IProceedsDistributor.ProceedsDistributorUnfunded.selector,
            1,
            total,
            FUNDED
        );
        _expectPublish(unfunded, 1, ROOT, 1, total, DOSSIER);
    }

    function test_PublishRun_OtherContentsUnderItsNumber() public {
        _publishRun(1, ROOT, 1, FUNDED);
        bytes32 digest = distributor.runOf(1).digest;
        bytes32 other = distributor.hashRun(1, "other", 1, FUNDED, DOSSIER);
        _expectPublish(_mismatch(1, digest, other), 1, "other", 1, FUNDED, DOSSIER);
        other = distributor.hashRun(1, ROOT, 2, FUNDED, DOSSIER);
        _expectPublish(_mismatch(1, digest, other), 1, ROOT, 2, FUNDED, DOSSIER);
        other = distributor.hashRun(1, ROOT, 1, 1, DOSSIER);
        _expectPublish(_mismatch(1, digest, other), 1, ROOT, 1, 1, DOSSIER);
        other = distributor.hashRun(1, ROOT, 1, FUNDED, "other");
        _expectPublish(_mismatch(1, digest, other), 1, ROOT, 1, FUNDED, "other");
    }

    function test_PublishRun_ThroughTheManager() public {
        bytes memory data = abi.encodeCall(distributor.publishRun, (1, ROOT, 1, 1, DOSSIER));
        vm.prank(PLATFORM);
        vm.expectRevert(abi.encodeWithSelector(IInPerson.InPersonRequired.selector, address(manager)));
        manager.execute(address(distributor), data);
    }

    function test_PublishRun_WhilePaused() public {
        _pause(address(distributor));
        _expectPublish(_paused(), 1, ROOT, 1, FUNDED, DOSSIER);
    }

    function test_PublishRun_AgainIsNoOp() public {
        _activeRunFor(1, ALICE, 1);
        _publishRun(2, ROOT, 1, 2);
        vm.recordLogs();
        bytes32 first = distributor.runOf(1).root;
        vm.startPrank(PLATFORM);
        vm.assertFalse(distributor.publishRun(2, ROOT, 1, 2, DOSSIER), "published again");
        vm.assertFalse(distributor.publishRun(1, first, 1, 1, DOSSIER), "an older one");
        _assertSilent();
    }

    function testFuzz_PublishRun_Records(bytes32 root, uint64 size, uint128 total, bytes32 dossier) public {
        vm.assume(root != 0 && size != 0 && dossier != 0);
        total = uint128(_bound(total, 1, FUNDED));
        bytes32 digest = keccak256(abi.encode(uint32(1), root, size, total, dossier));
        vm.expectEmit(address(distributor));
        emit IProceedsDistributor.RunPublished(1, root, size, total, dossier, digest, PLATFORM);
        vm.prank(PLATFORM);
        vm.assertTrue(distributor.publishRun(1, root, size, total, dossier), "published");

        IProceedsDistributor.Run memory run = distributor.runOf(1);
        vm.assertEq(run.root, root, "root");
        vm.assertEq(run.digest, digest, "digest");
        vm.assertEq(run.size, size, "size");
        vm.assertEq(run.totalFen, total, "total");
        vm.assertEq(run.dossier, dossier, "dossier");
        vm.assertEq(run.publisher, PLATFORM, "publisher");
        vm.assertFalse(run.attested, "attested");
        vm.assertEq(distributor.currentRun(), 1, "current");
        vm.assertEq(distributor.activeRun(), 0, "active");
        vm.assertEq(distributor.attestedFen(), 0, "attested total");
    }

    // Helpers

    function _unexpected(uint32 expected, uint32 actual) private pure returns (bytes memory) {
        bytes4 selector = IProceedsDistributor.ProceedsDistributorUnexpectedNumber.selector;
        return abi.encodeWithSelector(selector, expected, actual);
    }

    function _notAbove(uint32 number, uint128 total, uint128 previous) private pure returns (bytes memory) {
        bytes4 selector = IProceedsDistributor.ProceedsDistributorTotalNotAbove.selector;
        return abi.encodeWithSelector(selector, number, total, previous);
    }

    function _expectPublish(
        bytes memory reason,
        uint32 number,
        bytes32 root,
        uint64 size,
        uint128 total,
        bytes32 dossier
    ) private {
        vm.prank(PLATFORM);
        vm.expectRevert(reason);
        distributor.publishRun(number, root, size, total, dossier);
    }
}
