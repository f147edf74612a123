"""Keystores open with their password only, are never overwritten, and never show a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.errors import AuthError, ConflictError
from registry.services import keystores

QUICK = 2**10
PASSWORD = "correct horse 电池"
HINT = "set PUHUI_KEYSTORE_PASSWORD to the password given at `puhui init`"
# The scrypt example of the Web3 Secret Storage definition.
PUBLISHED = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    "address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b",
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A key folder with every role's keystore."""
    keys = tmp_path / "keys"
    keystores.create(keys, ["platform"], PASSWORD, QUICK)
    return keys


def _edit(path: Path, **changed: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


@pytest.mark.parametrize("password", ["", "  ", "\n"])
def test_an_empty_password_is_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(AuthError, match="the keystore password is empty"):
        keystores.create(tmp_path / "keys", keystores.ROLES, password, QUICK)
    assert not (tmp_path / "keys").exists()


def test_a_keystore_is_never_overwritten(folder: Path) -> None:
    before = (folder / "platform.json").read_bytes()
    with pytest.raises(ConflictError) as caught:
        keystores.create(folder, ["verifier", "platform"], PASSWORD, QUICK)
    assert caught.value.message == "keystores exist already: platform"
    assert (folder / "platform.json").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["platform.json"]


def test_a_wrong_password_is_told_apart_from_nothing(folder: Path) -> None:
    with pytest.raises(AuthError) as caught:
        keystores.unlock(folder, "platform", "wrong")
    assert caught.value.message == "the keystore cannot be opened: wrong password, or the file was changed"
    assert caught.value.hint == HINT
    assert caught.value.exit_code == 4
    assert caught.value.__cause__ is None


def test_a_missing_keystore_is_named(folder: Path) -> None:
    for ask in (lambda: keystores.unlock(folder, "verifier", PASSWORD), lambda: keystores.address(folder, "verifier")):
        with pytest.raises(AuthError) as caught:
            ask()
        assert caught.value.message == "there is no keystore of verifier"
        assert caught.value.hint == "run `puhui init`"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 4}', b"[" * 100_000], ids=range(7)
)
def test_a_file_that_is_no_keystore_is_damaged(folder: Path, content: bytes) -> None:
    (folder / "platform.json").write_bytes(content)
    for ask in (lambda: keystores.unlock(folder, "platform", PASSWORD), lambda: keystores.address(folder, "platform")):
        with pytest.raises(AuthError) as caught:
            ask()
        assert caught.value.message == "the keystore of platform is damaged"


@pytest.mark.parametrize(
    "crypto", [None, {}, {"kdf": "none"}, {"kdf": "scrypt", "kdfparams": {}}, {"kdf": "scrypt", "kdfparams": 3}]
)
def test_a_keystore_with_other_insides_does_not_open(folder: Path, crypto: object) -> None:
    _edit(folder / "platform.json", crypto=crypto)
    with pytest.raises(AuthError, match="wrong password, or the file was changed"):
        keystores.unlock(folder, "platform", PASSWORD)


def test_an_address_that_is_not_the_keys_is_noticed(folder: Path) -> None:
    _edit(folder / "platform.json", address="00" * 20)
    with pytest.raises(AuthError) as caught:
        keystores.unlock(folder, "platform", PASSWORD)
    assert caught.value.message == "the keystore of platform names another address than its key has"
    _edit(folder / "platform.json", address="none")
    with pytest.raises(AuthError, match="the keystore of platform is damaged"):
        keystores.address(folder, "platform")


def test_the_published_example_opens(tmp_path: Path) -> None:
    (tmp_path / "platform.json").write_text(json.dumps(PUBLISHED))
    account = keystores.unlock(tmp_path, "platform", "testpassword")
    assert account.key.hex() == "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    assert keystores.address(tmp_path, "platform") == account.address == "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b"


def test_every_role_gets_a_key_of_its_own(tmp_path: Path) -> None:
    keys = tmp_path / "home" / "keys"
    addresses = keystores.create(keys, keystores.ROLES, PASSWORD, QUICK)
    assert list(addresses) == ["platform", "verifier", "regulator", "exchange", "guardian", "bank"]
    assert len(set(addresses.values())) == 6
    for role, address in addresses.items():
        assert keystores.address(keys, role) == address
    assert keystores.unlock(keys, "guardian", PASSWORD).address == addresses["guardian"]
    assert sorted(path.name for path in keys.iterdir()) == sorted(f"{role}.json" for role in keystores.ROLES)
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
    assert keys.stat().st_mode & 0o777 == 0o700


def test_missing_lists_what_an_interrupted_init_left_out(folder: Path) -> None:
    assert keystores.missing(folder, keystores.ROLES) == ["verifier", "regulator", "exchange", "guardian", "bank"]


def test_a_secret_has_no_address_and_opens_the_same_every_time(tmp_path: Path) -> None:
    keystores.create_secret(tmp_path, keystores.DAY_KEYS, PASSWORD, QUICK)
    secret = keystores.unlock_secret(tmp_path, keystores.DAY_KEYS, PASSWORD)
    assert len(secret) == 32
    assert secret == keystores.unlock_secret(tmp_path, keystores.DAY_KEYS, PASSWORD)
    body = (tmp_path / "daykeys.json").read_text()
    assert "address" not in json.loads(body)
    assert secret.hex() not in body
    with pytest.raises(ConflictError, match="keystores exist already: daykeys"):
        keystores.create_secret(tmp_path, keystores.DAY_KEYS, PASSWORD, QUICK)
    with pytest.raises(AuthError):
        keystores.unlock_secret(tmp_path, keystores.DAY_KEYS, "wrong")


def test_nothing_that_holds_a_key_shows_it(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    account = keystores.unlock(folder, "platform", PASSWORD)
    shown = f"{account!r} {account} {(folder / 'platform.json').read_text()}"
    assert account.key.hex() not in shown
    assert capfd.readouterr() == ("", "")
