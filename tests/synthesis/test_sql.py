"""Every construct of an intent, on every engine, against the same meaning computed in plain Python."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.proof.postgres_server import binaries, postgres_server, server_folder
from tests.synthesis.calls import of_calls
from tests.synthesis.intents import INTENTS
from tests.synthesis.interpreter import answer
from tests.synthesis.shop import MODEL, Data, DuckShop, create, inserts, sqlite_shop
from utils.databases.connect import Dialect
from utils.proof.bags import bags_equal
from utils.proof.compare import same_rows
from utils.proof.values import canonical_rows
from utils.synthesis.intent import Intent
from utils.synthesis.sql.render import render_sql


def _rows(names: str, *rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(zip(names.split(), row, strict=True)) for row in rows]


def _day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


DATA: Data = {
    "owners": _rows(
        "id name state rating joined active",
        (1, "Ann Marie Stan", "NY", 3, _day("2023-03-01"), True),
        (2, "anton", "NY", 3, _day("2023-01-30"), False),
        (3, "Dan, Ana", None, None, None, None),
        (4, "Bob NY", "CA", 5, _day("2022-12-31"), True),
        (5, "5%_ off", "O'Neil", 1, _day("2024-02-29"), False),
        (6, "", None, 4, _day("2023-02-28"), True),
        (7, " Ban-an\t", "NY", 2, _day("2023-03-01"), True),
        (8, "two\nlines", "CA", 4, None, None),
        (9, "a-b - c-", "", 2, _day("2023-03-05"), True),
    ),
    "items": _rows(
        "id owner_id name kind price quantity bought",
        (1, 1, "ball", "toy", 10.0, 2, _moment("2023-03-01 00:00:00")),
        (2, 1, "bear", "toy", 10.0, 5, _moment("2023-03-01 00:00:01")),
        (3, 1, "book", "book", 12.5, None, _moment("2023-02-28 23:59:59")),
        (4, 2, "ball", "toy", None, 3, None),
        (5, 2, None, None, 25.25, 0, _moment("2024-01-01 10:30:05")),
        (6, None, "lost", "toy", 40.0, 1, _moment("2022-12-31 12:00:00")),
        (7, 99, "orphan", None, 1.25, 7, _moment("2023-12-31 23:00:00")),
        (8, 4, "car", "car", 99.5, 3, _moment("2023-05-07 08:00:00")),
        (9, 7, "pin", "book", 0.5, 3, _moment("2023-05-08 08:00:00")),
        (10, 7, "pen", "book", 0.75, 3, _moment("2023-05-10 08:00:00")),
        (11, 1, "bat", "toy", 11.0, 4, _moment("2022-11-30 08:00:00")),
        (12, 8, None, None, None, None, None),
    ),
    "parts": _rows(
        "id item_id maker_id cost made",
        (1, 1, 1, 1.5, _day("2022-01-01")),
        (2, 1, 1, 2.5, _day("2022-01-05")),
        (3, 1, 2, 2.5, None),
        (4, 2, None, 4.0, _day("2021-06-30")),
        (5, 3, 3, None, _day("2021-07-01")),
        (6, 5, 9, 1.0, None),
        (7, None, 2, 8.0, _day("2020-01-01")),
        (8, 8, 2, 3.0, _day("2023-01-01")),
        (9, 8, 1, 3.0, _day("2023-01-01")),
        (10, 77, 1, 6.0, None),
        (11, 9, 3, 7.0, _day("2023-01-02")),
        (12, 12, 2, None, None),
    ),
    "makers": _rows("id name country", (1, "Mill", "FR"), (2, "Nut", None), (3, "Oak", "DE"), (4, "Pin", "FR")),
    "reviews": _rows(
        "id item_id owner_id stars",
        (1, 1, 1, 5),
        (2, 1, 1, 2),
        (3, 1, 2, 1),
        (4, 6, None, 4),
        (5, 8, 4, None),
        (6, 9, 7, 3),
        (7, 9, 7, 4),
    ),
}
ALL = {**INTENTS, **of_calls()}
# A month from the 31st on differs by database, and so does the letters' case in LIKE
ENGINES: list[Dialect] = ["sqlite", "duckdb", "postgres"]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    with server_folder() as folder, postgres_server(folder) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA main; SET search_path TO main")
        for statement in create("postgres"):
            connection.execute(statement)
        for statement, rows in inserts(DATA, "postgres"):
            connection.cursor().executemany(statement, rows)
        connection.execute("SET search_path TO main")
        yield connection


@pytest.fixture(scope="module")
def shops() -> dict[str, Any]:
    return {"sqlite": sqlite_shop(DATA), "duckdb": DuckShop().fill(DATA)}


@pytest.fixture(params=ENGINES)
def engine(request, shops) -> tuple[Dialect, Any]:
    if request.param == "postgres":
        if binaries() is None:
            pytest.skip("no PostgreSQL server is installed")
        return "postgres", request.getfixturevalue("postgres")
    return request.param, shops[request.param]


def agrees(intent: Intent, data: Data, connection: Any, dialect: Dialect) -> str:
    """Assert that SQL and interpreter say the same, and return the SQL."""
    sql = render_sql(intent, MODEL, dialect)
    expected = canonical_rows(answer(intent, data, ignore_case=dialect == "sqlite"))
    try:
        found = canonical_rows(connection.execute(sql).fetchall())
    except Exception as error:
        error.add_note(sql)
        raise
    same = same_rows(expected, found) if intent.limit else bags_equal(expected, found)
    assert same, f"{sql}\nexpected {expected}\nfound    {found}"
    names = [name for name, _ in intent.order]
    if names and set(names) <= set(intent.output):  # where the keys tie, rows may come in any order
        places = [intent.output.index(name) for name in names]
        assert [[row[at] for at in places] for row in expected] == [[row[at] for at in places] for row in found]
    return sql


@pytest.mark.parametrize("name", ALL)
def test_sql_says_what_the_intent_means(name, engine):
    dialect, connection = engine
    agrees(ALL[name], DATA, connection, dialect)
