"""One way to move a row from state to state: compare and swap, and the same move again is no move."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import inspect, update
from sqlmodel import Session, col

from registry.errors import ConflictError
from registry.store.tables import BatchRow, EpochRow

Row = TypeVar("Row", BatchRow, EpochRow)


def move(
    session: Session, row: Row, sources: tuple[StrEnum, ...], target: StrEnum, values: Mapping[str, object], name: str
) -> bool:
    """Move `row` to `target` with `values` if it is in one of `sources`; refreshes `row`.

    Returns False if it is at `target` already with nothing that differs from these values (None differs from nothing:
    it stands for not known). Raises ConflictError (naming the row by `name`)
    from any other state, or when other values are recorded.
    """
    table = type(row)
    statement = (
        update(table)
        .where(inspect(table).primary_key[0] == inspect(row).identity[0])
        .where(col(table.state).in_(sources))
        .values(state=target, **values)
        .execution_options(synchronize_session=False)
    )
    moved = session.connection().execute(statement).rowcount == 1
    session.refresh(row)
    if moved:
        return True
    if row.state != target:
        allowed = " or ".join(sources)
        raise ConflictError(
            f"{name} is {row.state}; only {allowed} can become {target}", state=row.state, needed=list(sources)
        )
    differing = [field for field, value in values.items() if value not in (None, getattr(row, field))]
    if differing:
        raise ConflictError(
            f"{name} is {target} already, with another {' and '.join(differing)}", state=row.state, differing=differing
        )
    return False
