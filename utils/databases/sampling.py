"""A bounded part of a table, from all over it and the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from utils.databases.connect import Dialect
from utils.databases.names import quoted

Stored = Literal["table", "without rowid", "view"]


def stored_as(statement: str) -> Stored:
    """How a table is stored whose CREATE TABLE of SQLite is `statement` ("" elsewhere)."""
    return "without rowid" if "without rowid" in statement.lower() else "table"


def sample_sql(source: str, columns: Sequence[str], rows: int, wanted: int, dialect: Dialect, stored: Stored) -> str:
    """The SELECT of `columns` for up to `wanted` of the `rows` rows of `source`, which is quoted.

    Of views on a server, and of SQLite's views and tables without rowid, the first rows stand for all.
    """
    select = f"SELECT {', '.join(map(quoted, columns))} FROM {source}"
    if rows <= wanted:
        return select
    if dialect == "duckdb":
        return f"{select} USING SAMPLE reservoir({wanted} ROWS) REPEATABLE (1)"
    if dialect == "postgres" and stored != "view":
        share = min(100.0, 150.0 * wanted / rows)
        return f"{select} TABLESAMPLE BERNOULLI ({share}) REPEATABLE (1) LIMIT {wanted}"
    if dialect == "sqlite" and stored == "table":
        # a step through the rows would see a single case of what repeats every few rows
        scattered = "((rowid % 2147483647) * 2654435761 % 4294967296 >> 8)"
        return f"{select} WHERE {scattered} % {rows // wanted} = 0 LIMIT {wanted}"
    return f"{select} LIMIT {wanted}"
