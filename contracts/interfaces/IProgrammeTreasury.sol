// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title IProgrammeTreasury
/// @notice Receives every tonne that is issued, sells it through the settlement, and splits the proceeds by rule.
/// @dev It can do nothing else with tonnes or cash: it signs no order but those of its own open offers, and no other
/// intent at all. The fee is rounded down to the fen, and the people's share is the rest.
/// A rule is in force from its first second until the next one's. It is never edited, and only the first may come
/// without notice, so the rule of a trade is the same whenever its proceeds are collected.
interface IProgrammeTreasury is IERC1271 {
    /// @param effectiveFrom The first second at which the rule is in force.
    /// @param feeBps The operator's fee, in 1/10,000 of the proceeds.
    /// @param floorFen The lowest limit of an offer, fen per tonne.
    /// @param feeAccount Where the fee goes.
    struct Rule {
        uint64 effectiveFrom;
        uint16 feeBps;
        uint128 floorFen;
        address feeAccount;
    }

    /// @param issuance The issuance on offer.
    /// @param tonnes How much of it, filled or not.
    /// @param limitFen The lowest price, fen per tonne.
    /// @param expiry The last second at which it can be filled.
    /// @param withdrawn Whether it was withdrawn.
    /// @param order The EIP-712 digest of its order; zero if there is no such offer.
    struct Offer {
        uint32 issuance;
        uint64 tonnes;
        uint128 limitFen;
        uint64 expiry;
        bool withdrawn;
        bytes32 order;
    }

    /// @notice Emitted when the regulator adds a rule.
    event RuleAdded(uint256 indexed index, Rule rule);

    /// @notice Emitted when tonnes are offered.
    event Offered(
        bytes32 indexed ref,
        bytes32 indexed order,
        uint32 indexed issuance,
        uint64 tonnes,
        uint128 limitFen,
        uint64 expiry
    );

    /// @notice Emitted when an offer is withdrawn. `tonnes` is what was unlisted.
    event OfferWithdrawn(bytes32 indexed ref, uint64 tonnes);

    /// @notice Emitted when the proceeds of a trade are split.
    event ProceedsCollected(
        bytes32 indexed tradeId,
        uint32 indexed issuance,
        uint128 grossFen,
        uint128 feeFen,
        uint128 peopleFen
    );

    /// @notice Thrown when a counterpart is not a contract.
    error ProgrammeTreasuryInvalidCounterpart(address counterpart);

    /// @notice Thrown when another rule begins at `effectiveFrom`.
    error ProgrammeTreasuryRuleExists(uint64 effectiveFrom);

    /// @notice Thrown when a rule would begin before the latest one.
    error ProgrammeTreasuryRuleOutOfOrder(uint64 effectiveFrom, uint64 latest);

    /// @notice Thrown when a rule would begin before its notice has passed.
    error ProgrammeTreasuryRuleTooEarly(uint64 effectiveFrom, uint256 earliest);

    /// @notice Thrown when a fee is above the whole.
    error ProgrammeTreasuryInvalidFee(uint16 feeBps);

    /// @notice Thrown when the fee would go to nobody, to the treasury itself or into the people's share.
    error ProgrammeTreasuryInvalidFeeAccount(address feeAccount);

    /// @notice Thrown when no rule is in force at `time`.
    error ProgrammeTreasuryNoRule(uint64 time);

    /// @notice Thrown when an offer has no reference.
    error ProgrammeTreasuryMissingReference();

    /// @notice Thrown when `ref` stands for another offer.
    error ProgrammeTreasuryReferenceUsed(bytes32 ref);

    /// @notice Thrown when nothing would be offered.
    error ProgrammeTreasuryZeroAmount(bytes32 ref);

    /// @notice Thrown when an offer would have expired already.
    error ProgrammeTreasuryOfferExpired(bytes32 ref, uint64 expiry);

    /// @notice Thrown when an offer's limit is below the floor of the rule in force.
    error ProgrammeTreasuryBelowFloor(bytes32 ref, uint128 limitFen, uint128 floorFen);

