"""From mandates to money in people's hands, by commands alone: each milligram, tonne and fen that comes in goes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.audit.market_ledger import CLASS, MANDATED, MG_A_DAY, PEOPLE, travel
from tests.e2e.test_main_job import CHECKS_ACTS, CHECKS_FULL
from tests.services.homes import Puhui, write_people

EARNED = PEOPLE * MG_A_DAY
BY_MANDATE = MANDATED * MG_A_DAY
IN_THE_POOL = BY_MANDATE + MG_A_DAY  # somebody without a mandate converts all points of the day
TONNES = 3
FIRST_FEN, SECOND_FEN, RESALE_FEN = 4_817, 4_701, 5_000  # a tonne
SOLD = 2 * FIRST_FEN + SECOND_FEN
FEE = 963 + 470  # a tenth of each trade's proceeds, without its fraction
PEOPLES = SOLD - FEE
STEEL_IN, TEA_IN = 20_000, 15_000
STEEL_LEFT = STEEL_IN - 2 * FIRST_FEN + RESALE_FEN
TEA_LEFT = TEA_IN - SECOND_FEN - RESALE_FEN
# 40 people gave 74.88 kg each and get 322.03 fen, the 41st gave the 4.8 kg that were missing and gets 20.64; of the two
# fen that the fractions come to, one goes to the largest and one to the first of those who are alike.
LAST = 21
OTHERS = [322] * 39 + [323]


@dataclass(frozen=True)
class Company:
    """A participant: its keystore, address and code."""

    keystore: Path
    address: str
    entity: str


@pytest.fixture
def fresh(tmp_path: Path, fast_keystores: None) -> Puhui:
    """The command line on a home that is not there yet."""
    return Puhui(tmp_path / "home")


def market_loop(puhui: Puhui, files: Path, *init: object) -> None:
    """Every step, each with the exact result it must have."""
    puhui("init", *init)
    pool(puhui, files)
    certify(puhui)
    steel = company(puhui, files, "STEEL-1", "compliance", STEEL_IN)
    tea = company(puhui, files, "TEA-2", "voluntary", TEA_IN)
    trade(puhui, steel, tea)
    retire(puhui, steel, tea, files)
    pay_out(puhui, tea)
    books(puhui)


def pool(puhui: Puhui, files: Path) -> None:
    """40 of 60 people give a mandate, all travel, and one of the others converts points."""
    puhui("accounts", "import", write_people(files / "people.csv", PEOPLE))
    (files / "terms").write_text("my new points go to the market\n", "utf-8")
    (files / "who").write_text("\n".join(f"A{n}" for n in range(1, MANDATED + 1)), "utf-8")
    given = puhui.json("mandate", "give", "--file", files / "who", "--terms", files / "terms")
    assert (given["given"], given["standing"], len(given["transactions"])) == (MANDATED, 0, 1)
    travel(puhui, files, "2026-03-02")
    assert puhui.json("certify", "pool", "--class", CLASS)["entered"] == BY_MANDATE
    (claimed,) = puhui.json("points", "claim", "A50")["claims"]
    assert claimed["minted"] == MG_A_DAY
    points = f"{MG_A_DAY // 1000}.{MG_A_DAY % 1000:03}"
    assert puhui.json("points", "convert", "A50", "--points", points, "--ref", "all of it")["mg"] == MG_A_DAY
    found = puhui.json("certify", "pool", "--class", CLASS)
    assert (found["entered"], found["certified"], found["pool"]) == (IN_THE_POOL, 0, IN_THE_POOL)


def certify(puhui: Puhui) -> None:
    """Three keys: the platform applies, the verifier recomputes, the regulator approves, which issues."""
    applied = puhui.json("certify", "apply", "--class", CLASS)
    steps = [applied, *(puhui.json("certify", verb, 1) for verb in ("verify", "approve"))]
    assert [(s["status"], s["tonnes"], s["changed"]) for s in steps] == [
        ("APPLIED", TONNES, True),
        ("VERIFIED", TONNES, True),
        ("APPROVED", TONNES, True),
    ]
    shown = puhui.json("certify", "show", 1)
    (share,) = shown["contents"]["epochs"]
    missing = TONNES * 10**9 - BY_MANDATE
    assert (share["number"], share["mg"]) == (1, str(BY_MANDATE))
    assert shown["contents"]["redemptions"] == {"count": 1, "mg": str(missing)}
    assert (shown["contents"]["accounts"], shown["contents"]["from_mg"]) == (MANDATED + 1, "0")
    issued = shown["issuance"]
    assert (issued["status"], issued["first_serial"], issued["last_serial"]) == ("ACTIVE", 1, TONNES)


def company(puhui: Puhui, files: Path, entity: str, kind: str, fen: int) -> Company:
    """Registered by the exchange, admitted by the regulator; its money asked for, and confirmed by the bank."""
    keystore = files / f"{entity}.json"
    address = puhui.json("participant", "key", keystore)["address"]
    (files / "identity").write_text(f"who {entity} is", "utf-8")
    identity = ("--kind", kind, "--identity", files / "identity")
    assert puhui.json("participant", "register", address, "--entity", entity, *identity)["changed"] is True
    assert puhui.json("participant", "admit", address)["changed"] is True
    assert puhui.json("cash", "request", f"in-{entity}", "--to", address, "--yuan", yuan(fen))["fen"] == fen
    assert puhui.json("cash", "balance", address)["fen"] == 0
    assert puhui.json("cash", "confirm", f"in-{entity}")["changed"] is True
    assert puhui.json("cash", "balance", address)["fen"] == fen
    return Company(keystore, address, entity)


def trade(puhui: Puhui, steel: Company, tea: Company) -> None:
    """The treasury sells 2 t and 1 t; one of the 2 t is sold on."""
    puhui("treasury", "rule", "--fee-bps", 1_000, "--floor", "40")
    wanted = ("--issuance", 1, "--tonnes")
    offered = puhui.json("treasury", "offer", *wanted, TONNES, "--limit", "45", "--ref", "offer-1")
    assert (offered["open"], offered["limit_fen"]) == (TONNES, 4_500)
    settled(puhui, "T-1", offered["order"], order(puhui, "buy", steel, 2, "51.33"), 2, FIRST_FEN)
    settled(puhui, "T-2", offered["order"], order(puhui, "buy", tea, 1, "47.01"), 1, SECOND_FEN)
    puhui("market", "list", "--keystore", steel.keystore, *wanted, 1, "--ref", "list-1")
    held = puhui.json("participant", "show", steel.address)["holdings"]
    assert held == [{"issuance": 1, "balance": 2, "listed": 1, "frozen": 0}]
    ask, bid = order(puhui, "sell", steel, 1, "49"), order(puhui, "buy", tea, 1, "50")
    settled(puhui, "T-3", ask, bid, 1, RESALE_FEN)
    assert [entry["open"] for entry in puhui.json("market", "book")] == [0] * 5
    for who, tonnes, fen in ((steel, 1, STEEL_LEFT), (tea, 2, TEA_LEFT)):
        shown = puhui.json("participant", "show", who.address)
        assert shown["holdings"] == [{"issuance": 1, "balance": tonnes, "listed": 0, "frozen": 0}]
        assert shown["cash_fen"] == fen
    split = puhui.json("treasury", "collect")
    assert [(s["gross_fen"], s["fee_fen"], s["people_fen"]) for s in split] == [
        (9_634, 963, 8_671),
        (4_701, 470, 4_231),
    ]


def order(puhui: Puhui, side: str, who: Company, tonnes: int, limit: str) -> str:
    """A signed order's hash."""
    terms = ("--issuance", 1, "--tonnes", tonnes, "--limit", limit)
    made = puhui.json("market", "order", side, "--keystore", who.keystore, *terms)
    assert (made["trader"], made["open"]) == (who.address, tonnes)
    return str(made["order"])


