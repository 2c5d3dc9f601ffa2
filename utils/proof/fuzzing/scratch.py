"""Constant SQL and conditions on rows, evaluated by an empty database in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import duckdb
import pandas as pd
import sqlglot
from sqlglot.errors import SqlglotError

from utils.databases.connect import Dialect
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

    def value(self, expression: str) -> Constant | None:
        """What constant SQL gives; None when it cannot be evaluated."""
        if expression not in self._values:
            try:
                found = self._connection.execute(self._translated(f"SELECT {expression}")).fetchone()[0]
            except _ERRORS:
                found = None
            self._values[expression] = plain_value(found)
        return self._values[expression]

    def truth(
        self, names: Sequence[str], rows: Sequence[tuple[Value, ...]], conditions: Sequence[str]
    ) -> list[list[Any]]:
        """For each condition a list: does row i meet it. What cannot be evaluated counts as met."""
        self._load(names, rows)
        together = self._evaluated(conditions)
        if together is not None:
            return [list(column) for column in zip(*together, strict=True)] if together else [[] for _ in conditions]
        answers = []
        for condition in conditions:
            found = self._evaluated([condition])
            answers.append([row[0] for row in found] if found is not None else [True] * len(rows))
        return answers

    def _load(self, names: Sequence[str], rows: Sequence[tuple[Value, ...]]) -> None:
        lowered = [name.lower() for name in names]
        if self._dialect != "sqlite":
            self._connection.register("raw", pd.DataFrame(list(rows), columns=lowered))
            return
        columns = ", ".join(f'"{name}"' for name in lowered)
        self._connection.execute("DROP TABLE IF EXISTS raw")
        self._connection.execute(f"CREATE TABLE raw ({columns})")
        self._connection.executemany(f"INSERT INTO raw VALUES ({', '.join('?' * len(names))})", rows)

    def _evaluated(self, conditions: Sequence[str]) -> list[tuple[Any, ...]] | None:
        listed = ", ".join(f"({condition})" for condition in conditions)
        try:
            return self._connection.execute(self._translated(f"SELECT {listed} FROM raw")).fetchall()
        except _ERRORS:
            return None

    def _translated(self, sql: str) -> str:
        return sqlglot.transpile(sql, read="postgres", write="duckdb")[0] if self._dialect == "postgres" else sql
