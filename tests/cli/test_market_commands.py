"""From mandates to payouts by commands alone, and what each refuses: nothing changes then, and the error says why."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.audit.market_ledger import CLASS, MG_A_DAY, travel
from tests.services.homes import Puhui, state_of, write_people
from tests.services.market_stages import Clock

PEOPLE = 60  # travel() makes a day of 60 people
MANDATED = 40
TONNES, REST = divmod(MANDATED * MG_A_DAY, 10**9)
LIMIT, PRICE = "51.33", "50.00"
GROSS = 5_000  # one tonne


@dataclass(frozen=True)
class Loop:
    """The home after the whole loop, what its commands printed, and the company's keystore."""

    home: Path
    said: dict[str, Any]
    buyer: Path
    address: str


@pytest.fixture(scope="module")
def loop(fast_keystores: None, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    folder = tmp_path_factory.mktemp("loop")
    puhui = Puhui(folder / "home")
    puhui("init", "--admin-delay", 1)
    said: dict[str, Any] = {}
    puhui("accounts", "import", write_people(folder / "people.csv", PEOPLE))
    (folder / "terms.txt").write_text("my new points go to the market\n", "utf-8")
    (folder / "who.txt").write_text("\n".join(f"A{n}" for n in range(1, MANDATED + 1)), "utf-8")
    said["mandates"] = puhui.json("mandate", "give", "--file", folder / "who.txt", "--terms", folder / "terms.txt")
    travel(puhui, folder, "2026-03-02")
    said["pool"] = puhui.json("certify", "pool", "--class", CLASS)
    said["apply"] = puhui.json("certify", "apply", "--class", CLASS)
    said["verify"] = puhui.json("certify", "verify", 1)
    said["approve"] = puhui.json("certify", "approve", 1)
    buyer = folder / "buyer.json"
    address = puhui.json("participant", "key", buyer)["address"]
    (folder / "identity").write_text("a company", "utf-8")
    said["register"] = puhui.json(
        *("participant", "register", address, "--entity", "SZ-0042", "--kind", "compliance"),
        *("--identity", folder / "identity"),
    )
    said["admit"] = puhui.json("participant", "admit", address)
    said["request"] = puhui.json("cash", "request", "B-1", "--to", address, "--yuan", "100.00")
    said["confirm"] = puhui.json("cash", "confirm", "B-1")
    said["rule"] = puhui.json("treasury", "rule", "--fee-bps", 1_000, "--floor", "40")
    said["offer"] = puhui.json("treasury", "offer", "--issuance", 1, "--tonnes", 2, "--limit", "45", "--ref", "offer-1")
    said["buy"] = puhui.json(
        "market", "order", "buy", "--keystore", buyer, "--issuance", 1, "--tonnes", 2, "--limit", LIMIT
    )
    said["settle"] = puhui.json(*settle(said, "T-1"))
    puhui("offset-limit", "SZ-0042", "--year", 2026, "--tonnes", 1)
    said["retire"] = puhui.json(*retire(buyer, "R-1"))
    said["collect"] = puhui.json("treasury", "collect")
    said["run"] = puhui.json("payout", "run")
    said["attest"] = puhui.json("payout", "attest", 1)
    return Loop(puhui.home, said, buyer, address)


def settle(said: dict[str, Any], trade: str, tonnes: int = 1, price: str = PRICE) -> list[object]:
    orders = ["--sell", said["offer"]["order"], "--buy", said["buy"]["order"]]
    return ["market", "settle", trade, *orders, "--tonnes", tonnes, "--price", price]


def retire(buyer: Path, ref: str, *more: object, year: int = 2026) -> list[object]:
    options = ["--issuance", 1, "--tonnes", 1, "--year", year, "--ref", ref, "--yes"]
    return ["retire", "--keystore", buyer, *options, *more]


@pytest.fixture
def puhui(loop: Loop, tmp_path: Path) -> Puhui:
    return Puhui(shutil.copytree(loop.home, tmp_path / "home"))


def refused(puhui: Puhui, code: int, *arguments: object) -> dict[str, Any]:
    """The error of a command that must change nothing at all."""
    before = state_of(puhui.home)
    error = puhui.fails(*arguments, code=code)
    assert state_of(puhui.home) == before
    return error


def test_every_step_says_what_it_did(loop: Loop) -> None:
    said = loop.said
    assert (said["mandates"]["given"], said["mandates"]["standing"]) == (MANDATED, 0)
    assert (said["pool"]["entered"], said["pool"]["pool"]) == (MANDATED * MG_A_DAY, MANDATED * MG_A_DAY)
    assert (said["apply"]["tonnes"], said["apply"]["from_mg"], said["apply"]["status"]) == (TONNES, "0", "APPLIED")
    assert said["verify"]["status"] == "VERIFIED"
    assert said["approve"]["status"] == "APPROVED"
    assert all(said[step]["changed"] for step in ("register", "admit", "request", "confirm", "rule"))
    assert (said["offer"]["open"], said["buy"]["open"], said["buy"]["limit_fen"]) == (2, 2, 5_133)
    assert said["settle"]["changed"]
    assert said["retire"]["serials"] == ["PUHUI-001-2026-1-1-1"]
    (split,) = said["collect"]
    assert (split["gross_fen"], split["fee_fen"], split["people_fen"]) == (GROSS, GROSS // 10, GROSS * 9 // 10)
    assert (said["run"]["allocated_fen"], said["run"]["size"], said["run"]["state"]) == (
        4_500,
        -(-TONNES * 10**9 // MG_A_DAY),
        "PUBLISHED",
    )
    assert said["attest"]["state"] == "ATTESTED"


def test_the_ledger_audits_and_balances(puhui: Puhui) -> None:
    assert puhui.json("audit")["ok"] is True
    sheets = {sheet["name"]: sheet for sheet in puhui.json("balance")}
    assert all(sheet["balances"] for sheet in sheets.values())
    assert sheets["issuance 1"]["now"] == {"held": str(TONNES - 2), "listed": "1", "retired": "1", "cancelled": "0"}
    assert sheets[f"market pool of class {CLASS}"]["now"]["left in the pool"] == str(REST)
    assert sheets["proceeds of the programme's sales"]["now"]["due to people"] == "4500"


def test_doing_everything_again_changes_nothing(puhui: Puhui, loop: Loop) -> None:
    again = [
        ["certify", "verify", 1],
        ["certify", "approve", 1],
        ["participant", "admit", loop.address],
        ["cash", "confirm", "B-1"],
        ["treasury", "rule", "--fee-bps", 1_000, "--floor", "40"],
        ["treasury", "offer", "--issuance", 1, "--tonnes", 2, "--limit", "45", "--ref", "offer-1"],
        settle(loop.said, "T-1"),
        retire(loop.buyer, "R-1"),
        ["payout", "attest", 1],
    ]
    before = state_of(puhui.home)
    for arguments in again:
        assert puhui.json(*arguments)["changed"] is False, arguments
    assert puhui.json("treasury", "collect") == []
    assert puhui.json("payout", "run") == {"number": None, "changed": False}
    assert state_of(puhui.home) == before


def test_an_order_under_a_reference_is_made_once(puhui: Puhui, loop: Loop, clock: Clock) -> None:
    """Also when it is given again a minute later, where 7d from now are another second."""
    wanted = ("market", "order", "buy", "--keystore", loop.buyer, "--issuance", 1, "--tonnes", 1, "--ref", "mine")
    made = puhui.json(*wanted, "--limit", "50")
    before = state_of(puhui.home)
    clock.advance(60)
    assert puhui.json(*wanted, "--limit", "50") == made
    for other in (("--limit", "50.01"), ("--limit", "50", "--expires", "2099-01-01")):
        error = refused(puhui, 5, *wanted, *other)
        assert (error["code"], error["fields"]) == ("conflict", {"order": made["order"]})
    assert refused(puhui, 1, *wanted[:-1], "", "--limit", "50")["code"] == "bad_input"
    assert state_of(puhui.home) == before
    another = [puhui.json(*wanted[:-2], "--limit", "50")["order"] for _ in range(2)]
    assert len({made["order"], *another}) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("mandate", "revoke", "A1"),
        ("certify", "apply", "--class", CLASS),
        ("certify", "approve", 1),
        ("cash", "confirm", "B-1"),
        ("treasury", "collect"),
        ("treasury", "rule", "--fee-bps", 1),
        ("payout", "run"),
        ("payout", "claim", "A1"),
        ("payout", "pay", "P-1"),
        ("points", "convert", "A50", "--points", "1", "--ref", "x"),
    ],
)
def test_a_dry_run_changes_nothing(puhui: Puhui, arguments: tuple[object, ...]) -> None:
    before = state_of(puhui.home)
    assert puhui.json(*arguments, "--dry-run")["dry_run"] is True
    assert state_of(puhui.home) == before


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["certify", "apply", "--class", CLASS], 5, "conflict"),  # only the remainder is left
        (["certify", "apply", "--class", 9 << 16 | 2026], 1, "bad_input"),  # no such methodology
        (["certify", "verify", 2], 1, "not_found"),
        (["certify", "approve", 7], 1, "not_found"),
        (["certify", "reject", 1, "--reason", "太晚了"], 1, "bad_input"),
        (["certify", "reject", 1, "--reason", "late"], 5, "chain_revert"),
        (["serial", "show", TONNES + 1], 1, "not_found"),
        (["serial", "show", "0"], 1, "not_found"),
        (["serial", "show", "SZ-001-2026-1-1-1"], 1, "bad_input"),
        (["cash", "request", "B-1", "--to", "0x" + "11" * 20, "--yuan", "1"], 5, "chain_revert"),
        (["cash", "request", "B-2", "--to", "0x" + "11" * 20, "--yuan", "1"], 5, "chain_revert"),
        (["cash", "request", "B-2", "--to", "0x" + "11" * 20, "--yuan", "1.001"], 2, "usage"),
        (["cash", "request", "B-2", "--to", "nobody", "--yuan", "1"], 1, "bad_input"),
        (["cash", "confirm", "B-9"], 1, "not_found"),
        (["cash", "cancel", "B-1"], 5, "chain_revert"),
        (["participant", "admit", "0x" + "11" * 20], 1, "not_found"),
        (["treasury", "rule", "--fee-bps", 10_001], 1, "bad_input"),
        (["treasury", "offer", "--issuance", 1, "--tonnes", 1, "--limit", "39.99", "--ref", "low"], 5, "chain_revert"),
        (["treasury", "offer", "--issuance", 1, "--tonnes", 1, "--limit", "0", "--ref", "zero"], 1, "bad_input"),
        (["treasury", "withdraw", "--ref", "nothing"], 1, "not_found"),
        (["market", "settle", "T", "--sell", "0x00", "--buy", "0x00", "--tonnes", 1, "--price", "1"], 1, "not_found"),
        (["certificate", "show", 2], 1, "not_found"),
        (["payout", "attest", 2], 1, "not_found"),
        (["payout", "claim", "A60"], 1, "not_found"),  # gave no mandate
        (["mandate", "revoke", "A60"], 1, "not_found"),
        (["mandate", "give", "A1"], 2, None),
        (["points", "convert", "A1", "--points", "1", "--ref", "x"], 5, "conflict"),  # all of it went by mandate
        (["offset-limit", "SZ-0042", "--year", 1999, "--tonnes", 1], 1, "bad_input"),
        (["offset-limit", "SZ-0042", "--year", 2026, "--tonnes", 0], 5, "chain_revert"),  # one is used
    ],
)
def test_refusals(puhui: Puhui, arguments: list[object], code: int, error: str | None) -> None:
    if error is None:
        puhui(*arguments, expect=code)
        return
    assert refused(puhui, code, *arguments)["code"] == error


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda loop: settle(loop.said, "T-1", 2), "ExchangeSettlementTradeUsed"),
        (lambda loop: settle(loop.said, "T-2", 2), "ExchangeSettlementOverfilled"),
        (lambda loop: settle(loop.said, "T-2", price="51.34"), "ExchangeSettlementLimitExceeded"),
        (lambda loop: settle(loop.said, "T-2", price="44.99"), "ExchangeSettlementLimitExceeded"),
        (lambda loop: retire(loop.buyer, "R-2"), "RetirementCertificatesLimitExceeded"),
        (lambda loop: retire(loop.buyer, "R-1", year=2027), "RetirementCertificatesReferenceUsed"),
        (
            lambda loop: ["cash", "withdraw", "--keystore", loop.buyer, "--yuan", "50.01", "--ref", "W"],
            "ERC20InsufficientBalance",
        ),
        (
            lambda loop: ["market", "list", "--keystore", loop.buyer, "--issuance", 1, "--tonnes", 1, "--ref", "L"],
            "CertifiedReductionsNotTransferable",
        ),
    ],
)
def test_contracts_refuse_by_name(puhui: Puhui, loop: Loop, make: Any, reason: str) -> None:
    error = refused(puhui, 5, *make(loop))
    assert error["fields"]["error"] == reason


