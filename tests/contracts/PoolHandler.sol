// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IReductionCertification} from "../../contracts/interfaces/IReductionCertification.sol";
import {CertificationFixture} from "./CertificationFixture.sol";
import {Fixture} from "./Fixture.sol";
import {LedgerHandler} from "./LedgerHandler.sol";

/// @dev The programme of {LedgerHandler}, whose market pool is certified at the same time. It keeps its own books, against
/// which {PoolInvariants} holds the contracts.
contract PoolHandler is LedgerHandler, CertificationFixture {
    /// @dev Of a class, in tonnes: what was approved and what an open certification takes.
    struct Book {
        uint256 approved;
        uint256 open;
    }

    uint256[CLASSES] public highestPool; // mg
    Book[CLASSES] private _books;

    // Actions

    function applyFor(uint256 seed) external {
        uint64 classId = class(seed % CLASSES);
        uint256 most = certification.poolMg(classId) / TONNE;
        if (most == 0 || certification.openOf(classId) != 0) return;
        uint64 tonnes = uint64(1 + ((seed >> 8) % most));
        _apply(certification.certificationCount() + 1, classId, tonnes);
        _books[seed % CLASSES].open = tonnes;
        ++done["applyFor"];
    }

    /// @dev One tonne more than the pool has is not certified.
    function overreach(uint256 seed) external {
        uint64 classId = class(seed % CLASSES);
        if (certification.openOf(classId) != 0) return;
        uint128 available = certification.poolMg(classId);
        uint64 tonnes = uint64(available / TONNE) + 1;
        uint32 number = certification.certificationCount() + 1;
        vm.prank(PLATFORM);
        try certification.applyFor(number, classId, tonnes, DOSSIER) {
            vm.assertTrue(false, "certified above the pool");
        } catch (bytes memory reason) {
            bytes memory expected = _poolExceeded(classId, tonnes * TONNE, available);
            vm.assertEq(keccak256(reason), keccak256(expected), "refused for another reason");
        }
        ++done["overreach"];
    }

    function verify(uint256 seed) external {
        (uint32 number, bool found) = _open(seed, IReductionCertification.Status.APPLIED);
        if (!found) return;
        _verify(number);
        ++done["verify"];
    }

    function approve(uint256 seed) external {
        (uint32 number, bool found) = _open(seed, IReductionCertification.Status.VERIFIED);
        if (!found) return;
        _approve(number);
        Book storage book = _books[seed % CLASSES];
        (book.approved, book.open) = (book.approved + book.open, 0);
        ++done["approve"];
    }

    function refute(uint256 seed) external {
        (uint32 number, bool found) = _open(seed, IReductionCertification.Status.APPLIED);
        if (!found || seed % 3 != 0) return;
        _refute(number);
        _books[seed % CLASSES].open = 0;
        ++done["refute"];
    }

    function rejectCertification(uint256 seed) external {
        (uint32 number, bool found) = _open(seed, IReductionCertification.Status.VERIFIED);
        if (!found || seed % 3 != 0) return;
        _reject(number);
        _books[seed % CLASSES].open = 0;
        ++done["rejectCertification"];
    }

    /// @dev Remembers the pools as they are, which may never be less again.
    function look() external {
        for (uint256 vintage = 0; vintage < CLASSES; ++vintage) {
            highestPool[vintage] = points.marketMg(class(vintage));
        }
        ++done["look"];
    }

    // Books

    function bookOf(uint256 vintage) external view returns (Book memory) {
        return _books[vintage];
    }

    function certificationContracts() external view returns (address, address) {
        return (address(certification), address(reductions));
    }

    function setUp() public override(Fixture, CertificationFixture) {
        super.setUp();
    }

    function _handOver() internal override(Fixture, CertificationFixture) {
        super._handOver();
    }

    function _open(uint256 seed, IReductionCertification.Status status) private view returns (uint32 number, bool found) {
        number = certification.openOf(class(seed % CLASSES));
        found = number != 0 && certification.certificationOf(number).status == status;
    }
}
