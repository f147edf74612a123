"""The compose files: what they name exists, agrees with the lists and configurations, and is closed by default."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest

from registry.settings import Settings
from registry.store.engines import parse_url
from tests.deploy.files import (
    BESU,
    CHAIN_ID,
    DEPLOY,
    ENODE,
    EXAMPLE,
    NODES,
    ORGANISATIONS,
    ROOT,
    VARIABLE,
    compose,
    genesis,
    node_toml,
    services,
    static_nodes,
    strings,
    toml_of,
)

BESU_NODES = (*NODES, "validator")
ANYWHERE = str(ipaddress.IPv4Address(0))
NODE_IMAGE = "${BESU_IMAGE:-hyperledger/besu:26.9.0}"


def mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """The mounted folders: path in the container -> (path on the host, read only)."""
    found = {}
    for text in service["volumes"]:
        bare, readonly = text.removesuffix(":ro"), text.endswith(":ro")
        host, inside = bare.rsplit(":", 1)
        found[inside] = (host, readonly)
    return found


def secret_files(service: dict[str, Any], declared: dict[str, Any]) -> dict[str, str]:
    """What is mounted at /run/secrets: name there -> file on the host."""
    return {secret["target"]: declared[secret["source"]]["file"] for secret in service["secrets"]}


def example_variables() -> dict[str, str]:
    """What env.example sets, and (as "") what it names in a comment."""
    text = (BESU / "env.example").read_text("utf-8")
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.M)) | dict.fromkeys(
        re.findall(r"^# ([A-Z_]+)=", text, re.M), ""
    )


# --- services ---------------------------------------------------------------------------------------------------


def test_the_services_are_the_networks() -> None:
    assert tuple(compose()["services"]) == (*ORGANISATIONS, "rpc", "postgres", "registry")
    assert tuple(compose("validator")["services"]) == ("validator",)
    assert compose()["name"] == f"puhui-{CHAIN_ID}" == f"puhui-{genesis()['config']['chainId']}"
    assert compose("validator")["name"] == f"puhui-{CHAIN_ID}-validator"


def test_images_are_pinned_and_the_node_is_new_enough() -> None:
    found = {name: service["image"] for name, service in services().items()}
    assert {found[name] for name in BESU_NODES} == {NODE_IMAGE}
    assert found["postgres"] == "postgres:18.4"
    assert found["registry"] == "${REGISTRY_IMAGE:-puhui-ledger:local}"
    release = re.findall(r"besu:(\d+)\.(\d+)\.(\d+)\}", NODE_IMAGE)[0]
    assert tuple(map(int, release)) >= (26, 8, 1)
    assert f"${{BESU_IMAGE:-hyperledger/besu:{'.'.join(release)}}}" in (BESU / "shortcuts.sh").read_text("utf-8")


@pytest.mark.parametrize("name", [*BESU_NODES, "postgres", "registry"])
def test_a_service_can_do_no_more_than_it_needs(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["user"] == "1000:1000"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & set(service) == set()
    assert [text for text in strings(service) if "docker.sock" in text] == []


@pytest.mark.parametrize("name", [*BESU_NODES, "postgres"])
def test_what_runs_on_is_watched_and_started_again(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    check = service["healthcheck"]
    assert set(check) == {"test", "interval", "timeout", "retries", "start_period"}
    if name == "postgres":
        assert check["test"] == ["CMD", "pg_isready", "-U", "puhui", "-d", "puhui"]
    else:
        asked = ["age", str(3 * genesis()["config"]["qbft"]["emptyblockperiodseconds"])]
        assert check["test"] == [
            *("CMD", "bash", "/etc/puhui/node/node-call.sh"),
            *(asked if name == "rpc" else ["/liveness"]),
        ]


def test_the_registry_is_no_server() -> None:
    service = services()["registry"]
    assert service["profiles"] == ["cli"]
    assert {"ports", "restart", "healthcheck", "command"} & set(service) == set()


# --- nodes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BESU_NODES)
def test_every_file_a_nodes_configuration_names_is_mounted(name: str) -> None:
    service, config = services()[name], toml_of(name)
    inside = mounts(service)
    assert inside == {
        "/etc/puhui/node": ("./node", True),
        "/etc/puhui/network": ("${NETWORK_FILES:?see env.example}", True),
        "/var/lib/besu": (f"${{NODE_DATA:?see env.example}}/{name}", False),
    }
    (option,) = service["command"]
    assert option == f"--config-file=/etc/puhui/node/{'rpc' if name == 'rpc' else 'validator'}.toml"
    assert (BESU / "node" / Path(option).name).is_file()
    assert config["data-path"] == "/var/lib/besu"
    for key in ("genesis-file", "static-nodes-file"):
        folder, wanted = str(Path(config[key]).parent), Path(config[key]).name
        assert folder == "/etc/puhui/network"
        assert (EXAMPLE / wanted).is_file()
    assert config["node-private-key-file"] == "/run/secrets/node_key"
    keys = secret_files(service, compose("compose" if name in NODES else "validator")["secrets"])
    assert keys == {"node_key": f"${{NODE_SECRETS:?see env.example}}/{name}.key"}


@pytest.mark.parametrize("name", BESU_NODES)
def test_a_validators_json_rpc_stays_inside_and_ports_open_on_this_host_only(name: str) -> None:
    service, config = services()[name], toml_of(name)
    environment = service["environment"]
    assert set(environment) == {"BESU_P2P_HOST", "BESU_RPC_HTTP_HOST", "BESU_METRICS_HOST", "BESU_OPTS"}
    assert environment["BESU_RPC_HTTP_HOST"] == (ANYWHERE if name == "rpc" else "127.0.0.1")
    assert environment["BESU_METRICS_HOST"] == ("127.0.0.1" if name == "validator" else ANYWHERE)
    assert environment["BESU_OPTS"] == "-Xmx${NODE_HEAP:-4g}"
    published = service.get("ports", [])
    assert [port for port in published if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []
    wanted = {config["metrics-port"]} | ({config["rpc-http-port"]} if name == "rpc" else set())
    assert {int(port.rsplit(":", 1)[1]) for port in published} == (set() if name == "validator" else wanted)
    assert ("network_mode" in service) == (name == "validator")


def test_no_two_services_want_the_same_port() -> None:
    ports = [port.split(":")[1] for service in compose()["services"].values() for port in service.get("ports", [])]
    assert sorted(ports) == ["8545", "9541", "9542", "9543", "9544", "9545"]


def test_addresses_are_those_of_the_lists() -> None:
    (pool,) = compose()["networks"]["peers"]["ipam"]["config"]
    network = ipaddress.ip_network(pool["subnet"])
    listed = [match[2] for match in map(ENODE.fullmatch, static_nodes()) if match is not None]
    found = [compose()["services"][name]["networks"]["peers"]["ipv4_address"] for name in NODES]
    assert found == listed == [compose()["services"][name]["environment"]["BESU_P2P_HOST"] for name in NODES]
    assert [host for host in found if ipaddress.ip_address(host) not in network] == []


def test_one_validator_of_its_own_runs_what_the_four_run() -> None:
    own, shared = services()["validator"], services()["operator"]
    apart = {"network_mode", "networks", "ports", "hostname", "environment", "volumes", "secrets"}
    assert {key: own[key] for key in own.keys() - apart} == {key: shared[key] for key in shared.keys() - apart}
    assert own["environment"]["BESU_P2P_HOST"] == "${HOST_ADDRESS:?see env.example}"


# --- the registry, secrets, variables -------------------------------------------------------------------------------


def test_the_registry_reaches_its_node_and_its_database() -> None:
    found = services()
    registry, rpc, postgres = found["registry"], found["rpc"], found["postgres"]
    assert sorted(registry["networks"]) == ["clients", "database"]
    assert set(registry["networks"]) & set(rpc["networks"]) == {"clients"}
    assert set(registry["networks"]) & set(postgres["networks"]) == {"database"}
    assert {name: body for name, body in compose()["networks"].items() if name != "peers"} == {
        "clients": {"internal": True},
        "database": {"internal": True},
    }
    settings = {f"PUHUI_{name.upper()}" for name in Settings.model_fields}
    assert set(registry["environment"]) < settings
    assert registry["environment"]["PUHUI_RPC_URL"] == f"http://rpc:{node_toml('rpc')['rpc-http-port']}"
    assert rpc["hostname"] in node_toml("rpc")["host-allowlist"]
    url = parse_url(registry["environment"]["PUHUI_DATABASE_URL"])
    assert (url.host, url.port, url.username, url.password, url.database) == ("postgres", 5432, "puhui", None, "puhui")
    assert (postgres["environment"]["POSTGRES_USER"], postgres["environment"]["POSTGRES_DB"]) == ("puhui", "puhui")
    assert set(registry["depends_on"]) == {"rpc", "postgres"}


def test_secrets_are_files_and_each_goes_to_its_own_service() -> None:
    declared = compose()["secrets"]
    users: dict[str, list[str]] = {name: [] for name in declared}
    for name, service in compose()["services"].items():
        for secret in service.get("secrets", []):
            users[secret["source"]].append(name)
    assert users == {f"{name}_key": [name] for name in NODES} | {
        "keystore_password": ["registry"],
        "postgres_password": ["postgres", "registry"],
    }
    words = re.compile(r"password|secret|key|token", re.I)
    named = {key for service in services().values() for key in service.get("environment", {}) if words.search(key)}
    assert named == {"POSTGRES_PASSWORD_FILE"}
    assert services()["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"


def test_every_variable_is_in_the_example_of_variables() -> None:
    used: dict[str, set[str]] = {}
    for name in ("compose", "validator"):
        for text in strings(compose(name)):
            for variable, kind, default in VARIABLE.findall(text):
                used.setdefault(variable, set()).add(kind + default)
    known = example_variables()
    assert set(used) == set(known) - {"COMPOSE_FILE"}
    assert "\n# COMPOSE_FILE=validator.yaml\n" in (BESU / "env.example").read_text("utf-8")
    assert {variable for variable, defaults in used.items() if len(defaults) > 1} == set()
    needed = {variable for variable, (default,) in used.items() if default.startswith(":?")}
    assert needed == {variable for variable, value in known.items() if value}
    assert (BESU / known["NETWORK_FILES"] / "genesis.json").is_file()


def test_the_image_is_built_of_what_there_is() -> None:
    build = services()["registry"]["build"]
    assert (BESU / build["context"]).resolve() == ROOT
    dockerfile = (ROOT / build["dockerfile"]).read_text("utf-8")
    assert dockerfile.count("FROM python:3.12-slim\n") == dockerfile.count("FROM") == 1
    assert "RUN pip install --no-cache-dir --require-hashes -r requirements.lock\n" in dockerfile
    copied = [word for line in re.findall(r"^COPY (.*)$", dockerfile, re.M) for word in line.split()[:-1]]
    assert [word for word in copied if not (ROOT / word).exists()] == []
    kept = re.findall(r"^!(.*)$", (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8"), re.M)
    assert sorted(kept) == sorted(copied)
    assert "USER 1000:1000\n" in dockerfile
    assert f'ENTRYPOINT ["/bin/sh", "/opt/puhui/{Path(copied[-3]).name}"]' in dockerfile
