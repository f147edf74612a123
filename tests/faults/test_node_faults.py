"""A sample of the campaigns of `tests.faults.node_runs`: lost replies, a stalled network, a node that restarts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults import node_replies, node_restarts, node_stall
from tests.faults.node_ground import make_embedded, make_on_anvil, on_anvil, on_embedded

REPLIES, STALL_S, RESTARTS = 12, 2, 2


@pytest.fixture(scope="module")
def on_anvil_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger on an anvil that has ended, to be copied."""
    return make_on_anvil(tmp_path_factory.mktemp("anvil"))


@pytest.fixture
def folder(on_anvil_once: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(on_anvil_once, tmp_path / "node"))


def test_an_operation_whose_reply_is_lost_late_or_doubled_is_confirmed_and_mined_once(folder: Path) -> None:
    done = node_replies.replies(folder, REPLIES, seed=3)
    assert done.wrong == []
    assert sum(done.ways.values()) == REPLIES
    assert set(done.injected) == {"drop_reply", "delay", "duplicate"}
    assert done.unknown >= 1


def test_when_half_of_the_validators_are_away_operations_queue_and_are_mined_in_order_afterwards(folder: Path) -> None:
    (done,) = node_stall.stalls(folder, 1, STALL_S)
    assert done.wrong == []
    assert done.decided_during >= 1
    assert done.confirmed_during == 0
    assert done.waiting_at_its_end >= done.decided_during
    assert sorted(done.reads) == ["database", "eth_call", "events"]
    assert all(read["answers"] >= 1 for read in done.reads.values())


def test_a_node_that_restarts_and_forgets_its_pool_loses_no_event_and_doubles_none(folder: Path) -> None:
    with on_anvil(folder, node_restarts.FACTOR, node_restarts.TIMEOUT_S) as on:
        _restarts(node_restarts.restarts(on, RESTARTS))


def test_a_node_that_is_killed_loses_no_event_and_doubles_none(tmp_path: Path) -> None:
    with on_embedded(make_embedded(tmp_path), node_restarts.FACTOR, node_restarts.TIMEOUT_S) as on:
        _restarts(node_restarts.restarts(on, RESTARTS))


def _restarts(done: node_restarts.Restarts) -> None:
    assert done.wrong == []
    assert done.refused_connections + done.met_a_gateway == RESTARTS
    assert done.unknown >= 1
    assert done.events >= done.operations >= RESTARTS
