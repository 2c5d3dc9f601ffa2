"""The SQL as text: readable, safe with any name, refused where a tree means nothing, and understood by the proof."""

from __future__ import annotations

import datetime
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.databases.graphs import collection, join
from tests.synthesis.calls import of_calls
from tests.synthesis.intents import (
    COST,
    DEAR,
    ID,
    INTENTS,
    ITEM,
    KIND,
    NAME,
    PRICE,
    STATE,
    call,
    count,
    each,
    groups,
    over,
    rows,
    whole,
)
from tests.synthesis.shop import MODEL, DuckShop, at, constant, sqlite_shop
from tests.synthesis.test_sql import DATA
from utils.databases.connect import Dialect, connect_read_only
from utils.databases.data_rules import DataRules
from utils.databases.execute import run_query
from utils.databases.profile import profile_database
from utils.databases.schema_text import load_graph
from utils.proof.answers import Query
from utils.proof.bags import bags_equal
from utils.proof.values import canonical_rows
from utils.synthesis.intent import Aggregate, Exists, Field, Intent, Result, Window
from utils.synthesis.model import Collection, Column, Model
from utils.synthesis.sql import render_sql
from utils.synthesis.sql.terms import Names, identifier, table_name

DIALECTS: list[Dialect] = ["sqlite", "duckdb", "postgres"]
ALL = {**INTENTS, **of_calls()}
# Words of SQLite's own list; DuckDB, whose parser is PostgreSQL's, tells its own
SQLITE_WORDS = """abort add after all alter and as asc attach autoincrement before begin between by cascade case check
collate commit constraint create cross current date default deferrable delete desc distinct drop each else end escape
except exists explain filter for foreign from full glob group having if in index inner insert instead intersect into is
isnull join key last left like limit match materialized natural no not nothing notnull null of offset on or order outer
over partition plan pragma primary query raise range recursive references regexp reindex release rename replace restrict
returning right rollback row rows savepoint select set table temp then to transaction trigger union unique update using
vacuum values view virtual when where window with without year""".split()  # noqa: SIM905


def test_children_and_their_children_each_in_a_query_of_their_own() -> None:
    intent = rows(
        "owners",
        ("name", NAME),
        ("items", count("owners", "items", where=(DEAR,))),
        ("cost", each("SUM", "owners", ("items", "parts"), COST)),
        where=(call("IN", STATE, constant("NY"), constant("CA")),),
        order=(("items", True), ("name", False)),
        limit=3,
    )
    assert (
        render_sql(intent, MODEL, "sqlite")
        == """\
WITH chosen_items_per_owner AS (
    SELECT
        items.owner_no,
        COUNT(*) AS items
    FROM items
    WHERE items.price > 10
    GROUP BY items.owner_no
),
parts_per_owner AS (
    SELECT
        items.owner_no,
        SUM(parts.cost) AS cost
    FROM items
    JOIN main.part AS parts ON parts.item = items.id
    GROUP BY items.owner_no
)
SELECT
    owners.ownName AS name,
    COALESCE(chosen_items_per_owner.items, 0) AS items,
    COALESCE(parts_per_owner.cost, 0) AS cost
FROM tblOwner AS owners
LEFT JOIN chosen_items_per_owner ON chosen_items_per_owner.owner_no = owners.owner_no
LEFT JOIN parts_per_owner ON parts_per_owner.owner_no = owners.owner_no
WHERE owners.state IN ('NY', 'CA')
ORDER BY items DESC, name
LIMIT 3"""
    )


def test_groups_stay_one_select_and_nulls_come_first_everywhere() -> None:
    intent = groups(
        "items",
        [("month", call("START", at("items", "bought"), option="month"))],
        ("dear", Aggregate("COUNT", where=(DEAR,))),
        ("total", over("SUM", PRICE)),
        having=(call("GT", Result("total"), constant(20)),),
        order=(("month", False), ("dear", True)),
    )
    assert (
        render_sql(intent, MODEL, "duckdb")
        == """\
SELECT
    DATE_TRUNC('month', items.bought) AS month,
    COUNT(*) FILTER (WHERE items.price > 10) AS dear,
    COALESCE(SUM(items.price), 0) AS total
FROM items
GROUP BY 1
HAVING COALESCE(SUM(items.price), 0) > 20
ORDER BY month NULLS FIRST, dear DESC"""
    )


