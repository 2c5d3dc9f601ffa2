"""Read-only connections to SQLite and DuckDB files and PostgreSQL servers, named by a SQLAlchemy URL."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from utils.core.console import UserError, remember_secret
from utils.core.fingerprint import file_fingerprint, fingerprint

if TYPE_CHECKING:
    import duckdb

Dialect = Literal["sqlite", "duckdb", "postgres"]  # as sqlglot calls them
_DIALECT_OF_BACKEND: dict[str, Dialect] = {"sqlite": "sqlite", "duckdb": "duckdb", "postgresql": "postgres"}
_EXPECTED = "sqlite:////path, duckdb:////path or postgresql://user@host/name"
DUCKDB_SETTINGS = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "temp_directory": "",
    "memory_limit": "2GB",
    "threads": "1",
    "lock_configuration": "true",
}


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UserError(f"database URL {url!r}: not a URL; expected {_EXPECTED}") from error
    remember_secret(parsed.password)
    return parsed


def dialect_of(url: str) -> Dialect:
    """The engine behind a URL; raises UserError for any but SQLite, DuckDB and PostgreSQL."""
    backend = _parsed(url).get_backend_name()
    if backend not in _DIALECT_OF_BACKEND:
        raise UserError(f"database URL {backend}://...: cannot be read here; expected {_EXPECTED}")
    return _DIALECT_OF_BACKEND[backend]


def driver_error(dialect: Dialect) -> type[Exception]:
    """What an engine's driver raises for a statement that it cannot run."""
    if dialect == "sqlite":
        return sqlite3.Error
    if dialect == "duckdb":
        import duckdb

        return duckdb.Error
    import psycopg  # half a second that other databases need not wait for

    return psycopg.Error


def is_file(url: str) -> bool:
    """Whether a URL names a file rather than a server."""
    return dialect_of(url) != "postgres"


def database_path(url: str) -> Path:
    """The existing file a URL names; raises UserError where there is none, or where it is being written."""
    dialect_of(url)
    name = _parsed(url).database
    if not name or name == ":memory:":
        raise UserError(f"database URL {url}: names no file; expected a path, such as sqlite:////path/to/file.sqlite")
    path = Path(name).absolute()
    if not path.is_file():
        raise UserError(
            f"{path}: no such database; build ours with `python -m utils.databases.build`, or correct --database"
        )
    log = path.with_name(path.name + "-wal")
    if log.is_file() and log.stat().st_size:
        raise UserError(f"{log}: changes are not yet in the database file; close what writes it, then run again")
    return path


def connect_read_only(url: str) -> Any:
    """A DB-API connection that can change neither this database nor any other file.

    Raises UserError for a missing file or one that the engine cannot open, or a server that does not answer.
    """
    dialect = dialect_of(url)
    if dialect == "postgres":
        return connect_server(url)
    path = database_path(url)
    import duckdb  # 20 MB that a process that only reads URLs needs not

    try:
        return _connect_sqlite(path) if dialect == "sqlite" else _connect_duckdb(path)
    except (sqlite3.Error, duckdb.Error) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be opened as {dialect} ({reason}); check file and URL") from error


def _connect_sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        # mode=ro protects this file only: without a limit, ATTACH and VACUUM INTO would create others
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA temp_store = MEMORY")  # not even sorting writes a file
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _connect_duckdb(path: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(str(path), read_only=True, config=dict(DUCKDB_SETTINGS))


def connect_server(url: str, read_only: bool = True) -> Any:
    """A connection to a PostgreSQL server; raises UserError where it does not answer.

    Each statement is a transaction of its own, so that one error does not spoil the next query.
    """
    import psycopg  # half a second that other databases need not wait for

    parsed = _parsed(url)
    try:
        return psycopg.connect(
            parsed.set(drivername="postgresql").render_as_string(hide_password=False),
            autocommit=True,
            connect_timeout=10,
            options=f"-c default_transaction_read_only={'on' if read_only else 'off'} -c timezone=UTC",
        )
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{parsed.render_as_string()}: cannot be reached ({reason}); check server and URL") from error


def database_fingerprint(url: str) -> str:
    """A hash of engine and file content: equal content, equal hash, wherever the file stands."""
    return fingerprint(dialect_of(url), file_fingerprint(database_path(url)))
