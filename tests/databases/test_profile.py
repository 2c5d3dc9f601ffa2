"""What a database's profile says: keys, links, kinds, and who permits what."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.databases.graphs import collection, join
from utils.databases.profile import DatabaseProfile, DataRules, Permission, profile_database
from utils.databases.reflection import reflect

TABLES = """
CREATE TABLE city (id INTEGER PRIMARY KEY, label TEXT NOT NULL);
CREATE TABLE person (
    id INTEGER PRIMARY KEY, name TEXT, born TEXT, seen TEXT, weight REAL, city_id INTEGER REFERENCES city (id),
    boss_id INTEGER, code TEXT UNIQUE
);
CREATE TABLE visit (person_id INTEGER, number INTEGER, place TEXT, PRIMARY KEY (person_id, number));
INSERT INTO city VALUES (1, 'Ulm'), (2, 'Bonn'), (3, 'Jena');
INSERT INTO person VALUES
    (1, 'Ada', '2000-01-01', '2020-01-01 10:00:00', 60.5, 1, NULL, 'a'),
    (2, 'Bo', '2001-02-03', '2021-01-01 10:00:00', NULL, 1, 1, 'b'),
    (3, NULL, '2002-03-04', '2022-01-01 10:00:00', 71.25, 2, 1, NULL);
