"""A sample is bounded, the same every time, and sees what repeats every few rows."""

from __future__ import annotations

import sqlite3

import duckdb
import pytest

from utils.databases.connect import Dialect
from utils.databases.sampling import Stored, sample_sql, stored_as

ROWS = 3_000


@pytest.mark.parametrize(
    ("dialect", "stored"),
    [("sqlite", "table"), ("sqlite", "view"), ("sqlite", "without rowid"), ("duckdb", "table"), ("duckdb", "view")],
)
@pytest.mark.parametrize("every", [3, 10, 60])
def test_samples(dialect: Dialect, stored: Stored, every: int) -> None:
    connection = sqlite3.connect(":memory:") if dialect == "sqlite" else duckdb.connect(":memory:")
    ending = "WITHOUT ROWID" if stored == "without rowid" else ""
    connection.execute(f'CREATE TABLE "a b" (n INTEGER PRIMARY KEY, part INTEGER) {ending}')
    values = ", ".join(f"({n}, {n % every})" for n in range(ROWS))
    connection.execute(f'INSERT INTO "a b" VALUES {values}')
    connection.execute('CREATE VIEW v AS SELECT * FROM "a b"')
    source = "v" if stored == "view" else '"a b"'
    sql = sample_sql(source, ["part", "n"], ROWS, 300, dialect, stored)
    rows = connection.execute(sql).fetchall()
    assert 150 < len(rows) <= 300
    assert rows == connection.execute(sql).fetchall()
    assert all(part == n % every for part, n in rows)
    assert len({part for part, _ in rows}) > 0.9 * every
    if (dialect, stored) in (("sqlite", "table"), ("duckdb", "table")):
        assert max(n for _, n in rows) > 0.9 * ROWS > 0.1 * ROWS > min(n for _, n in rows)
    assert len(connection.execute(sample_sql(source, ["n"], ROWS, ROWS, dialect, stored)).fetchall()) == ROWS
    connection.close()


def test_how_a_table_is_stored_stands_in_its_statement() -> None:
    assert stored_as("CREATE TABLE t (a PRIMARY KEY) Without RowId") == "without rowid"
    assert stored_as("CREATE TABLE t (a)") == stored_as("") == "table"