def test_retiring_beyond_the_offset_limit_is_refused_before_anything_moves(puhui: Puhui, loop: Loop) -> None:
    puhui(*settle(loop.said, "T-2"))
    error = refused(puhui, 5, *retire(loop.buyer, "R-2"))
    assert error["fields"]["error"] == "RetirementCertificatesLimitExceeded"
    puhui("offset-limit", "SZ-0042", "--year", 2026, "--tonnes", 2)
    assert puhui.json(*retire(loop.buyer, "R-2"))["serials"] == ["PUHUI-001-2026-1-2-2"]


def test_a_retirement_wants_a_yes_and_a_purpose_that_fits(puhui: Puhui, loop: Loop) -> None:
    wanted = [argument for argument in retire(loop.buyer, "R-2") if argument != "--yes"]
    assert refused(puhui, 2, *wanted)["code"] == "usage"
    for more in (("--purpose", "gift"), ("--purpose", "voluntary"), ("--beneficiary", "me")):
        assert refused(puhui, 2 if more[1] == "gift" else 1, *retire(loop.buyer, "R-2", *more))["hint"]


def test_a_serial_tells_its_story(puhui: Puhui, loop: Loop) -> None:
    found = puhui.json("serial", "show", "PUHUI-001-2026-1-1-1")
    assert found["now"] == [{"first": 1, "last": 1, "holder": loop.address, "place": "RETIRED", "certificate": 1}]
    places = [(event["from_place"], event["to_place"]) for event in found["events"]]
    assert places == [("NOWHERE", "HELD"), ("HELD", "LISTED"), ("LISTED", "HELD"), ("HELD", "RETIRED")]
    assert found["issuance"]["dossier"] == loop.said["apply"]["dossier"]
    whole = puhui.json("serial", "show", f"1-{TONNES}")
    assert [(part["first"], part["last"], part["place"]) for part in whole["now"]] == [
        (1, 1, "RETIRED"),
        (2, 2, "LISTED"),
    ]


