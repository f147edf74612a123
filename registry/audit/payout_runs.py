"""Recomputing payout runs: each follows the one before, was attested, and splits what had come in, to the fen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from registry.audit.payouts import Contributions, check_folder, check_run, standing_after
from registry.audit.proceeds import Funding
from registry.audit.scope import Scope, place, require, require_equal, require_record
from registry.chain.contracts.proceeds_distributor import RunRecord
from registry.chain.logs import Event
from registry.core import proceeds
from registry.errors import VerificationError
from registry.evidence.payout import PayoutEvidence

RUNS = "payout runs attested, one after the other"
SPLITS = "payout runs recomputed from contributions"


class RunsAudit:
    """Audits all payout runs of a ledger."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.findings, self.distributor = scope, scope.findings, scope.contracts.distributor
        self.published: dict[int, Event] = {}
        self.attested: dict[int, Event] = {}
        self.allocated: dict[int, int] = {}
        """What the attested runs allocated of each issuance, in fen; incomplete when a run was not recomputed."""
        self._proceeds: dict[int, pl.DataFrame] = {0: proceeds.empty()}

    def run(
        self, fundings: Sequence[Funding], contributions: Contributions, folders: Mapping[str, PayoutEvidence]
    ) -> None:
        """`contributions` gives those recomputed of an issuance; `folders` are those whose files are unchanged."""
        self.findings.open(RUNS, "runs")
        self.findings.open(SPLITS, "runs")
        for event in self.scope.events(self.distributor, "RunPublished", "RunAttested", "RunCancelled"):
            if event.name == "RunPublished":
                self.published[event["number"]] = event
            elif event.name == "RunAttested":
                self.attested[event["number"]] = event
            else:
                self.published.pop(event["number"], None)
        for due, (number, event) in enumerate(self.published.items(), start=1):
            with self.findings.checking(RUNS):
                self._record(due, number, event)
        self._latest()
        standing: dict[int, int] = {}
        for number, event in self.published.items():
            with self.findings.checking(SPLITS):
                folder = folders.get(f"{number:06d}-{event['root'].hex()}")
                if folder is None or folder.dossier != event["dossier"]:
                    raise VerificationError(f"run {number}: no usable folder for dossier {event['dossier'].hex()}")
                standing = standing_after(standing, folder.payout.allocated)
                if number in self.attested:
                    self.allocated = standing
                self._split(number, event, folder, fundings, contributions)

    def proceeds(self, number: int) -> pl.DataFrame:
        """The recomputed proceeds of a run, those of run 0 empty; raises VerificationError when that was impossible."""
        if number not in self._proceeds:
            raise VerificationError(f"run {number}: its proceeds could not be recomputed")
        return self._proceeds[number]

    def _record(self, due: int, number: int, event: Event) -> None:
        where, attestation = f"run {number}", self.attested.get(number)
        require_equal(f"{where}: its number", number, due)
        last = number == max(self.published)
        require(attestation is not None or last, f"{where} was followed by another and never attested")
        if attestation is not None:
            require_equal(f"{where}: the digest attested", attestation["digest"], event["digest"])
            require(attestation["verifier"] != event["publisher"], f"{where}: published and attested by one key")
        content = (event["root"], event["size"], event["totalFen"], event["dossier"])
        require_equal(f"{where}: its digest", event["digest"], self.distributor.hash_run(number, *content))
        root, size, total_fen, dossier = content
        expected = RunRecord(
            root, event["digest"], size, total_fen, dossier, event["publisher"], attestation is not None
        )
        require_record(where, self.distributor.run(number, self.scope.block), expected)

    def _latest(self) -> None:
        block = self.scope.block
        expected = (max(self.published, default=0), max(self.attested, default=0))
        found = (self.distributor.current_run(block), self.distributor.active_run(block))
        if found != expected:
            self.findings.wrong(RUNS, f"latest and active run are {found} on the chain, recomputed {expected}")

    def _split(
        self,
        number: int,
        event: Event,
        folder: PayoutEvidence,
        fundings: Sequence[Funding],
        contributions: Contributions,
    ) -> None:
        where, payout = f"run {number}", folder.payout
        stated = (payout.number, payout.root, payout.size, payout.total_fen)
        published = (number, event["root"], event["size"], event["totalFen"])
        require_equal(f"{where}: number, root, size and total", published, stated)
        for each in payout.allocated:
            came = sum(f.fen for f in fundings if f.issuance == each.issuance and f.place < place(event))
            what = f"{each.funded_after} fen of issuance {each.issuance}, {came} fen had come in"
            require(each.funded_after <= came, f"{where} allocates {what}")
        before, allocations = self.proceeds(number - 1), folder.allocations()
        due = check_run(self.scope.contracts, payout, allocations, before, contributions, self.scope.block)
        check_folder(folder, due)
        self._proceeds[number] = due
