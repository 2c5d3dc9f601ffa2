"""`python -m utils.proof`, as a person runs it, on databases that are not ours."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.databases.graphs import collection, join
from utils.core.paths import WorkDir
from utils.core.records import Verdict

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["question_id", "db_name", "pydough", "gold_sql"]
TABLES = """
CREATE TABLE person (person_key INTEGER, full_name VARCHAR, born VARCHAR, city_key INTEGER);
CREATE TABLE city (city_key INTEGER, label VARCHAR);
INSERT INTO city VALUES (1, 'Ulm'), (2, 'Bonn'), (3, 'Jena');
INSERT INTO person VALUES (1, 'Ada', '2000-03-01', 1), (2, 'Bo', '1990-03-02', 1), (3, 'Cy', '2000-02-29', 2), (4, 'Di', NULL, NULL);
"""


def prove(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "utils.proof", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def table(path: Path, rows: list[tuple[str, ...]], columns: list[str] = COLUMNS) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def statuses(path: Path) -> dict[str, str]:
    return {line["question_id"]: Verdict.model_validate(line["verdict"]).status for line in lines(path)}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that is not ours, as SQLite and as DuckDB file, and its graph."""
    folder = tmp_path_factory.mktemp("town")
    connection = sqlite3.connect(folder / "town.db")
    connection.executescript(TABLES)
    connection.close()
    with duckdb.connect(str(folder / "town.duckdb")) as other:
        other.execute(TABLES)

    people = {
        "key": ("person_key", "numeric"),
        "name": ("full_name", "string"),
        "born": ("born", "datetime"),
        "city_key": ("city_key", "numeric"),
    }
    graph = {
        "name": "TOWN",
        "version": "V2",
        "collections": [
            collection("people", "main.person", "key", people),
            collection("cities", "main.city", "key", {"key": ("city_key", "numeric"), "label": ("label", "string")}),
        ],
        "relationships": [
            join("people", "cities", "people", {"key": ["city_key"]}, singular=False, **{"always matches": False}),
            {
                "type": "reverse",
                "name": "city",
                "original parent": "cities",
                "original property": "people",
                "singular": True,
                "always matches": False,
            },
        ],
    }  # fmt: skip
    (folder / "town.json").write_text(json.dumps([graph]))
    return folder


ADULTS = "result = people.WHERE(DATEDIFF('years', born, DATETIME('now')) >= 30).CALCULATE(name)"
ADULTS_GOLD = {
    "sqlite": "SELECT full_name FROM person WHERE CAST(strftime('%Y', 'now') AS INT) - CAST(strftime('%Y', born) AS INT) >= 30",
    "duckdb": "SELECT full_name FROM person WHERE year(today()) - year(born::DATE) >= 30",
}
RATIO = "result = TOWN.CALCULATE(r=COUNT(people) / COUNT(people.WHERE(name == 'Nobody')), n=1)"
WEEK = "result = TOWN.CALCULATE(d=STRING(DATETIME('2023-12-14', 'start of week'), '%Y-%m-%d'))"


