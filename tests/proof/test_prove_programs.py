"""Every verdict there is, on the real databases."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from utils.core.paths import WorkDir
from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry, built_in_entries, file_url
from utils.proof.runner import Prover
from utils.proof.settings import DEFAULT_INSTANCES, ProofSettings
from utils.proof.tasks import ProofTask

COUNT_PROGRAM = "result = Broker.CALCULATE(n=COUNT(customers))"
COUNT_GOLD = "SELECT COUNT(*) FROM sbCustomer"
NAMES_PROGRAM = "result = customers.CALCULATE(name).ORDER_BY(name.ASC())"
NAMES_GOLD = "SELECT sbCustName FROM sbCustomer ORDER BY sbCustName"
RUNAWAY = (
    "pairs = transactions.CALCULATE(a=amount).CROSS(daily_prices).CALCULATE(a, c=close).CROSS(transactions)\n"
    "result = pairs.WHERE(a * c > price).CALCULATE(a, c, price).TOP_K(3, by=(price.ASC(), a.ASC(), c.ASC()))"
)
ENDLESS_SQL = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"


@pytest.fixture(scope="module")
def entries(databases: WorkDir) -> dict[str, DatabaseEntry]:
    return built_in_entries(databases)


@pytest.fixture(params=["broker", "broker_duckdb"])
def entry(request, entries) -> DatabaseEntry:
    return entries[request.param]


@pytest.fixture
def verdict(prove):
    """The verdict on a program, with the default settings but for the limit on a query."""

    def proven(entry: DatabaseEntry, program: str, gold: str, limit_s: float = 10.0) -> Verdict:
        return prove(ProofTask("q", program, gold, entry, ProofSettings(query_limit_s=limit_s)))

    return proven


@pytest.mark.parametrize(
    ("program", "gold"),
    [
        (COUNT_PROGRAM, COUNT_GOLD),
        (COUNT_PROGRAM, "SELECT COUNT(*) * 1.0 AS other_name FROM sbCustomer;"),
        (NAMES_PROGRAM, NAMES_GOLD),
        (NAMES_PROGRAM, "SELECT sbCustName FROM sbCustomer"),  # an order nobody asked for does no harm
        ("result = customers.CALCULATE(country, name)", "SELECT sbCustName, sbCustCountry FROM sbCustomer"),
        (
            "result = customers.CALCULATE(name, joined=join_date).TOP_K(3, by=(join_date.DESC(), _id.ASC()))",
            "SELECT sbCustName, sbCustJoinDate FROM sbCustomer ORDER BY sbCustJoinDate DESC, sbCustId LIMIT 3",
        ),
        (
            "result = customers.PARTITION(name='s', by=state).CALCULATE(state, n=COUNT(customers))",
            "SELECT sbCustState, COUNT(*) FROM sbCustomer GROUP BY 1",
        ),
    ],
)
def test_match(entry, program, gold, verdict):
    found = verdict(entry, program, gold)
    assert (found.status, found.detail, found.instances_passed, found.instances_tried) == (
        "match",
        "",
        1 + DEFAULT_INSTANCES,
        1 + DEFAULT_INSTANCES,
    )
    assert found.ms > 0


def test_a_verdict_shows_the_first_rows_of_the_answer(entry, verdict):
    found = verdict(entry, NAMES_PROGRAM, NAMES_GOLD)
    assert found.answer is not None
    assert found.answer.columns == ["name"]
    assert found.answer.rows[:2] == [["Adaeze Quiroga"], ["Adaeze Suzuki"]]
    assert (len(found.answer.rows), found.answer.more) == (20, 249)


HALF_A_YEAR = "result = customers.WHERE(join_date >= DATETIME('now', '-6 months')).CALCULATE(_id)"


@pytest.mark.parametrize(
    ("name", "half_a_year_ago", "fixed"),
    [
        ("broker", "DATETIME('now', '-6 months')", "'2023-06-15 14:30:00'"),
        ("broker_duckdb", "NOW()::TIMESTAMP - INTERVAL 6 MONTH", "TIMESTAMP '2023-06-15 14:30:00'"),
    ],
)
def test_now_is_many_moments_and_the_same_one_for_both(entries, name, half_a_year_ago, fixed, verdict):
    gold = f"SELECT sbCustId FROM sbCustomer WHERE sbCustJoinDate >= {half_a_year_ago}"
    assert verdict(entries[name], HALF_A_YEAR, gold).status == "match"
    found = verdict(entries[name], HALF_A_YEAR, gold.replace(half_a_year_ago, fixed))
    assert (found.status, found.reasons, found.instances_passed) == ("mismatch", ["clock"], 2)


@pytest.mark.parametrize(
    ("program", "gold", "told"),
    [
        (COUNT_PROGRAM, "SELECT COUNT(*) + 1 FROM sbCustomer", "other values; expected but not given: "),
        (COUNT_PROGRAM, "SELECT CAST(COUNT(*) AS VARCHAR) FROM sbCustomer", "other values"),
        (COUNT_PROGRAM, "SELECT COUNT(*), 1 FROM sbCustomer", "1 columns, expected 2"),
        (COUNT_PROGRAM, NAMES_GOLD, "the question asks for an order, but the program states none"),
        (
            "result = customers.CALCULATE(name)",
            NAMES_GOLD,
            "the question asks for an order, but the program states none",
        ),
        ("result = customers.ORDER_BY(name.ASC()).CALCULATE(email)", NAMES_GOLD, "other values"),
        ("result = customers.CALCULATE(name).ORDER_BY(name.DESC())", NAMES_GOLD, "right rows in the wrong order"),
        ("result = customers.WHERE(name == 'Nobody').CALCULATE(name)", NAMES_GOLD, "the question asks for an order"),
        (
            "result = customers.WHERE(name == 'Nobody').CALCULATE(name)",
            "SELECT sbCustName FROM sbCustomer",
            "no rows, expected ",
        ),
        ("result = customers.CALCULATE(country)", "SELECT DISTINCT sbCustCountry FROM sbCustomer", " rows, expected "),
        (
            "result = transactions.CALCULATE(shares).CROSS(customers).CALCULATE(shares)",
            COUNT_GOLD,
            "more than 250,000 rows",
        ),
    ],
)
def test_mismatch(entry, program, gold, told, verdict):
    found = verdict(entry, program, gold)
    assert found.status == "mismatch" and told in found.detail and "\n" not in found.detail
    assert (found.instances_passed, found.instances_tried) == (0, 1)


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("", "never assigns `result`"),
        ("result = customers.WHERE(", "syntax error in line 1"),
        ("answer = customers", "never assigns `result`"),
        ("result = 3", "PyDoughUnqualifiedException"),
        ("result = customers.CALCULATE(nmae)", "nmae"),
        ("result = customers.CALCULATE(name", "never closed"),
        ("result = clients.CALCULATE(name)", "clients"),
        ("result = customers.BACK(1)", ""),
        ("x = 1 / 0\nresult = customers", "ZeroDivisionError"),
        ("x = [1][5]\nresult = customers", "IndexError"),
        ("def f():\n    return f()\nresult = f()", "RecursionError"),
        ("result = customers if customers else 1", "PyDoughUnqualifiedException"),
        ("result = " + " + ".join(["1"] * 4_900), ""),
    ],
)
def test_code_error(entry, program, told, verdict):
    found = verdict(entry, program, COUNT_GOLD)
    assert (found.status, found.instances_tried) == ("code_error", 0)
    assert told in found.detail and found.detail and "\n" not in found.detail


def test_unsafe(entry, tmp_path, verdict):
    written = tmp_path / "harm"
    for program in ("import os\nresult = customers", f"open('{written}', 'w')\nresult = customers"):
        found = verdict(entry, program, COUNT_GOLD)
        assert found.status == "unsafe" and found.detail.startswith("line 1: ")
    assert not written.exists()


@pytest.mark.parametrize(
    ("gold", "told"),
    [
        ("", "expected exactly one SELECT"),
        ("SELECT * FROM no_such_table", "no_such_table"),
        ("SELECT no_such_column FROM sbCustomer", "no_such_column"),
        ("SELECT COUNT(* FROM sbCustomer", "syntax error"),
        ("DELETE FROM sbCustomer", "expected exactly one SELECT"),
        ("SELECT 1; SELECT 2", "expected exactly one SELECT"),
        ("how many customers?", ""),
    ],
)
def test_gold_error(entry, gold, told, verdict):
    found = verdict(entry, COUNT_PROGRAM, gold)
    assert found.status == "gold_error" and told in found.detail and "\n" not in found.detail


@pytest.mark.parametrize(
    ("program", "gold"),
    [
        (
            "result = customers.WHERE((name == 'Nobody') & (1 == 0)).CALCULATE(name)",
            "SELECT sbCustName FROM sbCustomer WHERE sbCustName = 'Nobody' AND 1 = 0",
        ),
        (COUNT_PROGRAM, "SELECT sbCustName FROM sbCustomer WHERE 1 = 0"),
        (
            "result = Broker.CALCULATE(n=MAX(customers.WHERE(name == 'Nobody').name))",
            "SELECT MAX(sbCustName) FROM sbCustomer WHERE 1 = 0",
        ),
        (COUNT_PROGRAM, "SELECT NULL, NULL FROM sbCustomer"),
        (COUNT_PROGRAM, "SELECT sbCustName FROM sbCustomer LIMIT 0"),
    ],
)
def test_degenerate(entry, program, gold, verdict):
    found = verdict(entry, program, gold)
    assert found.status == "degenerate" and "nothing can be proven" in found.detail


def test_what_is_empty_on_the_original_only_is_proven_on_made_data(entry, verdict):
    program = "result = customers.WHERE(name == 'nobody').CALCULATE(_id)"
    gold = "SELECT sbCustId FROM sbCustomer WHERE sbCustName = 'nobody'"
    found = verdict(entry, program, gold)
    assert (found.status, found.instances_tried) == ("match", DEFAULT_INSTANCES)
    found = verdict(entry, program, gold.replace("sbCustName =", "LOWER(sbCustName) = LOWER(") + ")")
    assert (found.status, found.reasons) == ("mismatch", ["case"])


@pytest.mark.parametrize(
    ("program", "gold", "status"),
    [
        ("result = customers.CALCULATE(nmae)", "SELECT nmae FROM sbCustomer", "code_error"),
        ("result = (", "SELECT (", "code_error"),
        ("import os\nresult = customers", "DROP TABLE sbCustomer", "unsafe"),
        ("result = customers.WHERE(name == 'Nobody')", "SELECT * FROM sbCustomer WHERE 1 = 0", "degenerate"),
        ("result = Broker.CALCULATE(x=MAX(customers.WHERE(name == 'Nobody').name))", "SELECT NULL", "degenerate"),
        ("", "", "code_error"),
    ],
)
def test_two_failures_never_match(entry, program, gold, status, verdict):
    assert verdict(entry, program, gold).status == status


@pytest.mark.parametrize(
    "broken",
    [
        {"graph_name": "Nobody"},
        {"graph_path": Path("/no/such/graph.json")},
        {"url": "sqlite:////no/such/file.sqlite"},
        {"url": "duckdb:////no/such/file.duckdb"},
        {"url": "mysql://host/db"},
        {"url": "nonsense"},
        {"configs": {"start_of_week": "SOMEDAY"}},
    ],
)
def test_infra_error(entries, broken, verdict):
    found = verdict(replace(entries["broker"], **broken), COUNT_PROGRAM, COUNT_GOLD)
    assert (found.status, found.instances_tried) == ("infra_error", 0)
    assert found.detail and "\n" not in found.detail


def test_a_file_that_is_no_database_is_an_infra_error(entries, tmp_path, verdict):
    for engine in ("sqlite", "duckdb"):
        path = tmp_path / f"no.{engine}"
        path.write_text(
            "this is no database, though it is long enough to look like a file with a header of its own\n" * 50
        )
        found = verdict(replace(entries["broker"], url=file_url(engine, path)), COUNT_PROGRAM, COUNT_GOLD)
        assert found.status == "infra_error" and f"no.{engine}" in found.detail


def test_a_runaway_program_and_a_runaway_gold_are_stopped(entries, verdict):
    found = verdict(entries["broker"], RUNAWAY, COUNT_GOLD, limit_s=0.3)
    assert (found.status, found.detail) == ("timeout", "query stopped after 0.3 s")
    found = verdict(entries["broker"], COUNT_PROGRAM, ENDLESS_SQL, limit_s=0.3)
    assert (found.status, found.detail) == ("timeout", "the gold SQL: query stopped after 0.3 s")
    assert verdict(entries["broker"], COUNT_PROGRAM, COUNT_GOLD, limit_s=5).status == "match"


def test_hostile_and_hanging_programs_cost_only_their_own_rows(entries):
    """In worker processes, as they are proven for real."""
    sqlite, duck = entries["broker"], entries["broker_duckdb"]
    tasks = [
        ProofTask("fine", COUNT_PROGRAM, COUNT_GOLD, sqlite),
        ProofTask("duckdb runaway", RUNAWAY, COUNT_GOLD, duck),
        ProofTask("sqlite runaway", RUNAWAY, COUNT_GOLD, sqlite, ProofSettings(query_limit_s=0.5)),
        ProofTask("spinning", "x = 0\nfor i in range(10 ** 12):\n    x += i\nresult = customers", COUNT_GOLD, sqlite),
        ProofTask("memory", "x = 'a' * (10 ** 11)\nresult = customers", COUNT_GOLD, sqlite),
        ProofTask("hoarding", "x = []\nfor i in range(10 ** 12):\n    x += ['a' * 3 * 10 ** 8]\nresult = customers", COUNT_GOLD, duck),
        ProofTask("power", "x = 9 ** 9 ** 9\nresult = customers", COUNT_GOLD, sqlite),
        ProofTask("unsafe", "import os\nresult = customers", COUNT_GOLD, sqlite),
        ProofTask("deep", "result = customers" + ".WHERE(name == 'a')" * 900, COUNT_GOLD, sqlite),
        ProofTask("fine too", COUNT_PROGRAM, COUNT_GOLD, duck),
    ]  # fmt: skip
    with Prover(workers=2, limit_s=3.0, memory_mb=700) as prover:
        found = {task.question_id: verdict.status for task, verdict in prover.prove_all(tasks)}
    assert list(found) == [task.question_id for task in tasks]
    assert found.pop("deep") in ("code_error", "timeout", "mismatch")
    assert found.pop("hoarding") in ("code_error", "timeout")  # whichever limit a busy machine reaches first
    assert found == {
        "fine": "match",
        "duckdb runaway": "timeout",
        "sqlite runaway": "timeout",
        "spinning": "timeout",
        "memory": "code_error",
        "power": "timeout",
        "unsafe": "unsafe",
        "fine too": "match",
    }
    assert prover.proven == len(tasks)


@pytest.fixture
def small(entries, tmp_path) -> DatabaseEntry:
    """A database of four rows with ties, duplicates and nulls, on a graph of its own."""
    path = tmp_path / "small.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE item (key INTEGER, kind TEXT, price REAL);"
            "INSERT INTO item VALUES (1, 'a', 2.0), (2, 'a', 3.0), (3, 'b', 3.0), (4, NULL, NULL), (5, 'c', 1.0);"
        )
    connection.close()
    graph = tmp_path / "small.json"
    columns = (("key", "numeric"), ("kind", "string"), ("price", "numeric"))
    properties = [{"name": n, "type": "table column", "column name": n, "data type": t} for n, t in columns]
    items = {
        "name": "items",
        "type": "simple table",
        "table path": "main.item",
        "unique properties": ["key"],
        "properties": properties,
    }
    graph.write_text(json.dumps([{"name": "SMALL", "version": "V2", "collections": [items], "relationships": []}]))
    return DatabaseEntry("small", graph, "SMALL", file_url("sqlite", path))


@pytest.mark.parametrize(
    ("program", "gold", "status"),
    [
        # ties: any order among rows of equal keys
        ("items.CALCULATE(key).ORDER_BY(price.DESC(), key.ASC())", "SELECT key FROM item ORDER BY price DESC", "match"),
        ("items.CALCULATE(key).ORDER_BY(price.DESC(), key.DESC())", "SELECT key FROM item ORDER BY price DESC", "match"),
        ("items.CALCULATE(key).ORDER_BY(price.DESC(), key.DESC())", "SELECT key FROM item ORDER BY price DESC, key", "mismatch"),
        ("items.CALCULATE(key).ORDER_BY(key.ASC())", "SELECT key FROM item ORDER BY price DESC", "mismatch"),
        # a LIMIT that cuts a tie takes any of the tied
        ("items.CALCULATE(key).TOP_K(1, by=(price.DESC(), key.ASC()))", "SELECT key FROM item ORDER BY price DESC LIMIT 1", "match"),
        ("items.CALCULATE(key).TOP_K(1, by=(price.DESC(), key.DESC()))", "SELECT key FROM item ORDER BY price DESC LIMIT 1", "match"),
        ("items.WHERE(key == 1).CALCULATE(key)", "SELECT key FROM item ORDER BY price DESC LIMIT 1", "mismatch"),
        ("items.CALCULATE(kind, key).TOP_K(1, by=(price.DESC(), key.DESC()))", "SELECT key, kind FROM item ORDER BY price DESC LIMIT 1", "match"),
        # where all is one tie there is no order to state
        ("items.CALCULATE(key)", "SELECT key FROM item ORDER BY 1 + 1", "match"),
        # nulls are nulls only
        ("items.CALCULATE(kind, price)", "SELECT kind, price FROM item", "match"),
        ("items.CALCULATE(kind, p=DEFAULT_TO(price, 0))", "SELECT kind, price FROM item", "quirk"),
        ("items.CALCULATE(k=DEFAULT_TO(kind, ''), price=price)", "SELECT kind, price FROM item", "mismatch"),
        ("items.WHERE(PRESENT(kind)).CALCULATE(kind, price)", "SELECT kind, price FROM item", "mismatch"),
        # duplicates count
        ("items.CALCULATE(kind)", "SELECT kind FROM item", "match"),
        ("items.PARTITION(name='k', by=kind).CALCULATE(kind)", "SELECT kind FROM item", "mismatch"),
        ("items.PARTITION(name='k', by=kind).CALCULATE(kind)", "SELECT DISTINCT kind FROM item", "match"),
        ("items.CALCULATE(kind)", "SELECT DISTINCT kind FROM item", "mismatch"),
        # numbers are no text
        ("items.CALCULATE(i=STRING(key))", "SELECT key FROM item", "mismatch"),
        # an order over a DISTINCT with ties
        ("items.WHERE(PRESENT(kind)).PARTITION(name='k', by=(kind, price)).CALCULATE(kind, price).ORDER_BY(price.ASC(), kind.DESC())",
         "SELECT DISTINCT item.kind, item.price AS p FROM item WHERE kind IS NOT NULL ORDER BY item.price", "match"),
        ("items.CALCULATE(key, kind).ORDER_BY(key.DESC())", "SELECT key, kind FROM item ORDER BY key DESC", "match"),
        ("items.CALCULATE(key).ORDER_BY(key.DESC()).WHERE(key > 1)", "SELECT key FROM item WHERE key > 1 ORDER BY key DESC", "match"),
        ("items.ORDER_BY(key.DESC()).CALCULATE(key, kind)", "SELECT key, kind FROM item ORDER BY key DESC", "match"),
        ("items.TOP_K(3, by=key.DESC()).CALCULATE(key)", "SELECT key FROM item ORDER BY key DESC LIMIT 3", "match"),
        ("items.TOP_K(3, by=key.DESC()).TOP_K(3, by=key.ASC()).CALCULATE(key)", "SELECT key FROM item ORDER BY key DESC LIMIT 3", "mismatch"),
    ],
)  # fmt: skip
def test_ties_nulls_and_duplicates(small, program, gold, status, verdict):
    found = verdict(small, f"result = {program}", gold)
    assert found.status == status, found.detail


def test_the_database_stays_as_it_is(entries, tmp_path, verdict):
    copy = tmp_path / "copy.sqlite"
    shutil.copy(entries["broker"].url.removeprefix("sqlite:///"), copy)
    before = copy.read_bytes()
    entry = replace(entries["broker"], url=file_url("sqlite", copy))
    for program, gold in (
        (COUNT_PROGRAM, COUNT_GOLD),
        (NAMES_PROGRAM, "DELETE FROM sbCustomer"),
        (RUNAWAY, COUNT_GOLD),
    ):
        verdict(entry, program, gold, limit_s=0.3)
    assert copy.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["copy.sqlite"]
