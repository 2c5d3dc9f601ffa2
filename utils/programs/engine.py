"""Compile a PyDough program to SQL and run SQL read-only. Import it in a worker: it loads PyDough.

`compile_program` executes the program, so callers check it with `allowlist.check_program` first,
or go through `proof`, which does.
"""

from __future__ import annotations

import builtins
import time
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pydough
from pydough.configs import DayOfWeek, DivisionByZeroBehavior, PyDoughConfigs, PyDoughSession
from pydough.unqualified import UnqualifiedRoot

from utils.core.console import UserError
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import connect_read_only, dialect_of
from utils.programs.allowlist import SAFE_BUILTINS
from utils.programs.clock import Dialect, pin_clock, program_modules

MAX_RESULT_ROWS = 250_000
_SQLITE_OPCODES_BETWEEN_CHECKS = 20_000
_LIBRARY_IMPORTS = frozenset({"time", "_strptime"})  # what strftime and strptime themselves import
_CONFIG_ENUMS = {"start_of_week": DayOfWeek, "division_by_zero": DivisionByZeroBehavior}


class QueryTimeoutError(Exception):
    """A query ran longer than it may."""


class ResultTooLargeError(Exception):
    """A query gave more rows than `MAX_RESULT_ROWS`."""


@dataclass(frozen=True)
class ResultTable:
    """Column names and raw rows of one query, as the database driver gives them."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


@dataclass
class Engine:
    """One database with its graph: compiles programs and runs SQL. Not thread-safe."""

    entry: DatabaseEntry
    dialect: Dialect
    session: PyDoughSession
    connection: Any

    def compile_program(self, program: str) -> str:
        """The SQL of a program, clock pinned. Raises whatever PyDough or the program raises."""
        modules = program_modules(self.entry.now)
        environment = {"datetime": modules["datetime"], "pd": modules["pd"], "__builtins__": _safe_builtins(modules)}
        # PyDough hands a program the whole `pydough` module; this import puts our few functions in its place.
        source = f"import pydough\n{program}"
        node = pydough.from_string(source, answer_variable="result", session=self.session, environment=environment)
        return pin_clock(pydough.to_sql(node, session=self.session), self.dialect, self.entry.now)

    def run_sql(self, sql: str, limit_s: float, max_rows: int = MAX_RESULT_ROWS) -> ResultTable:
        """Run one query; raises QueryTimeoutError, ResultTooLargeError, or the driver's error."""
        cursor = self.connection.cursor()
        deadline = time.monotonic() + limit_s
        if self.dialect == "sqlite":
            self.connection.set_progress_handler(lambda: time.monotonic() > deadline, _SQLITE_OPCODES_BETWEEN_CHECKS)
        try:
            cursor.execute(sql)
            rows = cursor.fetchmany(max_rows + 1)
        except Exception as error:
            if "interrupted" in str(error).lower() and time.monotonic() >= deadline:
                raise QueryTimeoutError(f"query stopped after {limit_s:g} s") from error
            raise
        finally:
            if self.dialect == "sqlite":
                self.connection.set_progress_handler(None, 0)
        if len(rows) > max_rows:
            raise ResultTooLargeError(f"more than {max_rows:,} rows")
        return ResultTable([column[0] for column in cursor.description], rows)

    def pin(self, sql: str) -> str:
        """`sql` with this database's clock."""
        return pin_clock(sql, self.dialect, self.entry.now)


def open_engine(entry: DatabaseEntry) -> Engine:
    """Open a database read-only with its graph; raises UserError on a bad graph, URL or setting."""
    dialect = dialect_of(entry.url)
    session = PyDoughSession()
    try:
        session.metadata = pydough.parse_json_metadata_from_file(str(entry.graph_path), entry.graph_name)
    except Exception as error:
        raise UserError(f"{entry.graph_path}: PyDough refuses the graph: {' '.join(str(error).split())}") from error
    apply_configs(session.config, entry.configs)
    connection = connect_read_only(entry.url)
    if dialect == "sqlite":
        connection.execute("PRAGMA temp_store = MEMORY")  # a worker may write no file, not even to sort
    session.connect_database("sqlite", database=":memory:")  # sets the dialect; queries go through `connection`
    if dialect == "duckdb":
        session.connect_database("duckdb", database=":memory:")
    return Engine(entry, dialect, session, connection)


def apply_configs(config: PyDoughConfigs, settings: dict[str, str]) -> None:
    """Set a PyDough session's configuration from text, such as {"start_of_week": "MONDAY"}."""
    for name, text in settings.items():
        if not isinstance(getattr(PyDoughConfigs, name, None), bool | DayOfWeek | DivisionByZeroBehavior):
            raise UserError(f"--config {name}={text}: PyDough has no such setting; known: {', '.join(config_names())}")
        allowed = [member.name for member in _CONFIG_ENUMS[name]] if name in _CONFIG_ENUMS else ["true", "false"]
        if text.lower() not in [value.lower() for value in allowed]:
            raise UserError(f"--config {name}={text}: expected one of {', '.join(allowed)}")
        setattr(config, name, _CONFIG_ENUMS[name][text.upper()] if name in _CONFIG_ENUMS else text.lower() == "true")


def config_names() -> list[str]:
    """The names of PyDough's session settings."""
    return sorted(
        name
        for name in vars(PyDoughConfigs)
        if isinstance(getattr(PyDoughConfigs, name), bool | DayOfWeek | DivisionByZeroBehavior)
    )


def pydough_version() -> str:
    """The pinned PyDough version that is installed."""
    from importlib.metadata import version

    return version("pydough")


@cache
def _builtin_functions() -> dict[str, Any]:
    return {name: getattr(builtins, name) for name in SAFE_BUILTINS}


def _safe_builtins(modules: dict[str, Any]) -> dict[str, Any]:
    supplied = {
        **modules,
        "pydough": SimpleNamespace(
            range_collection=pydough.range_collection, dataframe_collection=pydough.dataframe_collection
        ),
        # the import that PyDough itself puts before every program
        "pydough.unqualified": SimpleNamespace(UnqualifiedRoot=UnqualifiedRoot),
    }

    def supplied_import(name: str, *_args: Any) -> Any:
        if name in supplied:
            return supplied[name]
        if name in _LIBRARY_IMPORTS:
            return import_module(name)
        raise ImportError(f"import of '{name}' is not allowed")

    return {**_builtin_functions(), "__import__": supplied_import}
