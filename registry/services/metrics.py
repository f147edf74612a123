"""The ledger's state as Prometheus metrics, read from the database and the node when it is asked for.

Nothing is counted in a process: whichever process answers, it says the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from registry.errors import ChainMismatch, ChainUnavailable
from registry.services import indexer
from registry.services.clock import Clock, SystemClock
from registry.services.ledger import Ledger
from registry.store import chain_events, imports, operations
from registry.store.operation_tables import OPEN, OperationState


class LedgerCollector:
    """Collects once for each scrape."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Every metric. A node that does not answer is `puhui_chain_up 0`, not an error: the rest is still wanted."""
        yield from self._operations()
        yield from self._imports()
        yield from self._chain()

    def _operations(self) -> Iterator[Metric]:
        now = self._clock.now_ms()
        with self._ledger.db.read() as session:
            counts = operations.counts(session)
            oldest = operations.oldest_open(session)
        depth = GaugeMetricFamily(
            "puhui_operations", "Operations of the outbox by state, open ones only", labels=["state"]
        )
        for state in OPEN:
            depth.add_metric([state.value], counts.get(state, 0))
        yield depth
        age = 0 if oldest is None else (now - oldest) // 1_000
        yield GaugeMetricFamily(
            "puhui_oldest_operation_seconds", "Age of the oldest operation that is pending or in flight", value=age
        )
        done = CounterMetricFamily("puhui_operations_finished", "Operations that came to their end", labels=["state"])
        for state in sorted(set(OperationState) - set(OPEN)):
            done.add_metric([state.value], counts.get(state, 0))
        yield done

    def _imports(self) -> Iterator[Metric]:
        with self._ledger.db.read() as session:
            rows, last = imports.totals(session)
        yield CounterMetricFamily("puhui_imported_rows", "Rows of all finished imports", value=rows)
        yield GaugeMetricFamily("puhui_last_import_timestamp_seconds", "When the last import finished", value=last)

    def _chain(self) -> Iterator[Metric]:
        chain = self._ledger.contracts.chain
        with self._ledger.db.read() as session:
            place = chain_events.cursor(session)
        up, standing, age, lag = 1, 1, 0, 0
        try:
            head = chain.head()
            age = max(0, self._clock.now_ms() // 1_000 - chain.timestamp(head))
            lag = indexer.lag(self._ledger)
            indexer.require_standing(self._ledger.contracts, place)
        except ChainUnavailable:
            up = 0
        except ChainMismatch:
            standing = 0
        yield GaugeMetricFamily("puhui_chain_up", "1 if the node answers", value=up)
        yield GaugeMetricFamily("puhui_block_age_seconds", "Age of the newest block", value=age)
        yield GaugeMetricFamily("puhui_event_lag_blocks", "Blocks whose events were not read yet", value=lag)
        yield GaugeMetricFamily(
            "puhui_chain_standing", "0 if a block that was read is gone: an incident", value=standing
        )


def exposition(ledger: Ledger, clock: Clock | None = None) -> str:
    """The metrics in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(ledger, clock or SystemClock()))
    return generate_latest(registry).decode("utf-8")
