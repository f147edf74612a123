// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IProceedsDistributor
/// @notice Holds the people's share of the proceeds, in fen, until each of them is paid.
/// @dev What everybody is entitled to stands in runs: trees of cumulative entitlements. A run is
///
///   pending   from its publication,
///   active    once a verifier has attested it, until the next one is; an attestation is for good,
///   gone      when the guardian cancels it before that; its number is free again.
///
/// At most one run is pending, always the latest, and the one before stays in force meanwhile. An entitlement is paid
/// once, either as settlement cash to the account's own wallet ({claim}) or by the bank ({pay}).
/// Always: paid <= total of the active run <= funded, and the cash held is at least funded - paid.
interface IProceedsDistributor {
    /// @param root The RFC 6962 root over the entitlement leaves.
    /// @param digest What the verifier attests: {hashRun}.
    /// @param size The number of leaves under `root`.
    /// @param totalFen The sum of all entitlements under `root`, fen.
    /// @param dossier The SHA-256 of the document the run was computed by.
    /// @param publisher The account that published it.
    /// @param attested Whether a verifier attested it.
    struct Run {
        bytes32 root;
        bytes32 digest;
        uint64 size;
        uint128 totalFen;
        bytes32 dossier;
        address publisher;
        bool attested;
    }

    /// @param account Whose entitlement is paid.
    /// @param cumulativeFen All the account was ever entitled to by the active run, fen.
    /// @param index The position of its leaf in the tree.
    /// @param bankRef The bank's reference of this one transfer.
    /// @param proof The RFC 6962 inclusion proof.
    struct Payment {
        address account;
        uint128 cumulativeFen;
        uint64 index;
        bytes32 bankRef;
        bytes32[] proof;
    }

    /// @notice Emitted when proceeds of `issuance` arrive. `fundedFen` is the sum of all ever since.
    event Funded(uint32 indexed issuance, uint128 fen, uint128 fundedFen);

    /// @notice Emitted when the platform publishes a run.
    event RunPublished(
        uint32 indexed number,
        bytes32 root,
        uint64 size,
        uint128 totalFen,
        bytes32 dossier,
        bytes32 digest,
        address publisher
    );

    /// @notice Emitted when `verifier` attests a run, which is active from then on.
    event RunAttested(uint32 indexed number, address indexed verifier, bytes32 digest);

    /// @notice Emitted when the guardian cancels a run.
    event RunCancelled(uint32 indexed number, bytes32 digest, bytes32 reason);

    /// @notice Emitted when `account` is paid in settlement cash. `cumulativeFen` is all it was ever paid.
    event ProceedsClaimed(address indexed account, uint128 fen, uint128 cumulativeFen);

    /// @notice Emitted when `account` is paid by the bank. `cumulativeFen` is all it was ever paid.
    event ProceedsPaid(
        address indexed account,
        bytes32 indexed bankRef,
        uint128 fen,
        uint128 cumulativeFen,
        bytes32 batchRef
    );

    /// @notice Thrown when the cash is not a contract.
    error ProceedsDistributorInvalidCash(address cash);

    /// @notice Thrown when `issuance` would be funded with nothing.
    error ProceedsDistributorZeroAmount(uint32 issuance);

    /// @notice Thrown when a run is published out of order.
    error ProceedsDistributorUnexpectedNumber(uint32 expected, uint32 actual);

    /// @notice Thrown when a run is published while run `number` is not attested yet.
    error ProceedsDistributorPending(uint32 number);

    /// @notice Thrown when there is no run `number`.
    error ProceedsDistributorUnknown(uint32 number);

    /// @notice Thrown when `number` stands for a run with other contents.
    error ProceedsDistributorDigestMismatch(uint32 number, bytes32 expected, bytes32 actual);

    /// @notice Thrown when a run is published without a root, leaves or a dossier.
    error ProceedsDistributorIncompleteRun(uint32 number);

