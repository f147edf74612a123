// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {InPerson} from "./InPerson.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";

contract Participants is IParticipants, InPerson {
    mapping(address account => Participant) private _participants;

    constructor(address authority) AccessManaged(authority) {}

    /// @inheritdoc IParticipants
    function register(
        address account,
        bytes32 entity,
        Kind kind,
        bytes32 identity
    ) external restricted inPerson returns (bool) {
        Participant storage participant = _participants[account];
        if (participant.status != Status.NONE) {
            if (!_isSame(participant, entity, kind, identity)) revert ParticipantsAlreadyRegistered(account);
            return false;
        }
        if (account == address(0) || entity == bytes32(0) || kind == Kind.NONE || identity == bytes32(0)) {
            revert ParticipantsIncomplete(account);
        }

        _participants[account] = Participant({
            entity: entity,
            identity: identity,
            registrar: msg.sender,
            kind: kind,
            status: Status.PENDING
        });

        emit ParticipantRegistered(account, entity, kind, identity, msg.sender);
        return true;
    }

    /// @inheritdoc IParticipants
    function admit(
        address account,
        bytes32 entity,
        Kind kind,
        bytes32 identity
    ) external restricted inPerson returns (bool) {
        Participant storage participant = _participants[account];
        Status status = participant.status;
        if (status != Status.PENDING && status != Status.ACTIVE) revert ParticipantsUnexpectedStatus(account, status);
        if (!_isSame(participant, entity, kind, identity)) revert ParticipantsMismatch(account);
        if (status == Status.ACTIVE) return false;
        if (msg.sender == participant.registrar) revert ParticipantsSelfAdmission(account, msg.sender);

        participant.status = Status.ACTIVE;

        emit ParticipantAdmitted(account, msg.sender);
        return true;
    }

    /// @inheritdoc IParticipants
    function suspend(address account, bytes32 reason) external restricted returns (bool) {
        Status status = _participants[account].status;
        if (status == Status.SUSPENDED) return false;
        if (status != Status.ACTIVE) revert ParticipantsUnexpectedStatus(account, status);
        if (reason == bytes32(0)) revert ParticipantsMissingReason(account);

        _participants[account].status = Status.SUSPENDED;

        emit ParticipantSuspended(account, reason);
        return true;
    }

    /// @inheritdoc IParticipants
    function reinstate(address account) external restricted returns (bool) {
        Status status = _participants[account].status;
        if (status == Status.ACTIVE) return false;
        if (status != Status.SUSPENDED) revert ParticipantsUnexpectedStatus(account, status);

        _participants[account].status = Status.ACTIVE;

        emit ParticipantReinstated(account);
        return true;
    }

    /// @inheritdoc IParticipants
    function participantOf(address account) external view returns (Participant memory) {
        return _participants[account];
    }

    /// @inheritdoc IParticipants
    function isActive(address account) external view returns (bool) {
        return _participants[account].status == Status.ACTIVE;
    }

    /// @inheritdoc IParticipants
    function requireActive(address account) external view {
        Status status = _participants[account].status;
        if (status != Status.ACTIVE) revert ParticipantsInactive(account, status);
    }

    function _isSame(
        Participant storage participant,
        bytes32 entity,
        Kind kind,
        bytes32 identity
    ) private view returns (bool) {
        return participant.entity == entity && participant.kind == kind && participant.identity == identity;
    }
}