def test_the_certificate_is_what_the_chain_holds(puhui: Puhui, loop: Loop, tmp_path: Path) -> None:
    shown = puhui.json("certificate", "show", 1)
    assert (shown["tonnes"], shown["purpose"], shown["year"], shown["entity"]) == (1, "COMPLIANCE", 2026, "SZ-0042")
    assert shown["transaction"] == loop.said["retire"]["transaction"]
    out = tmp_path / "certificate.pdf"
    assert puhui.json("certificate", "pdf", 1, "--out", out)["bytes"] == out.stat().st_size
    assert out.read_bytes().startswith(b"%PDF-")
    assert refused(puhui, 5, "certificate", "pdf", 1, "--out", out)["code"] == "conflict"
    puhui("certificate", "pdf", 1, "--out", out, "--force")


def test_people_claim_as_cash_or_are_paid_by_the_bank_once(puhui: Puhui) -> None:
    everyone = puhui.json("payout", "pay", "P-1", "--minimum", "0.01", "--dry-run")["payments"]
    assert sum(payment["fen"] for payment in everyone) == 4_500
    wallet = everyone[0]["wallet"]
    due = puhui.json("payout", "show", wallet)
    assert (due["due"], due["paid"]) == (everyone[0]["fen"], 0)
    assert puhui.json("payout", "claim", wallet)["fen"] == due["due"]
    assert puhui.json("cash", "balance", wallet)["fen"] == due["due"]
    assert puhui.json("payout", "claim", wallet)["changed"] is False
    instruction = puhui.json("payout", "pay", "P-1", "--minimum", "0.01", "--dry-run")
    assert instruction["fen"] == 4_500 - due["due"]
    paid = puhui.json("payout", "pay", "P-1", "--minimum", "0.01")
    assert (paid["accounts"], paid["fen"]) == (instruction["accounts"], instruction["fen"])
    assert puhui.json("payout", "pay", "P-2", "--minimum", "0.01")["accounts"] == 0
    assert puhui.json("audit")["ok"] is True


