"""Models read from our databases, and from small ones whose graphs say more than is true, on all three engines."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from tests.databases.graphs import collection, join
from tests.proof.postgres_server import binaries, postgres_server, server_folder
from utils.core.console import UserError
from utils.core.paths import WorkDir
from utils.databases.catalog import DatabaseEntry, built_in_entries, file_url
from utils.synthesis import tables
from utils.synthesis.model import Column, Model
from utils.synthesis.reading import read_model

ROLES = {
    "broker": {
        "customers": "_id:identifier name:name email:text phone:text city:category join_date:date status:category",
        "tickers": "symbol:name name:name ticker_type:category is_active:flag",
        "daily_prices": "ticker_id:foreign_key date:date close:measure:price volume:amount:shares epoch_ms:code",
        "transactions": "customer_id:foreign_key date_time:date shares:amount:shares price:measure:price "
        "amount:amount:money tax:amount:money kpx:code settlement_date_str:code status:category",
    },
    "tpch": {
        "nations": "key:identifier region_key:foreign_key name:name comment:text",
        "parts": "name:name brand:category part_type:category size:measure retail_price:measure:price",
        "supply_records": "part_key:foreign_key available_quantity:amount:pieces supply_cost:measure:price",
        "lines": "line_number:identifier quantity:amount:pieces extended_price:amount:money discount:measure:share "
        "tax:measure:share return_flag:category ship_date:date comment:text",
        "orders": "total_price:amount:money order_priority:category ship_priority:code clerk:category",
        "customers": "name:name phone:text account_balance:amount:money market_segment:category",
    },
}


@pytest.mark.parametrize("name", ROLES)
def test_roles_and_units_of_our_databases(databases: WorkDir, name: str) -> None:
    model = read_model(built_in_entries(databases)[name])
    for collection_name, listed in ROLES[name].items():
        columns = model.collections[collection_name].columns
        found = {one.split(":")[0]: columns[one.split(":")[0]] for one in listed.split()}
        assert " ".join(_said(column) for column in found.values()) == listed


def _said(column: Column) -> str:
    return ":".join(part for part in (column.name, column.role, column.unit) if part)


@pytest.mark.parametrize("name", ROLES)
def test_both_engines_give_one_model(databases: WorkDir, name: str) -> None:
    entries = built_in_entries(databases)
    one, other = read_model(entries[name]), read_model(entries[f"{name}_duckdb"])
    assert one.notes == other.notes
    for left, right in zip(one.collections.values(), other.collections.values(), strict=True):
        assert (left.table, left.key, left.rows) == (right.table, right.key, right.rows)
        assert [vars(link) for link in left.links.values()] == [vars(link) for link in right.links.values()]
        # the samples of large tables differ, and with them the values
        sampled = {"values": (), "quantiles": ()} if left.rows > tables.SAMPLED_ROWS else {}
        assert [vars(replace(column, **sampled)) for column in left.columns.values()] == [
            vars(replace(column, **sampled)) for column in right.columns.values()
        ]


def test_what_the_broker_data_shows(databases: WorkDir) -> None:
    model = read_model(built_in_entries(databases)["broker"])
    customers, transactions = model.collections["customers"], model.collections["transactions"]
    assert (customers.table, customers.key, customers.columns["name"].column) == (
        '"sbCustomer"',
        ("_id",),
        "sbCustName",
    )
    status = customers.columns["status"]
    assert (status.distinct, status.nulls, status.unique) == (4, False, False)
    assert {*status.values} == {"active", "inactive", "suspended", "closed"}
    assert status.values[0] == "active"
    assert customers.columns["phone"].nulls
    assert customers.columns["_id"].unique and not customers.columns["email"].unique
    joined, moment = customers.columns["join_date"], transactions.columns["date_time"]
    assert (joined.time, len(str(joined.low)), moment.time, moment.high) == (False, 10, True, "2023-12-15 14:30:00")
    assert model.collections["tickers"].columns["is_active"].values == (True, False)
    volume = model.collections["daily_prices"].columns["volume"]
    assert volume.whole and volume.low == 0 and sorted(volume.quantiles) == list(volume.quantiles)
    made, customer = customers.links["transactions_made"], transactions.links["customer"]
    assert (made.singular, made.optional, round(made.fanout)) == (False, True, 97)
    assert (customer.singular, customer.optional, customer.fanout) == (True, False, 1.0)
    assert made.synonyms == ("trades of the customer", "client's orders")


TABLES = """
CREATE TABLE shop (id integer PRIMARY KEY, "Name" varchar(20) NOT NULL, opened date, size numeric(8, 2), open_now {flag});
CREATE TABLE receipt (
    number integer, shop_id integer NOT NULL, clerk_id integer, paid_at timestamp, total double precision,
    kind varchar(12), code varchar(12)
);
CREATE TABLE clerk (id integer, badge varchar(9), boss_id integer);
CREATE TABLE vacant (id integer PRIMARY KEY);
CREATE VIEW paid AS SELECT number, total FROM receipt WHERE kind = 'cash';
"""
SHOPS = "({0}, 'Shop {1}', '20{2}-03-01', {0}.25, {3})"
RECEIPTS = "({0}, {1}, {2}, '2022-01-{3:02} 10:00:00', {0}.5, {4}, 'c{5}')"


def statements(flag: str, true: str, false: str) -> str:
    shops = ", ".join(SHOPS.format(n, n % 25, n % 10 + 10, true if n % 3 else false) for n in range(1, 31))
    receipts = ", ".join(
        RECEIPTS.format(
            n, n % 25 + 1, n % 7 + 1 if n % 5 else "NULL", n % 28 + 1, ["'cash'", "'card'", "NULL"][n % 3], n % 40
        )
        for n in range(1, 201)
    )
    clerks = ", ".join(f"({n}, {'NULL' if n == 2 else repr(f'b{n}')}, {n % 3 + 1})" for n in range(1, 8))
    return (
        TABLES.format(flag=flag)
        + f"INSERT INTO shop VALUES {shops}; INSERT INTO receipt VALUES {receipts}; INSERT INTO clerk VALUES {clerks};"
    )


def town() -> dict[str, Any]:
    """The graph of these tables, all of it true."""
    shops = {
        "key": ("id", "numeric"),
        "name": ('"Name"', "string"),
        "opened": ("opened", "datetime"),
        "size": ("size", "numeric"),
        "is_open": ("open_now", "bool"),
    }
    receipts = {
        "number": ("number", "numeric"),
        "shop_key": ("shop_id", "numeric"),
        "clerk_key": ("clerk_id", "numeric"),
        "paid_at": ("paid_at", "datetime"),
        "total": ("total", "numeric"),
        "kind": ("kind", "string"),
        "code": ("code", "string"),
    }
    clerks = {"key": ("id", "numeric"), "boss_key": ("boss_id", "numeric"), "badge": ("badge", "string")}
    return {
        "name": "TOWN",
        "version": "V2",
        "collections": [
            collection("shops", "main.shop", "key", shops),
            collection("receipts", "main.receipt", "number", receipts),
            collection("clerks", "main.clerk", "key", clerks),
        ],
        "relationships": [
            join("receipts", "shops", "receipts", {"key": ["shop_key"]}, singular=False),
            join("shop", "receipts", "shops", {"shop_key": ["key"]}, singular=True, **{"always matches": True}),
            join("clerk", "receipts", "clerks", {"clerk_key": ["key"]}, singular=True),
            join("boss", "clerks", "clerks", {"boss_key": ["key"]}, singular=True),
        ],
    }


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with server_folder() as folder, postgres_server(folder) as address:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA main")
            connection.execute("SET search_path TO main")
            connection.execute(statements("boolean", "true", "false"))
        yield address


no_server = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server is installed (Debian: postgresql)")
Read = Callable[..., Model]


@pytest.fixture(params=["sqlite", "duckdb", pytest.param("postgres", marks=no_server)])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    """Read the town's model on each engine; `change` alters its graph, `extra` its data, `hints` stand beside it."""

    def model(
        change: Callable[[dict[str, Any]], object] = lambda graph: None, extra: str = "", hints: Any = None
    ) -> Model:
        graph = town()
        change(graph)
        path = tmp_path / "town.json"
        path.write_text(json.dumps([graph]))
        if hints is not None:
            path.with_suffix(".hints.json").write_text(json.dumps(hints))
        if request.param == "postgres":
            if extra:
                pytest.skip("the server's data is shared")
            return read_model(DatabaseEntry("town", path, "TOWN", request.getfixturevalue("server")))
        file = tmp_path / f"town.{request.param}"
        file.unlink(missing_ok=True)
        if request.param == "sqlite":
            with sqlite3.connect(file) as connection:
                connection.executescript(statements("boolean", "1", "0") + extra)
            connection.close()
        else:
            with duckdb.connect(str(file)) as connection:
                connection.execute(statements("boolean", "true", "false") + extra)
        return read_model(DatabaseEntry("town", path, "TOWN", file_url(request.param, file)))

    return model


