// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CertifiedReductions} from "../../contracts/CertifiedReductions.sol";
import {ExchangeSettlement} from "../../contracts/ExchangeSettlement.sol";
import {IExchangeSettlement} from "../../contracts/interfaces/IExchangeSettlement.sol";
import {IHalting} from "../../contracts/interfaces/IHalting.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {Participants} from "../../contracts/Participants.sol";
import {RetirementCertificates} from "../../contracts/RetirementCertificates.sol";
import {Roles} from "../../contracts/Roles.sol";
import {SettlementCash} from "../../contracts/SettlementCash.sol";
import {Fixture} from "./Fixture.sol";

/// @dev The contracts of the market, wired as in production. The test contract stands in for the certification: it
/// issues. Traders have keys, and what they sign is hashed here from the words of EIP-712 alone, not from what a
/// contract says about itself.
abstract contract MarketFixture is Fixture {
    address internal constant BANK = address(0xA008);
    uint256 internal constant SELLER_KEY = 0x5E;
    uint256 internal constant BUYER_KEY = 0xB1;
    string internal constant SETTLEMENT_DOMAIN = "PuhuiExchangeSettlement";
    string internal constant CASH_DOMAIN = "PuhuiSettlementCash";

    address internal seller = vm.addr(SELLER_KEY);
    address internal buyer = vm.addr(BUYER_KEY);

    Participants internal participants;
    CertifiedReductions internal reductions;
    RetirementCertificates internal certificates;
    SettlementCash internal cash;
    ExchangeSettlement internal settlement;
    uint256 private _mints; // makes bank references different

    // Wiring

    /// @dev Deploys and wires. To be called from {_handOver}, while the administration is still here.
    function _deployMarket() internal {
        participants = new Participants(address(manager));
        reductions = new CertifiedReductions(address(manager), participants);
        certificates = new RetirementCertificates(address(manager), reductions, participants);
        cash = new SettlementCash(address(manager), participants);
        settlement = new ExchangeSettlement(address(manager), reductions, cash, participants);
        _wireParticipants();
        _wireUnits();
        _wireTrade();
        address[4] memory halting = [
            address(reductions),
            address(certificates),
            address(cash),
            address(settlement)
        ];
        for (uint256 i = 0; i < halting.length; ++i) {
            _assign(halting[i], Roles.GUARDIAN, IHalting.pause.selector);
            _assign(halting[i], Roles.REGULATOR_DELAYED, IHalting.unpause.selector);
        }

        manager.grantRole(Roles.BANK, BANK, 0);
        manager.grantRole(Roles.CERTIFICATION, address(this), 0);
        manager.grantRole(Roles.SETTLEMENT, address(settlement), 0);
        manager.grantRole(Roles.RETIREMENT, address(certificates), 0);
        manager.setRoleGuardian(Roles.REGULATOR_DELAYED, Roles.GUARDIAN);
    }

    function _wireParticipants() private {
        address target = address(participants);
        _assign(target, Roles.EXCHANGE, participants.register.selector);
        _assign(target, Roles.REGULATOR, participants.admit.selector, participants.suspend.selector);
        _assign(target, Roles.REGULATOR_DELAYED, participants.reinstate.selector);
    }

    function _wireUnits() private {
        address target = address(reductions);
        _assign(target, Roles.CERTIFICATION, reductions.issue.selector);
        _assign(target, Roles.SETTLEMENT, reductions.list.selector, reductions.unlist.selector);
        _assign(target, Roles.SETTLEMENT, reductions.settle.selector);
        _assign(target, Roles.RETIREMENT, reductions.retire.selector);
        _assign(target, Roles.REGULATOR, reductions.freeze.selector, reductions.suspend.selector);
        _assign(target, Roles.REGULATOR_DELAYED, reductions.forcedTransfer.selector);
        _assign(target, Roles.REGULATOR_DELAYED, reductions.resume.selector, reductions.cancel.selector);
        _assign(address(certificates), Roles.REGULATOR, certificates.setOffsetLimit.selector);
    }

    function _wireTrade() private {
        address target = address(cash);
        _assign(target, Roles.EXCHANGE, cash.requestMint.selector);
        _assign(target, Roles.BANK, cash.confirmMint.selector, cash.cancelMint.selector);
        _assign(target, Roles.TREASURY, cash.transfer.selector);
        _assign(target, Roles.SETTLEMENT, cash.transferFrom.selector);
        _assign(address(settlement), Roles.EXCHANGE, settlement.settle.selector);
    }

    // Acts

    function _admit(address account, bytes32 entity, IParticipants.Kind kind) internal {
        vm.prank(EXCHANGE);
        participants.register(account, entity, kind, "identity file");
        vm.prank(REGULATOR);
        participants.admit(account, entity, kind, "identity file");
    }

    /// @dev Gives `fen` to a participant, under a bank reference of its own.
    function _mint(address to, uint128 fen) internal {
        bytes32 bankRef = keccak256(abi.encode("bank", ++_mints));
        vm.prank(EXCHANGE);
        cash.requestMint(bankRef, to, fen);
        vm.prank(BANK);
        cash.confirmMint(bankRef, to, fen);
    }

    // What is signed

    function _orderHash(IExchangeSettlement.Order memory order) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256(
                        "Order(address trader,uint8 side,uint32 issuance,uint64 tonnes,uint128 limitFen,bytes32 salt,"
                        "uint64 expiry)"
                    ),
                    order.trader,
                    uint8(order.side),
                    order.issuance,
                    order.tonnes,
                    order.limitFen,
                    order.salt,
                    order.expiry
                )
            );
    }

    function _orderDigest(IExchangeSettlement.Order memory order) internal view returns (bytes32) {
        return _typedDigest(SETTLEMENT_DOMAIN, block.chainid, address(settlement), _orderHash(order));
    }

    function _signOrder(uint256 key, IExchangeSettlement.Order memory order) internal view returns (bytes memory) {
        return _signDigest(key, _orderDigest(order));
    }

    /// @param verb "Listing" or "Unlisting".
    function _listingHash(
        string memory verb,
        address holder,
        uint32 issuance,
        uint64 tonnes,
        bytes32 ref,
        uint256 deadline
    ) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256(
            abi.encodePacked(verb, "(address holder,uint32 issuance,uint64 tonnes,bytes32 ref,uint256 deadline)")
        );
        return keccak256(abi.encode(typeHash, holder, issuance, tonnes, ref, deadline));
    }

    function _cancellationHash(bytes32 order, uint256 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Cancellation(bytes32 order,uint256 deadline)"), order, deadline));
    }

    function _withdrawalHash(
        address holder,
        uint128 fen,
        bytes32 ref,
        uint256 deadline
    ) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256("Withdrawal(address holder,uint128 fen,bytes32 ref,uint256 deadline)");
        return keccak256(abi.encode(typeHash, holder, fen, ref, deadline));
    }

    function _typedDigest(
        string memory name,
        uint256 chainId,
        address target,
        bytes32 structHash
    ) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                chainId,
                target
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    /// @dev What `key` signs for the settlement of this chain.
    function _signForSettlement(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        return _signDigest(key, _typedDigest(SETTLEMENT_DOMAIN, block.chainid, address(settlement), structHash));
    }

    /// @dev What `key` signs for the cash of this chain.
    function _signForCash(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        return _signDigest(key, _typedDigest(CASH_DOMAIN, block.chainid, address(cash), structHash));
    }

    function _signDigest(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}
