"""Log lines: one an event, with the operation they are of, as JSON or for people; and never a secret in any of them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account

from registry import logs
from registry.errors import UsageError
from registry.services.anchoring import anchor_batches
from registry.settings import Settings
from registry.store import operations
from registry.store.chain_events import Place
from registry.store.operation_tables import OperationState
from tests.services.homes import PASSWORD, Puhui, opened, secrets_of
from tests.services.test_indexer import _move_cursor

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
NUMBER = str(int(KEY, 16))
TX = "0x" + "ab" * 32
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Said:
    """What was written to stderr so far."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture, self._text = capture, ""

    def getvalue(self) -> str:
        self._text += self._capture.readouterr().err
        return self._text


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """What is written to stderr; the process's logging is as before afterwards."""
    root = logging.getLogger()
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in ("registry", "api")}
    yield Said(capsys)
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines(stderr: Said) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr.getvalue().splitlines()]


# --- form ---------------------------------------------------------------------------------------------------------


def test_an_event_is_one_line_of_json_with_its_fields(stderr: Said) -> None:
    logs.configure("json")
    logs.log("registry.here").info("signed", nonce=7, tx_hash=TX, fresh=True, reason=None, text='line\n"碳"')
    (line,) = lines(stderr)
    assert TIME.fullmatch(line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "registry.here",
        "event": "signed",
        "nonce": 7,
        "tx_hash": TX,
        "fresh": True,
        "reason": None,
        "text": 'line\n"碳"',
    }
    assert stderr.getvalue().count("\n") == 1


def test_people_get_one_line_whatever_is_in_it(stderr: Said) -> None:
    logs.configure("text:info")
    logs.log("registry.here").warning("held", reason="it said\n2026 ERROR forged", count=2, word="plain", none=None)
    said = stderr.getvalue()
    assert said.count("\n") == 1
    assert said.split(" ", 1)[1] == (
        'WARNING registry.here: held reason="it said\\n2026 ERROR forged" count=2 word=plain none=null\n'
    )


@pytest.mark.parametrize("text", ["a\rb", "a\x1b[31mb", "a\u2028b", "a\x00b"])
def test_control_characters_reach_no_terminal(stderr: Said, text: str) -> None:
    logs.configure("text")
    logs.log("registry.here").warning(text, field=text)
    logging.getLogger("registry.there").warning("%s", text)
    assert [line for line in stderr.getvalue().split("\n") if not line.isprintable()] == []
    assert stderr.getvalue().count("\n") == 2


def test_a_field_never_replaces_what_a_line_is_made_of(stderr: Said) -> None:
    logs.configure("json")
    logs.log("registry.here").info("mined", time=5, level="high", event_="x")
    (line,) = lines(stderr)
    assert (line["level"], line["time_"], line["level_"]) == ("info", 5, "high")


def test_what_others_log_and_what_went_wrong_take_the_same_form(stderr: Said) -> None:
    logs.configure("json")
    try:
        raise ValueError("no such block")
    except ValueError:
        logging.getLogger("registry.chain.embedded.mining").exception("block %d was not mined", 7)
    (line,) = lines(stderr)
    assert (line["event"], line["level"]) == ("block 7 was not mined", "error")
    assert line["exception"].endswith("ValueError: no such block")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("text", ["warning", "error"]),
        ("json", ["info", "warning", "error"]),
        ("json:debug", ["debug", "info", "warning", "error"]),
        ("TEXT:error", ["error"]),
    ],
)
def test_the_level_decides_what_is_written(stderr: Said, wanted: str, shown: list[str]) -> None:
    logs.configure(wanted)
    log = logs.log("registry.here")
    for write in (log.debug, log.info, log.warning, log.error):
        write(f"at {write.__name__}")
    assert [level for level in ("debug", "info", "warning", "error") if f"at {level}" in stderr.getvalue()] == shown


@pytest.mark.parametrize("wanted", ["", "xml", "json:loud", ":debug", "json:debug:info"])
def test_an_unknown_form_is_refused(stderr: Said, wanted: str) -> None:
    with pytest.raises(UsageError) as raised:
        logs.configure(wanted)
    assert raised.value.message == f"PUHUI_LOG is {wanted!r}"


