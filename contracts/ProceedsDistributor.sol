// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Halting} from "./Halting.sol";
import {InPerson} from "./InPerson.sol";
import {Intents} from "./Intents.sol";
import {IProceedsDistributor} from "./interfaces/IProceedsDistributor.sol";
import {ISettlementCash} from "./interfaces/ISettlementCash.sol";
import {MerkleLog} from "./MerkleLog.sol";

contract ProceedsDistributor is IProceedsDistributor, InPerson, Halting, Intents {
    /// @dev What the bank paid under one of its references.
    struct Payout {
        address account;
        uint128 fen;
    }

    /// @inheritdoc IProceedsDistributor
    bytes32 public constant PROCEEDS_CLAIM_TYPEHASH =
        keccak256("ProceedsClaim(address account,uint128 cumulativeFen,uint256 deadline)");

    /// @dev The first byte of a proceeds leaf, which no other kind of leaf has.
    uint8 private constant PROCEEDS_LEAF = 0x03;
    uint256 private constant MAX_PAYMENTS = 64;

    ISettlementCash private immutable _cash;

    /// @inheritdoc IProceedsDistributor
    uint128 public fundedFen;
    /// @inheritdoc IProceedsDistributor
    uint128 public paidFen;
    /// @inheritdoc IProceedsDistributor
    uint32 public currentRun;
    /// @inheritdoc IProceedsDistributor
    uint32 public activeRun;
    bytes32 private _lastCancellation;
    /// @inheritdoc IProceedsDistributor
    mapping(uint32 issuance => uint128) public fundedOf;
    /// @inheritdoc IProceedsDistributor
    mapping(address account => uint128) public paidOf;
    /// @inheritdoc IProceedsDistributor
    mapping(bytes32 bankRef => Payout) public payoutOf;
    mapping(uint32 number => Run) private _runs;
    mapping(bytes32 batchRef => bytes32 content) private _batches;

    constructor(address authority, ISettlementCash cash_)
        AccessManaged(authority)
        EIP712("PuhuiProceedsDistributor", "1")
    {
        if (address(cash_).code.length == 0) revert ProceedsDistributorInvalidCash(address(cash_));
        _cash = cash_;
    }

    // ------------------------------------------------------------------ fund

    /// @inheritdoc IProceedsDistributor
    function fund(uint32 issuance, uint128 fen) external restricted whenNotPaused {
        if (fen == 0) revert ProceedsDistributorZeroAmount(issuance);

        fundedFen += fen;
        fundedOf[issuance] += fen;
        _requireSolvent(paidFen, 0);

        emit Funded(issuance, fen, fundedFen);
    }

    // ------------------------------------------------------------------ runs

    /// @inheritdoc IProceedsDistributor
    function publishRun(
        uint32 number,
        bytes32 root,
        uint64 size,
        uint128 totalFen,
        bytes32 dossier
    ) external restricted inPerson whenNotPaused returns (bool) {
        bytes32 digest = hashRun(number, root, size, totalFen, dossier);
        if (number != 0 && number <= currentRun) {
            _requireDigest(number, digest);
            return false;
        }
        _requireNext(number);
        if (root == bytes32(0) || size == 0 || dossier == bytes32(0)) revert ProceedsDistributorIncompleteRun(number);
        uint128 previousFen = attestedFen();
        if (totalFen <= previousFen) revert ProceedsDistributorTotalNotAbove(number, totalFen, previousFen);
        _requireFunded(number, totalFen);

        currentRun = number;
        _runs[number] = Run({
            root: root,
            digest: digest,
            size: size,
            totalFen: totalFen,
            dossier: dossier,
            publisher: msg.sender,
            attested: false
        });

        emit RunPublished(number, root, size, totalFen, dossier, digest, msg.sender);
        return true;
    }

    /// @inheritdoc IProceedsDistributor
    function attestRun(uint32 number, bytes32 digest) external restricted inPerson whenNotPaused returns (bool) {
        _requireDigest(number, digest);
        Run storage run = _runs[number];
        if (run.attested) return false;
        if (msg.sender == run.publisher) revert ProceedsDistributorSelfAttestation(number, msg.sender);

        (run.attested, activeRun) = (true, number);
        _requireSolvent(paidFen, 0);

        emit RunAttested(number, msg.sender, digest);
        return true;
    }

    /// @inheritdoc IProceedsDistributor
    function cancelRun(uint32 number, bytes32 reason) external restricted returns (bool) {
        bytes32 cancellation = keccak256(abi.encode(number, reason));
        if (number == currentRun + 1 && cancellation == _lastCancellation) return false;
        if (number == 0 || number > currentRun) revert ProceedsDistributorUnknown(number);
        if (number <= activeRun) revert ProceedsDistributorAttested(number);
        if (reason == bytes32(0)) revert ProceedsDistributorMissingReason(number);

        bytes32 digest = _runs[number].digest;
        _lastCancellation = cancellation;
        currentRun = number - 1;
        delete _runs[number];

        emit RunCancelled(number, digest, reason);
        return true;
    }

    // ------------------------------------------------------------------ claim, pay

    /// @inheritdoc IProceedsDistributor
    function claim(
        uint128 cumulativeFen,
        uint64 index,
        bytes32[] calldata proof
    ) external whenNotPaused returns (uint256) {
        uint128 due = _dueOf(msg.sender, cumulativeFen, index, proof);
        if (due != 0) _claim(msg.sender, cumulativeFen, due);
        return due;
    }

    /// @inheritdoc IProceedsDistributor
    function claimFor(
        address account,
        uint128 cumulativeFen,
        uint64 index,
        bytes32[] calldata proof,
        uint256 deadline,
        bytes calldata signature
    ) external whenNotPaused returns (uint256) {
        uint128 due = _dueOf(account, cumulativeFen, index, proof);
        if (due == 0) return 0;
        bytes32 intent = keccak256(abi.encode(PROCEEDS_CLAIM_TYPEHASH, account, cumulativeFen, deadline));
        _requireIntent(account, intent, deadline, signature);
        _claim(account, cumulativeFen, due);
        return due;
    }

    /// @inheritdoc IProceedsDistributor
    function pay(
        bytes32 batchRef,
        Payment[] calldata payments
    ) external restricted inPerson whenNotPaused returns (bool) {
        uint256 count = payments.length;
        if (count == 0 || count > MAX_PAYMENTS) revert ProceedsDistributorPaymentCount(count, MAX_PAYMENTS);
        if (batchRef == bytes32(0)) revert ProceedsDistributorMissingReference();
        bytes32 content = _contentOf(payments);
        if (_batches[batchRef] == content) return false;
        if (_batches[batchRef] != bytes32(0)) revert ProceedsDistributorReferenceUsed(batchRef);

        _batches[batchRef] = content;
        uint256 fen = 0;
        for (uint256 i = 0; i < count; ++i) fen += _payOne(batchRef, payments[i]);
        _addPaid(fen);

        _cash.burn(uint128(fen), batchRef); // not above what is paid in all, a uint128
        return true;
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IProceedsDistributor
    function hashRun(
        uint32 number,
        bytes32 root,
        uint64 size,
        uint128 totalFen,
        bytes32 dossier
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(number, root, size, totalFen, dossier));
    }

    /// @inheritdoc IProceedsDistributor
    function attestedFen() public view returns (uint128) {
        return _runs[activeRun].totalFen;
    }

    /// @inheritdoc IProceedsDistributor
    function runOf(uint32 number) external view returns (Run memory) {
        return _runs[number];
    }

    /// @inheritdoc IProceedsDistributor
    function cash() external view returns (address) {
        return address(_cash);
    }

    // ------------------------------------------------------------------ guards

    function _requireDigest(uint32 number, bytes32 digest) private view {
        bytes32 expected = _runs[number].digest;
        if (expected == bytes32(0)) revert ProceedsDistributorUnknown(number);
        if (expected != digest) revert ProceedsDistributorDigestMismatch(number, expected, digest);
    }

    function _requireNext(uint32 number) private view {
        uint32 current = currentRun;
        if (number != current + 1) revert ProceedsDistributorUnexpectedNumber(current + 1, number);
        if (activeRun != current) revert ProceedsDistributorPending(current);
    }

    function _requireFunded(uint32 number, uint128 totalFen) private view {
        if (totalFen > fundedFen) revert ProceedsDistributorUnfunded(number, totalFen, fundedFen);
    }

    /// @dev Asserts that paid <= attested <= funded and that the cash held covers what is not paid and what, counted as
    /// paid already, leaves last.
    function _requireSolvent(uint256 paid, uint256 leaving) private view {
        uint128 attested = attestedFen();
        if (paid > attested) revert ProceedsDistributorOverdrawn(paid, attested);
        _requireFunded(activeRun, attested);
        uint256 owed = fundedFen - paid + leaving;
        uint256 held = _cash.balanceOf(address(this));
        if (held < owed) revert ProceedsDistributorInsolvent(held, owed);
    }

    /// @dev What is due to `account` by the active run, in which it must be entitled to `cumulativeFen`.
    function _dueOf(
        address account,
        uint128 cumulativeFen,
        uint64 index,
        bytes32[] calldata proof
    ) private view returns (uint128) {
        uint32 active = activeRun;
        if (active == 0) revert ProceedsDistributorNoneActive();
        bytes32 leaf = MerkleLog.leafHash(abi.encodePacked(PROCEEDS_LEAF, account, cumulativeFen));
        MerkleLog.verify(leaf, index, _runs[active].size, proof, _runs[active].root);
        uint128 paid = paidOf[account];
        if (cumulativeFen < paid) revert ProceedsDistributorEntitlementRegressed(account, cumulativeFen, paid);
        return cumulativeFen - paid;
    }

    /// @dev What is paid to whom under which reference; not the proofs, which change with the run.
    function _contentOf(Payment[] calldata payments) private pure returns (bytes32 content) {
        for (uint256 i = 0; i < payments.length; ++i) {
            Payment calldata payment = payments[i];
            content = keccak256(abi.encode(content, payment.account, payment.cumulativeFen, payment.bankRef));
        }
    }

    // ------------------------------------------------------------------ state

    function _claim(address account, uint128 cumulativeFen, uint128 due) private {
        paidOf[account] = cumulativeFen;
        _addPaid(due);

        emit ProceedsClaimed(account, due, cumulativeFen);
        _cash.transfer(account, due);
    }

    /// @dev Marks one payment; {_addPaid} follows once for the whole batch.
    function _payOne(bytes32 batchRef, Payment calldata payment) private returns (uint128 due) {
        (address account, uint128 cumulativeFen) = (payment.account, payment.cumulativeFen);
        bytes32 bankRef = payment.bankRef;
        if (bankRef == bytes32(0)) revert ProceedsDistributorMissingReference();
        if (payoutOf[bankRef].fen != 0) revert ProceedsDistributorBankReferenceUsed(bankRef);
        due = _dueOf(account, cumulativeFen, payment.index, payment.proof);
        if (due == 0) revert ProceedsDistributorNothingDue(account, cumulativeFen, bankRef);

        paidOf[account] = cumulativeFen;
        payoutOf[bankRef] = Payout({account: account, fen: due});

        emit ProceedsPaid(account, bankRef, due, cumulativeFen, batchRef);
    }

    /// @dev `fen` leaves once this has been asserted.
    function _addPaid(uint256 fen) private {
        uint256 paid = paidFen + fen;
        _requireSolvent(paid, fen);
        paidFen = uint128(paid); // not above the attested total, a uint128
    }
}