def left_out(model: Model) -> list[str]:
    return [note for note in model.notes if "left out" in note]


def test_a_true_graph_is_read_whole(read: Read) -> None:
    model = read()
    assert left_out(model) == []
    shops, receipts, clerks = model.collections.values()
    assert shops.table.replace('"main".', "") == '"shop"'
    assert [_said(column) for column in shops.columns.values()] == [
        *("key:identifier", "name:name", "opened:date", "size:measure", "is_open:flag")
    ]
    assert shops.columns["name"].column == "Name"
    assert shops.columns["opened"].low == "2010-03-01"
    assert (shops.columns["size"].low, shops.columns["size"].high, shops.columns["size"].whole) == (1.25, 30.25, False)
    assert shops.columns["is_open"].values == (True, False)
    assert receipts.columns["paid_at"].time and receipts.columns["paid_at"].high == "2022-01-28 10:00:00"
    assert [_said(column) for column in receipts.columns.values()] == [
        *("number:identifier", "shop_key:foreign_key", "clerk_key:foreign_key", "paid_at:date", "total:amount"),
        *("kind:category", "code:code"),
    ]
    assert [column.name for column in receipts.columns.values() if column.nulls] == [
        "clerk_key",
        "paid_at",
        "total",
        "kind",
        "code",
    ]
    assert [column.name for column in receipts.columns.values() if column.lacks] == ["clerk_key", "kind"]
    assert [column.name for column in clerks.columns.values() if column.unique] == ["key"]
    optional = {repr(link): link.optional for one in model.collections.values() for link in one.links.values()}
    assert optional == {"shops>receipts": True, "receipts>shop": False, "receipts>clerk": True, "clerks>boss": False}
    assert round(shops.links["receipts"].fanout, 2) == 6.67


