"""What every test shares: a small city, ledgers on the embedded chain in temporary folders, no network but loopback."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.services import keystores
from scripts.make_city import make_city
from tests.services.homes import FAST_SCRYPT, PASSWORD, City, Puhui, Stages, secrets_of
from tests.services.market_stages import Clock, MarketStages

JOURNEYS, ACCOUNTS = 900, 400


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """Refuse connections that leave this machine: a test that needs one would not be repeatable."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if not (host.startswith("127.") or host in ("::1", "localhost")):
                raise OSError(f"tests may not connect to {host}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _environment() -> Iterator[None]:
    """A known password, and nothing else of the caller's ledgers."""
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith("PUHUI_") and name != "PUHUI_SZT_TAPS"]:
        patch.delenv(name)
    patch.setenv("PUHUI_KEYSTORE_PASSWORD", PASSWORD)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def fast_keystores() -> Iterator[None]:
    """Keystores that cost no second each: how they are opened stands in the file, so only making them changes."""
    patch = pytest.MonkeyPatch()
    for create in (keystores.create, keystores.create_secret):
        assert create.__defaults__ == (keystores.SCRYPT_N,)
        patch.setattr(create, "__defaults__", (FAST_SCRYPT,))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city of one day with taps, with every defect in it."""
    folder = tmp_path_factory.mktemp("city")
    return City(folder, make_city(folder, JOURNEYS, ACCOUNTS, taps=True))


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, city: City, fast_keystores: None) -> Stages:
    """Ledgers of the city at every stage, to be copied."""
    return Stages(tmp_path_factory.mktemp("stages"), city)


@pytest.fixture
def make_ledger(stages: Stages, tmp_path: Path) -> Iterator[Callable[..., Puhui]]:
    """make_ledger(stage) -> the command line on a ledger at that stage. Nothing secret is ever printed by it."""
    made: list[Puhui] = []

    def make(stage: str = "made") -> Puhui:
        made.append(Puhui(stages.copy(stage, tmp_path / f"home{len(made) or ''}")))
        return made[-1]

    yield make
    for puhui in made:
        printed = "\n".join(puhui.printed)
        leaked = [secret for secret in secrets_of(puhui.home) if secret in printed]
        assert not leaked, "a key or the password was printed"


@pytest.fixture(scope="session")
def market_stages(tmp_path_factory: pytest.TempPathFactory, fast_keystores: None) -> MarketStages:
    """Ledgers at every stage of the market, to be copied."""
    return MarketStages(tmp_path_factory.mktemp("market"))


@pytest.fixture
def market_at(market_stages: MarketStages, tmp_path: Path) -> Callable[[str], Puhui]:
    """market_at(stage) -> the command line on a ledger at that stage of the market."""
    return lambda stage: Puhui(market_stages.copy(stage, tmp_path / "market"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this process, to be put forward; nobody waits."""
    made, real = Clock(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + made.ahead_s)
    return made


@pytest.fixture
def puhui(make_ledger: Callable[..., Puhui]) -> Puhui:
    """The command line on a new ledger: just `init`."""
    return make_ledger()