def test_a_revoked_mandate_converts_nothing_of_the_next_day(puhui: Puhui, tmp_path: Path) -> None:
    assert puhui.json("mandate", "show", "A1")["active"] is True
    assert puhui.json("mandate", "revoke", "A1")["changed"] is True
    assert puhui.json("mandate", "revoke", "A1")["changed"] is False
    before = puhui.json("certify", "pool", "--class", CLASS)["entered"]
    travel(puhui, tmp_path, "2026-03-03")
    entered = puhui.json("certify", "pool", "--class", CLASS)["entered"]
    assert entered - before == (MANDATED - 1) * MG_A_DAY
    assert puhui.json("points", "balance", "A1")["classes"][0]["unclaimed"] == MG_A_DAY


def test_converted_points_enter_the_pool_and_cannot_be_spent(puhui: Puhui) -> None:
    puhui("points", "claim", "A60")
    before = puhui.json("certify", "pool", "--class", CLASS)["entered"]
    puhui("points", "convert", "A60", "--points", "1000.5", "--ref", "mine")
    assert puhui.json("points", "convert", "A60", "--points", "1000.5", "--ref", "mine")["changed"] is False
    assert puhui.json("certify", "pool", "--class", CLASS)["entered"] - before == 1_000_500
    left = MG_A_DAY - 1_000_500
    error = puhui.fails(
        "points", "redeem", "A60", "--points", f"{(left + 1) // 1000}.{(left + 1) % 1000:03}", "--ref", "y", code=5
    )
    assert error["code"] == "conflict"