def test_only_links_that_may_lead_to_none_are_outer_joins() -> None:
    def linked(optional: set[str]) -> str:
        collections = {
            name: replace(one, links={key: replace(link, optional=key in optional) for key, link in one.links.items()})
            for name, one in MODEL.collections.items()
        }
        model = Model("shop", collections)
        item = collections["parts"].links["item"]
        way = (item, collections[item.child].links["owner"])
        field = replace(at("parts", "item", "owner", "name"), path=way)
        text = render_sql(rows("parts", ("owner", field)), model, "sqlite")
        return " ".join(line.partition("JOIN")[0] + "JOIN" for line in text.splitlines() if "JOIN" in line)

    assert linked(set()) == "JOIN JOIN"
    assert linked({"owner"}) == "JOIN LEFT JOIN"
    assert linked({"item"}) == "LEFT JOIN LEFT JOIN"  # whose item is missing, has no owner either


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_any_word_is_a_name(dialect: Dialect) -> None:
    shop = duckdb.connect()
    words = [word for (word,) in shop.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()]
    connection: Any = shop if dialect == "duckdb" else sqlite_shop(DATA)
    for word in [*words, *SQLITE_WORDS, "Two words", 'a "quoted" one', "1st", "straße", "x;y", "a.b"]:
        column = Column(word, word, word, "number", "code")
        table = '"' + word.replace('"', '""') + '"'
        source = Collection(word, table, (word,), 0, columns={word: column})
        name = identifier(word, dialect)
        connection.execute(f"CREATE TEMPORARY TABLE {table} ({table} INTEGER)")
        connection.execute(f"INSERT INTO {table} VALUES (7), (8)")
        keys = ((word, Field((), column)),)
        intent = Intent("test", source, "groups", (word,), keys=keys, order=((word, True),), limit=1)
        sql = render_sql(intent, Model("words", {word: source}), dialect)
        assert connection.execute(sql).fetchall() == [(8,)], (name, sql)
        Query(sql, dialect).check(thoroughly=True)
        connection.execute(f"DROP TABLE {table}")


def test_names_are_quoted_only_where_they_must_be() -> None:
    assert [
        table_name(one, "sqlite") for one in ("main.Sales", '"Sales"', '"my sales"', 'main."order"', '"a"".b"')
    ] == [
        "main.Sales",
        "Sales",
        '"my sales"',
        'main."order"',
        '"a"".b"',
    ]
    assert [table_name(one, "postgres") for one in ('"Sales"', "main.sales")] == ['"Sales"', "main.sales"]
    names = Names({'"Items"'})
    assert [names.unique("items"), names.unique("ITEMS"), names.unique("other")] == ["items_2", "ITEMS_3", "other"]


def test_a_query_is_never_named_as_a_table_is() -> None:
    parent = replace(MODEL.collections["makers"], table="items_per_owner")
    model = Model("shop", {**MODEL.collections, "makers": parent})
    sql = render_sql(INTENTS["count of children"], model, "sqlite")
    assert sql.startswith("WITH items_per_owner_2 AS (")


def test_long_names_stay_below_what_postgres_cuts() -> None:
    keys = [(f"a_rather_long_name_of_key_{number}", field) for number, field in enumerate((STATE, NAME))]
    intent = groups("owners", keys, ("n", count("owners", "items")), ("o", Aggregate("COUNT")))
    sql = render_sql(intent, MODEL, "postgres")
    assert max(len(word) for line in sql.splitlines() for word in line.replace(".", " ").split()) <= 63


MEANINGLESS: dict[str, tuple[Intent, str]] = {
    "an aggregate of no rows": (rows("owners", ID, ("n", Aggregate("COUNT"))), "no meaning for a row"),
    "a window in a condition": (rows("items", ("id", ITEM), where=(Window("RELSIZE"),)), "no meaning for a row"),
    "a field of a group": (groups("items", [("kind", KIND)], ("price", PRICE)), "no meaning for a group"),
    "a field of joined groups": (
        groups("owners", [("state", STATE)], ("n", count("owners", "items")), ("name", NAME)),
        "no meaning for a group",
    ),
    "a test of a group": (whole("owners", ("any", Exists(()))), "no meaning for a group"),
    "a field of a result": (rows("items", ("id", ITEM), windows=(("w", PRICE),)), "no meaning for a row of the result"),
    "an unknown call": (rows("items", ("x", call("MEAN", PRICE))), "MEAN: not known to sqlite"),
    "an unknown unit": (rows("items", ("x", call("START", PRICE, option="decade"))), "START decade: not known"),
    "endless": (rows("items", ("x", call("ADD", PRICE, constant(float("inf"))))), "cannot be written"),
    "from the end": (rows("owners", ("x", call("SLICE", NAME, constant(-2), constant(1)))), "counts from 0"),
    "negative digits": (rows("items", ("x", call("ROUND", PRICE, constant(-2)))), "no negative digits"),
    "length of a column": (
        rows("owners", ("x", call("LPAD", NAME, at("owners", "id"), constant("0")))),
        "whole number",
    ),
    "split within JSON": (rows("owners", ("x", call("GETPART", NAME, constant("n"), constant(2)))), "cannot split"),
}


