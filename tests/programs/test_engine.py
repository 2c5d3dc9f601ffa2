"""Compiling programs and running SQL on the real databases, with settings and limits."""

import contextlib
import json
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from utils.core.console import UserError
from utils.core.paths import WorkDir
from utils.databases.catalog import DatabaseEntry, built_in_entries
from utils.databases.execute import QueryTimeoutError, ResultTooLargeError
from utils.programs.compile import apply_configs, config_names, pydough_version
from utils.programs.engine import Engine, open_engine

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture(scope="module")
def entries(databases: WorkDir) -> dict[str, DatabaseEntry]:
    return built_in_entries(databases)


@pytest.fixture(scope="module")
def sqlite_engine(entries) -> Engine:
    return open_engine(entries["broker"])


@pytest.fixture(scope="module")
def duckdb_engine(entries) -> Engine:
    return open_engine(entries["broker_duckdb"])


@pytest.fixture(params=["sqlite_engine", "duckdb_engine"])
def engine(request) -> Engine:
    return request.getfixturevalue(request.param)


def rows(engine: Engine, program: str):
    return engine.run_sql(engine.compile_program(program), 10.0).rows


def test_a_program_gives_what_sql_gives(engine):
    program = (
        "result = customers.WHERE(country == 'USA').CALCULATE(name, n=COUNT(transactions_made)).ORDER_BY(_id.ASC())"
    )
    sql = (
        "SELECT sbCustName, (SELECT count(*) FROM sbTransaction WHERE sbTxCustId = sbCustId) FROM sbCustomer "
        "WHERE sbCustCountry = 'USA' ORDER BY sbCustId"
    )
    found = rows(engine, program)
    assert found == engine.run_sql(sql, 10.0).rows and len(found) > 10


def test_column_names_come_with_the_rows(engine):
    table = engine.run_sql(engine.compile_program("result = Broker.CALCULATE(how_many=COUNT(tickers))"), 10.0)
    assert (table.columns, len(table.rows)) == (["how_many"], 1)


def test_one_program_leaves_nothing_behind_for_the_next(engine):
    rows(engine, "secret = 3\nCOUNT_ = 4\nresult = customers.TOP_K(secret, by=_id.ASC())")
    with pytest.raises(Exception, match="secret"):
        engine.compile_program("result = customers.CALCULATE(secret)")


def test_compiling_is_deterministic(engine):
    program = "result = customers.PARTITION(name='c', by=country).CALCULATE(country, n=COUNT(customers))"
    assert engine.compile_program(program) == engine.compile_program(program)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("result = customers.CALCULATE(nam)", "nam"),
        ("result = buyers.CALCULATE(name)", "buyers"),
        ("result = customers.CALCULATE(name", "never closed"),
        ("result = 5", "int"),
        ("result = customers.TOP_K(3)", ""),
        ("result = customers.name", ""),
        ("x = 1 / 0\nresult = customers", "division by zero"),
        ("result = customers.CALCULATE(x=FOO(name))", "FOO"),
    ],
)
def test_a_program_at_fault_raises_and_the_engine_lives_on(engine, program, said):
    with pytest.raises(Exception) as caught:
        engine.compile_program(program)
    assert said in str(caught.value)
    assert len(rows(engine, "result = Broker.CALCULATE(n=COUNT(customers))")) == 1


PROBE = (
    "result = Broker.CALCULATE(week=STRING(DATETIME('2023-12-14', 'start of week'), '%Y-%m-%d'), "
    "total=SUM(transactions.WHERE(transaction_type == 'none').shares), "
    "ratio=COUNT(customers) / (COUNT(customers) - COUNT(customers)))"
)


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ({}, ("2023-12-10", 0, None)),
        ({"start_of_week": "MONDAY"}, ("2023-12-11", 0, None)),
        ({"start_of_week": "thursday"}, ("2023-12-14", 0, None)),
        ({"sum_default_zero": "false"}, ("2023-12-10", None, None)),
        ({"division_by_zero": "zero"}, ("2023-12-10", 0, 0)),
        ({"division_by_zero": "NULL", "sum_default_zero": "True"}, ("2023-12-10", 0, None)),
    ],
)
def test_settings_are_applied(entries, configs, expected):
    assert rows(open_engine(replace(entries["broker"], configs=configs)), PROBE) == [expected]


def test_the_built_in_databases_have_their_settings(entries):
    config = open_engine(entries["broker"]).session.config
    assert (config.start_of_week.name, config.division_by_zero.name) == ("MONDAY", "NULL")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("start_of_weak", "MONDAY", "no such setting; known: avg_default_zero, "),
        ("start_of_week", "FUNDAY", "expected one of SUNDAY, MONDAY"),
        ("division_by_zero", "", "expected one of DATABASE, NULL, ZERO"),
        ("sum_default_zero", "maybe", "expected one of true, false"),
        ("__class__", "true", "no such setting"),
        ("__init__", "true", "no such setting"),
    ],
)
def test_other_settings_are_refused(entries, name, value, said):
    with pytest.raises(UserError) as caught:
        open_engine(replace(entries["broker"], configs={name: value}))
    assert str(caught.value).startswith(f"--config {name}={value}: ") and said in str(caught.value)


