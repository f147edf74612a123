"""What the database says of itself: how it keeps a commit, and whether its file is sound."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlmodel import Session

_PRAGMAS: Final = ("journal_mode", "synchronous", "foreign_keys")
_SETTINGS: Final = ("server_version", "fsync", "full_page_writes", "synchronous_commit", "data_checksums")
_MOST: Final = 3  # problems that are listed; one is enough to restore


def kind(session: Session) -> str:
    """`sqlite` or `postgresql`."""
    return session.connection().dialect.name


def settings(session: Session) -> dict[str, str]:
    """What decides whether a commit is on disk, by the database's own names; SQLite's synchronous 2 is FULL."""
    ask, names = ("PRAGMA {}", _PRAGMAS) if kind(session) == "sqlite" else ("SHOW {}", _SETTINGS)
    connection = session.connection()
    return {name: str(connection.execute(text(ask.format(name))).scalar()) for name in names}


def problems(session: Session) -> list[str]:
    """What SQLite's quick check finds wrong with the file, the first few; of a server nothing is asked."""
    if kind(session) != "sqlite":
        return []
    found = [str(row[0]) for row in session.connection().execute(text(f"PRAGMA quick_check({_MOST})"))]
    return [] if found == ["ok"] else found
