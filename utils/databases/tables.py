"""Tables described once, created and filled as SQLite or DuckDB files.

Types are DuckDB's. SQLite stores decimals as REAL (its NUMERIC would turn 150.00 into an
integer and so change division) and dates and timestamps as ISO text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from utils.databases.connect import Dialect

Row = Sequence[Any]


@dataclass(frozen=True)
class Column:
    """A column: name, DuckDB type such as `varchar(20)` or `decimal(10,2)`, and whether null is allowed."""

    name: str
    type: str
    nullable: bool = False


@dataclass(frozen=True)
class ForeignKey:
    """`columns` of this table refer to `target_columns` of table `target`."""

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with its keys; `indexes` are lists of columns that get an index in SQLite."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()


def _storage_type(column_type: str, dialect: Dialect) -> str:
    if dialect == "duckdb":
        return column_type.upper()
    if column_type.startswith("decimal"):
        return "REAL"
    return "INTEGER" if column_type in ("bigint", "integer") else column_type.upper()


def create_table_sql(table: Table, dialect: Dialect) -> str:
    """The CREATE TABLE statement with primary and foreign keys."""
    lines = [
        f"{column.name} {_storage_type(column.type, dialect)}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    ]
    lines.append(f"PRIMARY KEY ({', '.join(table.primary_key)})")
    lines += [
        f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.target} ({', '.join(key.target_columns)})"
        for key in table.foreign_keys
    ]
    return f"CREATE TABLE {table.name} (\n  " + ",\n  ".join(lines) + "\n)"


def write_sqlite(path: Path, tables: Sequence[Table], rows: Mapping[str, Iterable[Row]]) -> None:
    """Create a SQLite file at `path` (which must not exist) with `tables`, their rows, keys and indexes."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for table in tables:
            connection.execute(create_table_sql(table, "sqlite"))
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows[table.name])
            for number, columns in enumerate(table.indexes, start=1):
                connection.execute(f"CREATE INDEX {table.name}_i{number} ON {table.name} ({', '.join(columns)})")
        connection.execute("COMMIT")
        dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
        if dangling is not None:
            raise ValueError(f"{path}: row {dangling[1]} of {dangling[0]} refers to no row of {dangling[2]}")
        connection.execute("ANALYZE")
    finally:
        connection.close()


def write_duckdb(path: Path, tables: Sequence[Table], rows: Mapping[str, Sequence[Row]]) -> None:
    """Create a DuckDB file at `path` (which must not exist) with `tables`, their rows and keys.

    Values may be as SQLite stores them: dates as text, decimals as floats.
    """
    with duckdb.connect(str(path), config={"threads": "1"}) as connection:
        for table in tables:
            connection.execute(create_table_sql(table, "duckdb"))
            frame = pd.DataFrame(list(rows[table.name]), columns=[column.name for column in table.columns])
            connection.register("incoming", frame)
            casts = ", ".join(f"CAST({column.name} AS {column.type})" for column in table.columns)
            connection.execute(f"INSERT INTO {table.name} SELECT {casts} FROM incoming")
            connection.unregister("incoming")


def sqlite_select(table: Table) -> str:
    """DuckDB SQL that reads `table` in key order with values as SQLite stores them."""
    return (
        f"SELECT {', '.join(_sqlite_value(column) for column in table.columns)} "
        f"FROM {table.name} ORDER BY {', '.join(table.primary_key)}"
    )


def _sqlite_value(column: Column) -> str:
    if column.type.startswith("decimal"):
        return f"CAST({column.name} AS DOUBLE)"
    return f"CAST({column.name} AS VARCHAR)" if column.type in ("date", "timestamp") else column.name
