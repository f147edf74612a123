"""The ledger with everything in it, made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.chain.contracts.base import DeployedContract
from registry.chain.deployment import Contracts
from tests.audit.market_ledger import make_market
from tests.services.homes import Puhui, contracts_of


@pytest.fixture(scope="session")
def market_made(fast_keystores: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home brought to its second payouts, whose regulator need not wait; to be copied, never opened."""
    folder = tmp_path_factory.mktemp("market")
    Puhui(folder / "home")("init", "--admin-delay", "0")
    make_market(folder / "home", folder / "files")
    return folder / "home"


@pytest.fixture
def market_home(market_made: Path, tmp_path: Path) -> Puhui:
    """A copy of it."""
    return Puhui(shutil.copytree(market_made, tmp_path / "home"))


@pytest.fixture(scope="session")
def market_contracts(market_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contracts]:
    """What an auditor opens of a copy; the evidence is `market_made`'s. Nothing is sent, so a read is made once."""
    home = shutil.copytree(market_made, tmp_path_factory.mktemp("opened") / "home")
    with contracts_of(home) as contracts, pytest.MonkeyPatch.context() as patch:
        for contract in vars(contracts).values():
            if isinstance(contract, DeployedContract):
                patch.setattr(contract, "_read", _once(contract._read, lambda call: (call.fn_name, str(call.args))))
                patch.setattr(contract, "history", _once(contract.history, tuple))
        yield contracts


def _once(read: Callable[..., Any], name: Callable[[Any], Any]) -> Callable[..., Any]:
    """`read`, which remembers its answers by the name of its first argument and by the others."""
    answers: dict[Any, Any] = {}

    def reading(first: Any, *others: Any, **filters: Any) -> Any:
        key = (name(first), others, tuple(filters.items()))
        if key not in answers:
            answers[key] = read(first, *others, **filters)
        return answers[key]

    return reading


@pytest.fixture
def public_of(tmp_path: Path) -> Callable[[Path], Path]:
    """public_of(evidence) -> a copy without what is private."""

    def copy(evidence: Path) -> Path:
        private = shutil.ignore_patterns("private.parquet", "openings.bin")
        return shutil.copytree(evidence, tmp_path / "public", ignore=private)

    return copy
