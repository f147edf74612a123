// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {IRoleCouncil} from "./interfaces/IRoleCouncil.sol";

contract RoleCouncil is IRoleCouncil {
    uint256 private constant MIN_MEMBERS = 3;
    uint256 private constant MAX_MEMBERS = 16;
    uint256 private constant LIFETIME = 30 days;

    /// @inheritdoc IRoleCouncil
    address public immutable manager;
    /// @inheritdoc IRoleCouncil
    uint32 public immutable delay;
    /// @inheritdoc IRoleCouncil
    mapping(address account => bool) public isMember;
    /// @inheritdoc IRoleCouncil
    uint256 public memberCount;
    mapping(bytes32 id => Proposal) private _proposals;

    modifier onlyMember() {
        if (!isMember[msg.sender]) revert RoleCouncilNotMember(msg.sender);
        _;
    }

    constructor(address manager_, address[] memory members, uint32 delay_) {
        if (manager_.code.length == 0) revert RoleCouncilInvalidManager(manager_);
        if (members.length < MIN_MEMBERS) revert RoleCouncilMemberCount(members.length);
        (manager, delay) = (manager_, delay_);
        for (uint256 i = 0; i < members.length; ++i) _addMember(members[i]);
    }

    /// @inheritdoc IRoleCouncil
    function propose(address target, bytes calldata data, bytes32 salt) external onlyMember returns (bool) {
        bytes32 id = hashProposal(target, data, salt);
        address proposer = _proposals[id].proposer;
        if (proposer == msg.sender) return false;
        if (proposer != address(0)) revert RoleCouncilAlreadyProposed(id, proposer);
        if (target != manager && target != address(this)) revert RoleCouncilInvalidTarget(target);

        (_proposals[id].proposer, _proposals[id].status) = (msg.sender, Status.PROPOSED);

        emit CouncilProposed(id, msg.sender, target, data, salt);
        return true;
    }

    /// @inheritdoc IRoleCouncil
    function approve(bytes32 id) external onlyMember returns (bool) {
        Proposal storage proposal = _proposals[id];
        if (proposal.approver == msg.sender) return false;
        if (proposal.status != Status.PROPOSED) revert RoleCouncilUnexpectedStatus(id, proposal.status);
        if (proposal.proposer == msg.sender) revert RoleCouncilSelfApproval(id, msg.sender);

        uint64 readyAt = uint64(block.timestamp) + delay;
        (proposal.approver, proposal.readyAt, proposal.status) = (msg.sender, readyAt, Status.APPROVED);

        emit CouncilApproved(id, msg.sender, readyAt);
        return true;
    }

    /// @inheritdoc IRoleCouncil
    function cancel(bytes32 id) external onlyMember returns (bool) {
        Status status = _proposals[id].status;
        if (status == Status.CANCELLED) return false;
        if (status == Status.NONE || status == Status.EXECUTED) revert RoleCouncilUnexpectedStatus(id, status);

        _proposals[id].status = Status.CANCELLED;

        emit CouncilCancelled(id, msg.sender);
        return true;
    }

    /// @inheritdoc IRoleCouncil
    function execute(address target, bytes calldata data, bytes32 salt) external onlyMember returns (bool) {
        bytes32 id = hashProposal(target, data, salt);
        Proposal memory proposal = _proposals[id];
        if (proposal.status == Status.EXECUTED) return false;
        if (proposal.status != Status.APPROVED) revert RoleCouncilUnexpectedStatus(id, proposal.status);
        if (!isMember[proposal.proposer] || !isMember[proposal.approver]) revert RoleCouncilVoid(id);
        (uint256 from, uint256 until) = (proposal.readyAt, proposal.readyAt + LIFETIME);
        if (block.timestamp < from || block.timestamp >= until) revert RoleCouncilOutOfTime(id, from, until);

        _proposals[id].status = Status.EXECUTED;

        emit CouncilExecuted(id, msg.sender);
        Address.functionCall(target, data);
        return true;
    }

    /// @inheritdoc IRoleCouncil
    function addMember(address account) external returns (bool) {
        if (msg.sender != address(this)) revert RoleCouncilOnlyItself(msg.sender);
        if (isMember[account]) return false;
        _addMember(account);
        return true;
    }

    /// @inheritdoc IRoleCouncil
    function removeMember(address account) external returns (bool) {
        if (msg.sender != address(this)) revert RoleCouncilOnlyItself(msg.sender);
        if (!isMember[account]) return false;
        if (memberCount == MIN_MEMBERS) revert RoleCouncilMemberCount(MIN_MEMBERS - 1);

        (isMember[account], memberCount) = (false, memberCount - 1);

        emit CouncilMemberRemoved(account);
        return true;
    }

    /// @inheritdoc IRoleCouncil
    function proposalOf(bytes32 id) external view returns (Proposal memory) {
        return _proposals[id];
    }

    /// @inheritdoc IRoleCouncil
    function hashProposal(address target, bytes calldata data, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(target, data, salt));
    }

    function _addMember(address account) private {
        if (account == address(0) || isMember[account]) revert RoleCouncilInvalidMember(account);
        if (memberCount == MAX_MEMBERS) revert RoleCouncilMemberCount(MAX_MEMBERS + 1);

        (isMember[account], memberCount) = (true, memberCount + 1);

        emit CouncilMemberAdded(account);
    }
}
