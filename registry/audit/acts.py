"""The log of privileged acts against the chain: one chain of hashes, and no transaction of a role that is not in it.

The log is whoever keeps it who shows it; what was cut off its end, or done with a role's key behind its back, is a
transaction without an act.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from registry.audit.findings import Findings
from registry.chain.client import BATCH
from registry.chain.deployment import Contracts
from registry.chain.event_reader import EventReader
from registry.core import strict_json
from registry.core.acts import INITIALISED, Act, call_digest, verify
from registry.core.checks import Check
from registry.errors import ChainUnavailable, InputError, VerificationError

CHAINED: Final = "the log of acts is one chain of hashes"
COMPLETE: Final = "every transaction of a role is an act"


def check_acts(contracts: Contracts, log: Iterable[tuple[Act, bytes]], block: int) -> list[Check]:
    """Check a whole log, given as (act, recorded hash), against the chain up to `block`; raises ChainUnavailable."""
    findings = Findings()
    findings.open(CHAINED, "acts")
    findings.open(COMPLETE, "transactions")
    acts = list(log)
    with findings.checking(CHAINED, len(acts)):
        verify(contracts.chain.genesis, acts)
    calls = {act.after["call"] for act, _ in acts if "call" in act.after}
    spans = [(act.after["first_block"], act.after["last_block"]) for act, _ in acts if act.action == INITIALISED]
    holders, found = _transactions(contracts, block)
    for at, transaction in found:
        if transaction["from"].lower() not in holders or any(first <= at <= last for first, last in spans):
            continue
        given = (transaction["from"], transaction["to"] or "", transaction["input"])
        with findings.checking(COMPLETE):
            if call_digest(contracts.chain.genesis, contracts.chain.chain_id, *given) not in calls:
                raise VerificationError(f"{transaction['hash']} of {given[0]} in block {at} is no act of the log")
    return findings.checks()


def read_acts(path: Path) -> list[tuple[Act, bytes]]:
    """A log as `puhui acts export` writes it, one act a line; raises InputError naming the first line that is none."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    return [_act(path, number, line) for number, line in enumerate(lines, 1)]


def _act(path: Path, number: int, line: bytes) -> tuple[Act, bytes]:
    try:
        body = strict_json.parse(line)
        recorded, act = bytes.fromhex(body.pop("hash")), Act(**body)
        texts = (act.actor, act.role, act.action, act.subject, act.initiator or "")
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a text is none")
        if not isinstance(act.before, dict) or not isinstance(act.after, dict):
            raise TypeError("before and after are objects")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}, line {number}: not an act ({error})") from error
    return act, recorded


def _transactions(contracts: Contracts, block: int) -> tuple[set[str], Iterator[tuple[int, Any]]]:
    """Who ever had a role, and (block, transaction) of everything that left an event."""
    holders, blocks = set[str](), dict[str, int]()
    reader = EventReader(contracts.chain, contracts.deployment.addresses)
    for chunk in reader.chunks(contracts.deployment.first_block, block):
        for event in chunk.events:
            blocks.setdefault(event.tx_hash, event.block)
            if event.name == "RoleGranted":
                holders.add(event.arguments["account"].lower())
    return holders, _fetched(contracts, blocks)


def _fetched(contracts: Contracts, blocks: dict[str, int]) -> Iterator[tuple[int, Any]]:
    hashes = list(blocks)
    for start in range(0, len(hashes), BATCH):
        part = hashes[start : start + BATCH]
        answers = contracts.chain.ask("eth_getTransactionByHash", [[tx_hash] for tx_hash in part])
        for tx_hash, answer in zip(part, answers, strict=True):
            found = answer.get("result")
            if not found:
                raise ChainUnavailable(f"the node has no transaction {tx_hash}, whose events it shows")
            yield blocks[tx_hash], found
