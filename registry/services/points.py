"""Points of one account: its entitlement, claiming it into its wallet, redeeming it with the wallet's signature."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

import polars as pl
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from web3 import Web3

from registry.chain.contracts.carbon_points import Channel, Redemption
from registry.chain.submitter import Sent
from registry.core.entitlement import Entitlement
from registry.errors import AuthError, ConflictError, InputError, NotFoundError
from registry.services.epochs import entitlements_of, folder_of
from registry.services.ledger import Ledger
from registry.store import accounts

SIGNATURE_LIFE_S = 600


@dataclass(frozen=True)
class Holding:
    """One class of one account, in mg; `unclaimed` can be claimed now."""

    class_id: int
    earned: int
    converted: int
    claimed: int
    balance: int

    @property
    def unclaimed(self) -> int:
        """What a claim would mint."""
        return self.earned - self.converted - self.claimed

    def to_json(self) -> dict[str, object]:
        """The holding as `--json` prints it."""
        return {**vars(self), "unclaimed": self.unclaimed}


@dataclass(frozen=True)
class Owner:
    """Whose points: an account of the programme, or just a wallet address."""

    account_id: str | None
    wallet: str
    hosted: bool


def find_owner(ledger: Ledger, name: str) -> Owner:
    """An account id, or a 0x wallet address; raises NotFoundError or InputError."""
    if name.startswith("0x"):
        if not Web3.is_address(name):
            raise InputError(f"{name} is not an address", hint="0x and 40 hex digits, with a correct checksum if mixed")
        with ledger.db.read() as session:
            owner = accounts.by_wallet(session, bytes.fromhex(name[2:]))
        return Owner(owner.account_id if owner else None, Web3.to_checksum_address(name), bool(owner and owner.hosted))
    with ledger.db.read() as session:
        account = accounts.get(session, name)
    return Owner(account.account_id, Web3.to_checksum_address(account.wallet), account.hosted)


def holdings(ledger: Ledger, owner: Owner) -> list[Holding]:
    """Every class the owner has earned, oldest first, as of the active epoch."""
    points = ledger.contracts.points
    table = entitlements_of(ledger, points.active_epoch())
    mine = table.filter(pl.col("account") == bytes.fromhex(owner.wallet[2:]))
    return [
        Holding(
            row["class"],
            row["earned_mg"],
            row["converted_mg"],
            points.claimed(owner.wallet, row["class"]),
            points.balance(owner.wallet, row["class"]),
        )
        for row in mine.sort("class").iter_rows(named=True)
    ]


@dataclass(frozen=True)
class Claimed:
    """A claim of one class; `minted` mg, 0 when everything was claimed before."""

    class_id: int
    minted: int
    transaction: str | None
    gas: int


def claim(ledger: Ledger, owner: Owner) -> list[Claimed]:
    """Mint what the owner has earned and not claimed; the platform relays, the owner pays nothing.

    Raises NotFoundError when the active epoch has nothing for this owner.
    """
    points = ledger.contracts.points
    number = points.active_epoch()
    record = points.epoch(number) if number else None
    if record is None:
        raise ConflictError("no epoch is active", hint="publish one with `puhui epoch publish` and have it attested")
    table = entitlements_of(ledger, number).with_row_index()
    mine = table.filter(pl.col("account") == bytes.fromhex(owner.wallet[2:]))
    if mine.is_empty():
        raise NotFoundError(f"epoch {number} has no entitlement for {owner.account_id or owner.wallet}")
    tree = folder_of(ledger, number, record.root).tree()
    claims = []
    for row in mine.iter_rows(named=True):
        leaf = Entitlement(row["account"], row["class"], row["earned_mg"], row["converted_mg"])
        due = leaf.earned_mg - leaf.converted_mg - points.claimed(owner.wallet, leaf.class_id)
        sent = Sent(changed=False)
        if due > 0:
            call = points.claim(leaf, row["index"], tree.inclusion_proof(row["index"]))
            sent = ledger.submitter("platform").send(call)
        claims.append(Claimed(leaf.class_id, max(due, 0), sent.transaction, sent.gas))
    return claims


def reference(text: str) -> bytes:
    """A redemption reference as 32 bytes: what the caller chose, hashed, so that nothing readable goes on chain."""
    return hashlib.sha256(b"puhui/redemption/v1" + text.encode()).digest()


def redeem(
    ledger: Ledger,
    owner: Owner,
    mg: int,
    channel: Channel,
    ref: str,
    *,
    class_id: int | None,
    signer: LocalAccount | None,
) -> tuple[Redemption, Sent]:
    """Burn `mg` for `channel`, signed by the owner's wallet and relayed by the platform.

    The reference makes it happen once: the same call again changes nothing, another amount under the same reference
    is a ConflictError from the contract. `signer` is needed for a wallet the programme does not host.
    """
    if mg <= 0:
        raise InputError("the amount must be above zero")
    if not ref:
        raise InputError("a reference is needed", hint="--ref: an order number, for example; it can be used once")
    class_id = class_id or ledger.contracts.points.redeemed_class(owner.wallet, reference(ref))
    if class_id is None:
        held = [h for h in holdings(ledger, owner) if h.balance >= mg]
        if not held:
            raise ConflictError(
                f"no class of {owner.account_id or owner.wallet} holds {mg} mg", hint="claim points first"
            )
        class_id = held[0].class_id
    key = signer or _hosted_key(ledger, owner)
    if key.address != owner.wallet:
        raise AuthError(f"the keystore is of {key.address}, the account's wallet is {owner.wallet}")
    deadline = int(time.time()) + SIGNATURE_LIFE_S
    redemption = Redemption(owner.wallet, class_id, mg, channel, reference(ref), deadline)
    message = encode_typed_data(full_message=ledger.contracts.points.typed_redemption(redemption))
    signature = bytes(Account.sign_message(message, key.key).signature)
    sent = ledger.submitter("platform").send(ledger.contracts.points.redeem_for(redemption, signature))
    return redemption, sent


def _hosted_key(ledger: Ledger, owner: Owner) -> LocalAccount:
    if owner.account_id is None or not owner.hosted:
        raise AuthError(
            f"the programme does not hold the key of {owner.wallet}", hint="give its keystore with --keystore FILE"
        )
    return ledger.keys.hosted_wallets.account(owner.account_id)
