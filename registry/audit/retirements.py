"""Recomputing retirements: each certificate names the serials its transaction retired, within the offset limits."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from registry.audit.scope import Scope, require, require_equal, require_record
from registry.chain.contracts.certified_reductions import Place, SerialMove
from registry.chain.contracts.participants import Kind
from registry.chain.contracts.retirement_certificates import CertificateRecord, Purpose
from registry.chain.logs import Event
from registry.core.serial import SerialRange, merge
from registry.errors import VerificationError

CERTIFICATES = "certificates equal the serials retired"
OFFSETS = "offsets within the limits then in force"

Origin = tuple[str, str, int]  # transaction, holder, issuance
Year = tuple[bytes, int]  # entity, compliance year


class RetirementsAudit:
    """Audits every retirement of a ledger."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.findings = scope, scope.findings
        self.certificates = scope.contracts.certificates
        self.totals: dict[str, object] = {}
        self._retired: dict[Origin, deque[SerialRange]] = defaultdict(deque)
        self._references: set[tuple[str, bytes]] = set()
        self._limits: dict[Year, int] = defaultdict(int)
        self._used: dict[Year, int] = defaultdict(int)
        self._wrong: dict[Year, str] = {}

    def run(self, moves: Iterable[SerialMove], classes: dict[int, int]) -> None:
        """`moves` are all movements of serials, `classes` the class of each issuance."""
        self.findings.open(CERTIFICATES, "certificates")
        self.findings.open(OFFSETS, "compliance years")
        for move in moves:
            if move.place_to is Place.RETIRED:
                self._retired[move.transaction, move.holder_from, move.issuance].append(move.serials)
        number = 0
        for event in self.scope.events(self.certificates, "Retired", "OffsetLimitSet"):
            if event.name == "Retired":
                number += 1
                with self.findings.checking(CERTIFICATES):
                    self._certificate(number, event, classes.get(event["issuance"], 0))
            self._offset(event)
        count = self.certificates.count(self.scope.block)
        if count != number:
            self.findings.wrong(CERTIFICATES, f"the chain counts {count} certificates, events {number}")
        for (transaction, holder, issuance), left in sorted(self._retired.items()):
            if left:
                what = f"serials {left[0]} of issuance {issuance} of {holder} were retired without a certificate"
                self.findings.wrong(CERTIFICATES, f"transaction {transaction}: {what}")
        for year in sorted(self._limits.keys() | self._used.keys()):
            with self.findings.checking(OFFSETS):
                self._year(year)
        self.totals = {"certificates": number, "offset_t": sum(self._used.values())}

    def _certificate(self, number: int, event: Event, class_id: int) -> None:
        where = f"certificate {number}"
        serials = self._serials(event)  # taken first: they are this certificate's whatever else is wrong with it
        require_equal(f"{where}: its number", event["certificate"], number)
        record = self.certificates.find(number, self.scope.block)
        if record is None:
            raise VerificationError(f"{where}: the chain has no record of it")
        expected = CertificateRecord(
            number,
            event["issuance"],
            class_id,
            event["tonnes"],
            Purpose(event["purpose"]),
            event["year"],
            self.scope.time(event),
            event["holder"],
            event["entity"],
            event["beneficiary"],
            event["ref"],
            record.ranges,
        )
        require_record(where, record, expected)
        require_equal(f"{where}: its serials", [str(r) for r in merge(record.ranges)], [str(r) for r in merge(serials)])
        require_equal(f"{where}: tonnes of its serials", sum(r.count for r in serials), event["tonnes"])
        self._holder(where, record)
        reference = (event["holder"], event["ref"])
        require(reference not in self._references, f"{where}: its holder used the reference twice")
        self._references.add(reference)
        found = self.certificates.certificate_for(*reference, self.scope.block)
        require_equal(f"{where}: the certificate of its reference", found, number)

    def _serials(self, event: Event) -> list[SerialRange]:
        """What the certificate's transaction retired, as far as it has the tonnes: a transaction may retire twice."""
        left, tonnes, found = self._retired[event.transaction, event["holder"], event["issuance"]], event["tonnes"], []
        while left and tonnes > 0:
            found.append(left.popleft())
            tonnes -= found[-1].count
        return found

    def _holder(self, where: str, record: CertificateRecord) -> None:
        holder = self.scope.contracts.participants.find(record.holder, self.scope.block)
        if holder is None:
            raise VerificationError(f"{where}: its holder {record.holder} is no participant")
        require_equal(f"{where}: its entity", record.entity, holder.entity)
        if record.purpose is Purpose.COMPLIANCE:
            require_equal(f"{where}: its beneficiary", record.beneficiary, holder.entity)
            require(holder.kind is Kind.COMPLIANCE and record.year > 0, f"{where}: its holder has no compliance duty")
        else:
            require(record.year == 0, f"{where}: {record.purpose.name} for the compliance year {record.year}")

    def _offset(self, event: Event) -> None:
        if event.name == "OffsetLimitSet":
            self._limits[event["entity"], event["year"]] = event["tonnes"]
        elif event["purpose"] == Purpose.COMPLIANCE:
            self._used[event["entity"], event["year"]] += event["tonnes"]
        else:
            return
        year = (event["entity"], event["year"])
        if self._used[year] > self._limits[year]:
            what = f"{self._used[year]} t used of {self._limits[year]} t after transaction {event.transaction}"
            self._wrong.setdefault(year, what)

    def _year(self, year: Year) -> None:
        where = f"entity 0x{year[0].hex()} in {year[1]}"
        require(year not in self._wrong, f"{where}: {self._wrong.get(year)}")
        recomputed = (self._limits[year], self._used[year])
        require_equal(f"{where}: limit and use", self.certificates.offset(*year, self.scope.block), recomputed)
