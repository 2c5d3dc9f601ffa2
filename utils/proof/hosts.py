"""Where instances are while queries run on them: SQLite or DuckDB in memory, temporary tables in PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Protocol

import duckdb
import pandas as pd
import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as SqlDialect
from sqlglot.tokens import TokenType

from utils.databases.connect import DUCKDB_SETTINGS, Dialect, connect_server, dialect_of
from utils.databases.execute import run_query
from utils.databases.inserting import insert_rows
from utils.databases.names import quoted
from utils.databases.profile import DatabaseProfile, Table
from utils.databases.reflection import DeclaredView
from utils.proof.bags import Row
from utils.proof.fuzzing.filling import Rows, stored_columns
from utils.proof.values import canonical_rows


class Host(Protocol):
    """Holds one instance at a time."""

    def load(self, tables: Mapping[str, Rows]) -> None:
        """Forget the last instance and hold this one: rows by lower-case table name."""

    def run(self, sql: str, limit_s: float) -> list[Row]:
        """Canonical rows of a query; raises what `run_query` raises."""

    def close(self) -> None:
        """Leave nothing behind."""


def open_host(url: str, profile: DatabaseProfile) -> Host:
    """A host that speaks the dialect of the database at `url`."""
    dialect = dialect_of(url)
    if dialect == "sqlite":
        return _SqliteHost(profile)
    return _DuckdbHost(profile) if dialect == "duckdb" else _PostgresHost(url, profile)


class _SqliteHost:
    """Tables made by the original's own statements, so that collations, affinities and checks are the same."""

    def __init__(self, profile: DatabaseProfile) -> None:
        self._profile = profile
        self._connection: sqlite3.Connection | None = None
        self._made: set[str] = set()

    def load(self, tables: Mapping[str, Rows]) -> None:
        if self._connection is None or self._made != set(tables):
            self._connection = self._opened(tables)
        connection, self._connection = self._connection, None  # kept only if all goes well
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("BEGIN")
        for name, rows in tables.items():
            table = self._profile.tables[name]
            connection.execute(f"DELETE FROM {quoted(table.name)}")
            columns = ", ".join(map(quoted, stored_columns(table)))
            # what a CHECK refuses is left out
            insert_rows(connection, f"INSERT OR IGNORE INTO {quoted(table.name)} ({columns})", rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA query_only = ON")
        self._connection = connection

    def _opened(self, names: Collection[str]) -> sqlite3.Connection:
        """A database of these tables and of all views; one that was open before is closed."""
        self.close()
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        for name in names:
            connection.execute(self._profile.tables[name].statement)
        for view in self._profile.views:
            connection.execute(view.statement)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._made = set(names)
        return connection

    def run(self, sql: str, limit_s: float) -> list[Row]:
        return canonical_rows(run_query(self._connection, "sqlite", sql, limit_s).rows)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _DuckdbHost:
    """Tables of the original's types; keys are not declared, because the rows keep them already."""

    def __init__(self, profile: DatabaseProfile) -> None:
        self._profile = profile
        self._connection = duckdb.connect(":memory:", config=dict(DUCKDB_SETTINGS))
        self._made: set[str] = set()
        self._views: set[str] = set()

    def load(self, tables: Mapping[str, Rows]) -> None:
        for name in self._made:
            self._connection.execute(f"DELETE FROM {_qualified(self._profile.tables[name])}")
        for name, rows in tables.items():
            table = self._profile.tables[name]
            if name not in self._made:
                if table.schema:
                    self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}")
                self._connection.execute(_create_statement(table, _qualified(table)))
                self._made.add(name)
            columns = stored_columns(table)
            frame = pd.DataFrame(rows, columns=columns, dtype=object)
            self._connection.register("incoming", frame)
            types = {column.name: column.type for column in table.columns}
            casts = ", ".join(f"CAST({quoted(one)} AS {types[one]})" for one in columns)
            self._connection.execute(f"INSERT INTO {_qualified(table)} SELECT {casts} FROM incoming")
            self._connection.unregister("incoming")
        for view in _views_on(self._made, self._profile, "duckdb"):
            if view.name not in self._views:
                self._connection.execute(view.statement)
                self._views.add(view.name)

    def run(self, sql: str, limit_s: float) -> list[Row]:
        return canonical_rows(run_query(self._connection, "duckdb", sql, limit_s).rows)

    def close(self) -> None:
        self._connection.close()


