// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Halting} from "./Halting.sol";
import {InPerson} from "./InPerson.sol";
import {Intents} from "./Intents.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {ISettlementCash} from "./interfaces/ISettlementCash.sol";

contract SettlementCash is ISettlementCash, ERC20, InPerson, Halting, Intents {
    /// @inheritdoc ISettlementCash
    bytes32 public constant WITHDRAWAL_TYPEHASH =
        keccak256("Withdrawal(address holder,uint128 fen,bytes32 ref,uint256 deadline)");

    IParticipants private immutable _participants;

    mapping(bytes32 bankRef => MintRequest) private _mints;
    /// @inheritdoc ISettlementCash
    mapping(address holder => mapping(bytes32 ref => uint128)) public burnOf;

    constructor(
        address authority,
        IParticipants participants
    )
        AccessManaged(authority)
        ERC20("Puhui Settlement Cash", "PSC")
        EIP712("PuhuiSettlementCash", "1")
    {
        if (address(participants).code.length == 0) revert SettlementCashInvalidParticipants(address(participants));
        _participants = participants;
    }

    // ------------------------------------------------------------------ mint

    /// @inheritdoc ISettlementCash
    function requestMint(
        bytes32 bankRef,
        address to,
        uint128 fen
    ) external restricted inPerson whenNotPaused returns (bool) {
        MintRequest storage request = _mints[bankRef];
        if (request.status != MintStatus.NONE) {
            if (request.to != to || request.fen != fen) revert SettlementCashReferenceUsed(bankRef);
            return false;
        }
        if (bankRef == bytes32(0)) revert SettlementCashMissingReference();
        if (fen == 0) revert SettlementCashZeroAmount(bankRef);
        _requireHolder(to);

        _mints[bankRef] = MintRequest({to: to, fen: fen, requester: msg.sender, status: MintStatus.REQUESTED});

        emit MintRequested(bankRef, to, fen, msg.sender);
        return true;
    }

    /// @inheritdoc ISettlementCash
    function confirmMint(
        bytes32 bankRef,
        address to,
        uint128 fen
    ) external restricted inPerson whenNotPaused returns (bool) {
        MintRequest storage request = _mints[bankRef];
        MintStatus status = request.status;
        if (status == MintStatus.NONE || status == MintStatus.CANCELLED) {
            revert SettlementCashUnexpectedStatus(bankRef, status);
        }
        if (request.to != to || request.fen != fen) revert SettlementCashMismatch(bankRef, request.to, request.fen);
        if (status == MintStatus.MINTED) return false;
        if (request.requester == msg.sender) revert SettlementCashSelfConfirmation(bankRef, msg.sender);
        _requireHolder(to);

        request.status = MintStatus.MINTED;
        _mint(to, fen);

        emit CashMinted(bankRef, to, fen, msg.sender);
        return true;
    }

    /// @inheritdoc ISettlementCash
    function cancelMint(bytes32 bankRef) external restricted returns (bool) {
        MintRequest storage request = _mints[bankRef];
        MintStatus status = request.status;
        if (status == MintStatus.CANCELLED) return false;
        if (status != MintStatus.REQUESTED) revert SettlementCashUnexpectedStatus(bankRef, status);

        request.status = MintStatus.CANCELLED;

        emit MintCancelled(bankRef);
        return true;
    }

    // ------------------------------------------------------------------ burn

    /// @inheritdoc ISettlementCash
    function burn(uint128 fen, bytes32 ref) external whenNotPaused returns (bool) {
        if (_isRepeated(msg.sender, fen, ref)) return false;
        _burnOnce(msg.sender, fen, ref);
        return true;
    }

    /// @inheritdoc ISettlementCash
    function burnFor(
        address holder,
        uint128 fen,
        bytes32 ref,
        uint256 deadline,
        bytes calldata signature
    ) external whenNotPaused returns (bool) {
        if (_isRepeated(holder, fen, ref)) return false;
        bytes32 structHash = keccak256(abi.encode(WITHDRAWAL_TYPEHASH, holder, fen, ref, deadline));
        _requireIntent(holder, structHash, deadline, signature);
        _burnOnce(holder, fen, ref);
        return true;
    }

    // ------------------------------------------------------------------ move: the programme's contracts only

    /// @notice Moves the caller's cash. Only the programme's own contracts may.
    /// @dev Requirements: the caller holds TREASURY; not paused.
    function transfer(
        address to,
        uint256 fen
    ) public override(ERC20, IERC20) restricted whenNotPaused returns (bool) {
        return super.transfer(to, fen);
    }

    /// @notice Moves the cash of `from`, who signed for it at the settlement.
    /// @dev Requirements: the caller holds SETTLEMENT; not paused.
    function transferFrom(
        address from,
        address to,
        uint256 fen
    ) public override(ERC20, IERC20) restricted whenNotPaused returns (bool) {
        _transfer(from, to, fen);
        return true;
    }

    /// @notice Always reverts: nobody moves another's cash by allowance.
    function approve(address, uint256) public pure override(ERC20, IERC20) returns (bool) {
        revert SettlementCashNoAllowance();
    }

    // ------------------------------------------------------------------ views

    /// @notice Two decimals: the unit is the fen.
    function decimals() public pure override returns (uint8) {
        return 2;
    }

    /// @inheritdoc ISettlementCash
    function mintOf(bytes32 bankRef) external view returns (MintRequest memory) {
        return _mints[bankRef];
    }

    // ------------------------------------------------------------------ inside

    function _requireHolder(address account) private view {
        _participants.requireActive(account);
        if (_participants.participantOf(account).kind == IParticipants.Kind.PROGRAMME) {
            revert SettlementCashProgrammeAccount(account);
        }
    }

    function _isRepeated(address holder, uint128 fen, bytes32 ref) private view returns (bool) {
        uint128 recorded = burnOf[holder][ref];
        if (recorded == 0) return false;
        if (recorded != fen) revert SettlementCashBurnReferenceUsed(holder, ref);
        return true;
    }

    function _burnOnce(address holder, uint128 fen, bytes32 ref) private {
        if (ref == bytes32(0)) revert SettlementCashMissingReference();
        if (fen == 0) revert SettlementCashZeroAmount(ref);

        burnOf[holder][ref] = fen;
        _burn(holder, fen);

        emit CashBurnt(holder, ref, fen);
    }
}
