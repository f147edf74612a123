// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMethodologyRegistry} from "../../contracts/interfaces/IMethodologyRegistry.sol";
import {ServiceDates} from "../../contracts/ServiceDates.sol";
import {Fixture} from "./Fixture.sol";

contract MethodologiesTest is Fixture {
    uint32 private constant NEW = 2;

    function setUp() public override {
        super.setUp();
        vm.startPrank(REGULATOR);
    }

    function test_Publish_ZeroId() public {
        IMethodologyRegistry.Methodology memory methodology = _methodology();
        vm.expectRevert(abi.encodeWithSelector(IMethodologyRegistry.MethodologyRegistryZeroId.selector));
        registry.publish(0, methodology);
    }

    function test_Publish_MissingParts() public {
        IMethodologyRegistry.Methodology memory methodology = _methodology();
        methodology.name = bytes32(0);
        _expectIncomplete();
        registry.publish(NEW, methodology);

        methodology = _methodology();
        methodology.parametersHash = bytes32(0);
        _expectIncomplete();
        registry.publish(NEW, methodology);

        methodology = _methodology();
        methodology.documentHash = bytes32(0);
        _expectIncomplete();
        registry.publish(NEW, methodology);
    }

    function testFuzz_Publish_InvalidFrom(uint32 date) public {
        vm.assume(!ServiceDates.isValid(date));
        IMethodologyRegistry.Methodology memory methodology = _methodology();
        methodology.effectiveFrom = date;
        _expectInvalidDate(NEW, date);
        registry.publish(NEW, methodology);
    }

    function testFuzz_Publish_InvalidTo(uint32 date) public {
        vm.assume(date != 0 && !ServiceDates.isValid(date));
        IMethodologyRegistry.Methodology memory methodology = _methodology();
        methodology.effectiveTo = date;
        _expectInvalidDate(NEW, date);
        registry.publish(NEW, methodology);
    }

    function test_Publish_EndsBeforeItBegins() public {
        IMethodologyRegistry.Methodology memory methodology = _methodology();
        methodology.effectiveTo = 20191231;
        _expectInvalidPeriod(NEW, 20200101, 20191231);
        registry.publish(NEW, methodology);
    }

    function testFuzz_Publish_OtherContentsUnderTheSameId(bytes32 hash) public {
        IMethodologyRegistry.Methodology memory methodology = _methodology();
        vm.assume(hash != methodology.documentHash);
        methodology.documentHash = hash;
        vm.expectRevert(
            abi.encodeWithSelector(IMethodologyRegistry.MethodologyRegistryAlreadyPublished.selector, METHODOLOGY)
        );
        registry.publish(METHODOLOGY, methodology);
    }

    function test_Publish_AgainIsNoOp() public {
        vm.recordLogs();
        vm.assertFalse(registry.publish(METHODOLOGY, _methodology()), "published again");
        _assertSilent();
    }

    /// @dev A late repetition of the publication must not undo the end.
    function test_Publish_AgainAfterItsEndIsNoOp() public {
        registry.end(METHODOLOGY, 20261231);
        vm.assertFalse(registry.publish(METHODOLOGY, _methodology()), "published again");
        vm.assertEq(registry.methodologyOf(METHODOLOGY).effectiveTo, 20261231, "still ended");
    }

    function testFuzz_Publish_Records(uint32 id, bytes32 name, bytes32 parameters, bytes32 document) public {
        vm.assume(id > METHODOLOGY && name != 0 && parameters != 0 && document != 0);
        IMethodologyRegistry.Methodology memory methodology = IMethodologyRegistry.Methodology({
            name: name,
            parametersHash: parameters,
            documentHash: document,
            effectiveFrom: 20270101,
            effectiveTo: 20280229
        });

        vm.expectEmit(address(registry));
        emit IMethodologyRegistry.MethodologyPublished(id, methodology);
        vm.assertTrue(registry.publish(id, methodology), "published");

        vm.assertEq(keccak256(abi.encode(registry.methodologyOf(id))), keccak256(abi.encode(methodology)), "recorded");
    }

    function test_End_Unknown() public {
        vm.expectRevert(abi.encodeWithSelector(IMethodologyRegistry.MethodologyRegistryUnknown.selector, NEW));
        registry.end(NEW, 20261231);
    }

    function testFuzz_End_InvalidDate(uint32 date) public {
        vm.assume(!ServiceDates.isValid(date));
        _expectInvalidDate(METHODOLOGY, date);
        registry.end(METHODOLOGY, date);
    }

    function test_End_BeforeItBegins() public {
        _expectInvalidPeriod(METHODOLOGY, 20200101, 20191231);
        registry.end(METHODOLOGY, 20191231);
    }

    function test_End_Extended() public {
        registry.end(METHODOLOGY, 20261231);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMethodologyRegistry.MethodologyRegistryExtended.selector,
                METHODOLOGY,
                20261231,
                20270101
            )
        );
        registry.end(METHODOLOGY, 20270101);
    }

    function test_End_AgainIsNoOp() public {
        registry.end(METHODOLOGY, 20261231);
        vm.recordLogs();
        vm.assertFalse(registry.end(METHODOLOGY, 20261231), "ended again");
        _assertSilent();
    }

    function test_End_Records() public {
        vm.expectEmit(address(registry));
        emit IMethodologyRegistry.MethodologyEnded(METHODOLOGY, 20261231);
        vm.assertTrue(registry.end(METHODOLOGY, 20261231), "ended");
        vm.assertTrue(registry.end(METHODOLOGY, 20261130), "ended earlier");
        vm.assertEq(registry.methodologyOf(METHODOLOGY).effectiveTo, 20261130, "end");
    }

    function test_IsEffective_BothEndsIncluded() public {
        registry.end(METHODOLOGY, 20261231);
        vm.assertFalse(registry.isEffective(METHODOLOGY, 20191231), "before");
        vm.assertTrue(registry.isEffective(METHODOLOGY, 20200101), "first day");
        vm.assertTrue(registry.isEffective(METHODOLOGY, 20261231), "last day");
        vm.assertFalse(registry.isEffective(METHODOLOGY, 20270101), "after");
    }

    function testFuzz_IsEffective_UnknownNever(uint32 id, uint32 date) public view {
        vm.assume(id != METHODOLOGY);
        vm.assertFalse(registry.isEffective(id, date), "unknown");
    }

    function _expectIncomplete() private {
        vm.expectRevert(abi.encodeWithSelector(IMethodologyRegistry.MethodologyRegistryIncomplete.selector, NEW));
    }

    function _expectInvalidDate(uint32 id, uint32 date) private {
        vm.expectRevert(abi.encodeWithSelector(IMethodologyRegistry.MethodologyRegistryInvalidDate.selector, id, date));
    }

    function _expectInvalidPeriod(uint32 id, uint32 from, uint32 to) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMethodologyRegistry.MethodologyRegistryInvalidPeriod.selector, id, from, to)
        );
    }
}
