"""Recomputing epochs: every account's entitlement from its trips, every total from events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import polars as pl

from registry.audit.conversions import ConversionsAudit
from registry.audit.findings import Findings
from registry.audit.records import AnchoredBatch
from registry.chain.contracts.carbon_points import EpochEvent
from registry.chain.contracts.trip_anchors import Status
from registry.chain.deployment import Contracts
from registry.core import entitlement, methodology
from registry.core.batch import Batch
from registry.core.entitlement import ENTITLEMENT_SIZE, encode_entitlements
from registry.core.merkle import leaf_hashes
from registry.errors import VerificationError
from registry.evidence.epoch import EpochEvidence
from registry.evidence.files import same_content
from registry.evidence.tiles import encode_tree

ISSUED = "each attested batch issued once"
EVIDENCE = "epochs have their evidence"
TREES = "entitlement trees recomputed"
ENTITLED = "entitlements recomputed from trips"
SUMS = "entitlements add up to their batches"
CONVERTED = "conversions follow standing mandates"
EARNED = "earned points equal attested batches"
CONVERSIONS = "converted points equal published conversions"
CLAIMS = "claims within entitlements"
SUPPLY = "supply is claimed less redeemed and expired"


class EpochsAudit:
    """Audits all epochs of a ledger at one block."""

    def __init__(self, contracts: Contracts, block: int, findings: Findings, full: bool) -> None:
        self.contracts, self.block, self.findings, self.full = contracts, block, findings, full
        self.totals: dict[str, object] = {}
        self.standing = entitlement.empty()
        self.published: list[EpochEvent] = []
        self._conversions = ConversionsAudit(contracts, block)
        self._proved: dict[int, EpochEvidence] = {}

    def run(
        self,
        anchored: Mapping[bytes, AnchoredBatch],
        evidence: Sequence[EpochEvidence],
        sealed: Mapping[bytes, Batch],
        earned: Mapping[bytes, pl.DataFrame],
    ) -> None:
        """`earned` has, at the full level, each batch's mg by account."""
        for name, unit in self._names():
            self.findings.open(name, unit)
        self.published = self.contracts.points.published(self.contracts.deployment.first_block, self.block)
        self._issued(anchored, self.published)
        folders = {(e.epoch.number, e.epoch.root): e for e in evidence}
        for event in self.published:
            self._epoch(event, folders.get((event.number, event.root)), sealed, earned)
        self._class_totals(anchored, self.published)

    def entitlements(self, event: EpochEvent) -> pl.DataFrame:
        """The rows of an epoch that were proved by its root; raises VerificationError when they were not."""
        if event.number not in self._proved:
            raise VerificationError(f"epoch {event.number}: its entitlements could not be recomputed")
        return self._proved[event.number].entitlements()

    def _names(self) -> list[tuple[str, str]]:
        entitled = (ENTITLED, "entitlements") if self.full else (SUMS, "epochs")
        return [
            (ISSUED, "batches"),
            (EVIDENCE, "epochs"),
            (TREES, "epochs"),
            entitled,
            (CONVERTED, "epochs"),
            (EARNED, "classes"),
            (CONVERSIONS, "classes"),
            (CLAIMS, "claimants"),
            (SUPPLY, "classes"),
        ]

    def _issued(self, anchored: Mapping[bytes, AnchoredBatch], published: Sequence[EpochEvent]) -> None:
        listed = Counter(batch for event in published for batch in event.batches)
        issued = {batch_id for batch_id, item in anchored.items() if item.record.status is Status.ISSUED}
        for number, event in enumerate(published, start=1):
            record = self.contracts.points.epoch(event.number, self.block)
            if event.number != number:
                self.findings.wrong(ISSUED, f"epoch {event.number} stands where epoch {number} should")
            elif record is None or record.digest != event.digest:
                self.findings.wrong(ISSUED, f"epoch {event.number}: the chain's record is not that of its event")
            elif not record.attested and number < len(published):
                self.findings.wrong(ISSUED, f"epoch {event.number} was followed by another and never attested")
        for batch_id in sorted(issued | set(listed)):
            if listed[batch_id] == 1 and batch_id in issued:
                self.findings.right(ISSUED)
            else:
                self.findings.wrong(ISSUED, f"batch {batch_id.hex()} is listed by {listed[batch_id]} epochs")

    def _epoch(
        self,
        event: EpochEvent,
        folder: EpochEvidence | None,
        sealed: Mapping[bytes, Batch],
        earned: Mapping[bytes, pl.DataFrame],
    ) -> None:
        if folder is None or (folder.epoch.size, folder.epoch.batches) != (event.size, event.batches):
            self.findings.wrong(EVIDENCE, f"no usable folder for epoch {event.number} with root {event.root.hex()}")
            return
        self.findings.right(EVIDENCE)
        with self.findings.checking(TREES):
            recorded = folder.entitlements()
            content, root = encode_tree(leaf_hashes(encode_entitlements(recorded), ENTITLEMENT_SIZE))
            if root != event.root:
                raise VerificationError(f"epoch {event.number}: root {event.root.hex()}, recomputed {root.hex()}")
            self._proved[event.number] = folder
            if not same_content(folder.folder / "tree.bin", [content]):
                raise VerificationError(f"epoch {event.number}: tree.bin is not the tree of its entitlements")
            if self.full:
                self._entitled(event, recorded, earned)
            else:
                self._sums(event, recorded, sealed)
            with self.findings.checking(CONVERTED):
                self._conversions.check(event, folder.epoch.mandates_block, self.standing, recorded)
            self.standing = recorded

    def _entitled(self, event: EpochEvent, recorded: pl.DataFrame, earned: Mapping[bytes, pl.DataFrame]) -> None:
        missing = [batch.hex() for batch in event.batches if batch not in earned]
        if missing:
            self.findings.wrong(ENTITLED, f"epoch {event.number}: batch {missing[0]} could not be recomputed")
            return
        # What of it was converted is a check of its own, which the public level makes too.
        keys = ["account", "class", "earned_mg"]
        expected = entitlement.accumulate(self.standing, [earned[batch] for batch in event.batches]).select(keys)
        if expected.equals(recorded.select(keys)):
            self.findings.right(ENTITLED, recorded.height)
            return
        joined = expected.join(recorded, on=("account", "class"), how="full", suffix="_recorded", coalesce=True)
        odd = joined.filter(pl.col("earned_mg").ne_missing(pl.col("earned_mg_recorded"))).sort("account", "class")
        row = odd.row(0, named=True)
        self.findings.wrong(
            ENTITLED,
            f"epoch {event.number}: account 0x{row['account'].hex()} class {row['class']}: "
            f"earned {row['earned_mg_recorded']} mg, recomputed {row['earned_mg']} mg",
        )

    def _sums(self, event: EpochEvent, recorded: pl.DataFrame, sealed: Mapping[bytes, Batch]) -> None:
        # A public audit cannot tell who earned what, but nobody may have lost and the total must be the batches'.
        added = int(recorded["earned_mg"].sum()) - int(self.standing["earned_mg"].sum())
        expected = sum(sealed[b].reductionMg for b in event.batches if b in sealed)
        fallen = self.standing.join(recorded, on=("account", "class"), how="left", suffix="_now").filter(
            pl.col("earned_mg_now").is_null() | (pl.col("earned_mg_now") < pl.col("earned_mg"))
        )
        if added == expected and not fallen.height:
            self.findings.right(SUMS)
        else:
            what = f"added {added} mg, its batches hold {expected} mg; {fallen.height} accounts fell"
            self.findings.wrong(SUMS, f"epoch {event.number}: {what}")

    def _class_totals(self, anchored: Mapping[bytes, AnchoredBatch], published: Sequence[EpochEvent]) -> None:
        attested: dict[int, int] = defaultdict(int)
        for event in published:
            for batch_id in event.batches:
                if batch_id in anchored:
                    batch = anchored[batch_id].event.batch
                    attested[methodology.by_id(batch.methodology).class_id(batch.serviceDate)] += batch.reductionMg
        converted: dict[int, int] = defaultdict(int)
        for event in published:
            for class_id, mg in event.conversions:
                converted[class_id] += mg
        moved = {name: self._moved(name) for name in ("PointsClaimed", "PointsRedeemed", "PointsExpired")}
        self._claims()
        sums: dict[str, int] = defaultdict(int)
        for class_id in sorted(set(attested) | set(converted)):
            totals = self.contracts.points.totals(class_id, self.block)
            supply = self.contracts.points.total_supply(class_id, self.block)
            self._equal(EARNED, class_id, attested[class_id], totals.earned)
            self._equal(CONVERSIONS, class_id, converted[class_id], totals.converted)
            events = tuple(moved[name][class_id] for name in moved)
            chain = (totals.claimed, totals.redeemed, totals.expired)
            if events != chain:
                self.findings.wrong(SUPPLY, f"class {class_id}: events give {events}, the chain {chain}")
            else:
                self._equal(SUPPLY, class_id, totals.claimed - totals.redeemed - totals.expired, supply)
            for name in ("earned", "converted", "claimed", "redeemed", "expired"):
                sums[f"{name}_mg"] += getattr(totals, name)
            sums["supply_mg"] += supply
        sums["unclaimed_mg"] = sums["earned_mg"] - sums["converted_mg"] - sums["claimed_mg"]
        names = ("earned_mg", "converted_mg", "claimed_mg", "unclaimed_mg", "redeemed_mg", "expired_mg", "supply_mg")
        accounts = self.standing["account"].n_unique()
        self.totals = {"epochs": len(published), "accounts": accounts, **{name: sums[name] for name in names}}

    def _moved(self, name: str) -> dict[int, int]:
        amount = "mintedMg" if name == "PointsClaimed" else "mg"
        moved: dict[int, int] = defaultdict(int)
        for event in self.contracts.points.movements(name, self.contracts.deployment.first_block, self.block):
            moved[event["classId"]] += event[amount]
        return moved

    def _claims(self) -> None:
        claimed: dict[tuple[bytes, int], int] = defaultdict(int)
        first = self.contracts.deployment.first_block
        for event in self.contracts.points.movements("PointsClaimed", first, self.block):
            claimed[bytes.fromhex(event["account"][2:]), event["classId"]] += event["mintedMg"]
        rows = [{"account": account, "class": class_id, "claimed": mg} for (account, class_id), mg in claimed.items()]
        if not rows:
            return
        schema = {"account": pl.Binary(), "class": pl.UInt64(), "claimed": pl.UInt64()}
        table = pl.DataFrame(rows, schema=schema).join(self.standing, on=("account", "class"), how="left")
        allowed = pl.col("earned_mg") - pl.col("converted_mg")
        odd = table.filter(pl.col("earned_mg").is_null() | (pl.col("claimed") > allowed)).sort("account")
        if odd.height:
            row = odd.row(0, named=True)
            self.findings.wrong(
                CLAIMS,
                f"account 0x{row['account'].hex()} claimed {row['claimed']} mg, entitled to {row['earned_mg']} mg",
            )
        self.findings.right(CLAIMS, table.height - odd.height)

    def _equal(self, name: str, class_id: int, expected: int, actual: int) -> None:
        if expected == actual:
            self.findings.right(name)
        else:
            self.findings.wrong(name, f"class {class_id}: {actual} mg, recomputed {expected} mg")
