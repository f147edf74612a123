"""The machine and the home folder: Python, space, keys."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

from registry.errors import AuthError
from registry.services import keystores
from registry.services.checks.finding import Finding, failure, fine, warning
from registry.services.home import Home

LEAST_FREE: Final = 1 << 30
ENOUGH_FREE: Final = 5 << 30
ENOUGH_FILES: Final = 10_000
_OWNER_ONLY: Final = 0o077


def python() -> Finding:
    """The interpreter's version; an earlier one than is needed does not load the program."""
    return fine("python", sys.version.split()[0])


def home_folder(home: Home) -> Finding:
    """Whether this is a ledger's home that `puhui init` finished; raises InputError."""
    home.config()
    if not home.exists():
        return failure(
            "home", f"{home.path}: `puhui init` did not finish", "run `puhui init` again, with the same options"
        )
    return fine("home", str(home.path))


def restored(home: Home) -> Finding:
    """Whether a backup was restored here and not compared with the chain yet."""
    if home.restored.exists():
        return failure(
            "restored",
            "a backup was restored here and not compared with the chain yet",
            "puhui reconcile",
            marker=str(home.restored),
        )
    return fine("restored", "no restored backup waits to be compared with the chain")


def disk(home: Home) -> Finding:
    """The space and the files left where the ledger writes."""
    places = [os.statvfs(path) for path in (home.path, home.evidence, home.keys) if path.exists()]
    free = min(place.f_bavail * place.f_frsize for place in places)
    # Some file systems make files without end and say 0 of 0.
    files = min((place.f_favail for place in places if place.f_files), default=ENOUGH_FILES)
    found, facts = f"{free:,} bytes free", {"free_bytes": free, "free_files": files}
    if free < LEAST_FREE:
        return failure(
            "disk", found, f"free some space now: below {LEAST_FREE:,} bytes an import may not finish", **facts
        )
    if free < ENOUGH_FREE:
        return warning("disk", found, f"free some space before it is below {LEAST_FREE:,} bytes", **facts)
    if files < ENOUGH_FILES:
        return warning("disk", f"{found}, but only {files:,} more files can be made", "remove files there", **facts)
    return fine("disk", found, **facts)


def keys(home: Home) -> Finding:
    """The keystores: whose are here, whether each can be read, and by its owner alone."""
    absent = keystores.missing(home.keys, keystores.ROLES)
    present = [role for role in keystores.ROLES if role not in absent]
    secrets = (keystores.DAY_KEYS, keystores.HOSTED)
    lost = keystores.missing(home.keys, secrets) if "platform" in present else []
    facts: dict[str, object] = {"present": present, "absent": absent}
    if lost:
        return failure(
            "keystores",
            f"the platform's key is here, and not {' and '.join(lost)}",
            "restore them from a backup: no other can be made in their place",
            **facts,
        )
    if loose := _open_to_others(home.keys):
        names = ", ".join(path.name for path in loose)
        return failure("keystores", f"readable by others: {names}", f"chmod go= {' '.join(map(str, loose))}", **facts)
    for role in present:
        keystores.address(home.keys, role)
    for name in secrets:
        _require_keystore(home.keys / f"{name}.json", name)
    if not present:
        return warning(
            "keystores", "no role's key is here: this home can only read", "put its owner's keystore there", **facts
        )
    elsewhere = f"; kept elsewhere: {', '.join(absent)}" if absent else ""
    return fine("keystores", f"{', '.join(present)}, readable by their owner alone{elsewhere}", **facts)


def _open_to_others(folder: Path) -> list[Path]:
    """The key folders and files that more than their owner can enter or read."""
    return [path for path in (folder, *sorted(folder.rglob("*"))) if path.stat().st_mode & _OWNER_ONLY]


def _require_keystore(path: Path, name: str) -> None:
    """Check that a secret's keystore, if it is here, is one; its password is not asked for. Raises AuthError."""
    if not path.exists():
        return
    try:
        body = json.loads(path.read_bytes())
        if body["version"] != 3 or not isinstance(body["crypto"], dict):
            raise ValueError("not version 3")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"the keystore of {name} is damaged"
        raise AuthError(message, hint="restore it from a backup", keystore=name) from error