def test_a_rejected_application_returns_every_milligram(puhui: Puhui, tmp_path: Path) -> None:
    travel(puhui, tmp_path, "2026-03-03")
    pool = puhui.json("certify", "pool", "--class", CLASS)["pool"]
    assert puhui.json("certify", "apply", "--class", CLASS, "--tonnes", 1)["number"] == 2
    assert refused(puhui, 5, "certify", "apply", "--class", CLASS)["message"].startswith("certification 2")
    assert puhui.json("certify", "reject", 2, "--reason", "vintage", "--as-verifier")["status"] == "REJECTED"
    assert puhui.json("certify", "pool", "--class", CLASS)["pool"] == pool
    assert [item["status"] for item in puhui.json("certify", "show")] == ["APPROVED", "REJECTED"]


def after_the_delay(puhui: Puhui, *arguments: object) -> dict[str, Any]:
    """Give a delayed command, which only schedules, and again until the delay of a second has passed."""
    first = puhui.json(*arguments)
    assert (first["state"], first["changed"]) == ("SCHEDULED", True)
    for _ in range(50):
        time.sleep(0.2)
        done: dict[str, Any] = puhui.json(*arguments)
        if done["state"] == "DONE":
            return done
        assert (done["state"], done["ready_at"]) == ("WAITING", first["ready_at"])
    raise AssertionError(f"never ready: {first}")