INSERT INTO visit VALUES (1, 1, 'x'), (1, 2, 'y'), (2, 1, 'x'), (3, 1, 'z');
"""


def graph(always: dict[str, bool | None]) -> dict:
    """The graph of these tables; `always` is what its relationships say of "always matches"."""

    def table(name: str, path: str, key: str | list[str], *columns: tuple[str, str]) -> dict:
        # `id` is a function of Python, so a property cannot be called so
        properties = {"key" if column == "id" else column: (column, kind) for column, kind in columns}
        return collection(name, f"main.{path}", key, properties)

    def joined(name: str, parent: str, child: str, keys: dict[str, list[str]], singular: bool) -> dict:
        said = {} if always.get(name) is None else {"always matches": always[name]}
        return join(name, parent, child, keys, singular, **said)

    number, text, moment = "numeric", "string", "datetime"
    people = (
        ("id", number), ("name", text), ("born", moment), ("seen", moment), ("weight", number), ("city_id", number),
        ("boss_id", number), ("code", text),
    )  # fmt: skip
    return {
        "name": "TOWN",
        "version": "V2",
        "collections": [
            table("cities", "city", "key", ("id", number), ("label", text)),
            table("people", "person", "key", *people),
            table(
                "visits", "visit", ["person_id", "number"], ("person_id", number), ("number", number), ("place", text)
            ),
        ],
        "relationships": [
            joined("home", "people", "cities", {"city_id": ["key"]}, singular=True),
            joined("people", "cities", "people", {"key": ["city_id"]}, singular=False),
            joined("guest", "visits", "people", {"person_id": ["key"]}, singular=True),
        ],
    }


AUTO = DataRules()
Profiled = Callable[..., DatabaseProfile]


@pytest.fixture(params=["sqlite", "duckdb"])
def profiled(request: pytest.FixtureRequest, tmp_path: Path) -> Profiled:
    """The profile on either engine, by what the graph and the user say."""

    def make(always: dict[str, bool | None], rules: DataRules = AUTO, extra: str = "") -> DatabaseProfile:
        if request.param == "sqlite":
            connection = sqlite3.connect(":memory:")
            connection.executescript(TABLES + extra)
        else:
            connection = duckdb.connect(":memory:")
            connection.execute(TABLES + extra)
        return profile_database(connection, request.param, json.loads(json.dumps(graph(always))), rules)

    return make


def test_kinds_keys_and_nulls(profiled: Profiled) -> None:
    profile = profiled({})
    person = profile.tables["person"]
    assert {column.name: column.kind for column in person.columns} == {
        "id": "integer",
        "name": "text",
        "born": "date",
        "seen": "timestamp",
        "weight": "real",
        "city_id": "integer",
        "boss_id": "integer",
        "code": "text",
    }
    assert person.unique == (("id",), ("code",))
    assert [column.name for column in person.columns if not column.nullable] == ["id"]
    assert profile.tables["visit"].unique == (("person_id", "number"),)
    assert person.column("name").values == ("Ada", "Bo")
    assert len(person.rows) == 3


def test_links_are_found_in_keys_and_in_the_graph(profiled: Profiled) -> None:
    links = {(link.child, link.columns): (link.parent, link.parent_columns) for link in profiled({}).links}
    assert links == {("person", ("city_id",)): ("city", ("id",)), ("visit", ("person_id",)): ("person", ("id",))}


@pytest.mark.parametrize(
    ("always", "rules", "childless", "unmatched"),
    [
        ({}, DataRules(), Permission(True, "observed"), Permission(False, "declared")),
        ({"people": True}, DataRules(), Permission(False, "graph"), Permission(False, "declared")),
        ({"people": False}, DataRules(), Permission(True, "graph"), Permission(False, "declared")),
        ({"home": True}, DataRules(), Permission(True, "observed"), Permission(False, "graph")),
        ({"people": True}, DataRules("yes", "yes", "yes"), Permission(True, "flag"), Permission(True, "flag")),
        ({"people": False}, DataRules("no", "no", "no"), Permission(False, "flag"), Permission(False, "flag")),
    ],
)
def test_who_permits_what(
    profiled: Profiled,
    always: dict[str, bool | None],
    rules: DataRules,
    childless: Permission,
    unmatched: Permission,
) -> None:
    home = next(link for link in profiled(always, rules).links if link.child == "person")
    assert (home.childless_parents, home.unmatched_keys) == (childless, unmatched)


def test_no_flag_makes_a_column_null_that_must_not_be(profiled: Profiled) -> None:
    guest = next(link for link in profiled({}, DataRules(null_keys="yes")).links if link.child == "visit")
    assert guest.null_keys == Permission(False, "declared")


def test_what_nobody_says_is_looked_up_in_the_data(profiled: Profiled) -> None:
    guest = next(link for link in profiled({}).links if link.child == "visit")
    assert guest.unmatched_keys == Permission(False, "observed") == guest.childless_parents
    broken = profiled({}, extra="INSERT INTO visit VALUES (77, 1, 'q');")
    assert next(link for link in broken.links if link.child == "visit").unmatched_keys == Permission(True, "observed")
    alone = profiled({}, extra="INSERT INTO person VALUES (9, 'Cy', NULL, NULL, 1, NULL, NULL, 'c');")
    guest, home = (next(link for link in alone.links if link.child == name) for name in ("visit", "person"))
    assert guest.childless_parents == Permission(True, "observed")
    assert home.null_keys == Permission(True, "observed")


def test_a_profile_is_the_same_every_time(profiled: Profiled) -> None:
    more = "INSERT INTO visit SELECT 1, n, 'p' || n FROM (WITH RECURSIVE s(n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM s WHERE n < 3000) SELECT n FROM s) AS numbers;"
    first, second = profiled({}, extra=more), profiled({}, extra=more)
    assert first == second
    assert 200 <= len(first.tables["visit"].rows) <= 300


def test_views_and_other_schemas_are_seen() -> None:
    sqlite = sqlite3.connect(":memory:")
    sqlite.executescript(TABLES + "CREATE VIEW adults AS SELECT * FROM person WHERE born < '2001';")
    tables, views = reflect(sqlite, "sqlite")
    assert {table.name for table in tables} == {"city", "person", "visit"} and [view.name for view in views] == [
        "adults"
    ]
    duck = duckdb.connect(":memory:")
    duck.execute("CREATE SCHEMA sales; CREATE TABLE sales.shop (id INTEGER PRIMARY KEY, name VARCHAR)")
    tables, _ = reflect(duck, "duckdb")
    assert [(table.schema, table.name, table.unique) for table in tables] == [("sales", "shop", (("id",),))]
