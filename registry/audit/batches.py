"""Recomputing one batch from its evidence: what the public leaves show, and what the private openings add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from registry.core import methodology
from registry.core.entitlement import earned_by_account
from registry.core.leaf import (
    LEAF_SIZE,
    SALT_SIZE,
    canonical_column,
    commitments,
    encode_leaves,
    fixed_bytes,
)
from registry.core.merkle import leaf_hashes
from registry.core.methodology import Methodology
from registry.core.reduction import reduction_mg
from registry.core.rules import service_date, trip_reason
from registry.errors import VerificationError
from registry.evidence.batch import BatchEvidence
from registry.evidence.files import same_content
from registry.evidence.openings import openings_content
from registry.evidence.tiles import encode_tree

Step = tuple[str, Callable[[], None]]


@dataclass
class BatchAudit:
    """The recomputation of one batch. Each method raises VerificationError naming the first wrong row."""

    evidence: BatchEvidence

    def __post_init__(self) -> None:
        self.batch = self.evidence.batch
        self.spec: Methodology = methodology.by_id(self.batch.methodology)
        self.leaves = self.evidence.leaves()
        self.private = self.evidence.private() if self.evidence.has_private else None
        self.encoded = b""

    @property
    def name(self) -> str:
        """How the batch is named in findings."""
        return f"batch {self.evidence.id.hex()}"

    def public_steps(self) -> list[Step]:
        """What anyone can check, in order."""
        return [
            ("reductions recomputed", self.check_reductions),
            ("tags strictly ascending", self.check_tag_order),
            ("trip trees recomputed", self.check_tree),
        ]

    def private_steps(self) -> list[Step]:
        """What the openings add."""
        return [
            ("openings match commitments", self.check_openings),
            ("input rules hold for every trip", self.check_rules),
        ]

    def check_reductions(self) -> None:
        """Every reduction is the methodology's, and they add up to the batch."""
        limits = (self.spec.min_distance_m, self.spec.max_distance_m)
        table = self.leaves.with_columns(
            reduction_mg(self.spec, by_code=True).alias("expected"),
            pl.col("distance_m").is_between(*limits).alias("fits"),
        )
        odd = table.with_row_index().filter(
            ~pl.col("fits") | pl.col("expected").is_null() | pl.col("expected").ne_missing(pl.col("reduction_mg"))
        )
        if odd.height:
            row = odd.row(0, named=True)
            raise self._wrong(
                row["index"],
                f"mode {row['mode']}, {row['distance_m']} m: reduction {row['reduction_mg']} mg, "
                f"recomputed {row['expected'] if row['fits'] else 'none, the distance is out of range'}",
            )
        self._equal("trip count", self.batch.tripCount, self.leaves.height)
        self._equal("reduction_mg", self.batch.reductionMg, int(self.leaves["reduction_mg"].sum()))

    def check_tag_order(self) -> None:
        """Tags ascend strictly, so the batch holds no journey twice."""
        halves = fixed_bytes(self.leaves["tag"], 16).reshape(-1).view(">u8").reshape(-1, 2).astype(np.uint64)
        high, low = halves[:, 0], halves[:, 1]
        rising = (high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))
        if not rising.all():
            index = int(np.argmin(rising)) + 1
            raise self._wrong(index, "its tag is not above the one before it")

    def check_tree(self) -> None:
        """The leaves hash to the anchored root, and `tree.bin` is exactly their tree."""
        self.encoded = encode_leaves(self.leaves)
        content, root = encode_tree(leaf_hashes(self.encoded, LEAF_SIZE))
        self._equal("trip root", self.batch.tripRoot.hex(), root.hex())
        if not same_content(self.evidence.folder / "tree.bin", [content]):
            raise VerificationError(f"{self.name}: tree.bin is not the tree of its leaves")

    def check_openings(self) -> None:
        """Every opening matches its leaf's commitment, and `openings.bin` says the same."""
        private = self._private()
        self._equal("openings", self.leaves.height, private.height)
        salts = fixed_bytes(private["salt"], SALT_SIZE).tobytes()
        canonical = canonical_column(private, self.batch.source)
        computed, recorded = commitments(salts, canonical), self.leaves["commitment"].to_list()
        if computed != recorded:
            index = next(i for i, pair in enumerate(zip(computed, recorded, strict=True)) if pair[0] != pair[1])
            raise self._wrong(index, "its opening does not match its commitment")
        content = openings_content(private["trip_id"], self.encoded, salts, canonical)
        if not same_content(self.evidence.folder / "openings.bin", content):
            raise VerificationError(f"{self.name}: openings.bin does not hold the batch's openings")

    def check_rules(self) -> None:
        """No input rule speaks against any trip, and each is of the batch's service day and consented."""
        names = {mode.code: mode.name for mode in self.spec.modes}
        modes = self.leaves["mode"].cast(pl.Int64).replace_strict(names, default=None, return_dtype=pl.String)
        distance = self.leaves["distance_m"].cast(pl.Int64)
        table = self._private().with_columns(modes.alias("mode"), distance.alias("distance_m"))
        table = table.with_columns(trip_reason(self.spec).alias("reason"), service_date().alias("day"))
        odd = table.with_row_index().filter(
            pl.col("reason").is_not_null()
            | (pl.col("day") != self.batch.serviceDate)
            | pl.col("consent_at").is_null()
            | (pl.col("consent_at") > pl.col("board_time"))
        )
        if odd.height:
            row = odd.row(0, named=True)
            raise self._wrong(row["index"], f"rule {row['reason'] or 'service day or consent'} speaks against it")

    def earned(self) -> pl.DataFrame:
        """The mg each account earned in this batch: account (20 bytes), class, earned_mg."""
        return earned_by_account(self._private()["wallet"], self.leaves["reduction_mg"], self.class_id)

    @property
    def class_id(self) -> int:
        """The points class of the batch."""
        return self.spec.class_id(self.batch.serviceDate)

    def _private(self) -> pl.DataFrame:
        if self.private is None:
            raise VerificationError(f"{self.name}: its private evidence is not here")
        return self.private

    def _wrong(self, index: int, what: str) -> VerificationError:
        row = None if self.private is None or index >= self.private.height else self.private["row"][index]
        where = f"{self.name} leaf {index}" + (f" (input row {row})" if row is not None else "")
        return VerificationError(f"{where}: {what}", batch=self.evidence.id.hex(), leaf=index, row=row)

    def _equal(self, what: str, expected: object, actual: object) -> None:
        if expected != actual:
            raise VerificationError(f"{self.name}: {what} is {actual}, expected {expected}")