def test_an_erroneous_issuance_is_suspended_cancelled_and_withdrawn_with_its_serials_listed(
    puhui: Puhui, loop: Loop
) -> None:
    puhui("issuance", "suspend", 1, "--reason", "wrong factor")
    error = refused(puhui, 5, *settle(loop.said, "T-2"))
    assert error["fields"]["error"] == "CertifiedReductionsUnexpectedStatus"
    assert refused(puhui, 5, "issuance", "withdraw", 1)["fields"]["error"] == "CertifiedReductionsUnexpectedStatus"
    affected = puhui.json("issuance", "show", 1)
    places = [(part["first"], part["last"], part["place"], part["certificate"]) for part in affected["serials"]]
    assert (affected["status"], places) == ("SUSPENDED", [(1, 1, "RETIRED", 1), (2, 2, "LISTED", "")])
    after_the_delay(puhui, "issuance", "cancel", 1, "--reason", "wrong factor")
    assert puhui.json("issuance", "withdraw", 1)["cancelled"] == TONNES - 1
    assert puhui.json("issuance", "withdraw", 1)["transactions"] == []
    assert [part["place"] for part in puhui.json("issuance", "show", 1)["serials"]] == ["RETIRED", "CANCELLED"]
    assert puhui.json("certificate", "show", 1)["issuance_status"] == "CANCELLED"
    assert puhui.json("audit")["ok"] is True
    assert all(sheet["balances"] for sheet in puhui.json("balance"))


def test_a_suspended_issuance_moves_again_after_the_delay(puhui: Puhui, loop: Loop) -> None:
    puhui("issuance", "suspend", 1, "--reason", "inquiry")
    after_the_delay(puhui, "issuance", "resume", 1)
    assert puhui.json(*settle(loop.said, "T-2"))["changed"] is True


def test_frozen_tonnes_stay_until_a_court_moves_them(puhui: Puhui, loop: Loop, tmp_path: Path) -> None:
    puhui(*settle(loop.said, "T-2"))
    puhui("offset-limit", "SZ-0042", "--year", 2026, "--tonnes", 2)
    freeze = ("issuance", "freeze", 1, "--account", loop.address, "--reason", "court order")
    assert puhui.json(*freeze, "--tonnes", 1)["changed"] is True
    assert puhui.json(*freeze, "--tonnes", 1)["changed"] is False
    error = refused(puhui, 5, *retire(loop.buyer, "R-2"))
    assert error["fields"]["error"] == "CertifiedReductionsNotTransferable"
    heir = puhui.json("participant", "key", tmp_path / "heir.json")["address"]
    force = ("issuance", "force", 1, "--from", loop.address, "--to", heir, "--tonnes", 1, "--reason", "court order")
    assert puhui.json(*force)["state"] == "SCHEDULED"
    (tmp_path / "identity").write_text("an heir", "utf-8")
    identity = ("--kind", "voluntary", "--identity", tmp_path / "identity")
    puhui("participant", "register", heir, "--entity", "HEIR", *identity)
    puhui("participant", "admit", heir)
    time.sleep(2)
    assert puhui.json(*force)["state"] == "DONE"
    assert puhui.json("participant", "show", heir)["holdings"] == [
        {"issuance": 1, "balance": 1, "listed": 0, "frozen": 0}
    ]
    assert puhui.json("participant", "show", loop.address)["holdings"][0]["frozen"] == 0


def test_a_suspended_participant_neither_trades_nor_retires(puhui: Puhui, loop: Loop) -> None:
    puhui("participant", "suspend", loop.address, "--reason", "inquiry")
    error = refused(puhui, 5, *settle(loop.said, "T-2"))
    assert error["fields"]["error"] == "ParticipantsInactive"
    after_the_delay(puhui, "participant", "reinstate", loop.address)
    assert puhui.json(*settle(loop.said, "T-2"))["changed"] is True


def test_one_guardian_stops_everything_and_the_regulator_restarts_after_the_delay(puhui: Puhui, loop: Loop) -> None:
    assert len(puhui.json("pause")["paused"]) == 9
    assert puhui.json("pause")["paused"] == []
    for arguments in (settle(loop.said, "T-2"), ["cash", "confirm", "B-1"]):
        assert refused(puhui, 5, *arguments)["fields"]["error"] == "EnforcedPause"
    puhui("pause", "TripAnchors", expect=2)
    assert {step["state"] for step in puhui.json("unpause").values()} == {"SCHEDULED"}
    time.sleep(2)
    assert {step["state"] for step in puhui.json("unpause").values()} == {"DONE"}
    assert puhui.json(*settle(loop.said, "T-2"))["changed"] is True