def test_every_setting_that_is_named_can_be_set(entries):
    config = open_engine(entries["broker"]).session.config
    words = {"start_of_week": "FRIDAY", "division_by_zero": "ZERO"}
    for name in config_names():
        apply_configs(config, {name: words.get(name, "false")})
        assert str(getattr(config, name)).lower().endswith(words.get(name, "false").lower())
    assert {"start_of_week", "division_by_zero", "sum_default_zero"} <= set(config_names())


def test_a_runaway_query_is_stopped_and_the_connection_survives(sqlite_engine):
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError, match=r"query stopped after 0\.3 s"):
        sqlite_engine.run_sql(ENDLESS, 0.3)
    assert 0.3 <= time.monotonic() - started < 3
    time.sleep(0.1)
    assert sqlite_engine.run_sql("SELECT 1", 0.3).rows == [(1,)]


def test_fetching_counts_against_the_limit(sqlite_engine):
    sql = ENDLESS.replace("SELECT count(*) FROM n", "SELECT i FROM n WHERE i % 1000000 = 0")
    with pytest.raises(QueryTimeoutError):
        sqlite_engine.run_sql(sql, 0.3)


def test_an_error_within_the_limit_is_the_databases_own(engine):
    with pytest.raises((sqlite3.Error, duckdb.Error)):
        engine.run_sql("SELECT no_such_column FROM sbCustomer", 10.0)


def test_too_many_rows_are_refused_and_just_enough_are_not(engine):
    count = engine.run_sql("SELECT count(*) FROM sbCustomer", 10.0).rows[0][0]
    assert len(engine.run_sql("SELECT * FROM sbCustomer", 10.0, max_rows=count).rows) == count
    with pytest.raises(ResultTooLargeError, match="more than 1 rows"):
        engine.run_sql("SELECT * FROM sbCustomer", 10.0, max_rows=1)
    with pytest.raises(ResultTooLargeError):
        engine.run_sql("SELECT * FROM sbCustomer", 10.0, max_rows=count - 1)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM sbCustomer",
        "CREATE TABLE x (a int)",
        "CREATE TEMP TABLE x AS SELECT 1 AS a",
        "INSERT INTO sbCustomer (sbCustId) VALUES ('x')",
        "DROP TABLE sbCustomer",
    ],
)
def test_nothing_can_be_changed(engine, statement):
    with contextlib.suppress(sqlite3.Error, duckdb.Error, TypeError):
        engine.run_sql(statement, 10.0)
    assert engine.run_sql("SELECT count(*) > 100 FROM sbCustomer", 10.0).rows == [(True,)]
    found = open_engine(engine.entry).run_sql("SELECT count(*) > 100 FROM sbCustomer", 10.0)
    assert found.rows == [(True,)]


def test_no_other_file_can_be_reached(engine, tmp_path):
    for statement in (
        f"ATTACH '{tmp_path}/other' AS other",
        f"VACUUM INTO '{tmp_path}/other'",
        f"COPY (SELECT 1) TO '{tmp_path}/other'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT readfile('/etc/hostname')",
        "SELECT load_extension('x')",
        "INSTALL httpfs",
    ):
        with pytest.raises((sqlite3.Error, duckdb.Error)):
            engine.run_sql(statement, 10.0)
    assert list(tmp_path.iterdir()) == []


def test_a_query_that_must_sort_needs_no_file(sqlite_engine):
    sql = "SELECT a.sbTxId FROM sbTransaction a ORDER BY a.sbTxAmount, a.sbTxId DESC"
    sqlite_engine.connection.execute("PRAGMA cache_size = 10")
    assert len(sqlite_engine.run_sql(sql, 20.0).rows) > 1_000
    assert sqlite_engine.connection.execute("PRAGMA temp_store").fetchone() == (2,)


def test_gold_is_pinned_to_the_databases_moment(engine, entries):
    assert engine.pin("SELECT current_date") in ("SELECT '2023-12-15'", "SELECT DATE '2023-12-15'")
    running = open_engine(replace(entries["broker"], now=None))
    assert running.pin("SELECT current_date") == "SELECT current_date"


def test_a_graph_that_pydough_refuses_is_a_user_error(entries, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps([{"name": "Broker", "version": "V1"}]))
    with pytest.raises(UserError, match=r"bad\.json: PyDough refuses the graph"):
        open_engine(replace(entries["broker"], graph_path=bad))
    with pytest.raises(UserError, match="PyDough refuses the graph"):
        open_engine(replace(entries["broker"], graph_name="Nobody"))
    with pytest.raises(UserError):
        open_engine(replace(entries["broker"], url=f"sqlite:///{tmp_path}/none.sqlite"))
    with pytest.raises(UserError, match="expected sqlite:////path, duckdb:////path or postgresql://"):
        open_engine(replace(entries["broker"], url="mysql://host/db"))


def test_the_pinned_version_is_installed():
    pinned = (Path(__file__).parents[2] / "requirements.in").read_text()
    assert f"pydough=={pydough_version()}" in pinned
