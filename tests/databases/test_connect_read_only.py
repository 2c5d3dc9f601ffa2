import sqlite3

import duckdb
import pytest

from utils.core.console import UserError
from utils.databases.catalog import built_in_entries, file_url
from utils.databases.connect import connect_read_only, database_fingerprint, dialect_of

WRITES = [
    "CREATE TABLE x (a INTEGER)",
    "DELETE FROM sbCustomer",
    "UPDATE sbCustomer SET sbCustName = 'x'",
    "INSERT INTO sbTicker SELECT * FROM sbTicker",
    "DROP TABLE sbTransaction",
    "ATTACH '{new}' AS other",
]
SQLITE_WRITES = [*WRITES, "VACUUM INTO '{new}'", "CREATE TEMP TABLE x (a INTEGER)"]
DUCKDB_WRITES = [
    *WRITES,
    "COPY sbCustomer TO '{new}'",
    "EXPORT DATABASE '{new}'",
    "SET enable_external_access = true",
    "SET threads = 8",
    "SELECT * FROM read_text('/etc/hostname')",
    "INSTALL tpch",
    "LOAD tpch",
]


@pytest.mark.parametrize(
    ("name", "statement"),
    [*(("broker", one) for one in SQLITE_WRITES), *(("broker_duckdb", one) for one in DUCKDB_WRITES)],
)
def test_nothing_can_be_written(built, tmp_path, name, statement):
    url = built_in_entries(built)[name].url
    before = database_fingerprint(url)
    connection = connect_read_only(url)
    try:
        with pytest.raises((sqlite3.Error, duckdb.Error)):
            connection.execute(statement.format(new=tmp_path / "new"))
        assert connection.execute("SELECT COUNT(*) FROM sbCustomer").fetchone() == (269,)
    finally:
        connection.close()
    assert database_fingerprint(url) == before
    assert list(tmp_path.iterdir()) == []


def test_sqlite_stays_read_only_when_asked_not_to(built):
    connection = connect_read_only(built_in_entries(built)["broker"].url)
    connection.execute("PRAGMA query_only = OFF")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM sbCustomer")
    connection.close()


def test_reading_leaves_no_file_behind(built):
    before = sorted(built.databases.iterdir())
    for entry in built_in_entries(built).values():
        connection = connect_read_only(entry.url)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        connection.close()
    assert sorted(built.databases.iterdir()) == before


def test_two_readers_at_once(built):
    for entry in built_in_entries(built).values():
        first, second = connect_read_only(entry.url), connect_read_only(entry.url)
        assert first.execute("SELECT 1").fetchone() == second.execute("SELECT 1").fetchone()
        first.close()
        second.close()


def test_dialect_of():
    assert dialect_of("sqlite:////x.db") == "sqlite"
    assert dialect_of("duckdb:////x.db") == "duckdb"
    assert dialect_of("postgresql://user:secret-word@host/x") == "postgres"
    assert dialect_of("postgresql+psycopg://host/x") == "postgres"
    for url in ("mysql://user:secret-word@host/x", "nonsense"):
        with pytest.raises(UserError) as raised:
            dialect_of(url)
        assert "sqlite:////path" in str(raised.value)
        assert "secret-word" not in str(raised.value)


def test_a_missing_file_names_the_build(tmp_path):
    for engine in ("sqlite", "duckdb"):
        with pytest.raises(UserError, match=r"python -m utils\.databases\.build"):
            connect_read_only(file_url(engine, tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_a_file_of_another_kind_is_told_in_one_line(tmp_path, engine):
    path = tmp_path / "text"
    path.write_text("no database " * 1000)
    with pytest.raises(UserError, match=f"cannot be opened as {engine}") as raised:
        connect_read_only(file_url(engine, path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_url_without_a_file(url):
    with pytest.raises(UserError, match="names no file"):
        connect_read_only(url)


def test_changes_that_are_only_in_the_log_are_not_overlooked(tmp_path):
    path = tmp_path / "live.db"
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE t (a)")
    writer.commit()
    with pytest.raises(UserError, match="not yet in the database file"):
        connect_read_only(file_url("sqlite", path))
    writer.close()  # the last writer moves the log into the file
    reader = connect_read_only(file_url("sqlite", path))
    assert reader.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)
    reader.close()


def test_fingerprint_follows_content_not_place(built, tmp_path):
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes((built.databases / "broker.sqlite").read_bytes())
    url = file_url("sqlite", copy)
    assert database_fingerprint(url) == database_fingerprint(built_in_entries(built)["broker"].url)
    with sqlite3.connect(copy) as connection:
        connection.execute("DELETE FROM sbTransaction WHERE sbTxId = 'TX000001'")
    assert database_fingerprint(url) != database_fingerprint(built_in_entries(built)["broker"].url)
