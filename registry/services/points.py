"""Points of one account: its entitlement, claiming it into its wallet, redeeming it with the wallet's signature."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from eth_account.signers.local import LocalAccount

from registry.chain.contracts.carbon_points import Channel, Redemption
from registry.chain.submitter import Sent
from registry.core.codes import ref32
from registry.core.entitlement import Entitlement
from registry.errors import ConflictError, InputError, NotFoundError
from registry.services.epochs import entitlements_of, folder_of
from registry.services.ledger import Ledger
from registry.services.owners import Owner
from registry.services.signing import deadline, owner_key, sign
from registry.services.submission import Deed


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
            what = Deed(owner.wallet, owner.wallet, {}, {"claimed_mg": str(due), "class": leaf.class_id})
            sent = ledger.submitter("platform").send(call, what)
        claims.append(Claimed(leaf.class_id, max(due, 0), sent.transaction, sent.gas))
    return claims


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
    class_id = class_id or ledger.contracts.points.redeemed_class(owner.wallet, ref32("redemption", ref))
    if class_id is None:
        held = [h for h in holdings(ledger, owner) if h.balance >= mg]
        if not held:
            raise ConflictError(
                f"no class of {owner.account_id or owner.wallet} holds {mg} mg", hint="claim points first"
            )
        class_id = held[0].class_id
    key = owner_key(ledger, owner, signer)
    redemption = Redemption(owner.wallet, class_id, mg, channel, ref32("redemption", ref), deadline())
    signature = sign(key, ledger.contracts.points.typed_redemption(redemption))
    what = Deed(ref, owner.wallet, {}, {"redeemed_mg": str(mg), "channel": channel.name, "class": class_id})
    sent = ledger.submitter("platform").send(ledger.contracts.points.redeem_for(redemption, signature), what)
    return redemption, sent
