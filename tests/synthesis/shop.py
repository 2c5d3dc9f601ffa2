"""A small shop with everything that makes SQL go wrong: nulls, orphans, childless parents, duplicates and ties."""

from __future__ import annotations

import datetime
import sqlite3
from typing import Any

import duckdb

from utils.databases.connect import Dialect
from utils.synthesis.intent import Constant, Expression, Field, Path
from utils.synthesis.model import Collection, Column, Link, Model

Data = dict[str, list[dict[str, Any]]]

# collection: table, key, {property: (column, type, null allowed)}
_TABLES: dict[str, tuple[str, tuple[str, ...], dict[str, tuple[str, str, bool]]]] = {
    "owners": (
        "tblOwner",
        ("id",),
        {
            "id": ("owner_no", "INTEGER", False),
            "name": ("ownName", "TEXT", False),
            "state": ("state", "TEXT", True),
            "rating": ("rating", "INTEGER", True),
            "joined": ("joined", "DATE", True),
            "active": ("is active", "BOOLEAN", True),
        },
    ),
    "items": (
        "items",
        ("id",),
        {
            "id": ("id", "INTEGER", False),
            "owner_id": ("owner_no", "INTEGER", True),
            "name": ("name", "TEXT", True),
            "kind": ("group", "TEXT", True),
            "price": ("price", "REAL", True),
            "quantity": ("quantity", "INTEGER", True),
            "bought": ("bought", "TIMESTAMP", True),
        },
    ),
    "parts": (
        "main.part",
        ("id",),
        {
            "id": ("id", "INTEGER", False),
            "item_id": ("item", "INTEGER", True),
            "maker_id": ("maker", "INTEGER", True),
            "cost": ("cost", "REAL", True),
            "made": ("made", "DATE", True),
        },
    ),
    "makers": (
        "makers",
        ("id",),
        {"id": ("id", "INTEGER", False), "name": ("name", "TEXT", False), "country": ("country", "TEXT", True)},
    ),
    "reviews": (
        "reviews",
        ("id",),
        {
            "id": ("id", "INTEGER", False),
            "item_id": ("item_id", "INTEGER", False),
            "owner_id": ("owner_id", "INTEGER", True),
            "stars": ("stars", "INTEGER", True),
        },
    ),
}
# (parent, name, child, keys, singular)
_LINKS = [
    ("owners", "items", "items", (("id", "owner_id"),), False),
    ("items", "owner", "owners", (("owner_id", "id"),), True),
    ("items", "parts", "parts", (("id", "item_id"),), False),
    ("parts", "item", "items", (("item_id", "id"),), True),
    ("parts", "maker", "makers", (("maker_id", "id"),), True),
    ("makers", "parts", "parts", (("id", "maker_id"),), False),
    ("items", "reviews", "reviews", (("id", "item_id"), ("owner_id", "owner_id")), False),
]
_KINDS = {"INTEGER": "number", "REAL": "number", "TEXT": "text", "DATE": "date", "TIMESTAMP": "date", "BOOLEAN": "flag"}
_TYPES = {"REAL": {"sqlite": "REAL", "duckdb": "DECIMAL(10, 2)", "postgres": "DOUBLE PRECISION"}}


def _model() -> Model:
    collections = {}
    for name, (table, key, properties) in _TABLES.items():
        columns = {
            one: Column(name, one, column, _KINDS[data_type], "code", nulls=nulls, time=data_type == "TIMESTAMP")  # type: ignore[arg-type]
            for one, (column, data_type, nulls) in properties.items()
        }
        links = {
            one: Link(parent, one, child, keys, single, optional=True)
            for parent, one, child, keys, single in _LINKS
            if parent == name
        }
        collections[name] = Collection(name, table, key, 0, columns=columns, links=links)
    return Model("shop", collections)


MODEL = _model()


def path(source: str, *links: str) -> Path:
    """Links by name, one after the other."""
    found: list[Link] = []
    for name in links:
        found.append(MODEL.collections[found[-1].child if found else source].links[name])
    return tuple(found)


def at(source: str, *names: str) -> Field:
    """A field: names of links, then of the column."""
    links = path(source, *names[:-1])
    return Field(links, MODEL.end(MODEL.collections[source], links).columns[names[-1]])


def constant(value: Any) -> Expression:
    """A constant of the kind that its type tells; a date is a day."""
    if isinstance(value, datetime.date):
        return Constant(value.isoformat(), "day")
    return Constant(value, "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number")


def create(dialect: Dialect) -> list[str]:
    """The statements that create the tables."""
    statements = []
    for table, _, properties in _TABLES.values():
        columns = ", ".join(
            f'"{column}" {_TYPES.get(kind, {}).get(dialect, kind)}' for column, kind, _ in properties.values()
        )
        statements.append(f"CREATE TABLE {_quoted(table)} ({columns})")
    return statements


def inserts(data: Data, dialect: Dialect) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """INSERT statements with their rows; SQLite keeps dates as text."""
    found = []
    for name, (table, _, properties) in _TABLES.items():
        rows = [tuple(_stored(row[one], dialect) for one in properties) for row in data[name]]
        mark = "%s" if dialect == "postgres" else "?"
        if rows:
            found.append((f"INSERT INTO {_quoted(table)} VALUES ({', '.join([mark] * len(properties))})", rows))
    return found


def _quoted(table: str) -> str:
    return f'"{table.removeprefix("main.")}"'


def _stored(value: Any, dialect: Dialect) -> Any:
    if dialect == "sqlite" and isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    return value.isoformat() if dialect == "sqlite" and isinstance(value, datetime.date) else value


def sqlite_shop(data: Data) -> sqlite3.Connection:
    """The data in SQLite, in memory."""
    connection = sqlite3.connect(":memory:")
    for statement in create("sqlite"):
        connection.execute(statement)
    for statement, rows in inserts(data, "sqlite"):
        connection.executemany(statement, rows)
    return connection


class DuckShop:
    """DuckDB in memory, filled anew for each data: making tables is what takes its time."""

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        """A new database with empty tables."""
        self.connection = duckdb.connect()
        for statement in create("duckdb"):
            self.connection.execute(statement)

    def fill(self, data: Data) -> duckdb.DuckDBPyConnection:
        """Replace what is in the tables."""
        for table, _, _ in _TABLES.values():
            self.connection.execute(f"DELETE FROM {_quoted(table)}")
        for statement, rows in inserts(data, "duckdb"):
            values = ", ".join("(" + ", ".join(_literal(cell) for cell in row) + ")" for row in rows)
            self.connection.execute(statement[: statement.index("VALUES")] + "VALUES " + values)
        return self.connection


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, bool | int | float) else "'" + str(value).replace("'", "''") + "'"
