"""A small city's ledger from its accounts to a backup, as one line of commands, with a copy of it before each.

Beside the line stands one more: an epoch that was prepared two hours before, and is to be published now.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final
from unittest.mock import patch

import eth_keyfile
import typer.main

from registry.chain import event_reader
from registry.services import keystores, mandates, market, payouts
from registry.store import operations
from tests.audit.market_ledger import CLASS, COMPLIANT, join
from tests.services.homes import FAST_SCRYPT, PASSWORD, SOURCE, Puhui, journey, opened, write_journeys, write_people

PEOPLE, MANDATED = 20, 16
SPENDER: Final = f"A{PEOPLE}"  # has no mandate, and so keeps his points
WHO: Final = "\n".join(f"A{number}" for number in range(1, MANDATED + 1))


@dataclass(frozen=True)
class Command:
    """A command of the line, and the exit code of one that is given again after it was done: 0, or 5 for a conflict.

    It is given `since_s` seconds after its ledger was made.
    """

    name: str
    words: tuple[str, ...]
    done_before: int = 0
    since_s: int = 0


def _command(name: str, words: str, *more: str, done_before: int = 0) -> Command:
    return Command(name, (*words.split(), *more), done_before)


LINE: Final[Sequence[Command]] = (
    _command("accounts import", "accounts import FILES/accounts.csv"),
    _command("mandate give", "mandate give --file FILES/who --terms FILES/terms"),
    _command("import", f"trips import FILES/trips.csv --source {SOURCE} --format journeys"),
    _command("anchor", "anchor"),
    _command("attest", "attest"),
    _command("epoch publish", "epoch publish --no-attest", done_before=5),
    _command("epoch attest", "attest"),
    _command("claim", f"points claim {SPENDER}"),
    _command("redeem", f"points redeem {SPENDER} --points 0.5 --ref order-1"),
    _command("convert", f"points convert {SPENDER} --points 7000 --ref pool-1"),
    _command("certify apply", f"certify apply --class {CLASS} --tonnes 1", done_before=5),
    _command("certify verify", "certify verify 1"),
    _command("certify approve", "certify approve 1"),
    _command("cash request", f"cash request B-9 --to {COMPLIANT.address} --yuan 123.45"),
    _command("cash confirm", "cash confirm B-9"),
    _command("offer", "treasury offer --issuance 1 --tonnes 1 --limit 90 --ref offer-1"),
    _command("order", "market order buy --keystore FILES/buyer.json --issuance 1 --tonnes 1 --limit 99.99 --ref mine"),
    _command("settle", "market settle T-9 --sell SELL --buy BUY --tonnes 1 --price 95"),
    _command("collect", "treasury collect"),
    _command("payout run", "payout run", done_before=5),
    _command("payout attest", "payout attest 1"),
    _command("payout claim", "payout claim FIRST"),
    _command("payout pay", "payout pay P-9 --minimum 0.01"),
    _command(
        "retire",
        "retire --keystore FILES/buyer.json --issuance 1 --tonnes 1 --ref R-9 --yes --purpose voluntary --beneficiary",
        "一所小学",
    ),
    _command("rule", "treasury rule --fee-bps 1000 --floor 60"),
    _command("reindex", "reindex --from-chain"),
    _command("backup", "backup BACKUP", done_before=5),
)


ANEW: Final = Command("epoch anew", ("epoch", "publish", "--no-attest"), done_before=5, since_s=2 * 3_600)


def prepare_process() -> None:
    """Before anything else in a process: keystores that cost no second each, and calls small enough to take several.

    The tree of commands is put together once, and not for each command that a fork gives.
    """
    setattr(typer.main, "get_command", cache(typer.main.get_command))  # noqa: B010 - no attribute to assign for mypy
    for create in (keystores.create, keystores.create_secret):
        create.__defaults__ = (FAST_SCRYPT,)
    for module, name, fewer in (
        (mandates, "MAX_MANDATES", 6),
        (payouts, "MAX_PAYMENTS", 6),
        (event_reader, "CHUNK_BLOCKS", 40),
    ):
        setattr(module, name, fewer)


def build(folder: Path, done: Callable[[str, Path], None]) -> None:
    """Run the whole line below `folder`, keeping a copy of the home before each command.

    `done(name, home)` is called after each.
    """
    files, home = folder / "files", folder / "home"
    _write_files(files)
    puhui = Puhui(home)
    puhui("init", "--admin-delay", "0")
    given = []
    for command in LINE:
        if command.name == "cash request":
            with opened(home) as ledger:
                join(ledger, files)
        shutil.copytree(home, stage(folder, command.name))
        if command.words == ANEW.words:
            _prepare_an_epoch(folder, home)
            given.append(asdict(ANEW))
            _publish_it_late(folder, done)
        words = tuple(_word(puhui, files, word) for word in command.words)
        puhui(*words)
        done(command.name, home)
        given.append(asdict(replace(command, words=words)))
    (folder / "line.json").write_text(json.dumps(given, ensure_ascii=False), "utf-8")


def stage(folder: Path, name: str) -> Path:
    """The home before the command of this name."""
    return folder / "stages" / name.replace(" ", "-")


def given(folder: Path) -> dict[str, Command]:
    """The commands with every word filled in, in the order of the line."""
    read = json.loads((folder / "line.json").read_text("utf-8"))
    return {each["name"]: Command(**{**each, "words": tuple(each["words"])}) for each in read}


class CutOff(BaseException):
    """A command ends here."""


def _prepare_an_epoch(folder: Path, home: Path) -> None:
    """The stage of an epoch that was decided and not signed, on a chain that went on after it."""
    puhui = Puhui(shutil.copytree(home, stage(folder, ANEW.name)))
    with patch.object(operations, "commit_signed", side_effect=CutOff), suppress(CutOff):
        puhui(*ANEW.words)
    puhui("source", "register", "other", "--cap-tonnes", "1")


def _publish_it_late(folder: Path, done: Callable[[str, Path], None]) -> None:
    """A ledger on which that epoch gives way to another of today."""
    puhui, now = Puhui(shutil.copytree(stage(folder, ANEW.name), folder / "anew")), time.time
    with patch.object(time, "time", lambda: now() + ANEW.since_s):
        puhui(*ANEW.words)
        done(ANEW.name, puhui.home)


def backup_of(folder: Path) -> Path:
    """Where the line's last command makes its backup."""
    return folder / "backup"


