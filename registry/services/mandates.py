"""Standing mandates: under them a person's new points go to the market pool, until the person revokes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from registry.chain.contracts.mandates import MAX_MANDATES, Mandate, MandateState
from registry.chain.submitter import Sent
from registry.errors import ConflictError, InputError, NotFoundError
from registry.evidence.documents import read_document, write_document
from registry.services.ledger import Ledger
from registry.services.owners import Owner
from registry.services.signing import deadline, owner_key, sign
from registry.services.submission import Deed

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Given:
    """What came of giving mandates; `standing` had one under these terms already."""

    given: int
    standing: int
    terms: str
    transactions: list[str]
    gas: int


def give_mandates(
    ledger: Ledger,
    owners: Sequence[Owner],
    terms: bytes,
    signer: LocalAccount | None = None,
    progress: Progress = lambda _: None,
) -> Given:
    """Have each owner sign a mandate under the document `terms`, and relay them; owners with one keep it.

    The document is kept in evidence under its hash, which is what is signed. Raises AuthError for a wallet whose key
    is not at hand, ConflictError for an owner whose mandate is under other terms; nothing was sent then.
    """
    if not terms.strip():
        raise InputError("the terms are empty", hint="give the text the person agrees to")
    digest = hashlib.sha256(terms).digest()
    contract = ledger.contracts.mandates
    numbers = contract.standing(ledger.contracts.deployment.first_block, ledger.contracts.chain.head())
    owners = list(dict.fromkeys(owners))
    due: list[tuple[LocalAccount, int]] = []
    for owner in owners:
        standing = numbers.get(bytes.fromhex(owner.wallet[2:]))
        if standing is not None and standing.active:
            _require_terms(contract.state(owner.wallet), owner, digest)
            continue
        due.append((owner_key(ledger, owner, signer), standing.number + 1 if standing else 1))
    write_document(ledger.home.evidence, terms)
    sent = []
    for start in range(0, len(due), MAX_MANDATES):
        part = due[start : start + MAX_MANDATES]
        progress(f"{start + len(part):,} of {len(due):,} mandates")
        # Signed just before they are sent: a long list takes longer than a signature is good for.
        until = deadline()
        mandates = [Mandate(key.address, digest, number, until) for key, number in part]
        signatures = [sign(key, contract.typed_mandate(m)) for (key, _), m in zip(part, mandates, strict=True)]
        deed = Deed(f"{len(part)} mandates", "", {}, {"terms": digest.hex()})
        sent.append(ledger.submitter("platform").send(contract.give_for(mandates, signatures), deed))
    return Given(
        len(due),
        len(owners) - len(due),
        "0x" + digest.hex(),
        [s.transaction for s in sent if s.transaction],
        sum(s.gas for s in sent),
    )


def revoke_mandate(ledger: Ledger, owner: Owner, signer: LocalAccount | None = None) -> Sent:
    """Have the owner revoke its mandate: later epochs convert nothing of its points. What was issued stays.

    A mandate revoked already stays revoked. Raises NotFoundError for an owner that never gave one.
    """
    contract = ledger.contracts.mandates
    state = contract.state(owner.wallet)
    if not state.number:
        raise NotFoundError(f"{owner.account_id or owner.wallet} never gave a mandate")
    if not state.active:
        return Sent(changed=False)
    until = deadline()
    signature = sign(owner_key(ledger, owner, signer), contract.typed_revocation(owner.wallet, state.number, until))
    deed = Deed(owner.wallet, owner.wallet, {"mandate": state.number}, {"mandate": None})
    call = contract.revoke_for(owner.wallet, state.number, until, signature)
    return ledger.submitter("platform").send(call, deed)


def mandate_of(ledger: Ledger, owner: Owner) -> tuple[MandateState, str | None]:
    """The owner's latest mandate and the text of its terms, if evidence has it."""
    state = ledger.contracts.mandates.state(owner.wallet)
    text = read_document(ledger.home.evidence, state.terms) if state.number else None
    return state, None if text is None else text.decode("utf-8", "replace")


def _require_terms(state: MandateState, owner: Owner, digest: bytes) -> None:
    if state.terms != digest:
        raise ConflictError(
            f"the mandate of {owner.account_id or owner.wallet} is under other terms",
            hint="have it revoked first, then given under the new terms",
            terms="0x" + state.terms.hex(),
        )
