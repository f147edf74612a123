// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IMandates
/// @notice Standing authorisations: while a holder's mandate stands, epochs convert what it newly earns for the market.
/// @dev A holder's mandates are numbered from 1 and one stands at a time. The number is what makes a signature good
/// once: an old mandate or revocation has an old number.
interface IMandates {
    /// @notice A mandate as its holder signs it.
    /// @param terms The SHA-256 of the document the holder agrees to.
    struct Mandate {
        address holder;
        bytes32 terms;
        uint32 number;
        uint256 deadline;
    }

    /// @notice A holder's latest mandate. It stands if `number` is not 0 and `revokedAt` is.
    struct State {
        bytes32 terms;
        uint32 number;
        uint64 givenAt;
        uint64 revokedAt;
    }

    /// @notice Emitted when a mandate is given. `mandate` is the hash of the struct that was signed, or would have been
    /// without a deadline if the holder called itself.
    event MandateGiven(address indexed holder, uint32 number, bytes32 indexed terms, bytes32 mandate);

    /// @notice Emitted when a mandate is revoked.
    event MandateRevoked(address indexed holder, uint32 number);

    /// @notice Thrown when a mandate names no terms.
    error MandatesMissingTerms(address holder);

    /// @notice Thrown when a mandate does not have the holder's next number, or a revocation not its latest.
    error MandatesUnexpectedNumber(address holder, uint32 expected, uint32 actual);

    /// @notice Thrown when a mandate is given while another one stands.
    error MandatesActive(address holder, uint32 number);

    /// @notice Thrown when a call has no mandates, too many, or another number of signatures.
    error MandatesCount(uint256 mandates, uint256 signatures, uint256 max);

    /// @notice Gives the caller's next mandate.
    /// @dev Requirements: not paused; `terms` is not zero; `number` is the last one + 1 and that one was revoked.
    /// Emits a {MandateGiven} event.
    /// @return False if exactly this mandate stands already.
    function give(bytes32 terms, uint32 number) external returns (bool);

    /// @notice {give} for holders who signed `Mandate(address holder,bytes32 terms,uint32 number,uint256 deadline)`.
    /// Anyone may call it.
    /// @dev Requirements: those of {give} for each; 1 to 64 of them, each with its signature.
    /// @return given How many were given; the others stood already.
    function giveFor(Mandate[] calldata mandates, bytes[] calldata signatures) external returns (uint256 given);

    /// @notice Revokes the caller's mandate: later epochs convert nothing more. Works while paused.
    /// @dev Requirements: `number` is the caller's latest. Emits a {MandateRevoked} event.
    /// @return False if it was revoked before.
    function revoke(uint32 number) external returns (bool);

    /// @notice {revoke} for a holder who signed `Revocation(address holder,uint32 number,uint256 deadline)`.
    function revokeFor(
        address holder,
        uint32 number,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool);

    /// @notice A holder's latest mandate.
    function stateOf(address holder) external view returns (State memory);

    /// @notice Whether a holder's mandate stands.
    function isActive(address holder) external view returns (bool);

    /// @notice How many mandates were ever given and revoked.
    function changes() external view returns (uint64);
}
