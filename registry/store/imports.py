"""Finished imports, found again by the digest of everything that decides their result."""

from __future__ import annotations

from typing import Final

from sqlmodel import Session, col, func, select

from registry.errors import ConflictError, NotFoundError
from registry.store.tables import Import, stored_mg

_RESULT: Final = ("accounts_version", "rows", "trips", "rows_used", "rejected", "reduction_mg", "input_digest")


def find(session: Session, request_digest: str) -> Import | None:
    """The import of this very request, if it was finished."""
    return session.exec(select(Import).where(Import.request_digest == request_digest)).first()


def get(session: Session, import_id: int) -> Import:
    """One import; raises NotFoundError."""
    found = session.get(Import, import_id)
    if found is None:
        raise NotFoundError(f"there is no import {import_id}")
    return found


def of_file(session: Session, file_sha256: str) -> list[Import]:
    """Every import of the same file, the latest first."""
    return list(session.exec(select(Import).where(Import.file_sha256 == file_sha256).order_by(col(Import.id).desc())))


def record(session: Session, row: Import) -> Import:
    """Record a finished import and give it its id. Again with the same result: the recorded row.

    Raises ConflictError when the same request is recorded with another result, InputError beyond 2**63 - 1 mg.
    """
    stored_mg(row.reduction_mg)
    known = find(session, row.request_digest)
    if known is None:
        session.add(row)
        session.flush()
        return row
    differing = [name for name in _RESULT if getattr(known, name) != getattr(row, name)]
    if differing:
        raise ConflictError(
            f"import {known.id} recorded another result for the same request", import_id=known.id, differing=differing
        )
    return known


def recent(session: Session, limit: int = 50) -> list[Import]:
    """The latest imports, the last one first."""
    return list(session.exec(select(Import).order_by(col(Import.id).desc()).limit(limit)))


def totals(session: Session) -> tuple[int, int]:
    """Rows of all finished imports, and when the last one finished (epoch seconds, 0 for none)."""
    rows, last = session.exec(select(func.sum(Import.rows), func.max(Import.created_at))).one()
    return int(rows or 0), int(last or 0)