@pytest.mark.parametrize("name", MEANINGLESS)
def test_what_means_nothing_is_refused(name: str) -> None:
    intent, reason = MEANINGLESS[name]
    with pytest.raises(ValueError, match=reason):
        render_sql(intent, MODEL, "sqlite")


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
@pytest.mark.parametrize("name", ALL)
def test_the_proof_understands_it(name: str, dialect: Dialect, shops: dict[Dialect, Any]) -> None:
    """It parses, says its order, means the same when the proof writes it anew, and shows its sort keys."""
    connection, intent = shops[dialect], ALL[name]
    query = Query(render_sql(intent, MODEL, dialect), dialect)
    assert query.orders == bool(intent.order)
    found = canonical_rows(connection.execute(query.sql).fetchall())
    assert bags_equal(found, canonical_rows(connection.execute(query.parsed.sql(dialect=dialect)).fetchall()))
    if intent.order:
        assert query.keyed is not None and query.limit == (intent.limit or 0)
        shown = [row[: -query.keyed.keys] for row in connection.execute(query.keyed.sql).fetchall()]
        assert canonical_rows(shown)[: intent.limit] == found or intent.limit is None


@pytest.fixture(scope="module")
def shops() -> dict[Dialect, Any]:
    return {"sqlite": sqlite_shop(DATA), "duckdb": DuckShop().fill(DATA)}


@pytest.fixture(scope="module")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    memory = sqlite_shop(DATA)
    memory.commit()
    with closing(sqlite3.connect(path)) as file:
        memory.backup(file)
    return path


def test_the_read_only_connection_of_a_run_is_enough(shop_file: Path) -> None:
    connection = connect_read_only(f"sqlite:///{shop_file}")
    for name, intent in ALL.items():
        sql = render_sql(intent, MODEL, "sqlite")
        assert run_query(connection, "sqlite", sql, limit_s=10).columns == list(intent.output), name


def test_made_data_can_be_built_around_it(shop_file: Path) -> None:
    """Constants, conditions and counts are seen through WITH queries, as they would be in a plain query."""
    properties = {"key": ("id", "numeric"), "price": ("price", "numeric"), "owner_key": ("owner_no", "numeric")}
    graph = {
        "name": "SHOP",
        "version": "V2",
        "collections": [
            collection(
                "owners", "main.tblOwner", "key", {"key": ("owner_no", "numeric"), "state": ("state", "string")}
            ),
            collection("items", "main.items", "key", properties),
        ],
        "relationships": [join("items", "owners", "items", {"key": ["owner_key"]}, singular=False)],
    }
    path = shop_file.with_suffix(".json")
    path.write_text(json.dumps([graph]))
    connection = connect_read_only(f"sqlite:///{shop_file}")
    profile = profile_database(connection, "sqlite", load_graph(path, "SHOP"), DataRules())
    intent = groups(
        "owners",
        [("state", STATE)],
        (
            "n",
            count("owners", "items", where=(call("GE", at("items", "bought"), constant(datetime.date(2023, 2, 1))),)),
        ),
        where=(call("GE", count("owners", "items", where=(DEAR,)), constant(2)), call("NE", STATE, constant("CA"))),
        having=(call("GT", Result("n"), constant(4)),),
        order=(("n", True), ("state", False)),
        limit=7,
    )
    facts = Query(render_sql(intent, MODEL, "sqlite"), "sqlite").facts(profile)
    assert facts.tables == {"tblowner", "items"}
    assert {
        ("tblowner", "state", "CA"),
        ("items", "price", 10),
        ("items", "bought", "2023-02-01 00:00:00"),
    } <= facts.constants
    assert {("tblowner", ("\"state\" <> 'CA'",)), ("items", ('"price" > 10',))} <= {
        (table, conditions) for table, _, conditions in facts.conditions
    }
    assert (("items", "owner_no"), ("tblowner", "owner_no")) in facts.pairs
    assert {2, 4} <= facts.counts
    assert facts.limits == {7}


def test_texts_cannot_break_out() -> None:
    text = "x' OR 1 = 1; --\n\\"
    intent = rows(
        "owners", ID, where=(call("OR", call("EQ", NAME, constant(text)), call("CONTAINS", NAME, constant(text))),)
    )
    for dialect in DIALECTS:
        sql = render_sql(intent, MODEL, dialect)
        assert "'x'' OR 1 = 1; --\n\\'" in sql
        assert "LIKE '%x'' OR 1 = 1; --\n\\\\%' ESCAPE '\\'" in sql
    assert sqlite_shop(DATA).execute(render_sql(intent, MODEL, "sqlite")).fetchall() == []


def test_the_same_tree_gives_the_same_text() -> None:
    for intent in ALL.values():
        for dialect in DIALECTS:
            assert render_sql(intent, MODEL, dialect) == render_sql(intent, MODEL, dialect)
