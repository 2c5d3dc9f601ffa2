"""A database to work in: on disk, so that memory does not grow with the rows, and gone when it is closed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow

MEMORY_MB = 120


@contextmanager
def working_database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database whose files lie in a hidden folder of `folder`."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".working.") as place:
        connection = duckdb.connect(str(Path(place) / "work.duckdb"))
        try:
            connection.execute(f"SET memory_limit = '{MEMORY_MB}MB'")
            connection.execute("SET preserve_insertion_order = false")
            yield connection
        finally:
            connection.close()


def insert(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
    """Put rows (tuples in the order of `columns`) into a table, all at once."""
    if rows:
        cursor = connection.cursor()
        cursor.register("part", pyarrow.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))))
        cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM part")
        cursor.unregister("part")
