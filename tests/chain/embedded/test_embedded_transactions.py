from __future__ import annotations

from random import Random

import pytest
import rlp
from embedded_contract import CHAIN_ID, SOMEONE
from eth_account import Account
from eth_utils import keccak

from registry.chain.embedded.errors import TransactionRefused

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def refusal(chain, raw):
    (result,) = chain.send_raw([raw])
    assert isinstance(result, TransactionRefused), result
    assert chain.head.number == 0
    return (result.code, result.message)


@pytest.mark.parametrize("fields", [{}, {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}, {"accessList": []}])
def test_a_transaction_for_chain_1_is_refused(chain, sign, fields):
    expected = "invalid chain id: this chain is 20260, the transaction is for 1"
    assert refusal(chain, sign(0, chainId=1, **fields)) == (-32000, expected)


def test_a_legacy_transaction_without_a_chain_id_is_refused(chain, sign):
    expected = "only replay-protected (EIP-155) transactions are accepted"
    assert refusal(chain, sign(0, chainId=None)) == (-32000, expected)


@pytest.mark.parametrize(
    "fields",
    [{}, {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}, {"accessList": [{"address": SOMEONE, "storageKeys": [1]}]}],
)
def test_legacy_access_list_and_fee_market_transactions_are_mined(chain, w3, sign, sender, fields):
    raw = sign(0, gas=50_000, **fields)
    (sent,) = chain.send_raw([raw])
    assert sent == keccak(raw)
    found = w3.eth.get_transaction(sent)
    assert (found["from"], found["chainId"], found["type"]) == (sender.address, CHAIN_ID, raw[0] if raw[0] < 3 else 0)


def test_a_nonce_must_be_the_next(chain, sign):
    assert refusal(chain, sign(3)) == (-32000, "nonce too high: next nonce 0, tx nonce 3")
    chain.send_raw([sign(0)])
    (low,) = chain.send_raw([sign(0, value=0, gas=22_000)])
    assert (low.code, low.message) == (-32000, "nonce too low: next nonce 1, tx nonce 0")


def test_the_same_bytes_again_are_already_known(chain, sign):
    first, second = chain.send_raw([sign(0), sign(0)])
    assert isinstance(first, bytes)
    assert (second.code, second.message) == (-32000, "already known")
    (third,) = chain.send_raw([sign(0)])
    assert third.message == "already known"


def test_gas_must_cover_the_intrinsic_cost_and_fit_into_a_block(chain, sign):
    assert refusal(chain, sign(0, gas=20_999)) == (-32000, "intrinsic gas too low: have 20999, want 21000")
    assert refusal(chain, sign(0, gas=100_000_001)) == (-32000, "exceeds block gas limit: 100000001 > 100000000")
    create = {"to": None, "data": b"\x00" * 64}
    # 21,000 + 32,000 for a creation, 4 a zero byte, 2 an initcode word.
    expected = (-32000, "intrinsic gas too low: have 53259, want 53260")
    assert refusal(chain, sign(0, gas=53_259, **create)) == expected
    big = {"to": None, "data": b"\x00" * 49_153, "gas": 10_000_000}
    assert refusal(chain, sign(0, **big)) == (-32000, "max initcode size exceeded: 49153 > 49152")


def test_value_and_offered_fee_must_be_in_the_account(chain, sign):
    expected = "insufficient funds for gas * price + value: have 0, want "
    assert refusal(chain, sign(0, value=1)) == (-32000, expected + "1")
    assert refusal(chain, sign(0, gasPrice=2)) == (-32000, expected + "42000")
    fees = {"maxFeePerGas": 1, "maxPriorityFeePerGas": 2}
    assert refusal(chain, sign(0, **fees)) == (-32000, "max priority fee per gas higher than max fee per gas")


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\xc0", b"\x02", b"\x02\xc0", b"\x04" + b"\x00" * 50, b"\x80", b"\xf8"])
def test_bytes_that_are_no_transaction_are_refused(chain, raw):
    assert refusal(chain, raw) == (-32000, "the bytes are not a signed transaction")


@pytest.mark.parametrize("cut", [1, 30, 60, 90])
def test_a_truncated_or_padded_transaction_is_refused(chain, sign, cut):
    raw = sign(0)
    for broken in (raw[:-cut], raw + b"\x00" * cut, raw[cut:]):
        assert refusal(chain, broken)[0] == -32000


def test_a_damaged_transaction_is_refused_or_anothers_but_never_an_exception(chain, w3, sign, sender):
    """Single-byte changes: whatever still decodes was signed by nobody we know."""
    random = Random(20260)
    for raw in (sign(0), sign(0, maxFeePerGas=0, maxPriorityFeePerGas=0, accessList=[])):
        for _ in range(250):
            broken = bytearray(raw)
            broken[random.randrange(len(raw))] ^= random.randrange(1, 256)
            (result,) = chain.send_raw([bytes(broken)])
            assert not isinstance(result, TransactionRefused) or result.code == -32000
    assert w3.eth.get_transaction_count(sender.address) == 0


@pytest.mark.parametrize("start", [b"", b"\x02"])
def test_deeply_nested_lists_are_refused_without_decoding_them(chain, start):
    nested = b""
    for _ in range(2_000):
        nested = _list(nested)
    assert refusal(chain, start + nested) == (-32000, "the bytes are not a signed transaction")


def test_a_blob_transaction_is_refused(chain):
    assert refusal(chain, b"\x03\xc0") == (-32000, "blob transactions are not accepted on this chain")


@pytest.mark.parametrize("kind", ["legacy", "fee market"])
def test_a_malleated_signature_is_refused(chain, sign, kind):
    fields = {} if kind == "legacy" else {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
    raw = sign(0, **fields)
    start = 0 if kind == "legacy" else 1
    body = rlp.decode(raw[start:])
    parity, high = int.from_bytes(body[-3], "big"), ORDER - int.from_bytes(body[-1], "big")
    body[-3] = _number(parity ^ 1 if start else (2 * CHAIN_ID + 35) + (2 * CHAIN_ID + 36) - parity)
    body[-1] = _number(high)
    assert refusal(chain, raw[:start] + rlp.encode(body)) == (-32000, "invalid transaction signature values")


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (5, 1)])
def test_an_impossible_signature_is_refused(chain, sign, r, s):
    raw = sign(0, maxFeePerGas=0, maxPriorityFeePerGas=0)
    body = rlp.decode(raw[1:])
    body[-2:] = [_number(r), _number(s)]
    code, message = refusal(chain, raw[:1] + rlp.encode(body))
    assert code == -32000
    assert message.startswith("invalid transaction signature")


def test_a_changed_field_changes_the_sender_and_never_passes_as_the_original(chain, sign, sender, w3):
    body = rlp.decode(sign(0))
    body[5] = b"changed"
    chain.send_raw([rlp.encode(body)])
    assert w3.eth.get_transaction_count(sender.address) == 0


def test_a_stranger_cannot_use_a_senders_nonce(chain, sign, w3, sender):
    stranger = Account.from_key("0x" + "44" * 32)
    chain.send_raw([sign(0, by=stranger)])
    assert w3.eth.get_transaction_count(sender.address) == 0
    assert w3.eth.get_transaction_count(stranger.address) == 1


def _list(payload: bytes) -> bytes:
    """The RLP list of one item already encoded."""
    if len(payload) < 56:
        return bytes([0xC0 + len(payload)]) + payload
    size = _number(len(payload))
    return bytes([0xF7 + len(size)]) + size + payload


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
