"""An opened ledger: its home, its database, its contracts on a checked chain, and keys unlocked on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from eth_account.signers.local import LocalAccount

from registry.chain.client import Chain, connect, connect_url
from registry.chain.deployment import Contracts, Deployment
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.lock import announcement_path
from registry.chain.embedded.provider import EmbeddedProvider
from registry.errors import AuthError, ChainUnavailable
from registry.services import indexer, keystores
from registry.services.day_keys import DayKeys
from registry.services.home import Home, HomeConfig
from registry.services.hosted_wallets import HostedWallets
from registry.services.submission import RecordedSubmitter, Submission, submission
from registry.settings import Settings
from registry.store.session import Database


@dataclass
class Keys:
    """Unlocks keystores when they are first needed; holds no secret before."""

    home: Home
    settings: Settings
    ask: Callable[[], str] | None = None
    _unlocked: dict[str, LocalAccount] = field(default_factory=dict, repr=False)

    @cached_property
    def password(self) -> str:
        """The keystore password; raises AuthError when none is set."""
        secret = self.settings.keystore_password
        if secret is not None and secret.get_secret_value():
            return secret.get_secret_value()
        if self.ask is None:
            raise AuthError("no keystore password is set", hint="set PUHUI_KEYSTORE_PASSWORD")
        return self.ask()

    def account(self, role: str) -> LocalAccount:
        """The key of a role; raises AuthError."""
        if role not in self._unlocked:
            self._unlocked[role] = keystores.unlock(self.home.keys, role, self.password)
        return self._unlocked[role]

    @cached_property
    def day_keys(self) -> DayKeys:
        """The day keys that make tags."""
        secret = keystores.unlock_secret(self.home.keys, keystores.DAY_KEYS, self.password)
        return DayKeys(self.home.keys / "days", secret)

    @cached_property
    def hosted_wallets(self) -> HostedWallets:
        """The wallets of people who have none of their own."""
        return HostedWallets(keystores.unlock_secret(self.home.keys, keystores.HOSTED, self.password))


@dataclass
class Ledger:
    """Everything a service needs; made by `open_ledger`."""

    home: Home
    config: HomeConfig
    db: Database
    keys: Keys
    contracts: Contracts
    submission: Submission

    def submitter(self, role: str) -> RecordedSubmitter:
        """The one way this ledger sends transactions as `role`."""
        return self.submission.submitter(self.keys.account(role), role)


@contextmanager
def open_chain(home: Home, config: HomeConfig, settings: Settings) -> Iterator[Chain]:
    """Connect to the ledger's node: the URL set or configured, a running `puhui up`, or the embedded chain itself."""
    url = settings.rpc_url or config.rpc_url
    if url:
        yield connect_url(url)
        return
    try:
        embedded = EmbeddedChain.open(home.chain, chain_id=config.chain_id)
    except ChainUnavailable:
        served = announced_url(home)
        if served is None:
            raise
        yield connect_url(served)
        return
    with embedded:
        yield connect(EmbeddedProvider(embedded), str(home.chain))


def announced_url(home: Home) -> str | None:
    """Where a running `puhui up` of this home serves the chain, if it says so."""
    try:
        return str(json.loads(announcement_path(home.chain).read_text("ascii"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def open_database(home: Home, settings: Settings) -> Database:
    """The ledger's database: the URL in the environment, else SQLite in the home folder."""
    if settings.database_url is not None:
        return Database(settings.database_url.get_secret_value())
    return Database.sqlite(home.database)


@contextmanager
def open_ledger(
    home: Home, settings: Settings, *, writing: bool = False, ask: Callable[[], str] | None = None
) -> Iterator[Ledger]:
    """Open a ledger made by `puhui init`; `writing` keeps other writing commands out meanwhile.

    `ask` is called for the keystore password when it is needed and not in the environment (a terminal).

    Raises InputError (no ledger here), DatabaseUnavailable, ChainUnavailable, ChainMismatch or ConflictError.
    """
    config = home.config()
    deployment = Deployment.load(home.contracts)
    with ExitStack() as stack:
        if writing:
            stack.enter_context(home.writing())
            home.require_reconciled()
        db = open_database(home, settings)
        stack.callback(db.close)
        db.check_schema()
        chain = stack.enter_context(open_chain(home, config, settings))
        contracts = Contracts.open(chain, deployment)
        names = {address: name for name, address in deployment.addresses.items()}
        outbox = stack.enter_context(submission(db, chain, names))
        ledger = Ledger(home, config, db, Keys(home, settings, ask), contracts, outbox)
        if writing:
            indexer.require_known(ledger)
        yield ledger
        if writing:
            indexer.follow(ledger)
