"""Batches follow one another, move forward only, and are found by what a person types."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import Session

from registry.errors import ConflictError, InputError, NotFoundError
from registry.store import batches
from registry.store.session import Database
from registry.store.tables import BatchRow, BatchState

DAY = 20260601
NONE = "0x" + "00" * 32


def _batch(number: int, sequence: int = 0, previous: str = NONE, **changed: object) -> BatchRow:
    values = {
        "id": f"0x{number:064x}",
        "source_id": "szt",
        "service_date": DAY,
        "sequence": sequence,
        "methodology": 1,
        "trip_count": 2,
        "reduction_mg": 1_500,
        "trip_root": "0x" + "11" * 32,
        "leaves_digest": "0x" + "22" * 32,
        "input_digest": "0x" + "33" * 32,
        "previous": previous,
        "trip_id_min": "t-100",
        "trip_id_max": "t-200",
        "sealed_at": 1_780_000_000,
    }
    return BatchRow(**{**values, **changed})


def _insert(database: Database, *rows: BatchRow) -> None:
    for row in rows:
        database.write(lambda session, row=row: batches.insert(session, row))


def _state(database: Database, batch_id: str) -> BatchState:
    with database.read() as session:
        return batches.get(session, batch_id).state


def _advance(session: Session, batch_id: str, to: BatchState) -> None:
    batches.mark_anchored(session, batch_id, tx="0xa1", block=7)
    if to in (BatchState.ATTESTED, BatchState.ISSUED):
        batches.mark_attested(session, batch_id, tx="0xb1")
    if to is BatchState.ISSUED:
        batches.mark_issued(session, batch_id, epoch=1)
    if to is BatchState.REJECTED:
        batches.mark_rejected(session, batch_id)


@pytest.mark.parametrize("text", ["", "0x", "0x1234567", "1234567", "0x" + "1" * 65, "xyzxyzxyz", "0x12345678 "])
def test_what_is_no_batch_id_is_refused(database: Database, text: str) -> None:
    with database.read() as session, pytest.raises(InputError) as caught:
        batches.get(session, text)
    assert caught.value.message == f"{text!r} is no batch id"


def test_an_unknown_batch_is_not_found(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFoundError, match="there is no batch 0x12345678"):
        batches.get(session, "12345678")


def test_an_ambiguous_beginning_is_a_conflict(database: Database) -> None:
    first, second = "0x12345678" + "a" * 56, "0x12345678" + "b" * 56
    _insert(database, _batch(0, id=first), _batch(0, 1, first, id=second))
    with database.read() as session:
        with pytest.raises(ConflictError, match="several batches begin with 0x12345678"):
            batches.get(session, "0x12345678")
        assert batches.get(session, "12345678B").id == second
        assert batches.get(session, first).id == first


@pytest.mark.parametrize(
    ("sequence", "previous"), [(0, NONE), (2, "0x" + f"{1:064x}"), (1, NONE), (1, "0x" + f"{9:064x}")]
)
def test_a_batch_must_follow_the_last_of_its_stream(database: Database, sequence: int, previous: str) -> None:
    _insert(database, _batch(1))
    with pytest.raises(ConflictError) as caught:
        _insert(database, _batch(2, sequence, previous))
    assert caught.value.message == f"batch 0x{2:064x} does not follow the last batch of szt for {DAY}"
    assert caught.value.fields == {"expected_sequence": 1, "sequence": sequence}


def test_another_batch_under_a_known_id_is_a_conflict(database: Database) -> None:
    _insert(database, _batch(1))
    with pytest.raises(ConflictError) as caught:
        _insert(database, _batch(1, reduction_mg=9, trip_count=1))
    assert caught.value.message == f"batch 0x{1:064x} is recorded with another trip_count and reduction_mg"


def test_a_reduction_the_column_cannot_hold_is_refused(database: Database) -> None:
    with pytest.raises(InputError, match="does not fit the ledger"):
        _insert(database, _batch(1, reduction_mg=2**63))


def test_the_same_batch_again_is_the_recorded_one(database: Database) -> None:
    _insert(database, _batch(1))
    database.write(lambda session: _advance(session, _batch(1).id, BatchState.ANCHORED))
    again = database.write(lambda session: batches.insert(session, _batch(1)))
    assert (again.state, again.anchor_block) == (BatchState.ANCHORED, 7)


def test_places_count_from_zero_and_a_rejected_batch_keeps_its_own(database: Database) -> None:
    with database.read() as session:
        assert batches.next_place(session, "szt", DAY) == (0, NONE)
    _insert(database, _batch(1), _batch(5, source_id="app"), _batch(6, service_date=DAY + 1))
    database.write(lambda session: _advance(session, _batch(1).id, BatchState.REJECTED))
    with database.read() as session:
        assert batches.next_place(session, "szt", DAY) == (1, _batch(1).id)
    _insert(database, _batch(2, 1, _batch(1).id))
    with database.read() as session:
        assert batches.next_place(session, "szt", DAY) == (2, _batch(2).id)


MARKS = {
    BatchState.ANCHORED: lambda session, batch: batches.mark_anchored(session, batch, tx="0xa1", block=7),
    BatchState.ATTESTED: lambda session, batch: batches.mark_attested(session, batch, tx="0xb1"),
    BatchState.ISSUED: lambda session, batch: batches.mark_issued(session, batch, epoch=1),
    BatchState.REJECTED: lambda session, batch: batches.mark_rejected(session, batch),
}
LEGAL = {
    (BatchState.SEALED, BatchState.ANCHORED),
    (BatchState.ANCHORED, BatchState.ATTESTED),
    (BatchState.ANCHORED, BatchState.REJECTED),
    (BatchState.ATTESTED, BatchState.ISSUED),
    (BatchState.ATTESTED, BatchState.REJECTED),
}


@pytest.mark.parametrize("start", list(BatchState))
def test_only_legal_moves_are_made(database: Database, start: BatchState) -> None:
    for number, (target, mark) in enumerate(MARKS.items()):
        row = _batch(number, source_id=f"source-{number}")
        batch = row.id
        _insert(database, row)
        if start is not BatchState.SEALED:
            database.write(lambda session, batch=batch: _advance(session, batch, start))
        if (start, target) in LEGAL or start is target:
            assert database.write(lambda session: mark(session, batch)) is (start is not target)  # noqa: B023
            assert _state(database, batch) is target
            continue
        with pytest.raises(ConflictError) as caught:
            database.write(lambda session: mark(session, batch))  # noqa: B023
        assert caught.value.message.startswith(f"batch {batch} is {start}; only ")
        assert caught.value.message.endswith(f" can become {target}")
        assert _state(database, batch) is start


def test_a_mark_with_another_value_is_a_conflict_and_an_unknown_value_is_not(database: Database) -> None:
    batch = _batch(1).id
    _insert(database, _batch(1))
    database.write(lambda session: batches.mark_anchored(session, batch, tx="0xa1", block=7))
    assert database.write(lambda session: batches.mark_anchored(session, batch, tx=None, block=None)) is False
    with pytest.raises(ConflictError) as caught:
        database.write(lambda session: batches.mark_anchored(session, batch, tx="0xff", block=7))
    assert caught.value.message == f"batch {batch} is ANCHORED already, with another anchor_tx"


def test_marking_an_unknown_batch_is_not_found(database: Database) -> None:
    with pytest.raises(NotFoundError):
        database.write(lambda session: batches.mark_rejected(session, _batch(1).id))


def test_of_many_who_mark_one_moves(database: Database) -> None:
    batch = _batch(1).id
    _insert(database, _batch(1))

    def mark(_number: int) -> bool:
        return database.write(lambda session: batches.mark_anchored(session, batch, tx="0xa1", block=7))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(mark, range(8))) == 1


def test_of_many_who_insert_at_one_place_one_does(database: Database) -> None:
    def insert(number: int) -> str:
        try:
            return database.write(lambda session: batches.insert(session, _batch(number + 1))).id
        except ConflictError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(insert, range(8)))
    assert answers.count("conflict") == 7


def test_batches_are_selected_by_state_day_source_and_import(database: Database) -> None:
    _insert(
        database, _batch(1), _batch(2, 1, _batch(1).id), _batch(3, source_id="app"), _batch(4, service_date=DAY - 1)
    )
    database.write(lambda session: _advance(session, _batch(1).id, BatchState.ATTESTED))

    def ids(**wanted: object) -> list[int]:
        with database.read() as session:
            return [int(row.id, 16) for row in batches.select_batches(session, **wanted)]  # type: ignore[arg-type]

    assert ids() == [4, 3, 1, 2]
    assert ids(service_date=DAY) == [3, 1, 2]
    assert ids(source_id="szt", service_date=DAY) == [1, 2]
    assert ids(states=[BatchState.ATTESTED]) == [1]
    assert ids(states=[BatchState.SEALED, BatchState.ATTESTED], limit=2) == [4, 3]
    assert ids(import_id=1) == []


def test_rejected_batches_do_not_count_on_their_day(database: Database) -> None:
    _insert(
        database, _batch(1), _batch(2, 1, _batch(1).id), _batch(3, source_id="app"), _batch(4, service_date=DAY - 1)
    )
    database.write(lambda session: _advance(session, _batch(1).id, BatchState.REJECTED))
    with database.read() as session:
        assert [int(row.id, 16) for row in batches.counting_on(session, DAY)] == [3, 2]


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        ("t-000", "t-099", []),
        ("t-000", "t-100", [1]),
        ("t-150", "t-160", [1]),
        ("t-200", "t-900", [1]),
        ("t-201", "t-900", []),
        ("t-000", "z", [1]),
        # By bytes: capitals come before every small letter, whatever the server's locale says.
        ("S-500", "T-999", []),
        ("T-150", "t-150", [1]),
    ],
)
def test_batches_overlap_by_trip_id(database: Database, low: str, high: str, found: list[int]) -> None:
    _insert(database, _batch(1), _batch(3, source_id="app"))
    with database.read() as session:
        assert [int(row.id, 16) for row in batches.overlapping(session, "szt", low, high)] == found


def test_a_rejected_batch_overlaps_nothing(database: Database) -> None:
    _insert(database, _batch(1))
    database.write(lambda session: _advance(session, _batch(1).id, BatchState.REJECTED))
    with database.read() as session:
        assert batches.overlapping(session, "szt", "t-100", "t-200") == []


def test_totals_are_exact_beyond_64_bits(database: Database) -> None:
    most = 2**63 - 1
    _insert(database, _batch(1, reduction_mg=most), _batch(2, 1, _batch(1).id, reduction_mg=most))
    with database.read() as session:
        totals = batches.totals(session)
        assert batches.count(session) == 2
    assert totals[BatchState.SEALED] == (2, 2 * most)
    assert totals[BatchState.ISSUED] == (0, 0)
