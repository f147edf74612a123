"""One key a service day, the same for whoever asks, and none after it was destroyed."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry.errors import AuthError, ConflictError, InputError, NotFoundError
from registry.services.day_keys import DayKeys

DAY = 20260601
WRAPPING = b"\x11" * 32
SEALED = bytes.fromhex(
    "70756875692d6461792d6b65792f76310a000102030405060708090a0b31c19431598117d6369af1bde68dd504eb83"
    "224a3757700d8bc29d5ddf62410cf3b807034e6432b4f17efcd8680330ea"
)


@pytest.fixture
def keys(tmp_path: Path) -> DayKeys:
    """Day keys in an empty folder."""
    return DayKeys(tmp_path / "days", WRAPPING)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of `DAY`, holding 32 bytes 0x22 sealed by hand."""
    folder = tmp_path / "days"
    folder.mkdir()
    (folder / f"{DAY}.key").write_bytes(SEALED)
    return folder / f"{DAY}.key"


@pytest.mark.parametrize("day", [0, 20260230, 20261301, -1, 99999999])
def test_what_is_no_date_is_refused(keys: DayKeys, day: int) -> None:
    for ask in (keys.get, keys.get_or_create, keys.destroy):
        with pytest.raises(InputError) as caught:
            ask(day)
        assert caught.value.message == f"{day} is no service date (yyyymmdd)"


def test_a_wrapping_key_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuthError, match="the wrapping key of the day keys is not 32 bytes"):
        DayKeys(tmp_path, b"short")


def test_a_day_without_a_key_is_not_found(keys: DayKeys) -> None:
    for ask in (keys.get, keys.destroy):
        with pytest.raises(NotFoundError, match=f"there is no day key for {DAY}"):
            ask(DAY)


@pytest.mark.parametrize("bit", range(0, len(SEALED) * 8, 37))
def test_every_changed_bit_is_noticed(keys: DayKeys, path: Path, bit: int) -> None:
    changed = bytearray(SEALED)
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)
    for ask in (keys.get, keys.get_or_create):
        with pytest.raises(AuthError) as caught:
            ask(DAY)
        assert caught.value.message == f"the day key for {DAY} was changed, or belongs to another ledger"


@pytest.mark.parametrize("content", [b"", SEALED[:-1], SEALED + b"\0", bytes(len(SEALED))])
def test_a_file_of_another_shape_is_noticed(keys: DayKeys, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(AuthError):
        keys.get(DAY)


def test_a_key_cannot_be_passed_off_as_another_days(keys: DayKeys, path: Path) -> None:
    path.rename(path.with_name("20260602.key"))
    with pytest.raises(AuthError):
        keys.get(20260602)


def test_another_ledgers_wrapping_key_opens_nothing(path: Path) -> None:
    with pytest.raises(AuthError):
        DayKeys(path.parent, b"\x12" * 32).get(DAY)


def test_the_file_format_is_as_written_down(keys: DayKeys, path: Path) -> None:
    assert keys.get(DAY) == b"\x22" * 32
    assert keys.get_or_create(DAY) == b"\x22" * 32
    assert path.read_bytes() == SEALED


def test_a_key_is_made_once_and_kept(keys: DayKeys, tmp_path: Path) -> None:
    key = keys.get_or_create(DAY)
    assert len(key) == 32
    assert keys.get_or_create(DAY) == keys.get(DAY) == DayKeys(tmp_path / "days", WRAPPING).get(DAY) == key
    assert keys.get_or_create(DAY + 1) != key
    files = sorted((tmp_path / "days").iterdir())
    assert [file.name for file in files] == ["20260601.key", "20260602.key"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "days").stat().st_mode & 0o777 == 0o700
    assert key not in files[0].read_bytes()


def test_all_who_ask_at_once_agree(tmp_path: Path) -> None:
    rooms = [DayKeys(tmp_path / "days", WRAPPING) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda room: room.get_or_create(DAY), rooms))
    assert len(found) == 1
    assert [file.name for file in (tmp_path / "days").iterdir()] == ["20260601.key"]


def test_a_destroyed_key_never_comes_back(keys: DayKeys, path: Path) -> None:
    assert keys.destroy(DAY) is True
    assert keys.destroy(DAY) is False
    assert SEALED[29:] not in path.read_bytes()
    for ask in (keys.get, keys.get_or_create):
        with pytest.raises(ConflictError) as caught:
            ask(DAY)
        assert caught.value.message == f"the day key for {DAY} was destroyed: its trips are closed for good"


def test_an_interrupted_destruction_is_finished_by_the_next(keys: DayKeys, path: Path) -> None:
    path.write_bytes(bytes(len(SEALED)))
    assert keys.destroy(DAY) is True
    with pytest.raises(ConflictError):
        keys.get(DAY)


def test_the_wrapping_key_is_neither_shown_nor_pickled(keys: DayKeys) -> None:
    assert "11" * 4 not in repr(keys)
    assert repr(WRAPPING) not in repr(keys)
    with pytest.raises(TypeError, match="day keys are not pickled"):
        pickle.dumps(keys)
