"""A database with its graph in this very process: for programs and SQL that are our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydough.configs import PyDoughSession

from utils.core.console import UserError
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import Dialect, connect_read_only, dialect_of
from utils.databases.execute import MAX_RESULT_ROWS, ResultTable, run_query
from utils.programs.clock import pin_clock
from utils.programs.compile import GraphCompiler


@dataclass
class Engine:
    """Compiles programs and runs SQL. Not thread-safe."""

    entry: DatabaseEntry
    dialect: Dialect
    compiler: GraphCompiler
    connection: Any

    @property
    def session(self) -> PyDoughSession:
        """PyDough's session."""
        return self.compiler.session

    def compile_program(self, program: str) -> str:
        """The SQL of a program, clock pinned. Raises whatever PyDough or the program raises."""
        return self.pin(self.compiler.compile(program, self.entry.now))

    def run_sql(self, sql: str, limit_s: float, max_rows: int = MAX_RESULT_ROWS) -> ResultTable:
        """Run one query; raises QueryTimeoutError, ResultTooLargeError, or the driver's error."""
        return run_query(self.connection, self.dialect, sql, limit_s, max_rows)

    def pin(self, sql: str) -> str:
        """`sql` with this database's clock."""
        return pin_clock(sql, self.dialect, self.entry.now)


def open_engine(entry: DatabaseEntry) -> Engine:
    """Open a database read-only with its graph; raises UserError on a bad graph, URL or setting."""
    dialect = dialect_of(entry.url)
    compiler = open_compiler(entry, dialect)
    return Engine(entry, dialect, compiler, connect_read_only(entry.url))


def open_compiler(entry: DatabaseEntry, dialect: Dialect) -> GraphCompiler:
    """A compiler on an entry's graph; raises UserError where the graph cannot be read or is refused."""
    try:
        text = entry.graph_path.read_text(encoding="utf-8")
        return GraphCompiler(text, entry.graph_name, dialect, entry.configs)
    except (UserError, OSError, UnicodeDecodeError, ValueError) as error:
        told = str(error) if isinstance(error, UserError) else f"cannot be read ({error})"
        raise UserError(told if told.startswith("--config") else f"{entry.graph_path}: {told}") from error
