"""council.py: keys change hands as the RoleCouncil wants it, on the embedded chain; two keys and a delay, never one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from web3 import Web3

from deploy.besu import council
from registry.chain import artifacts
from registry.chain.wiring import COUNCIL, HOLDERS, ROLES
from registry.services import keystores
from tests.services.homes import PASSWORD, SOURCE, Puhui, contracts_of
from tests.services.market_stages import Clock

DELAY_S = 86_400


@dataclass
class Desk:
    """A ledger's home, and council.py called on it."""

    puhui: Puhui
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, list[str], str]:
        """Exit code, lines, error."""
        self.capture.readouterr()
        code = council.main(["--home", str(self.puhui.home), *arguments])
        captured = self.capture.readouterr()
        return code, captured.out.splitlines(), captured.err.strip()

    def address(self, role: str) -> str:
        return keystores.address(self.puhui.home / "keys", role)

    def new_key(self, role: str) -> str:
        """A key made as the runbook makes it."""
        self.puhui("participant", "key", self.puhui.home / "keys" / "new" / f"{role}.json")
        return keystores.address(self.puhui.home / "keys" / "new", role)

    def holds(self, role: str, account: str) -> tuple[bool, int, bool]:
        """Whether an account has a role, with what delay, and whether it is a member."""
        with contracts_of(self.puhui.home) as contracts:
            w3, found = contracts.chain.w3, contracts.deployment.addresses
            manager = w3.eth.contract(
                address=Web3.to_checksum_address(found["AccessManager"]), abi=artifacts.load("AccessManager").abi
            )
            members = w3.eth.contract(
                address=Web3.to_checksum_address(found["RoleCouncil"]), abi=artifacts.load("RoleCouncil").abi
            )
            held, delay = manager.functions.hasRole(ROLES[role], account).call()
            return held, delay, members.functions.isMember(account).call()


@pytest.fixture
def desk(puhui: Puhui, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(puhui, capsys)


def ids(lines: list[str]) -> list[str]:
    return [match[0] for line in lines if (match := re.search(r"0x[0-9a-f]{64}", line))]


@pytest.mark.parametrize(("role", "calls"), [("platform", 4), ("regulator", 6), ("bank", 2)])
def test_a_role_changes_hands(desk: Desk, clock: Clock, role: str, calls: int) -> None:
    old, new = desk.address(role), desk.new_key(role)
    by, other = ("verifier", "exchange")
    rotate = ("rotate", role, old, new)
    code, proposed, _ = desk(*rotate, "propose", "--as", by)
    assert (code, len(proposed), len(set(ids(proposed)))) == (0, calls, calls)
    assert desk(*rotate, "execute", "--as", by)[0] == 5  # nobody else approved
    assert desk.holds(role, new) == (False, 0, False)
    code, approved, _ = desk(*rotate, "approve", "--as", other)
    assert (code, ids(approved)) == (0, ids(proposed))
    code, lines, error = desk(*rotate, "execute", "--as", other)
    assert (code, lines) == (5, [])
    assert "RoleCouncilOutOfTime" in error
    clock.ahead_s += DELAY_S + 1
    code, executed, _ = desk(*rotate, "execute", "--as", by)
    assert (code, ids(executed)) == (0, ids(proposed))
    assert desk.holds(role, new) == (True, 0, role in COUNCIL)
    assert desk.holds(role, old) == (False, 0, False)
    if role == "regulator":
        assert desk.holds("regulator_delayed", new)[:2] == (True, DELAY_S)
        assert desk.holds("regulator_delayed", old)[:2] == (False, 0)
    code, again, _ = desk(*rotate, "execute", "--as", other)
    assert (code, [line.endswith("(was so already)") for line in again]) == (0, [True] * calls)


def test_the_new_platform_key_signs_for_its_sources(
    make_ledger: Callable[[str], Puhui], capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    desk = Desk(make_ledger("sealed"), capsys)
    desk.puhui("source", "register", SOURCE, "--cap-tonnes", "7")
    old, new = desk.address("platform"), desk.new_key("platform")
    for step, member in (("propose", "verifier"), ("approve", "guardian")):
        assert desk("rotate", "platform", old, new, step, "--as", member)[0] == 0
    clock.ahead_s += DELAY_S + 1
    assert desk("rotate", "platform", old, new, "execute", "--as", "verifier")[0] == 0
    keys = desk.puhui.home / "keys"
    (keys / "new" / "platform.json").replace(keys / "platform.json")
    assert desk.puhui.fails("anchor", code=5)["fields"]["error"] == "TripAnchorsWrongSigner"
    assert desk("source", SOURCE, new) == (0, [f"source {SOURCE}: signed for by {new}"], "")
    with contracts_of(desk.puhui.home) as contracts:
        record = contracts.anchors.source(SOURCE)
    assert record is not None
    assert (record.signer, record.active, record.daily_cap_mg) == (new, True, 7 * 10**9)
    desk.puhui("anchor")
    assert desk("source", SOURCE, new)[1] == [f"source {SOURCE}: signed for by {new} (was so already)"]
    code, _, error = desk("source", "nobody", new)
    assert (code, error) == (1, "error [not_found]: source nobody is not registered on the chain")


def test_one_member_is_not_enough_and_any_can_cancel(desk: Desk, clock: Clock) -> None:
    old, new = desk.address("exchange"), desk.new_key("exchange")
    rotate = ("rotate", "exchange", old, new)
    assert desk(*rotate, "propose", "--as", "platform")[0] == 0
    code, _, error = desk(*rotate, "approve", "--as", "platform")
    assert code == 5
    assert "RoleCouncilSelfApproval" in error
    assert desk(*rotate, "approve", "--as", "verifier")[0] == 0
    assert len(desk(*rotate, "cancel", "--as", "guardian")[1]) == 4
    clock.ahead_s += DELAY_S + 1
    assert desk(*rotate, "execute", "--as", "platform")[0] == 5
    code, _, error = desk(*rotate, "approve", "--as", "verifier", "--salt", "1")
    assert code == 5  # under another salt it is another proposal, which nobody made
    assert desk(*rotate, "propose", "--as", "verifier", "--salt", "1")[0] == 0
    assert desk.holds("exchange", new) == (False, 0, False)


def test_what_makes_no_sense_is_not_proposed(desk: Desk) -> None:
    platform, verifier, new = desk.address("platform"), desk.address("verifier"), desk.new_key("platform")
    for old, put, words in (
        (verifier, new, f"{verifier} does not hold platform"),
        (platform, verifier, f"{verifier} is verifier already"),
        (platform, "0x12", "'0x12' is not an address"),
    ):
        for step in ("propose", "approve"):
            code, lines, error = desk("rotate", "platform", old, put, step, "--as", "regulator")
            assert (code, lines) == (1, [])
            assert words in error


def test_show_names_the_keys_of_this_home_and_no_secret(desk: Desk) -> None:
    code, lines, _ = desk("show")
    assert (code, lines[1]) == (0, f"delay {DELAY_S} s")
    assert re.fullmatch(r"council 0x[0-9a-fA-F]{40}: 5 members", lines[0])
    assert lines[2:] == [
        f"{role:<10} {desk.address(role)}  role yes  member {'yes' if role in COUNCIL else 'no'}" for role in HOLDERS
    ]
    assert PASSWORD not in "".join(lines)
    (desk.puhui.home / "keys" / "bank.json").unlink()
    assert desk("show")[1][-1] == "bank       not in this home"
