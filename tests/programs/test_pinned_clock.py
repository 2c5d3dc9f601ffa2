"""Every way to read the clock gives the pinned moment when it is run on the real engine."""

import datetime
import sqlite3

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.paths import WorkDir
from utils.databases.catalog import PINNED_NOW, built_in_entries
from utils.programs.clock import pin_clock, program_modules
from utils.programs.engine import Engine, open_engine

NOW = "2023-12-15 14:30:00"
MOMENT = datetime.datetime(2023, 12, 15, 14, 30)
DAY = datetime.date(2023, 12, 15)
HOUR = datetime.time(14, 30)

SQLITE = [
    ("date('now')", "2023-12-15"),
    ("DATE('NOW')", "2023-12-15"),
    ("date ( 'now' )", "2023-12-15"),
    ("date(('now'))", "2023-12-15"),
    ("date(/* today */ 'now')", "2023-12-15"),
    ('date("now")', "2023-12-15"),
    ("date()", "2023-12-15"),
    ("date( )", "2023-12-15"),
    ("datetime()", NOW),
    ("time()", "14:30:00"),
    ("time('now', '+1 hour')", "15:30:00"),
    ("datetime('now')", NOW),
    ("datetime('NOW','-1 day')", "2023-12-14 14:30:00"),
    ("datetime('now', 'start of month', '-1 month')", "2023-11-01 00:00:00"),
    ("date('now', '-30 days')", "2023-11-15"),
    ("strftime('%Y')", "2023"),
    ("strftime(('%Y'))", "2023"),
    ("strftime('%Y-%m', 'now', '-1 year')", "2022-12"),
    ("strftime('%Y', date())", "2023"),
    ("cast(strftime('%Y', 'now') as int) - 3", 2020),
    ("julianday('now')", 2460294.1041666665),
    ("julianday()", 2460294.1041666665),
    ("cast(julianday('now') - julianday('2023-12-01') as int)", 14),
    ("unixepoch()", 1702650600),
    ("unixepoch('now')", 1702650600),
    ("current_timestamp", NOW),
    ("CURRENT_DATE", "2023-12-15"),
    ("current_time", "14:30:00"),
    ("date(current_timestamp, 'start of year')", "2023-01-01"),
    ("datetime(CURRENT_DATE, '+1 day')", "2023-12-16 00:00:00"),
    ("max(date('now'), date('now', '-1 day'))", "2023-12-15"),
    ("(SELECT count(*) FROM (SELECT '2023-12-15' AS d) WHERE d = date('now') AND d >= current_date)", 1),
    ("date(strftime('%Y-01-01', 'now'), '+1 month')", "2023-02-01"),
]
SQLITE_UNTOUCHED = [
    ("'now'", "now"),
    ("'date(''now'')'", "date('now')"),
    ("'current_date'", "current_date"),
    ("'it''s now' || ' current_timestamp'", "it's now current_timestamp"),
    ("(SELECT now FROM (SELECT 'x' AS now))", "x"),
    ('(SELECT "current_date" FROM (SELECT 3 AS "current_date"))', 3),
    ("(SELECT t.current_time FROM (SELECT 4 AS current_time) AS t)", 4),
    ("(SELECT date(t.now) FROM (SELECT '2020-02-02' AS now) AS t)", "2020-02-02"),
    ('(SELECT date(t."now") FROM (SELECT \'2020-02-02\' AS "now") AS t)', "2020-02-02"),
    ("date('2020-02-02')", "2020-02-02"),
    ("date(('2020-02-02'))", "2020-02-02"),
    ("strftime('%Y', '2020-02-02')", "2020"),
    ("datetime(1092941466, 'unixepoch')", "2004-08-19 18:51:06"),
    ("replace('now', 'n', 'c')", "cow"),
    ("upper('now')", "NOW"),
    ("1 -- date('now')\n", 1),
    ("/* current_date */ 1", 1),
    ("date('2020-01-01', '+1 day') = 'now'", 0),
]
DUCKDB = [
    ("now()::TIMESTAMP", MOMENT),
    ("NOW ( )::TIMESTAMP", MOMENT),
    ("now() - INTERVAL 1 DAY = TIMESTAMPTZ '2023-12-14 14:30:00+00'", True),
    ("transaction_timestamp()::TIMESTAMP", MOMENT),
    ("get_current_timestamp()::TIMESTAMP", MOMENT),
    ("current_timestamp::TIMESTAMP", MOMENT),
    ("CAST(CURRENT_TIMESTAMP AS DATE)", DAY),
    ("localtimestamp", MOMENT),
    ("current_localtimestamp()", MOMENT),
    ("today()", DAY),
    ("current_date", DAY),
    ("current_date()", DAY),
    ("current_date - INTERVAL 30 DAY", datetime.datetime(2023, 11, 15)),
    ("current_time", HOUR),
    ("get_current_time()", HOUR),
    ("localtime", HOUR),
    ("current_localtime()", HOUR),
    ("date_trunc('month', now())::DATE", datetime.date(2023, 12, 1)),
    ("year(today()) - 3", 2020),
    ("datediff('day', DATE '2023-12-01', current_date)", 14),
    ("age(TIMESTAMP '2023-12-01')", datetime.timedelta(days=14)),
    ("strftime(now(), '%Y-%m')", "2023-12"),
]
DUCKDB_UNTOUCHED = [
    ("'now()'", "now()"),
    ("'current_date'", "current_date"),
    ("(SELECT now FROM (SELECT 'x' AS now))", "x"),
    ('(SELECT "current_date" FROM (SELECT 3 AS "current_date"))', 3),
    ('(SELECT t."today" FROM (SELECT 4 AS today) AS t)', 4),
    ("age(TIMESTAMP '2023-12-15', TIMESTAMP '2023-12-01')", datetime.timedelta(days=14)),
    ("DATE '2020-02-02'", datetime.date(2020, 2, 2)),
    ("1 -- now()\n", 1),
]


