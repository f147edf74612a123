"""What the regulator does only after a delay: scheduled first, carried out when the same command is given again.

Meanwhile a guardian can cancel it. A schedule that nobody carries out within the manager's lifetime of it is void.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

from web3 import Web3
from web3.contract.contract import ContractFunction

from registry.chain import artifacts
from registry.chain.client import node_errors
from registry.chain.submitter import Sent
from registry.services.ledger import Ledger
from registry.services.submission import Deed


class DelayedState(StrEnum):
    """How far a delayed act is."""

    SCHEDULED = "SCHEDULED"
    WAITING = "WAITING"
    DONE = "DONE"


@dataclass(frozen=True)
class Delayed:
    """What came of it; `ready_at` in epoch seconds, 0 when nothing had to be waited for."""

    state: DelayedState
    ready_at: int
    sent: Sent


def act(ledger: Ledger, call: ContractFunction, subject: str) -> Delayed:
    """As the regulator: schedule a call, or carry it out if its delay has passed. Raises ChainRevert when refused."""
    contracts = ledger.contracts
    regulator = ledger.submitter("regulator")
    address = Web3.to_checksum_address(contracts.deployment.addresses["AccessManager"])
    manager = contracts.chain.w3.eth.contract(address=address, abi=artifacts.load("AccessManager").abi)
    data = call._encode_transaction_data()
    with node_errors(contracts.chain.where):
        may, _ = manager.functions.canCall(regulator.account.address, call.address, data[:10]).call()
        if may:
            return Delayed(DelayedState.DONE, 0, regulator.send(call, Deed(subject, subject)))
        operation = manager.functions.hashOperation(regulator.account.address, call.address, data).call()
        ready_at = int(manager.functions.getSchedule(operation).call())
        # A chain without traffic has an old block; the next one will have the time of day.
        now = max(int(contracts.chain.w3.eth.get_block("latest")["timestamp"]), int(time.time()))
    if ready_at == 0:
        scheduled = Deed(subject, operation.hex(), {}, {"schedules": call.fn_name})
        sent = regulator.send(manager.functions.schedule(call.address, data, 0), scheduled)
        with node_errors(contracts.chain.where):
            ready_at = int(manager.functions.getSchedule(operation).call())
        return Delayed(DelayedState.SCHEDULED, ready_at, sent)
    if now < ready_at:
        return Delayed(DelayedState.WAITING, ready_at, Sent(changed=False))
    executed = Deed(subject, operation.hex(), {"scheduled": call.fn_name}, {"executes": call.fn_name})
    sent = regulator.send(manager.functions.execute(call.address, data), executed)
    return Delayed(DelayedState.DONE, ready_at, sent)
