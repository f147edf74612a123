"""Epochs are recorded before they are published; a cancelled one frees its number and its batches."""

from __future__ import annotations

import pytest

from registry.errors import ConflictError, NotFoundError
from registry.store import batches, epochs
from registry.store.session import Database
from registry.store.tables import BatchRow, BatchState, EpochRow, EpochState

ROOT = "0x" + "11" * 32
OTHER = "0x" + "22" * 32


def _epoch(number: int = 1, root: str = ROOT) -> EpochRow:
    return EpochRow(number=number, root=root, size=3, created_at=1_780_000_000)


def _insert(database: Database, *rows: EpochRow) -> None:
    for row in rows:
        database.write(lambda session, row=row: epochs.insert(session, row))


def test_an_unknown_epoch_is_not_found(database: Database) -> None:
    with database.read() as session:
        assert epochs.latest(session) is None
        with pytest.raises(NotFoundError, match="there is no epoch 4"):
            epochs.get(session, 4)


def test_a_number_stands_for_one_root(database: Database) -> None:
    _insert(database, _epoch(), _epoch())
    with pytest.raises(ConflictError) as caught:
        _insert(database, _epoch(root=OTHER))
    assert caught.value.message == "epoch 1 is recorded with another root"
    assert caught.value.fields == {"number": 1, "expected": ROOT, "actual": OTHER}


def test_an_epoch_moves_forward_only(database: Database) -> None:
    _insert(database, _epoch())
    with pytest.raises(ConflictError, match="epoch 1 is PREPARED; only PUBLISHED can become ATTESTED"):
        database.write(lambda session: epochs.mark_attested(session, 1, tx="0xb1"))
    assert database.write(lambda session: epochs.mark_published(session, 1, tx="0xa1", active_at=9)) is True
    assert database.write(lambda session: epochs.mark_published(session, 1, tx=None, active_at=9)) is False
    with pytest.raises(ConflictError, match="epoch 1 is PUBLISHED already, with another active_at"):
        database.write(lambda session: epochs.mark_published(session, 1, tx=None, active_at=10))
    assert database.write(lambda session: epochs.mark_attested(session, 1, tx="0xb1")) is True
    with database.read() as session:
        row = epochs.get(session, 1)
    assert (row.state, row.publish_tx, row.attest_tx, row.active_at) == (EpochState.ATTESTED, "0xa1", "0xb1", 9)


def test_a_cancelled_epoch_frees_its_number_and_its_batches(database: Database) -> None:
    batch = "0x" + "77" * 32
    row = BatchRow(
        id=batch,
        source_id="szt",
        service_date=20260601,
        sequence=0,
        methodology=1,
        trip_count=1,
        reduction_mg=1,
        trip_root=ROOT,
        leaves_digest=ROOT,
        input_digest=ROOT,
        previous="0x" + "00" * 32,
        trip_id_min="a",
        trip_id_max="b",
        sealed_at=1,
    )
    _insert(database, _epoch())
    database.write(lambda session: batches.insert(session, row))
    database.write(lambda session: batches.mark_anchored(session, batch, tx="0xa", block=1))
    database.write(lambda session: batches.mark_attested(session, batch, tx="0xb"))
    database.write(lambda session: batches.mark_issued(session, batch, epoch=1))

    assert database.write(lambda session: epochs.mark_cancelled(session, 1)) is True
    assert database.write(lambda session: epochs.mark_cancelled(session, 1)) is False
    with database.read() as session:
        released = batches.get(session, batch)
        assert (released.state, released.epoch) == (BatchState.ATTESTED, None)
        assert epochs.find(session, 1) is None
        assert epochs.latest(session) is None

    _insert(database, _epoch(root=OTHER))
    assert database.write(lambda session: batches.mark_issued(session, batch, epoch=1)) is True
    with database.read() as session:
        assert epochs.get(session, 1).root == OTHER
        assert [(found.number, found.state) for found in epochs.every(session)] == [
            (1, EpochState.CANCELLED),
            (1, EpochState.PREPARED),
        ]


def test_cancelling_what_never_was_is_not_found(database: Database) -> None:
    with pytest.raises(NotFoundError, match="there is no epoch 1"):
        database.write(lambda session: epochs.mark_cancelled(session, 1))


def test_the_latest_epoch_has_the_highest_number(database: Database) -> None:
    _insert(database, _epoch(1), _epoch(2, OTHER))
    with database.read() as session:
        latest = epochs.latest(session)
    assert latest is not None
    assert latest.number == 2