def test_nulls_follow_keys_and_claims(read: Read) -> None:
    """A key of no nulls, and one of a relationship that the graph does not say to miss, gets none in made data."""
    assert not read().collections["clerks"].columns["boss_key"].nulls

    def may_miss(graph: dict[str, Any]) -> None:
        graph["relationships"][3]["always matches"] = False

    clerks = read(may_miss).collections["clerks"]
    assert clerks.columns["boss_key"].nulls and clerks.links["boss"].optional
    assert clerks.links["boss"].full and not read().collections["shops"].links["receipts"].full
    assert not clerks.columns["key"].nulls


def edit(path: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one place of the graph, such as "relationships 0"."""

    def change(graph: dict[str, Any]) -> None:
        place: Any = graph
        for step in path.split():
            place = place[int(step)] if step.isdigit() else place[step]
        place[key] = value

    return change


FALSE: dict[str, tuple[Callable[[dict[str, Any]], object], str, str]] = {
    "no such column": (
        edit("collections 0 properties 3", "column name", "width"),
        "shops.size: left out, its column width does not exist",
        "",
    ),
    "no such table": (
        edit("collections 2", "table path", "main.clerks"),
        "clerks: left out, table main.clerks cannot be read (",
        "clerks",
    ),
    "no rows": (
        edit("collections 2", "table path", "main.vacant"),
        "clerks: left out, table main.vacant holds no rows",
        "clerks",
    ),
    "no key": (
        edit("collections 2", "unique properties", ["boss_key"]),
        "clerks: left out, its key boss_key is not unique",
        "clerks",
    ),
    "one false key": (
        edit("collections 2", "unique properties", ["key", "boss_key"]),
        "clerks: left out, its key boss_key is not unique",
        "clerks",
    ),
    "null key": (
        edit("collections 2", "unique properties", ["badge"]),
        "clerks: left out, its key badge holds nulls",
        "clerks",
    ),
    "no number": (
        edit("collections 1 properties 5", "data type", "numeric"),
        "receipts.kind: left out, it is claimed to be numeric, but holds 'card'",
        "",
    ),
    "no text": (
        edit("collections 1 properties 4", "data type", "string"),
        "receipts.total: left out, it is claimed to be string, but holds '1.5'",
        "",
    ),
    "no date": (
        edit("collections 1 properties 6", "data type", "datetime"),
        "receipts.code: left out, it is claimed to be datetime, but holds 'c1'",
        "",
    ),
    "no truth": (
        edit("collections 1 properties 4", "data type", "bool"),
        "receipts.total: left out, it is claimed to be bool, but holds '1.5'",
        "",
    ),
    "unknown type": (
        edit("collections 1 properties 5", "data type", "unknown"),
        "receipts.kind: left out, it is of type unknown, which nothing is asked about",
        "",
    ),
    "not singular": (
        edit("relationships 0", "singular", True),
        "shops.receipts: left out, it is claimed singular, but a row matches up to 8",
        "",
    ),
    "not always": (
        edit("relationships 0", "always matches", True),
        "shops.receipts: left out, it is claimed always to match, but 5 rows match none",
        "",
    ),
    "keys of two kinds": (
        edit("relationships 0", "keys", {"key": ["code"]}),
        "shops.receipts: left out, it compares a number (key) with a text (code)",
        "",
    ),
}


@pytest.mark.parametrize("case", FALSE)
def test_what_the_database_contradicts_is_left_out(read: Read, case: str) -> None:
    change, note, gone = FALSE[case]
    model = read(change)
    assert len(left_out(model)) == 1
    assert left_out(model)[0].startswith(note)
    assert "\n" not in left_out(model)[0]
    assert (gone in model.collections) == (not gone) or not gone
    name = note.split(":")[0]
    if "." in name:
        whole = model.collections[name.split(".")[0]]
        assert name.split(".")[1] not in {*whole.columns, *whole.links}
    elsewhere = {link.child for one in model.collections.values() for link in one.links.values()}
    assert elsewhere <= {*model.collections}


def test_a_link_falls_with_its_property(read: Read) -> None:
    model = read(edit("collections 1 properties 1", "column name", "shop"))
    assert left_out(model) == [
        "receipts.shop_key: left out, its column shop does not exist",
        "shops.receipts: left out, it needs key of shops and shop_key of receipts",
        "receipts.shop: left out, it needs shop_key of receipts and key of shops",
    ]


def test_only_equal_properties_are_followed(read: Read) -> None:
    def general(graph: dict[str, Any]) -> None:
        graph["relationships"][0] = {
            "type": "general join",
            "name": "later",
            "parent collection": "shops",
            "child collection": "receipts",
            "singular": False,
            "condition": "self.opened < other.paid_at",
        }

    assert left_out(read(general)) == [
        "shops.later: left out, it is a general join, and only equal properties are followed"
    ]


def test_a_view_is_read_like_a_table(read: Read) -> None:
    def view(graph: dict[str, Any]) -> None:
        properties = {"number": ("number", "numeric"), "total": ("total", "numeric")}
        graph["collections"].append(collection("cash", "main.paid", "number", properties))

    cash = read(view).collections["cash"]
    assert (cash.rows, cash.columns["number"].nulls, cash.columns["total"].nulls) == (66, False, True)


def test_states_at_many_days_are_told_by_a_key_with_a_day(read: Read) -> None:
    """What lies in stock on one day and on the next cannot be added."""

    def stock(graph: dict[str, Any]) -> None:
        properties = {"shop": ("shop_id", "numeric"), "counted_on": ("day", "datetime"), "stock": ("stock", "numeric")}
        graph["collections"].append(collection("shelves", "main.shelf", ["shop", "counted_on"], properties))
        graph["collections"].append(collection("shelves_now", "main.shelf_now", "shop", properties))

    extra = """
        CREATE TABLE shelf (shop_id integer, day date, stock integer);
        CREATE TABLE shelf_now (shop_id integer, day date, stock integer);
        INSERT INTO shelf VALUES (1, '2023-01-01', 7), (1, '2023-01-02', 9), (2, '2023-01-01', 4);
        INSERT INTO shelf_now VALUES (1, '2023-01-02', 9), (2, '2023-01-01', 4);
    """
    collections = read(stock, extra).collections
    assert collections["shelves"].columns["stock"].role == "measure"
    assert collections["shelves_now"].columns["stock"].role == "amount"


def test_large_tables_are_sampled(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = read().collections["receipts"].columns
    monkeypatch.setattr(tables, "SAMPLED_ROWS", 150)
    monkeypatch.setattr(tables, "_ROWS_TO_COUNT_DISTINCT", 100)
    sampled = read().collections["receipts"].columns
    for name, column in exact.items():
        assert (sampled[name].low, sampled[name].high, sampled[name].nulls) == (column.low, column.high, column.nulls)
        assert {*sampled[name].values} <= {*column.values} or column.distinct > tables.KEPT_VALUES
    assert sampled["number"].distinct == 200
    assert sampled["kind"].distinct == 2
    assert [column.role for column in sampled.values()] == [column.role for column in exact.values()]


def test_hints_give_roles_units_and_leave_out(read: Read) -> None:
    said = {
        "collections": {"clerks": {"skip": True}},
        "columns": {"receipts.total": {"role": "measure", "unit": "money"}, "receipts.kind": {"role": "code"}},
    }
    model = read(hints=said)
    assert [*model.collections] == ["shops", "receipts"]
    assert [*model.collections["receipts"].links] == ["shop"]
    total, kind = model.collections["receipts"].columns["total"], model.collections["receipts"].columns["kind"]
    assert (total.role, total.unit, kind.role) == ("measure", "money", "code")
    assert left_out(model) == []


@pytest.mark.parametrize(
    ("column", "role", "kind"),
    [("shops.name", "amount", "text"), ("receipts.kind", "date", "text"), ("receipts.total", "flag", "number")],
)
def test_a_hinted_role_must_fit(read: Read, column: str, role: str, kind: str) -> None:
    with pytest.raises(
        UserError, match=rf"hints\.json: columns > {column} > role: '{role}' does not fit a {kind} column"
    ):
        read(hints={"columns": {column: {"role": role}}})


def test_sqlite_tells_values_of_another_type_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SAMPLED_ROWS", 10)
    path, file = tmp_path / "town.json", tmp_path / "town.sqlite"
    path.write_text(json.dumps([town()]))
    with sqlite3.connect(file) as connection:
        connection.executescript(
            statements("boolean", "1", "0") + "UPDATE receipt SET total = '' WHERE number IN (3, 7);"
        )
    connection.close()
    model = read_model(DatabaseEntry("town", path, "TOWN", file_url("sqlite", file)))
    assert left_out(model) == ["receipts.total: left out, it is claimed to be numeric, but 2 values are not"]


def test_what_is_missing_is_noted(read: Read) -> None:
    but = "but the database allows some, so that made data has some, on which more programs differ"
    assert [note for note in read().notes if "description" not in note] == [
        f"shops: no null in opened, size, is_open, {but}",
        f"receipts: no null in paid_at, total, {but}",
        "no synonyms of shops, receipts, clerks, so that questions always call them the same",
    ]

    def poor(graph: dict[str, Any]) -> None:
        graph["collections"] = graph["collections"][2:]
        graph["collections"][0]["properties"][1]["name"] = "team_id"
        graph["relationships"] = []

    assert list(read(poor).notes) == [
        "no property is a date, so that no question is about time",
        "no property is a number to sum or to average, so that questions can only count",
        "no relationship can be followed, so that each question is about one collection alone",
        "no synonyms of clerks, so that questions always call them the same",
        "clerks: no description, so that it is called by its name alone",
        "clerks: no description of key, team_id, badge, called by their names alone",
        "clerks: no property is a name; its rows are told apart by key",
        "clerks.team_id: seems to refer to something, but no relationship stands on it",
    ]


def test_days_as_text_and_lonely_collections_are_noted(read: Read) -> None:
    def change(graph: dict[str, Any]) -> None:
        graph["collections"][0]["properties"].append(
            {"name": "founded", "type": "table column", "column name": "founded", "data type": "string"}
        )
        graph["relationships"] = graph["relationships"][:2]

    extra = "ALTER TABLE shop ADD COLUMN founded varchar(10); UPDATE shop SET founded = '200' || (id % 9) || '-05-01';"
    notes = read(change, extra).notes
    assert "no relationship leads to or from clerks" in notes
    assert "shops.founded: holds days as text, so that it is no date" in notes


def test_a_graph_that_pydough_refuses_is_told(read: Read) -> None:
    with pytest.raises(UserError, match="PyDough refuses graph TOWN"):
        read(edit("collections 0", "unique properties", ["nobody"]))