    /// @notice Thrown when there is no offer `ref`.
    error ProgrammeTreasuryUnknownOffer(bytes32 ref);

    /// @notice Thrown when the treasury did not sell in trade `tradeId`, or there is no such trade (`seller` is zero).
    error ProgrammeTreasuryForeignTrade(bytes32 tradeId, address seller);

    /// @notice Adds `rule` after all others.
    /// @dev Requirements:
    /// - the caller holds REGULATOR and the contract is not paused;
    /// - it begins after the latest rule, and not before the notice has passed (the very first one may begin any time);
    /// - the fee is at most 10,000 and goes to an account other than zero, this contract and the distributor.
    /// Emits a {RuleAdded} event.
    /// Warning: its floor binds offers made from then on. Withdraw open offers that are below it.
    /// @return False if this very rule was added before.
    function addRule(Rule calldata rule) external returns (bool);

    /// @notice Lists tonnes and offers them for sale.
    /// @dev Requirements:
    /// - the caller holds PLATFORM and the contract is not paused;
    /// - `ref` and `tonnes` are not zero and `expiry` has not passed;
    /// - `limitFen` is not zero and not below the floor of the rule in force;
    /// - the treasury can list that much.
    /// Emits an {Offered} event. The order is the settlement's `Order(trader: this contract, SELL, issuance, tonnes,
    /// limitFen, salt: ref, expiry)` and needs no signature bytes.
    /// @param limitFen The lowest price, fen per tonne.
    /// @param expiry The last second at which it can be filled.
    /// @return False if exactly this was offered under `ref` before, withdrawn since or not.
    function offer(
        bytes32 ref,
        uint32 issuance,
        uint64 tonnes,
        uint128 limitFen,
        uint64 expiry
    ) external returns (bool);

    /// @notice Withdraws an offer: its order is no longer signed, and what is not filled is unlisted.
    /// @dev Requirements: the caller holds PLATFORM and the contract is not paused; there is such an offer.
    /// Emits an {OfferWithdrawn} event. The reference of the unlisting is `keccak256(abi.encode(ref, "withdraw"))`.
    /// Warning: it reverts where nothing can be unlisted: while the issuance is suspended, or if a forced transfer took
    /// what was listed. Pausing the treasury stops all its offers at once.
    /// @return False if it was withdrawn before.
    function withdrawOffer(bytes32 ref) external returns (bool);

    /// @notice Splits the proceeds of a trade between the fee account and the people. Anyone may call it.
    /// @dev Requirements: the contract is not paused; the treasury is the trade's seller.
    /// The rule is the one in force when the trade settled, whenever this is called. Emits a {ProceedsCollected} event.
    /// @return False if they were collected before.
    function collect(bytes32 tradeId) external returns (bool);

    /// @notice ERC-1271: whether `digest` is the order of an offer that is not withdrawn. No signature is needed.
    /// @dev A paused treasury signs nothing, so its offers cannot be filled.
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4);

    /// @notice The rule in force at `time`; reverts if there is none.
    function ruleAt(uint64 time) external view returns (Rule memory);

    /// @notice The rule at `index`, from 0; reverts if there is none.
    function ruleOf(uint256 index) external view returns (Rule memory);

    /// @notice How many rules were ever added.
    function ruleCount() external view returns (uint256);

    /// @notice The seconds between the adding of a rule and the first instant at which it can be in force.
    function ruleNotice() external view returns (uint32);

    /// @notice The offer under `ref`, all zero if there is none.
    function offerOf(bytes32 ref) external view returns (Offer memory);

    /// @notice Whether the proceeds of a trade were collected.
    function collectedOf(bytes32 tradeId) external view returns (bool);

    /// @notice The settlement through which it sells.
    function settlement() external view returns (address);

    /// @notice The settlement cash it is paid in.
    function cash() external view returns (address);

    /// @notice Where the people's share goes.
    function distributor() external view returns (address);
}