@pytest.fixture(scope="module")
def sqlite():
    with sqlite3.connect(":memory:") as connection:
        return lambda sql: connection.execute(sql).fetchone()[0]


@pytest.fixture(scope="module")
def duck():
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    yield lambda sql: connection.execute(sql).fetchone()[0]
    connection.close()


@pytest.mark.parametrize(("expression", "value"), SQLITE)
def test_sqlite_reads_the_pinned_clock(sqlite, expression, value):
    pinned = pin_clock(f"SELECT {expression}", "sqlite", NOW)
    assert sqlite(pinned) == value
    assert sqlite(f"SELECT {expression}") != value or isinstance(value, int)  # else the machine's clock stands there
    assert pin_clock(pinned, "sqlite", "1999-01-01 00:00:00") == pinned


@pytest.mark.parametrize(("expression", "value"), SQLITE_UNTOUCHED)
def test_what_reads_no_clock_stays_on_sqlite(sqlite, expression, value):
    sql = f"SELECT {expression}"
    assert pin_clock(sql, "sqlite", NOW) == sql
    assert sqlite(sql) == value


@pytest.mark.parametrize(("expression", "value"), DUCKDB)
def test_duckdb_reads_the_pinned_clock(duck, expression, value):
    pinned = pin_clock(f"SELECT {expression}", "duckdb", NOW)
    assert duck(pinned) == value
    assert pin_clock(pinned, "duckdb", "1999-01-01 00:00:00") == pinned
    duck(f"SELECT {expression}")  # is a way to read the clock


@pytest.mark.parametrize(("expression", "value"), DUCKDB_UNTOUCHED)
def test_what_reads_no_clock_stays_on_duckdb(duck, expression, value):
    sql = f"SELECT {expression}"
    assert pin_clock(sql, "duckdb", NOW) == sql
    assert duck(sql) == value


@pytest.mark.parametrize("sql", ["SELECT date('now", 'SELECT "now', "SELECT ((date('now')", "", ")", "date('now'))))"])
@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_broken_sql_is_left_to_the_engine(sql, dialect):
    assert isinstance(pin_clock(sql, dialect, NOW), str)


def test_without_a_pinned_moment_the_clock_runs():
    sql = "SELECT date('now'), current_timestamp"
    assert pin_clock(sql, "sqlite", None) == sql
    assert program_modules(None)["datetime"].date.today() == datetime.date.today()


