"""The chain's events as rows: all of them once, in order, whoever reads them, and equal when they are read again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from registry.chain import event_reader
from registry.errors import ChainMismatch
from registry.services import indexer
from registry.services.ledger import Ledger
from registry.store import chain_events
from registry.store.chain_events import Place
from registry.store.log_tables import EventRow
from tests.services.homes import Puhui, opened


def rows(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.db.read() as session:
        return [row.model_dump() for row in chain_events.after(session, 0, 10_000)]


def place(ledger: Ledger) -> Place | None:
    with ledger.db.read() as session:
        return chain_events.cursor(session)


def test_every_event_is_a_row_in_the_order_of_the_chain(make_ledger: Callable[..., Puhui]) -> None:
    with opened(make_ledger("claimed").home) as ledger:
        ledger.db.write(lambda session: chain_events.forget_from(session, 0, None))
        done = indexer.sync(ledger)

        found = rows(ledger)
        assert [row["sequence"] for row in found] == list(range(1, len(found) + 1))
        places = [(row["block"], row["log_index"]) for row in found]
        assert places == sorted(set(places))
        assert (done.block, done.added) == (ledger.contracts.chain.head(), len(found))
        points = ledger.contracts.points
        first, last = ledger.contracts.deployment.first_block, done.block
        expected = points.history(("PointsClaimed", "EpochPublished", "EpochAttested"), first, last)
        mine = [row for row in found if row["name"] in ("PointsClaimed", "EpochPublished", "EpochAttested")]
        assert [(e.block, e.index, e.name, e.transaction) for e in expected] == [
            (row["block"], row["log_index"], row["name"], row["tx_hash"]) for row in mine
        ]
        (claimed,) = [row for row in mine if row["name"] == "PointsClaimed"]
        (event,) = points.history(("PointsClaimed",), first, last)
        assert claimed["arguments"]["account"] == event["account"]
        assert {row["contract"] for row in found} >= {"AccessManager", "TripAnchors", "CarbonPoints"}
        assert indexer.sync(ledger) == indexer.Indexed(done.block, 0, 0)
        assert indexer.lag(ledger) == 0


def test_read_again_from_nothing_the_rows_are_the_same(
    make_ledger: Callable[..., Puhui], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(make_ledger("claimed").home) as ledger:
        indexer.sync(ledger)
        before = rows(ledger)
        monkeypatch.setattr(event_reader, "CHUNK_BLOCKS", 7)

        done = indexer.rebuild(ledger)

        assert (done.removed, done.added) == (len(before), len(before))
        assert rows(ledger) == before


def test_several_readers_at_once_add_each_event_once(
    make_ledger: Callable[..., Puhui], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(make_ledger("claimed").home) as ledger:
        indexer.sync(ledger)
        expected = rows(ledger)
        ledger.db.write(lambda session: chain_events.forget_from(session, 0, None))
        monkeypatch.setattr(event_reader, "CHUNK_BLOCKS", 3)

        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda _: indexer.sync(ledger), range(8)))

        assert rows(ledger) == expected
        assert sum(one.added for one in done) == len(expected)


@pytest.mark.parametrize(
    ("block", "block_hash", "said"),
    [(10_000, "0x" + "11" * 32, "blocks have vanished"), (20, "0x" + "22" * 32, "is not the one that was read before")],
)
def test_a_block_that_is_gone_is_an_incident_with_a_way_out(
    make_ledger: Callable[..., Puhui], block: int, block_hash: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BEHIND_S", 0)
    with opened(make_ledger("claimed").home) as ledger:
        indexer.sync(ledger)
        before = rows(ledger)
        ledger.db.write(lambda session: _move_cursor(session, Place(block, block_hash)))

        with pytest.raises(ChainMismatch, match=said) as caught:
            indexer.sync(ledger)

        assert caught.value.hint == indexer.WAY_OUT
        assert rows(ledger) == before
        indexer.rebuild(ledger)
        assert rows(ledger) == before


def test_a_command_that_writes_follows_the_chain_and_none_begins_in_an_incident(
    make_ledger: Callable[..., Puhui], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BEHIND_S", 0)
    puhui = make_ledger("sealed")
    puhui("anchor")
    with opened(puhui.home, writing=False) as ledger:
        head = ledger.contracts.chain.head()
        assert place(ledger) == Place(head, ledger.contracts.chain.block_hash(head))
        ledger.db.write(lambda session: _move_cursor(session, Place(head, "0x" + "33" * 32)))

    error = puhui.fails("attest", code=3)

    assert (error["code"], error["hint"]) == ("chain_mismatch", indexer.WAY_OUT)
    assert error["message"] == f"INCIDENT: block {head} is not the one that was read before: the chain was changed"
    assert puhui.json("reindex", "--from-chain")["block"] == head
    puhui("attest")


def test_a_node_that_is_behind_others_is_waited_for(
    make_ledger: Callable[..., Puhui], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(make_ledger("claimed").home) as ledger:
        known, chain = place(ledger), ledger.contracts.chain
        assert known is not None
        heads = [known.block - 2, known.block - 1]
        head = chain.head
        monkeypatch.setattr(type(chain), "head", lambda _: heads.pop(0) if heads else head())
        indexer.require_standing(ledger.contracts, known)
        assert heads == []


def _move_cursor(session: Any, to: Place) -> None:
    row = session.get(chain_events.CursorRow, chain_events.LOG)
    row.block, row.block_hash = to.block, to.block_hash
    session.add(row)


def test_the_numbers_go_on_after_a_part_was_forgotten(make_ledger: Callable[..., Puhui]) -> None:
    with opened(make_ledger("claimed").home) as ledger:
        indexer.sync(ledger)
        expected = rows(ledger)
        middle = expected[len(expected) // 2]["block"]
        kept = Place(middle - 1, ledger.contracts.chain.block_hash(middle - 1))

        gone = ledger.db.write(lambda session: chain_events.forget_from(session, middle, kept))

        assert gone == sum(row["block"] >= middle for row in expected)
        assert place(ledger) == kept
        indexer.sync(ledger)
        assert rows(ledger) == expected
        assert EventRow.__tablename__ == "chain_events"
