"""The invented city's accounts and the cards they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scripts.city.network import Ints

CONSENTED_AT: Final = "2026-01-01T00:00:00+08:00"
SECOND_CARD_EVERY: Final = 20
NO_CONSENT_EVERY: Final = 50
_NO_CONSENT_AT: Final = 7
_LETTERS = np.array(list("ABCDEFGHIJ"))


@dataclass(frozen=True)
class People:
    """Accounts by index and carriers by index; every carrier belongs to one account."""

    accounts: NDArray[np.str_]
    carriers: NDArray[np.str_]
    owner: Ints
    """The account index of each carrier."""
    consented: NDArray[np.bool_]
    """By account."""


def build(accounts: int, *, all_consent: bool) -> People:
    """Accounts numbered from 0; every 20th holds a second card, one in 50 has not consented."""
    index = np.arange(accounts)
    owner = np.concatenate([index, index[::SECOND_CARD_EVERY]])
    consented = np.ones(accounts, dtype=bool) if all_consent else index % NO_CONSENT_EVERY != _NO_CONSENT_AT
    names = np.char.add("U", np.char.zfill(index.astype(str), 8))
    return People(names, card_numbers(np.arange(owner.size), "C"), owner.astype(np.int64), consented)


def card_numbers(index: Ints, first: str) -> NDArray[np.str_]:
    """Nine or more letters A to J, as masked card numbers are; `first` keeps the families apart."""
    digits = [_LETTERS[(index // 10**power + 3 * power) % 10] for power in range(7, -1, -1)]
    numbers: NDArray[np.str_] = np.full(index.shape, first)
    for letter in digits:
        numbers = np.char.add(numbers, letter)
    return numbers


def write(people: People, path: Path) -> None:
    """accounts.csv: one row a carrier; an empty wallet means a hosted key, an empty consent_at none."""
    kinds = np.array(["individual"] * 17 + ["household"] * 2 + ["sme"])
    account = people.accounts[people.owner]
    pl.DataFrame(
        {
            "account_id": account,
            "carrier_ref": people.carriers,
            "kind": kinds[people.owner % kinds.size],
            "wallet": np.full(account.size, ""),
            "consent_at": np.where(people.consented[people.owner], CONSENTED_AT, ""),
        }
    ).write_csv(path, quote_style="never")
