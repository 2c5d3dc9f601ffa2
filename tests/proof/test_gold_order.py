"""Gold queries rewritten to show their sort keys, run on the real engines."""

import sqlite3
from collections import Counter

import duckdb
import pytest

from utils.proof.gold import NotAQueryError, keyed_query, orders_by_text, orders_rows, parse_query

TABLE = """
CREATE TABLE t (id INTEGER, name TEXT, grp TEXT, v REAL);
INSERT INTO t VALUES (1, 'a', 'x', 2.0), (2, 'B', 'y', 1.0), (3, 'b', 'x', 1.0), (4, 'c', 'y', 3.0), (5, 'd', NULL, 1.0);
CREATE TABLE u (tid INTEGER, w INTEGER);
INSERT INTO u VALUES (1, 10), (1, 20), (3, 10), (4, 30);
"""

# gold, the keys of its rows in order (LIMIT and OFFSET taken away)
KEYED = [
    ("SELECT name FROM t ORDER BY id DESC", [(5,), (4,), (3,), (2,), (1,)]),
    ("SELECT name, v AS amount FROM t ORDER BY amount DESC, id LIMIT 2", [(3, 4), (2, 1), (1, 2), (1, 3), (1, 5)]),
    ("SELECT name, v FROM t ORDER BY 2, 1 LIMIT 3", [(1, "B"), (1, "b"), (1, "d"), (2, "a"), (3, "c")]),
    ("SELECT name AS n FROM t ORDER BY LOWER(n), id", [("a", 1), ("b", 2), ("b", 3), ("c", 4), ("d", 5)]),
    ("SELECT grp, SUM(v) AS s FROM t GROUP BY grp ORDER BY s DESC", [(4,), (3,), (1,)]),
    ("SELECT grp, SUM(v) AS s FROM t GROUP BY grp ORDER BY s / COUNT(*) DESC", [(2,), (1.5,), (1,)]),
    ("SELECT grp FROM t GROUP BY grp ORDER BY COUNT(*) DESC, MAX(id) LIMIT 1", [(2, 3), (2, 4), (1, 5)]),
    ("SELECT t.name FROM t JOIN u ON u.tid = t.id ORDER BY u.w DESC, t.name LIMIT 2 OFFSET 1", [(30, "c"), (20, "a"), (10, "a"), (10, "b")]),
    ("SELECT id FROM t ORDER BY CASE WHEN v > 1.5 THEN 0 ELSE 1 END, id LIMIT 4", [(0, 1), (0, 4), (1, 2), (1, 3), (1, 5)]),
    ("SELECT UPPER(name) AS name, id FROM t ORDER BY name, id", [("A", 1), ("B", 2), ("B", 3), ("C", 4), ("D", 5)]),
    ("SELECT id, ROW_NUMBER() OVER (ORDER BY v, id) AS place FROM t ORDER BY place", [(1,), (2,), (3,), (4,), (5,)]),
    ("WITH s AS (SELECT grp, SUM(v) AS total FROM t GROUP BY grp) SELECT grp FROM s ORDER BY total LIMIT 1", [(1,), (3,), (4,)]),
    ("SELECT DISTINCT v FROM t ORDER BY v", [(1,), (2,), (3,)]),
    ("SELECT DISTINCT t.v FROM t ORDER BY t.v DESC LIMIT 1", [(3,), (2,), (1,)]),
    ("SELECT DISTINCT t.v AS value, t.grp FROM t WHERE t.grp IS NOT NULL ORDER BY t.v", [(1,), (1,), (2,), (3,)]),
    ("SELECT DISTINCT name, v FROM t ORDER BY 2 DESC, name", [(3, "c"), (2, "a"), (1, "B"), (1, "b"), (1, "d")]),
    ("SELECT id FROM t UNION SELECT w FROM u ORDER BY id DESC LIMIT 3", [(30,), (20,), (10,), (5,), (4,), (3,), (2,), (1,)]),
    ("SELECT id AS k FROM t UNION ALL SELECT w FROM u ORDER BY 1 LIMIT 3", [(1,), (2,), (3,), (4,), (5,), (10,), (10,), (20,), (30,)]),
    ("WITH c AS (SELECT id FROM t) SELECT id FROM c UNION SELECT tid FROM u ORDER BY id", [(1,), (2,), (3,), (4,), (5,)]),
    ("SELECT * FROM u ORDER BY w, tid LIMIT 1", [(10, 1), (10, 3), (20, 1), (30, 4)]),
    ("SELECT u.* FROM u ORDER BY w DESC LIMIT 1 OFFSET 1", [(30,), (20,), (10,), (10,)]),
    ("SELECT name FROM t ORDER BY grp DESC, id", [("y", 2), ("y", 4), ("x", 1), ("x", 3), (None, 5)]),
    ("SELECT name FROM t ORDER BY v COLLATE NOCASE, name COLLATE NOCASE, id", [(1, "B", 2), (1, "b", 3), (1, "d", 5), (2, "a", 1), (3, "c", 4)]),
]  # fmt: skip


