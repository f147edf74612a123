"""`openings.bin`: one trip found by its id, and damage reported as damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from registry.core.leaf import LEAF_SIZE, canonical_fields, encode_leaves, parse_fields
from registry.errors import EvidenceError
from registry.evidence import openings
from registry.evidence.openings import OpenedRow, OpeningsFile, openings_content
from tests.core import independent
from tests.evidence.folders import trips

COUNT = 50
TRIPS = trips(COUNT)
LEAVES = encode_leaves(TRIPS.frame)
IDS: list[str] = TRIPS.frame["trip_id"].to_list()
CANONICAL = TRIPS.canonical.to_list()


def content() -> bytes:
    return b"".join(openings_content(pl.Series(IDS), LEAVES, TRIPS.salts, TRIPS.canonical))


def row(index: int) -> OpenedRow:
    leaf = LEAVES[LEAF_SIZE * index : LEAF_SIZE * (index + 1)]
    return OpenedRow(index, leaf, TRIPS.salts[16 * index : 16 * index + 16], CANONICAL[index])


ROWS = [
    {"trip_id": IDS[i], "leaf": row(i).leaf, "salt": row(i).salt, "canonical": row(i).canonical} for i in range(COUNT)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "openings.bin"
    made.write_bytes(content())
    return made


# --- damage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 17, 500, 16 + COUNT * 20])
def test_a_file_too_short_for_its_index_is_refused(path: Path, cut: int) -> None:
    path.write_bytes(content()[:cut])
    message = r"openings\.bin: (ends early, at byte \d+|not a whole openings file)$"
    with pytest.raises(EvidenceError, match=message) as raised:
        OpeningsFile(path)
    assert raised.value.fields == {"path": str(path)}


@pytest.mark.parametrize("cut", [-1, -100])
def test_a_row_that_is_cut_off_is_damaged(path: Path, cut: int) -> None:
    path.write_bytes(content()[:cut])
    with OpeningsFile(path) as file:
        assert file.row(0) == row(0)
        with pytest.raises(EvidenceError, match=rf"openings\.bin: row {COUNT - 1} is damaged$"):
            file.row(COUNT - 1)


@pytest.mark.parametrize("magic", [b"PHOPEN2\n", b"PHTREE1\n", bytes(8)])
def test_another_magic_is_refused(path: Path, magic: bytes) -> None:
    path.write_bytes(magic + content()[8:])
    with pytest.raises(EvidenceError, match=r"openings\.bin: not a whole openings file$"):
        OpeningsFile(path)


@pytest.mark.parametrize("count", [2**20, 2**63 + COUNT, 2**64 - 1])
def test_a_count_beyond_the_file_is_refused(path: Path, count: int) -> None:
    path.write_bytes(content()[:8] + count.to_bytes(8, "big") + content()[16:])
    with pytest.raises(EvidenceError, match=r"openings\.bin: not a whole openings file$"):
        OpeningsFile(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"openings\.bin: No such file or directory$"):
        OpeningsFile(tmp_path / "openings.bin")


@pytest.mark.parametrize("index", [-1, COUNT, 2**64])
def test_a_row_outside_is_refused(path: Path, index: int) -> None:
    with OpeningsFile(path) as file, pytest.raises(EvidenceError, match=rf"no row {index} among {COUNT}$"):
        file.row(index)


@pytest.mark.parametrize("offset", [0, 2**63, 2**64 - 1, 17])
def test_an_offset_that_leads_nowhere_is_damage(path: Path, offset: int) -> None:
    at = 16 + COUNT * 12 + 8 * 8
    path.write_bytes(content()[:at] + offset.to_bytes(8, "big") + content()[at + 8 :])
    # The offset is the start of row 8 and the end of row 7; only 17 gives row 8 another start that can be read.
    with OpeningsFile(path) as file:
        for index in (7, 8):
            try:
                damaged = file.row(index)
            except EvidenceError as error:
                damaged = error.message
            assert damaged == f"{path}: row {index} is damaged" or (index == 8 and damaged != row(8))


def test_no_flipped_bit_causes_any_other_error(path: Path) -> None:
    whole = content()
    wanted = [IDS[0], IDS[COUNT // 2], "no such trip"]
    unnamed = 0
    for at in [*range(16 + COUNT * 20 + 8), *range(16 + COUNT * 20 + 8, len(whole), 97)]:
        changed = bytearray(whole)
        changed[at] ^= 0x80 >> at % 2 * 7
        path.write_bytes(changed)
        try:
            with OpeningsFile(path) as file:
                for trip_id in wanted:
                    list(file.find(trip_id))
        except EvidenceError as error:
            unnamed += error.fields["path"] != str(path)
    assert unnamed == 0


# --- finding ---------------------------------------------------------------------------------------------


def test_every_trip_is_found_by_its_id_in_a_few_hundred_bytes(path: Path) -> None:
    for index in range(COUNT):
        with OpeningsFile(path) as file:
            assert list(file.find(IDS[index])) == [row(index)]
            assert file.bytes_read < 600
            assert file.row(index) == row(index)


@pytest.mark.parametrize("trip_id", ["", "T", "T000050", "t000001", "罗湖"])
def test_a_trip_that_is_not_there_is_not_found(path: Path, trip_id: str) -> None:
    with OpeningsFile(path) as file:
        assert list(file.find(trip_id)) == []


@pytest.mark.parametrize("key", [lambda _: bytes(8), lambda _: b"\xff" * 8, lambda text: text[-1:].encode() * 8])
def test_ids_that_share_a_key_are_all_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Callable[[str], bytes]
) -> None:
    monkeypatch.setattr(openings, "trip_key", key)
    path = tmp_path / "openings.bin"
    path.write_bytes(independent.openings(ROWS, key))
    with OpeningsFile(path) as file:
        for index in (0, 17, COUNT - 1):
            offered = list(file.find(IDS[index]))
            assert [o.index for o in offered] == [i for i in range(COUNT) if key(IDS[i]) == key(IDS[index])]
            matching = [o for o in offered if parse_fields(o.canonical)["trip_id"] == IDS[index]]
            assert matching == [row(index)]


def test_the_file_is_as_the_format_document_says() -> None:
    assert content() == independent.openings(ROWS)
    assert [openings.trip_key(trip_id) for trip_id in IDS] == [independent.key_of(trip_id) for trip_id in IDS]


def test_the_pieces_of_a_large_file_join_without_a_seam(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "_PIECE", 7)
    assert content() == path.read_bytes()


def test_a_file_of_no_trips(tmp_path: Path) -> None:
    path = tmp_path / "openings.bin"
    none = pl.Series([], dtype=pl.Binary)
    path.write_bytes(b"".join(openings_content(pl.Series([], dtype=pl.String), b"", b"", none)))
    with OpeningsFile(path) as file:
        assert list(file.find("T000001")) == []


def test_the_canonical_text_is_that_of_the_single_form() -> None:
    assert [canonical_fields(parse_fields(text)) for text in CANONICAL] == CANONICAL
