"""An import is found again by its request, and a request has one result."""

from __future__ import annotations

import pytest

from registry.errors import ConflictError, InputError, NotFoundError
from registry.store import imports, sources
from registry.store.session import Database
from registry.store.tables import Import, Source


def _import(request: str = "aa" * 32, **changed: object) -> Import:
    values = {
        "source_id": "szt",
        "format": "szt",
        "file_sha256": "bb" * 32,
        "request_digest": request,
        "accounts_version": 3,
        "rows": 10,
        "trips": 3,
        "rows_used": 6,
        "rejected": {"unmatched_entry": 3, "no_account": 1},
        "reduction_mg": 2**63 - 1,
        "input_digest": "cc" * 32,
        "created_at": 1_780_000_000,
    }
    return Import(**{**values, **changed})


def test_an_unknown_request_is_not_found(database: Database) -> None:
    with database.read() as session:
        assert imports.find(session, "aa" * 32) is None
        with pytest.raises(NotFoundError, match="there is no import 7"):
            imports.get(session, 7)


def test_another_result_for_the_same_request_is_a_conflict(database: Database) -> None:
    database.write(lambda session: imports.record(session, _import()))
    with pytest.raises(ConflictError) as caught:
        database.write(lambda session: imports.record(session, _import(trips=4, input_digest="dd" * 32)))
    assert caught.value.message == "import 1 recorded another result for the same request"
    assert caught.value.fields["differing"] == ["trips", "input_digest"]


@pytest.mark.parametrize("reduction_mg", [2**63, -1])
def test_a_reduction_the_column_cannot_hold_is_refused(database: Database, reduction_mg: int) -> None:
    with pytest.raises(InputError) as caught:
        database.write(lambda session: imports.record(session, _import(reduction_mg=reduction_mg)))
    assert caught.value.message == (
        f"a reduction of {reduction_mg} mg does not fit the ledger, whose limit is 2**63 - 1 mg"
    )


def test_a_recorded_import_reads_back_and_repeats(database: Database) -> None:
    made = database.write(lambda session: imports.record(session, _import()))
    again = database.write(lambda session: imports.record(session, _import()))
    assert (made.id, again.id) == (1, 1)
    with database.read() as session:
        found = imports.find(session, "aa" * 32)
    assert found is not None
    assert found.rejected == {"unmatched_entry": 3, "no_account": 1}
    assert found.reduction_mg == 2**63 - 1


def test_imports_are_listed_latest_first(database: Database) -> None:
    for number in range(3):
        database.write(lambda session, number=number: imports.record(session, _import(f"{number:064d}")))
    with database.read() as session:
        assert [row.id for row in imports.recent(session)] == [3, 2, 1]
        assert [row.id for row in imports.recent(session, limit=1)] == [3]
        assert [row.id for row in imports.of_file(session, "bb" * 32)] == [3, 2, 1]
        assert imports.of_file(session, "00" * 32) == []


def test_a_source_keeps_the_time_it_was_registered(database: Database) -> None:
    for now in (1, 2):
        database.write(lambda session, now=now: sources.register(session, "szt", now=now))
    database.write(lambda session: sources.register(session, "app", now=3))
    with database.read() as session:
        assert sources.every(session) == [
            Source(source_id="app", registered_at=3),
            Source(source_id="szt", registered_at=1),
        ]
