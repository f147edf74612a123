"""Hosted keys are derived, the same on every machine and by both ways of computing their addresses."""

from __future__ import annotations

import hashlib
import pickle
import sys
from pathlib import Path

import pytest

from registry.errors import AuthError, StorageError
from registry.services import address_worker, hosted_wallets
from registry.services.hosted_wallets import HostedWallets, private_key

MASTER = bytes(range(32))
VECTORS = [
    (
        "A1",
        "6a68745fd212b246601d9488125cc53931127268186303e8fdd98b555bf13066",
        "0x8A5A0CEED8460e11f7a422B3887f0C1a58b4CA5a",
    ),
    (
        "深圳-0001",
        "f0c1741adb3b350f601107c29d11c108420c06531f105a9627383785ba4e430c",
        "0x057a6c32808332BDB0006f4f5cdeF8c5619ea9a8",
    ),
    (
        "",
        "178054ec9a64c7372eed83a60ac6f1b343769e7dbbe9e388be6920740d86479c",
        "0x08376c675C2893db2A24A8da2821c6abc2A14eD2",
    ),
]


@pytest.fixture
def wallets() -> HostedWallets:
    """Hosted wallets of a known master secret."""
    return HostedWallets(MASTER)


def test_a_master_of_another_size_is_refused() -> None:
    with pytest.raises(AuthError, match="the master secret of hosted wallets is not 32 bytes"):
        HostedWallets(b"short")


@pytest.mark.parametrize(("account_id", "key", "address"), VECTORS)
def test_known_accounts_have_known_addresses(wallets: HostedWallets, account_id: str, key: str, address: str) -> None:
    assert private_key(MASTER, account_id).hex() == key
    assert wallets.account(account_id).address == address
    assert wallets.address_of(account_id).hex() == address[2:].lower()


def test_no_accounts_have_no_addresses(wallets: HostedWallets) -> None:
    assert wallets.addresses([]) == []


def test_addresses_keep_the_order_of_their_accounts(wallets: HostedWallets) -> None:
    ids = ["b", "a", "b"]
    assert wallets.addresses(ids) == [wallets.address_of(account_id) for account_id in ids]


def test_shares_of_a_large_list_come_back_in_order(wallets: HostedWallets, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"account-{number}" for number in range(25_000)]
    found = wallets.addresses(ids)
    assert (
        hashlib.sha256(b"".join(found)).hexdigest()
        == "b690e0d3b42cd43164627842b858fe356f0bbc8a1a71a6d95097e50cd88bb9e3"
    )
    monkeypatch.setattr(hosted_wallets, "SPLIT_ABOVE", 10)
    monkeypatch.setattr(hosted_wallets.os, "sched_getaffinity", lambda _pid: set(range(5)), raising=False)
    assert wallets.addresses(ids[:11]) == found[:11]
    assert wallets.addresses(ids[:12]) == found[:12]


def test_a_worker_that_dies_is_an_error_and_not_a_shorter_list(
    wallets: HostedWallets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted_wallets, "SPLIT_ABOVE", 1)
    monkeypatch.setattr(hosted_wallets.os, "sched_getaffinity", lambda _pid: {0, 1}, raising=False)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StorageError) as caught:
        wallets.addresses([f"account-{number}" for number in range(20_000)])
    assert caught.value.message == "a process deriving hosted addresses ended early"


def test_a_fast_path_that_computes_something_else_is_noticed(
    wallets: HostedWallets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address_worker, "addresses", lambda master, ids: bytes(20) * len(ids))
    with pytest.raises(AuthError, match="hosted addresses do not match their keys"):
        wallets.addresses(["a", "b"])


def test_the_worker_imports_nothing_of_the_ledger() -> None:
    text = Path(address_worker.__file__).read_text("utf-8")
    assert "registry" not in text.split('"""')[2]


def test_the_master_secret_is_neither_shown_nor_pickled(wallets: HostedWallets) -> None:
    assert repr(wallets) == "HostedWallets(...)"
    with pytest.raises(TypeError, match="hosted wallets are not pickled"):
        pickle.dumps(wallets)
