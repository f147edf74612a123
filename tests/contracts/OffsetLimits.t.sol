// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {RetireFixture} from "./RetireFixture.sol";

/// @dev How much an entity may retire for compliance in a year. The holder's limit is 100 t in 2026.
contract OffsetLimitsTest is RetireFixture {
    function test_SetOffsetLimit() public {
        vm.startPrank(REGULATOR);
        vm.expectEmit(address(certificates));
        emit IRetirementCertificates.OffsetLimitSet(ENTITY, 2027, 500);
        vm.assertTrue(certificates.setOffsetLimit(ENTITY, 2027, 500), "set");
        _assertOffset(ENTITY, 2027, 500, 0);
        vm.assertTrue(certificates.setOffsetLimit(ENTITY, 2027, 400), "lowered");
        _assertOffset(ENTITY, 2027, 400, 0);
        vm.assertTrue(certificates.setOffsetLimit(ENTITY, 2000, ALL), "the first year");
        vm.assertTrue(certificates.setOffsetLimit(ENTITY, 9999, ALL), "the last year");
        _assertOffset(ENTITY, YEAR, LIMIT, 0);
    }

    function test_SetOffsetLimit_AgainIsNoOp() public {
        vm.recordLogs();
        vm.startPrank(REGULATOR);
        vm.assertFalse(certificates.setOffsetLimit(ENTITY, YEAR, LIMIT), "again");
        vm.assertFalse(certificates.setOffsetLimit(ENTITY, 2027, 0), "none, as before");
        _assertSilent();
    }

    function test_SetOffsetLimit_Refused() public {
        vm.prank(STRANGER);
        vm.expectRevert(_unauthorized(STRANGER));
        certificates.setOffsetLimit(ENTITY, YEAR, 1);

        vm.startPrank(REGULATOR);
        vm.expectRevert(
            abi.encodeWithSelector(IRetirementCertificates.RetirementCertificatesMissingEntity.selector)
        );
        certificates.setOffsetLimit(0, YEAR, 1);
        uint16[3] memory wrong = [0, 1999, 10_000];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IRetirementCertificates.RetirementCertificatesInvalidYear.selector,
                    IRetirementCertificates.Purpose.COMPLIANCE,
                    wrong[i]
                )
            );
            certificates.setOffsetLimit(ENTITY, wrong[i], 1);
        }
        vm.stopPrank();
        _pause(address(certificates));
        vm.prank(REGULATOR);
        vm.expectRevert(_paused());
        certificates.setOffsetLimit(ENTITY, YEAR, 1);
    }

    function test_SetOffsetLimit_BelowWhatIsUsed() public {
        _retire(_request(60));
        vm.startPrank(REGULATOR);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRetirementCertificates.RetirementCertificatesLimitBelowUsed.selector,
                ENTITY,
                YEAR,
                59,
                60
            )
        );
        certificates.setOffsetLimit(ENTITY, YEAR, 59);
        vm.assertTrue(certificates.setOffsetLimit(ENTITY, YEAR, 60), "what is used");
        _assertOffset(ENTITY, YEAR, 60, 60);
    }

    function test_Retire_BeyondTheLimit() public {
        _expectRetireRefused(_request(101), _exceeded(101, 100));
        _retire(_request(100));
        _assertOffset(ENTITY, YEAR, 100, 100);
        IRetirementCertificates.Request memory next = _request(1);
        next.ref = "retirement 2";
        _expectRetireRefused(next, _exceeded(101, 100));
        next.tonnes = ALL;
        _expectRetireRefused(next, _exceeded(uint256(ALL) + 100, 100));
    }

    function test_Retire_InAYearWithoutALimit() public {
        IRetirementCertificates.Request memory request = _request(1);
        request.year = YEAR + 1;
        bytes4 selector = IRetirementCertificates.RetirementCertificatesLimitExceeded.selector;
        _expectRetireRefused(request, abi.encodeWithSelector(selector, ENTITY, YEAR + 1, 1, 0));
    }

    /// @dev The limit is the entity's: what one of its accounts uses, the other cannot.
    function test_Retire_FromTwoAccountsOfAnEntity() public {
        _admit(STRANGER, ENTITY, IParticipants.Kind.COMPLIANCE);
        _give(STRANGER, ISSUANCE, 50);
        _retire(_request(70));
        IRetirementCertificates.Request memory other = _request(31);
        other.holder = STRANGER;
        _expectRetireRefused(other, _exceeded(101, 100));
        other.tonnes = 30;
        vm.assertTrue(_retire(other), "the rest");
        _assertOffset(ENTITY, YEAR, 100, 100);
    }

    function test_Retire_ForComplianceByOthers() public {
        bytes4 selector = IRetirementCertificates.RetirementCertificatesNotCompliance.selector;
        IRetirementCertificates.Request memory request = _request(1);
        request.holder = THIRD;
        _expectRetireRefused(request, abi.encodeWithSelector(selector, THIRD));
        request.holder = TREASURY;
        _expectRetireRefused(request, abi.encodeWithSelector(selector, TREASURY));
        request.holder = STRANGER;
        _expectRetireRefused(request, abi.encodeWithSelector(selector, STRANGER));
    }

    /// @dev A refused retirement uses nothing of the limit.
    function test_Retire_RefusedUsesNothing() public {
        _freeze(holder, ISSUANCE, 300);
        _expectRetireRefused(_request(60), _notTransferable(holder, ISSUANCE, 60, 0));
        _assertOffset(ENTITY, YEAR, 100, 0);
    }

    /// @dev What is used is what certificates of the year say, and never more than the limit.
    function testFuzz_Offset_IsTheSumOfCertificates(uint8[6] calldata tonnes) public {
        uint256 used = 0;
        for (uint256 i = 0; i < tonnes.length; ++i) {
            IRetirementCertificates.Request memory request = _request(uint64(tonnes[i] % 50) + 1);
            request.ref = bytes32(i + 1);
            if (used + request.tonnes > LIMIT) {
                _expectRetireRefused(request, _exceeded(used + request.tonnes, LIMIT));
            } else {
                _retire(request);
                used += request.tonnes;
            }
        }
        uint256 certified = 0;
        for (uint256 id = 1; id <= certificates.certificateCount(); ++id) {
            certified += certificates.certificateOf(id).tonnes;
        }
        vm.assertEq(certified, used, "certified");
        _assertOffset(ENTITY, YEAR, LIMIT, used);
    }

    function _exceeded(uint256 tonnes, uint64 limit) private pure returns (bytes memory) {
        bytes4 selector = IRetirementCertificates.RetirementCertificatesLimitExceeded.selector;
        return abi.encodeWithSelector(selector, ENTITY, YEAR, tonnes, limit);
    }

    function _assertOffset(bytes32 entity, uint16 year, uint256 limit, uint256 used) private view {
        (uint64 actualLimit, uint64 actualUsed) = certificates.offsetOf(entity, year);
        vm.assertEq(actualLimit, limit, "limit");
        vm.assertEq(actualUsed, used, "used");
    }
}
