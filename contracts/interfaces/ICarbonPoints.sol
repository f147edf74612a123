// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochs} from "./IEpochs.sol";

/// @title ICarbonPoints
/// @notice The carbon points people hold. An ERC-1155 view with one id per class, in mg CO2e: 1 point = 1,000 units.
/// @dev While paused nothing is published, attested, claimed or redeemed.
/// Points are minted by a claim, burnt by a redemption or at expiry, and never change hands. Nothing is called on
/// the receiver, so a claim cannot be refused or re-entered by the account it is for.
/// Per class, always: claimed + converted <= earned, and supply = claimed - redeemed - expired.
interface ICarbonPoints is IEpochs {
    /// @notice What points are redeemed for.
    enum Channel {
        COMMERCE,
        WELFARE,
        POLICY,
        MARKET
    }

    /// @param earned The sum of all batches that epochs have listed, the pending one included.
    /// @param converted What epochs have converted for the market, the pending one included.
    /// @param claimed What was ever minted.
    /// @param redeemed What was burnt by redemptions.
    /// @param expired What was burnt at expiry.
    struct ClassTotals {
        uint128 earned;
        uint128 converted;
        uint128 claimed;
        uint128 redeemed;
        uint128 expired;
    }

    /// @notice What one redemption was for; `mg` is 0 if there is none.
    struct Redemption {
        uint64 classId;
        uint128 mg;
        Channel channel;
    }

    /// @notice Emitted when points are minted. `claimedMg` is the account's total of the class afterwards.
    event PointsClaimed(
        address indexed account,
        uint64 indexed classId,
        uint32 indexed epoch,
        uint256 mintedMg,
        uint128 claimedMg
    );

    /// @notice Emitted when points are redeemed.
    event PointsRedeemed(
        address indexed holder,
        uint64 indexed classId,
        Channel channel,
        uint128 mg,
        bytes32 indexed ref
    );

    /// @notice Emitted when what is left of a class is burnt because the class expired.
    event PointsExpired(address indexed holder, uint64 indexed classId, uint128 mg);

    /// @notice Thrown when points would be transferred, or somebody approved to transfer them.
    error CarbonPointsNonTransferable();

    /// @notice Thrown when the anchors are not a contract.
    error CarbonPointsInvalidAnchors(address anchors);

    /// @notice Thrown when an entitlement leaves less than the account has claimed.
    error CarbonPointsEntitlementRegressed(
        address account,
        uint64 classId,
        uint128 earnedMg,
        uint128 convertedMg,
        uint128 claimedMg
    );

    /// @notice Thrown when nothing would be redeemed.
    error CarbonPointsZeroAmount(address holder, bytes32 ref);

    /// @notice Thrown when a redemption has no reference.
    error CarbonPointsMissingReference(address holder);

    /// @notice Thrown when `holder` used `ref` for another redemption.
    error CarbonPointsReferenceUsed(address holder, bytes32 ref);

    /// @notice Thrown when a class is expired by hand before its time.
    error CarbonPointsNotExpired(uint64 classId, uint256 expiresAt);

    /// @notice Thrown when a class's supply is not what its totals say. Means a defect of this contract.
    error CarbonPointsSupplyMismatch(uint64 classId, uint256 supplyMg, uint256 expectedMg);

    /// @notice Mints what `account` is entitled to by the active epoch and has not claimed yet. Anyone may call it.
    /// @dev Requirements:
    /// - the contract is not paused and an epoch is active;
    /// - the leaf `0x02 | account | classId | earnedMg | convertedMg` (61 bytes, big-endian) is at `index` in its tree;
    /// - the class has not expired;
    /// - the entitlement is not below what was claimed, and the class has earned what is minted.
    /// Emits a {PointsClaimed} and a {TransferSingle} event, neither when nothing is left to claim.
    /// @param earnedMg All the account ever earned in the class.
    /// @param convertedMg All of it that was converted for the market.
    /// @param index The position of the leaf in the tree.
    /// @param proof The RFC 6962 inclusion proof.
    /// @return minted The amount minted, 0 if it was claimed before.
    function claim(
        address account,
        uint64 classId,
        uint128 earnedMg,
        uint128 convertedMg,
        uint64 index,
        bytes32[] calldata proof
    ) external returns (uint256 minted);

    /// @notice Burns the caller's points in exchange for something outside this contract.
    /// @dev Requirements: not paused; the class has not expired; the caller holds `mg`; `mg` and `ref` are not zero.
    /// Emits a {PointsRedeemed} and a {TransferSingle} event.
    /// @param ref The operation's id, chosen by the caller; each one is used once a holder.
    /// @return False if the holder redeemed exactly this under `ref` before, by either function.
    function redeem(uint64 classId, uint128 mg, Channel channel, bytes32 ref) external returns (bool);

    /// @notice {redeem} for `holder`, who signed it. Anyone may call it.
    /// @dev Requirements: those of {redeem}; `deadline` has not passed; `signature` is the holder's over the EIP-712
    /// struct `Redemption(address holder,uint64 classId,uint128 mg,uint8 channel,bytes32 ref,uint256 deadline)` in the
    /// domain `PuhuiCarbonPoints`, version `1`. A contract wallet answers by ERC-1271.
    /// Warning: only (holder, ref) protects from replay. A signature has several valid forms and is never a key.
    /// @return False if the holder redeemed exactly this under `ref` before; deadline and signature do not matter then.
    function redeemFor(
        address holder,
        uint64 classId,
        uint128 mg,
        Channel channel,
        bytes32 ref,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bool);

    /// @notice Burns all that `holder` has left of an expired class. Anyone may call it, also while paused.
    /// @dev Requirements: the class has expired. Emits a {PointsExpired} and a {TransferSingle} event.
    /// @return False if nothing is left.
    function expire(address holder, uint64 classId) external returns (bool);

    /// @notice The EIP-712 type hash of a signed redemption.
    function REDEMPTION_TYPEHASH() external view returns (bytes32);

    /// @notice The totals of a class.
    function classTotals(uint64 classId) external view returns (ClassTotals memory);

    /// @notice How much of a class is held.
    function totalSupply(uint64 classId) external view returns (uint256);

    /// @notice How much of a class was redeemed through `channel`.
    function redeemedBy(uint64 classId, Channel channel) external view returns (uint128);

    /// @notice All mg of a class that ever entered the market pool: redeemed for {Channel.MARKET}, or converted by
    /// epochs that are active. It never falls.
    function marketMg(uint64 classId) external view returns (uint128);

    /// @notice How much of a class `account` ever claimed.
    function claimedOf(address account, uint64 classId) external view returns (uint128);

    /// @notice What `holder` redeemed under `ref`.
    function redemptionOf(address holder, bytes32 ref) external view returns (Redemption memory);

    /// @notice The instant at which a class expires.
    function expiresAt(uint64 classId) external view returns (uint256);
}
