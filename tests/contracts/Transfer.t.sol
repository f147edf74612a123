// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155MetadataURI} from "@openzeppelin/contracts/token/ERC1155/extensions/IERC1155MetadataURI.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {ICarbonPoints} from "../../contracts/interfaces/ICarbonPoints.sol";
import {Fixture} from "./Fixture.sol";

contract TransferTest is Fixture {
    function setUp() public override {
        super.setUp();
        _fund(ALICE, 1_000);
    }

    function testFuzz_Transfer_Refused(
        address caller,
        address to,
        uint256 id,
        uint256 value,
        bytes calldata data
    ) public {
        _expectRefusal(caller);
        points.safeTransferFrom(caller, to, id, value, data);
        _expectRefusal(ALICE);
        points.safeTransferFrom(ALICE, to, CLASS, 1, data);
    }

    function testFuzz_BatchTransfer_Refused(address caller, address to, uint256[] calldata ids) public {
        _expectRefusal(caller);
        points.safeBatchTransferFrom(caller, to, ids, ids, "");
        _expectRefusal(ALICE);
        points.safeBatchTransferFrom(ALICE, to, new uint256[](0), new uint256[](0), "");
    }

    function testFuzz_Approval_Refused(address caller, address operator, bool approved) public {
        _expectRefusal(caller);
        points.setApprovalForAll(operator, approved);
        vm.assertFalse(points.isApprovedForAll(caller, operator), "approved");
    }

    function testFuzz_Ether_Refused(uint128 value) public {
        (bool sent, ) = address(points).call{value: _bound(value, 0, address(this).balance)}("");
        vm.assertFalse(sent, "sent");
    }

    function test_SupportsInterface_OfMultiTokens() public view {
        vm.assertTrue(points.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        vm.assertTrue(points.supportsInterface(type(IERC1155).interfaceId), "ERC-1155");
        vm.assertTrue(points.supportsInterface(type(IERC1155MetadataURI).interfaceId), "metadata");
        vm.assertFalse(points.supportsInterface(0xffffffff), "nothing");
    }

    function _expectRefusal(address caller) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(ICarbonPoints.CarbonPointsNonTransferable.selector));
    }
}
