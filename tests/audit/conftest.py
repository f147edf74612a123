"""The ledger with everything in it, made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.chain.deployment import Contracts
from tests.audit.market_ledger import make_market
from tests.services.homes import Puhui, Stages, contracts_of


@pytest.fixture(scope="session")
def market_made(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home brought to its second payouts; to be copied, never opened."""
    folder = tmp_path_factory.mktemp("market")
    home = stages.copy("made", folder / "home")
    make_market(home, folder / "files")
    return home


@pytest.fixture
def market_home(market_made: Path, tmp_path: Path) -> Puhui:
    """A copy of it."""
    return Puhui(shutil.copytree(market_made, tmp_path / "home"))


@pytest.fixture(scope="session")
def market_contracts(market_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contracts]:
    """What an auditor opens of one copy; the evidence is `market_made`'s. Whoever changes it changes it back."""
    home = shutil.copytree(market_made, tmp_path_factory.mktemp("opened") / "home")
    with contracts_of(home) as contracts:
        yield contracts


@pytest.fixture
def public_of(tmp_path: Path) -> Callable[[Path], Path]:
    """public_of(evidence) -> a copy without what is private."""

    def copy(evidence: Path) -> Path:
        private = shutil.ignore_patterns("private.parquet", "openings.bin")
        return shutil.copytree(evidence, tmp_path / "public", ignore=private)

    return copy