def settled(puhui: Puhui, trade: str, sell: str, buy: str, tonnes: int, fen: int) -> None:
    terms = ("--tonnes", tonnes, "--price", yuan(fen))
    command = ("market", "settle", trade, "--sell", sell, "--buy", buy, *terms)
    assert [puhui.json(*command)["changed"] for _ in range(2)] == [True, False]


def retire(puhui: Puhui, steel: Company, tea: Company, files: Path) -> None:
    """A duty is met and a gift made, each with its certificate; the tonnes' whole way can be looked up."""
    puhui("offset-limit", steel.entity, "--year", 2026, "--tonnes", 1)
    one = ("--issuance", 1, "--tonnes", 1, "--yes", "--ref", "R-1")
    duty = puhui.json("retire", "--keystore", steel.keystore, *one, "--year", 2026)
    gift = ("--purpose", "welfare", "--beneficiary", "一所小学")
    given = puhui.json("retire", "--keystore", tea.keystore, *one, *gift)
    assert (duty["certificate"], duty["serials"]) == (1, ["PUHUI-001-2026-1-2-2"])
    assert (given["certificate"], given["serials"]) == (2, ["PUHUI-001-2026-1-1-1"])
    shown = puhui.json("certificate", "show", 2)
    assert (shown["tonnes"], shown["purpose"], shown["beneficiary"]) == (1, "WELFARE", "一所小学")
    out = files / "certificate.pdf"
    assert puhui.json("certificate", "pdf", 1, "--out", out)["bytes"] == out.stat().st_size
    now = puhui.json("serial", "show", f"1-{TONNES}")["now"]
    assert [(part["first"], part["place"], part["certificate"]) for part in now] == [
        (1, "RETIRED", 2),
        (2, "RETIRED", 1),
        (3, "HELD", None),
    ]


