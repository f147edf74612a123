// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ICertifiedReductions
/// @notice Certified reductions: an ERC-1155 with one id per issuance in which 1 unit is 1 t CO2e, and every tonne has
/// a serial number of its own.
/// @dev Serials are counted through the whole programme, from 1; an issuance is one block of them. At every moment each
/// serial ever issued is in exactly one place of one account: held, listed, retired or cancelled. ERC-1155 balances are
/// what an account holds plus what it has listed.
///
/// A move takes the LOWEST serials of its origin first, splits at most one range, and merges with the ranges next to it
/// at its destination. Its cost is bounded by {MAX_RANGES}, not by how scattered a holder's serials are.
///
/// Only active participants can receive, list or retire, and only in an issuance that is ACTIVE.
interface ICertifiedReductions {
    /// @notice Where a serial is. What is RETIRED or CANCELLED never moves again.
    enum Place {
        NOWHERE,
        HELD,
        LISTED,
        RETIRED,
        CANCELLED
    }

    /// @notice NONE is an issuance that does not exist. CANCELLED is for good.
    enum IssuanceStatus {
        NONE,
        ACTIVE,
        SUSPENDED,
        CANCELLED
    }

    /// @notice Consecutive serials, both ends included: `last - first + 1` tonnes.
    struct Range {
        uint64 first;
        uint64 last;
    }

    /// @param classId The class whose reductions were certified.
    /// @param firstSerial The first of its serials; the last is `firstSerial + tonnes - 1`.
    /// @param tonnes How much was issued.
    /// @param retired How much of it was retired.
    /// @param cancelled How much of it was withdrawn after it was cancelled.
    /// @param issuedAt When it was issued, in seconds.
    /// @param status Whether its units can move.
    /// @param dossier The hash of the certification's documents.
    struct Issuance {
        uint64 classId;
        uint64 firstSerial;
        uint64 tonnes;
        uint64 retired;
        uint64 cancelled;
        uint64 issuedAt;
        IssuanceStatus status;
        bytes32 dossier;
    }

    /// @notice Emitted when `issuance` is issued to `to`.
    event ReductionsIssued(
        uint32 indexed issuance,
        uint64 indexed classId,
        uint64 tonnes,
        uint64 firstSerial,
        bytes32 dossier,
        address to
    );

    /// @notice Emitted for every range that moves, as it left its origin: before it is merged at its destination.
    /// @dev An issue comes from NOWHERE of the zero address. Listing, unlisting, retiring and withdrawing stay with the
    /// same account.
    event SerialsMoved(
        uint32 indexed issuance,
        address indexed from,
        address indexed to,
        Place fromPlace,
        Place toPlace,
        uint64 first,
        uint64 last
    );

    /// @notice Emitted when the frozen amount of `account` becomes `tonnes`.
    event UnitsFrozen(address indexed account, uint32 indexed issuance, uint64 tonnes, bytes32 reason);

    /// @notice Emitted when the regulator moves units against or without their holder's will.
    event UnitsForced(
        address indexed from,
        address indexed to,
        uint32 indexed issuance,
        uint64 tonnes,
        bytes32 reason
    );

    /// @notice Emitted when nothing of an issuance can move any more, for now.
    event IssuanceSuspended(uint32 indexed issuance, bytes32 reason);

    /// @notice Emitted when a suspension ends.
    event IssuanceResumed(uint32 indexed issuance);

    /// @notice Emitted when an issuance is cancelled. The serials follow, holder by holder, as they are withdrawn.
    event IssuanceCancelled(uint32 indexed issuance, bytes32 reason);

    /// @notice Thrown when an issuance would have no number, more than 2**24 tonnes, or none, no class or no dossier.
    error CertifiedReductionsInvalidIssuance(uint32 issuance, uint64 classId, uint64 tonnes, bytes32 dossier);

    /// @notice Thrown when `issuance` was issued with other contents or to another account.
    error CertifiedReductionsIssued(uint32 issuance);

    /// @notice Thrown when an issuance is not in the status that an operation needs.
    error CertifiedReductionsUnexpectedStatus(uint32 issuance, IssuanceStatus status);

    /// @notice Thrown when `issuance` was suspended or cancelled for another reason.
    error CertifiedReductionsReasonMismatch(uint32 issuance, bytes32 recorded, bytes32 reason);

