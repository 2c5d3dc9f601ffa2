"""Constant SQL and conditions on rows, evaluated by an empty database in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pandas as pd
import sqlglot
from sqlglot.errors import SqlglotError

from utils.databases.connect import Dialect
from utils.databases.inserting import insert_rows
from utils.databases.profile import Value, plain_value
from utils.proof.fuzzing.facts import Constant

_ERRORS = (sqlite3.Error, duckdb.Error, SqlglotError)


class Scratch:
    """Evaluates SQL of one dialect: SQLite's by SQLite, others' by DuckDB.

    What cannot be evaluated is left out: data is then less telling, not wrong.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._connection: Any = sqlite3.connect(":memory:") if dialect == "sqlite" else duckdb.connect(":memory:")
        self._values: dict[str, Constant | None] = {}
        self._tables: dict[tuple[str, ...], str] = {}  # by their columns

    def value(self, expression: str) -> Constant | None:
        """What constant SQL gives; None when it cannot be evaluated."""
        if expression not in self._values:
            try:
                found = self._connection.execute(self._translated(f"SELECT {expression}")).fetchone()[0]
            except _ERRORS:
                found = None
            self._values[expression] = plain_value(found)
        return self._values[expression]

    def truth(self, columns: Mapping[str, Sequence[Value]], conditions: Sequence[str]) -> dict[str, Sequence[Any]]:
        """For each condition: does row i of the columns meet it. What cannot be evaluated counts as met."""
        text = " ".join(conditions).lower()
        names = [name for name in columns if name.lower() in text] or list(columns)[:1]  # others are not looked at
        rows = list(zip(*(columns[name] for name in names), strict=True))
        table = self._load(tuple(name.lower() for name in names), rows)
        together = self._evaluated(conditions, table)
        if together is not None:
            return dict(zip(conditions, zip(*together, strict=True), strict=True))
        answers: dict[str, Sequence[Any]] = {}
        for condition in conditions:
            found = self._evaluated([condition], table)
            answers[condition] = [row[0] for row in found] if found is not None else [True] * len(rows)
        return answers

    def _load(self, names: tuple[str, ...], rows: Sequence[tuple[Value, ...]]) -> str:
        """The name of a table of these rows alone."""
        if self._dialect != "sqlite":
            self._connection.register("raw", pd.DataFrame(list(rows), columns=list(names)))
            return "raw"
        if names not in self._tables:
            self._tables[names] = f"raw_{len(self._tables)}"
            columns = ", ".join(f'"{name}"' for name in names)
            self._connection.execute(f"CREATE TABLE {self._tables[names]} ({columns})")
        table = self._tables[names]
        self._connection.execute(f"DELETE FROM {table}")
        insert_rows(self._connection, f"INSERT INTO {table}", rows)
        return table

    def _evaluated(self, conditions: Sequence[str], table: str) -> list[tuple[Any, ...]] | None:
        listed = ", ".join(f"({condition})" for condition in conditions)
        try:
            return self._connection.execute(self._translated(f"SELECT {listed} FROM {table} AS raw")).fetchall()
        except _ERRORS:
            return None

    def _translated(self, sql: str) -> str:
        return sqlglot.transpile(sql, read="postgres", write="duckdb")[0] if self._dialect == "postgres" else sql
