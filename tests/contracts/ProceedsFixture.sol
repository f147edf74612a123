// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IHalting} from "../../contracts/interfaces/IHalting.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IProceedsDistributor} from "../../contracts/interfaces/IProceedsDistributor.sol";
import {IProgrammeTreasury} from "../../contracts/interfaces/IProgrammeTreasury.sol";
import {ProceedsDistributor} from "../../contracts/ProceedsDistributor.sol";
import {ProgrammeTreasury} from "../../contracts/ProgrammeTreasury.sol";
import {Roles} from "../../contracts/Roles.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @dev The market with the programme's side of it: a treasury that holds one issuance, the distributor behind it, and
/// a buyer. The first rule takes no fee: where the fee is not the question, proceeds are the people's to the fen.
abstract contract ProceedsFixture is MarketFixture {
    address internal constant OPERATOR = address(0xA00A); // where fees go
    uint32 internal constant RULE_NOTICE = 30 days;
    uint32 internal constant ISSUANCE = 7;
    uint64 internal constant SUPPLY = 1 << 20;
    uint64 internal constant EXPIRY = 4_000_000_000;
    bytes32 internal constant DOSSIER = "dossier";

    ProceedsDistributor internal distributor;
    ProgrammeTreasury internal treasury;
    uint256 private _count; // makes references different

    function setUp() public virtual override {
        super.setUp();
        _admit(address(treasury), "programme", IParticipants.Kind.PROGRAMME);
        _admit(buyer, "buyer", IParticipants.Kind.COMPLIANCE);
        reductions.issue(ISSUANCE, CLASS, SUPPLY, DOSSIER, address(treasury));
        _addRule(_rule(0, 0, 1, OPERATOR));
    }

    function _handOver() internal virtual override {
        _deployMarket();
        _deployProceeds();
        super._handOver();
    }

    function _deployProceeds() private {
        distributor = new ProceedsDistributor(address(manager), cash);
        treasury = new ProgrammeTreasury(address(manager), settlement, cash, distributor, RULE_NOTICE);
        _assign(address(treasury), Roles.REGULATOR, treasury.addRule.selector);
        _assign(address(treasury), Roles.PLATFORM, treasury.offer.selector, treasury.withdrawOffer.selector);
        _assign(address(treasury), Roles.GUARDIAN, treasury.pause.selector);
        _assign(address(treasury), Roles.REGULATOR_DELAYED, treasury.unpause.selector);
        _assign(address(distributor), Roles.DISTRIBUTOR, distributor.fund.selector);
        _assign(address(distributor), Roles.PLATFORM, distributor.publishRun.selector);
        _assign(address(distributor), Roles.VERIFIER, distributor.attestRun.selector);
        _assign(address(distributor), Roles.GUARDIAN, distributor.cancelRun.selector, distributor.pause.selector);
        _assign(address(distributor), Roles.BANK, distributor.pay.selector);
        _assign(address(distributor), Roles.REGULATOR_DELAYED, distributor.unpause.selector);
        manager.grantRole(Roles.TREASURY, address(treasury), 0);
        manager.grantRole(Roles.TREASURY, address(distributor), 0);
        manager.grantRole(Roles.DISTRIBUTOR, address(treasury), 0);
    }

    // Treasury

    function _rule(
        uint64 from,
        uint16 feeBps,
        uint128 floor,
        address feeAccount
    ) internal pure returns (IProgrammeTreasury.Rule memory) {
        return IProgrammeTreasury.Rule({effectiveFrom: from, feeBps: feeBps, floorFen: floor, feeAccount: feeAccount});
    }

    function _addRule(IProgrammeTreasury.Rule memory rule) internal {
        vm.prank(REGULATOR);
        treasury.addRule(rule);
    }

    function _offer(bytes32 ref, uint64 tonnes, uint128 limit) internal {
        _offerUntil(ref, tonnes, limit, EXPIRY);
    }

    function _offerUntil(bytes32 ref, uint64 tonnes, uint128 limit, uint64 expiry) internal {
        vm.prank(PLATFORM);
        treasury.offer(ref, ISSUANCE, tonnes, limit, expiry);
    }

    /// @dev The order of offer `ref`.
    function _sellOrder(
        bytes32 ref,
        uint64 tonnes,
        uint128 limit,
        uint64 expiry
    ) internal view returns (IExchangeSettlement.Order memory) {
        return
            IExchangeSettlement.Order({
                trader: address(treasury),
                side: IExchangeSettlement.Side.SELL,
                issuance: ISSUANCE,
                tonnes: tonnes,
                limitFen: limit,
                salt: ref,
                expiry: expiry
            });
    }

    /// @dev Offers and sells `tonnes` of the treasury's at `price` a tonne.
    function _trade(uint64 tonnes, uint128 price) internal returns (bytes32 tradeId) {
        tradeId = keccak256(abi.encode("trade", ++_count));
        _offer(tradeId, tonnes, price);
        _fill(tradeId, tradeId, tonnes, price);
    }

    /// @dev Sells `tonnes` of open offer `ref`.
    function _fill(bytes32 tradeId, bytes32 ref, uint64 tonnes, uint128 price) internal {
        IProgrammeTreasury.Offer memory offer = treasury.offerOf(ref);
        IExchangeSettlement.Order memory sell = _sellOrder(ref, offer.tonnes, offer.limitFen, offer.expiry);
        _settle(tradeId, sell, tonnes, price);
    }

    /// @dev Has `sell` filled by the buyer, who is given the cash for it.
    function _settle(
        bytes32 tradeId,
        IExchangeSettlement.Order memory sell,
        uint64 tonnes,
        uint128 price
    ) internal {
        _mint(buyer, uint128(uint256(tonnes) * price));
        (IExchangeSettlement.Order memory buy, bytes memory signature) = _matching(sell, tradeId, price);
        vm.prank(EXCHANGE);
        settlement.settle(IExchangeSettlement.Execution(tradeId, tonnes, price), sell, "", buy, signature);
    }

    /// @dev The buyer's order against `sell`, signed.
    function _matching(
        IExchangeSettlement.Order memory sell,
        bytes32 salt,
        uint128 price
    ) internal view returns (IExchangeSettlement.Order memory buy, bytes memory signature) {
        buy = IExchangeSettlement.Order({
            trader: buyer,
            side: IExchangeSettlement.Side.BUY,
            issuance: sell.issuance,
            tonnes: sell.tonnes,
            limitFen: price,
            salt: salt,
            expiry: EXPIRY
        });
        signature = _signOrder(BUYER_KEY, buy);
    }

    /// @dev Brings `fen` to the distributor: a trade of 1 t, its proceeds collected.
    function _earn(uint128 fen) internal {
        treasury.collect(_trade(1, fen));
    }

    // Runs

    /// @dev The hash of the leaf that entitles `account` to `fen` in all.
    function _share(address account, uint128 fen) internal pure returns (bytes32) {
        return MerkleTree.leafHash(abi.encodePacked(uint8(0x03), account, fen));
    }

    function _publishRun(uint32 number, bytes32 root, uint64 size, uint128 total) internal {
        vm.prank(PLATFORM);
        distributor.publishRun(number, root, size, total, DOSSIER);
    }

    function _attestRun(uint32 number) internal {
        bytes32 digest = distributor.runOf(number).digest;
        vm.prank(VERIFIER);
        distributor.attestRun(number, digest);
    }

    /// @dev Makes a run over `leaves` active.
    function _activeTree(uint32 number, bytes32[] memory leaves, uint128 total) internal {
        _publishRun(number, MerkleTree.root(leaves), uint64(leaves.length), total);
        _attestRun(number);
    }

    /// @dev Makes a run active whose only leaf is that of `account`.
    function _activeRunFor(uint32 number, address account, uint128 fen) internal {
        _activeTree(number, _list(_share(account, fen)), fen);
    }

    function _claim(
        address account,
        uint128 fen,
        uint64 index,
        bytes32[] memory proof
    ) internal returns (uint256) {
        vm.prank(account);
        return distributor.claim(fen, index, proof);
    }

    function _payment(
        address account,
        uint128 fen,
        uint64 index,
        bytes32 bankRef,
        bytes32[] memory proof
    ) internal pure returns (IProceedsDistributor.Payment memory) {
        return
            IProceedsDistributor.Payment({
                account: account,
                cumulativeFen: fen,
                index: index,
                bankRef: bankRef,
                proof: proof
            });
    }

    function _pay(bytes32 batchRef, IProceedsDistributor.Payment[] memory payments) internal {
        vm.prank(BANK);
        distributor.pay(batchRef, payments);
    }

    // Small things

    function _now() internal view returns (uint64) {
        return uint64(block.timestamp);
    }

    function _overdrawn(uint256 paid, uint256 attested) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IProceedsDistributor.ProceedsDistributorOverdrawn.selector, paid, attested);
    }

    function _insolvent(uint256 held, uint256 owed) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IProceedsDistributor.ProceedsDistributorInsolvent.selector, held, owed);
    }

    function _mismatch(uint32 number, bytes32 expected, bytes32 actual) internal pure returns (bytes memory) {
        bytes4 selector = IProceedsDistributor.ProceedsDistributorDigestMismatch.selector;
        return abi.encodeWithSelector(selector, number, expected, actual);
    }

    /// @dev Makes the distributor see another balance than it has: its own rules leave it no other way.
    function _mockHeld(uint256 fen) internal {
        vm.mockCall(address(cash), abi.encodeCall(cash.balanceOf, (address(distributor))), abi.encode(fen));
    }

    function _pause(address target) internal {
        vm.prank(GUARDIAN);
        IHalting(target).pause();
    }

    function _unpause(address target) internal {
        _afterDelay(target, abi.encodeCall(IHalting.unpause, ()));
    }

    /// @dev Asserts that `data` is for holders of `role` and refused to everybody else.
    function _expectOnly(uint64 role, address target, bytes memory data) internal {
        vm.assertEq(manager.getTargetFunctionRole(target, bytes4(data)), role, "role");
        address[12] memory actors = [
            PLATFORM,
            VERIFIER,
            REGULATOR,
            EXCHANGE,
            GUARDIAN,
            BANK,
            GOVERNANCE,
            STRANGER,
            buyer,
            address(treasury),
            address(distributor),
            address(settlement)
        ];
        for (uint256 i = 0; i < actors.length; ++i) {
            (bool member, ) = manager.hasRole(role, actors[i]);
            if (member) continue;
            vm.prank(actors[i]);
            (bool done, bytes memory reason) = target.call(data);
            vm.assertFalse(done, "allowed");
            vm.assertEq(keccak256(reason), keccak256(_unauthorized(actors[i])), "reason");
        }
    }
}
