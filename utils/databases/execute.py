"""Run one query on a read-only connection, with limits on time and on the size of its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from utils.databases.connect import Dialect

MAX_RESULT_ROWS = 250_000
_SQLITE_OPCODES_BETWEEN_CHECKS = 20_000


class QueryTimeoutError(Exception):
    """A query ran longer than it may."""


class ResultTooLargeError(Exception):
    """A query gave more rows than `MAX_RESULT_ROWS`."""


@dataclass(frozen=True)
class ResultTable:
    """Column names and raw rows of one query, as the database driver gives them."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def run_query(
    connection: Any, dialect: Dialect, sql: str, limit_s: float, max_rows: int = MAX_RESULT_ROWS
) -> ResultTable:
    """Run one query; raises QueryTimeoutError, ResultTooLargeError, or the driver's error."""
    started = time.monotonic()
    try:
        with _stopped_after(connection, dialect, limit_s), _cursor(connection, dialect) as cursor:
            cursor.execute(sql)
            rows = cursor.fetchmany(max_rows + 1)
            columns = [column[0] for column in cursor.description]
    except Exception as error:
        if time.monotonic() - started >= limit_s and _is_interruption(error):
            raise QueryTimeoutError(f"query stopped after {limit_s:g} s") from error
        raise
    if len(rows) > max_rows:
        raise ResultTooLargeError(f"more than {max_rows:,} rows")
    return ResultTable(columns, rows)


@contextmanager
def _cursor(connection: Any, dialect: Dialect) -> Iterator[Any]:
    """A cursor; on a server one that holds back the rows nobody fetches."""
    if dialect != "postgres":
        yield connection.cursor()
        return
    with connection.transaction(), connection.cursor(name="answer") as cursor:
        yield cursor


def _is_interruption(error: Exception) -> bool:
    return any(word in str(error).lower() for word in ("interrupt", "statement timeout"))


@contextmanager
def _stopped_after(connection: Any, dialect: Dialect, limit_s: float) -> Iterator[None]:
    if dialect == "sqlite":
        deadline = time.monotonic() + limit_s
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _SQLITE_OPCODES_BETWEEN_CHECKS)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)
    elif dialect == "duckdb":
        timer = threading.Timer(limit_s, connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
    else:
        connection.execute(f"SET statement_timeout = {int(limit_s * 1000)}")
        yield
