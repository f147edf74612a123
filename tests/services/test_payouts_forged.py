"""Runs forged with every digest right: no verifier signs another split than the largest remainder's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from web3 import Web3

from registry.audit.payouts import allocate
from registry.core import proceeds
from registry.core.codes import code32
from registry.errors import ChainRevert, EvidenceError, VerificationError
from registry.evidence.payout import FILES, Allocated, PayoutEvidence, write_payout
from registry.services import payouts
from registry.services.ledger import Ledger
from tests.audit.forging import rewrite
from tests.audit.market_ledger import MANDATED
from tests.services.homes import Puhui, opened
from tests.services.payout_steps import FIRST, SECOND, audited, pay_out, sell_more

FRIEND = b"\x66" * 20


@pytest.fixture
def ledger(market_at: Callable[[str], Puhui]) -> Iterator[Ledger]:
    """One tonne of each of two issuances sold and collected; nothing is paid out."""
    with opened(market_at("sold").home) as found:
        yield found


def publish(
    ledger: Ledger,
    allocated: Sequence[Allocated],
    allocations: pl.DataFrame,
    *,
    previous: int = 0,
    due_rows: pl.DataFrame | None = None,
    change: Callable[[Path], object] | None = None,
    **changed: int,
) -> PayoutEvidence:
    """As the platform: the next run, consistent in itself; `change` is done to its folder
    before its dossier is made, `changed` are numbers said otherwise to the chain."""
    rows = proceeds.accumulate(payouts.proceeds_of(ledger, previous), [allocations]) if due_rows is None else due_rows
    folder = write_payout(ledger.home.evidence, previous + 1, tuple(allocated), allocations, rows)
    if change is not None:
        change(folder.folder)
        folder = PayoutEvidence(folder.folder)
    size, total = changed.get("size", folder.payout.size), changed.get("total_fen", folder.payout.total_fen)
    call = ledger.contracts.distributor.publish_run(previous + 1, folder.payout.root, size, total, folder.dossier)
    ledger.submitter("platform").send(call)
    return folder


def fair(ledger: Ledger, *allocated: Allocated) -> pl.DataFrame:
    return allocate(allocated, lambda issuance: payouts.contributions_of(ledger, issuance))


def moved(frame: pl.DataFrame, account: bytes, fen: int) -> pl.DataFrame:
    """`fen` of the first row's to another account."""
    first = pl.int_range(pl.len()) == 0
    less = frame.with_columns(pl.when(first).then(pl.col("fen") - fen).otherwise("fen").alias("fen"))
    row = frame.head(1).with_columns(pl.lit(account).alias("account"), pl.lit(fen, pl.UInt64).alias("fen"))
    keys = [name for name in frame.columns if name != "fen"]
    return pl.concat([less, row]).group_by(keys).agg(pl.col("fen").sum()).sort(keys).select(frame.columns)


def unsigned(ledger: Ledger, number: int = 1, forged: Path | None = None) -> str:
    """Why the verifier refused a run. Nothing was signed; the guardian cancels it and the honest run is signed.

    A `forged` folder that stands where the honest one belongs has to be taken away first.
    """
    head, distributor = ledger.contracts.chain.head(), ledger.contracts.distributor
    with pytest.raises(VerificationError) as raised:
        payouts.attest(ledger, number)
    assert ledger.contracts.chain.head() == head
    assert (distributor.current_run(), distributor.active_run()) == (number, number - 1)
    cancel = distributor.contract.functions.cancelRun(number, code32("forged", "the reason"))
    ledger.submitter("guardian").send(cancel)
    if forged is not None:
        with pytest.raises(EvidenceError):
            payouts.run(ledger)
        shutil.rmtree(forged)
    assert pay_out(ledger).total_fen == distributor.funded()
    assert audited(ledger) == {}
    return raised.value.message


def everything(ledger: Ledger) -> tuple[Allocated, Allocated]:
    assert [ledger.contracts.distributor.funded_of(issuance) for issuance in (1, 2)] == [FIRST, SECOND]
    return Allocated(1, 0, FIRST), Allocated(2, 0, SECOND)


NOT_THE_SPLIT = "payout 1: its allocations are not the largest-remainder split"


def test_the_honest_run_published_by_hand_is_signed(ledger: Ledger) -> None:
    publish(ledger, everything(ledger), fair(ledger, *everything(ledger)))
    assert payouts.attest(ledger, 1).state == "ATTESTED"


@pytest.mark.parametrize("fen", [1, 100])
@pytest.mark.parametrize("known", [True, False])
def test_a_fen_more_to_a_friend_is_not_signed(ledger: Ledger, fen: int, known: bool) -> None:
    rows = fair(ledger, *everything(ledger))
    friend = rows["account"][7] if known else FRIEND
    publish(ledger, everything(ledger), moved(rows, friend, fen))
    assert unsigned(ledger) == NOT_THE_SPLIT


def test_a_fen_more_in_the_tree_alone_is_not_signed(ledger: Ledger) -> None:
    rows = fair(ledger, *everything(ledger))
    due_rows = proceeds.accumulate(proceeds.empty(), [rows])
    publish(ledger, everything(ledger), rows, due_rows=moved(due_rows, due_rows["account"][7], 1))
    assert unsigned(ledger) == "payout 1: root or total recomputed differs from the published one"


