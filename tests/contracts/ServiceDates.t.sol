// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Classes} from "../../contracts/Classes.sol";
import {ServiceDates} from "../../contracts/ServiceDates.sol";
import {Vm} from "./Vm.sol";

contract ServiceDatesTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function test_IsValid_DaysThatDoNotExist() public pure {
        uint32[14] memory wrong = [
            uint32(0),
            20260229,
            21000229,
            20260431,
            20260631,
            20260931,
            20261131,
            20261232,
            20260100,
            20260001,
            20261301,
            19991231,
            30000101,
            type(uint32).max
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.assertFalse(ServiceDates.isValid(wrong[i]), vm.toString(wrong[i]));
        }
    }

    function test_IsValid_YearThatWouldWrapToFourDigits() public pure {
        // 67562 = 65536 + 2026: a year cut to 16 bits would pass.
        vm.assertFalse(ServiceDates.isValid(675621024), "675621024");
    }

    function test_IsValid_LeapDays() public pure {
        vm.assertTrue(ServiceDates.isValid(20000229), "2000, divisible by 400");
        vm.assertTrue(ServiceDates.isValid(20280229), "2028, divisible by 4");
        vm.assertTrue(ServiceDates.isValid(29991231), "the last day");
    }

    function test_FromTimestamp_TurnsAtMidnightInUtcPlus8() public pure {
        vm.assertEq(ServiceDates.fromTimestamp(1_792_771_199), 20261023, "a second before");
        vm.assertEq(ServiceDates.fromTimestamp(1_792_771_200), 20261024, "midnight");
        vm.assertEq(ServiceDates.fromTimestamp(0), 19700101, "the epoch");
        vm.assertEq(ServiceDates.fromTimestamp(951_753_600), 20000229, "a leap day");
    }

    function testFuzz_FromTimestamp_IsValidAndInOrder(uint256 seed) public pure {
        uint256 timestamp = 946_656_000 + (seed % (900 * 365 days)); // from 2000-01-01 in UTC+8
        uint32 date = ServiceDates.fromTimestamp(timestamp);
        vm.assertTrue(ServiceDates.isValid(date), "valid");
        uint32 next = ServiceDates.fromTimestamp(timestamp + 1 days);
        vm.assertTrue(next > date, "the next day is later");
        // Between two valid dates in a row no third one fits.
        for (uint32 between = date + 1; between < next && between < date + 40; ++between) {
            vm.assertFalse(ServiceDates.isValid(between), "no day is skipped");
        }
    }

    function testFuzz_StartOfYear_IsItsFirstSecond(uint256 seed) public pure {
        uint256 year = 1971 + (seed % 1_040);
        uint256 start = ServiceDates.startOfYear(year);
        vm.assertEq(ServiceDates.fromTimestamp(start), year * 10_000 + 101, "1 January");
        vm.assertEq(ServiceDates.fromTimestamp(start - 1), (year - 1) * 10_000 + 1231, "31 December");
    }

    function test_ExpiresAt_TenYearsAfterTheVintageYearEnds() public pure {
        vm.assertEq(Classes.expiresAt((7 << 16) | 2026), 2_114_352_000, "2037-01-01 00:00 in UTC+8");
    }

    function testFuzz_IdOf_KeepsBothParts(uint32 methodology, uint256 seed) public pure {
        uint16 year = uint16(2000 + (seed % 1_000));
        uint64 classId = Classes.idOf(methodology, uint32(year) * 10_000 + 101);
        vm.assertEq(classId >> 16, methodology, "methodology");
        vm.assertEq(uint16(classId), year, "vintage");
    }
}
