"""Making a ledger: keys, database, chain, contracts, the published methodology. Safe to call again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from sqlmodel import Session

from registry.chain.client import Chain
from registry.chain.contracts.participants import Kind, ParticipantStatus
from registry.chain.deployment import Contracts, Delays, Deployment, deploy
from registry.chain.submitter import Submitter
from registry.core import methodology
from registry.core.acts import INITIALISED
from registry.services import keystores
from registry.services.home import Home, HomeConfig
from registry.services.ledger import Keys, open_chain, open_database
from registry.services.private_files import replace
from registry.store import acts, sequences
from registry.store.session import Database

Progress = Callable[[str], None]
TREASURY_ENTITY = b"programme-treasury".ljust(32, b"\0")


@dataclass(frozen=True)
class Initialised:
    """A ledger's identity: addresses only, never a key."""

    created: bool
    deployment: Deployment
    roles: dict[str, str]


def initialise(home: Home, config: HomeConfig, keys: Keys, progress: Progress = lambda _: None) -> Initialised:
    """Make the ledger at `home`, or confirm the one that is there.

    The contracts file is written last: a crash before it leaves keys and a chain nobody refers to, and calling again
    uses the same keys and deploys anew. Raises ConflictError when another configuration is there already.
    """
    home.begin(config)
    with home.writing():
        home.require_reconciled()
        created = not home.contracts.exists()
        progress("keys")
        _create_keys(home, keys.password)
        roles = {role: keystores.address(home.keys, role) for role in keystores.ROLES}
        progress("database")
        db = open_database(home, keys.settings)
        db.migrate()
        with closing(db), open_chain(home, config, keys.settings) as chain:
            before = chain.head()
            if created:
                _deploy(home, config, chain, keys, roles, progress)
            deployment = Deployment.load(home.contracts)
            contracts = Contracts.open(chain, deployment)
            progress("methodology")
            regulator = Submitter(chain, keys.account("regulator"))
            for spec in methodology.ALL:
                if contracts.methodologies.find(spec.id) is None:
                    regulator.send(contracts.methodologies.publish(spec))
            _admit_treasury(contracts, Submitter(chain, keys.account("exchange")), regulator)
            _record(db, contracts, before)
    return Initialised(created, deployment, roles)


def _record(db: Database, contracts: Contracts, before: int) -> None:
    """Add the act: what these blocks hold was done by `init`, which no operation of the outbox carries out."""
    deployment, chain = contracts.deployment, contracts.chain

    def add(session: Session) -> None:
        sequences.serialise(session)
        known = acts.latest(session, 1)
        first, last = (before + 1 if known else deployment.first_block), chain.head()
        if last < first:
            return
        acts.append(
            session,
            chain.genesis,
            at=chain.timestamp(last),
            actor="init",
            role="operator",
            action=INITIALISED,
            subject=deployment.addresses["AccessManager"],
            before={},
            after={"first_block": first, "last_block": last},
        )

    db.write(add)


def _admit_treasury(contracts: Contracts, exchange: Submitter, regulator: Submitter) -> None:
    """The treasury holds tonnes, so it is a participant like any other: registered by one key, admitted by another."""
    code = hashlib.sha256(b"puhui/treasury/v1").digest()
    record = (contracts.treasury.address, TREASURY_ENTITY, Kind.PROGRAMME, code)
    found = contracts.participants.find(contracts.treasury.address)
    if found is None:
        exchange.send(contracts.participants.register(*record))
    if found is None or found.status is ParticipantStatus.PENDING:
        regulator.send(contracts.participants.admit(*record))


def _create_keys(home: Home, password: str) -> None:
    keystores.create(home.keys, keystores.missing(home.keys, keystores.ROLES), password)
    for name in keystores.missing(home.keys, (keystores.DAY_KEYS, keystores.HOSTED)):
        keystores.create_secret(home.keys, name, password)


def _deploy(
    home: Home, config: HomeConfig, chain: Chain, keys: Keys, roles: dict[str, str], progress: Progress
) -> None:
    deployment = deploy(
        chain,
        Submitter(chain, keys.account("regulator")),
        roles,
        Delays(config.activation_delay_s, config.admin_delay_s, config.rule_notice_s),
        progress=progress,
    )
    replace(home.contracts, json.dumps(deployment.to_json(), indent=1).encode() + b"\n")