def test_a_fen_more_than_came_in_does_not_reach_the_chain(ledger: Ledger) -> None:
    allocated = (Allocated(1, 0, FIRST), Allocated(2, 0, SECOND + 1))
    with pytest.raises(ChainRevert) as raised:
        publish(ledger, allocated, fair(ledger, *allocated))
    assert raised.value.fields["error"] == "ProceedsDistributorUnfunded"


@pytest.mark.parametrize(
    ("allocated", "said"),
    [
        ((Allocated(1, 0, FIRST + 1),), f"payout 1 allocates {FIRST + 1} fen of issuance 1, {FIRST} fen came in"),
        (
            (Allocated(1, 0, FIRST - 1), Allocated(2, 0, SECOND + 1)),
            f"payout 1 allocates {SECOND + 1} fen of issuance 2, {SECOND} fen came in",
        ),
    ],
)
def test_more_than_came_in_for_an_issuance_is_not_signed(
    ledger: Ledger, allocated: tuple[Allocated, ...], said: str
) -> None:
    """Another issuance's money covers it, so the contract cannot tell."""
    publish(ledger, allocated, fair(ledger, *allocated))
    assert unsigned(ledger) == said


def test_one_issuances_money_by_anothers_contributions_is_not_signed(ledger: Ledger) -> None:
    allocated = everything(ledger)
    publish(ledger, allocated, allocate(allocated, lambda number: payouts.contributions_of(ledger, 3 - number)))
    assert unsigned(ledger) == NOT_THE_SPLIT


@pytest.mark.parametrize(
    "again",
    [Allocated(1, 0, 7_000), Allocated(1, FIRST - 1, FIRST + 7_000), Allocated(1, FIRST + 1, FIRST + 7_000)],
    ids=["from the beginning", "a fen twice", "a fen never"],
)
def test_an_allocation_repeated_or_left_out_is_not_signed(ledger: Ledger, again: Allocated) -> None:
    pay_out(ledger)
    sell_more(ledger, 9_999)
    publish(ledger, (again,), fair(ledger, again), previous=1)
    said = f"issuance 1: {again.funded_before} fen are said to be allocated, {FIRST} fen are"
    assert unsigned(ledger, 2) == said


@pytest.mark.parametrize(
    "changed", [{"total_fen": FIRST + SECOND - 1}, {"size": MANDATED}, {"size": MANDATED + 2}], ids=str
)
def test_numbers_on_the_chain_that_are_not_the_trees_are_not_signed(ledger: Ledger, changed: dict[str, int]) -> None:
    publish(ledger, everything(ledger), fair(ledger, *everything(ledger)), **changed)
    assert unsigned(ledger) == "run 1: the chain holds another run"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("proceeds.parquet", "run 1: its proceeds in evidence are not those of its allocations"),
        ("tree.bin", "run 1: tree.bin is not the tree of its proceeds"),
    ],
)
def test_a_dossier_of_other_proceeds_than_its_roots_is_not_signed(ledger: Ledger, name: str, said: str) -> None:
    """Root, size, total and every digest fit; only nobody could claim by what the dossier answers for."""
    rows = fair(ledger, *everything(ledger))
    folder = publish(ledger, everything(ledger), rows, change=lambda made: rewrite(made, name, another(made, name)))
    assert folder.payout.root == proceeds.root_of(proceeds.accumulate(proceeds.empty(), [rows]))
    assert unsigned(ledger, forged=folder.folder) == said


def test_nobody_is_paid_by_proceeds_that_are_not_those_of_the_root(ledger: Ledger) -> None:
    """Even when a verifier signed without looking."""
    rows = fair(ledger, *everything(ledger))
    name, distributor = "proceeds.parquet", ledger.contracts.distributor
    publish(ledger, everything(ledger), rows, change=lambda made: rewrite(made, name, another(made, name)))
    record = distributor.run(1)
    assert record is not None
    ledger.submitter("verifier").send(distributor.attest_run(1, record.digest))
    assert distributor.active_run() == 1
    for owed in (lambda: payouts.payable(ledger, 1), lambda: pay_first(ledger, rows)):
        with pytest.raises(EvidenceError) as raised:
            owed()
        assert raised.value.message == "run 1: the proceeds in evidence are not those of its root on the chain"
    assert distributor.paid() == 0


def pay_first(ledger: Ledger, rows: pl.DataFrame) -> object:
    return payouts.pay(ledger, "april", [str(Web3.to_checksum_address(rows["account"][0]))])


def another(folder: Path, name: str) -> bytes | pl.DataFrame:
    """The file with a fen of the first account moved to the eighth, or with two leaves that changed places."""
    if name == "proceeds.parquet":
        rows = PayoutEvidence(folder).proceeds()
        return moved(rows, rows["account"][7], 1)
    content = (folder / name).read_bytes()
    return content[:16] + content[48:80] + content[16:48] + content[80:]


@pytest.mark.parametrize("change", ["rewritten", "gone", *FILES])
def test_evidence_changed_after_the_publication_is_not_signed(ledger: Ledger, change: str) -> None:
    folder = publish(ledger, everything(ledger), fair(ledger, *everything(ledger))).folder
    if change == "gone":
        shutil.rmtree(folder)
    elif change == "rewritten":
        rewrite(folder, "allocations.parquet", moved(fair(ledger, *everything(ledger)), FRIEND, 1))
    else:
        content = (folder / change).read_bytes()
        (folder / change).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(EvidenceError):
        payouts.attest(ledger, 1)
    assert ledger.contracts.distributor.active_run() == 0
