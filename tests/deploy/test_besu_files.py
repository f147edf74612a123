"""The genesis file: made by its generator, right in every field, and large enough for the ledger's contracts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rlp
from eth_account import Account
from eth_utils.address import to_canonical_address

from deploy.besu import make_genesis
from registry.chain import artifacts
from registry.chain.client import connect
from registry.chain.deployment import Contracts, Delays, deploy
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.provider import EmbeddedProvider
from registry.chain.sending import CALL_GAS, DEPLOY_GAS
from registry.chain.submitter import RECEIPT_TIMEOUT_S, Submitter
from registry.chain.wiring import HOLDERS
from registry.services.submission import PATIENCE_MS
from tests.deploy.files import CHAIN_ID, DEPLOY, EXAMPLE, ORGANISATIONS, genesis, validators

# In the order in which a chain goes through them: first those that begin at a block, then those that begin at a time.
FORKS = (
    *("homesteadBlock", "eip150Block", "eip158Block", "byzantiumBlock", "constantinopleBlock", "petersburgBlock"),
    *("istanbulBlock", "muirGlacierBlock", "berlinBlock", "londonBlock", "arrowGlacierBlock", "grayGlacierBlock"),
    *("shanghaiTime", "cancunTime", "pragueTime", "osakaTime", "bpo1Time", "bpo2Time", "amsterdamTime"),
)
# Besu's documentation of QBFT: four addresses and the extra data `besu rlp encode` makes of them.
DOCUMENTED = (
    "4592c8e45706cc08b8f44b11e43cba0cfc5892cb",
    "06e23768a0f59cf365e18c2e0c89e151bcdedc70",
    "c5327f96ee02d7bcbc1bf1236b8c15148971e1de",
    "ab5e7f4061c605820d3744227eed91ff8e2c8908",
)
DOCUMENTED_DATA = f"f87aa0{'00' * 32}f854{''.join('94' + address for address in DOCUMENTED)}c080c0"
FOUR = tuple("0x" + digit * 40 for digit in "1234")


# --- the generator ------------------------------------------------------------------------------------------


def test_the_example_is_what_the_generator_makes(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--chain-id", str(CHAIN_ID), "--validators", str(EXAMPLE / "validators.example.json")]
    assert make_genesis.main(arguments) == 0
    assert capsys.readouterr().out.encode() == (EXAMPLE / "genesis.json").read_bytes()


def test_extra_data_is_that_of_besus_documentation() -> None:
    made = make_genesis.extra_data(bytes(32), [bytes.fromhex(address) for address in DOCUMENTED])
    assert made.hex() == DOCUMENTED_DATA


def test_the_order_of_the_addresses_makes_no_difference() -> None:
    made = {make_genesis.file_bytes(7, order) for order in (FOUR, FOUR[::-1], (*FOUR[2:], *FOUR[:2]))}
    assert len(made) == 1
    assert made != {make_genesis.file_bytes(8, FOUR)}


def test_the_chain_id_and_a_fifth_validator_change_the_block_and_nothing_else() -> None:
    one, other = make_genesis.genesis(7, FOUR), make_genesis.genesis(8, (*FOUR, "0x" + "5" * 40))
    assert bytes.fromhex(str(other["extraData"])[2:]).count(b"\x55" * 20) == 1
    one["config"]["chainId"], one["extraData"] = other["config"]["chainId"], other["extraData"]
    assert one == other


@pytest.mark.parametrize(
    ("chain_id", "addresses", "words"),
    [
        (7, FOUR[:3], "3 validators: with fewer than 4"),
        (7, (*FOUR, FOUR[0]), "given twice"),
        (7, (*FOUR[:3], "0x" + "0" * 40), "the zero address"),
        (7, (*FOUR[:3], "0x" + "4" * 39), "is not an address"),
        (7, (*FOUR[:3], "4" * 40), "is not an address"),
        (7, (*FOUR[:3], "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD".replace("5a", "5A")), "wrong checksum"),
        (0, FOUR, "the chain id must be from 1"),
        (1 << 53, FOUR, "the chain id must be from 1"),
    ],
)
def test_what_makes_no_network_is_refused(
    chain_id: int, addresses: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_genesis.main(["--chain-id", str(chain_id), *addresses]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("content", ["", "[]", '{"operator": 1}', '["0x11"]'])
def test_a_file_that_names_no_validators_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "validators.json"
    file.write_text(content)
    with pytest.raises(make_genesis.BadNetworkError, match=re.escape(str(file))):
        make_genesis.read_validators(file)


@pytest.mark.parametrize("arguments", [[], [*FOUR, "--validators", "x.json"]])
def test_validators_are_given_in_one_way(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        make_genesis.main(["--chain-id", "7", *arguments])
    assert stopped.value.code == 2


# --- the example --------------------------------------------------------------------------------------------


def test_the_example_names_nobody() -> None:
    assert tuple(validators()) == ORGANISATIONS
    assert [text for text in validators().values() if not re.fullmatch(r"0x([0-9a-f]{2})\1{19}", text)] == []
    assert len(set(validators().values())) == 4


def test_there_is_no_key_in_the_folder() -> None:
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) >= 15
    found = {
        match.lower()
        for path in files
        for match in re.findall(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])", path.read_text("utf-8"))
    }
    assert found == {make_genesis.MIX_HASH[2:]}


def test_extra_data_decodes() -> None:
    decoded = rlp.decode(bytes.fromhex(genesis()["extraData"][2:]))
    vanity, addresses, votes, round_number, seals = decoded
    assert vanity == b"puhui/20261" + bytes(21)
    assert addresses == sorted(to_canonical_address(text) for text in validators().values())
    assert (votes, round_number, seals) == ([], b"", [])


def test_the_block_is_a_first_block_of_qbft() -> None:
    body = genesis()
    config = body.pop("config")
    assert config["chainId"] == CHAIN_ID
    assert config["qbft"] == {
        "epochlength": 30_000,
        "blockperiodseconds": 2,
        "emptyblockperiodseconds": 60,
        "requesttimeoutseconds": 4,
        "pertxgaslimit": 16_777_216,
    }
    body.pop("extraData")
    assert body == {
        "nonce": "0x0",
        "timestamp": "0x0",
        "gasLimit": "0x3938700",
        "difficulty": "0x1",
        "mixHash": "0x" + b"ctical byzantine fault tolerance".hex(),
        "coinbase": "0x" + "0" * 40,
        "alloc": {},
    }


def test_the_forks_are_known_in_order_and_open_from_the_first_block() -> None:
    config = genesis()["config"]
    named = [key for key in config if key.endswith(("Block", "Time"))]
    assert named == ["berlinBlock", "londonBlock", "shanghaiTime", "cancunTime"]
    assert [FORKS.index(key) for key in named] == sorted(FORKS.index(key) for key in named)
    assert [config[key] for key in named] == [0, 0, 0, 0]
    assert config["zeroBaseFee"] is True
    assert set(config) == {*named, "chainId", "zeroBaseFee", "contractSizeLimit", "qbft"}


def test_the_contracts_are_compiled_for_its_last_fork() -> None:
    settings = (Path(__file__).parents[2] / "hardhat.config.js").read_text("utf-8")
    assert re.findall(r"evmVersion: \"(\w+)\"", settings) == ["cancun"]


# --- room for the ledger --------------------------------------------------------------------------------------


def test_the_ledgers_transactions_fit() -> None:
    transaction, block = genesis()["config"]["qbft"]["pertxgaslimit"], int(genesis()["gasLimit"], 16)
    assert CALL_GAS < DEPLOY_GAS < transaction == 1 << 24 < block
    assert block // CALL_GAS == 15


def test_a_transaction_is_in_a_block_before_the_registry_gives_up() -> None:
    """Also when the validator whose turn it is, and the next one's, do not answer: each wait is twice the last."""
    qbft = genesis()["config"]["qbft"]
    waits = [qbft["requesttimeoutseconds"] << number for number in range(2)]
    assert qbft["blockperiodseconds"] + sum(waits) + qbft["requesttimeoutseconds"] < min(
        RECEIPT_TIMEOUT_S, PATIENCE_MS // 1_000
    )
    assert qbft["requesttimeoutseconds"] == 2 * qbft["blockperiodseconds"]


