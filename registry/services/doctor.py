"""A ledger's health: environment, keys, database, chain, evidence. Looks only; changes nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from registry.chain.deployment import Deployment, check_chain
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.integrity import check as check_embedded
from registry.core.checks import Check, attempt
from registry.errors import ChainUnavailable, VerificationError
from registry.evidence.batch import batches_folder
from registry.services import keystores
from registry.services.home import Home
from registry.services.ledger import announced_url, open_chain, open_database
from registry.settings import Settings
from registry.store import batches

MIN_FREE_BYTES = 2 << 30


def examine(home: Home, settings: Settings) -> Iterator[Check]:
    """Every check, as it is made; one that fails says what to do."""
    yield Check("python", sys.version_info >= (3, 11), ">= 3.11", sys.version.split()[0])
    yield attempt("home", "a ledger", lambda: home.config() and str(home.path))
    if not home.exists():
        return
    yield _disk(home)
    yield attempt("keystores", "all present, readable by their owner alone", lambda: _keystores(home))
    yield attempt("database", "this version's schema", lambda: _database(home, settings))
    yield attempt("chain", "the pinned chain with this release's contracts", lambda: _chain(home, settings))
    yield attempt("embedded chain", "indexes equal blocks", lambda: _embedded(home, settings))
    yield attempt("evidence", "a folder for each batch, a batch for each folder", lambda: _evidence(home, settings))


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(home.path).free
    return Check("disk", free >= MIN_FREE_BYTES, f">= {MIN_FREE_BYTES:,} bytes free", f"{free:,} bytes free")


def _keystores(home: Home) -> None:
    names = (*keystores.ROLES, keystores.DAY_KEYS, keystores.HOSTED)
    missing = keystores.missing(home.keys, names)
    if missing:
        raise VerificationError(f"missing: {', '.join(missing)}; restore them from a backup")
    loose = [p.name for p in home.keys.glob("*.json") if p.stat().st_mode & 0o077]
    if loose:
        raise VerificationError(f"readable by others: {', '.join(loose)}; run chmod 600 on them")


def _database(home: Home, settings: Settings) -> None:
    db = open_database(home, settings)
    try:
        db.check_schema()
    finally:
        db.close()


def _chain(home: Home, settings: Settings) -> str:
    with open_chain(home, home.config(), settings) as chain:
        check_chain(chain, Deployment.load(home.contracts))
        return f"chain {chain.chain_id} at {chain.where}, block {chain.head()}"


def _embedded(home: Home, settings: Settings) -> str:
    config = home.config()
    if settings.rpc_url or config.rpc_url:
        return "not used: the chain is a node of its own"
    try:
        with EmbeddedChain.open(home.chain, chain_id=config.chain_id) as chain:
            problems = check_embedded(chain).problems
    except ChainUnavailable:
        if announced_url(home):
            return "in use by `puhui up`: stop it to examine the file"
        raise
    if problems:
        raise VerificationError(f"{len(problems)} problems, the first: {problems[0]}")
    return "indexes equal blocks"


def _evidence(home: Home, settings: Settings) -> str:
    db = open_database(home, settings)
    try:
        with db.read() as session:
            recorded = {row.id[2:] for row in batches.select_batches(session)}
    finally:
        db.close()
    parent = batches_folder(home.evidence)
    found = {p.name for p in parent.iterdir()} if parent.is_dir() else set()
    if recorded - found:
        raise VerificationError(f"no folder for batch {min(recorded - found)}: restore it from a backup")
    leftover = sorted(found - recorded)
    working = [str(p) for p in (home.staging, home.evidence / "tmp") if p.exists() and any(Path(p).iterdir())]
    if leftover:
        return (
            f"{len(found) - len(leftover)} folders; {len(leftover)} more belong to no batch (an import that did not "
            f"finish), the first is {leftover[0]}: they count for nothing and may be deleted"
        )
    return f"{len(found)} folders" + (f"; left by an interrupted import: {', '.join(working)}" if working else "")