def test_a_csv_on_both_engines_gets_one_verdict_a_row_in_order(town, tmp_path, databases: WorkDir):
    rows = [
        ("count", "town", "result = TOWN.CALCULATE(n=COUNT(people))", "SELECT COUNT(*) FROM person"),
        ("left", "TOWN", "result = cities.CALCULATE(label, n=COUNT(people))",
         "SELECT label, COUNT(person_key) FROM city LEFT JOIN person ON person.city_key = city.city_key GROUP BY city.city_key, label"),
        ("inner", "town", "result = cities.WHERE(HAS(people)).CALCULATE(label, n=COUNT(people))",
         "SELECT label, COUNT(person_key) FROM city LEFT JOIN person ON person.city_key = city.city_key GROUP BY city.city_key, label"),
        ("now", "town", ADULTS, ADULTS_GOLD["sqlite"]),
        ("now duckdb", "town_duck", ADULTS, ADULTS_GOLD["duckdb"]),
        ("unknown", "village", "result = people", "SELECT 1"),
        ("broken", "town", "result = people.CALCULATE(", "SELECT 1"),
        ("hostile", "town", "import os\nresult = people", "SELECT 1"),
        ("gold", "town", "result = people", "SELECT * FROM nobody"),
        ("empty", "town", "", ""),
        ("nothing", "town", "result = people.WHERE(name == 'x')", "SELECT * FROM person WHERE full_name = 'x' AND 1 = 0"),
        ("count", "town", "result = TOWN.CALCULATE(n=COUNT(people), label='é')", "SELECT COUNT(*),\n'é' FROM person"),
        ("ours", "broker", "result = Broker.CALCULATE(n=COUNT(customers))", "SELECT COUNT(*) FROM sbCustomer"),
    ]  # fmt: skip
    file, out = table(tmp_path / "rows.csv", rows), tmp_path / "new" / "verdicts.jsonl"
    done = prove(
        file, "--out", out, "--work-dir", databases.root, "--workers", 2, "--now", "2023-12-15 14:30:00",
        "--graph", f"town={town}/town.json", "--database", f"town={town}/town.db",
        "--graph", f"town_duck={town}/town.json", "--database", f"town_duck=duckdb:///{town}/town.duckdb",
    )  # fmt: skip
    assert done.returncode == 0
    found = lines(out)
    assert [(line["question_id"], line["db_name"]) for line in found] == [(row[0], row[1]) for row in rows]
    assert [line["verdict"]["status"] for line in found] == [
        "match", "match", "mismatch", "match", "match", "infra_error", "code_error", "unsafe", "gold_error", "code_error",
        "degenerate", "match", "match",
    ]  # fmt: skip
    assert "unknown database 'village'; known: broker" in found[5]["verdict"]["detail"]
    assert done.stderr == f"{file}:7: {found[5]['verdict']['detail']}\n"
    told = dict(line.split()[:2] for line in done.stdout.splitlines())
    assert told == {
        "match": "6", "code_error": "2", "mismatch": "1", "infra_error": "1", "unsafe": "1", "gold_error": "1",
        "degenerate": "1", "total": "13",
    }  # fmt: skip


