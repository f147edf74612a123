"""Reading a Parquet file that came from outside: in a process of its own, into copies that this program wrote.

A damaged Parquet file can make the reader ask for 2**61 bytes and abort the whole process, which no `except`
sees. `copy_rows` therefore runs this file as a program; whatever becomes of it, the caller gets rows or an
`InputError`. Run as a program the file must not import the package: it is started by path.

    python parquet_copy.py FILE FOLDER KINDS     KINDS is JSON: {column: "text" | "time" | "integer"}

prints one JSON object: names, wrong ([column, type] that cannot be used), rows, or failed (why).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

_BATCH: Final = 100_000


@dataclass(frozen=True)
class Copied:
    """What the file holds. `rows` are in the folder if `wrong` and `failed` are empty and the names are as due."""

    names: list[str] = field(default_factory=list)
    wrong: list[list[str]] = field(default_factory=list)
    rows: int = 0
    failed: str = ""
    no_space: bool = False


def copy_rows(path: Path, folder: Path, kinds: Mapping[str, str]) -> Copied:
    """Copy the columns `kinds` of `path` into Parquet parts in `folder`; text of any kind becomes String."""
    # -P: the program's own folder is not searched for modules, whatever they are called.
    command = [sys.executable, "-P", __file__, str(path.absolute()), str(folder.absolute()), json.dumps(kinds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)  # noqa: S603
    try:
        return Copied(**json.loads(done.stdout))
    except (ValueError, TypeError):
        return Copied(failed="the reader broke down on it")


def _copy(path: str, folder: Path, kinds: Mapping[str, str]) -> Copied:
    scan = pl.scan_parquet(path, glob=False)
    schema = scan.collect_schema()
    wrong = [[name, str(schema[name])] for name in kinds if name in schema and not _usable(kinds[name], schema[name])]
    if wrong or set(schema) != set(kinds):
        return Copied(schema.names(), wrong)
    due = int(scan.select(pl.len()).collect().item())
    text = [name for name in kinds if not (isinstance(schema[name], pl.Datetime) or schema[name].is_integer())]
    rows = 0
    batches = scan.select(list(kinds)).with_columns(pl.col(text).cast(pl.String)).collect_batches(chunk_size=_BATCH)
    for part, batch in enumerate(batches):
        try:
            batch.write_parquet(folder / f"{part:06d}.parquet", compression="lz4", statistics=False)
        except OSError as error:
            return Copied(failed=str(error), no_space=True)
        rows += batch.height
    # A damaged footer can hide rows from the reader without an error.
    return Copied(schema.names(), rows=rows, failed="" if rows == due else f"{rows} rows of {due}")


def _usable(kind: str, dtype: pl.DataType) -> bool:
    typed = (kind == "time" and isinstance(dtype, pl.Datetime)) or (kind == "integer" and dtype.is_integer())
    return typed or dtype in (pl.String, pl.Null) or isinstance(dtype, pl.Categorical | pl.Enum)


def _main(path: str, folder: str, kinds: str) -> None:
    try:
        copied = _copy(path, Path(folder), json.loads(kinds))
    except (Exception, pl.exceptions.PanicException) as error:
        copied = Copied(failed=(str(error).splitlines() or [type(error).__name__])[0][:200])
    sys.stdout.write(json.dumps(copied.__dict__))


if __name__ == "__main__":
    _main(*sys.argv[1:])
