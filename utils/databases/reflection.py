"""The tables of a database as it declares them: columns, keys, foreign keys.

SQLite and PostgreSQL through SQLAlchemy's inspector. DuckDB through its own catalogue functions,
because SQLAlchemy has no dialect of its own for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlalchemy import Inspector, create_engine, inspect
from sqlalchemy.pool import StaticPool
from sqlglot import exp
from sqlglot.errors import SqlglotError

from utils.databases.connect import Dialect

_DRIVER_URLS: dict[Dialect, str] = {"sqlite": "sqlite://", "postgres": "postgresql+psycopg://"}
_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "pg_toast"})


@dataclass(frozen=True)
class DeclaredColumn:
    """A column as declared; `computed` ones cannot be inserted into."""

    name: str
    type: str
    nullable: bool
    computed: bool = False


@dataclass(frozen=True)
class DeclaredForeignKey:
    """`columns` refer to `target_columns` of table `target`."""

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True)
class DeclaredTable:
    """A table as declared; `schema` is "" where the engine's default one is meant.

    `statement` is SQLite's own CREATE TABLE, so that collations, checks and affinities survive; "" elsewhere.
    """

    schema: str
    name: str
    columns: tuple[DeclaredColumn, ...]
    unique: tuple[tuple[str, ...], ...]
    foreign_keys: tuple[DeclaredForeignKey, ...]
    statement: str = ""


@dataclass(frozen=True)
class DeclaredView:
    """A view, as the statement that creates it."""

    name: str
    statement: str

    def query(self, dialect: Dialect) -> exp.Query | None:
        """What the view stands for; None where its statement cannot be read."""
        try:
            created = sqlglot.parse_one(self.statement, read=dialect)
        except SqlglotError:
            return None
        return created.expression if isinstance(created.expression, exp.Query) else None


def reflect(connection: Any, dialect: Dialect) -> tuple[list[DeclaredTable], list[DeclaredView]]:
    """All tables and views behind a DB-API connection, tables in the engine's order."""
    if dialect == "duckdb":
        return _duckdb_tables(connection), _duckdb_views(connection)
    engine = create_engine(_DRIVER_URLS[dialect], creator=_always(connection), poolclass=StaticPool)
    inspector = inspect(engine)
    if dialect == "sqlite":
        statements = _sqlite_statements(connection)
        tables = [_inspected(inspector, None, name, statements[name]) for name in inspector.get_table_names()]
        return tables, [DeclaredView(name, statements[name]) for name in inspector.get_view_names()]
    schemas = [name for name in inspector.get_schema_names() if name not in _SYSTEM_SCHEMAS]
    tables = [_inspected(inspector, schema, name) for schema in schemas for name in inspector.get_table_names(schema)]
    views = [
        DeclaredView(name, f'CREATE VIEW "{name}" AS {inspector.get_view_definition(name, schema)}')
        for schema in schemas
        for name in [*inspector.get_view_names(schema), *inspector.get_materialized_view_names(schema)]
    ]
    return tables, views


def _always(connection: Any) -> Callable[[], Any]:
    return lambda: connection


def _sqlite_statements(connection: Any) -> dict[str, str]:
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view')")
    return {name: sql or "" for name, sql in rows}


def _inspected(inspector: Inspector, schema: str | None, name: str, statement: str = "") -> DeclaredTable:
    primary = tuple(inspector.get_pk_constraint(name, schema)["constrained_columns"])
    unique = [tuple(one["column_names"]) for one in inspector.get_unique_constraints(name, schema)]
    for index in inspector.get_indexes(name, schema):
        names = index["column_names"]
        if index["unique"] and None not in names and not index.get("dialect_options", {}).get("sqlite_where"):
            unique.append(tuple(str(one) for one in names))
    keys = [
        DeclaredForeignKey(
            tuple(key["constrained_columns"]),
            key["referred_table"],
            tuple(key["referred_columns"]) or _primary_key(inspector, key["referred_table"], schema),
        )
        for key in inspector.get_foreign_keys(name, schema)
    ]
    columns = tuple(
        DeclaredColumn(
            column["name"],
            str(column["type"]),
            bool(column["nullable"]) and column["name"] not in primary,
            bool(column.get("computed")),
        )
        for column in inspector.get_columns(name, schema)
    )
    every_key = dict.fromkeys([primary, *unique] if primary else unique)
    return DeclaredTable(schema or "", name, columns, tuple(every_key), tuple(keys), statement)


def _primary_key(inspector: Inspector, table: str, schema: str | None) -> tuple[str, ...]:
    """What a foreign key without target columns refers to."""
    return tuple(inspector.get_pk_constraint(table, schema)["constrained_columns"])


def _duckdb_views(connection: Any) -> list[DeclaredView]:
    rows = connection.execute(
        "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY view_oid"
    ).fetchall()
    return [DeclaredView(name, sql) for name, sql in rows]


def _duckdb_tables(connection: Any) -> list[DeclaredTable]:
    columns: dict[tuple[str, str], list[DeclaredColumn]] = {}
    for schema, table, name, kind, nullable in connection.execute(
        "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY table_oid, column_index"
    ).fetchall():
        columns.setdefault((schema, table), []).append(DeclaredColumn(name, kind, nullable))
    unique: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    foreign: dict[tuple[str, str], list[DeclaredForeignKey]] = {}
    for schema, table, kind, names, target, target_columns in connection.execute(
        "SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, "
        "referenced_column_names FROM duckdb_constraints()"
    ).fetchall():
        if kind in ("PRIMARY KEY", "UNIQUE"):
            unique.setdefault((schema, table), []).append(tuple(names))
        elif kind == "FOREIGN KEY":
            key = DeclaredForeignKey(tuple(names), target, tuple(target_columns))
            foreign.setdefault((schema, table), []).append(key)
    return [
        DeclaredTable(
            schema, table, tuple(found), tuple(unique.get((schema, table), [])), tuple(foreign.get((schema, table), []))
        )
        for (schema, table), found in columns.items()
    ]
