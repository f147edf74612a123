// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ISettlementCash
/// @notice Money at the settlement bank, as an ERC-20 in fen (two decimals make a yuan).
/// @dev One key alone makes no cash: the exchange asks for it under a bank reference, and the bank, with another key,
/// confirms that it holds the money. Cash moves only through the programme's contracts; its holder alone burns it.
/// Always: supply = all minted - all burnt.
interface ISettlementCash is IERC20 {
    enum MintStatus {
        NONE,
        REQUESTED,
        MINTED,
        CANCELLED
    }

    /// @notice What was asked for under a bank reference.
    struct MintRequest {
        address to;
        uint128 fen;
        address requester;
        MintStatus status;
    }

    /// @notice Emitted when cash is asked for.
    event MintRequested(bytes32 indexed bankRef, address indexed to, uint128 fen, address requester);

    /// @notice Emitted when the bank confirmed and the cash was minted.
    event CashMinted(bytes32 indexed bankRef, address indexed to, uint128 fen, address bank);

    /// @notice Emitted when a request was closed for good.
    event MintCancelled(bytes32 indexed bankRef);

    /// @notice Emitted when a holder's cash was burnt, to be paid out at the bank.
    event CashBurnt(address indexed holder, bytes32 indexed ref, uint128 fen);

    /// @notice Thrown when the participants are not a contract.
    error SettlementCashInvalidParticipants(address participants);

    /// @notice Thrown when there is no reference.
    error SettlementCashMissingReference();

    /// @notice Thrown when an amount is zero.
    error SettlementCashZeroAmount(bytes32 ref);

    /// @notice Thrown when a bank reference was used for something else.
    error SettlementCashReferenceUsed(bytes32 bankRef);

    /// @notice Thrown when a holder used a reference for another amount.
    error SettlementCashBurnReferenceUsed(address holder, bytes32 ref);

    /// @notice Thrown when a request is not in the status that the action needs.
    error SettlementCashUnexpectedStatus(bytes32 bankRef, MintStatus status);

    /// @notice Thrown when what is confirmed is not what was asked for.
    error SettlementCashMismatch(bytes32 bankRef, address to, uint128 fen);

    /// @notice Thrown when the one who asked would confirm.
    error SettlementCashSelfConfirmation(bytes32 bankRef, address requester);

    /// @notice Thrown when cash would be minted to the programme's own treasury, which could not use it.
    error SettlementCashProgrammeAccount(address account);

    /// @notice Thrown when somebody would be allowed to move another's cash.
    error SettlementCashNoAllowance();

    /// @notice Asks for cash against money that came in at the bank.
    /// @dev Requirements: the caller holds EXCHANGE; `bankRef` and `fen` are not zero; the reference is new; `to` is an
    /// active participant and not the programme. Emits a {MintRequested} event.
    /// @return False if exactly this was asked for before, whatever came of it.
    function requestMint(bytes32 bankRef, address to, uint128 fen) external returns (bool);

    /// @notice Confirms that the bank holds the money, which mints the cash.
    /// @dev Requirements: the caller holds BANK and did not ask for it; it was asked for as this and not cancelled;
    /// `to` is still active. Emits a {CashMinted} and a {Transfer} event.
    /// @return False if it was minted before.
    function confirmMint(bytes32 bankRef, address to, uint128 fen) external returns (bool);

    /// @notice Closes a request for good, because the money did not come.
    /// @dev Requirements: the caller holds BANK; it was asked for and not minted. Emits a {MintCancelled} event.
    /// @return False if it was cancelled before.
    function cancelMint(bytes32 bankRef) external returns (bool);

    /// @notice Burns the caller's cash, to be paid to its bank account.
    /// @dev Requirements: neither is zero; the caller holds it. Emits a {CashBurnt} and a {Transfer} event.
    /// @param ref The payment's reference; each is used once a holder.
    /// @return False if the holder burnt exactly this under `ref` before.
    function burn(uint128 fen, bytes32 ref) external returns (bool);

    /// @notice {burn} for `holder`, who signed it. Anyone may call it.
    /// @dev Requirements: those of {burn}; `signature` is the holder's over
    /// `Withdrawal(address holder,uint128 fen,bytes32 ref,uint256 deadline)`, and `deadline` has not passed.
    function burnFor(
        address holder,
        uint128 fen,
        bytes32 ref,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool);

    /// @notice The EIP-712 type hash of a signed withdrawal.
    function WITHDRAWAL_TYPEHASH() external view returns (bytes32);

    /// @notice What was asked for under a bank reference.
    function mintOf(bytes32 bankRef) external view returns (MintRequest memory);

    /// @notice What `holder` burnt under `ref`, in fen; 0 if nothing.
    function burnOf(address holder, bytes32 ref) external view returns (uint128);
}
