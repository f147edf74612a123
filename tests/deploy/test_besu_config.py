"""The nodes' configuration and lists: options Besu knows, values that agree with the ledger and with each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from eth_utils.address import is_address

from registry.chain.logs import CHUNK_BLOCKS
from registry.services.keystores import ROLES
from tests.deploy.files import ENODE, NODES, genesis, node_toml, permissions, runbook, static_nodes

OPTIONS = frozenset(
    line
    for line in (Path(__file__).parent / "besu_options.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
)
FILES = ("validator", "rpc")
# What the image sets in its environment, which wins over a configuration file.
SET_BY_THE_IMAGE = {"rpc-http-host", "rpc-ws-host", "graphql-http-host", "pid-path"}
# What a value of these has to be, as in Besu's own example of every option; all others are texts.
TYPES = {
    bool: (
        *("discovery-enabled", "metrics-enabled", "remote-connections-limit-enabled", "rpc-http-enabled"),
        *("permissions-accounts-config-file-enabled", "permissions-nodes-config-file-enabled"),
        "tx-pool-no-local-priority",
    ),
    int: (
        *("metrics-port", "min-gas-price", "p2p-port", "rpc-gas-cap", "rpc-http-max-batch-size", "rpc-http-port"),
        *("rpc-max-logs-range", "sync-min-peers", "target-gas-limit", "tx-pool-max-size"),
    ),
    float: ("tx-pool-limit-by-account-percentage",),
    list: ("host-allowlist", "rpc-http-api"),
    str: (
        *("data-path", "data-storage-format", "genesis-file", "node-private-key-file", "static-nodes-file"),
        *("sync-mode", "tx-pool"),
    ),
}
LAYERED_POOL = {
    *("tx-pool-layer-max-capacity", "tx-pool-max-prioritized", "tx-pool-max-prioritized-by-type"),
    *("tx-pool-max-future-by-sender", "tx-pool-min-score"),
}


def test_the_list_of_options_is_one_of_options() -> None:
    assert len(OPTIONS) == 190
    assert [name for name in OPTIONS if not re.fullmatch(r"[A-Za-z0-9]+(-[a-z0-9]+)*", name)] == []
    assert LAYERED_POOL < OPTIONS
    assert {"rpc-http-host", "rpc-ws-host", "graphql-http-host"} < OPTIONS


@pytest.mark.parametrize("name", FILES)
def test_every_option_is_documented_and_of_its_type(name: str) -> None:
    found = node_toml(name)
    assert sorted(set(found) - OPTIONS) == []
    typed = {option: kind for kind, options in TYPES.items() for option in options}
    assert {key: type(value) for key, value in found.items()} == {key: typed[key] for key in found}
    assert SET_BY_THE_IMAGE & set(found) == set()


@pytest.mark.parametrize("name", FILES)
def test_gas_is_free_and_blocks_keep_their_size(name: str) -> None:
    found = node_toml(name)
    assert found["min-gas-price"] == 0
    assert found["target-gas-limit"] == int(genesis()["gasLimit"], 16)
    # With a base fee of zero Besu refuses to start when a price bump is set.
    assert "tx-pool-price-bump" not in found


@pytest.mark.parametrize("name", FILES)
def test_the_pool_is_sequenced_and_lets_a_sender_have_two_hundred(name: str) -> None:
    found = node_toml(name)
    assert found["tx-pool"] == "sequenced"
    assert LAYERED_POOL & set(found) == set()  # refused by Besu beside this pool
    assert int(found["tx-pool-max-size"] * found["tx-pool-limit-by-account-percentage"]) == 204
    assert found["tx-pool-no-local-priority"] is True


@pytest.mark.parametrize("name", FILES)
def test_an_audit_can_call_as_of_any_block(name: str) -> None:
    found = node_toml(name)
    assert (found["data-storage-format"], found["sync-mode"]) == ("FOREST", "FULL")
    assert [key for key in found if key.startswith("bonsai")] == []
    assert found["rpc-max-logs-range"] == 5_000 >= CHUNK_BLOCKS


@pytest.mark.parametrize("name", FILES)
def test_only_listed_nodes_and_accounts_are_let_in(name: str) -> None:
    found = node_toml(name)
    assert found["discovery-enabled"] is False
    assert found["permissions-nodes-config-file-enabled"] is True
    assert found["permissions-accounts-config-file-enabled"] is True
    # The lists are in the data folder, the default: a node that cannot write them goes on with none.
    assert [key for key in found if key in ("permissions-nodes-config-file", "permissions-accounts-config-file")] == []
    assert "bootnodes" not in found


def test_what_changes_the_network_is_not_on_the_clients_node() -> None:
    assert node_toml("validator")["rpc-http-api"] == ["ETH", "NET", "WEB3", "QBFT", "PERM"]
    assert node_toml("rpc")["rpc-http-api"] == ["ETH", "NET", "WEB3"]
    assert node_toml("validator")["host-allowlist"] == ["localhost", "127.0.0.1"]
    assert node_toml("rpc")["host-allowlist"] == ["localhost", "127.0.0.1", "rpc"]
    assert [key for name in FILES for key in node_toml(name) if key.startswith(("rpc-ws", "graphql", "engine"))] == []


def test_the_clients_node_differs_from_a_validator_in_what_serves_clients_alone() -> None:
    one, other = node_toml("validator"), node_toml("rpc")
    differing = {key for key in one | other if one.get(key) != other.get(key)}
    assert differing == {"rpc-http-api", "host-allowlist", "rpc-http-max-batch-size", "rpc-gas-cap"}
    assert other["rpc-gas-cap"] == int(genesis()["gasLimit"], 16)
    assert other["rpc-http-max-batch-size"] == 100
    assert one["metrics-enabled"] is True


# --- the lists ----------------------------------------------------------------------------------------------


def test_both_lists_name_the_same_five_nodes() -> None:
    nodes = static_nodes()
    assert permissions()["nodes-allowlist"] == nodes
    matches = [ENODE.fullmatch(node) for node in nodes]
    assert len(matches) == len(NODES)
    found = [match.groups() for match in matches if match is not None]
    assert len(found) == len(NODES)
    assert {port for _, _, port in found} == {str(node_toml("validator")["p2p-port"])}
    assert len({key for key, _, _ in found}) == len({host for _, host, _ in found}) == len(NODES)


def test_the_examples_node_keys_are_invented() -> None:
    assert [node for node in static_nodes() if not re.match(r"enode://([0-9a-f]{2})\1{63}@", node)] == []


def test_the_accounts_are_one_a_role_and_none_makes_a_node_drop_the_list() -> None:
    found = permissions()
    assert set(found) == {"nodes-allowlist", "accounts-allowlist"}
    accounts = found["accounts-allowlist"]
    assert len(accounts) == len(set(accounts)) == len(ROLES)
    assert [text for text in accounts if not (is_address(text) and re.fullmatch(r"0x([0-9a-f]{2})\1{19}", text))] == []


def test_the_runbook_restarts_with_the_same_figures() -> None:
    """Waits and ages the runbook speaks of are the genesis file's."""
    qbft = genesis()["config"]["qbft"]
    empty, timeout = qbft["emptyblockperiodseconds"], qbft["requesttimeoutseconds"]
    text = " ".join(runbook().split())
    assert f"every {qbft['blockperiodseconds']} s under load and every {empty} s without" in text
    assert f"which takes the wait back to {timeout} s" in text
    assert f"costs every fourth block {timeout} s" in text
    ages = set(re.findall(r"\bage (\d+)", text))
    assert ages == {str(3 * empty), str(empty + 2 * timeout + qbft["blockperiodseconds"])}
