"""Settlement cash: in against money at the bank, confirmed by the bank's own key; out against a signed withdrawal."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from registry.chain.contracts.settlement_cash import MintRecord, MintStatus
from registry.chain.submitter import Sent
from registry.core.codes import ref32
from registry.errors import ConflictError, InputError, NotFoundError
from registry.services.ledger import Ledger
from registry.services.signing import deadline, sign
from registry.services.submission import Deed

FEN_LIMIT = 2**63


def request(ledger: Ledger, bank_ref: str, to: str, fen: int) -> Sent:
    """As the exchange: ask for cash against a bank transfer that came in. Nothing is minted yet."""
    positive(fen)
    what = Deed(bank_ref, bank_ref, {}, {"state": "REQUESTED", "to": to, "fen": str(fen)})
    return ledger.submitter("exchange").send(ledger.contracts.cash.request_mint(_bank(bank_ref), to, fen), what)


def confirm(ledger: Ledger, bank_ref: str) -> Sent:
    """As the bank: confirm a request, which mints. Raises NotFoundError, or ConflictError for a cancelled one."""
    asked = _asked(ledger, bank_ref)
    if asked.status is MintStatus.CANCELLED:
        raise ConflictError(
            f"the request under {bank_ref!r} was cancelled", hint="a new transfer needs a new reference"
        )
    confirmed = {"state": "CONFIRMED", "to": asked.to, "fen": str(asked.fen)}
    what = Deed(bank_ref, bank_ref, {"state": asked.status.name}, confirmed, asked.requester)
    call = ledger.contracts.cash.confirm_mint(_bank(bank_ref), asked.to, asked.fen)
    return ledger.submitter("bank").send(call, what)


def cancel(ledger: Ledger, bank_ref: str) -> Sent:
    """As the bank: close a request for good, because the money did not come."""
    asked = _asked(ledger, bank_ref)
    what = Deed(bank_ref, bank_ref, {"state": asked.status.name}, {"state": "CANCELLED"})
    return ledger.submitter("bank").send(ledger.contracts.cash.cancel_mint(_bank(bank_ref)), what)


def withdraw(ledger: Ledger, key: LocalAccount, fen: int, ref: str) -> Sent:
    """Burn cash of the key's account, to be paid to its bank account under `ref`; the same again changes nothing."""
    positive(fen)
    if not ref:
        raise InputError("a reference is needed", hint="--ref: the payment's number; it can be used once")
    cash = ledger.contracts.cash
    until, code = deadline(), ref32("withdrawal", ref)
    signature = sign(key, cash.typed_withdrawal(key.address, fen, code, until))
    what = Deed(ref, key.address, {}, {"burnt_fen": str(fen), "holder": key.address})
    return ledger.submitter("platform").send(cash.burn_for(key.address, fen, code, until, signature), what)


def positive(fen: int) -> int:
    """`fen` if it is an amount; raises InputError."""
    if not 0 < fen < FEN_LIMIT:
        raise InputError(f"{fen} fen is no amount", hint="a whole number of fen above zero, below 2**63")
    return fen


def _bank(ref: str) -> bytes:
    if not ref:
        raise InputError("a bank reference is needed", hint="the bank's own number of the transfer")
    return ref32("bank", ref)


def _asked(ledger: Ledger, bank_ref: str) -> MintRecord:
    found = ledger.contracts.cash.mint(_bank(bank_ref))
    if found is None:
        raise NotFoundError(f"nothing was requested under the bank reference {bank_ref!r}")
    return found
