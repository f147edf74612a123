"""Orders are kept by their digest, once, and listed as they came."""

from __future__ import annotations

import pytest
from sqlmodel import Session

from registry.errors import ConflictError, NotFoundError
from registry.store import orders
from registry.store.session import Database
from registry.store.tables import OrderRow

A, B, C = ("0x" + digit * 64 for digit in "abc")
COLUMNS = list(OrderRow.model_fields)


def row(order_hash: str, **changed: object) -> OrderRow:
    fields = {
        "trader": "0x" + "11" * 20,
        "side": "SELL",
        "issuance": 1,
        "tonnes": 2,
        "limit_fen": 5_133,
        "salt": "0x" + "22" * 32,
        "expiry": 2**40,
        "signature": "0x" + "33" * 65,
        "created_at": 1_780_000_000,
    }
    assert set(changed) <= set(fields)
    return OrderRow(order_hash=order_hash, **{**fields, **changed})


def insert(database: Database, *rows: OrderRow) -> None:
    for each in rows:
        database.write(lambda session, each=each: values(orders.insert(session, each)))


def values(found: OrderRow) -> dict[str, object]:
    return {name: getattr(found, name) for name in COLUMNS}


def book(database: Database, issuance: int | None = None) -> list[str]:
    with database.read() as session:
        return [found.order_hash for found in orders.of_issuance(session, issuance)]


def test_an_order_is_read_back(database: Database) -> None:
    largest = {"tonnes": 2**63 - 1, "limit_fen": 2**63 - 1, "expiry": 2**63 - 1, "issuance": 2**32 - 1}
    insert(database, row(A), row(B, side="BUY", signature="0x", **largest))
    with database.read() as session:
        assert values(orders.get(session, A)) == values(row(A))
        assert values(orders.get(session, B)) == values(row(B, side="BUY", signature="0x", **largest))


def test_the_same_order_again_is_the_recorded_one(database: Database) -> None:
    insert(database, row(A))
    again = row(A, signature="0x" + "44" * 65, created_at=1_790_000_000)
    assert database.write(lambda session: values(orders.insert(session, again))) == values(row(A))
    with database.read() as session:
        assert values(orders.get(session, A)) == values(row(A))
    assert book(database) == [A]


def test_an_order_is_found_however_its_digest_is_written(database: Database) -> None:
    insert(database, row(A))
    with database.read() as session:
        assert orders.get(session, A.upper().replace("X", "x")).order_hash == A
        for unknown in (B, A[:-1], A + "0", A[2:], ""):
            with pytest.raises(NotFoundError) as raised:
                orders.get(session, unknown)
            assert raised.value.message == f"there is no order {unknown}"
            assert raised.value.hint == "puhui market book"


def test_orders_are_listed_oldest_first_by_issuance(database: Database) -> None:
    assert book(database) == book(database, 1) == []
    insert(database, row(C, created_at=5), row(A, created_at=7, issuance=2), row(B, created_at=5))
    assert book(database) == [B, C, A]  # of one second, by digest
    assert book(database, 1) == [B, C]
    assert book(database, 2) == [A]
    assert book(database, 3) == []


@pytest.mark.parametrize("side", ["", "sell", "Buy", "BOTH"])
def test_a_side_is_sell_or_buy(database: Database, side: str) -> None:
    with pytest.raises(ConflictError) as raised:
        insert(database, row(A, side=side))
    assert "side" in str(raised.value.__cause__)
    assert book(database) == []


def test_an_order_that_was_not_committed_is_not_there(database: Database) -> None:
    def interrupted(session: Session) -> None:
        orders.insert(session, row(A))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(interrupted)
    assert book(database) == []


def test_an_order_is_found_by_its_traders_salt(database: Database) -> None:
    other = "0x" + "44" * 20
    insert(database, row(A), row(B, salt="0x" + "55" * 32), row(C, trader=other))
    with database.read() as session:
        found = [orders.by_salt(session, trader, row(A).salt) for trader in (row(A).trader, other, "0x" + "66" * 20)]
    assert [each and each.order_hash for each in found] == [A, C, None]
