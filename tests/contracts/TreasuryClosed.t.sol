// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IIntents} from "../../contracts/interfaces/IIntents.sol";
import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {ProceedsFixture} from "./ProceedsFixture.sol";

/// @dev The ways out of the treasury and the distributor that are not theirs: each is tried and closed.
contract TreasuryClosedTest is ProceedsFixture {
    bytes32 private constant REF = "offer 1";
    uint256 private constant DEADLINE = type(uint256).max;

    function setUp() public override {
        super.setUp();
        _earn(10_000);
        _trade(10, 5_000); // 50,000 fen that nobody has collected
        _offer(REF, 100, 5_000);
    }

    // Tonnes

    function test_Transfer_ByAnyoneElse() public {
        address[8] memory actors = [PLATFORM, VERIFIER, REGULATOR, EXCHANGE, GUARDIAN, BANK, STRANGER, buyer];
        for (uint256 i = 0; i < actors.length; ++i) {
            bytes4 selector = IERC1155Errors.ERC1155MissingApprovalForAll.selector;
            vm.prank(actors[i]);
            vm.expectRevert(abi.encodeWithSelector(selector, actors[i], address(treasury)));
            reductions.safeTransferFrom(address(treasury), buyer, ISSUANCE, 1, "");
        }
    }

    /// @dev It has no receiver hook: its tonnes come from the certification alone.
    function test_Transfer_ToTheTreasury() public {
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, address(treasury)));
        reductions.safeTransferFrom(buyer, address(treasury), ISSUANCE, 1, "");
    }

    function testFuzz_Listing_InTheTreasurysName(bytes calldata signature) public {
        bytes32 intent = _listingHash("Listing", address(treasury), ISSUANCE, 1, "mine", DEADLINE);
        vm.expectRevert(_invalid(address(treasury), intent));
        settlement.listFor(address(treasury), ISSUANCE, 1, "mine", DEADLINE, signature);
        intent = _listingHash("Unlisting", address(treasury), ISSUANCE, 1, "mine", DEADLINE);
        vm.expectRevert(_invalid(address(treasury), intent));
        settlement.unlistFor(address(treasury), ISSUANCE, 1, "mine", DEADLINE, signature);
    }

    function testFuzz_CancelOrder_InTheTreasurysName(bytes calldata signature) public {
        bytes32 intent = _cancellationHash(treasury.offerOf(REF).order, DEADLINE);
        vm.expectRevert(_invalid(address(treasury), intent));
        settlement.cancelOrderFor(_sellOrder(REF, 100, 5_000, EXPIRY), DEADLINE, signature);
    }

    function testFuzz_Retire_InTheTreasurysName(bytes calldata signature) public {
        IRetirementCertificates.Request memory request = IRetirementCertificates.Request({
            holder: address(treasury),
            issuance: ISSUANCE,
            tonnes: 1,
            purpose: IRetirementCertificates.Purpose.VOLUNTARY,
            year: 0,
            beneficiary: "me",
            ref: "mine"
        });
        bytes32 typehash = keccak256(
            "Retirement(address holder,uint32 issuance,uint64 tonnes,uint8 purpose,uint16 year,bytes32 beneficiary,"
            "bytes32 ref,uint256 deadline)"
        );
        vm.expectRevert(_invalid(address(treasury), keccak256(abi.encode(typehash, request, DEADLINE))));
        certificates.retireFor(request, DEADLINE, signature);
    }

    // Cash

    function test_Cash_MovedByAnyoneElse() public {
        address[8] memory actors = [PLATFORM, VERIFIER, REGULATOR, EXCHANGE, GUARDIAN, BANK, STRANGER, buyer];
        for (uint256 i = 0; i < actors.length; ++i) {
            vm.startPrank(actors[i]);
            vm.expectRevert(_unauthorized(actors[i]));
            cash.transferFrom(address(treasury), actors[i], 1);
            vm.expectRevert(_unauthorized(actors[i]));
            cash.transferFrom(address(distributor), actors[i], 1);
            vm.stopPrank();
        }
    }

    function testFuzz_Burn_InTheirName(bytes calldata signature) public {
        address[2] memory holders = [address(treasury), address(distributor)];
        for (uint256 i = 0; i < holders.length; ++i) {
            vm.expectRevert(_invalid(holders[i], _withdrawalHash(holders[i], 1, "mine", DEADLINE)));
            cash.burnFor(holders[i], 1, "mine", DEADLINE, signature);
        }
    }

    /// @dev It sells and never buys, and never below its limit.
    function test_Settle_OtherwiseThanItOffered() public {
        IExchangeSettlement.Order memory sell = _sellOrder(REF, 100, 5_000, EXPIRY);
        (IExchangeSettlement.Order memory buy, bytes memory signature) = _matching(sell, "buy", 4_999);
        bytes32 digest = treasury.offerOf(REF).order;
        bytes4 selector = IExchangeSettlement.ExchangeSettlementLimitExceeded.selector;
        vm.prank(EXCHANGE);
        vm.expectRevert(abi.encodeWithSelector(selector, digest, 5_000, 4_999));
        settlement.settle(IExchangeSettlement.Execution("trade", 1, 4_999), sell, "", buy, signature);

        // The other way round: the treasury pays 1 fen a tonne for what it sold.
        sell = _sellOrder("mine", 10, 1, EXPIRY);
        sell.trader = buyer;
        buy = _sellOrder(REF, 10, 1, EXPIRY);
        buy.side = IExchangeSettlement.Side.BUY;
        signature = _signOrder(BUYER_KEY, sell);
        digest = settlement.hashOrder(buy);
        selector = IExchangeSettlement.ExchangeSettlementInvalidSignature.selector;
        vm.prank(EXCHANGE);
        vm.expectRevert(abi.encodeWithSelector(selector, digest, address(treasury)));
        settlement.settle(IExchangeSettlement.Execution("trade", 10, 1), sell, signature, buy, "");
    }

    // One key

    /// @dev Every actor takes every step it can, alone. The treasury and the distributor keep what they have.
    function test_OneKeyAlone_TakesNothing() public {
        address[7] memory actors = [PLATFORM, VERIFIER, REGULATOR, EXCHANGE, GUARDIAN, BANK, STRANGER];
        for (uint256 i = 0; i < actors.length; ++i) {
            _takeAll(actors[i]);
            vm.assertEq(cash.balanceOf(actors[i]), 0, "stolen");
            vm.assertEq(distributor.activeRun(), 0, "run");
        }
        vm.assertEq(cash.balanceOf(address(treasury)) + cash.balanceOf(address(distributor)), 60_000, "cash");
        vm.assertEq(reductions.balanceOf(address(treasury), ISSUANCE), SUPPLY - 11, "tonnes");
    }

    /// @dev Directly and through the manager; failures are ignored.
    function _takeAll(address thief) private {
        bytes32 leaf = _share(thief, 1);
        IProceedsDistributor.Payment[] memory payments = new IProceedsDistributor.Payment[](1);
        payments[0] = _payment(thief, 1, 0, "mine", new bytes32[](0));
        IExchangeSettlement.Order memory sell = _sellOrder(REF, 100, 5_000, EXPIRY);
        IExchangeSettlement.Order memory buy = _sellOrder(REF, 100, 5_000, EXPIRY);
        (buy.trader, buy.side) = (buyer, IExchangeSettlement.Side.BUY);
        IExchangeSettlement.Execution memory execution = IExchangeSettlement.Execution("mine", 1, 5_000);
        bytes32 digest = distributor.hashRun(1, leaf, 1, 1, DOSSIER);

        _try(thief, address(treasury), abi.encodeCall(treasury.addRule, (_rule(_now(), 10_000, 1, thief))));
        _try(thief, address(treasury), abi.encodeCall(treasury.offer, ("mine", ISSUANCE, 1, 1, EXPIRY)));
        _try(thief, address(settlement), abi.encodeCall(settlement.settle, (execution, sell, "", buy, "")));
        _try(thief, address(distributor), abi.encodeCall(distributor.fund, (ISSUANCE, 1)));
        _try(thief, address(distributor), abi.encodeCall(distributor.publishRun, (1, leaf, 1, 1, DOSSIER)));
        _try(thief, address(distributor), abi.encodeCall(distributor.attestRun, (1, digest)));
        _try(thief, address(distributor), abi.encodeCall(distributor.claim, (1, 0, new bytes32[](0))));
        _try(thief, address(distributor), abi.encodeCall(distributor.pay, ("mine", payments)));
        _try(thief, address(distributor), abi.encodeCall(distributor.cancelRun, (1, "mine")));
        _try(thief, address(cash), abi.encodeCall(cash.transfer, (thief, 1)));
        _try(thief, address(cash), abi.encodeCall(cash.burn, (1, "mine")));
    }

    function _try(address thief, address target, bytes memory data) private {
        vm.prank(thief);
        (bool direct, ) = target.call(data);
        vm.prank(thief);
        (bool through, ) = address(manager).call(abi.encodeCall(manager.execute, (target, data)));
        (direct, through); // whether a step succeeds is not the question
    }

    function _invalid(address signer, bytes32 intent) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IIntents.IntentsInvalidSignature.selector, signer, intent);
    }
}