class _PostgresHost:
    """Temporary tables of one session, which hide the real ones of the same name and are gone with it."""

    def __init__(self, url: str, profile: DatabaseProfile) -> None:
        self._profile = profile
        self._connection: Any = connect_server(url, read_only=False)
        self._made: set[str] = set()
        self._views: set[str] = set()

    def load(self, tables: Mapping[str, Rows]) -> None:
        missing = [name for name in tables if name not in self._made]
        if missing:
            self._connection.execute("SET default_transaction_read_only = off")
            for name in missing:
                table = self._profile.tables[name]
                self._connection.execute(_create_statement(table, quoted(table.name), temporary=True))
                if key := _primary_key(table):  # what may be selected beside GROUP BY depends on it
                    added = f"ADD PRIMARY KEY ({', '.join(map(quoted, key))})"
                    self._connection.execute(f"ALTER TABLE pg_temp.{quoted(table.name)} {added}")
                self._made.add(name)
            for view in _views_on(self._made, self._profile, "postgres"):
                if view.name not in self._views:
                    definition = view.query("postgres")
                    assert definition is not None
                    own = self._on_made_tables(definition.sql("postgres"))
                    self._connection.execute(f"CREATE TEMPORARY VIEW {quoted(view.name)} AS {own}")
                    self._views.add(view.name)
            self._connection.execute("SET default_transaction_read_only = on")  # temporary tables may still be filled
        for name in self._made:
            self._connection.execute(f"DELETE FROM pg_temp.{quoted(self._profile.tables[name].name)}")
        with self._connection.cursor() as cursor:
            for name, rows in tables.items():
                table = self._profile.tables[name]
                columns = ", ".join(map(quoted, stored_columns(table)))
                with cursor.copy(f"COPY pg_temp.{quoted(table.name)} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)

    def run(self, sql: str, limit_s: float) -> list[Row]:
        return canonical_rows(run_query(self._connection, "postgres", self._on_made_tables(sql), limit_s).rows)

    def _on_made_tables(self, sql: str) -> str:
        """SQL that reads temporary tables; raises LookupError where it would read others, which hold other data."""
        made = frozenset([*self._made, *(name.lower() for name in self._views)])
        if unknown := _relations(sql, "postgres") - made:
            raise LookupError(f"reads {', '.join(sorted(unknown))}, of which there is no made data")
        return without_schemas(sql, made)

    def close(self) -> None:
        self._connection.close()


@lru_cache(maxsize=500)
def _relations(sql: str, dialect: Dialect) -> frozenset[str]:
    """The tables and views that a query reads, in lower case, without its own WITH names."""
    query = sqlglot.parse_one(sql, read=dialect)
    own = {one.alias.lower() for one in query.find_all(exp.CTE)}
    return frozenset(one.name.lower() for one in query.find_all(exp.Table) if one.name and one.name.lower() not in own)


def _views_on(made: Collection[str], profile: DatabaseProfile, dialect: Dialect) -> Iterator[DeclaredView]:
    """The views that read made tables, and views on such, only; each after those that it reads."""
    known = set(made)
    for _ in profile.views:
        for view in profile.views:
            query = view.query(dialect)
            if query is None or view.name.lower() in known:
                continue
            if _relations(query.sql(dialect), dialect) <= known:
                known.add(view.name.lower())
                yield view


def without_schemas(sql: str, tables: Collection[str]) -> str:
    """SQL in which `schema.table` is `table`, so that temporary tables are found first.

    Example: `SELECT s.name FROM public.shop AS s` becomes `SELECT s.name FROM shop AS s`.
    """
    known = {name.lower() for name in tables}
    tokens = SqlDialect.get_or_raise("postgres").tokenize(sql)
    cuts = []
    for index in range(len(tokens) - 2):
        schema, dot, name = tokens[index : index + 3]
        starts = index == 0 or tokens[index - 1].token_type != TokenType.DOT
        reads = index > 0 and tokens[index - 1].token_type in (TokenType.FROM, TokenType.JOIN, TokenType.COMMA)
        if starts and reads and dot.token_type == TokenType.DOT and name.text.lower() in known:
            cuts.append((schema.start, name.start))
    for start, end in reversed(cuts):
        sql = sql[:start] + sql[end:]
    return sql


def _create_statement(table: Table, name: str, temporary: bool = False) -> str:
    columns = ", ".join(f"{quoted(one.name)} {one.type}" for one in table.columns if not one.computed)
    return f"CREATE {'TEMPORARY ' if temporary else ''}TABLE {name} ({columns})"


def _primary_key(table: Table) -> tuple[str, ...]:
    """The first key without nulls, such as a primary key; () where there is none."""
    nullable = {column.name for column in table.columns if column.nullable}
    return next((key for key in table.unique if not nullable & set(key)), ())


def _qualified(table: Table) -> str:
    return f"{quoted(table.schema)}.{quoted(table.name)}" if table.schema else quoted(table.name)
