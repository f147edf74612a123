// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IInPerson} from "./interfaces/IInPerson.sol";

abstract contract InPerson is IInPerson, AccessManaged {
    modifier inPerson() {
        if (msg.sender == authority()) revert InPersonRequired(msg.sender);
        _;
    }
}
