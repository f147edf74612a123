"""Each step from mandates to payouts, cut off anywhere and given again: everything once, to the tonne and the fen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import eth_keyfile
import pytest

from registry.services import mandates, market, payouts
from tests.audit.market_ledger import COMPLIANT, MANDATED
from tests.faults.market_steps import STEPS, Command, Step, amounts, changed
from tests.faults.test_services_resume import Crash
from tests.services.homes import FAST_SCRYPT, PASSWORD, Puhui, opened
from tests.services.market_stages import TERMS, Clock, MarketStages

LATER_S = 120  # that pass before a command is given again


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands read: the company's keystore, a list of accounts, the terms."""
    folder = tmp_path_factory.mktemp("files")
    keystore = eth_keyfile.create_keyfile_json(COMPLIANT.key, PASSWORD.encode(), kdf="scrypt", iterations=FAST_SCRYPT)
    (folder / "BUYER.json").write_text(json.dumps(dict(keystore)), "utf-8")
    (folder / "WHO").write_text("\n".join(f"A{number}" for number in range(1, MANDATED + 1)), "utf-8")
    (folder / "TERMS").write_bytes(TERMS)
    return folder


@pytest.fixture(scope="module")
def ready(market_stages: MarketStages, files: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Step], Path]:
    """ready(step) -> a ledger on which the step's command can be given, made once."""
    folder, made = tmp_path_factory.mktemp("ready"), dict[str, Path]()

    def make(step: Step) -> Path:
        if step.name not in made:
            made[step.name] = market_stages.copy(step.stage, folder / step.name.replace(" ", "-"))
            for command in step.before:
                give(Puhui(made[step.name]), files, command)
        return made[step.name]

    return make


@pytest.fixture(autouse=True)
def _small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few in a call that 40 mandates and 41 payments take three."""
    monkeypatch.setattr(mandates, "MAX_MANDATES", 16)
    monkeypatch.setattr(payouts, "MAX_PAYMENTS", 16)


def give(puhui: Puhui, files: Path, command: Command, expect: int = 0) -> None:
    """Give a command whose words in capitals stand for a file, an order or a person of this ledger."""
    words: dict[object, object] = {"BUYER": files / "BUYER.json", "WHO": files / "WHO", "TERMS": files / "TERMS"}
    if {"SELL", "FIRST"} & set(command):
        with opened(puhui.home, writing=False) as ledger:
            for entry in market.book(ledger, 1):
                words[entry.order.side.name] = entry.order_hash
            if "FIRST" in command:
                words["FIRST"] = "0x" + payouts.contributions_of(ledger, 1)["account"][0].hex()
    puhui(*(words.get(word, word) for word in command), expect=expect)


@pytest.fixture(params=STEPS, ids=lambda step: step.name)
def step(request: pytest.FixtureRequest) -> Step:
    """Each step in turn."""
    found: Step = request.param
    return found


@pytest.fixture
def puhui(step: Step, ready: Callable[[Step], Path], tmp_path: Path) -> Puhui:
    """A ledger on which the step's command can be given."""
    return Puhui(Path(shutil.copytree(ready(step), tmp_path / "home")))


def test_a_step_is_done_once_however_often_it_is_given(step: Step, puhui: Puhui, files: Path, clock: Clock) -> None:
    before = amounts(puhui.home)
    give(puhui, files, step.command)
    assert changed(before, amounts(puhui.home)) == step.effect
    clock.advance(LATER_S)
    give(puhui, files, step.command, expect=step.refused)
    assert changed(before, amounts(puhui.home)) == step.effect


def test_a_step_cut_off_at_one_point_after_another_is_done_once(
    step: Step, puhui: Puhui, files: Path, clock: Clock
) -> None:
    """Each time it goes on where it was cut off, to the next point; what comes of it is what comes of it uncut."""
    before = amounts(puhui.home)
    for fault in step.faults:
        with pytest.MonkeyPatch.context() as patch:
            fault(patch)
            with pytest.raises(Crash):
                give(puhui, files, step.command)
        clock.advance(LATER_S)

    give(puhui, files, step.command, expect=step.refused)

    assert changed(before, amounts(puhui.home)) == step.effect
    assert puhui.json("audit")["ok"] is True
