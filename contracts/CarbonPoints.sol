// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Classes} from "./Classes.sol";
import {Epochs} from "./Epochs.sol";
import {Intents} from "./Intents.sol";
import {ICarbonPoints} from "./interfaces/ICarbonPoints.sol";
import {ITripAnchors} from "./interfaces/ITripAnchors.sol";
import {MerkleLog} from "./MerkleLog.sol";

contract CarbonPoints is ICarbonPoints, Epochs, ERC1155, Intents {
    /// @dev What happened to a class's points. `supply` is kept by {_update} alone, the rest by the verbs.
    struct Circulation {
        uint128 claimed;
        uint128 supply;
        uint128 redeemed;
        uint128 expired;
    }

    /// @inheritdoc ICarbonPoints
    bytes32 public constant REDEMPTION_TYPEHASH = keccak256(
        "Redemption(address holder,uint64 classId,uint128 mg,uint8 channel,bytes32 ref,uint256 deadline)"
    );

    /// @dev The first byte of an entitlement leaf, which no other kind of leaf has.
    uint8 private constant ENTITLEMENT_LEAF = 0x02;

    mapping(uint64 classId => Circulation) private _circulation;
    mapping(uint64 classId => mapping(Channel => uint128)) private _redeemedBy;
    mapping(address account => mapping(uint64 classId => uint128)) private _claimed;
    mapping(address holder => mapping(bytes32 ref => Redemption)) private _redemptions;

    constructor(
        address authority,
        ITripAnchors anchors_,
        uint32 activationDelay_
    )
        AccessManaged(authority)
        Epochs(anchors_, activationDelay_)
        ERC1155("")
        EIP712("PuhuiCarbonPoints", "1")
    {
        if (address(anchors_).code.length == 0) revert CarbonPointsInvalidAnchors(address(anchors_));
    }

    // ------------------------------------------------------------------ claim, redeem, expire

    /// @inheritdoc ICarbonPoints
    function claim(
        address account,
        uint64 classId,
        uint128 earnedMg,
        uint128 convertedMg,
        uint64 index,
        bytes32[] calldata proof
    ) external whenNotPaused returns (uint256 minted) {
        bytes memory leaf = abi.encodePacked(ENTITLEMENT_LEAF, account, classId, earnedMg, convertedMg);
        _requireEntitled(leaf, index, proof);
        Classes.requireLive(classId);
        uint128 claimed = _claimed[account][classId];
        if (earnedMg < uint256(convertedMg) + claimed) {
            revert CarbonPointsEntitlementRegressed(account, classId, earnedMg, convertedMg, claimed);
        }

        uint128 entitled = earnedMg - convertedMg;
        if (entitled == claimed) return 0;
        minted = entitled - claimed;
        _claimed[account][classId] = entitled;
        _circulation[classId].claimed += uint128(minted);
        _mintPoints(account, classId, uint128(minted));
        _requireBacked(classId);

        emit PointsClaimed(account, classId, activeEpoch(), minted, entitled);
    }

    /// @inheritdoc ICarbonPoints
    function redeem(uint64 classId, uint128 mg, Channel channel, bytes32 ref) external whenNotPaused returns (bool) {
        Redemption memory redemption = Redemption({classId: classId, mg: mg, channel: channel});
        if (_isRepeated(msg.sender, ref, redemption)) return false;
        _redeem(msg.sender, ref, redemption);
        return true;
    }

    /// @inheritdoc ICarbonPoints
    function redeemFor(
        address holder,
        uint64 classId,
        uint128 mg,
        Channel channel,
        bytes32 ref,
        uint256 deadline,
        bytes calldata signature
    ) external whenNotPaused returns (bool) {
        Redemption memory redemption = Redemption({classId: classId, mg: mg, channel: channel});
        if (_isRepeated(holder, ref, redemption)) return false;
        _requireSigned(holder, ref, redemption, deadline, signature);
        _redeem(holder, ref, redemption);
        return true;
    }

    /// @inheritdoc ICarbonPoints
    function expire(address holder, uint64 classId) external returns (bool) {
        uint256 expiry = Classes.expiresAt(classId);
        if (block.timestamp < expiry) revert CarbonPointsNotExpired(classId, expiry);
        uint128 mg = uint128(balanceOf(holder, classId)); // no balance is above the supply, a uint128
        if (mg == 0) return false;

        _circulation[classId].expired += mg;
        _burnPoints(holder, classId, mg);

        emit PointsExpired(holder, classId, mg);
        return true;
    }

    // ------------------------------------------------------------------ what ERC-1155 offers and points do not

    /// @notice Always reverts: points do not change hands.
    function safeTransferFrom(address, address, uint256, uint256, bytes memory) public pure override {
        revert CarbonPointsNonTransferable();
    }

    /// @notice Always reverts: points do not change hands.
    function safeBatchTransferFrom(
        address,
        address,
        uint256[] memory,
        uint256[] memory,
        bytes memory
    ) public pure override {
        revert CarbonPointsNonTransferable();
    }

    /// @notice Always reverts: there is nothing to approve.
    function setApprovalForAll(address, bool) public pure override {
        revert CarbonPointsNonTransferable();
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ICarbonPoints
    function classTotals(uint64 classId) external view returns (ClassTotals memory) {
        Earnings memory earnings = _earningsOf(classId);
        Circulation storage circulation = _circulation[classId];
        return
            ClassTotals({
                earned: earnings.earned,
                converted: earnings.converted,
                claimed: circulation.claimed,
                redeemed: circulation.redeemed,
                expired: circulation.expired
            });
    }

    /// @inheritdoc ICarbonPoints
    function totalSupply(uint64 classId) external view returns (uint256) {
        return _circulation[classId].supply;
    }

    /// @inheritdoc ICarbonPoints
    function redeemedBy(uint64 classId, Channel channel) external view returns (uint128) {
        return _redeemedBy[classId][channel];
    }

    /// @inheritdoc ICarbonPoints
    function marketMg(uint64 classId) external view returns (uint128) {
        return _redeemedBy[classId][Channel.MARKET] + _activeConverted(classId);
    }

    /// @inheritdoc ICarbonPoints
    function claimedOf(address account, uint64 classId) external view returns (uint128) {
        return _claimed[account][classId];
    }

    /// @inheritdoc ICarbonPoints
    function redemptionOf(address holder, bytes32 ref) external view returns (Redemption memory) {
        return _redemptions[holder][ref];
    }

    /// @inheritdoc ICarbonPoints
    function expiresAt(uint64 classId) external pure returns (uint256) {
        return Classes.expiresAt(classId);
    }

    // ------------------------------------------------------------------ guards

    function _requireEntitled(bytes memory leaf, uint64 index, bytes32[] calldata proof) private view {
        (bytes32 root, uint64 size) = _activeTree();
        MerkleLog.verify(MerkleLog.leafHash(leaf), index, size, proof, root);
    }

    function _requireSigned(
        address holder,
        bytes32 ref,
        Redemption memory redemption,
        uint256 deadline,
        bytes calldata signature
    ) private view {
        bytes32 structHash = keccak256(
            abi.encode(
                REDEMPTION_TYPEHASH,
                holder,
                redemption.classId,
                redemption.mg,
                redemption.channel,
                ref,
                deadline
            )
        );
        _requireIntent(holder, structHash, deadline, signature);
    }

    function _isRepeated(address holder, bytes32 ref, Redemption memory redemption) private view returns (bool) {
        Redemption memory recorded = _redemptions[holder][ref];
        if (recorded.mg == 0) return false;
        if (keccak256(abi.encode(recorded)) != keccak256(abi.encode(redemption))) {
            revert CarbonPointsReferenceUsed(holder, ref);
        }
        return true;
    }

    // ------------------------------------------------------------------ state

    function _redeem(address holder, bytes32 ref, Redemption memory redemption) private {
        (uint64 classId, uint128 mg, Channel channel) = (redemption.classId, redemption.mg, redemption.channel);
        if (ref == bytes32(0)) revert CarbonPointsMissingReference(holder);
        if (mg == 0) revert CarbonPointsZeroAmount(holder, ref);
        Classes.requireLive(classId);

        _redemptions[holder][ref] = redemption;
        _redeemedBy[classId][channel] += mg;
        _circulation[classId].redeemed += mg;
        _burnPoints(holder, classId, mg);

        emit PointsRedeemed(holder, classId, channel, mg, ref);
    }

    function _mintPoints(address account, uint64 classId, uint128 mg) private {
        if (account == address(0)) revert ERC1155InvalidReceiver(account);
        // Not ERC1155._mint: that one calls the receiver.
        _update(address(0), account, _single(classId), _single(mg));
        _requireSupply(classId);
    }

    function _burnPoints(address holder, uint64 classId, uint128 mg) private {
        _update(holder, address(0), _single(classId), _single(mg));
        _requireSupply(classId);
    }

    /// @dev The only writer of balances and supply. Refuses transfers however they were reached.
    function _update(
        address from,
        address to,
        uint256[] memory ids,
        uint256[] memory values
    ) internal override {
        if (from != address(0) && to != address(0)) revert CarbonPointsNonTransferable();
        super._update(from, to, ids, values);
        for (uint256 i = 0; i < ids.length; ++i) {
            Circulation storage circulation = _circulation[uint64(ids[i])];
            if (from == address(0)) circulation.supply += uint128(values[i]);
            else circulation.supply -= uint128(values[i]);
        }
    }

    function _requireSupply(uint64 classId) private view {
        Circulation memory circulation = _circulation[classId];
        uint256 expected = uint256(circulation.claimed) - circulation.redeemed - circulation.expired;
        if (circulation.supply != expected) revert CarbonPointsSupplyMismatch(classId, circulation.supply, expected);
    }

    /// @inheritdoc Epochs
    function _claimedTotal(uint64 classId) internal view override returns (uint128) {
        return _circulation[classId].claimed;
    }

    function _single(uint256 element) private pure returns (uint256[] memory array) {
        array = new uint256[](1);
        array[0] = element;
    }
}
