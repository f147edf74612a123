// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IERC5192} from "../../contracts/interfaces/IERC5192.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {RetireFixture} from "./RetireFixture.sol";

/// @dev Retirements by the holder itself.
contract RetireTest is RetireFixture {
    function test_Retire_ForAnotherHolder() public {
        vm.prank(STRANGER);
        bytes4 selector = IRetirementCertificates.RetirementCertificatesNotHolder.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, holder, STRANGER));
        certificates.retire(_request(10));
    }

    function test_Retire_WithoutAReference() public {
        IRetirementCertificates.Request memory request = _request(10);
        request.ref = 0;
        bytes4 selector = IRetirementCertificates.RetirementCertificatesMissingReference.selector;
        _expectRetireRefused(request, abi.encodeWithSelector(selector, holder));
    }

    function test_Retire_WithAYearThatIsNoneOrNotAsked() public {
        IRetirementCertificates.Request memory request = _request(10);
        uint16[4] memory wrong = [0, 1999, 10_000, type(uint16).max];
        for (uint256 i = 0; i < wrong.length; ++i) {
            request.year = wrong[i];
            _expectRetireRefused(request, _invalidYear(IRetirementCertificates.Purpose.COMPLIANCE, wrong[i]));
        }
        request = _voluntary(10);
        request.year = YEAR;
        _expectRetireRefused(request, _invalidYear(IRetirementCertificates.Purpose.VOLUNTARY, YEAR));
        request.purpose = IRetirementCertificates.Purpose.WELFARE;
        _expectRetireRefused(request, _invalidYear(IRetirementCertificates.Purpose.WELFARE, YEAR));
    }

    function test_Retire_WithABeneficiaryWhoIsNot() public {
        bytes4 selector = IRetirementCertificates.RetirementCertificatesInvalidBeneficiary.selector;
        IRetirementCertificates.Request memory request = _request(10);
        request.beneficiary = "somebody";
        _expectRetireRefused(request, abi.encodeWithSelector(selector, ENTITY, bytes32("somebody")));
        request = _voluntary(10);
        request.beneficiary = 0;
        _expectRetireRefused(request, abi.encodeWithSelector(selector, ENTITY, bytes32(0)));
    }

    /// @dev What {CertifiedReductions} refuses is refused with its words, and leaves no certificate.
    function test_Retire_WhatCannotBeRetired() public {
        _expectRetireRefused(_voluntary(0), _zeroAmount(holder, ISSUANCE));
        _expectRetireRefused(_voluntary(301), _notTransferable(holder, ISSUANCE, 301, 300));
        _list(holder, ISSUANCE, 100);
        _freeze(holder, ISSUANCE, 150);
        _expectRetireRefused(_voluntary(51), _notTransferable(holder, ISSUANCE, 51, 50));
        IRetirementCertificates.Request memory request = _voluntary(1);
        request.issuance = 9;
        _expectRetireRefused(request, _unexpected(9, ICertifiedReductions.IssuanceStatus.NONE));
        _suspend(ISSUANCE);
        _expectRetireRefused(_voluntary(1), _unexpected(ISSUANCE, ICertifiedReductions.IssuanceStatus.SUSPENDED));
        vm.assertEq(certificates.certificateCount(), 0, "none");
        vm.assertEq(certificates.certificateFor(holder, REF), 0, "none");
    }

    function test_Retire_WhatIsTooFragmented() public {
        _scatter(THIRD, SELLER, ISSUANCE, 17);
        IRetirementCertificates.Request memory request = _voluntary(17);
        request.holder = THIRD;
        _expectRetireRefused(request, _tooFragmented(THIRD, ISSUANCE, 17, 16));
        request.tonnes = 16;
        vm.assertTrue(_retire(request), "retired");
        ICertifiedReductions.Range[] memory ranges = certificates.certificateOf(1).ranges;
        vm.assertEq(ranges.length, 16, "ranges");
        for (uint64 i = 0; i < 16; ++i) {
            vm.assertEq(ranges[i].first, 302 + 2 * i, "first");
            vm.assertEq(ranges[i].last, 302 + 2 * i, "last");
        }
    }

    function test_Retire_ByWhoeverIsNotActive() public {
        IRetirementCertificates.Request memory request = _voluntary(10);
        request.holder = STRANGER;
        _expectRetireRefused(request, _inactive(STRANGER, IParticipants.Status.NONE));
        _suspendParticipant(holder);
        _expectRetireRefused(_voluntary(10), _inactive(holder, IParticipants.Status.SUSPENDED));
    }

    function test_Retire_WhilePaused() public {
        _pause(address(certificates));
        _expectRetireRefused(_request(10), _paused());
        _afterDelay(address(certificates), abi.encodeCall(certificates.unpause, ()));
        _pause(address(reductions));
        _expectRetireRefused(_request(10), _paused());
    }

    function test_Retire_ForCompliance() public {
        vm.expectEmit(address(reductions));
        emit ICertifiedReductions.SerialsMoved(ISSUANCE, holder, holder, HELD, RETIRED, 1, 60);
        vm.expectEmit(address(certificates));
        emit IERC721.Transfer(address(0), holder, 1);
        vm.expectEmit(address(certificates));
        emit IERC5192.Locked(1);
        vm.expectEmit(address(certificates));
        emit IRetirementCertificates.Retired(
            1,
            holder,
            ISSUANCE,
            60,
            IRetirementCertificates.Purpose.COMPLIANCE,
            YEAR,
            ENTITY,
            ENTITY,
            REF
        );
        vm.assertTrue(_retire(_request(60)), "retired");

        _assertCertificate(1, _expected(_request(60), _ranges(1, 60)));
        vm.assertEq(certificates.certificateFor(holder, REF), 1, "by reference");
        vm.assertEq(certificates.certificateCount(), 1, "count");
        vm.assertEq(certificates.ownerOf(1), holder, "owner");
        vm.assertEq(reductions.balanceOf(holder, ISSUANCE), 240, "balance");
    }

    function test_Retire_ForOthers() public {
        _retire(_request(10));
        IRetirementCertificates.Request memory request = _voluntary(20);
        request.purpose = IRetirementCertificates.Purpose.WELFARE;
        request.ref = "retirement 2";
        vm.assertTrue(_retire(request), "retired");
        _assertCertificate(2, _expected(request, _ranges(11, 30)));
        (, uint64 used) = certificates.offsetOf(ENTITY, YEAR);
        vm.assertEq(used, 10, "only compliance uses the limit");
    }

    function test_Retire_AgainIsNoOp() public {
        _retire(_request(60));
        _suspendParticipant(holder);
        vm.recordLogs();
        vm.assertFalse(_retire(_request(60)), "again");
        _assertSilent();
        vm.assertEq(reductions.balanceOf(holder, ISSUANCE), 240, "balance");
    }

    function test_Retire_AnotherUnderTheSameReference() public {
        _retire(_request(60));
        IRetirementCertificates.Request memory other = _request(60);
        other.issuance = 2;
        _expectRetireRefused(other, _referenceUsed());
        _expectRetireRefused(_request(61), _referenceUsed());
        other = _request(60);
        other.purpose = IRetirementCertificates.Purpose.WELFARE;
        _expectRetireRefused(other, _referenceUsed());
        other = _request(60);
        other.year = YEAR + 1;
        _expectRetireRefused(other, _referenceUsed());
        other = _request(60);
        other.beneficiary = "somebody";
        _expectRetireRefused(other, _referenceUsed());
    }

    /// @dev A reference belongs to one holder.
    function test_Retire_SameReferenceOfAnotherHolder() public {
        _retire(_request(60));
        _give(THIRD, ISSUANCE, 5);
        IRetirementCertificates.Request memory request = _voluntary(5);
        request.holder = THIRD;
        vm.assertTrue(_retire(request), "retired");
        vm.assertEq(certificates.certificateFor(THIRD, REF), 2, "its own");
    }

    function _invalidYear(IRetirementCertificates.Purpose purpose, uint16 year) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IRetirementCertificates.RetirementCertificatesInvalidYear.selector,
                purpose,
                year
            );
    }

    function _expected(
        IRetirementCertificates.Request memory request,
        ICertifiedReductions.Range[] memory ranges
    ) private view returns (IRetirementCertificates.Certificate memory) {
        return
            IRetirementCertificates.Certificate({
                issuance: request.issuance,
                classId: CLASS,
                tonnes: request.tonnes,
                purpose: request.purpose,
                year: request.year,
                retiredAt: uint64(block.timestamp),
                holder: request.holder,
                entity: ENTITY,
                beneficiary: request.beneficiary,
                ref: request.ref,
                ranges: ranges
            });
    }
}
