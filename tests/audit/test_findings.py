"""Tallies of an audit: every check listed, the first wrong thing named."""

from __future__ import annotations

import pytest

from registry.audit.findings import Findings
from registry.core.checks import Check, attempt, compare
from registry.errors import EvidenceError, InputError, ProofError, StorageError, VerificationError

TREES, TAGS = "trip trees recomputed", "tags strictly ascending"


@pytest.fixture
def findings() -> Findings:
    made = Findings()
    made.open(TREES, "trips")
    made.open(TAGS, "trips")
    return made


def test_a_check_nobody_opened_cannot_be_tallied() -> None:
    with pytest.raises(KeyError, match=TREES):
        Findings().right(TREES)
    with pytest.raises(KeyError, match=TREES):
        Findings().wrong(TREES, "message")


def test_the_first_wrong_thing_is_named_and_every_one_counted(findings: Findings) -> None:
    findings.right(TREES, 1234)
    findings.wrong(TREES, "batch a: root differs", batch="a", leaf=7)
    findings.wrong(TREES, "batch b: root differs", batch="b")
    check = findings.checks()[0]
    expected, actual = "1,236 trips", "1,234 trips; first wrong: batch a: root differs"
    assert check == Check(TREES, False, expected, actual, {"batch": "a", "leaf": "7"})
    assert check.to_json() == {
        "name": TREES,
        "ok": False,
        "expected": expected,
        "actual": actual,
        "batch": "a",
        "leaf": "7",
    }


def test_fields_of_an_error_do_not_replace_what_the_tally_expected(findings: Findings) -> None:
    findings.wrong(TREES, "digest differs", expected="aa", actual="bb", path="manifest.json")
    assert findings.checks()[0].to_json() == {
        "name": TREES,
        "ok": False,
        "expected": "1 trips",
        "actual": "0 trips; first wrong: digest differs",
        "path": "manifest.json",
    }


@pytest.mark.parametrize("kind", [VerificationError, EvidenceError, ProofError])
def test_a_verification_error_is_a_finding(findings: Findings, kind: type[VerificationError]) -> None:
    with findings.checking(TREES, 5):
        raise kind("not so", path="x")
    assert findings.checks()[0] == Check(TREES, False, "1 trips", "0 trips; first wrong: not so", {"path": "x"})


@pytest.mark.parametrize("kind", [InputError, StorageError, KeyError, ZeroDivisionError, KeyboardInterrupt])
def test_any_other_error_is_not(findings: Findings, kind: type[BaseException]) -> None:
    with pytest.raises(kind), findings.checking(TREES, 5):
        raise kind("broken")
    assert findings.checks()[0].ok is True


def test_a_check_made_without_an_error_counts_all_it_covers(findings: Findings) -> None:
    with findings.checking(TREES, 5):
        pass
    with findings.checking(TREES):
        pass
    assert findings.checks()[0] == Check(TREES, True, "6 trips", "6 trips")


def test_a_check_with_nothing_to_check_is_listed(findings: Findings) -> None:
    assert findings.checks() == [Check(TREES, True, "0 trips", "0 trips"), Check(TAGS, True, "0 trips", "0 trips")]


def test_checks_keep_the_order_in_which_they_were_mentioned(findings: Findings) -> None:
    findings.right(TAGS)
    findings.add(Check("plain", None, "a", "not made"))
    findings.right(TREES)
    findings.open(TREES, "other units do not replace the first")
    assert [check.name for check in findings.checks()] == [TREES, TAGS, "plain"]
    assert findings.checks()[0].expected == "1 trips"


def test_a_single_check_is_reported_as_it_is(findings: Findings) -> None:
    single = compare("batch id", "0x01", "0x02", source="szt")
    findings.add(single)
    assert findings.checks()[2] is single
    assert single == Check("batch id", False, "0x01", "0x02", {"source": "szt"})


def test_an_attempt_keeps_the_text_of_its_error() -> None:
    def fail() -> None:
        raise ProofError("root differs")

    def crash() -> None:
        raise ZeroDivisionError

    assert attempt("tree", "a root", fail) == Check("tree", False, "a root", "root differs")
    assert attempt("tree", "a root", lambda: None) == Check("tree", True, "a root", "a root")
    assert attempt("tree", "a root", lambda: "ISSUED") == Check("tree", True, "a root", "ISSUED")
    with pytest.raises(ZeroDivisionError):
        attempt("tree", "a root", crash)
