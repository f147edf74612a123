"""The home folder of one ledger: where its evidence, keys, database, chain and contracts file stand."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from registry.errors import ConflictError, InputError, StorageError
from registry.services.private_files import replace

FORMAT: Final = "puhui.home/v1"


class NotReconciled(ConflictError):
    """A backup was restored here and not compared with the chain yet: nothing can be written."""

    code = "restored_not_reconciled"


@dataclass(frozen=True)
class HomeConfig:
    """What `puhui init` fixed. `rpc_url` None means the embedded chain; caps are mg per source and day.

    `programme` begins the text of every serial; `rule_notice_s` is how long a rule of the treasury is announced.
    """

    chain_id: int
    rpc_url: str | None
    sandbox: bool
    activation_delay_s: int
    admin_delay_s: int
    daily_cap_mg: int
    rule_notice_s: int
    programme: str


@dataclass(frozen=True)
class Home:
    """Paths below one folder."""

    path: Path

    @property
    def evidence(self) -> Path:
        """The evidence store."""
        return self.path / "evidence"

    @property
    def keys(self) -> Path:
        """Encrypted keystores and wrapped day keys."""
        return self.path / "keys"

    @property
    def database(self) -> Path:
        """The SQLite database, when no URL is set."""
        return self.path / "ledger.db"

    @property
    def chain(self) -> Path:
        """The embedded chain."""
        return self.path / "chain.db"

    @property
    def contracts(self) -> Path:
        """The contracts file, written last by `puhui init`."""
        return self.path / "contracts.json"

    @property
    def restored(self) -> Path:
        """Says that a backup was restored here; gone once `puhui reconcile` has compared it with the chain."""
        return self.path / "restored.json"

    @property
    def staging(self) -> Path:
        """Where an import lays its working files; empty between imports."""
        return self.path / "staging"

    @property
    def _config(self) -> Path:
        return self.path / "config.json"

    def exists(self) -> bool:
        """Whether `puhui init` was run here, to its end."""
        return self._config.exists() and self.contracts.exists()

    def config(self) -> HomeConfig:
        """What init fixed; raises InputError when this is no ledger's home."""
        try:
            body = json.loads(self._config.read_text("utf-8"))
            if body.pop("format") != FORMAT:
                raise ValueError("unknown format")
            return HomeConfig(**body)
        except FileNotFoundError as error:
            raise InputError(f"{self.path} is not a ledger", hint="run `puhui init` first, or give --home") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self._config}: not readable ({error})") from error

    def begin(self, config: HomeConfig) -> None:
        """Create the folder and record its configuration; raises ConflictError when another one is recorded."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.evidence, self.keys):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}") from error
        if self._config.exists():
            if self.config() != config:
                raise ConflictError(
                    f"{self.path} was initialised with other settings: {self.config()}",
                    hint="use another --home, or the same options",
                )
            return
        replace(self._config, json.dumps({"format": FORMAT, **asdict(config)}, indent=1).encode() + b"\n")

    def require_reconciled(self) -> None:
        """Raises NotReconciled after a restore, until what was restored is compared with the chain."""
        if self.restored.exists():
            raise NotReconciled(
                "a backup was restored here and not compared with the chain yet", hint="puhui reconcile"
            )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the home for one writing command; another one gets ConflictError. Released with the process."""
        with (self.path / "writer.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConflictError(
                    f"another command is writing to {self.path}", hint="wait for it to finish and run this one again"
                ) from error
            yield
