"""One process writes a chain: an operating-system lock beside the file, and where its server listens.

The lock is `flock` on `<chain>.lock`: the kernel drops it with the process, so a kill -9 leaves nothing to
clean up. A running server announces itself in `<chain>.rpc.json`, so that a second process can say where to
connect instead of only refusing.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from registry.errors import ChainUnavailable


class ChainLock:
    """Holds the chain at `path` for this process; raises `ChainUnavailable` if another holder has it."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = Path(f"{path}.lock").open("a+", encoding="ascii")  # noqa: SIM115 - held while open
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(self._file)
            self._file.close()
            raise _taken(path, holder) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let go. The lock file stays: removing it would let two processes lock two different files."""
        self._file.close()


def announcement_path(path: Path) -> Path:
    """Where a server of the chain at `path` writes its address."""
    return Path(f"{path}.rpc.json")


def announce(path: Path, url: str) -> None:
    """Record that this process serves the chain at `url`."""
    target = announcement_path(path)
    temporary = target.with_name(target.name + ".new")
    temporary.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="ascii")
    temporary.replace(target)


def withdraw(path: Path) -> None:
    """Remove the record of a server that has stopped."""
    announcement_path(path).unlink(missing_ok=True)


def _holder(file: IO[str]) -> str:
    file.seek(0)
    return file.read(20).strip()


def _taken(path: Path, holder: str) -> ChainUnavailable:
    url = None
    # A crashed server leaves its record behind: it counts only if the lock's holder wrote it.
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(announcement_path(path).read_text(encoding="ascii"))
        if str(record["pid"]) == holder:
            url = str(record["url"])
    where = f", serving it at {url}" if url else ""
    return ChainUnavailable(
        f"another process ({holder or 'unknown'}) has the chain {path.name} open{where}",
        hint=f"connect to {url} instead" if url else "stop that process, or use its RPC address",
        chain=path.name,
        pid=holder,
        url=url,
    )