@pytest.fixture(scope="module")
def sqlite():
    connection = sqlite3.connect(":memory:")
    connection.executescript(TABLE)
    yield lambda sql: connection.execute(sql).fetchall()
    connection.close()


@pytest.fixture(scope="module")
def duck():
    connection = duckdb.connect(":memory:")
    connection.execute(TABLE)
    yield lambda sql: connection.execute(sql).fetchall()
    connection.close()


@pytest.mark.parametrize(("gold", "keys"), KEYED)
def test_the_rewritten_query_shows_the_sort_keys_beside_golds_rows(sqlite, gold, keys):
    query = parse_query(gold, "sqlite")
    keyed = keyed_query(query, "sqlite")
    assert keyed is not None and orders_rows(query) and keyed.keys == len(keys[0])
    table = sqlite(keyed.sql)
    assert [row[-keyed.keys :] for row in table] == keys
    rows = sqlite(gold)
    start = keyed.offset
    assert [row[: -keyed.keys] for row in table][start : start + len(rows)] == rows
    assert query == parse_query(gold, "sqlite")  # the query itself is left as it was


@pytest.mark.parametrize(("gold", "keys"), [(gold, keys) for gold, keys in KEYED if "NOCASE" not in gold])
def test_the_rewriting_runs_on_duckdb_too(duck, gold, keys):
    keyed = keyed_query(parse_query(gold, "duckdb"), "duckdb")
    assert keyed is not None
    assert Counter(row[-keyed.keys :] for row in duck(keyed.sql)) == Counter(keys)


@pytest.mark.parametrize(
    "gold",
    [
        "SELECT name FROM t",
        "SELECT name FROM (SELECT name FROM t ORDER BY id) AS s",
        "SELECT name, RANK() OVER (ORDER BY v) FROM t",
        "WITH s AS (SELECT id FROM t ORDER BY id LIMIT 3) SELECT * FROM s",
        "SELECT name FROM t LIMIT 3",
    ],
)
def test_an_order_further_inside_binds_no_rows(gold):
    query = parse_query(gold, "sqlite")
    assert not orders_rows(query) and keyed_query(query, "sqlite") is None


@pytest.mark.parametrize(
    "gold",
    [
        "SELECT name FROM t ORDER BY id LIMIT 1 + 1",
        "SELECT name FROM t ORDER BY id LIMIT (SELECT 2)",
        "SELECT name FROM t ORDER BY id LIMIT 2 OFFSET 1 + 1",
        "SELECT DISTINCT LOWER(name) FROM t ORDER BY LOWER(name)",
        "SELECT id FROM t UNION SELECT w FROM u ORDER BY id + 1",
        "SELECT name FROM t ORDER BY 2",
        "SELECT name FROM t ORDER BY 0",
        "SELECT DISTINCT name FROM t ORDER BY 5",
    ],
)
def test_what_cannot_be_rewritten_safely_is_left(gold):
    query = parse_query(gold, "sqlite")
    assert orders_rows(query) and keyed_query(query, "sqlite") is None


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "-- nothing",
        "DELETE FROM t",
        "DROP TABLE t",
        "INSERT INTO t SELECT * FROM t",
        "CREATE TABLE x AS SELECT 1",
        "UPDATE t SET id = 1",
        "PRAGMA table_info(t)",
        "ATTACH 'x' AS y",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE t",
        "SELECT FROM WHERE",
        "SELECT (1",
        "SELECT 'open",
        "EXPLAIN SELECT 1",
        "VACUUM",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "how many customers are there?",
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_only_one_reading_query_is_taken(sql, dialect):
    with pytest.raises(NotAQueryError) as caught:
        parse_query(sql, dialect)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "select 1;",
        "  SELECT 1 -- one\n;",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT 1 UNION SELECT 2",
        "(SELECT 1)",
    ],
)
def test_every_form_of_query_is_taken(sql):
    parse_query(sql, "sqlite")


@pytest.mark.parametrize(
    ("sql", "seen"),
    [
        ("SELECT a FROM t", False),
        ("SELECT a FROM t ORDER BY a", True),
        (" with s as (select a from t order by a) select * from s;", False),
        ("WITH s AS (SELECT a FROM t) SELECT * FROM s\norder\n  by 1 LIMIT 3 ; ", True),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1", True),
        ("SELECT ROW_NUMBER() OVER (ORDER BY a) FROM t", False),
        ("SELECT 'x) ORDER BY', \"o(rder by\" FROM t", False),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 3) AS s", False),
        ("SELECT a AS reorder FROM t", False),
        ("SELECT 'it''s' FROM t ORDER BY 1", True),
        ("DELETE FROM t", None),
        ("SELECT 1; SELECT 2", None),
        ("SELECT 1 -- ORDER BY a", None),
        ("SELECT 1 /* ( */ ORDER BY 1", None),
        ("SELECT `a)` FROM t", None),
        ("SELECT $$ORDER BY$$", None),
        ("VALUES (1)", None),
        ("", None),
    ],
)
def test_an_order_is_seen_without_parsing(sql: str, seen: bool | None) -> None:
    assert orders_by_text(sql) is seen
    if seen is not None:
        assert orders_rows(parse_query(sql, "sqlite")) is seen
