// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {Halting} from "./Halting.sol";
import {Intents} from "./Intents.sol";
import {ICertifiedReductions} from "./interfaces/ICertifiedReductions.sol";
import {IERC5192} from "./interfaces/IERC5192.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IRetirementCertificates} from "./interfaces/IRetirementCertificates.sol";

contract RetirementCertificates is IRetirementCertificates, IERC5192, Halting, Intents, ERC721 {
    /// @dev What an entity may offset in one compliance year, and has.
    struct Offset {
        uint64 limit;
        uint64 used;
    }

    /// @inheritdoc IRetirementCertificates
    bytes32 public constant RETIREMENT_TYPEHASH = keccak256(
        "Retirement(address holder,uint32 issuance,uint64 tonnes,uint8 purpose,uint16 year,bytes32 beneficiary,"
        "bytes32 ref,uint256 deadline)"
    );

    uint16 private constant MIN_YEAR = 2000;
    uint16 private constant MAX_YEAR = 9999;

    ICertifiedReductions private immutable _reductions;
    IParticipants private immutable _participants;

    uint256 private _count;
    mapping(uint256 id => Certificate) private _certificates;
    mapping(address holder => mapping(bytes32 ref => uint256)) private _certificateFor;
    mapping(bytes32 entity => mapping(uint16 year => Offset)) private _offsets;

    constructor(
        address authority,
        ICertifiedReductions reductions,
        IParticipants participants
    )
        AccessManaged(authority)
        ERC721("Puhui Retirement Certificates", "PHRC")
        EIP712("PuhuiRetirementCertificates", "1")
    {
        if (address(reductions).code.length == 0) {
            revert RetirementCertificatesInvalidReductions(address(reductions));
        }
        if (address(participants).code.length == 0) {
            revert RetirementCertificatesInvalidParticipants(address(participants));
        }
        _reductions = reductions;
        _participants = participants;
    }

    // ------------------------------------------------------------------ retirement

    /// @inheritdoc IRetirementCertificates
    function retire(Request calldata request) external whenNotPaused returns (bool) {
        if (msg.sender != request.holder) revert RetirementCertificatesNotHolder(request.holder, msg.sender);
        if (_isRepeated(request)) return false;
        _retire(request);
        return true;
    }

    /// @inheritdoc IRetirementCertificates
    function retireFor(
        Request calldata request,
        uint256 deadline,
        bytes calldata signature
    ) external whenNotPaused returns (bool) {
        if (_isRepeated(request)) return false;
        // Every field of a request is one word, so this is EIP-712's encoding of the struct.
        bytes32 structHash = keccak256(abi.encode(RETIREMENT_TYPEHASH, request, deadline));
        _requireIntent(request.holder, structHash, deadline, signature);
        _retire(request);
        return true;
    }

    // ------------------------------------------------------------------ offset limits

    /// @inheritdoc IRetirementCertificates
    function setOffsetLimit(
        bytes32 entity,
        uint16 year,
        uint64 tonnes
    ) external restricted whenNotPaused returns (bool) {
        if (entity == bytes32(0)) revert RetirementCertificatesMissingEntity();
        if (!_isYear(year)) revert RetirementCertificatesInvalidYear(Purpose.COMPLIANCE, year);
        Offset storage offset = _offsets[entity][year];
        if (offset.limit == tonnes) return false;
        if (tonnes < offset.used) {
            revert RetirementCertificatesLimitBelowUsed(entity, year, tonnes, offset.used);
        }

        offset.limit = tonnes;

        emit OffsetLimitSet(entity, year, tonnes);
        return true;
    }

    // ------------------------------------------------------------------ what ERC-721 offers and certificates do not

    /// @notice Always reverts: there is nothing to approve.
    function approve(address, uint256) public pure override {
        revert RetirementCertificatesSoulbound();
    }

    /// @notice Always reverts: there is nothing to approve.
    function setApprovalForAll(address, bool) public pure override {
        revert RetirementCertificatesSoulbound();
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRetirementCertificates
    function offsetOf(bytes32 entity, uint16 year) external view returns (uint64 limit, uint64 used) {
        Offset storage offset = _offsets[entity][year];
        return (offset.limit, offset.used);
    }

    /// @inheritdoc IRetirementCertificates
    function certificateOf(uint256 id) external view returns (Certificate memory) {
        return _certificates[id];
    }

    /// @inheritdoc IRetirementCertificates
    function certificateFor(address holder, bytes32 ref) external view returns (uint256 id) {
        return _certificateFor[holder][ref];
    }

    /// @inheritdoc IRetirementCertificates
    function certificateCount() external view returns (uint256) {
        return _count;
    }

    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view returns (bool) {
        _requireOwned(tokenId);
        return true;
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IERC5192).interfaceId || super.supportsInterface(interfaceId);
    }

    // ------------------------------------------------------------------ guards

    function _isRepeated(Request calldata request) private view returns (bool) {
        uint256 id = _certificateFor[request.holder][request.ref];
        if (id == 0) return false;
        Certificate storage recorded = _certificates[id];
        Request memory repeated = Request({
            holder: recorded.holder,
            issuance: recorded.issuance,
            tonnes: recorded.tonnes,
            purpose: recorded.purpose,
            year: recorded.year,
            beneficiary: recorded.beneficiary,
            ref: recorded.ref
        });
        if (keccak256(abi.encode(repeated)) != keccak256(abi.encode(request))) {
            revert RetirementCertificatesReferenceUsed(request.holder, request.ref);
        }
        return true;
    }

    function _requirePurpose(Request calldata request, IParticipants.Participant memory participant) private pure {
        bool compliance = request.purpose == Purpose.COMPLIANCE;
        if (compliance && participant.kind != IParticipants.Kind.COMPLIANCE) {
            revert RetirementCertificatesNotCompliance(request.holder);
        }
        if (compliance ? !_isYear(request.year) : request.year != 0) {
            revert RetirementCertificatesInvalidYear(request.purpose, request.year);
        }
        bytes32 beneficiary = request.beneficiary;
        if (compliance ? beneficiary != participant.entity : beneficiary == bytes32(0)) {
            revert RetirementCertificatesInvalidBeneficiary(participant.entity, beneficiary);
        }
    }

    function _isYear(uint16 year) private pure returns (bool) {
        return year >= MIN_YEAR && year <= MAX_YEAR;
    }

    // ------------------------------------------------------------------ state

    /// @dev The only writer of owners. A transfer, however it was reached, names who asked for it; a mint does not.
    function _update(address to, uint256 id, address auth) internal override returns (address) {
        if (auth != address(0)) revert RetirementCertificatesSoulbound();
        return super._update(to, id, auth);
    }

    function _retire(Request calldata request) private {
        if (request.ref == bytes32(0)) revert RetirementCertificatesMissingReference(request.holder);
        IParticipants.Participant memory participant = _participants.participantOf(request.holder);
        _requirePurpose(request, participant);
        bytes32 entity = participant.entity;
        if (request.purpose == Purpose.COMPLIANCE) _use(entity, request.year, request.tonnes);

        uint256 id = ++_count;
        _certificateFor[request.holder][request.ref] = id;
        _record(id, request, entity);
        _mint(request.holder, id);

        emit Locked(id);
        emit Retired(
            id,
            request.holder,
            request.issuance,
            request.tonnes,
            request.purpose,
            request.year,
            entity,
            request.beneficiary,
            request.ref
        );
    }

    function _use(bytes32 entity, uint16 year, uint64 tonnes) private {
        Offset storage offset = _offsets[entity][year];
        uint256 used = uint256(offset.used) + tonnes;
        if (used > offset.limit) revert RetirementCertificatesLimitExceeded(entity, year, used, offset.limit);
        offset.used = uint64(used); // not above the limit, a uint64
    }

    /// @dev The reductions are called before the certificate is complete because they say which serials it is for. They
    /// are this contract's own immutable counterpart, call nobody back, and refuse a holder that is not active.
    function _record(uint256 id, Request calldata request, bytes32 entity) private {
        Certificate storage certificate = _certificates[id];
        certificate.issuance = request.issuance;
        certificate.classId = _reductions.issuanceOf(request.issuance).classId;
        certificate.tonnes = request.tonnes;
        certificate.purpose = request.purpose;
        certificate.year = request.year;
        certificate.retiredAt = uint64(block.timestamp);
        certificate.holder = request.holder;
        certificate.entity = entity;
        certificate.beneficiary = request.beneficiary;
        certificate.ref = request.ref;
        ICertifiedReductions.Range[] memory ranges = _reductions.retire(
            request.holder,
            request.issuance,
            request.tonnes
        );
        for (uint256 i = 0; i < ranges.length; ++i) certificate.ranges.push(ranges[i]);
    }
}