calm_words = st.sampled_from(
    ["a", "t.b", '"c d"', "'text'", "1.5", "SUM(x)", "IN (1, 2)", ",", "<>", "-- c\n", "(", ")"]
)


@given(st.lists(calm_words), st.sampled_from(["sqlite", "duckdb"]))
def test_sql_without_clock_words_is_unchanged(words, dialect):
    sql = "SELECT " + " ".join(words)
    assert pin_clock(sql, dialect, NOW) == sql


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_text_is_never_touched(text):
    sql = "SELECT '" + text.replace("'", "''") + "' AS x"
    assert pin_clock(sql, "sqlite", NOW) == sql


@given(
    st.lists(st.sampled_from(["date('now')", "CURRENT_DATE", "'now'", "x.now", "strftime('%d')", "date('2020-01-01')"]))
)
def test_only_the_clocks_tokens_change(parts):
    pinned = {
        "date('now')": f"date('{NOW}')",
        "CURRENT_DATE": "'2023-12-15'",
        "strftime('%d')": f"strftime('%d', '{NOW}')",
    }
    expected = ",  ".join(pinned.get(part, part) for part in parts)
    assert pin_clock("SELECT " + ",  ".join(parts), "sqlite", NOW) == "SELECT " + expected


@pytest.fixture(scope="module", params=["broker", "broker_duckdb"])
def engine(request, databases: WorkDir) -> Engine:
    entry = built_in_entries(databases)[request.param]
    assert entry.now == PINNED_NOW == NOW
    return open_engine(entry)


@pytest.mark.parametrize(
    "moment",
    [
        "datetime.datetime.now()",
        "datetime.datetime.today()",
        "datetime.datetime.utcnow()",
        "datetime.datetime.now(None)",
        "pd.Timestamp('now')",
        "pd.Timestamp('NOW')",
        "pd.Timestamp('today')",
        "pd.Timestamp.now()",
        "pd.Timestamp.now(tz=None)",
        "pd.Timestamp.today()",
        "pd.Timestamp(ts_input='now')",
        "pd.to_datetime('now')",
        "pd.to_datetime(arg='today')",
        "DATETIME('now')",
        "DATETIME('current timestamp')",
    ],
)
def test_a_program_reads_the_pinned_moment(engine, moment):
    program = (
        f"result = Broker.CALCULATE(year=YEAR({moment}), day=DAY({moment}), hour=HOUR({moment}), m=MINUTE({moment}))"
    )
    assert engine.run_sql(engine.compile_program(program), 10.0).rows == [(2023, 15, 14, 30)]


@pytest.mark.parametrize(
    "day", ["datetime.date.today()", "datetime.datetime.now().date()", "DATETIME('now', 'start of day')"]
)
def test_a_program_reads_the_pinned_day(engine, day):
    program = f"result = Broker.CALCULATE(y=YEAR({day}), m=MONTH({day}), d=DAY({day}))"
    assert engine.run_sql(engine.compile_program(program), 10.0).rows == [(2023, 12, 15)]


def test_from_imports_read_the_pinned_clock_too(engine):
    program = (
        "from datetime import date, datetime, timedelta\nfrom pandas import Timestamp\n"
        "first, second, third = date.today() - timedelta(days=1), datetime.now(), Timestamp('now')\n"
        "result = Broker.CALCULATE(a=DAY(first), b=DAY(second), c=DAY(third))"
    )
    assert engine.run_sql(engine.compile_program(program), 10.0).rows == [(14, 15, 15)]


def test_a_pinned_moment_is_a_real_one():
    modules = program_modules(NOW)
    made = modules["datetime"].datetime(2020, 2, 29, 12) + modules["datetime"].timedelta(days=1)
    assert made == datetime.datetime(2020, 3, 1, 12)
    assert modules["datetime"].date(2020, 2, 29).isoformat() == "2020-02-29"
    assert modules["datetime"].datetime.strptime("29.02.2020", "%d.%m.%Y").year == 2020
    assert modules["pd"].Timestamp("2020-02-29") == datetime.datetime(2020, 2, 29)
    assert modules["pd"].to_datetime("29/02/2020", dayfirst=True).day == 29
    with pytest.raises(TypeError, match="expected one moment, found DatetimeIndex"):
        modules["pd"].to_datetime(["2020-02-29"])
