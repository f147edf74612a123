"""Epochs are cumulative, wait for their verifier and delay, and can be cancelled; wallets sign for themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account import Account

from registry.services import keystores
from registry.services.epochs import pending_epoch
from tests.services.homes import (
    FAST_SCRYPT,
    PASSWORD,
    PEOPLE,
    Puhui,
    journey,
    opened,
    rows_of,
    write_journeys,
    write_people,
)

MG_A, MG_B = 5000 * 269 // 10, 7000 * 269 // 10


@pytest.fixture
def people(puhui: Puhui, tmp_path: Path) -> Puhui:
    """A ledger with three accounts and no trip."""
    puhui("accounts", "import", write_people(tmp_path / "accounts.csv"))
    return puhui


def attested(puhui: Puhui, folder: Path, name: str, **changed: object) -> str:
    """Import one journey, anchor and attest it; returns the batch."""
    (batch,) = puhui.imports(write_journeys(folder / f"{name}.csv", journey(trip_id=name, **changed)))["batches"]
    puhui("anchor")
    puhui("attest")
    return str(batch)


def test_a_second_epoch_adds_to_the_first_and_a_claim_mints_the_difference(people: Puhui, tmp_path: Path) -> None:
    attested(people, tmp_path, "first")
    assert people.json("epoch", "publish")["number"] == 1
    assert [c["minted"] for c in people.json("points", "claim", "A1")["claims"]] == [MG_A]
    later = {"board_time": "2026-03-03 08:00:00", "alight_time": "2026-03-03 08:20:00", "distance_m": 7000}
    batch = attested(people, tmp_path, "second", **later)
    published = people.json("epoch", "publish")
    assert (published["number"], published["batches"], published["size"]) == (2, [batch], 1)
    assert published["earned_mg"] == MG_B
    (held,) = people.json("points", "balance", "A1")["classes"]
    assert (held["earned"], held["claimed"], held["unclaimed"]) == (MG_A + MG_B, MG_A, MG_B)
    assert [c["minted"] for c in people.json("points", "claim", "A1")["claims"]] == [MG_B]
    assert people.fails("points", "claim", "A2", code=1)["code"] == "not_found"
    report = people.json("audit")
    assert (report["ok"], report["totals"]["epochs"], report["totals"]["claimed_mg"]) == (True, 2, MG_A + MG_B)


def test_an_epoch_is_active_only_after_its_verifier_and_its_delay(tmp_path: Path, fast_keystores: None) -> None:
    puhui = Puhui(tmp_path / "home")
    puhui("init", "--epoch-delay", "86400")
    puhui("accounts", "import", write_people(tmp_path / "accounts.csv"))
    attested(puhui, tmp_path, "first")
    assert puhui.json("epoch", "publish", "--no-attest")["state"] == "PUBLISHED"
    error = puhui.fails("epoch", "publish", "--no-attest", code=5)
    assert error["message"] == "epoch 1 is published and not active yet"
    with opened(puhui.home) as ledger:
        assert pending_epoch(ledger) == 1
    assert puhui.json("epoch", "publish")["state"] == "ATTESTED"
    shown = puhui.json("epoch", "show")
    assert (shown["attested"], shown["active"]) == (True, False)
    assert puhui.fails("points", "claim", "A1", code=5)["message"] == "no epoch is active"
    assert puhui.fails("epoch", "publish", code=5)["code"] == "conflict"
    assert puhui.json("audit")["ok"]


def test_a_cancelled_epoch_gives_its_batches_back(tmp_path: Path, fast_keystores: None) -> None:
    puhui = Puhui(tmp_path / "home")
    puhui("init", "--epoch-delay", "86400")
    puhui("accounts", "import", write_people(tmp_path / "accounts.csv"))
    batch = attested(puhui, tmp_path, "first")
    puhui("epoch", "publish")
    with opened(puhui.home) as ledger:
        contract, reason = ledger.contracts.points.contract, b"wrong".ljust(32, b"\0")
        cancel = contract.functions.cancelEpoch(1, [bytes.fromhex(batch[2:])], [], reason)
        assert ledger.submitter("guardian").send(cancel).changed
    assert puhui.json("audit")["totals"]["batches_by_status"] == {"ATTESTED": 1}
    published = puhui.json("epoch", "publish")
    assert (published["number"], published["batches"], published["changed"]) == (1, [batch], True)
    assert [(row.state, row.epoch) for row in rows_of(puhui.home)] == [("ISSUED", 1)]
    assert puhui.json("audit")["ok"]


def test_a_wallet_of_ones_own_signs_with_its_keystore(puhui: Puhui, tmp_path: Path) -> None:
    mine = keystores.create(tmp_path / "mine", ("wallet", "another"), PASSWORD, FAST_SCRYPT)
    (tmp_path / "accounts.csv").write_text(f"{PEOPLE}\nA1,C1,individual,{mine['wallet']},2020-01-01 00:00:00\n")
    puhui("accounts", "import", tmp_path / "accounts.csv")
    attested(puhui, tmp_path, "first")
    puhui("epoch", "publish")
    assert puhui.json("points", "claim", mine["wallet"])["account_id"] == "A1"
    redeem = ("points", "redeem", "A1", "--points", "1", "--ref", "r")
    error = puhui.fails(*redeem, code=4)
    assert error["code"] == "auth"
    assert "does not hold the key" in error["message"]
    error = puhui.fails(*redeem, "--keystore", tmp_path / "mine" / "another.json", code=4)
    assert error["message"] == f"the keystore is of {mine['another']}, the account's wallet is {mine['wallet']}"
    done = puhui.json(*redeem, "--keystore", tmp_path / "mine" / "wallet.json")
    assert (done["changed"], done["mg"], done["channel"]) == (True, 1000, "COMMERCE")
    (held,) = puhui.json("points", "balance", "A1")["classes"]
    assert held["balance"] == MG_A - 1000
    key = keystores.unlock(tmp_path / "mine", "wallet", PASSWORD).key.hex()
    assert key not in "".join(puhui.printed)


def test_a_trip_id_of_two_sources_needs_its_source(people: Puhui, tmp_path: Path) -> None:
    people.imports(write_journeys(tmp_path / "a.csv", journey()))
    people.imports(write_journeys(tmp_path / "b.csv", journey(carrier_ref="C2", account_id="A2")), source="other-app")
    error = people.fails("proof", "T1", code=5)
    assert error["message"] == "trip 'T1' is known to several sources: city-app, other-app"
    file = tmp_path / "proof.json"
    people("proof", "T1", "--source", "other-app", "--out", file)
    assert json.loads(file.read_text())["batch"]["source"] == "other-app"
    assert people.json("verify", file, expect=3)["verdict"] == "failed"  # not on the chain yet
    people("anchor")
    assert people.json("verify", file, expect=3)["verdict"] == "failed"  # nobody co-signed it
    people("attest")
    assert people.json("verify", file)["verdict"] == "verified"


def test_a_proof_without_its_opening_names_nobody(make_ledger: Callable[..., Puhui], tmp_path: Path) -> None:
    puhui = make_ledger("accounts")
    puhui("accounts", "import", write_people(tmp_path / "accounts.csv"))
    attested(puhui, tmp_path, "mine")
    file = tmp_path / "proof.json"
    puhui("proof", "mine", "--withhold", "--out", file)
    assert '"C1"' not in file.read_text()
    assert "甲" not in file.read_text()
    result = puhui.json("verify", file)
    assert (result["verdict"], result["opened"], result["reduction_mg"]) == ("verified", False, MG_A)


def test_a_changed_proof_fails_and_never_says_verified(people: Puhui, tmp_path: Path) -> None:
    attested(people, tmp_path, "mine")
    file = tmp_path / "proof.json"
    people("proof", "mine", "--out", file)
    genuine = json.loads(file.read_text())
    for path, value in (
        (("batch", "reductionMg"), str(MG_A + 1)),
        (("batch", "serviceDate"), "20260302"),
        (("batch", "serviceDate"), None),
        (("batch", "source"), "City App"),
        (("batch", "tripCount"), True),
        (("index",), 1),
        (("size",), 2),
    ):
        body = json.loads(json.dumps(genuine))
        place = body
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        file.write_text(json.dumps(body))
        done = people("verify", file, expect=3)
        assert "VERIFIED" not in done.out
        assert "FAILED" in done.out
        assert people("verify", file, "--json", expect=3).json["verdict"] == "failed"


def test_a_key_is_for_its_own_chain(people: Puhui) -> None:
    """The regulator's key cannot sign a transaction for another chain into this one."""
    with opened(people.home) as ledger:
        regulator, w3 = ledger.keys.account("regulator"), ledger.contracts.chain.w3
        body = {"to": regulator.address, "value": 0, "gas": 30_000, "gasPrice": 0, "chainId": 1}
        body["nonce"] = w3.eth.get_transaction_count(regulator.address)
        signed = Account.sign_transaction(body, regulator.key)
        with pytest.raises(Exception, match=r"(?i)chain"):
            w3.eth.send_raw_transaction(signed.raw_transaction)
