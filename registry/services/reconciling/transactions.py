"""The chain's own transactions of this ledger's keys, and those that the log of acts does not tell of.

One that belongs to no operation was decided after the backup, or not by this ledger: its act is gone, or never was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.abi import function_abi_to_4byte_selector
from sqlmodel import Session

from registry.chain import artifacts
from registry.chain.event_reader import EventReader
from registry.core.acts import INITIALISED, call_digest
from registry.errors import ChainUnavailable
from registry.services.ledger import Ledger
from registry.store import acts
from registry.store.operation_tables import AttemptRow

FOUND: Final = "reconcile.transaction"


@dataclass(frozen=True)
class Mined:
    """A transaction of one of this ledger's keys that left an event; `call` is its digest in the log of acts."""

    tx_hash: str
    signer: str
    contract: str
    data: str
    nonce: int
    block: int
    kind: str
    call: str

    def to_json(self) -> dict[str, object]:
        """The transaction as `--json` prints it, and as its act tells of it."""
        return {
            "transaction": self.tx_hash,
            "signer": self.signer,
            "kind": self.kind,
            "block": self.block,
            "call": self.call,
        }


def without_operation(ledger: Ledger, head: int, signers: set[str]) -> dict[str, list[Mined]]:
    """Transactions of these signers that no operation and no act tells of, by the digest of their call, oldest first.

    Those that changed something have left an event; no other is looked for. Raises ChainUnavailable.
    """
    blocks: dict[str, int] = {}
    deployment = ledger.contracts.deployment
    for chunk in EventReader(ledger.contracts.chain, deployment.addresses).chunks(deployment.first_block, head):
        for event in chunk.events:
            blocks.setdefault(event.tx_hash, event.block)
    with ledger.db.read() as session:
        log = [act for act, _ in acts.all_acts(session) if act.action in (INITIALISED, FOUND)]
        told = {act.subject for act in log if act.action == FOUND}
        spans = [(act.after["first_block"], act.after["last_block"]) for act in log if act.action == INITIALISED]
        left = [
            tx_hash
            for tx_hash, block in blocks.items()
            if tx_hash not in told
            and not any(first <= block <= last for first, last in spans)
            and session.get(AttemptRow, tx_hash) is None
        ]
    found: dict[str, list[Mined]] = defaultdict(list)
    names = _functions(ledger)
    answers = ledger.contracts.chain.ask("eth_getTransactionByHash", [[tx_hash] for tx_hash in left])
    for tx_hash, answer in zip(left, answers, strict=True):
        each = answer.get("result")
        if not each:
            raise ChainUnavailable(f"the node has no transaction {tx_hash}, whose events it shows")
        if each["from"].lower() in signers:
            mined = _mined(ledger, tx_hash, blocks[tx_hash], each, names)
            found[mined.call].append(mined)
    return found


def _mined(ledger: Ledger, tx_hash: str, block: int, found: Any, names: Mapping[tuple[str, str], str]) -> Mined:
    chain = ledger.contracts.chain
    signer, contract, data = found["from"].lower(), (found["to"] or "").lower(), found["input"].lower()
    return Mined(
        tx_hash=tx_hash,
        signer=signer,
        contract=contract,
        data=data,
        nonce=int(found["nonce"], 16),
        block=block,
        kind=names.get((contract, data[:10]), "unknown"),
        call=call_digest(chain.genesis, chain.chain_id, signer, contract, data),
    )


def _functions(ledger: Ledger) -> dict[tuple[str, str], str]:
    """`Contract.function` by address and selector."""
    return {
        (address.lower(), "0x" + bytes(function_abi_to_4byte_selector(entry)).hex()): f"{name}.{entry['name']}"  # type: ignore[arg-type]
        for name, address in ledger.contracts.deployment.addresses.items()
        for entry in artifacts.load(name).abi
        if entry["type"] == "function"
    }


def note(ledger: Ledger, session: Session, found: Sequence[Mined]) -> None:
    """Put into the log of acts what only the chain tells of; `sequences.serialise` came before."""
    now = ledger.submission.clock.now_ms() // 1_000
    for each in found:
        acts.append(
            session,
            ledger.contracts.chain.genesis,
            at=now,
            actor="operator",
            role="operator",
            action=FOUND,
            subject=each.tx_hash,
            before={},
            after=each.to_json(),
        )
