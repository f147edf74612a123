"""The log of acts on both databases: hash chain, no gap under concurrent writers, nothing of a failed transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlmodel import Session

from registry.core.acts import Act, verify
from registry.errors import ConflictError, VerificationError
from registry.store import acts, engines, sequences
from registry.store.session import Database

GENESIS = bytes(32)
WRITERS, EACH = 8, 25


def add(session: Session, actor: str, subject: str, initiator: str | None = None) -> Act:
    sequences.serialise(session)
    return acts.append(
        session,
        GENESIS,
        at=1_700_000_000,
        actor=actor,
        role="platform",
        action="TripAnchors.anchor",
        subject=subject,
        before={"state": "SEALED"},
        after={"state": "ANCHORED", "个": 1},
        initiator=initiator,
    )


def log(database: Database) -> list[tuple[Act, bytes]]:
    with database.read() as session:
        return list(acts.all_acts(session))


def test_eight_writers_leave_one_chain_without_a_gap(database: Database) -> None:
    def write(writer: int) -> list[int]:
        return [
            database.write(lambda session, n=n: add(session, f"0x{writer}", f"{writer}/{n}")).sequence
            for n in range(EACH)
        ]

    with ThreadPoolExecutor(WRITERS) as pool:
        numbers = list(pool.map(write, range(WRITERS)))

    found = log(database)
    assert [act.sequence for act, _ in found] == list(range(1, WRITERS * EACH + 1))
    assert verify(GENESIS, found) == found[-1][1]
    assert sorted(n for mine in numbers for n in mine) == [act.sequence for act, _ in found]
    for writer in range(WRITERS):  # and each writer's own acts stand in the order it did them
        mine = [act.subject for act, _ in found if act.actor == f"0x{writer}"]
        assert mine == [f"{writer}/{n}" for n in range(EACH)]


def test_a_reader_never_sees_a_number_before_all_smaller_ones(database: Database) -> None:
    seen: list[list[int]] = []

    def write(writer: int) -> None:
        for n in range(EACH):
            database.write(lambda session, n=n: add(session, f"0x{writer}", str(n)))

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        running = [pool.submit(write, writer) for writer in range(WRITERS)]
        while not all(one.done() for one in running):
            seen.append([act.sequence for act, _ in log(database)])

    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)
    assert len(log(database)) == WRITERS * EACH


def test_what_is_rolled_back_gives_its_number_back(database: Database) -> None:
    database.write(lambda session: add(session, "0xaa", "one"))

    def fail(session: Session) -> None:
        add(session, "0xaa", "two")
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        database.write(fail)
    assert database.write(lambda session: add(session, "0xaa", "three")).sequence == 2
    assert [act.subject for act, _ in log(database)] == ["one", "three"]


def test_an_approver_is_another_one(database: Database) -> None:
    with pytest.raises(ConflictError, match="0xAA initiated this, so another one has to approve it"):
        database.write(lambda session: add(session, "0xAA", "one", initiator="0xaa"))
    assert log(database) == []
    assert database.write(lambda session: add(session, "0xbb", "one", initiator="0xaa")).initiator == "0xaa"


def test_a_row_changed_in_the_database_is_found(database: Database) -> None:
    for n in range(3):
        database.write(lambda session, n=n: add(session, "0xaa", str(n)))
    with engines.migrator_of(database.engine).begin() as connection:
        connection.execute(text("UPDATE audit_log SET subject = 'x' WHERE sequence = 2"))
    with pytest.raises(VerificationError, match="act 2"):
        verify(GENESIS, log(database))
    with engines.migrator_of(database.engine).begin() as connection:
        connection.execute(text("DELETE FROM audit_log WHERE sequence = 2"))
    with pytest.raises(VerificationError, match="act 2 is missing"):
        verify(GENESIS, log(database))
