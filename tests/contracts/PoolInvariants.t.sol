// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CarbonPoints} from "../../contracts/CarbonPoints.sol";
import {CertifiedReductions} from "../../contracts/CertifiedReductions.sol";
import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IReductionCertification} from "../../contracts/interfaces/IReductionCertification.sol";
import {ReductionCertification} from "../../contracts/ReductionCertification.sol";
import {PoolHandler} from "./PoolHandler.sol";
import {Vm} from "./Vm.sol";

/// @dev What must hold of the market pool whatever is earned, redeemed, converted and certified. The last part of I3:
/// certified <= pool.
contract PoolInvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant CLASSES = 2;
    uint256 private constant TONNE = 1_000_000_000;

    PoolHandler private handler;
    CarbonPoints private points;
    ReductionCertification private certification;
    CertifiedReductions private reductions;

    function setUp() public {
        handler = new PoolHandler();
        (, address pointsAt) = handler.contracts();
        (address certificationAt, address reductionsAt) = handler.certificationContracts();
        points = CarbonPoints(pointsAt);
        certification = ReductionCertification(certificationAt);
        reductions = CertifiedReductions(reductionsAt);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector({addr: address(handler), selectors: _actions()});
    }

    /// @dev I3: what is certified, the open certification included, is in the pool, and is what was applied for.
    function invariant_CertifiedIsWithinThePool() public view {
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            uint64 classId = handler.class(vintage);
            PoolHandler.Book memory book = handler.bookOf(vintage);
            uint256 certified = certification.certifiedMg(classId);
            vm.assertEq(certified, (book.approved + book.open) * TONNE, "certified");
            vm.assertLe(certified, points.marketMg(classId), "certified above the pool");
            vm.assertEq(certification.poolMg(classId), points.marketMg(classId) - certified, "left");
        }
    }

    /// @dev The pool is what was redeemed and converted for the market by epochs in force. It never falls.
    function invariant_PoolIsWhatEnteredIt() public view {
        bool pending = points.activeEpoch() != points.currentEpoch();
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            uint64 classId = handler.class(vintage);
            uint256 redeemed = points.redeemedBy(classId, ICarbonPoints.Channel.MARKET);
            uint256 entered = redeemed + points.classTotals(classId).converted;
            vm.assertLe(points.marketMg(classId), entered, "more than entered");
            if (!pending) vm.assertEq(points.marketMg(classId), entered, "pool");
            vm.assertLe(handler.highestPool(vintage), points.marketMg(classId), "the pool fell");
        }
    }

    /// @dev Approved certifications of a class take one interval of its pool after the other, and are issued as they are.
    function invariant_IssuedIsWhatWasApproved() public view {
        uint256[CLASSES] memory next;
        for (uint32 number = 1; number <= certification.certificationCount(); ++number) {
            IReductionCertification.Certification memory record = certification.certificationOf(number);
            ICertifiedReductions.Issuance memory issuance = reductions.issuanceOf(number);
            if (record.status != IReductionCertification.Status.APPROVED) {
                vm.assertEq(issuance.tonnes, 0, "issued without approval");
                continue;
            }
            uint256 vintage = record.classId - handler.class(0);
            vm.assertEq(record.fromMg, next[vintage], "interval");
            next[vintage] += record.tonnes * TONNE;
            vm.assertEq(issuance.classId, record.classId, "class");
            vm.assertEq(issuance.tonnes, record.tonnes, "tonnes");
        }
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            vm.assertEq(next[vintage], handler.bookOf(vintage).approved * TONNE, "approved");
        }
    }

    /// @dev The handler reaches every action in an ordinary run, so the invariants above are not vacuous.
    function test_PoolHandler_ReachesEveryAction() public {
        bytes4[] memory actions = _actions();
        uint256 seed = 1;
        for (uint256 i = 0; i < 1_500; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            bytes memory data = abi.encodePacked(actions[seed % actions.length], seed >> 8, seed >> 136);
            (bool played, ) = address(handler).call(data);
            vm.assertTrue(played, "reverted");
        }
        string[14] memory names = [
            "anchor",
            "attest",
            "publish",
            "convert",
            "attestEpoch",
            "cancelEpoch",
            "claim",
            "redeem",
            "applyFor",
            "overreach",
            "verify",
            "approve",
            "refute",
            "rejectCertification"
        ];
        for (uint256 i = 0; i < names.length; ++i) vm.assertTrue(handler.done(names[i]) > 0, names[i]);
        invariant_CertifiedIsWithinThePool();
        invariant_PoolIsWhatEnteredIt();
        invariant_IssuedIsWhatWasApproved();
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](16);
        actions[0] = handler.anchor.selector;
        actions[1] = handler.attest.selector;
        actions[2] = handler.publish.selector;
        actions[3] = handler.attestEpoch.selector;
        actions[4] = handler.cancelEpoch.selector;
        actions[5] = handler.claim.selector;
        actions[6] = handler.redeem.selector;
        actions[7] = handler.expire.selector;
        actions[8] = handler.wait.selector;
        actions[9] = handler.applyFor.selector;
        actions[10] = handler.overreach.selector;
        actions[11] = handler.verify.selector;
        actions[12] = handler.approve.selector;
        actions[13] = handler.refute.selector;
        actions[14] = handler.rejectCertification.selector;
        actions[15] = handler.look.selector;
    }
}
