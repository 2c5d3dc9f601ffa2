"""What a graph claims of a database, tested by set-based SQL: one line for every claim that is false."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from utils.databases.connect import Dialect
from utils.databases.graph_relations import Graph, Relationship, relationships_of
from utils.databases.names import quoted

_DUCKDB_TYPES = {
    "numeric": (
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "DOUBLE", "FLOAT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    ),
    "string": ("VARCHAR", "ENUM", "UUID"),
    "datetime": ("DATE", "TIMESTAMP", "TIME"),
    "bool": ("BOOLEAN",),
}
SQLITE_MISFITS = {  # conditions that a stored value of the type never meets
    "numeric": "typeof({0}) NOT IN ('integer', 'real', 'null')",
    "string": "typeof({0}) NOT IN ('text', 'null')",
    "datetime": "{0} IS NOT NULL AND (typeof({0}) <> 'text' OR datetime({0}) IS NULL)",
    "bool": "{0} NOT IN (0, 1)",
}


@dataclass(frozen=True)
class Findings:
    """False claims, relationships that SQL cannot test, and how many claims were tested."""

    violations: list[str]
    unchecked: list[str]
    tested: int


@dataclass(frozen=True)
class _Source:
    """A collection whose table exists: its quoted table and the quoted column of each property."""

    name: str
    table: str
    columns: dict[str, str]

    def has(self, properties: Any) -> bool:
        return all(one in self.columns for one in properties)


class _Checker:
    """Runs the tests of one graph and keeps count."""

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect
        self.tested = 0

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def _count(self, sql: str) -> int:
        self.tested += 1
        return int(self._rows(sql)[0][0] or 0)

    def source(self, collection: dict[str, Any]) -> tuple[_Source | None, list[str]]:
        """The collection's table and columns, and what of them does not exist."""
        where = f"collection {collection['name']}"
        table = ".".join(quoted(part.strip('"`')) for part in collection["table path"].split("."))
        self.tested += 1
        try:
            cursor = self._connection.execute(f"SELECT * FROM {table} LIMIT 0")
        except (sqlite3.Error, duckdb.Error):
            return None, [f"{where}: table {collection['table path']} does not exist or cannot be read"]
        present = {column[0].lower(): column[0] for column in cursor.description}
        columns: dict[str, str] = {}
        missing = []
        for item in collection.get("properties", []):
            self.tested += 1
            found = present.get(item["column name"].strip('"`').lower())
            if found is None:
                missing.append(f"{where}: '{item['name']}' reads column {item['column name']}, which does not exist")
            else:
                # SQLite takes "name" for a text where no such column exists, so names come from its own answers
                columns[item["name"]] = quoted(found)
        return _Source(collection["name"], table, columns), missing

    def unique(self, source: _Source, key: list[str]) -> Iterator[str]:
        """The claim that no two rows agree in `key`, nulls aside."""
        if not source.has(key):
            return
        columns = [source.columns[one] for one in key]
        repeated = self._count(f"SELECT COUNT(*) FROM ({_groups(source, columns)} HAVING COUNT(*) > 1) AS repeated")
        if repeated:
            what = f"'{key[0]}' is" if len(key) == 1 else f"{tuple(key)} are together"
            yield f"collection {source.name}: {what} claimed unique, but {repeated} values occur more than once"

    def singular(self, relationship: Relationship, parent: _Source, child: _Source) -> Iterator[str]:
        """The claim that no parent row has more than one match."""
        matches = f"{_groups(child, [child.columns[key] for _, key in relationship.keys])} HAVING COUNT(*) > 1"
        violating = self._count(
            f"SELECT COUNT(*) FROM {parent.table} AS p JOIN ({matches}) AS m ON {_on(relationship, parent, child)}"
        )
        if violating:
            yield (
                f"relationship {parent.name}.{relationship.name}: is claimed singular, but {violating} rows of "
                f"{parent.name} match more than one row of {child.name}"
            )

    def always(self, relationship: Relationship, parent: _Source, child: _Source) -> Iterator[str]:
        """The claim that every parent row has a match."""
        columns = [child.columns[key] for _, key in relationship.keys]
        lonely = self._count(
            f"SELECT COUNT(*) FROM {parent.table} AS p LEFT JOIN ({_groups(child, columns)}) AS m "
            f"ON {_on(relationship, parent, child)} WHERE m.{columns[0]} IS NULL"
        )
        if lonely:
            yield (
                f"relationship {parent.name}.{relationship.name}: is claimed always to match, but {lonely} rows of "
                f"{parent.name} match no row of {child.name}"
            )

    def samples(self, source: _Source, item: dict[str, Any]) -> Iterator[str]:
        """The sample values, which should occur."""
        column = source.columns[item["name"]]
        absent = []
        for value in item.get("sample values", []):
            self.tested += 1
            wanted = value if isinstance(value, int | float) else str(value)
            compared = f"CAST({column} AS VARCHAR)" if self._dialect == "duckdb" and isinstance(wanted, str) else column
            if not self._rows(f"SELECT 1 FROM {source.table} WHERE {compared} = ? LIMIT 1", (wanted,)):
                absent.append(repr(value))
        if absent:
            yield f"collection {source.name}: '{item['name']}' has sample values that do not occur: {', '.join(absent)}"

    def data_type(self, source: _Source, item: dict[str, Any]) -> Iterator[str]:
        """The data type, as far as stored values tell."""
        column, claimed = source.columns[item["name"]], item["data type"]
        if claimed not in SQLITE_MISFITS:
            return
        where = f"collection {source.name}: '{item['name']}' is claimed to be {claimed}"
        if self._dialect == "sqlite":
            misfit = SQLITE_MISFITS[claimed].format(column)
            count = self._count(f"SELECT COUNT(*) FROM {source.table} WHERE {misfit}")
            if count:
                example = self._rows(f"SELECT {column} FROM {source.table} WHERE {misfit} LIMIT 1")[0][0]
                yield f"{where}, but {count} values are not, such as {example!r}"
            return
        self.tested += 1
        stored = str(self._connection.execute(f"SELECT {column} FROM {source.table} LIMIT 0").description[0][1])
        if not stored.startswith(_DUCKDB_TYPES[claimed]):
            yield f"{where}, but its column is {stored}"