def test_a_jsonl_with_settings_and_another_moment(town, tmp_path):
    rows = [
        {"question_id": 1, "db_name": "town", "pydough": RATIO, "gold_sql": "SELECT COALESCE(COUNT(*) * 1.0 / NULLIF(SUM(full_name = 'Nobody'), 0), 0), 1 FROM person"},
        {"question_id": "week", "db_name": "town", "pydough": WEEK, "gold_sql": "SELECT '2023-12-14'"},
        {"question_id": "now", "db_name": "town", "pydough": ADULTS, "gold_sql": ADULTS_GOLD["sqlite"]},
        {"question_id": "null", "db_name": "town", "pydough": None, "gold_sql": None},
        {"question_id": "number", "db_name": "town", "pydough": 3, "gold_sql": ["SELECT 1"]},
        {"question_id": "no db", "db_name": None, "pydough": "result = people", "gold_sql": "SELECT 1"},
        {"question_id": "slow", "db_name": "town", "gold_sql": "SELECT 1", "pydough": "for i in range(10 ** 12):\n    x = i\nresult = people"},
    ]  # fmt: skip
    file, out = tmp_path / "rows.jsonl", tmp_path / "verdicts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    done = prove(
        file, "--out", out, "--work-dir", tmp_path, "--workers", 1, "--timeout", 2, "--memory-mb", 1000,
        "--graph", f"town={town}/town.json", "--database", f"town={town}/town.db",
        "--now", "2030-06-01", "--config", "division_by_zero=ZERO", "--config", "start_of_week=thursday",
    )  # fmt: skip
    assert done.returncode == 0
    assert statuses(out) == {
        1: "match", "week": "match", "now": "match", "null": "code_error", "number": "code_error", "no db": "infra_error",
        "slow": "timeout",
    }  # fmt: skip
    assert f"{file}:11: unknown database" in done.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("question_id,db_name,pydough\nq,town,x\n", "rows.csv:1: missing column 'gold_sql'; expected question_id, "),
        ("", "rows.csv:1: missing column"),
        ('question_id,db_name,pydough,gold_sql\nq,town,x,y\nq2,town,"x,y\n', "rows.csv:3: broken CSV"),
        ("question_id,db_name,pydough,gold_sql\nq,town,x,y,z\n", "rows.csv:2: expected 4 fields, found 5"),
        (None, "rows.csv: no such file"),
    ],
)
def test_a_file_that_is_no_table_is_told_in_one_line(tmp_path, content, told):
    file, out = tmp_path / "rows.csv", tmp_path / "verdicts.jsonl"
    if content is not None:
        file.write_text(content)
    done = prove(file, "--out", out)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and told in done.stderr and done.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--graph", "town"], "--graph 'town': expected NAME=PATH"),
        (["--graph", "town=/no/such.json", "--database", "town=sqlite:////x.db"], "/no/such.json"),
        (["--database", "town=sqlite:////x.db"], "no graph of that name"),
        (["--now", "yesterday"], "--now 'yesterday': not a moment"),
        (["--config", "start_of_week=SOMEDAY"], "--config start_of_week=SOMEDAY: expected one of SUNDAY"),
        (["--config", "week=MONDAY"], "--config week=MONDAY: PyDough has no such setting"),
    ],
)
def test_a_wrong_flag_is_told_in_one_line(tmp_path, flags, told):
    file = table(tmp_path / "rows.csv", [("q", "broker", "result = customers", "SELECT 1")])
    done = prove(file, "--out", tmp_path / "verdicts.jsonl", *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and told in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("flags", [["--workers", "-1"], ["--timeout", "0"], ["--memory-mb", "0"], ["--no-such-flag"]])
def test_wrong_usage_is_exit_code_2(tmp_path, flags):
    done = prove("x.csv", "--out", tmp_path / "y", *flags)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_an_output_that_cannot_be_written_is_told_in_one_line(tmp_path):
    file = table(tmp_path / "rows.csv", [])
    done = prove(file, "--out", file / "verdicts.jsonl")
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_a_file_without_rows_gives_a_file_without_lines(tmp_path):
    out = tmp_path / "verdicts.jsonl"
    done = prove(table(tmp_path / "rows.csv", []), "--out", out)
    assert (done.returncode, out.read_text()) == (0, "") and done.stdout.split()[:2] == ["total", "0"]


def test_databases_that_are_not_built_cost_their_rows_and_say_how_to_build_them(tmp_path):
    file = table(tmp_path / "rows.csv", [("q", "broker", "result = customers", "SELECT 1")])
    done = prove(file, "--out", tmp_path / "verdicts.jsonl", "--work-dir", tmp_path / "nowhere", "--workers", 1)
    (line,) = lines(tmp_path / "verdicts.jsonl")
    assert done.returncode == 0 and line["verdict"]["status"] == "infra_error"
    assert "python -m utils.databases.build" in line["verdict"]["detail"]


def test_paths_may_be_relative_to_the_folder_it_is_run_in(town, tmp_path):
    out = tmp_path / "verdicts.jsonl"
    out.write_text("old\n")
    for name in ("town.json", "town.db"):
        (tmp_path / name).write_bytes((town / name).read_bytes())
    table(tmp_path / "rows.csv", [("q", "town", "result = cities.CALCULATE(label)", "SELECT label FROM city")])
    flags = ["--graph", "town=town.json", "--database", "town=town.db", "--workers", 1]
    done = prove("rows.csv", "--out", "verdicts.jsonl", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert statuses(out) == {"q": "match"}
