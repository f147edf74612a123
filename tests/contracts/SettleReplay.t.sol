// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExchangeSettlement} from "../../contracts/ExchangeSettlement.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {TradeFixture} from "./TradeFixture.sol";

/// @dev What was signed for one order settles that order and nothing else, and a trade id settles once. Whatever is
/// tried with a signature is tried with the seller's and with the buyer's.
contract SettleReplayTest is TradeFixture {
    uint64 private constant TONNES = 100;
    uint64 private constant LISTED = 500;

    IExchangeSettlement.Order private sell;
    IExchangeSettlement.Order private buy;

    function setUp() public override {
        super.setUp();
        _listUnits(LISTED);
        (sell, buy) = (_sell(TONNES, PRICE), _buy(TONNES, PRICE));
    }

    // Trades

    /// @dev The same trade again, in any form of the signatures and at any time, changes nothing.
    function testFuzz_Trade_AgainIsNoOp(bytes calldata other, uint32 later) public {
        _settle(_part("trade 1", 40), sell, buy);
        vm.warp(block.timestamp + later);
        vm.prank(seller);
        settlement.cancelOrder(sell);
        vm.recordLogs();
        vm.assertFalse(_settle(_part("trade 1", 40), sell, buy), "the same again");
        vm.assertFalse(_settleSigned(_part("trade 1", 40), sell, other, buy, other), "in another form");
        _assertSilent();
        _assertStand(40, LISTED - 40, 40 * PRICE);
    }

    function test_Trade_UsedForSomethingElse() public {
        IExchangeSettlement.Order memory wide = _buy(SUPPLY, PRICE + 1);
        IExchangeSettlement.Order memory otherSell = _sell(TONNES, PRICE);
        otherSell.salt = "sell 2";
        _settle(_part(TRADE, 40), sell, wide);
        _expectUsed(_part(TRADE, 41), sell, wide);
        _expectUsed(_part(TRADE, 0), sell, wide);
        _expectUsed(_execution(TRADE, 40, PRICE + 1), sell, wide);
        _expectUsed(_part(TRADE, 40), otherSell, wide);
        _expectUsed(_part(TRADE, 40), sell, buy);
        _assertStand(40, LISTED - 40, 40 * PRICE);
    }

    /// @dev Under a new id the same signatures fill the same orders, and those only to the end.
    function test_Trade_SameOrdersUnderAnotherId() public {
        _settle(_part("trade 1", 60), sell, buy);
        _expectRefused(_overfilled(sell, 40, 60), _part("trade 2", 60), sell, buy);
        _settle(_part("trade 2", 40), sell, buy);
        _expectRefused(_overfilled(sell, 0, 1), _part("trade 3", 1), sell, buy);
        _assertStand(TONNES, LISTED - TONNES, TONNES * PRICE);
    }

    /// @dev What is filled stays filled, whatever is listed afterwards.
    function test_Trade_AfterMoreWasListed() public {
        _settle(_part("trade 1", TONNES), sell, buy);
        _listUnits(seller, 100, "listing 2");
        _expectRefused(_overfilled(sell, 0, 1), _part("trade 2", 1), sell, buy);
    }

    // Signatures

    function testFuzz_Signature_OtherKey(uint256 key) public {
        key = _bound(key, 1, CURVE_ORDER - 1);
        if (key != SELLER_KEY) _expectInvalidSale(_signOrder(key, sell));
        if (key != BUYER_KEY) _expectInvalidPurchase(_signOrder(key, buy));
    }

    /// @dev Neither trader's signature stands for the other's, and nobody's for an order that is not signed.
    function test_Signature_OfTheOtherTrader() public {
        _expectInvalidSale(_signOrder(BUYER_KEY, buy));
        _expectInvalidPurchase(_signOrder(SELLER_KEY, sell));
        _expectInvalidSale(_signOrder(SELLER_KEY, buy));
        _expectInvalidPurchase(_signOrder(BUYER_KEY, sell));
    }

    function testFuzz_Signature_OfOtherTerms(
        uint32 issuance,
        uint64 tonnes,
        uint128 limitFen,
        bytes32 salt,
        uint64 until
    ) public {
        IExchangeSettlement.Order[2] memory orders = [sell, buy];
        for (uint256 i = 0; i < 2; ++i) {
            IExchangeSettlement.Order memory order = orders[i];
            bytes32 digest = _orderDigest(order);
            (order.issuance, order.tonnes, order.limitFen) = (issuance, tonnes, limitFen);
            (order.salt, order.expiry) = (salt, until);
            vm.assume(_orderDigest(order) != digest);
        }
        _expectInvalidSale(_signOrder(SELLER_KEY, orders[0]));
        _expectInvalidPurchase(_signOrder(BUYER_KEY, orders[1]));
    }

    /// @dev Every single field is signed.
    function test_Signature_OfOneOtherField() public {
        for (uint256 field = 0; field < 7; ++field) {
            _expectInvalidSale(_signOrder(SELLER_KEY, _changed(sell, field)));
            _expectInvalidPurchase(_signOrder(BUYER_KEY, _changed(buy, field)));
        }
        vm.assertTrue(_settle(_part(TRADE, TONNES), sell, buy), "as it was signed");
    }

    function testFuzz_Signature_OtherChain(uint64 chainId) public {
        vm.assume(chainId != block.chainid);
        _expectInvalidSale(_signedFor(SELLER_KEY, sell, SETTLEMENT_DOMAIN, chainId, address(settlement)));
        _expectInvalidPurchase(_signedFor(BUYER_KEY, buy, SETTLEMENT_DOMAIN, chainId, address(settlement)));
    }

    /// @dev The domain follows the chain: a fork with another id does not accept what was signed before it.
    function test_Signature_AfterTheChainChangedItsId() public {
        bytes[2] memory before = [_signOrder(SELLER_KEY, sell), _signOrder(BUYER_KEY, buy)];
        vm.chainId(block.chainid + 1);
        _expectInvalidSale(before[0]);
        _expectInvalidPurchase(before[1]);
    }

    function test_Signature_OtherContractOrName() public {
        address other = address(new ExchangeSettlement(address(manager), reductions, cash, participants));
        _expectInvalidSale(_signedFor(SELLER_KEY, sell, SETTLEMENT_DOMAIN, block.chainid, other));
        _expectInvalidPurchase(_signedFor(BUYER_KEY, buy, SETTLEMENT_DOMAIN, block.chainid, other));
        _expectInvalidSale(_signedFor(SELLER_KEY, sell, CASH_DOMAIN, block.chainid, address(settlement)));
        _expectInvalidPurchase(_signedFor(BUYER_KEY, buy, CASH_DOMAIN, block.chainid, address(settlement)));
    }

    function test_Signature_OfAnotherVerb() public {
        bytes32 structHash = _listingHash("Listing", seller, ISSUANCE, TONNES, "listing 2", expiry);
        _expectInvalidSale(_signForSettlement(SELLER_KEY, structHash));
        _expectInvalidPurchase(_signForSettlement(BUYER_KEY, _cancellationHash(_orderDigest(buy), expiry)));
    }

    function test_Signature_OtherForms() public {
        bytes[] memory forms = _otherForms(_signOrder(SELLER_KEY, sell));
        for (uint256 i = 0; i < forms.length; ++i) _expectInvalidSale(forms[i]);
        forms = _otherForms(_signOrder(BUYER_KEY, buy));
        for (uint256 i = 0; i < forms.length; ++i) _expectInvalidPurchase(forms[i]);
    }

    function testFuzz_Signature_WrongLength(uint8 length) public {
        vm.assume(length != 65);
        _expectInvalidSale(_resized(_signOrder(SELLER_KEY, sell), length));
        _expectInvalidPurchase(_resized(_signOrder(BUYER_KEY, buy), length));
    }

    /// @dev A wallet's owner signs for itself or for the wallet, which are two traders.
    function test_Signature_OfTheOwnerForItsWallet() public {
        address wallet = address(new ContractWallet(seller));
        _admit(wallet, "wallet", IParticipants.Kind.VOLUNTARY);
        bytes memory own = _signOrder(SELLER_KEY, sell);
        sell.trader = wallet;
        _expectInvalidSale(own);
        bytes memory forWallet = _signOrder(SELLER_KEY, sell);
        sell.trader = seller;
        _expectInvalidSale(forWallet);
    }

    // What is hashed

    function testFuzz_HashOrder_IsTheStandardDigest(
        address trader,
        bool sale,
        uint32 issuance,
        uint64 tonnes,
        uint128 limitFen,
        bytes32 salt,
        uint64 until
    ) public view {
        IExchangeSettlement.Side side = sale ? IExchangeSettlement.Side.SELL : IExchangeSettlement.Side.BUY;
        IExchangeSettlement.Order memory order = IExchangeSettlement.Order({
            trader: trader,
            side: side,
            issuance: issuance,
            tonnes: tonnes,
            limitFen: limitFen,
            salt: salt,
            expiry: until
        });
        vm.assertEq(settlement.hashOrder(order), _orderDigest(order), "digest");
    }

    function test_Eip712Domain_IsTheDocumentedOne() public view {
        (, string memory name, string memory version, uint256 chainId, address target, , ) = settlement.eip712Domain();
        vm.assertEq(keccak256(bytes(name)), keccak256("PuhuiExchangeSettlement"), "name");
        vm.assertEq(keccak256(bytes(version)), keccak256("1"), "version");
        vm.assertEq(chainId, block.chainid, "chain");
        vm.assertEq(target, address(settlement), "contract");
        bytes32 typeHash = keccak256(
            "Order(address trader,uint8 side,uint32 issuance,uint64 tonnes,uint128 limitFen,bytes32 salt,uint64 expiry)"
        );
        vm.assertEq(settlement.ORDER_TYPEHASH(), typeHash, "type hash");
    }

    function _part(bytes32 tradeId, uint64 tonnes) private pure returns (IExchangeSettlement.Execution memory) {
        return _execution(tradeId, tonnes, PRICE);
    }

    function _signedFor(
        uint256 key,
        IExchangeSettlement.Order memory order,
        string memory name,
        uint256 chainId,
        address target
    ) private pure returns (bytes memory) {
        return _signDigest(key, _typedDigest(name, chainId, target, _orderHash(order)));
    }

    function _changed(
        IExchangeSettlement.Order memory order,
        uint256 field
    ) private pure returns (IExchangeSettlement.Order memory changed) {
        changed = abi.decode(abi.encode(order), (IExchangeSettlement.Order));
        if (field == 0) changed.trader = STRANGER;
        if (field == 1) changed.side = IExchangeSettlement.Side(1 - uint256(order.side));
        if (field == 2) ++changed.issuance;
        if (field == 3) ++changed.tonnes;
        if (field == 4) ++changed.limitFen;
        if (field == 5) changed.salt = "another";
        if (field == 6) ++changed.expiry;
    }

    function _resized(bytes memory signature, uint256 length) private pure returns (bytes memory other) {
        other = new bytes(length);
        for (uint256 i = 0; i < length && i < 65; ++i) other[i] = signature[i];
    }

    /// @dev The buyer's signature is good, the seller's is not.
    function _expectInvalidSale(bytes memory signature) private {
        bytes memory good = _signOrder(BUYER_KEY, buy);
        vm.expectRevert(_invalidOrder(sell));
        _settleSigned(_part(TRADE, TONNES), sell, signature, buy, good);
    }

    function _expectInvalidPurchase(bytes memory signature) private {
        bytes memory good = _signOrder(SELLER_KEY, sell);
        vm.expectRevert(_invalidOrder(buy));
        _settleSigned(_part(TRADE, TONNES), sell, good, buy, signature);
    }

    /// @dev The id was settled as something else.
    function _expectUsed(
        IExchangeSettlement.Execution memory execution,
        IExchangeSettlement.Order memory sold,
        IExchangeSettlement.Order memory bought
    ) private {
        bytes[2] memory signatures = [_signOrder(SELLER_KEY, sold), _signOrder(BUYER_KEY, bought)];
        bytes4 selector = IExchangeSettlement.ExchangeSettlementTradeUsed.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, execution.tradeId));
        _settleSigned(execution, sold, signatures[0], bought, signatures[1]);
    }
}
