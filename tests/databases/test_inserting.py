"""Rows that are put into a table many at once are the rows that one statement each would put there."""

import sqlite3

import pytest

from utils.databases.inserting import insert_rows


@pytest.mark.parametrize("width", [1, 3, 1500])  # so wide a row that fewer than usual fit into a statement
@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 70])
def test_every_row_is_there_in_order(width: int, count: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t ({', '.join(f'c{place}' for place in range(width))})")
    rows = [
        tuple((None, number, number / 8, f"x{number}")[(number + place) % 4] for place in range(width))
        for number in range(count)
    ]
    insert_rows(connection, "INSERT INTO t", rows)
    assert repr(connection.execute("SELECT * FROM t ORDER BY rowid").fetchall()) == repr(rows)


def test_only_the_rows_that_the_table_refuses_are_left_out() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 50))")
    insert_rows(
        connection, "INSERT OR IGNORE INTO t (id, n)", [*((n, n) for n in range(70)), (3, 7), (80, None), (81, 1)]
    )
    assert [key for (key,) in connection.execute("SELECT id FROM t ORDER BY id")] == [*range(50), 81]
