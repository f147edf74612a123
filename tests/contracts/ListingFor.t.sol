// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExchangeSettlement} from "../../contracts/ExchangeSettlement.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev Listings and unlistings that their holder signed and anyone relays. Every test runs over both verbs.
contract ListingForTest is TradeFixture {
    bytes32 private constant REF = "signed 1";
    uint64 private constant TONNES = 10;
    string[2] private verbs = ["Listing", "Unlisting"];

    uint256 private deadline;

    function setUp() public override {
        super.setUp();
        _listUnits(SUPPLY / 2); // so that there is something to list and something to unlist
        deadline = block.timestamp + 1 hours;
    }

    function testFuzz_ListFor_AnyoneRelays(address relayer, uint32 early) public {
        vm.warp(deadline - (early % 1 hours)); // the last second included
        bytes memory signature = _signed(0);
        vm.expectEmit(address(settlement));
        emit IExchangeSettlement.Listed(seller, ISSUANCE, TONNES, REF);
        vm.prank(relayer);
        vm.assertTrue(settlement.listFor(seller, ISSUANCE, TONNES, REF, deadline, signature), "listed");
        vm.assertEq(reductions.listedOf(seller, ISSUANCE), SUPPLY / 2 + TONNES, "listed");
    }

    function testFuzz_UnlistFor_AnyoneRelays(address relayer, uint32 early) public {
        vm.warp(deadline - (early % 1 hours));
        bytes memory signature = _signed(1);
        vm.expectEmit(address(settlement));
        emit IExchangeSettlement.Unlisted(seller, ISSUANCE, TONNES, REF);
        vm.prank(relayer);
        vm.assertTrue(settlement.unlistFor(seller, ISSUANCE, TONNES, REF, deadline, signature), "unlisted");
        vm.assertEq(reductions.listedOf(seller, ISSUANCE), SUPPLY / 2 - TONNES, "listed");
    }

    /// @dev Replaying a listing, in any form of the signature and at any time, changes nothing.
    function testFuzz_Signed_AgainIsNoOp(bytes calldata other, uint32 later, bool unlisting) public {
        uint256 verb = unlisting ? 1 : 0;
        bytes memory signature = _signed(verb);
        _relay(verb, signature);
        uint64 listed = reductions.listedOf(seller, ISSUANCE);
        vm.warp(block.timestamp + later);
        vm.recordLogs();
        vm.assertFalse(_relay(verb, signature), "the same again");
        vm.assertFalse(_relay(verb, other), "in another form");
        vm.prank(seller);
        bool direct = unlisting ? settlement.unlist(ISSUANCE, TONNES, REF) : settlement.list(ISSUANCE, TONNES, REF);
        vm.assertFalse(direct, "by the holder");
        _assertSilent();
        vm.assertEq(reductions.listedOf(seller, ISSUANCE), listed, "listed");
    }

    /// @dev A listing that was undone does not come back with its old signature.
    function test_Signed_AfterItWasUndone() public {
        bytes memory signature = _signed(0);
        _relay(0, signature);
        vm.prank(seller);
        settlement.unlist(ISSUANCE, TONNES, "unlisting 1");
        vm.assertFalse(_relay(0, signature), "relayed again");
        vm.assertEq(reductions.listedOf(seller, ISSUANCE), SUPPLY / 2, "listed");
    }

    function test_Signed_UsedReference() public {
        _relay(0, _signed(0));
        bytes32 structHash = _listingHash("Listing", seller, ISSUANCE, TONNES + 1, REF, deadline);
        bytes[2] memory signatures = [_signForSettlement(SELLER_KEY, structHash), _signed(1)];
        bytes4 selector = IExchangeSettlement.ExchangeSettlementListingReferenceUsed.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, seller, REF));
        settlement.listFor(seller, ISSUANCE, TONNES + 1, REF, deadline, signatures[0]);
        vm.expectRevert(abi.encodeWithSelector(selector, seller, REF));
        _relay(1, signatures[1]);
    }

    /// @dev A signature for one verb is none for the other.
    function test_Signed_OtherVerb() public {
        _expectInvalid(0, _signed(1));
        _expectInvalid(1, _signed(0));
    }

    function testFuzz_Signed_OtherKey(uint256 key) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        vm.assume(key != SELLER_KEY);
        for (uint256 verb = 0; verb < 2; ++verb) _expectInvalid(verb, _signForSettlement(key, _hash(verb, seller)));
    }

    function testFuzz_Signed_OtherTerms(uint32 issuance, uint64 tonnes, bytes32 ref, uint64 until) public {
        vm.assume(issuance != ISSUANCE || tonnes != TONNES || ref != REF || until != deadline);
        for (uint256 verb = 0; verb < 2; ++verb) {
            bytes32 structHash = _listingHash(verbs[verb], seller, issuance, tonnes, ref, until);
            _expectInvalid(verb, _signForSettlement(SELLER_KEY, structHash));
        }
    }

    function test_Signed_OtherHolder() public {
        for (uint256 verb = 0; verb < 2; ++verb) {
            bytes memory signature = _signed(verb);
            vm.expectRevert(_invalidIntent(buyer, _hash(verb, buyer)));
            _relayFor(verb, buyer, signature);
            vm.expectRevert(_invalidIntent(address(0), _hash(verb, address(0))));
            _relayFor(verb, address(0), new bytes(65));
        }
    }

    function testFuzz_Signed_Expired(uint32 late) public {
        bytes[2] memory signatures = [_signed(0), _signed(1)];
        vm.warp(deadline + 1 + late);
        for (uint256 verb = 0; verb < 2; ++verb) {
            vm.expectRevert(_expiredIntent(seller, deadline));
            _relay(verb, signatures[verb]);
        }
    }

    function testFuzz_Signed_OtherChain(uint64 chainId) public {
        vm.assume(chainId != block.chainid);
        for (uint256 verb = 0; verb < 2; ++verb) {
            _expectInvalid(verb, _signedFor(verb, SETTLEMENT_DOMAIN, chainId, address(settlement)));
        }
    }

    /// @dev The domain follows the chain: a fork with another id does not accept what was signed before it.
    function test_Signed_AfterTheChainChangedItsId() public {
        bytes[2] memory signatures = [_signed(0), _signed(1)];
        vm.chainId(block.chainid + 1);
        for (uint256 verb = 0; verb < 2; ++verb) _expectInvalid(verb, signatures[verb]);
    }

    function test_Signed_OtherContractOrName() public {
        address other = address(new ExchangeSettlement(address(manager), reductions, cash, participants));
        for (uint256 verb = 0; verb < 2; ++verb) {
            _expectInvalid(verb, _signedFor(verb, SETTLEMENT_DOMAIN, block.chainid, other));
            _expectInvalid(verb, _signedFor(verb, CASH_DOMAIN, block.chainid, address(settlement)));
        }
    }

    function test_Signed_OtherFormsOfTheSignature() public {
        for (uint256 verb = 0; verb < 2; ++verb) {
            bytes[] memory forms = _otherForms(_signed(verb));
            for (uint256 i = 0; i < forms.length; ++i) _expectInvalid(verb, forms[i]);
        }
    }

    function test_Signed_Incomplete() public {
        bytes32 structHash = _listingHash("Listing", seller, ISSUANCE, TONNES, bytes32(0), deadline);
        bytes memory signature = _signForSettlement(SELLER_KEY, structHash);
        vm.expectRevert(_bareError(IExchangeSettlement.ExchangeSettlementMissingReference.selector));
        settlement.listFor(seller, ISSUANCE, TONNES, bytes32(0), deadline, signature);
        structHash = _listingHash("Unlisting", seller, ISSUANCE, 0, REF, deadline);
        signature = _signForSettlement(SELLER_KEY, structHash);
        vm.expectRevert(_bareError(IExchangeSettlement.ExchangeSettlementZeroAmount.selector));
        settlement.unlistFor(seller, ISSUANCE, 0, REF, deadline, signature);
    }

    function test_Signed_WhilePaused() public {
        bytes[2] memory signatures = [_signed(0), _signed(1)];
        _pause(address(settlement));
        for (uint256 verb = 0; verb < 2; ++verb) {
            vm.expectRevert(_paused());
            _relay(verb, signatures[verb]);
        }
    }

    function test_Signed_ContractWallet() public {
        address wallet = address(new ContractWallet(seller));
        _admit(wallet, "wallet", IParticipants.Kind.VOLUNTARY);
        reductions.issue(ISSUANCE + 1, CLASS, TONNES, "dossier", wallet);
        for (uint256 verb = 0; verb < 2; ++verb) {
            bytes32 ref = bytes32(verb + 1);
            bytes32 structHash = _listingHash(verbs[verb], wallet, ISSUANCE + 1, TONNES, ref, deadline);
            bytes[2] memory signatures = [
                _signForSettlement(BUYER_KEY, structHash),
                _signForSettlement(SELLER_KEY, structHash)
            ];
            vm.expectRevert(_invalidIntent(wallet, structHash));
            _relayAny(verb, wallet, ISSUANCE + 1, ref, signatures[0]);
            vm.assertTrue(_relayAny(verb, wallet, ISSUANCE + 1, ref, signatures[1]), verbs[verb]);
            vm.assertEq(reductions.listedOf(wallet, ISSUANCE + 1), verb == 0 ? TONNES : 0, "listed");
        }
    }

    function _hash(uint256 verb, address holder) private view returns (bytes32) {
        return _listingHash(verbs[verb], holder, ISSUANCE, TONNES, REF, deadline);
    }

    function _signed(uint256 verb) private view returns (bytes memory) {
        return _signForSettlement(SELLER_KEY, _hash(verb, seller));
    }

    function _signedFor(
        uint256 verb,
        string memory name,
        uint256 chainId,
        address target
    ) private view returns (bytes memory) {
        return _signDigest(SELLER_KEY, _typedDigest(name, chainId, target, _hash(verb, seller)));
    }

    function _relay(uint256 verb, bytes memory signature) private returns (bool) {
        return _relayFor(verb, seller, signature);
    }

    function _relayFor(uint256 verb, address holder, bytes memory signature) private returns (bool) {
        return _relayAny(verb, holder, ISSUANCE, REF, signature);
    }

    function _relayAny(
        uint256 verb,
        address holder,
        uint32 issuance,
        bytes32 ref,
        bytes memory signature
    ) private returns (bool) {
        return
            verb == 0
                ? settlement.listFor(holder, issuance, TONNES, ref, deadline, signature)
                : settlement.unlistFor(holder, issuance, TONNES, ref, deadline, signature);
    }

    function _expectInvalid(uint256 verb, bytes memory signature) private {
        vm.expectRevert(_invalidIntent(seller, _hash(verb, seller)));
        _relay(verb, signature);
    }
}
