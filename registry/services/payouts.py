"""Payouts: the people's share of sales, split by what each gave, recomputed by the verifier, then claimed or paid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import polars as pl
from eth_account.signers.local import LocalAccount
from web3 import Web3

from registry.audit.payouts import allocate, check_folder, check_run, standing_after
from registry.chain.contracts.proceeds_distributor import MAX_PAYMENTS, Payment, RunRecord
from registry.chain.submitter import Sent
from registry.core import proceeds
from registry.core.codes import ref32
from registry.errors import ConflictError, EvidenceError, NotFoundError, VerificationError
from registry.evidence.payout import Allocated, Payout, PayoutEvidence, payouts_folder, write_payout
from registry.services import certification
from registry.services.ledger import Ledger
from registry.services.owners import Owner
from registry.services.signing import deadline, owner_key, sign
from registry.services.submission import Deed

Progress = Callable[[str], None]


@dataclass(frozen=True)
class PayoutStep:
    """What was done to a run; `allocated_fen` is what it adds, `total_fen` the cumulative total of its tree."""

    number: int
    root: str
    size: int
    allocated_fen: int
    total_fen: int
    state: str
    sent: Sent


@dataclass(frozen=True)
class Due:
    """One account's proceeds in fen: since the beginning by the active run, and what was paid of it."""

    wallet: str
    cumulative: int
    paid: int

    @property
    def due(self) -> int:
        """What can be claimed or paid now."""
        return self.cumulative - self.paid


def run(ledger: Ledger) -> PayoutStep | None:
    """As the platform: publish the next run over everything that came in since the last; None when nothing did.

    Raises ConflictError while a run waits for its attestation.
    """
    distributor = ledger.contracts.distributor
    number = distributor.current_run()
    if number != distributor.active_run():
        raise ConflictError(f"run {number} is not attested yet", hint=f"have it attested: puhui payout attest {number}")
    standing = _allocated_before(ledger, number)
    allocated = _due_issuances(ledger, standing)
    if not allocated:
        return None
    allocations = allocate(allocated, lambda issuance: contributions_of(ledger, issuance))
    due = proceeds.accumulate(proceeds_of(ledger, number), [allocations])
    folder = write_payout(ledger.home.evidence, number + 1, allocated, allocations, due)
    made = folder.payout
    call = distributor.publish_run(made.number, made.root, made.size, made.total_fen, folder.dossier)
    what = Deed(f"payout run {made.number}", "", {}, {"state": "PUBLISHED", "total_fen": str(made.total_fen)})
    return _step(made, "PUBLISHED", ledger.submitter("platform").send(call, what))


def attest(ledger: Ledger, number: int) -> PayoutStep:
    """As the verifier: recompute a run from sales and contributions, and co-sign it.

    Raises VerificationError, and signs nothing, at the first difference.
    """
    record = _record(ledger, number)
    folder = folder_of(ledger, number, record)
    sent = Sent(changed=False)
    if not record.attested:
        folder.check_files()
        standing_after(_allocated_before(ledger, number - 1), folder.payout.allocated)
        head = ledger.contracts.chain.head()
        before = proceeds_of(ledger, number - 1)
        due = check_run(
            ledger.contracts,
            folder.payout,
            folder.allocations(),
            before,
            lambda issuance: contributions_of(ledger, issuance),
            head,
        )
        check_folder(folder, due)
        made, distributor = folder.payout, ledger.contracts.distributor
        digest = distributor.hash_run(number, made.root, made.size, made.total_fen, folder.dossier)
        if digest != record.digest:
            raise VerificationError(f"run {number}: the chain holds another run", actual=record.digest.hex())
        what = Deed(f"payout run {number}", "", {"state": "PUBLISHED"}, {"state": "ATTESTED"}, record.publisher)
        sent = ledger.submitter("verifier").send(distributor.attest_run(number, digest), what)
    return _step(folder.payout, "ATTESTED", sent)


def due_of(ledger: Ledger, owner: Owner) -> Due:
    """What an account is due by the active run."""
    distributor = ledger.contracts.distributor
    table = proceeds_of(ledger, distributor.active_run())
    mine = table.filter(pl.col("account") == bytes.fromhex(owner.wallet[2:]))
    return Due(owner.wallet, int(mine["fen"].sum()), distributor.paid_of(owner.wallet))


def claim(ledger: Ledger, owner: Owner, signer: LocalAccount | None = None) -> tuple[int, Sent]:
    """Pay what an account is due as cash into its own wallet, signed by it and relayed; returns the fen.

    Raises NotFoundError when the active run has nothing for this account.
    """
    distributor, account = ledger.contracts.distributor, bytes.fromhex(owner.wallet[2:])
    number = distributor.active_run()
    mine = proceeds_of(ledger, number).with_row_index().filter(pl.col("account") == account)
    if mine.is_empty():
        raise NotFoundError(f"no run has proceeds for {owner.account_id or owner.wallet}")
    index, _, cumulative = mine.row(0)
    due = cumulative - distributor.paid_of(owner.wallet)
    if not due:
        return 0, Sent(changed=False)
    proof, until = folder_of(ledger, number, _record(ledger, number)).tree().inclusion_proof(index), deadline()
    signature = sign(owner_key(ledger, owner, signer), distributor.typed_claim(owner.wallet, cumulative, until))
    call = distributor.claim_for(owner.wallet, cumulative, index, tuple(proof), until, signature)
    what = Deed(owner.wallet, owner.wallet, {}, {"claimed_fen": str(due)})
    return due, ledger.submitter("platform").send(call, what)