    /// @notice Thrown when the regulator gives no reason.
    error CertifiedReductionsMissingReason(uint32 issuance);

    /// @notice Thrown when nothing would move.
    error CertifiedReductionsZeroAmount(address holder, uint256 issuance);

    /// @notice Thrown when units would move from an account to itself.
    error CertifiedReductionsSelfTransfer(address account);

    /// @notice Thrown when more would leave `holder` than its balance without what is listed and frozen. In a
    /// settlement `transferable` is the balance without what is frozen.
    error CertifiedReductionsNotTransferable(address holder, uint32 issuance, uint256 tonnes, uint256 transferable);

    /// @notice Thrown when more would be unlisted or settled than is listed.
    error CertifiedReductionsNotListed(address holder, uint32 issuance, uint256 tonnes, uint64 listed);

    /// @notice Thrown when a move needs more than {MAX_RANGES} ranges. `movable` is what can move now: call with that,
    /// and again for the rest.
    error CertifiedReductionsTooFragmented(address holder, uint32 issuance, uint256 tonnes, uint256 movable);

    /// @notice Thrown when the participants are not a contract.
    error CertifiedReductionsInvalidParticipants(address participants);

    /// @notice Thrown when serials would be in one place twice. Means a defect of this contract.
    error CertifiedReductionsSerialsOverlap(uint32 issuance, uint256 offset);

    // ------------------------------------------------------------------ the certification contract

    /// @notice Issues `tonnes` of `classId` with the next serials to `to`. The receiver is not called.
    /// @dev Requirements: the caller holds CERTIFICATION; not paused; `to` is an active participant; `issuance`,
    /// `classId` and `dossier` are not zero; `tonnes` is 1 to 2**24. Numbers may have gaps and come in any order.
    /// Emits a {ReductionsIssued}, a {SerialsMoved} and a {TransferSingle} event.
    /// @return False if exactly this was issued before.
    function issue(
        uint32 issuance,
        uint64 classId,
        uint64 tonnes,
        bytes32 dossier,
        address to
    ) external returns (bool);

    // ------------------------------------------------------------------ the settlement contract

    /// @notice Immobilises `tonnes` of `holder` for sale.
    /// @dev Requirements: the caller holds SETTLEMENT, which answers for the holder's consent and for doing it once;
    /// not paused; the issuance is active; `holder` is an active participant to whom `tonnes` are transferable.
    /// Emits {SerialsMoved} events.
    function list(address holder, uint32 issuance, uint64 tonnes) external;

    /// @notice Undoes {list}. A suspended participant and a frozen one can still unlist.
    /// @dev Requirements: the caller holds SETTLEMENT; not paused; the issuance is active; `tonnes` are listed.
    /// Emits {SerialsMoved} events.
    function unlist(address holder, uint32 issuance, uint64 tonnes) external;

    /// @notice Moves listed units of `from` to the holdings of `to`. The receiver is not called.
    /// @dev Requirements: the caller holds SETTLEMENT; not paused; the issuance is active; two different active
    /// participants; `tonnes` are listed, and what stays with `from` is not less than what is frozen.
    /// Emits {SerialsMoved} events and a {TransferSingle} event.
    function settle(address from, address to, uint32 issuance, uint64 tonnes) external;

    // ------------------------------------------------------------------ the certificates contract

    /// @notice Retires `tonnes` of `holder`, for good.
    /// @dev Requirements: the caller holds RETIREMENT, which answers for the holder's consent and for doing it once;
    /// not paused; the issuance is active; `holder` is an active participant to whom `tonnes` are transferable.
    /// Emits {SerialsMoved} events and a {TransferSingle} event.
    /// @return ranges The serials retired, ascending.
    function retire(address holder, uint32 issuance, uint64 tonnes) external returns (Range[] memory ranges);

    // ------------------------------------------------------------------ the regulator

    /// @notice Sets how much of `account` is frozen. It may be more than the account has, and then binds what it
    /// receives; 0 releases. The same amount again changes nothing, whatever the reason.
    /// @dev Requirements: the caller holds REGULATOR; the issuance exists; `reason` is not zero. Works while paused.
    /// Warning: what is listed stays listed, but cannot be settled if less than the frozen amount would be left.
    /// Emits a {UnitsFrozen} event.
    /// @return False if this amount is frozen already.
    function freeze(address account, uint32 issuance, uint64 tonnes, bytes32 reason) external returns (bool);