def test_every_contract_deploys_under_its_limits(tmp_path: Path) -> None:
    limit, size = int(genesis()["gasLimit"], 16), genesis()["config"]["contractSizeLimit"]
    keys = {role: Account.from_key(bytes([number]) * 32) for number, role in enumerate(HOLDERS, 1)}
    with EmbeddedChain.open(tmp_path / "chain.db", chain_id=CHAIN_ID, gas_limit=limit) as embedded:
        chain = connect(EmbeddedProvider(embedded), "test")
        made = deploy(
            chain, Submitter(chain, keys["regulator"]), {role: key.address for role, key in keys.items()}, Delays(0, 60)
        )
        Contracts.open(chain, made)
        blocks = [chain.w3.eth.get_block(number) for number in range(1, chain.head() + 1)]
        code = {name: len(chain.w3.eth.get_code(address)) for name, address in made.addresses.items()}
    assert set(code) == set(artifacts.CONTRACTS)
    assert {name: length for name, length in code.items() if not 0 < length <= size} == {}
    assert [name for name in code if len(artifacts.load(name).creation) > 2 * size] == []
    assert {block["gasLimit"] for block in blocks} == {limit}
    assert max(block["gasUsed"] for block in blocks) < DEPLOY_GAS
    assert size == 24_576
