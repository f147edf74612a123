"""Recomputing certifications: each took the next interval of its class's pool, by three keys, and was issued once."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate

import polars as pl

from registry.audit.pool import Entitlements, Entry, certify, pool_entries
from registry.audit.scope import NOBODY, Scope, place, require, require_equal, require_record
from registry.chain.contracts.carbon_points import Channel, EpochEvent
from registry.chain.contracts.reduction_certification import CertificationRecord, CertificationStatus
from registry.chain.logs import Event
from registry.errors import VerificationError
from registry.evidence.certification import CertificationEvidence, certification_name
from registry.units import MG_PER_TONNE

POOL = "market pool recomputed from what entered it"
INTERVALS = "certifications take consecutive intervals of the pool"
DOSSIERS = "dossiers recomputed from the pool"
ISSUANCES = "each approved certification issued once"

_EVENTS = ("CertificationApplied", "CertificationVerified", "CertificationApproved", "CertificationRejected")
_OPEN = (CertificationStatus.APPLIED, CertificationStatus.VERIFIED)


class CertificationsAudit:
    """Audits the pools and all certifications of a ledger."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.findings = scope, scope.findings
        self.records: dict[int, CertificationRecord] = {}
        self.totals: dict[str, object] = {}
        self._contributions: dict[int, pl.DataFrame] = {}
        self._lines: dict[int, list[Entry]] = {}
        self._places: dict[int, list[tuple[int, int]]] = {}
        self._lengths: dict[int, list[int]] = {}
        self._taken: dict[int, int] = defaultdict(int)
        self._approvals: dict[int, Event] = {}
        self._wrong: dict[int, str] = {}

    def run(
        self,
        published: list[EpochEvent],
        entitlements: Entitlements,
        folders: Mapping[str, CertificationEvidence],
    ) -> None:
        """`entitlements` gives the proved rows of an epoch; `folders` are the dossiers whose files are unchanged."""
        for name, unit in (
            (POOL, "classes"),
            (INTERVALS, "certifications"),
            (DOSSIERS, "certifications"),
            (ISSUANCES, "issuances"),
        ):
            self.findings.open(name, unit)
        events = self.scope.events(self.scope.contracts.certification, *_EVENTS)
        classes = self._classes(published, events)
        for class_id in classes:
            self._pool(class_id, entitlements)
        for event in events:
            try:
                self._step(event)
            except VerificationError as error:
                self._wrong.setdefault(event["number"], f"certification {event['number']}: {error.message}")
        self._intervals()
        for class_id in classes:
            self._class(class_id)
        for record in self.records.values():
            if record.status is not CertificationStatus.REJECTED:  # what was wrong with it is why it was rejected
                with self.findings.checking(DOSSIERS):
                    self._dossier(record, folders.get(certification_name(record.number, record.dossier)))
        self._issuances()
        self._totals(classes)

    def contributions(self, number: int) -> pl.DataFrame:
        """What each account gave to a certification, recomputed; raises VerificationError when that was impossible."""
        if number not in self._contributions:
            raise VerificationError(f"certification {number}: its contributions could not be recomputed")
        return self._contributions[number]

    def _classes(self, published: list[EpochEvent], events: list[Event]) -> list[int]:
        """The classes of which something was converted, or certified."""
        redeemed = self.scope.events(self.scope.contracts.points, "PointsRedeemed")
        found = {event["classId"] for event in redeemed if event["channel"] == Channel.MARKET}
        found |= {class_id for epoch in published for class_id, _ in epoch.conversions}
        return sorted(found | {event["classId"] for event in events if event.name == "CertificationApplied"})

    def _pool(self, class_id: int, entitlements: Entitlements) -> None:
        try:
            entries = pool_entries(self.scope.contracts, class_id, self.scope.block, entitlements)
        except VerificationError as error:
            self.findings.wrong(POOL, error.message, **error.fields)
            return
        self._lines[class_id] = entries
        self._places[class_id] = [(entry.block, entry.index) for entry in entries]
        self._lengths[class_id] = list(accumulate((entry.mg for entry in entries), initial=0))

    def _step(self, event: Event) -> None:
        """One step of a certification; raises VerificationError when it was not due."""
        number = event["number"]
        if event.name == "CertificationApplied":
            self._apply(event)
            return
        require(number in self.records, "it was never applied for")
        # Each step is taken as the chain took it, whatever is wrong with it: what follows is then judged by itself.
        record = self.records[number]
        if event.name == "CertificationVerified":
            self.records[number] = replace(record, status=CertificationStatus.VERIFIED, verifier=event["verifier"])
            require(record.status is CertificationStatus.APPLIED, f"verified when it was {record.status.name}")
            require_equal("the dossier verified", event["dossier"], record.dossier)
            require(event["verifier"] != record.applicant, "applicant and verifier are one key")
        elif event.name == "CertificationApproved":
            self.records[number] = replace(record, status=CertificationStatus.APPROVED)
            if number not in self._approvals:
                self._taken[record.class_id] += record.tonnes * MG_PER_TONNE
                self._approvals[number] = event
            require(record.status is CertificationStatus.VERIFIED, f"approved when it was {record.status.name}")
            keys = (record.applicant, record.verifier)
            require(event["regulator"] not in keys, "the regulator's key is the applicant's or the verifier's")
        else:
            require(record.status in _OPEN, f"rejected when it was {record.status.name}")
            self.records[number] = replace(record, status=CertificationStatus.REJECTED, reason=event["reason"])

    def _apply(self, event: Event) -> None:
        number, class_id, tonnes, from_mg = event["number"], event["classId"], event["tonnes"], event["fromMg"]
        require(number not in self.records, "it was applied for twice")
        opened = self._open(class_id)
        self.records[number] = CertificationRecord(
            number,
            class_id,
            tonnes,
            from_mg,
            event["dossier"],
            event["applicant"],
            NOBODY,
            CertificationStatus.APPLIED,
            bytes(32),
        )
        require_equal("its number", number, len(self.records))
        require(not opened, f"certification {opened} of its class was open")
        require_equal("the start of its interval", from_mg, self._taken[class_id])
        if class_id in self._lines:
            held = self._lengths[class_id][bisect_left(self._places[class_id], place(event))]
            end = from_mg + tonnes * MG_PER_TONNE
            require(end <= held, f"its interval ends at {end} mg, the pool held {held} mg")

    def _open(self, class_id: int) -> int:
        """The open certification of a class; 0 when there is none."""
        found = [r.number for r in self.records.values() if r.class_id == class_id and r.status in _OPEN]
        return found[0] if found else 0

    def _intervals(self) -> None:
        contracts, block = self.scope.contracts, self.scope.block
        count = contracts.certification.count(block)
        if count != len(self.records):
            self.findings.wrong(
                INTERVALS, f"the chain counts {count} certifications, {len(self.records)} were applied for"
            )
        for number in sorted(self.records.keys() | self._wrong.keys()):
            with self.findings.checking(INTERVALS):
                require(number not in self._wrong, self._wrong.get(number, ""))
                found = contracts.certification.find(number, block)
                require_record(f"certification {number}", found, self.records[number])

    def _class(self, class_id: int) -> None:
        """What the chain says of a class's pool follows from the certifications."""
        if class_id not in self._lines:
            return
        contracts, block, opened = self.scope.contracts, self.scope.block, self._open(class_id)
        taken = self._taken[class_id] + (self.records[opened].tonnes * MG_PER_TONNE if opened else 0)
        held = self._lengths[class_id][-1]
        with self.findings.checking(POOL):
            where = f"class {class_id}:"
            require_equal(f"{where} the open certification", contracts.certification.open_of(class_id, block), opened)
            require_equal(f"{where} certified mg", contracts.certification.certified_mg(class_id, block), taken)
            require_equal(
                f"{where} mg left in the pool", contracts.certification.pool_mg(class_id, block), held - taken
            )

    def _dossier(self, record: CertificationRecord, folder: CertificationEvidence | None) -> None:
        number, class_id = record.number, record.class_id
        require(class_id in self._lines, f"certification {number}: the pool of class {class_id} is not known")
        expected, contributions = certify(number, class_id, record.tonnes, record.from_mg, self._lines[class_id])
        self._contributions[number] = contributions
        if folder is None:
            raise VerificationError(f"certification {number}: no usable folder for dossier {record.dossier.hex()}")
        require_record(f"certification {number}: dossier", folder.certification, expected)
        stated = folder.contributions()
        if not stated.equals(contributions):
            joined = contributions.join(stated, on="account", how="full", suffix="_stated", coalesce=True)
            row = joined.filter(pl.col("mg").ne_missing(pl.col("mg_stated"))).sort("account").row(0, named=True)
            who = f"account 0x{row['account'].hex()}"
            raise VerificationError(
                f"certification {number}: {who} gave {row['mg_stated']} mg, recomputed {row['mg']} mg"
            )

    def _issuances(self) -> None:
        contracts = self.scope.contracts
        issued = self.scope.events(contracts.reductions, "ReductionsIssued")
        times = Counter(event["issuance"] for event in issued)
        by_number = {event["issuance"]: event for event in issued}
        for number in sorted(self._approvals.keys() | times.keys()):
            with self.findings.checking(ISSUANCES):
                require(number in self._approvals, f"issuance {number} has no approved certification")
                require(times[number] == 1, f"certification {number} was issued {times[number]} times")
                record, event = self.records[number], by_number[number]
                for name, expected in (
                    ("classId", record.class_id),
                    ("tonnes", record.tonnes),
                    ("dossier", record.dossier),
                    ("to", contracts.treasury.address),
                ):
                    require_equal(f"issuance {number}: {name}", event[name], expected)
                approved = self._approvals[number].transaction
                require_equal(f"issuance {number}: its transaction", event.transaction, approved)

    def _totals(self, classes: list[int]) -> None:
        statuses = Counter(record.status.name for record in self.records.values())
        market = sum(self.scope.contracts.points.market_mg(class_id, self.scope.block) for class_id in classes)
        certified = sum(self._taken.values())
        self.totals = {
            "certifications": len(self.records),
            "certifications_by_status": dict(sorted(statuses.items())),
            "market_mg": market,
            "certified_mg": certified,
            "not_certified_mg": market - certified,
        }
