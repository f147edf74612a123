// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../contracts/interfaces/IParticipants.sol";
import {IRetirementCertificates} from "../../contracts/interfaces/IRetirementCertificates.sol";
import {UnitsFixture} from "./UnitsFixture.sol";

/// @dev Tonnes of two issuances among four holders, moved in an order the fuzzer chooses. It keeps its own books, against
/// which {UnitsInvariants} holds the contract. An action that is impossible just now returns without doing anything, so
/// a revert is always a finding.
contract UnitsHandler is UnitsFixture {
    uint32 internal constant ISSUANCES = 2;
    uint256 internal constant HOLDERS = 4;
    uint64 internal constant MAX_TONNES = 700; // over three leaves of the serials' bitmap

    /// @dev What an account has of an issuance, in tonnes, and what of it is frozen.
    struct Book {
        uint256 held;
        uint256 listed;
        uint256 retired;
        uint256 cancelled;
        uint256 frozen;
    }

    mapping(string action => uint256) public done;
    mapping(uint32 issuance => uint256) public tonnesOf;
    uint64 public issuedTonnes;
    uint256 public certificateTonnes;
    mapping(uint32 issuance => mapping(uint256 who => Book)) private _books;

    constructor() {
        setUp();
    }

    // Actions: the programme's contracts and the holders

    function issue(uint256 seed) external {
        uint32 issuance = uint32(reductions.issuanceCount()) + 1;
        if (issuance > ISSUANCES) return;
        uint64 tonnes = uint64(1 + (seed % MAX_TONNES));
        _issue(issuance, tonnes);
        tonnesOf[issuance] = tonnes;
        issuedTonnes += tonnes;
        _books[issuance][0].held = tonnes;
        ++done["issue"];
    }

    function transfer(uint256 seed, uint256 amount) external {
        (uint32 issuance, uint256 from, uint256 to) = _parties(seed);
        uint64 tonnes = _some(issuance, from, HELD, amount, _free(issuance, from));
        if (tonnes == 0) return;
        _transfer(account(from), account(to), issuance, tonnes);
        _book(issuance, from, to, tonnes);
        ++done["transfer"];
    }

    /// @dev Of one issuance twice, which has to count as one move of the sum.
    function transferBatch(uint256 seed, uint256 amount) external {
        (uint32 issuance, uint256 from, uint256 to) = _parties(seed);
        uint64 tonnes = _some(issuance, from, HELD, amount, _free(issuance, from));
        if (tonnes < 2 || _rangeCount(issuance, from, HELD, tonnes) == reductions.MAX_RANGES()) return;
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (issuance, issuance, tonnes / 2, tonnes - tonnes / 2);
        vm.prank(account(from));
        reductions.safeBatchTransferFrom(account(from), account(to), ids, values, "");
        _book(issuance, from, to, tonnes);
        ++done["transferBatch"];
    }

    function list(uint256 seed, uint256 amount) external {
        (uint32 issuance, uint256 who, ) = _parties(seed);
        uint64 tonnes = _some(issuance, who, HELD, amount, _free(issuance, who));
        if (tonnes == 0) return;
        _list(account(who), issuance, tonnes);
        _books[issuance][who].held -= tonnes;
        _books[issuance][who].listed += tonnes;
        ++done["list"];
    }

    function unlist(uint256 seed, uint256 amount) external {
        (uint32 issuance, uint256 who, ) = _parties(seed);
        uint64 tonnes = _some(issuance, who, LISTED, amount, type(uint256).max);
        if (tonnes == 0) return;
        _unlist(account(who), issuance, tonnes);
        _books[issuance][who].listed -= tonnes;
        _books[issuance][who].held += tonnes;
        ++done["unlist"];
    }

    function settle(uint256 seed, uint256 amount) external {
        (uint32 issuance, uint256 from, uint256 to) = _parties(seed);
        Book memory book = _books[issuance][from];
        uint256 unfrozen = book.held + book.listed > book.frozen ? book.held + book.listed - book.frozen : 0;
        uint64 tonnes = _some(issuance, from, LISTED, amount, unfrozen);
        if (tonnes == 0) return;
        _settle(account(from), account(to), issuance, tonnes);
        _books[issuance][from].listed -= tonnes;
        _books[issuance][to].held += tonnes;
        ++done["settle"];
    }

    function retire(uint256 seed, uint256 amount) external {
        (uint32 issuance, uint256 who, ) = _parties(seed);
        uint64 tonnes = _some(issuance, who, HELD, amount, _free(issuance, who));
        if (tonnes == 0) return;
        vm.prank(account(who));
        certificates.retire(
            IRetirementCertificates.Request({
                holder: account(who),
                issuance: issuance,
                tonnes: tonnes,
                purpose: IRetirementCertificates.Purpose.VOLUNTARY,
                year: 0,
                beneficiary: "somebody",
                ref: bytes32(++done["retire"])
            })
        );
        _books[issuance][who].held -= tonnes;
        _books[issuance][who].retired += tonnes;
        certificateTonnes += tonnes;
    }

    /// @dev One tonne more than is free moves by none of the three ways.
    function overreach(uint256 seed) external {
        (uint32 issuance, uint256 from, uint256 to) = _parties(seed);
        uint64 tonnes = uint64(_free(issuance, from)) + 1;
        vm.prank(account(from));
        _refused(abi.encodeCall(reductions.safeTransferFrom, (account(from), account(to), issuance, tonnes, "")));
        vm.prank(SETTLEMENT);
        _refused(abi.encodeCall(reductions.list, (account(from), issuance, tonnes)));
        vm.prank(address(certificates));
        _refused(abi.encodeCall(reductions.retire, (account(from), issuance, tonnes)));
        ++done["overreach"];
    }

    // Actions: the regulator

    function freeze(uint256 seed, uint256 amount) external {
        (uint32 issuance, uint256 who, ) = _parties(seed);
        if (tonnesOf[issuance] == 0) return;
        uint64 tonnes = seed % 3 == 0 ? 0 : uint64(amount % (tonnesOf[issuance] / 8 + 2));
        _freeze(account(who), issuance, tonnes);
        _books[issuance][who].frozen = tonnes;
        ++done["freeze"];
    }

    function force(uint256 seed, uint256 amount) external {
        (uint32 issuance, uint256 from, uint256 to) = _parties(seed);
        if (!_isActive(issuance)) return;
        Book storage book = _books[issuance][from];
        uint64 tonnes = _some(issuance, from, HELD, amount, type(uint256).max);
        // One more than is held, so that what is listed has to go as well.
        bool all = book.listed != 0 && _rangeCount(issuance, from, HELD, book.held) < reductions.MAX_RANGES();
        if (all && seed % 2 == 0) tonnes = uint64(book.held) + 1;
        if (tonnes == 0) return;
        bytes memory data = abi.encodeCall(
            reductions.forcedTransfer,
            (account(from), account(to), issuance, tonnes, REASON)
        );
        _afterDelay(address(reductions), data);
        uint256 held = tonnes < book.held ? tonnes : book.held;
        (book.held, book.listed) = (book.held - held, book.listed - (tonnes - held));
        if (book.frozen > book.held + book.listed) book.frozen = book.held + book.listed;
        _books[issuance][to].held += tonnes;
        ++done[tonnes == held ? "force" : "force listed"];
    }

    function suspend(uint256 seed) external {
        uint32 issuance = _issuance(seed);
        if (!_isActive(issuance) || seed % 4 != 0) return;
        _suspend(issuance);
        ++done["suspend"];
    }

    function resume(uint256 seed) external {
        uint32 issuance = _issuance(seed);
        if (!_isIn(issuance, ICertifiedReductions.IssuanceStatus.SUSPENDED)) return;
        _afterDelay(address(reductions), abi.encodeCall(reductions.resume, (issuance)));
        ++done["resume"];
    }

    function cancel(uint256 seed) external {
        uint32 issuance = _issuance(seed);
        if (!_isIn(issuance, ICertifiedReductions.IssuanceStatus.SUSPENDED) || seed % 8 != 0) return;
        _cancel(issuance);
        ++done["cancel"];
    }

    function withdraw(uint256 seed) external {
        (uint32 issuance, uint256 who, ) = _parties(seed);
        if (!_isIn(issuance, ICertifiedReductions.IssuanceStatus.CANCELLED)) return;
        Book storage book = _books[issuance][who];
        uint256 tonnes = reductions.withdraw(issuance, account(who));
        uint256 held = tonnes < book.held ? tonnes : book.held;
        (book.held, book.listed) = (book.held - held, book.listed - (tonnes - held));
        book.cancelled += tonnes;
        if (tonnes != 0) ++done["withdraw"];
    }

    // Books

    function account(uint256 who) public pure returns (address) {
        return [TREASURY, SELLER, BUYER, THIRD][who];
    }

    function bookOf(uint32 issuance, uint256 who) external view returns (Book memory) {
        return _books[issuance][who];
    }

    function contracts() external view returns (address, address) {
        return (address(reductions), address(certificates));
    }

    // Inside

    function _parties(uint256 seed) private pure returns (uint32 issuance, uint256 from, uint256 to) {
        issuance = _issuance(seed);
        from = (seed >> 8) % HOLDERS;
        to = (from + 1 + ((seed >> 16) % (HOLDERS - 1))) % HOLDERS;
    }

    function _issuance(uint256 seed) private pure returns (uint32) {
        return 1 + uint32((seed >> 24) % ISSUANCES);
    }

    function _free(uint32 issuance, uint256 who) private view returns (uint256) {
        Book memory book = _books[issuance][who];
        return book.held > book.frozen ? book.held - book.frozen : 0;
    }

    /// @dev Mostly a few tonnes, so that ranges fall apart, and at most what can move at once and what is `allowed`.
    function _some(
        uint32 issuance,
        uint256 who,
        ICertifiedReductions.Place place,
        uint256 amount,
        uint256 allowed
    ) private view returns (uint64) {
        if (!_isActive(issuance)) return 0;
        uint256 most = _movable(issuance, who, place);
        if (most > allowed) most = allowed;
        if (amount % 5 != 0 && most > 6) most = 6;
        return most == 0 ? 0 : uint64(1 + (amount % most));
    }

    /// @dev What the lowest {MAX_RANGES} ranges hold.
    function _movable(uint32 issuance, uint256 who, ICertifiedReductions.Place place) private view returns (uint256 sum) {
        ICertifiedReductions.Range[] memory ranges = reductions.rangesOf(account(who), issuance, place, 0, 16);
        for (uint256 i = 0; i < ranges.length; ++i) sum += ranges[i].last - ranges[i].first + 1;
    }

    /// @dev Over how many ranges the lowest `tonnes` reach.
    function _rangeCount(
        uint32 issuance,
        uint256 who,
        ICertifiedReductions.Place place,
        uint256 tonnes
    ) private view returns (uint256 count) {
        ICertifiedReductions.Range[] memory ranges = reductions.rangesOf(account(who), issuance, place, 0, 17);
        for (uint256 sum = 0; count < ranges.length && sum < tonnes; ++count) {
            sum += ranges[count].last - ranges[count].first + 1;
        }
    }

    function _book(uint32 issuance, uint256 from, uint256 to, uint256 tonnes) private {
        _books[issuance][from].held -= tonnes;
        _books[issuance][to].held += tonnes;
    }

    function _refused(bytes memory data) private {
        (bool moved, ) = address(reductions).call(data);
        vm.assertFalse(moved, "more than is free moved");
    }

    function _isActive(uint32 issuance) private view returns (bool) {
        return _isIn(issuance, ICertifiedReductions.IssuanceStatus.ACTIVE);
    }

    function _isIn(uint32 issuance, ICertifiedReductions.IssuanceStatus status) private view returns (bool) {
        return reductions.issuanceOf(issuance).status == status;
    }
}
