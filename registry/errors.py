"""The one error tree, split by who is at fault.

Every error a user can meet is a `PuhuiError` with a stable `code`, the process exit code its family
maps to, and the fields that locate the fault. The command line turns an error into text and an exit
code in one place (`registry.cli.main`); no other module calls `sys.exit`.

Exit codes: 1 failure, 2 usage, 3 verification mismatch, 4 authentication, 5 conflict,
6 chain or database unavailable (worth retrying).
"""

from __future__ import annotations

from typing import ClassVar


class PuhuiError(Exception):
    """Base of every expected error. `fields` hold what locates it, `hint` what to do next."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = fields

    def to_json(self) -> dict[str, object]:
        """The error as printed by `--json`: code, message, hint and the locating fields."""
        body: dict[str, object] = {"code": self.code, "message": self.message}
        if self.hint:
            body["hint"] = self.hint
        if self.fields:
            body["fields"] = {key: _plain(value) for key, value in self.fields.items()}
        return body


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | str | list | dict) or value is None else str(value)


# --- the caller's input ------------------------------------------------------------------------


class InputError(PuhuiError):
    """A file or value given by the user cannot be used; nothing was changed."""

    code = "bad_input"


class UsageError(PuhuiError):
    """The command was called in a way that makes no sense here."""

    code = "usage"
    exit_code = 2


class NotFoundError(PuhuiError):
    """The named batch, epoch, account or trip does not exist in this ledger."""

    code = "not_found"


# --- what was recorded does not agree with itself ----------------------------------------------


class VerificationError(PuhuiError):
    """Something recomputed differs from what was recorded."""

    code = "verification_mismatch"
    exit_code = 3


class ProofError(VerificationError):
    """A Merkle proof is malformed or leads to another root."""

    code = "bad_proof"


class EvidenceError(VerificationError):
    """An evidence file is missing, damaged or not what its manifest says."""

    code = "bad_evidence"


class ChainMismatch(VerificationError):
    """The node is not the pinned chain: other chain id, genesis, contract code or address."""

    code = "chain_mismatch"


# --- permission, conflict, environment ---------------------------------------------------------


class AuthError(PuhuiError):
    """A keystore is missing, locked or opened with the wrong password."""

    code = "auth"
    exit_code = 4


class ConflictError(PuhuiError):
    """The request contradicts something already recorded under the same key."""

    code = "conflict"
    exit_code = 5


class ChainRevert(ConflictError):
    """A contract refused the call. `fields` carry the custom error's name and arguments."""

    code = "chain_revert"


class ChainUnavailable(PuhuiError):
    """The node cannot be reached or does not answer in time."""

    code = "chain_unavailable"
    exit_code = 6


class DatabaseUnavailable(PuhuiError):
    """The database cannot be reached, is locked, or has another schema version."""

    code = "database_unavailable"
    exit_code = 6


class StorageError(PuhuiError):
    """The disk is full or refuses a read or write; no partial batch was left."""

    code = "storage"
