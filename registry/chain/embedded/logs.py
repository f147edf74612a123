"""Log queries, answered from the index and never by reading blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from registry.chain.embedded.store import ChainStore

MAX_TOPICS = 4


@dataclass(frozen=True)
class LogFilter:
    """Logs of blocks `first`..`last` (inclusive) from one of `addresses` (empty: any).

    `topics[i]` lists the accepted values of topic i; an empty tuple accepts any. A log with fewer topics
    than the filter has positions does not match, as on other nodes.
    """

    first: int
    last: int
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()


@dataclass(frozen=True)
class LogRow:
    """A stored log with its place. `timestamp` is its block's (Unix seconds), `position` its transaction's."""

    block: int
    log_index: int
    position: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_hash: bytes
    timestamp: int
    transaction_hash: bytes


_SELECT = """
SELECT l.block, l.log_index, l.position, l.address, l.topic0, l.topic1, l.topic2, l.topic3, l.data,
       b.hash, b.timestamp, t.hash
FROM logs l JOIN blocks b ON b.number = l.block JOIN transactions t ON t.block = l.block AND t.position = l.position
WHERE """


def find_logs(store: ChainStore, wanted: LogFilter) -> list[LogRow]:
    """The matching logs in order of block and log index."""
    conditions, arguments = ["l.block BETWEEN ? AND ?"], [wanted.first, wanted.last]
    values: list[object] = [*arguments]
    if wanted.addresses:
        conditions.append(f"l.address IN ({_marks(wanted.addresses)})")
        values.extend(wanted.addresses)
    for place, accepted in enumerate(wanted.topics):
        if accepted:
            conditions.append(f"l.topic{place} IN ({_marks(accepted)})")
            values.extend(accepted)
        else:
            conditions.append(f"l.topic{place} IS NOT NULL")
    # Only column names and question marks are put into the text; every value is bound.
    query = _SELECT + " AND ".join(conditions) + " ORDER BY l.block, l.log_index"
    return [_row(row) for row in store.rows(query, values)]


def logs_of_transaction(store: ChainStore, block: int, position: int) -> list[LogRow]:
    """The logs of one mined transaction in order."""
    query = _SELECT + "l.block = ? AND l.position = ? ORDER BY l.log_index"
    return [_row(row) for row in store.rows(query, (block, position))]


def _row(row: tuple[Any, ...]) -> LogRow:
    block, log_index, position, address, *topics, data, block_hash, timestamp, transaction_hash = row
    present = tuple(topic for topic in topics if topic is not None)
    return LogRow(block, log_index, position, address, present, data, block_hash, timestamp, transaction_hash)


def _marks(values: tuple[bytes, ...]) -> str:
    return ",".join("?" * len(values))
