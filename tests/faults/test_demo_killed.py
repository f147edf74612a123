"""`kill -9` at any moment of the main job, then the same command again to its end: everything once, and equal."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.services.home import Home
from tests.faults.test_services_resume import EVENTS, effects
from tests.services.homes import FAST_SCRYPT, City, Puhui, rows_of

RUN = f"""
import sys
from registry.cli.main import main
from registry.services import keystores
keystores.create.__defaults__ = keystores.create_secret.__defaults__ = ({FAST_SCRYPT},)
sys.exit(main(sys.argv[1:]))
"""
# What the demo says just before it does the thing; the kill comes a random moment later.
MOMENTS = [
    "init: keys",
    "init: CarbonPoints",
    "accounts: recording",
    "import: judging",
    "import: sealing",
    "anchor: 0x",
    "attest: 0x",
    "epoch: entitlements",
    "ATTESTED, gas",
    "claimed ",
]


def killed(home: Path, city: City, marker: str, delay_s: float) -> bool:
    """Run the demo in another process and kill it `delay_s` after it said `marker`; False if it was done before."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "--home", home, "demo", "--city", city.folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    with process.stdout as said:
        for line in said:
            if marker in line:
                time.sleep(delay_s)
                process.kill()
                break
        else:
            raise AssertionError(f"the demo never said {marker!r}")
    return process.wait() != 0


@pytest.mark.parametrize("marker", MOMENTS)
def test_a_killed_demo_goes_on_where_it_was(tmp_path: Path, city: City, marker: str, fast_keystores: None) -> None:
    puhui = Puhui(tmp_path / "home")
    delay = random.Random(marker).uniform(0, 0.06)
    killed(puhui.home, city, marker, delay)
    if Home(puhui.home).exists():
        assert puhui.json("audit")["ok"], f"killed {delay:.3f} s after {marker!r}"

    puhui("demo", "--city", city.folder)

    assert effects(puhui.home) == dict.fromkeys(EVENTS, 1)
    (row,) = rows_of(puhui.home)
    assert (row.state, row.epoch, row.trip_count) == ("ISSUED", 1, city.expected["journeys.csv"].trips)
    assert row.reduction_mg == city.expected["journeys.csv"].reduction_mg
    report = puhui.json("audit")
    assert (report["ok"], report["totals"]["batches_by_status"]) == (True, {"ISSUED": 1})
    assert report["totals"]["earned_mg"] == city.expected["journeys.csv"].reduction_mg
    assert list(puhui.home.glob("staging/*")) == list(puhui.home.glob("evidence/tmp/*")) == []
    assert puhui.json("doctor")["ok"]
