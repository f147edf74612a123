// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertifiedReductions} from "../../../contracts/interfaces/ICertifiedReductions.sol";
import {IParticipants} from "../../../contracts/interfaces/IParticipants.sol";

/// @dev Neighbours of the contract a proof is about. They allow everything and remember what they were asked to do, so
/// that a property rests on the one contract alone.

contract UnitsStub {
    uint256 public moves;
    address public from;
    address public to;
    uint32 public issuance;
    uint256 public tonnes;

    function settle(address from_, address to_, uint32 issuance_, uint64 tonnes_) external {
        ++moves;
        (from, to, issuance, tonnes) = (from_, to_, issuance_, tonnes_);
    }

    function issue(uint32 issuance_, uint64, uint64 tonnes_, bytes32, address to_) external returns (bool) {
        ++moves;
        (to, issuance, tonnes) = (to_, issuance_, tonnes_);
        return true;
    }

    function retire(address, uint32, uint64) external pure returns (ICertifiedReductions.Range[] memory ranges) {
        ranges = new ICertifiedReductions.Range[](1);
    }

    function issuanceOf(uint32) external pure returns (ICertifiedReductions.Issuance memory none) {}
}

contract CashStub {
    uint256 public moves;
    uint256 public fen;
    mapping(address from => uint256) public out;
    mapping(address to => uint256) public into;

    function transferFrom(address from, address to, uint256 fen_) external returns (bool) {
        return _move(from, to, fen_);
    }

    function transfer(address to, uint256 fen_) external returns (bool) {
        return _move(msg.sender, to, fen_);
    }

    function burn(uint128, bytes32) external pure returns (bool) {
        return true;
    }

    /// @dev So much that no holder is ever short of it.
    function balanceOf(address) external pure returns (uint256) {
        return type(uint256).max;
    }

    function _move(address from, address to, uint256 fen_) private returns (bool) {
        ++moves;
        fen += fen_;
        out[from] += fen_;
        into[to] += fen_;
        return true;
    }
}

/// @dev A pool of any size for each class, which no call changes.
contract PoolStub {
    mapping(uint64 classId => uint128) public marketMg;
}

/// @dev Everybody is admitted; nobody is the programme.
contract ParticipantsStub {
    function requireActive(address) external pure {}

    function participantOf(address account) external pure returns (IParticipants.Participant memory) {
        return
            IParticipants.Participant({
                entity: bytes32(uint256(uint160(account))),
                identity: bytes32(0),
                registrar: address(0),
                kind: IParticipants.Kind.COMPLIANCE,
                status: IParticipants.Status.ACTIVE
            });
    }
}

/// @dev Signs whatever it is asked about.
contract SigningWallet {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}
