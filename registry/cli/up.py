"""`puhui up`: serve the embedded chain to wallets, auditors and libraries."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.server import serve
from registry.cli.common import HomeOption, JsonOption, emit, home_of, stdout
from registry.errors import UsageError
from registry.settings import Settings


def up(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.")] = 8545,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the embedded chain as JSON-RPC until interrupted; other commands of this home use it meanwhile."""
    here = home_of(home)
    config = here.config()
    if Settings().rpc_url or config.rpc_url:
        raise UsageError("this ledger's chain is a node of its own; there is nothing to serve here")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with EmbeddedChain.open(here.chain, chain_id=config.chain_id) as chain, serve(chain, host, port) as server:
        body = {"rpc_url": server.url, "chain_id": config.chain_id, "contracts": str(here.contracts)}

        def text() -> None:
            stdout.print(f"JSON-RPC  {server.url}  (chain id {config.chain_id}, free gas)")
            stdout.print(f"contracts {here.contracts}")
            stdout.print("stop with Ctrl-C")

        emit(as_json, body, text)
        stop.wait()
