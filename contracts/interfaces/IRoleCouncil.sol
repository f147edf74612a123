// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IRoleCouncil
/// @notice The only administrator of the AccessManager: what it changes, two members agreed to and all could stop.
/// @dev Valid transitions of a proposal:
///
///   NONE -> PROPOSED       a member, whose proposal is its approval
///   PROPOSED -> APPROVED   another member; the delay begins
///   APPROVED -> EXECUTED   a member, from `readyAt` until 30 days later
///   PROPOSED -> CANCELLED, APPROVED -> CANCELLED  a member; for good
///
/// Approvals are counted when a proposal is executed, over the members of that moment: it is void while its proposer or
/// its approver is no member. A void, expired or cancelled proposal is made again under another salt.
/// Every function that changes state returns false, and emits nothing, when the same change was made before.
interface IRoleCouncil {
    enum Status {
        NONE,
        PROPOSED,
        APPROVED,
        CANCELLED,
        EXECUTED
    }

    /// @param proposer The member that proposed it.
    /// @param readyAt The first instant at which it can be executed, zero until it is approved.
    /// @param approver The member that approved it, or zero.
    /// @param status Where it stands.
    struct Proposal {
        address proposer;
        uint64 readyAt;
        address approver;
        Status status;
    }

    /// @notice Emitted when `proposer` proposes to call `target` with `data`.
    event CouncilProposed(bytes32 indexed id, address indexed proposer, address target, bytes data, bytes32 salt);

    /// @notice Emitted when `approver`, the second member, approves a proposal.
    event CouncilApproved(bytes32 indexed id, address indexed approver, uint64 readyAt);

    /// @notice Emitted when `member` cancels a proposal.
    event CouncilCancelled(bytes32 indexed id, address indexed member);

    /// @notice Emitted when `member` executes a proposal.
    event CouncilExecuted(bytes32 indexed id, address indexed member);

    /// @notice Emitted when `account` becomes a member, and for each first member at deployment.
    event CouncilMemberAdded(address indexed account);

    /// @notice Emitted when `account` stops being a member.
    event CouncilMemberRemoved(address indexed account);

    /// @notice Thrown when the AccessManager to administer is no contract.
    error RoleCouncilInvalidManager(address manager);

    /// @notice Thrown when zero would be a member, or an account is listed twice among the first.
    error RoleCouncilInvalidMember(address account);

    /// @notice Thrown when the council would have fewer than 3 or more than 16 members.
    error RoleCouncilMemberCount(uint256 count);

    /// @notice Thrown when `caller` is not a member.
    error RoleCouncilNotMember(address caller);

    /// @notice Thrown when `caller` changes the members otherwise than through a proposal.
    error RoleCouncilOnlyItself(address caller);

    /// @notice Thrown when a proposal would call something else than the AccessManager or the council.
    error RoleCouncilInvalidTarget(address target);

    /// @notice Thrown when `proposer` has proposed the same already: approve that instead.
    error RoleCouncilAlreadyProposed(bytes32 id, address proposer);

    /// @notice Thrown when a member approves its own proposal.
    error RoleCouncilSelfApproval(bytes32 id, address member);

    /// @notice Thrown when a proposal is not in a status the call accepts.
    error RoleCouncilUnexpectedStatus(bytes32 id, Status status);

    /// @notice Thrown when the proposer or the approver of a proposal is not a member any more.
    error RoleCouncilVoid(bytes32 id);

    /// @notice Thrown when a proposal is executed before `from`, when it is ready, or at or after `until`.
    error RoleCouncilOutOfTime(bytes32 id, uint256 from, uint256 until);

    /// @notice Proposes to call `target` with `data`, and approves it. `salt` tells equal calls apart.
    /// @dev Requirements: the caller is a member; `target` is the AccessManager or the council; no other member has
    /// proposed the same.
    /// Emits a {CouncilProposed} event.
    /// @return False if the caller proposed the same before, whatever became of it.
    function propose(address target, bytes calldata data, bytes32 salt) external returns (bool);

    /// @notice Approves a proposal as the second member, which begins its delay.
    /// @dev Requirements: the caller is a member and not the proposer; the proposal is PROPOSED.
    /// Emits a {CouncilApproved} event.
    /// Warning: compute `id` with {hashProposal} from a call you have read yourself. Nothing limits what the call does
    /// to roles: it may give the administration away.
    /// @return False if the caller approved it before, whatever became of it.
    function approve(bytes32 id) external returns (bool);

    /// @notice Cancels a proposal, for good.
    /// @dev Requirements: the caller is a member; the proposal is PROPOSED or APPROVED.
    /// Emits a {CouncilCancelled} event.
    /// Warning: one member can so stop every change, its own removal included. It can stop changes, not make any.
    /// @return False if it was cancelled before, by whomever.
    function cancel(bytes32 id) external returns (bool);

    /// @notice Makes the call of a proposal, and reverts with its reason if it fails; then it can be tried again.
    /// @dev Requirements: the caller is a member; the proposal is APPROVED, not void, ready and not expired.
    /// Emits a {CouncilExecuted} event, before the call.
    /// @return False if it was executed before, by whomever.
    function execute(address target, bytes calldata data, bytes32 salt) external returns (bool);

    /// @notice Makes `account` a member.
    /// @dev Requirements: the caller is the council; `account` is not zero; there are at most 16 members afterwards.
    /// Emits a {CouncilMemberAdded} event.
    /// @return False if it is one already.
    function addMember(address account) external returns (bool);

    /// @notice Ends the membership of `account`, whose approvals stop counting.
    /// @dev Requirements: the caller is the council; there are at least 3 members afterwards.
    /// Emits a {CouncilMemberRemoved} event.
    /// Warning: they count again, until their proposals expire, if it becomes a member again.
    /// @return False if it is none.
    function removeMember(address account) external returns (bool);

    /// @notice The id of a proposal: `keccak256(abi.encode(target, data, salt))`.
    function hashProposal(address target, bytes calldata data, bytes32 salt) external pure returns (bytes32);

    /// @notice What is recorded of a proposal, all zero if it was never made.
    function proposalOf(bytes32 id) external view returns (Proposal memory);

    /// @notice Whether `account` is a member.
    function isMember(address account) external view returns (bool);

    /// @notice The number of members.
    function memberCount() external view returns (uint256);

    /// @notice Seconds between the second approval of a proposal and the first instant at which it can be executed.
    function delay() external view returns (uint32);

    /// @notice The AccessManager the council administers.
    function manager() external view returns (address);
}