    /// @notice Moves units from `from` to `to`: held ones first, then listed ones, frozen or not. What is frozen is
    /// lowered to what is left. The receiver is not called.
    /// @dev Requirements: the caller holds REGULATOR_DELAYED and its delay has passed; not paused; the issuance is
    /// active; `to` is an active participant other than `from`; `reason` is not zero.
    /// Warning: the operation has no key of its own. It is done once for each time it was scheduled. Freeze the units
    /// before scheduling it: its holder can see it coming.
    /// Emits a {UnitsForced}, {SerialsMoved} events, a {TransferSingle} and, if it lowers the freeze, a {UnitsFrozen}
    /// event.
    function forcedTransfer(
        address from,
        address to,
        uint32 issuance,
        uint64 tonnes,
        bytes32 reason
    ) external;

    /// @notice Stops every move of an issuance.
    /// @dev Requirements: the caller holds REGULATOR; the issuance is active; `reason` is not zero. Works while paused.
    /// Emits an {IssuanceSuspended} event.
    /// @return False if it is suspended for this reason already.
    function suspend(uint32 issuance, bytes32 reason) external returns (bool);

    /// @notice Undoes {suspend}.
    /// @dev Requirements: the caller holds REGULATOR_DELAYED and its delay has passed; not paused; the issuance is
    /// suspended. Emits an {IssuanceResumed} event.
    /// @return False if it is active already.
    function resume(uint32 issuance) external returns (bool);

    /// @notice Cancels a suspended issuance for good. What was retired stays retired; all else can be withdrawn.
    /// @dev Requirements: the caller holds REGULATOR_DELAYED and its delay has passed; the issuance is suspended;
    /// `reason` is not zero. Works while paused. Emits an {IssuanceCancelled} event.
    /// @return False if it was cancelled for this reason already.
    function cancel(uint32 issuance, bytes32 reason) external returns (bool);

    /// @notice Burns what `holder` has of a cancelled issuance, held and listed, at most {MAX_RANGES} ranges a call.
    /// Anyone may call it, also while paused, until it returns 0.
    /// @dev Requirements: the issuance is cancelled.
    /// Emits {SerialsMoved} events and a {TransferSingle} event, none when nothing is left.
    /// @return tonnes How much was burnt by this call.
    function withdraw(uint32 issuance, address holder) external returns (uint256 tonnes);

    // ------------------------------------------------------------------ views

    /// @notice The most ranges one call moves.
    function MAX_RANGES() external view returns (uint256);

    /// @notice Issuance number `issuance`, all zero if there is none.
    function issuanceOf(uint32 issuance) external view returns (Issuance memory);

    /// @notice How many issuances there are. Warning: it is not the highest number, which may have gaps below it.
    function issuanceCount() external view returns (uint256);

    /// @notice The issuance that `serial` belongs to, 0 if it was not issued.
    function issuanceAt(uint64 serial) external view returns (uint32);

    /// @notice The serial that the next tonne issued will have.
    function nextSerial() external view returns (uint64);

    /// @notice How much of its balance `holder` has listed, in tonnes.
    function listedOf(address holder, uint32 issuance) external view returns (uint64);

    /// @notice How much of `holder` is frozen, in tonnes; it may be more than its balance.
    function frozenOf(address holder, uint32 issuance) external view returns (uint64);

    /// @notice What `holder` can transfer, list or retire as far as listing and freezing go: its balance without them.
    function transferableOf(address holder, uint32 issuance) external view returns (uint256);

    /// @notice The ranges in `place` of `holder` that end at or after `fromSerial`, ascending, at most `limit`. The
    /// first may begin before `fromSerial`. To read on, ask from the last serial + 1.
    function rangesOf(
        address holder,
        uint32 issuance,
        Place place,
        uint64 fromSerial,
        uint256 limit
    ) external view returns (Range[] memory);

    /// @notice What of issuance `id` is neither retired nor withdrawn, in tonnes.
    function totalSupply(uint256 id) external view returns (uint256);
}
