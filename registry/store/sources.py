"""Sources the platform registered. Informational: what a source may anchor is decided on chain."""

from __future__ import annotations

from sqlmodel import Session, col, select

from registry.store.tables import Source


def register(session: Session, source_id: str, *, now: int) -> Source:
    """Note a registered source; one noted before keeps its time."""
    known = session.get(Source, source_id)
    if known is not None:
        return known
    source = Source(source_id=source_id, registered_at=now)
    session.add(source)
    session.flush()
    return source


def every(session: Session) -> list[Source]:
    """All sources by id."""
    return list(session.exec(select(Source).order_by(col(Source.source_id))))