def check_claims(graph: Graph, connection: Any, dialect: Dialect) -> Findings:
    """Test everything a graph (which PyDough accepts) claims of the database behind `connection`."""
    checker = _Checker(connection, dialect)
    violations: list[str] = []
    unchecked: list[str] = []
    sources: dict[str, _Source] = {}
    for collection in graph["collections"]:
        source, missing = checker.source(collection)
        violations += missing
        if source is None:
            continue
        sources[source.name] = source
        for key in collection.get("unique properties", []):
            violations += checker.unique(source, [key] if isinstance(key, str) else key)
        for item in collection.get("properties", []):
            if source.has([item["name"]]):
                violations += [*checker.data_type(source, item), *checker.samples(source, item)]
    for relationship in relationships_of(graph):
        if not relationship.keys:
            unchecked.append(f"relationship {relationship.parent}.{relationship.name}: {relationship.kind}, not tested")
            continue
        parent, child = sources.get(relationship.parent), sources.get(relationship.child)
        if parent is None or child is None:
            continue
        if parent.has(key for key, _ in relationship.keys) and child.has(key for _, key in relationship.keys):
            if relationship.singular:
                violations += checker.singular(relationship, parent, child)
            if relationship.always_matches:
                violations += checker.always(relationship, parent, child)
    return Findings(violations, unchecked, checker.tested)


def _groups(source: _Source, columns: list[str]) -> str:
    names = ", ".join(columns)
    present = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    return f"SELECT {names} FROM {source.table} WHERE {present} GROUP BY {names}"


def _on(relationship: Relationship, parent: _Source, child: _Source) -> str:
    return " AND ".join(f"p.{parent.columns[left]} = m.{child.columns[right]}" for left, right in relationship.keys)
