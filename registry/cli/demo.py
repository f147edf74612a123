"""`puhui demo`: the main job from a trip file to a recomputed ledger, each step said as it is made."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import polars as pl
import typer

from registry.audit.ledger import audit_ledger
from registry.audit.verify import verify_file
from registry.chain.contracts.carbon_points import Channel
from registry.chain.embedded.chain import DEFAULT_CHAIN_ID
from registry.cli.balance import print_sheet
from registry.cli.common import HomeOption, Progress, home_of, ledger, password_prompt, stdout
from registry.cli.demo_market import DemoMarket, give_demo_mandates
from registry.cli.init import DAY_S
from registry.cli.methodology import explain
from registry.cli.proof import VERDICTS, check_line
from registry.cli.trips import print_import
from registry.core import methodology
from registry.core.leaf import TripLeaf
from registry.errors import PuhuiError, UsageError
from registry.evidence.batch import BatchEvidence, batch_folder
from registry.services.accounts import import_accounts_file
from registry.services.anchoring import anchor_batches, attest_batches
from registry.services.balance import balance_sheet
from registry.services.epochs import attest_epoch, pending_epoch, publish_epoch
from registry.services.home import HomeConfig
from registry.services.initialise import initialise
from registry.services.ledger import Keys, Ledger
from registry.services.owners import find_owner
from registry.services.points import claim, holdings, redeem
from registry.services.private_files import replace
from registry.services.proofs import prove_trip
from registry.services.trip_imports import ImportRequest, ImportResult, import_trips
from registry.settings import Settings
from registry.units import MG_PER_POINT, MG_PER_TONNE, points_text

T = TypeVar("T")


@dataclass(frozen=True)
class _City:
    """What the demo imports."""

    trips: Path
    input_format: str
    source: str
    accounts: Path | None
    stations: Path | None


def demo(
    city: Annotated[Path | None, typer.Option(help="Folder with journeys.csv and accounts.csv.")] = None,
    taps: Annotated[Path | None, typer.Option(help="A file of smart-card taps instead; accounts are opened.")] = None,
    stations: Annotated[Path | None, typer.Option(help="Distances between stations, for taps.")] = None,
    home: HomeOption = None,
) -> None:
    """Run the main job on a city's trips: import, seal, anchor, attest, points, proof, audit.

    Leaves a sandbox ledger in --home. `scripts/make_city.py` makes an invented city of any size.
    """
    if (city is None) == (taps is None):
        raise UsageError("give either --city DIR or --taps FILE", hint="`make demo` makes a city and runs this")
    if city:
        _Demo(_City(city / "journeys.csv", "journeys", "city-app", city / "accounts.csv", None), home).run()
    elif taps:
        _Demo(_City(taps, "szt", "smart-card", None, stations), home).run()


class _Demo:
    def __init__(self, city: _City, home: Path | None) -> None:
        self._city, self._home_option = city, home
        self._home = home_of(home)
        self._step = 0

    def run(self) -> None:
        started = time.monotonic()
        self._make()
        with ledger(self._home_option, writing=True) as opened:
            self._accounts(opened)
            imported = self._import(opened)
            if imported.batches:
                self._anchor(opened)
                self._attest(opened)
                self._mandates(opened, imported)
                self._epoch(opened)
                self._points(opened, imported)
                self._proof(opened, imported)
                self._market(opened, imported)
            else:
                stdout.print("no row of the file could be used: there is nothing to anchor")
            self._audit(opened)
            print_sheet(balance_sheet(opened))
        stdout.print(f"\nthe ledger is in {self._home.path}; {time.monotonic() - started:.1f} s in all")
        stdout.print("look around: puhui batch list | puhui epoch show | puhui audit | puhui doctor | puhui up")

    def _say(self, zh: str, en: str) -> None:
        self._step += 1
        stdout.print(f"\n[bold]{self._step} {zh} / {en}[/bold]")

    def _timed(self, verb: str, action: Callable[[Progress], T]) -> T:
        started = time.monotonic()
        with Progress(verb) as progress:
            result = action(progress)
        stdout.print(f"({time.monotonic() - started:.2f} s)", style="dim")
        return result

    def _make(self) -> None:
        self._say("建立账本：密钥、数据库、私有链、合约", "make the ledger: keys, database, private chain, contracts")
        config = HomeConfig(DEFAULT_CHAIN_ID, None, True, 0, DAY_S, 10_000 * MG_PER_TONNE, 0, "DEMO")
        keys = Keys(self._home, Settings(), password_prompt())
        made = self._timed("init", lambda progress: initialise(self._home, config, keys, progress))
        stdout.print(f"chain {made.deployment.chain_id}, genesis 0x{made.deployment.genesis.hex()}")
        for role, address in made.roles.items():
            stdout.print(f"  {role:<10} {address}")

    def _accounts(self, opened: Ledger) -> None:
        path = self._city.accounts
        if path is None:
            return
        self._say("导入碳账户", "import carbon accounts")
        result = self._timed("accounts", lambda progress: import_accounts_file(opened, path, progress=progress))
        stdout.print(f"{result.opened:,} accounts opened, {result.linked:,} carriers linked")

    def _import(self, opened: Ledger) -> ImportResult:
        self._say("导入行程：逐行采纳或拒绝，封存批次", "import trips: use or refuse every row, seal a batch")
        request = ImportRequest(
            self._city.trips,
            self._city.source,
            self._city.input_format,
            stations=self._city.stations,
            open_accounts=self._city.accounts is None,
        )
        result = self._timed("import", lambda progress: import_trips(opened, request, progress))
        print_import(result)
        return result

    def _anchor(self, opened: Ledger) -> None:
        self._say("上链存证（平台签名）", "anchor on the private EVM chain, as the platform")
        for step in self._timed("anchor", lambda progress: anchor_batches(opened, [], progress)):
            stdout.print(f"{step.state} {step.batch[:18]}… gas {step.gas:,} transaction {step.transaction}")

    def _attest(self, opened: Ledger) -> None:
        self._say("独立核查方重算并会签", "an independent verifier recomputes and co-signs")
        for step in self._timed("attest", lambda progress: attest_batches(opened, [], progress)):
            stdout.print(f"{step.state} {step.batch[:18]}… gas {step.gas:,}")

    def _mandates(self, opened: Ledger, imported: ImportResult) -> None:
        self._say("市民授权：新积分进入减排量池", "people authorise: new points go to the market pool")
        spare = _someone(opened, imported)["account_id"]
        self._timed("mandate", lambda progress: give_demo_mandates(opened, _earned(opened, imported), spare, progress))

    def _market(self, opened: Ledger, imported: ImportResult) -> None:
        class_id = opened.contracts.anchors.find(bytes.fromhex(imported.batches[0][2:])).class_id
        DemoMarket(opened, class_id, self._say).run()

    def _epoch(self, opened: Ledger) -> None:
        self._say("发布积分（核查方重算权益并会签）", "publish points; the verifier recomputes every entitlement")
        self._attest_pending(opened)  # of a demo that was interrupted here
        published = self._timed("epoch", lambda progress: publish_epoch(opened, progress))
        if published:
            stdout.print(
                f"epoch {published.number}: {published.size:,} entitlements, "
                f"{points_text(published.earned_mg)} points, gas {published.gas:,}"
            )
        self._attest_pending(opened)

    def _attest_pending(self, opened: Ledger) -> None:
        waiting = pending_epoch(opened)
        if waiting is not None:
            attested = self._timed("attest", lambda _: attest_epoch(opened, waiting))
            stdout.print(f"epoch {waiting}: {attested.state}, gas {attested.gas:,}")

    def _points(self, opened: Ledger, imported: ImportResult) -> None:
        self._say("一位市民领取并使用积分", "one person claims points and redeems one of them")
        owner = find_owner(opened, _someone(opened, imported)["account_id"])
        for claimed in claim(opened, owner):
            stdout.print(f"claimed {points_text(claimed.minted)} points to {owner.wallet}, gas {claimed.gas:,}")
        held = holdings(opened, owner)[0]
        if owner.hosted and held.balance >= MG_PER_POINT:
            done, sent = redeem(
                opened, owner, MG_PER_POINT, Channel.WELFARE, "demo-tree-1", class_id=held.class_id, signer=None
            )
            what = "redeemed" if sent.changed else "already redeemed"
            stdout.print(
                f"{what} {points_text(done.mg)} points for {done.channel.name}, signed by the wallet (EIP-712)"
            )
        for held in holdings(opened, owner):
            stdout.print(f"balance {points_text(held.balance)} points of class {held.class_id}")

    def _proof(self, opened: Ledger, imported: ImportResult) -> None:
        self._say("一次出行的证明", "the proof of one trip, verified")
        trip = _someone(opened, imported)["trip_id"]
        made = prove_trip(opened, trip)
        path = self._home.path / "trip-proof.json"
        replace(path, json.dumps(made.proof.to_json(), ensure_ascii=False, indent=1).encode() + b"\n")
        leaf = TripLeaf.decode(made.proof.leaf)
        spec = methodology.by_id(made.proof.batch.methodology)
        stdout.print("\n".join(explain(spec, spec.mode_by_code(leaf.mode).name, leaf.distance_m)), markup=False)
        result = self._timed("verify", lambda _: verify_file(path, contracts=opened.contracts))
        for check in result.checks:
            stdout.print(check_line(check), markup=False)
        stdout.print(" / ".join(VERDICTS[str(result.to_json()["verdict"])]))
        if not result.ok:
            raise PuhuiError("the trip's proof does not verify")

    def _audit(self, opened: Ledger) -> None:
        self._say("仅凭证据与链重算全部账目", "recompute the whole ledger from evidence and chain alone")
        report = self._timed("audit", lambda progress: audit_ledger(opened.contracts, self._home.evidence, progress))
        for check in report.checks:
            stdout.print(check_line(check), markup=False)
        stdout.print("账本核对一致 / the ledger is equal" if report.ok else "核对不一致 / DIFFERENCES FOUND")
        if not report.ok:
            raise typer.Exit(3)


def _earned(opened: Ledger, imported: ImportResult) -> pl.DataFrame:
    """What each account earned in the first batch: account_id and mg."""
    folder = BatchEvidence(batch_folder(opened.home.evidence, bytes.fromhex(imported.batches[0][2:])))
    table = pl.concat([folder.leaves(("reduction_mg",)), folder.private(("account_id",))], how="horizontal")
    return table.group_by("account_id").agg(pl.col("reduction_mg").sum().alias("mg"))


def _someone(opened: Ledger, imported: ImportResult) -> dict[str, str]:
    """The account and trip of the largest reduction in the first batch: a person to show."""
    folder = BatchEvidence(batch_folder(opened.home.evidence, bytes.fromhex(imported.batches[0][2:])))
    table = pl.concat([folder.leaves(("reduction_mg",)), folder.private(("account_id", "trip_id"))], how="horizontal")
    row = table.sort("reduction_mg", "trip_id", descending=[True, False]).row(0, named=True)
    return {"account_id": str(row["account_id"]), "trip_id": str(row["trip_id"])}