    /// @notice Thrown when a run's total is not above that of the run before.
    error ProceedsDistributorTotalNotAbove(uint32 number, uint128 totalFen, uint128 previousFen);

    /// @notice Thrown when a run's total is above all that was ever funded.
    error ProceedsDistributorUnfunded(uint32 number, uint128 totalFen, uint128 fundedFen);

    /// @notice Thrown when the publisher of a run attests it.
    error ProceedsDistributorSelfAttestation(uint32 number, address verifier);

    /// @notice Thrown when run `number` is attested and so cannot be cancelled.
    error ProceedsDistributorAttested(uint32 number);

    /// @notice Thrown when a run is cancelled without a reason.
    error ProceedsDistributorMissingReason(uint32 number);

    /// @notice Thrown when something is claimed or paid before any run is active.
    error ProceedsDistributorNoneActive();

    /// @notice Thrown when an entitlement is below what the account was paid.
    error ProceedsDistributorEntitlementRegressed(address account, uint128 cumulativeFen, uint128 paidFen);

    /// @notice Thrown when more would be paid than the active run's total.
    error ProceedsDistributorOverdrawn(uint256 paidFen, uint256 attestedFen);

    /// @notice Thrown when less cash is held than is owed.
    error ProceedsDistributorInsolvent(uint256 heldFen, uint256 owedFen);

    /// @notice Thrown when a batch has no payment or more than `max`.
    error ProceedsDistributorPaymentCount(uint256 count, uint256 max);

    /// @notice Thrown when a batch or one of its payments has no reference.
    error ProceedsDistributorMissingReference();

    /// @notice Thrown when `batchRef` stands for a batch of other payments.
    error ProceedsDistributorReferenceUsed(bytes32 batchRef);

    /// @notice Thrown when `bankRef` stands for a payment already.
    error ProceedsDistributorBankReferenceUsed(bytes32 bankRef);

    /// @notice Thrown when a payment is for an account to which nothing is due any more.
    error ProceedsDistributorNothingDue(address account, uint128 cumulativeFen, bytes32 bankRef);

    /// @notice Records that `fen` of the proceeds of `issuance` have arrived here.
    /// @dev Requirements: the caller holds DISTRIBUTOR; not paused; `fen` is not zero; the cash is held already.
    /// Emits a {Funded} event.
    function fund(uint32 issuance, uint128 fen) external;

    /// @notice Publishes run `number`.
    /// @dev Requirements:
    /// - the caller holds PLATFORM, in person, and the contract is not paused;
    /// - `number` is the current one plus one, and the current one is attested;
    /// - there are a root, leaves and a dossier;
    /// - `totalFen` is above the total of the run before and not above what was funded.
    /// Emits a {RunPublished} event.
    /// Warning: the contract cannot see whether the tree is right. That is what the verifier attests.
    /// @param totalFen The sum of all cumulative entitlements under `root`, fen.
    /// @return False if the same run was published as `number` before.
    function publishRun(
        uint32 number,
        bytes32 root,
        uint64 size,
        uint128 totalFen,
        bytes32 dossier
    ) external returns (bool);

    /// @notice Records that the caller recomputed every entitlement of run `number`, and makes it the active one.
    /// @dev Requirements:
    /// - the caller holds VERIFIER, in person, did not publish the run, and the contract is not paused;
    /// - `digest` is that of the run.
    /// Emits a {RunAttested} event.
    /// Warning: compute `digest` from your own root, size, total and dossier, never by reading it from the chain: a run
    /// swapped after a cancellation is not attested by it.
    /// @return False if the run was attested before, by whomever.
    function attestRun(uint32 number, bytes32 digest) external returns (bool);

    /// @notice Cancels run `number` before it is attested.
    /// @dev Requirements: the caller holds GUARDIAN (also while paused); the run is pending; `reason` is not zero.
    /// Emits a {RunCancelled} event.
    /// @return False if the same call cancelled the run before and nothing was published since.
    function cancelRun(uint32 number, bytes32 reason) external returns (bool);

