"""What is published beside the chain: the rows under each root, and honest books drawn from the model.

Nothing on the chain checks that rows are honest; verifiers do. So an epoch or a run may also be greedy here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from registry.core import merkle
from registry.core.allocation import split
from tests.properties.calls import PEOPLE
from tests.properties.model import Programme
from tests.properties.model_certification import MG_PER_TONNE
from tests.properties.model_points import entitlement_leaf
from tests.properties.model_proceeds import proceeds_leaf
from tests.properties.world import ACCOUNTS

Rows = dict[tuple[str, int], tuple[int, int]]  # account, class: earned and converted mg


@dataclass
class Book:
    """What stands under a root: `leaves` in the tree's order, what they say, and the honest amounts behind them."""

    leaves: tuple[bytes, ...]
    entitlements: list[tuple[str, int, int, int]] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)
    proceeds: list[tuple[str, int]] = field(default_factory=list)
    due: dict[str, int] = field(default_factory=dict)
    allocated: dict[int, int] = field(default_factory=dict)  # fen of each issuance's proceeds

    @property
    def root(self) -> bytes:
        return _root(self.leaves)

    def proof(self, index: int) -> tuple[bytes, ...]:
        return _proof(self.leaves, index)


@lru_cache(4096)
def _root(leaves: tuple[bytes, ...]) -> bytes:
    return merkle.root([merkle.leaf_hash(leaf) for leaf in leaves])


@lru_cache(4096)
def _proof(leaves: tuple[bytes, ...], index: int) -> tuple[bytes, ...]:
    return tuple(merkle.inclusion_proof([merkle.leaf_hash(leaf) for leaf in leaves], index))


def shares_of(batch_id: bytes, reduction_mg: int) -> dict[str, int]:
    """Whose trips a batch consists of: decided by its id, so that nobody has to remember it."""
    weights = {ACCOUNTS[person]: batch_id[place] for place, person in enumerate(PEOPLE)}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    return split(reduction_mg, weights)


def entitlements_after(model: Programme, batch_ids: tuple[bytes, ...]) -> Book:
    """The book of the next epoch: what the last one said, and the shares of these batches.

    What somebody newly earns is converted if the mandate stands now.
    """
    rows: Rows = dict(_book(model, model.points.epochs[-1].root).rows) if model.points.epochs else {}
    for batch_id in batch_ids:
        record = model.anchors.batches[batch_id]
        for account, mg in shares_of(batch_id, record.batch.reduction_mg).items():
            earned, converted = rows.get((account, record.class_id), (0, 0))
            new = mg if model.mandates.is_active(account) else 0
            rows[account, record.class_id] = (earned + mg, converted + new)
    return book_of_entitlements({key: row for key, row in rows.items() if row[0]})


def book_of_entitlements(rows: Rows, published: Rows | None = None) -> Book:
    """A book with these rows, under a root over `published` if somebody is greedy."""
    listed = [(account, class_id, *row) for (account, class_id), row in sorted((published or rows).items())]
    return Book(tuple(entitlement_leaf(*row) for row in listed), entitlements=listed, rows=rows)


def conversions_of(model: Programme, book: Book) -> tuple[tuple[int, int], ...]:
    """(class, mg) that a book converts beyond what was converted before."""
    sums: dict[int, int] = {}
    for (_, class_id), (_, converted) in book.rows.items():
        sums[class_id] = sums.get(class_id, 0) + converted
    known = {class_id: model.points.converted(class_id, len(model.points.epochs)) for class_id in sums}
    return tuple((one, mg - known[one]) for one, mg in sorted(sums.items()) if mg > known[one])


def _book(model: Programme, root: bytes) -> Book:
    """The book under a root; an empty one if somebody published a root of nothing."""
    book = model.evidence.get(root)
    return book if isinstance(book, Book) else Book(())


def contributors(model: Programme, issuance: int) -> dict[str, int]:
    """Whose milligrams a certification took: its interval of the class's line, first in, first out."""
    certification = model.certifications.made[issuance - 1]
    start, end = certification.from_mg, certification.from_mg + certification.tonnes * MG_PER_TONNE
    weights: dict[str, int] = {}
    at = 0
    for origin, mg in model.points.line.get(certification.class_id, []):
        entries = [(origin, mg)] if isinstance(origin, str) else _converted_in(model, origin, certification.class_id)
        for account, part in entries:
            inside = min(at + part, end) - max(at, start)
            if inside > 0:
                weights[account] = weights.get(account, 0) + inside
            at += part
    return weights


def _converted_in(model: Programme, number: int, class_id: int) -> list[tuple[str, int]]:
    """What an epoch converted for each account, ascending."""
    epochs = model.points.epochs
    after = _book(model, epochs[number - 1].root).rows
    before = _book(model, epochs[number - 2].root).rows if number > 1 else {}
    found = [
        (account, row[1] - before.get((account, one), (0, 0))[1])
        for (account, one), row in sorted(after.items())
        if one == class_id
    ]
    return [(account, mg) for account, mg in found if mg > 0]


def proceeds_now(model: Programme) -> Book:
    """The book of the next payout run: what the attested one said, and what sales have brought since."""
    distributor = model.distributor
    last = _book(model, distributor.runs[distributor.active() - 1].root) if distributor.active() else Book(())
    due, allocated = dict(last.due), dict(last.allocated)
    for issuance in sorted({one.issuance for one in model.treasury.collections.values()}):
        new = distributor.funded(issuance) - allocated.get(issuance, 0)
        if new:
            for account, fen in split(new, contributors(model, issuance) or {ACCOUNTS["an"]: 1}).items():
                due[account] = due.get(account, 0) + fen
            allocated[issuance] = allocated.get(issuance, 0) + new
    return book_of_proceeds({account: fen for account, fen in due.items() if fen}, allocated)


def book_of_proceeds(due: dict[str, int], allocated: dict[int, int], published: dict[str, int] | None = None) -> Book:
    """A book with these amounts, under a root over `published` if somebody is greedy."""
    listed = sorted((published or due).items())
    return Book(tuple(proceeds_leaf(*row) for row in listed), proceeds=listed, due=due, allocated=allocated)