def _word(puhui: Puhui, files: Path, word: str) -> str:
    """A word of a command with what stands in capitals filled in."""
    if word == "BACKUP":
        return str(backup_of(files.parent))
    if word in ("SELL", "BUY"):
        with opened(puhui.home, writing=False) as ledger:
            return next(entry.order_hash for entry in market.book(ledger, 1) if entry.order.side.name == word)
    if word == "FIRST":
        with opened(puhui.home, writing=False) as ledger:
            return "0x" + str(payouts.contributions_of(ledger, 1)["account"][0].hex())
    return word.replace("FILES", str(files))


def _write_files(files: Path) -> None:
    files.mkdir(parents=True)
    write_people(files / "accounts.csv", PEOPLE)
    trip: Callable[[int, int, str], str] = lambda who, number, day: journey(  # noqa: E731
        trip_id=f"{day}-{who}-{number}",
        account_id=f"A{who}",
        carrier_ref=f"C{who}",
        mode="metro",
        board_time=f"{day} {4 + 2 * number:02}:00:00",
        alight_time=f"{day} {5 + 2 * number:02}:45:00",
        distance_m=200_000,
        fare_fen=2_900,
    )
    days = (("2026-03-02", 8), ("2026-03-03", 1))
    write_journeys(
        files / "trips.csv",
        *(trip(who, number, day) for day, count in days for who in range(1, PEOPLE + 1) for number in range(count)),
    )
    keystore = eth_keyfile.create_keyfile_json(COMPLIANT.key, PASSWORD.encode(), kdf="scrypt", iterations=FAST_SCRYPT)
    (files / "buyer.json").write_text(json.dumps(dict(keystore)), "utf-8")
    (files / "who").write_text(WHO, "utf-8")
    (files / "terms").write_bytes(b"terms of 2026")