    /// @notice Pays the caller, in settlement cash, what it is entitled to by the active run and was not paid yet.
    /// @dev Requirements:
    /// - the contract is not paused and a run is active;
    /// - the leaf `0x03 | account | cumulativeFen` (37 bytes, big-endian) is at `index` in its tree;
    /// - the entitlement is not below what was paid, and no more is paid in all than the run's total.
    /// Emits a {ProceedsClaimed} event, none when nothing is due.
    /// @param cumulativeFen All the caller was ever entitled to, fen.
    /// @param index The position of the leaf in the tree.
    /// @param proof The RFC 6962 inclusion proof.
    /// @return fen The amount paid now, 0 if it was paid before.
    function claim(uint128 cumulativeFen, uint64 index, bytes32[] calldata proof) external returns (uint256 fen);

    /// @notice {claim} for `account`, which signed it. Anyone may call it.
    /// @dev Requirements: those of {claim}; `deadline` has not passed; `signature` is the account's over the EIP-712
    /// struct `ProceedsClaim(address account,uint128 cumulativeFen,uint256 deadline)` in the domain
    /// `PuhuiProceedsDistributor`, version `1`. A contract wallet answers by ERC-1271.
    /// @return fen The amount paid now, 0 if it was paid before; deadline and signature do not matter then.
    function claimFor(
        address account,
        uint128 cumulativeFen,
        uint64 index,
        bytes32[] calldata proof,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 fen);

    /// @notice Marks entitlements as paid by the bank and burns the cash that stood for them.
    /// @dev Requirements:
    /// - the caller holds BANK, in person, the contract is not paused and a run is active;
    /// - there are 1 to 64 payments, each as provable as a {claim}, and something is due to each;
    /// - `batchRef` and the bank references are not zero, and no bank reference was ever used before;
    /// - no more is paid in all than the run's total.
    /// Emits a {ProceedsPaid} event for each.
    /// Warning: call it before the money leaves the bank. Until then the account can still claim, and the batch is then
    /// refused; a transfer sent first would have been a second payment.
    /// @param batchRef The bank's reference of the batch, under which the cash is burnt.
    /// @return False if the same accounts, cumulative amounts and bank references were paid under `batchRef` before;
    /// their proofs do not matter then.
    function pay(bytes32 batchRef, Payment[] calldata payments) external returns (bool);

    /// @notice The EIP-712 type hash of a signed claim.
    function PROCEEDS_CLAIM_TYPEHASH() external view returns (bytes32);

    /// @notice The digest of a run: `keccak256(abi.encode(number, root, size, totalFen, dossier))`.
    function hashRun(
        uint32 number,
        bytes32 root,
        uint64 size,
        uint128 totalFen,
        bytes32 dossier
    ) external pure returns (bytes32);

    /// @notice The proceeds of `issuance` that ever arrived, fen.
    function fundedOf(uint32 issuance) external view returns (uint128);

    /// @notice The proceeds of all issuances that ever arrived, fen.
    function fundedFen() external view returns (uint128);

    /// @notice What was ever paid, by claims and by the bank, fen.
    function paidFen() external view returns (uint128);

    /// @notice The total of the active run, fen; 0 before the first.
    function attestedFen() external view returns (uint128);

    /// @notice What `account` was ever paid, by claims and by the bank, fen.
    function paidOf(address account) external view returns (uint128);

    /// @notice Run `number`, all zero if there is none.
    function runOf(uint32 number) external view returns (Run memory);

    /// @notice The number of the latest run, pending or active; 0 before the first.
    function currentRun() external view returns (uint32);

    /// @notice The number of the run in force; 0 before the first is attested.
    function activeRun() external view returns (uint32);

    /// @notice What the bank paid under `bankRef`, all zero if nothing.
    function payoutOf(bytes32 bankRef) external view returns (address account, uint128 fen);

    /// @notice The settlement cash that is held and paid.
    function cash() external view returns (address);
}
