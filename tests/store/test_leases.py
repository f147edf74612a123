"""Leases on both databases: one holder at a time, by the database's word, and a token that grows with each holder."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlmodel import Session

from registry.store import leases
from registry.store.leases import Lease, LeaseLost
from registry.store.session import Database
from tests.postgres import PostgresServer

NAME, ONE, TWO, THREE = "0x" + "a1" * 20, "machine/1", "machine/2", "machine/3"
NOW, TTL = 1_760_000_000_000, 8_000
RIVALS, ROUNDS = 8, 12


def take(database: Database, holder: str, now: int, *, dead: str | None = None, name: str = NAME) -> Lease | None:
    """Take the lease in a transaction of its own."""
    return database.write(lambda session: leases.take(session, name, holder, now, TTL, dead=dead))


def taken(database: Database, holder: str, now: int) -> Lease:
    """Take the lease, which must be free."""
    lease = take(database, holder, now)
    assert lease is not None
    return lease


def keep(database: Database, lease: Lease, now: int) -> Lease:
    """Keep the lease in a transaction of its own."""
    return database.write(lambda session: leases.keep(session, lease, now, TTL))


def recorded(database: Database, name: str = NAME) -> Lease | None:
    """The lease as it stands in the database."""
    with database.read() as session:
        return leases.find(session, name)


def test_the_first_to_ask_has_it_with_token_one(database: Database) -> None:
    assert recorded(database) is None
    assert take(database, ONE, NOW) == Lease(NAME, ONE, 1, NOW + TTL)
    assert recorded(database) == Lease(NAME, ONE, 1, NOW + TTL)


def test_another_holder_has_to_wait_for_the_end_of_it(database: Database) -> None:
    first = taken(database, ONE, NOW)
    assert take(database, TWO, NOW) is None
    assert take(database, TWO, NOW + TTL - 1) is None
    assert recorded(database) == first
    assert take(database, TWO, NOW + TTL) == Lease(NAME, TWO, 2, NOW + 2 * TTL)


def test_leases_of_two_names_have_nothing_to_do_with_each_other(database: Database) -> None:
    taken(database, ONE, NOW)
    assert take(database, TWO, NOW, name="other") == Lease("other", TWO, 1, NOW + TTL)


def test_the_same_holder_extends_it_with_the_same_token(database: Database) -> None:
    taken(database, ONE, NOW)
    assert take(database, ONE, NOW + 5_000) == Lease(NAME, ONE, 1, NOW + 5_000 + TTL)
    assert take(database, TWO, NOW + TTL) is None


def test_a_holder_who_comes_back_after_the_end_of_it_gets_a_new_token(database: Database) -> None:
    stale = taken(database, ONE, NOW)
    assert take(database, ONE, NOW + TTL) == Lease(NAME, ONE, 2, NOW + 2 * TTL)
    with pytest.raises(LeaseLost):
        keep(database, stale, NOW + TTL)


def test_the_token_grows_with_every_change_of_holder(database: Database) -> None:
    tokens = []
    for turn, holder in enumerate([ONE, TWO, THREE, ONE, TWO]):
        lease = taken(database, holder, NOW + turn * TTL)
        tokens.append((lease.holder, lease.token))
        assert take(database, holder, NOW + turn * TTL + 1) is not None
        assert keep(database, lease, NOW + turn * TTL).token == lease.token
    assert tokens == [(ONE, 1), (TWO, 2), (THREE, 3), (ONE, 4), (TWO, 5)]


def test_keeping_it_extends_it(database: Database) -> None:
    lease = taken(database, ONE, NOW)
    assert keep(database, lease, NOW + TTL - 1) == Lease(NAME, ONE, 1, NOW + 2 * TTL - 1)
    assert recorded(database) == Lease(NAME, ONE, 1, NOW + 2 * TTL - 1)


def test_a_lease_that_has_ended_cannot_be_kept(database: Database) -> None:
    lease = taken(database, ONE, NOW)
    with pytest.raises(LeaseLost) as caught:
        keep(database, lease, NOW + TTL)
    assert caught.value.message == f"the lease to send for {NAME} went to another process"
    assert (caught.value.code, caught.value.exit_code, caught.value.fields) == ("lease_lost", 5, {"token": 1})
    assert recorded(database) == lease


def test_a_lease_that_another_took_over_cannot_be_kept_whatever_the_clock_says(database: Database) -> None:
    stale = taken(database, ONE, NOW)
    new = taken(database, TWO, NOW + TTL)
    for clock in (NOW, NOW + TTL, NOW + 2 * TTL):
        with pytest.raises(LeaseLost):
            keep(database, stale, clock)
    assert recorded(database) == new


def test_a_token_of_an_earlier_turn_is_no_good_in_a_later_one_of_the_same_holder(database: Database) -> None:
    stale = taken(database, ONE, NOW)
    taken(database, TWO, NOW + TTL)
    current = taken(database, ONE, NOW + 2 * TTL)
    assert (stale.holder, stale.token, current.token) == (current.holder, 1, 3)
    with pytest.raises(LeaseLost):
        keep(database, stale, NOW + 2 * TTL)
    assert keep(database, current, NOW + 2 * TTL).token == 3


def test_what_a_stale_holder_was_about_to_commit_is_not_committed(database: Database) -> None:
    stale = taken(database, ONE, NOW)
    taken(database, TWO, NOW + TTL)

    def commit(session: Session) -> None:
        session.connection().execute(text("INSERT INTO ledger_state (key, value) VALUES ('written', 'late')"))
        leases.keep(session, stale, NOW, TTL)

    with pytest.raises(LeaseLost):
        database.write(commit)
    with database.read() as session:
        assert session.connection().execute(text("SELECT count(*) FROM ledger_state")).scalar() == 0


def test_a_lease_that_was_given_back_is_anothers_at_once(database: Database) -> None:
    lease = taken(database, ONE, NOW)
    database.write(lambda session: leases.release(session, lease))
    assert recorded(database) == Lease(NAME, ONE, 1, 0)
    assert take(database, TWO, NOW + 1) == Lease(NAME, TWO, 2, NOW + 1 + TTL)


def test_giving_back_what_is_anothers_already_changes_nothing(database: Database) -> None:
    stale = taken(database, ONE, NOW)
    new = taken(database, TWO, NOW + TTL)
    database.write(lambda session: leases.release(session, stale))
    assert recorded(database) == new


def test_the_lease_of_a_process_that_has_ended_is_as_good_as_expired(database: Database) -> None:
    taken(database, ONE, NOW)
    assert take(database, TWO, NOW + 1, dead=THREE) is None
    assert take(database, TWO, NOW + 1, dead=ONE) == Lease(NAME, TWO, 2, NOW + 1 + TTL)


def test_of_many_who_want_a_lease_that_nobody_had_one_gets_it(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(RIVALS)]
    start = threading.Barrier(RIVALS)

    def race(number: int) -> list[Lease | None]:
        found = []
        for turn in range(ROUNDS):
            start.wait()
            found.append(take(databases[number], f"machine/{number}", NOW, name=f"signer {turn}"))
        return found

    with ThreadPoolExecutor(RIVALS) as pool:
        by_rival = list(pool.map(race, range(RIVALS)))
    for turn in range(ROUNDS):
        winners = [found[turn] for found in by_rival if found[turn] is not None]
        assert winners == [recorded(databases[0], f"signer {turn}")]
        assert [lease.token for lease in winners if lease is not None] == [1]
    for database in databases:
        database.close()


def test_of_many_who_want_a_lease_that_has_ended_one_gets_it(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(RIVALS)]
    start = threading.Barrier(RIVALS)
    taken(databases[0], "machine/before", NOW)

    def race(number: int) -> list[Lease | None]:
        found = []
        for turn in range(1, ROUNDS + 1):
            start.wait()
            found.append(take(databases[number], f"machine/{turn}/{number}", NOW + turn * TTL))
        return found

    with ThreadPoolExecutor(RIVALS) as pool:
        by_rival = list(pool.map(race, range(RIVALS)))
    for turn in range(1, ROUNDS + 1):
        assert [found[turn - 1].token for found in by_rival if found[turn - 1] is not None] == [turn + 1]
    for database in databases:
        database.close()


@pytest.mark.parametrize("before", ["absent", "expired"])
def test_who_loses_a_race_after_he_had_looked_finds_the_winner(
    postgres_server: PostgresServer, postgres_template: str, before: str
) -> None:
    name = postgres_server.create_database(postgres_template)
    database = Database(postgres_server.url(name))
    if before == "expired":
        taken(database, THREE, NOW - TTL)
    runs = []

    def with_rival(session: Session) -> Lease | None:
        runs.append(1)
        if len(runs) == 1:
            leases.find(session, NAME)  # the snapshot of this transaction is from before the rival's commit
            rival = threading.Thread(target=take, args=(database, TWO, NOW))
            rival.start()
            rival.join()
            session.expire_all()
        return leases.take(session, NAME, ONE, NOW, TTL)

    assert database.write(with_rival) is None
    assert len(runs) == 2
    assert recorded(database) == Lease(NAME, TWO, 1 if before == "absent" else 2, NOW + TTL)
    database.close()
    postgres_server.drop_database(name)


def test_a_lease_taken_over_while_its_holder_commits_stops_the_commit(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    name = postgres_server.create_database(postgres_template)
    database = Database(postgres_server.url(name))
    stale = taken(database, ONE, NOW)
    runs = []

    def commit(session: Session) -> None:
        runs.append(1)
        if len(runs) == 1:  # he is stopped here, for longer than his lease, and his clock knows nothing of it
            leases.find(session, NAME)
            rival = threading.Thread(target=take, args=(database, TWO, NOW + TTL))
            rival.start()
            rival.join()
        leases.keep(session, stale, NOW, TTL)

    with pytest.raises(LeaseLost):
        database.write(commit)
    assert len(runs) == 2
    assert recorded(database) == Lease(NAME, TWO, 2, NOW + 2 * TTL)
    database.close()
    postgres_server.drop_database(name)
