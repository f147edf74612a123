"""The second half of `puhui demo`: from the pool to certified tonnes, three buyers, certificates, and money back.

Every step can be run again: an interrupted demo goes on where it stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl
from eth_account.signers.local import LocalAccount
from web3 import Web3

from registry.chain.contracts.exchange_settlement import Side
from registry.chain.contracts.participants import Kind
from registry.chain.contracts.reduction_certification import CertificationStatus
from registry.chain.contracts.retirement_certificates import Purpose
from registry.cli.common import stdout
from registry.core.codes import code32
from registry.services import cash, certification, market, participants, payouts, retirements, treasury
from registry.services.certificates import content_of
from registry.services.keystores import create, missing
from registry.services.ledger import Ledger
from registry.services.mandates import give_mandates
from registry.services.market import BookEntry
from registry.services.owners import Owner, find_owner
from registry.services.private_files import replace
from registry.services.retirements import Retired
from registry.services.serials import serial_text
from registry.services.signing import keystore_account
from registry.units import MG_PER_TONNE, whole_tonnes, yuan_text

TERMS: Final = """授权书（演示）：本人授权碳普惠运营平台将本人今后获得的减排量汇集、申请核证并出售，
所得收益按减排量返还本人。本人可随时撤销，撤销后不再使用新的减排量。
Mandate (demo): I authorise the programme's operator to pool my future reductions, have them certified and sold, and to
return the proceeds to me by reductions. I can revoke it at any time; no further reductions are used then.
"""
MOST_MANDATES: Final = 2_560
FEE_BPS, FLOOR_FEN, OFFER_FEN = 1_000, 4_000, 4_500  # of this demo: real ones are the programme's configuration
YEAR: Final = 2026
LIFE_S: Final = 7 * 86_400
PAID: Final = 20


@dataclass(frozen=True)
class Buyer:
    """An invented company of the demo: what it offers a tonne, which share of the tonnes it wants, and what for."""

    name: str
    entity: str
    kind: Kind
    limit_fen: int
    share: int  # tenths
    purpose: Purpose
    beneficiary: str | None


BUYERS: Final = (
    Buyer("power-plant", "DEMO-0001", Kind.COMPLIANCE, 5_133, 5, Purpose.COMPLIANCE, None),
    Buyer("glass-works", "DEMO-0002", Kind.COMPLIANCE, 5_050, 3, Purpose.COMPLIANCE, None),
    Buyer("marathon", "DEMO-0003", Kind.VOLUNTARY, 4_800, 2, Purpose.VOLUNTARY, "城市马拉松 City Marathon 2026"),
)


def give_demo_mandates(opened: Ledger, earned: pl.DataFrame, spare: str, progress: Callable[[str], None]) -> None:
    """Mandates of the people with the largest reductions of the day (account_id, mg), but for `spare`."""
    wanted = earned.filter(pl.col("account_id") != spare).sort("mg", "account_id", descending=[True, False])
    owners = [find_owner(opened, name) for name in wanted["account_id"].head(MOST_MANDATES)]
    owners = [owner for owner in owners if owner.hosted]
    done = give_mandates(opened, owners, TERMS.encode(), progress=progress)
    stdout.print(f"{done.given:,} people gave a standing mandate, signed by their wallets; gas {done.gas:,}")


class DemoMarket:
    """Certifies, sells, retires and pays out what the demo's pool holds; `class_id` is the class of its trips."""

    def __init__(self, opened: Ledger, class_id: int, say: Callable[[str, str], None]) -> None:
        self.opened, self.class_id, self.say = opened, class_id, say
        self._folder = opened.home.path / "demo-buyers"

    def run(self) -> None:
        """All of it; without a whole tonne in the pool, nothing."""
        contracts = self.opened.contracts
        pool = contracts.certification.pool_mg(self.class_id)
        if not contracts.certification.count() and pool < MG_PER_TONNE:
            stdout.print(f"the market pool holds {pool:,} mg, less than a whole tonne: nothing to certify")
            return
        issuance = self._certify()
        entries = self._trade(issuance)
        self._retire(issuance, entries)
        self._pay(someone_paid(self.opened, issuance))

    def _certify(self) -> int:
        self.say("核证：申请、核查方重算、主管部门批准、签发", "certify: apply, recompute, approve, issue serials")
        contracts = self.opened.contracts
        number = contracts.certification.count()
        if not number:
            tonnes, rest = whole_tonnes(contracts.certification.pool_mg(self.class_id))
            step = certification.apply_for(self.opened, self.class_id)
            number = step.record.number
            stdout.print(f"applied for {tonnes} t, {rest:,} mg stay in the pool; dossier 0x{step.record.dossier.hex()}")
        if certification.get(self.opened, number).status is CertificationStatus.APPLIED:
            certification.verify(self.opened, number)
            stdout.print("the verifier recomputed whose grams these are, and signed the dossier")
        certification.approve(self.opened, number)
        issued = contracts.reductions.issuance(number)
        if issued is not None:
            text = serial_text(self.opened, number, issued.class_id, issued.serials)
            stdout.print(f"the regulator approved: {issued.tonnes} t issued to the programme's treasury, {text}")
        return number

    def _trade(self, issuance: int) -> list[tuple[Buyer, LocalAccount, BookEntry]]:
        self.say("交易：三家买方，货银对付", "sell to three buyers, delivery against payment")
        contracts = self.opened.contracts
        if not contracts.treasury.rules():
            platform = self.opened.keys.account("platform").address
            treasury.add_rule(self.opened, FEE_BPS, FLOOR_FEN, platform)
        issued = contracts.reductions.issuance(issuance)
        tonnes = issued.tonnes if issued else 0
        sell = self._offer(issuance, tonnes)
        left, entries = tonnes, []
        for number, buyer in enumerate(BUYERS, start=1):
            key = self._admitted(buyer)
            wanted = left if buyer is BUYERS[-1] else min(left, max(1, tonnes * buyer.share // 10))
            left -= wanted
            if not wanted:
                continue
            cash.request(self.opened, f"bank-in-{number}", key.address, wanted * buyer.limit_fen)
            cash.confirm(self.opened, f"bank-in-{number}")
            buy = self._order(key, issuance, wanted, buyer.limit_fen)
            price = (OFFER_FEN + buyer.limit_fen) // 2
            market.settle(self.opened, f"demo-{number}", sell.order_hash, buy.order_hash, wanted, price)
            stdout.print(f"{buyer.entity}: {wanted} t at {yuan_text(price)} yuan, {yuan_text(wanted * price)} yuan")
            entries.append((buyer, key, buy))
        for split in treasury.collect(self.opened):
            people, fee = yuan_text(split.people_fen), yuan_text(split.fee_fen)
            stdout.print(f"split {yuan_text(split.gross_fen)} yuan: people {people}, operator {fee}")
        return entries

    def _offer(self, issuance: int, tonnes: int) -> BookEntry:
        known = treasury.find_offer(self.opened, "demo")
        expiry = known.expiry if known else int(time.time()) + LIFE_S
        return treasury.offer(self.opened, "demo", issuance, tonnes, OFFER_FEN, expiry).entry

    def _order(self, key: LocalAccount, issuance: int, tonnes: int, limit_fen: int) -> BookEntry:
        known = [e for e in market.book(self.opened, issuance) if e.order.trader == key.address]
        expiry = int(time.time()) + LIFE_S
        return (
            known[0] if known else market.place_order(self.opened, key, Side.BUY, issuance, tonnes, limit_fen, expiry)
        )

    def _admitted(self, buyer: Buyer) -> LocalAccount:
        password = self.opened.keys.password
        create(self._folder, missing(self._folder, (buyer.name,)), password)
        key = keystore_account(self._folder / f"{buyer.name}.json", password)
        identity = self._folder / f"{buyer.name}.identity"
        replace(identity, json.dumps({"entity": buyer.entity, "name": buyer.name, "invented": True}).encode())
        participants.register(self.opened, key.address, buyer.entity, buyer.kind, identity)
        participants.admit(self.opened, key.address)
        return key

    def _retire(self, issuance: int, entries: list[tuple[Buyer, LocalAccount, BookEntry]]) -> None:
        self.say("注销：履约与自愿，出具证书", "retire for compliance and of free will; certificates")
        for buyer, key, entry in entries:
            amount = max(1, entry.order.tonnes // 2)
            year = 0
            if buyer.purpose is Purpose.COMPLIANCE:
                year = YEAR
                limit, _ = self.opened.contracts.certificates.offset(code32(buyer.entity, "entity"), year)
                if not limit:
                    retirements.set_offset_limit(self.opened, buyer.entity, year, entry.order.tonnes)
            done = retirements.retire(
                self.opened, key, issuance, amount, buyer.purpose, "demo", year=year, beneficiary=buyer.beneficiary
            )
            self._print(done)

    def _print(self, done: Retired) -> None:
        from registry.services.certificate_pdf import render  # fpdf takes a third of a second to load

        number = done.certificate.number
        path = self.opened.home.path / f"certificate-{number}.pdf"
        content = content_of(self.opened, number)
        replace(path, render(content))
        stdout.print(
            f"certificate {number}: {content.tonnes} t for {content.purpose}, {content.ranges[0].text}, {path}"
        )

    def _pay(self, person: Owner) -> None:
        self.say("收益返还：按减排量分配到每个人，分毫不差", "return the money to the people, to the fen")
        step = payouts.run(self.opened) if self._nothing_pending() else None
        if step is not None:
            amount = yuan_text(step.allocated_fen)
            stdout.print(f"run {step.number}: {amount} yuan to {step.size:,} people by largest remainder")
        current = self.opened.contracts.distributor.current_run()
        payouts.attest(self.opened, current)
        stdout.print(f"the verifier recomputed run {current} and signed it")
        paid, _ = payouts.claim(self.opened, person)
        stdout.print(f"{person.wallet} claimed {yuan_text(paid)} yuan as cash")
        accounts = payouts.proceeds_of(self.opened, current)["account"].head(PAID + 1)
        others = [w for w in map(Web3.to_checksum_address, accounts) if w != person.wallet][:PAID]
        due = [payouts.due_of(self.opened, find_owner(self.opened, str(wallet))) for wallet in others]
        if any(d.due for d in due):  # they are paid in one transaction, so all or none
            payouts.pay(self.opened, f"bank-out-{current}", [d.wallet for d in due])
        fen = sum(d.due for d in due)
        stdout.print(f"the bank paid {len(due)} people {yuan_text(fen)} yuan, each by its own reference")

    def _nothing_pending(self) -> bool:
        distributor = self.opened.contracts.distributor
        return distributor.current_run() == distributor.active_run()


def someone_paid(opened: Ledger, issuance: int) -> Owner:
    """Who gave most to an issuance and has a hosted wallet: a person to show."""
    table = payouts.contributions_of(opened, issuance).sort("mg", descending=True)
    owners = (find_owner(opened, str(Web3.to_checksum_address(account))) for account in table["account"])
    return next(owner for owner in owners if owner.hosted)