def payable(ledger: Ledger, minimum_fen: int, limit: int | None = None) -> list[Due]:
    """Accounts that are due at least `minimum_fen`, by address: small sums wait until they add up."""
    least = max(minimum_fen, 1)
    table = proceeds_of(ledger, ledger.contracts.distributor.active_run()).filter(pl.col("fen") >= least)
    # From the events, and not by a call for each of a million accounts.
    paid = _paid(ledger)
    owed = ((account, fen, paid.get(account, 0)) for account, fen in table.iter_rows())
    found = islice((each for each in owed if each[1] - each[2] >= least), limit)
    return [Due(str(Web3.to_checksum_address(account)), fen, before) for account, fen, before in found]


def pay(
    ledger: Ledger, batch: str, wallets: Sequence[str], progress: Progress = lambda _: None
) -> tuple[int, list[Sent]]:
    """As the bank: record the transfers it made to these accounts, each under its own reference `batch/wallet`.

    Each is paid what it is due, once; the cash behind it is burnt. Interrupted, it can be called again with the same
    accounts or with those that are still due. Returns the number of accounts and what was sent.
    """
    accounts = pl.DataFrame({"account": [bytes.fromhex(w[2:]) for w in wallets]}, schema={"account": pl.Binary()})
    payments = _payments(ledger, accounts, batch) if wallets else []
    sent: list[Sent] = []
    for start in range(0, len(payments), MAX_PAYMENTS):
        part = payments[start : start + MAX_PAYMENTS]
        progress(f"{start + len(part):,} of {len(payments):,} payments")
        # By its accounts and not by its place, which is another one when those before are paid already.
        code = ref32("payout-batch", f"{','.join(p.account for p in part)}/{batch}")
        what = Deed(batch, "", {}, {"accounts": len(part)})
        sent.append(ledger.submitter("bank").send(ledger.contracts.distributor.pay(code, part), what))
    return len(wallets), sent


def proceeds_of(ledger: Ledger, number: int) -> pl.DataFrame:
    """The proceeds of a run, proved by its root on the chain; those of run 0 are empty. Raises EvidenceError."""
    if number == 0:
        return proceeds.empty()
    record = _record(ledger, number)
    folder = folder_of(ledger, number, record)
    folder.check_files()
    found = folder.proceeds()
    if (proceeds.root_of(found), found.height) != (record.root, record.size):
        raise EvidenceError(
            f"run {number}: the proceeds in evidence are not those of its root on the chain",
            hint="restore this run's folder from a copy",
            path=str(folder.folder),
        )
    return found


def contributions_of(ledger: Ledger, issuance: int) -> pl.DataFrame:
    """What each account gave to an issuance, in mg, by the dossier whose digest is on the chain."""
    folder = certification.dossier_of(ledger, certification.get(ledger, issuance))
    folder.check_files()
    return folder.contributions()


def folder_of(ledger: Ledger, number: int, record: RunRecord) -> PayoutEvidence:
    """The evidence of a run; raises EvidenceError unless it is that of the dossier on the chain."""
    folder = PayoutEvidence(payouts_folder(ledger.home.evidence) / f"{number:06d}-{record.root.hex()}")
    if folder.dossier != record.dossier:
        raise EvidenceError(f"run {number}: its manifest is not the one on the chain", path=str(folder.folder))
    return folder


def _record(ledger: Ledger, number: int) -> RunRecord:
    found = ledger.contracts.distributor.run(number) if number > 0 else None
    if found is None:
        raise NotFoundError(f"there is no payout run {number}", hint="`puhui payout run` makes one")
    return found


def _allocated_before(ledger: Ledger, last: int) -> dict[int, int]:
    """What runs 1 to `last` have allocated of each issuance."""
    standing: dict[int, int] = {}
    for number in range(1, last + 1):
        standing = standing_after(standing, folder_of(ledger, number, _record(ledger, number)).payout.allocated)
    return standing


def _due_issuances(ledger: Ledger, standing: dict[int, int]) -> tuple[Allocated, ...]:
    contracts = ledger.contracts
    first, head = contracts.deployment.first_block, contracts.chain.head()
    issuances = sorted({e["issuance"] for e in contracts.distributor.history(("Funded",), first, head)})
    found = [Allocated(i, standing.get(i, 0), contracts.distributor.funded_of(i)) for i in issuances]
    return tuple(each for each in found if each.fen > 0)


def _paid(ledger: Ledger) -> dict[bytes, int]:
    """All that each account was ever paid, in fen."""
    first, head = ledger.contracts.deployment.first_block, ledger.contracts.chain.head()
    events = ledger.contracts.distributor.history(("ProceedsClaimed", "ProceedsPaid"), first, head)
    return {bytes.fromhex(event["account"][2:]): event["cumulativeFen"] for event in events}


def _payments(ledger: Ledger, accounts: pl.DataFrame, batch: str) -> list[Payment]:
    """Each account's place and proof in the active run's tree, and a bank reference; raises NotFoundError."""
    number = ledger.contracts.distributor.active_run()
    table = proceeds_of(ledger, number).with_row_index()
    tree = folder_of(ledger, number, _record(ledger, number)).tree()
    mine = accounts.join(table, on="account", how="left", maintain_order="left")
    payments = []
    for account, index, fen in mine.select("account", "index", "fen").iter_rows():
        wallet = str(Web3.to_checksum_address(account))
        if fen is None:
            raise NotFoundError(f"run {number} has no proceeds for {wallet}")
        code = ref32("payout", f"{batch}/{wallet}")
        payments.append(Payment(wallet, fen, index, code, tuple(tree.inclusion_proof(index))))
    return payments


def _step(made: Payout, state: str, sent: Sent) -> PayoutStep:
    allocated = sum(each.fen for each in made.allocated)
    return PayoutStep(made.number, "0x" + made.root.hex(), made.size, allocated, made.total_fen, state, sent)