def test_configured_again_a_line_is_written_once(stderr: Said) -> None:
    for _ in range(3):
        logs.configure("json")
    logs.log("registry.here").info("once")
    assert len(lines(stderr)) == 1


def test_the_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().log == "text"
    monkeypatch.setenv("PUHUI_LOG", "json:debug")
    assert Settings().log == "json:debug"


def test_a_line_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch, stderr: Said) -> None:
    logs.configure("json")
    logging.getLogger().handlers[:] = logging.getLogger().handlers[-1:]  # the test runner's own raises

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    class Silent:
        def __str__(self) -> str:
            raise ValueError(KEY)

    logs.log("registry.here").info("unspeakable", value=Silent())
    logging.getLogger("registry.here").warning("%d", "no number")
    monkeypatch.setattr(sys, "stderr", Closed())
    logs.log("registry.here").info("unheard")
    assert stderr.getvalue() == ""


# --- operations ---------------------------------------------------------------------------------------------------


def test_every_line_inside_names_its_operation_and_none_outside(stderr: Said) -> None:
    logs.configure("json")
    log = logs.log("registry.here")
    log.info("before")
    with logs.operation_context("op-1"):
        log.info("one")
        logging.getLogger("registry.elsewhere").warning("of another module")
        with logs.operation_context("op-2"):
            log.info("two")
        with pytest.raises(ZeroDivisionError), logs.operation_context("op-3"):
            log.info(str(1 // 0))
        log.info("one again")
    log.info("after")
    assert [(line["event"], line.get("operation")) for line in lines(stderr)] == [
        ("before", None),
        ("one", "op-1"),
        ("of another module", "op-1"),
        ("two", "op-2"),
        ("one again", "op-1"),
        ("after", None),
    ]


def test_threads_and_tasks_do_not_take_each_others_operations(stderr: Said) -> None:
    logs.configure("json")
    log, both = logs.log("registry.here"), threading.Barrier(2)

    def work(number: int) -> None:
        with logs.operation_context(f"op-{number}"):
            both.wait()
            log.info("worked", number=number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def task(number: int) -> None:
        with logs.operation_context(f"op-{number}"):
            await asyncio.sleep(0)
            log.info("worked", number=number)

    async def tasks() -> None:
        await asyncio.gather(*(task(number) for number in range(2, 5)))

    asyncio.run(tasks())
    assert sorted((line["operation"], line["number"]) for line in lines(stderr)) == [(f"op-{n}", n) for n in range(5)]


# --- secrets ------------------------------------------------------------------------------------------------------

ACCOUNT = Account.from_key(KEY)
RAW = ACCOUNT.sign_transaction(
    {"nonce": 0, "chainId": 1, "gasPrice": 0, "value": 0, "gas": 21_000, "to": "0x" + "11" * 20, "data": "0x"}
).raw_transaction
SECRETS: list[tuple[str, object]] = [
    ("password", "anything"),
    ("keystore_password", ["a", "b"]),
    ("key", 7),
    ("private_key", KEY),
    ("raw", RAW.to_0x_hex()),
    ("signature", "0x00"),
    ("value", KEY),
    ("value", "0x" + KEY),
    ("value", KEY.upper()),
    ("value", f"the key is{KEY}, really"),
    ("value", f"K{KEY}"),
    ("value", int(KEY, 16)),
    ("value", NUMBER),
    ("value", bytes.fromhex(KEY)),
    ("value", bytearray.fromhex(KEY)),
    ("value", RAW.to_0x_hex()),
    ("value", RAW.hex()),
    ("value", bytes(RAW)),
    ("value", [KEY, {"inner": KEY, "key": "x"}]),
    ("value", (RAW, RAW.hex())),
    ("value", {KEY: "as a name"}),
    ("tx_hash", RAW.to_0x_hex()),
    ("tx_hash", f"{TX} {KEY}"),
    ("reason", f"opened with {PASSWORD}"),
    ("url", f"postgresql://puhui:{PASSWORD}@db/ledger"),
    ("url", "postgresql://puhui:hunter2@db/ledger"),
    ("account", ACCOUNT),
]


@pytest.mark.parametrize("form", logs.FORMS)
@pytest.mark.parametrize(("name", "value"), SECRETS, ids=lambda part: str(part)[:20])
def test_no_secret_is_written_whatever_is_logged(stderr: Said, form: str, name: str, value: object) -> None:
    logs.configure(f"{form}:debug", secrets=[PASSWORD])
    log = logs.log("registry.here")
    log.info("an event", **{name: value})
    logging.getLogger("registry.there").warning("they said: %s %s", name, value)
    try:
        raise ValueError(f"with {value!r}")
    except ValueError:
        logging.getLogger("registry.there").exception("it failed")
    said = stderr.getvalue()
    assert said.count("an event") == said.count("it failed") == 1
    for secret in (KEY, NUMBER, RAW.hex(), PASSWORD, "hunter2", repr(bytes.fromhex(KEY)), repr(bytes(RAW))):
        assert secret.lower() not in said.lower()


def test_public_hashes_are_written_in_fields_named_for_them_and_nowhere_else(stderr: Said) -> None:
    logs.configure("json")
    logs.log("registry.here").info(f"of {TX}", tx_hash=TX, block_hash="cd" * 32, other=TX, address="0x" + "ef" * 20)
    (line,) = lines(stderr)
    assert (line["event"], line["tx_hash"], line["block_hash"]) == ("of <withheld>", TX, "cd" * 32)
    assert (line["other"], line["address"]) == ("<withheld>", "0x" + "ef" * 20)


def test_large_amounts_are_numbers_and_not_secrets(stderr: Said) -> None:
    logs.configure("json")
    logs.log("registry.here").info("paid", mg=2**128 - 1, fen=0, text=str(2**128 - 1))
    (line,) = lines(stderr)
    assert (line["mg"], line["fen"], line["text"]) == (2**128 - 1, 0, str(2**128 - 1))


def test_a_secret_too_short_to_look_for_tears_no_line_apart(stderr: Said) -> None:
    logs.configure("json", secrets=["e", ""])
    logs.log("registry.here").info("event", reason="see here")
    assert lines(stderr)[0]["reason"] == "see here"


def test_commands_that_write_log_no_secret_even_when_everything_is_logged(
    make_ledger: Callable[..., Puhui], stderr: Said
) -> None:
    home = make_ledger("sealed").home
    noisy = [logging.getLogger(name) for name in (None, "web3", "urllib3", "sqlalchemy.engine")]
    before = [logger.level for logger in noisy]
    try:
        with opened(home) as ledger:
            logs.configure("json:debug", secrets=[ledger.keys.password])
            for logger in noisy:
                logger.setLevel(logging.DEBUG)
            platform = ledger.submitter("platform")
            logs.log("registry.here").info("opened", ledger=ledger, sender=platform, account=platform.account)
            (step,) = anchor_batches(ledger, [])
            with ledger.db.read() as session:
                done = operations.listed(session, (OperationState.CONFIRMED,), 1)
                signed = operations.attempts_of(session, operations.seq_of(done[0]))
    finally:
        for logger, level in zip(noisy, before, strict=True):
            logger.setLevel(level)
    said = stderr.getvalue().lower()
    assert (done[0].tx_hash, step.changed, len(signed)) == (step.transaction, True, 1)
    assert '"event": "opened"' in said
    assert "method: eth_call" in said
    hidden = [*secrets_of(home), signed[0].raw.removeprefix("0x")]
    assert len(hidden) == 2 + 3 * 8
    assert [secret for secret in hidden if secret.lower() in said] == []


def test_a_block_that_is_gone_is_told_as_an_incident(
    make_ledger: Callable[..., Puhui], monkeypatch: pytest.MonkeyPatch, stderr: Said
) -> None:
    monkeypatch.setenv("PUHUI_LOG", "json")
    puhui = make_ledger("claimed")
    puhui("reindex", "--from-chain")
    with opened(puhui.home, writing=False) as ledger:
        place = Place(20, "0x" + "22" * 32)
        ledger.db.write(lambda session: _move_cursor(session, place))
    said = puhui("reindex", expect=3)
    written = [json.loads(line) for line in said.err.splitlines() if line.startswith("{")]
    assert [(line["event"], line["level"], line["block"]) for line in written] == [("incident", "error", 20)]
    assert (written[0]["expected"], len(written[0]["actual"])) == (place.block_hash, 66)