def pay_out(puhui: Puhui, tea: Company) -> None:
    """The people's share to the fen: one claims it as cash, the bank pays the others."""
    run, attested = puhui.json("payout", "run"), puhui.json("payout", "attest", 1)
    for step, state in ((run, "PUBLISHED"), (attested, "ATTESTED")):
        assert (step["state"], step["allocated_fen"], step["total_fen"]) == (state, PEOPLES, PEOPLES)
        assert (step["size"], step["changed"]) == (MANDATED + 1, True)
    assert puhui.json("payout", "claim", "A50")["fen"] == LAST
    everyone = puhui.json("payout", "pay", "P-1", "--minimum", "0.01", "--dry-run")["payments"]
    assert sorted(payment["fen"] for payment in everyone) == OTHERS
    paid = puhui.json("payout", "pay", "P-1", "--minimum", "0.01")
    assert (paid["accounts"], paid["fen"], len(paid["transactions"])) == (MANDATED, PEOPLES - LAST, 2)
    assert puhui.json("payout", "pay", "P-2", "--minimum", "0.01")["accounts"] == 0
    assert puhui.json("payout", "claim", "A1")["changed"] is False
    puhui("cash", "withdraw", "--keystore", tea.keystore, "--yuan", yuan(TEA_LEFT), "--ref", "out-1")


def books(puhui: Puhui) -> None:
    """An audit finds everything equal, and each balance is in = out with exactly these amounts."""
    report = puhui.json("audit")
    assert (report["ok"], report["level"]) == (True, "full")
    assert [check["name"] for check in report["checks"]] == [*CHECKS_FULL, *CHECKS_ACTS]
    counted = {
        "certifications": 1,
        "issued_t": TONNES,
        "held_t": 1,
        "retired_t": 2,
        "certificates": 2,
        "offset_t": 1,
        "trades": 3,
        "traded_t": 4,
        "traded_fen": SOLD + RESALE_FEN,
        "collected_fen": SOLD,
        "fees_fen": FEE,
        "paid_fen": PEOPLES,
        "due_fen": 0,
        "unallocated_fen": 0,
        "uncollected_fen": 0,
    }
    assert {name: report["totals"][name] for name in counted} == counted
    found = {sheet["name"]: (numbers(sheet["in"]), numbers(sheet["now"])) for sheet in puhui.json("balance")}
    certified = TONNES * 10**9
    burnt = PEOPLES - LAST + TEA_LEFT
    assert found == {
        f"points of class {CLASS}": (
            {"attested trips": EARNED},
            {
                "unclaimed": EARNED - IN_THE_POOL,
                "redeemed MARKET": MG_A_DAY,
                "converted under mandates": BY_MANDATE,
            },
        ),
        f"market pool of class {CLASS}": (
            {"converted": IN_THE_POOL},
            {"certified": certified, "left in the pool": IN_THE_POOL - certified},
        ),
        "issuance 1": ({"issued": TONNES}, {"held": 1, "retired": 2}),
        "settlement cash": (
            {"bank transfers in": STEEL_IN + TEA_IN},
            {"companies, operator and people": STEEL_LEFT + FEE + LAST, "paid out at the bank": burnt},
        ),
        "proceeds of the programme's sales": ({"sold": SOLD}, {"operator's fee": FEE, "paid to people": PEOPLES}),
    }
    assert all(sum(came_in.values()) == sum(now.values()) for came_in, now in found.values())


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02}"


def numbers(amounts: dict[str, Any]) -> dict[str, int]:
    """The amounts that are not zero."""
    return {name: int(amount) for name, amount in amounts.items() if int(amount)}


def test_postgresql_and_embedded_chain(
    fresh: Puhui, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUHUI_DATABASE_URL", postgres_url)
    market_loop(fresh, tmp_path)
    assert not (fresh.home / "ledger.db").exists()
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT side, tonnes, limit_fen FROM orders ORDER BY limit_fen").fetchall()
    assert rows == [("SELL", 3, 4_500), ("BUY", 1, 4_701), ("SELL", 1, 4_900), ("BUY", 1, 5_000), ("BUY", 2, 5_133)]


def test_sqlite_and_anvil(fresh: Puhui, tmp_path: Path, anvil: str) -> None:
    market_loop(fresh, tmp_path, "--rpc", anvil)
    assert (fresh.home / "ledger.db").exists()
    assert not (fresh.home / "chain.db").exists()
