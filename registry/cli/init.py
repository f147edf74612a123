"""`puhui init`: make a ledger."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from registry.chain.client import connect_url
from registry.chain.embedded.chain import DEFAULT_CHAIN_ID
from registry.cli.common import (
    DryRunOption,
    HomeOption,
    JsonOption,
    Progress,
    emit,
    home_of,
    password_prompt,
    stdout,
)
from registry.errors import UsageError
from registry.services.home import HomeConfig
from registry.services.initialise import initialise
from registry.services.ledger import Keys
from registry.settings import Settings
from registry.units import MG_PER_TONNE

DAY_S = 86_400


def init(
    home: HomeOption = None,
    rpc: Annotated[str | None, typer.Option(help="JSON-RPC URL of a node; without it the chain is embedded.")] = None,
    chain_id: Annotated[int | None, typer.Option(help="Chain id (embedded chain only).")] = None,
    production: Annotated[bool, typer.Option(help="Not a sandbox: no --open-accounts, sources by hand.")] = False,
    epoch_delay: Annotated[int, typer.Option(min=0, help="Seconds before a published epoch can be active.")] = 0,
    admin_delay: Annotated[int, typer.Option(min=0, help="Seconds that a change of roles has to wait.")] = DAY_S,
    daily_cap_tonnes: Annotated[int, typer.Option(min=1, help="Cap of a sandbox source per day.")] = 10_000,
    rule_notice: Annotated[int, typer.Option(min=0, help="Seconds a rule on proceeds is announced ahead.")] = 0,
    programme: Annotated[str, typer.Option(help="The programme's code, which begins every serial.")] = "PUHUI",
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a ledger: keys, database, chain, contracts. Calling it again confirms the one that is there.

    The keystore password comes from PUHUI_KEYSTORE_PASSWORD. No private key is ever printed.
    """
    settings = Settings()
    url = rpc or settings.rpc_url
    if url and chain_id:
        raise UsageError("--chain-id is for the embedded chain; a node has its own")
    number = connect_url(url).chain_id if url else chain_id or DEFAULT_CHAIN_ID
    if not re.fullmatch(r"[A-Z][A-Z0-9]{1,15}", programme):
        raise UsageError(
            f"{programme!r} is no programme code", hint="2 to 16 capital letters and digits, a letter first, as SZTP"
        )
    cap = daily_cap_tonnes * MG_PER_TONNE
    config = HomeConfig(number, url, not production, epoch_delay, admin_delay, cap, rule_notice, programme)
    target = home_of(home)
    if dry_run:
        emit(as_json, {"dry_run": True, "home": str(target.path), **vars(config)}, lambda: stdout.print(config))
        return
    with Progress("init") as progress:
        made = initialise(target, config, Keys(target, settings, password_prompt()), progress)
    body = {
        "created": made.created,
        "home": str(target.path),
        "chain_id": made.deployment.chain_id,
        "genesis": "0x" + made.deployment.genesis.hex(),
        "contracts": dict(made.deployment.addresses),
        "roles": made.roles,
    }

    def text() -> None:
        stdout.print(f"{'made' if made.created else 'confirmed'} the ledger in {target.path}")
        stdout.print(f"chain {made.deployment.chain_id}, genesis 0x{made.deployment.genesis.hex()}")
        for name, address in {**made.deployment.addresses, **made.roles}.items():
            stdout.print(f"  {name:<20} {address}")

    emit(as_json, body, text)
