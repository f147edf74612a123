"""The programme's secret for each service day: 32 random bytes that tags are made with.

A key stands in `<folder>/<yyyymmdd>.key`, sealed by AES-256-GCM under a wrapping key from its own keystore, with the
file's magic and the date as associated data, so a key cannot be passed off as another day's:

    "puhui-day-key/v1" LF | nonce 12 | ciphertext and tag 48

After the dispute window the key is destroyed and its file says so: a second key for the same day would let every
journey of it be counted again, so none is ever made.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.errors import AuthError, ConflictError, InputError, NotFoundError
from registry.evidence.files import storage_errors, sync
from registry.services.private_files import private_folder, replace, write_new
from registry.units import service_date

KEY_SIZE: Final = 32
_NONCE_SIZE: Final = 12
_TAG_SIZE: Final = 16
_MAGIC: Final = b"puhui-day-key/v1\n"
_DESTROYED: Final = b"puhui-day-key/v1 destroyed\n"
_FILE_SIZE: Final = len(_MAGIC) + _NONCE_SIZE + KEY_SIZE + _TAG_SIZE


class DayKeys:
    """The day keys below one folder; days are the integer yyyymmdd."""

    def __init__(self, folder: Path, wrapping_key: bytes) -> None:
        """`wrapping_key` is 32 bytes, see `keystores.DAY_KEYS`."""
        if len(wrapping_key) != KEY_SIZE:
            raise AuthError("the wrapping key of the day keys is not 32 bytes")
        self._folder = folder
        self._cipher = AESGCM(wrapping_key)

    def __repr__(self) -> str:
        return f"DayKeys({str(self._folder)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("day keys are not pickled: they would leave this process")

    def get_or_create(self, day: int) -> bytes:
        """The key of a day, made now if there is none. Of several processes asking at once all get the same.

        Raises AuthError if the file was changed, ConflictError if the key was destroyed, InputError for no date.
        """
        path = self._path(day)
        if not path.exists():
            private_folder(self._folder)
            nonce, key = secrets.token_bytes(_NONCE_SIZE), secrets.token_bytes(KEY_SIZE)
            # Whoever comes second reads back what the first one wrote.
            write_new(path, _MAGIC + nonce + self._cipher.encrypt(nonce, key, _associated(day)))
        else:
            with storage_errors(f"key folder {self._folder}"):
                sync(self._folder)  # whoever made it may have been stopped before its name was on disk
        return self.get(day)

    def get(self, day: int) -> bytes:
        """The key of a day. Raises NotFoundError if there is none, else as `get_or_create`."""
        path = self._path(day)
        try:
            with storage_errors(f"key file {path}"):
                content = path.read_bytes() if path.exists() else None
        except FileNotFoundError:
            content = None
        if content is None:
            raise NotFoundError(f"there is no day key for {day}", day=day)
        if content == _DESTROYED:
            raise ConflictError(f"the day key for {day} was destroyed: its trips are closed for good", day=day)
        if len(content) != _FILE_SIZE or not content.startswith(_MAGIC):
            raise _damaged(day)
        nonce, sealed = content[len(_MAGIC) :][:_NONCE_SIZE], content[len(_MAGIC) + _NONCE_SIZE :]
        try:
            return self._cipher.decrypt(nonce, sealed, _associated(day))
        except InvalidTag as error:
            raise _damaged(day) from error

    def destroy(self, day: int) -> bool:
        """Erase the key of a day for good; False if it was destroyed before. Raises NotFoundError if there is none.

        The old bytes are overwritten first. A disk that keeps old blocks, or a backup, keeps only the sealed form.
        """
        path = self._path(day)
        if not path.exists():
            raise NotFoundError(f"there is no day key for {day}", day=day)
        with storage_errors(f"key file {path}"):
            if path.read_bytes() == _DESTROYED:
                return False
            with path.open("r+b") as file:
                file.write(bytes(_FILE_SIZE))
                file.flush()
                os.fsync(file.fileno())
        # A crash here leaves zeros, which `get` refuses and a second `destroy` finishes.
        replace(path, _DESTROYED)
        return True

    def _path(self, day: int) -> Path:
        try:
            service_date(day)
        except ValueError as error:
            raise InputError(f"{day} is no service date (yyyymmdd)") from error
        return self._folder / f"{day:08d}.key"


def _associated(day: int) -> bytes:
    return _MAGIC + b"%08d" % day


def _damaged(day: int) -> AuthError:
    return AuthError(
        f"the day key for {day} was changed, or belongs to another ledger", hint="restore it from a backup", day=day
    )
