"""The log of acts against the chain: what was changed in it, cut off it, or done behind its back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.chain.submitter import Submitter
from tests.services.homes import Puhui, opened

CHAINED, COMPLETE = "the log of acts is one chain of hashes", "every transaction of a role is an act"


@pytest.fixture
def claimed(make_ledger: Callable[..., Puhui]) -> Puhui:
    return make_ledger("claimed")


@pytest.fixture
def log(claimed: Puhui, tmp_path: Path) -> Path:
    claimed("acts", "export", "--out", tmp_path / "acts.jsonl")
    return tmp_path / "acts.jsonl"


def found(puhui: Puhui, *arguments: object, expect: int = 3) -> dict[str, tuple[bool, str]]:
    """The two checks of the log: whether it passed, and what was found."""
    checks = puhui.json("audit", *arguments, expect=expect)["checks"]
    return {c["name"]: (c["ok"], c["actual"]) for c in checks if c["name"] in (CHAINED, COMPLETE)}


def test_the_log_of_a_ledger_is_complete(claimed: Puhui, log: Path) -> None:
    whole = {CHAINED: (True, "7 acts"), COMPLETE: (True, "6 transactions")}
    assert found(claimed, expect=0) == whole
    assert found(claimed, "--acts", log, expect=0) == whole


def test_a_log_that_was_cut_off_lacks_a_transaction(claimed: Puhui, log: Path) -> None:
    lines = log.read_text("utf-8").splitlines()
    log.write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    checks = found(claimed, "--acts", log)
    assert checks[CHAINED] == (True, "6 acts")
    assert checks[COMPLETE][0] is False
    with opened(claimed.home, writing=False) as ledger:
        platform, head = ledger.keys.account("platform").address, ledger.contracts.chain.head()
    assert f"of {platform.lower()} in block {head} is no act of the log" in checks[COMPLETE][1].lower()


def test_a_changed_act_is_named(claimed: Puhui, log: Path) -> None:
    lines = log.read_text("utf-8").splitlines()
    act = json.loads(lines[2])
    act["after"]["state"] = "REJECTED"
    log.write_text("\n".join([*lines[:2], json.dumps(act), *lines[3:]]) + "\n", "utf-8")
    assert found(claimed, "--acts", log)[CHAINED] == (
        False,
        "0 acts; first wrong: act 3 (TripAnchors.anchor) was changed, or one before it",
    )


def test_a_transaction_behind_the_ledgers_back_is_found(claimed: Puhui) -> None:
    with opened(claimed.home, writing=False) as ledger:
        treasury = ledger.contracts.treasury
        sent = Submitter(ledger.contracts.chain, ledger.keys.account("guardian")).send(
            treasury.contract.functions.pause()
        )
    checks = found(claimed)
    assert checks[CHAINED] == (True, "7 acts")
    assert checks[COMPLETE][1].startswith(f"6 transactions; first wrong: {sent.transaction} of ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Expecting property name"),
        ("[]", "integer"),
        ("{}", "'hash'"),
        ('{"hash": "00"}', "missing 9 required positional arguments"),
        ('{"hash": "zz"}', "non-hexadecimal"),
    ],
)
def test_a_line_that_is_no_act_is_named(claimed: Puhui, log: Path, line: str, said: str) -> None:
    log.write_text(log.read_text("utf-8").splitlines()[0] + "\n" + line + "\n", "utf-8")
    error = claimed.fails("audit", "--acts", log, code=1)
    assert error["message"].startswith(f"{log}, line 2: not an act (")
    assert said in error["message"]
