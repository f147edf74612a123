"""Naming this process, and saying of another on the same machine whether it has ended."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_UNIQUE = uuid.uuid4().hex[:8]


def this_process() -> str:
    """machine/pid/start/unique: no two processes that ever ran have the same name."""
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}/{_UNIQUE}"


def has_ended(holder: str) -> bool:
    """Whether a holder was a process of this machine and boot that is gone; False when that cannot be known."""
    try:
        machine, pid, started, _ = holder.split("/")
        return machine == _machine() and machine != "" and _started(int(pid)) != started
    except ValueError:
        return False


def _machine() -> str:
    # Containers of one host share its boot id and count their own pids: the namespace tells them apart.
    try:
        return f"{_BOOT.read_text('ascii').strip()}.{Path('/proc/self/ns/pid').readlink().name[5:-1]}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"
