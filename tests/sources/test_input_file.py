"""What is refused before a single row is read, and how it is told."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from pathlib import Path

import pytest

from registry.errors import InputError
from registry.sources import open_input


def refusal(path: Path, encoding: str = "utf-8") -> InputError:
    with pytest.raises(InputError) as caught:
        open_input(path, encoding=encoding)
    assert caught.value.hint, "a refusal says what to do"
    return caught.value


def written(folder: Path, content: bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv").message == f"{tmp_path}/none.csv: no such file"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == f"{tmp_path}: is a folder, not a file"


def test_a_pipe_a_socket_and_a_device_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for path in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero"), Path("/dev/null")):
        assert refusal(path).message == f"{path}: is not a regular file"


def test_a_path_no_file_can_have_is_refused(tmp_path: Path) -> None:
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(InputError, match="not a usable path"):
            open_input(tmp_path / name)


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match="not a usable path"):
        open_input(tmp_path / "loop")


def test_a_file_without_read_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, b"a\n1\n")

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # The superuser may read everything, so the refusal of the system is played.
    monkeypatch.setattr(Path, "open", forbidden)
    assert refusal(path).message == f"{path}: no permission to read it"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"")
    assert refusal(path).message == f"{path}: the file is empty"


def test_a_huge_sparse_file_of_zeros_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sparse.csv"
    with path.open("wb") as stream:
        stream.truncate(2 << 30)
    begun = time.process_time()
    assert refusal(path).message == f"{path}: a NUL byte at byte 0, line 1"
    assert time.process_time() - begun < 1.0


def test_a_nul_byte_is_named_by_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n1,2\n3,\0\n")
    error = refusal(path)
    assert error.message == f"{path}: a NUL byte at byte 10, line 3"
    assert error.fields == {"line": 3, "offset": 10}


@pytest.mark.parametrize("bom", [b"\xff\xfe", b"\xfe\xff"])
def test_utf16_is_refused_by_name(tmp_path: Path, bom: bytes) -> None:
    path = written(tmp_path, bom + "a,b\n".encode("utf-16-le"))
    assert refusal(path).message == f"{path}: the text is UTF-16"


def test_bytes_that_are_not_utf8_are_named_and_gb18030_suggested(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n1,2\n地铁,x\n".encode("gb18030"))
    error = refusal(path)
    assert error.message == f"{path}: bytes that are not utf-8 at byte 8, line 3"
    assert error.hint == "try --encoding gb18030"


@pytest.mark.parametrize("at", [0, 1, (1 << 20) - 2, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2_500_000])
def test_a_bad_byte_is_found_wherever_the_chunks_end(tmp_path: Path, at: int) -> None:
    text = ("站," * 9 + "\n").encode() * 80_000
    spoilt = bytearray(text)
    while spoilt[at] < 0xC0:
        at += 1
    spoilt[at] = 0xFF
    error = refusal(written(tmp_path, bytes(spoilt)))
    assert error.fields == {"line": text.count(b"\n", 0, at) + 1, "offset": at}
    assert open_input(written(tmp_path, text)).lines == 80_000


def test_a_character_cut_off_at_the_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"a\n" + "站".encode()[:2])
    assert refusal(path).message == f"{path}: bytes that are not utf-8 at byte 2, line 2"
    path = written(tmp_path, b"a\n" + "站".encode("gb18030")[:1])
    assert "bytes that are not gb18030" in refusal(path, "gb18030").message


@pytest.mark.parametrize("text", [b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x80"])
def test_surrogates_and_overlong_forms_are_not_utf8(tmp_path: Path, text: bytes) -> None:
    assert "bytes that are not utf-8 at byte 2, line 2" in refusal(written(tmp_path, b"a\n" + text + b"\n")).message


def test_unbalanced_quotes_are_refused_with_the_last_ones_line(tmp_path: Path) -> None:
    path = written(tmp_path, b'a,b\n1,"2"\n3,"4\n5,6\n')
    assert refusal(path).message == f"{path}: unbalanced quotes; the last one is on line 3"


def test_a_line_beyond_a_mebibyte_is_refused(tmp_path: Path) -> None:
    just = b"a\n" + b"x" * (1 << 20) + b"\n"
    assert open_input(written(tmp_path, just)).lines == 2
    path = written(tmp_path, b"a\n" + b"x" * ((1 << 20) + 1) + b"\n")
    assert refusal(path).message == f"{path}: line 2 is longer than 1 MiB"
    path = written(tmp_path, b"a\n" + b"x" * (3 << 20))
    assert refusal(path).message == f"{path}: line 2 is longer than 1 MiB"


def test_a_file_that_only_claims_to_be_parquet_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n1,2\n", "file.parquet")
    assert refusal(path).message == f"{path}: not a Parquet file"


def test_no_encoding_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown encoding 'latin-1'") as caught:
        open_input(written(tmp_path, b"a\n1\n"), encoding="latin-1")
    assert caught.value.hint == "known: utf-8, gb18030"


def test_a_file_that_changes_after_its_digest_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"a\n1\n")
    file = open_input(path)
    path.write_bytes(b"a\n2\n3\n")
    with pytest.raises(InputError, match="the file changed while it was read"):
        list(file.chunks())


def test_an_input_is_known_by_the_digest_of_its_raw_bytes(tmp_path: Path) -> None:
    for content, lines in ((b"a\n1\n", 2), (b"a\n1", 2), (b"\xef\xbb\xbfa\r\n1\r\n\r\n", 3), (b"a", 1)):
        file = open_input(str(written(tmp_path, content)))
        assert (file.sha256, file.size) == (hashlib.sha256(content).hexdigest(), len(content))
        assert (file.kind, file.lines, file.encoding) == ("csv", lines, "utf-8")
        assert b"".join(file.chunks()) == content.removeprefix(b"\xef\xbb\xbf")


def test_gb18030_is_read_as_utf8_text(tmp_path: Path) -> None:
    text = "站名,𠀀\n" * 200_000
    file = open_input(written(tmp_path, text.encode("gb18030")), encoding="gb18030")
    assert b"".join(file.chunks(997_001)).decode() == text


def test_the_kind_is_told_by_content(tmp_path: Path) -> None:
    kinds = {b' \n{"a": 1}': "json", b"[]": "json", b"\xef\xbb\xbf[": "json", b"a,b": "csv", b"PAR1....PAR1": "parquet"}
    for content, kind in kinds.items():
        assert open_input(written(tmp_path, content, "file")).kind == kind
