"""Log lines on stderr: JSON for programs, text for people, and never a secret.

    log = logs.log(__name__)
    log.info("signed", nonce=7, tx_hash="0x...")
    with logs.operation_context("op-..."):      every line in here names the operation

One line an event: when, how grave, which module, the event's name, its fields. What may be a secret is taken out where
lines are made, whoever wrote them: the passwords that were named to `configure`, fields named like a secret, bytes, and
hex or decimal text as long as a key unless its field is that of a hash. So whatever is thrown at it, a line holds no
password, no private key and no signed transaction.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from registry.errors import UsageError

FORMS: Final = ("text", "json")
LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# People see what concerns them; programs get everything that happened.
_DEFAULT_LEVEL: Final = {"text": "warning", "json": "info"}
_ROOMS: Final = ("registry", "api")
# Fields whose 32 bytes are public; elsewhere as much hex may be a private key.
HASHES: Final = frozenset(("actual", "batch", "block_hash", "digest", "expected", "last_hash", "root", "tx_hash"))
_SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:password|passphrase|secrets?|mnemonic|private|signature|raw|keys?)(?:_|$)", re.I
)
_LONG_HEX: Final = re.compile(r"(?:0[xX])?[0-9a-fA-F]{64,}|\d{60,}")
_BYTES: Final = re.compile(r"""\bb(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_HASH: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]+@")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_WITHHELD: Final = "<withheld>"
_SHORTEST: Final = 4  # taking out a shorter text would tear every line apart

_operation: ContextVar[str | None] = ContextVar("puhui_operation", default=None)

# Whoever uses the ledger as a library and configures no log gets none.
for _room in _ROOMS:
    logging.getLogger(_room).addHandler(logging.NullHandler())


class EventLog:
    """Writes events of one module. A field is text, a number, a flag, None, or a list or mapping of these."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: object) -> None:
        """What only matters when something is looked for."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What happened."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """What a person should know of."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """What a person has to do something about."""
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, extra={"puhui_fields": fields})


def log(name: str) -> EventLog:
    """The log of a module, by its `__name__`."""
    return EventLog(name)


@contextmanager
def operation_context(operation_id: str) -> Iterator[None]:
    """Name this operation in every line written inside, by whichever module, in this thread and task."""
    before = _operation.set(operation_id)
    try:
        yield
    finally:
        _operation.reset(before)


def configure(wanted: str = "text", secrets: Iterable[str] = ()) -> None:
    """Write to stderr from now on: `wanted` is `text` or `json`, and may name a level: `json:debug`.

    `secrets` are texts that no line may show. Called again, the last call counts. Raises UsageError.
    """
    form, _, level = wanted.strip().lower().partition(":")
    level = level or _DEFAULT_LEVEL.get(form, "")
    if form not in FORMS or level not in LEVELS:
        raise UsageError(
            f"PUHUI_LOG is {wanted!r}",
            hint=f"{' or '.join(FORMS)}, and a level: json:debug; one of {', '.join(LEVELS)}",
        )
    handler = _StderrHandler()
    handler.setFormatter((_JsonLines if form == "json" else _TextLines)(secrets))
    root = logging.getLogger()
    for earlier in [known for known in root.handlers if isinstance(known, _StderrHandler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    for room in _ROOMS:
        logging.getLogger(room).setLevel(LEVELS[level])


class _StderrHandler(logging.Handler):
    """Writes to whatever stderr is at that moment; a line that cannot be made or written stops nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        # The library's own report of such an error would print what was to be logged, secrets included.
        with suppress(OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()


class _Lines(logging.Formatter):
    """What both forms have in common: the parts of a line, without secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)

    def parts(self, record: logging.LogRecord) -> dict[str, object]:
        """Time, level, module, event, operation and fields, in this order."""
        moment = datetime.fromtimestamp(record.created, UTC)
        found: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self.safe("event", record.getMessage()),
        }
        operation = _operation.get()
        if operation is not None:
            found["operation"] = operation
        fields: Mapping[str, object] = getattr(record, "puhui_fields", {})
        # What a line is made of keeps its name; a field of the same name is not lost.
        found |= {(f"{k}_" if k in found and k != "operation" else k): self.safe(k, v) for k, v in fields.items()}
        if record.exc_info and record.exc_info[0] is not None:
            found["exception"] = self.safe("exception", self.formatException(record.exc_info))
        return found

    def safe(self, name: str, value: object) -> object:
        """The value without what may be a secret."""
        if _SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
            return _WITHHELD
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if value.bit_length() <= 128 else _WITHHELD
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        if isinstance(value, Mapping):
            return {self._safe_text("", str(key)): self.safe(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.safe(name, inner) for inner in value]
        return self._safe_text(name, str(value))

    def _safe_text(self, name: str, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _WITHHELD)
        if name in HASHES and _HASH.fullmatch(text):
            return text
        text = _BYTES.sub("<bytes>", text)
        return _CREDENTIALS.sub("", _LONG_HEX.sub(_WITHHELD, text))


class _JsonLines(_Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.parts(record), ensure_ascii=False)


class _TextLines(_Lines):
    """Time, level and event, then the fields; a line stays one line, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        parts = self.parts(record)
        exception = parts.pop("exception", None)
        head = f"{parts.pop('time')} {str(parts.pop('level')).upper():<7} {parts.pop('logger')}: {parts.pop('event')}"
        line = " ".join([head, *(f"{name}={_plain(value)}" for name, value in parts.items())])
        line = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line)
        return line if exception is None else f"{line}\n{exception}"


def _plain(value: object) -> str:
    if isinstance(value, str) and value and not re.search(r'[\s="]', value):
        return value
    return json.dumps(value, ensure_ascii=False)
