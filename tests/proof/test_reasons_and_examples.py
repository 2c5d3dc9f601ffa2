"""Why a program differs, the smallest data that shows it, and what may be accepted."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.databases.test_profile import TABLES, graph
from tests.proof.conftest import Prove
from tests.proof.test_proof_command import COLUMNS, lines, prove, table
from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry, file_url
from utils.databases.data_rules import DataRules
from utils.proof.settings import DEFAULT_INSTANCES, ProofSettings
from utils.proof.tasks import ProofTask

LEFT = "SELECT c.id, COUNT(p.id) FROM city AS c LEFT JOIN person AS p ON p.city_id = c.id GROUP BY c.id"
NO_EMPTY_CITY = "DELETE FROM city WHERE id = 3;"
Judged = Callable[..., Verdict]


@pytest.fixture
def town(tmp_path: Path) -> DatabaseEntry:
    """A town in which every city has people, so that the original hides what a join does to an empty one."""
    return make_town(tmp_path)


def make_town(folder: Path, extra: str = NO_EMPTY_CITY, twin: str | None = None) -> DatabaseEntry:
    connection = sqlite3.connect(folder / "town.sqlite")
    connection.executescript(TABLES + extra)
    connection.close()
    if twin is not None:
        with duckdb.connect(str(folder / "town.duckdb")) as other:
            other.execute(TABLES + extra + twin)
    path = folder / "town.json"
    path.write_text(json.dumps([graph({"people": False})]))
    twin_url = file_url("duckdb", folder / "town.duckdb") if twin is not None else None
    return DatabaseEntry("town", path, "TOWN", file_url("sqlite", folder / "town.sqlite"), twin_url=twin_url)


@pytest.fixture
def judged(prove: Prove, town: DatabaseEntry) -> Judged:
    def verdict(program: str, gold: str, **settings: object) -> Verdict:
        return prove(ProofTask("q", program, gold, town, replace(ProofSettings(), **settings)))

    return verdict


DIFFERENCES = {
    "childless_parents": (
        "result = cities.CALCULATE(key, n=COUNT(people))",
        "SELECT c.id, COUNT(p.id) FROM city AS c JOIN person AS p ON p.city_id = c.id GROUP BY c.id",
    ),
    "unmatched_keys": (
        "result = people.WHERE(HAS(home)).CALCULATE(key)",
        "SELECT id FROM person",
    ),
    "nulls": (
        "result = TOWN.CALCULATE(n=COUNT(people))",
        "SELECT COUNT(code) FROM person",
    ),
    "null_order": (
        "result = people.CALCULATE(key).ORDER_BY(weight.ASC(), key.ASC())",
        "SELECT id FROM person ORDER BY weight IS NULL, weight, id",
    ),
    "null_vs_zero": (
        "result = cities.CALCULATE(key, w=SUM(people.weight))",
        "SELECT c.id, SUM(p.weight) FROM city AS c LEFT JOIN person AS p ON p.city_id = c.id GROUP BY c.id",
    ),
    "case": (
        "result = people.WHERE(name == 'Ada').CALCULATE(key)",
        "SELECT id FROM person WHERE name LIKE 'Ada'",
    ),
    "boundary": (
        "result = people.WHERE(weight > 30).CALCULATE(key)",
        "SELECT id FROM person WHERE weight >= 30",
    ),
    "shared_names": (
        "result = cities.CALCULATE(label, n=COUNT(people))",
        "SELECT c.label, COUNT(p.id) FROM city AS c LEFT JOIN person AS p ON p.city_id = c.id GROUP BY c.label",
    ),
    "tie": (
        "result = people.WHERE(PRESENT(weight)).CALCULATE(key).ORDER_BY(weight.ASC())",
        "SELECT id FROM person WHERE weight IS NOT NULL ORDER BY weight, id",
    ),
    "clock": (
        "result = people.WHERE(born < DATETIME('2001-06-01')).CALCULATE(key)",
        "SELECT id FROM person WHERE born < DATE('now', '-22 years')",
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", DIFFERENCES)
def test_the_reason_is_told(judged: Judged, town: DatabaseEntry, prove: Prove, reason: str) -> None:
    program, gold = DIFFERENCES[reason]
    entry = replace(town, now="2023-06-01 00:00:00") if reason == "clock" else town
    rules = DataRules(null_keys="yes", unmatched_keys="yes") if reason == "unmatched_keys" else DataRules()
    verdict = prove(ProofTask("q", program, gold, entry, ProofSettings(rules=rules)))
    assert (verdict.status in ("mismatch", "quirk"), verdict.reasons) == (True, [reason]), verdict
    if verdict.differs_on == "original":  # these show there already, which nothing makes acceptable
        assert reason in ("nulls", "null_order", "null_vs_zero", "tie")
    else:
        assert verdict.differs_on.isdigit() and verdict.instances_passed >= 1
        allowed = replace(ProofSettings(rules=rules), accept=frozenset({reason}))
        accepted = prove(ProofTask("q", program, gold, entry, allowed))
        assert accepted.status == "match" and accepted.accepted[reason] > 0
        others = frozenset({"case", "boundary", "tie"} - {reason})
        assert prove(ProofTask("q", program, gold, entry, replace(allowed, accept=others))).status == verdict.status


def test_what_pydough_is_known_for_has_its_own_status(judged: Judged) -> None:
    program, gold = DIFFERENCES["null_vs_zero"]
    verdict = judged(program, gold)
    assert (verdict.status, [lint.code for lint in verdict.lints]) == ("quirk", ["null_vs_zero"])
    assert "DEFAULT_TO" in verdict.lints[0].explanation
    verdict = judged(
        "result = people.WHERE(seen <= '2021-01-01').CALCULATE(key)",
        "SELECT id FROM person WHERE DATE(seen) <= '2021-01-01'",
    )
    assert (verdict.status, [lint.code for lint in verdict.lints]) == ("quirk", ["timestamp_against_date"])
    verdict = judged(
        "result = cities.CALCULATE(key, first=people.SINGULAR().name)",
        "SELECT c.id, MIN(p.name) FROM city AS c LEFT JOIN person AS p ON p.city_id = c.id GROUP BY c.id",
    )
    assert (verdict.status, verdict.lints[0].code) == ("quirk", "singular_on_plural")


@pytest.mark.parametrize("reason", ["childless_parents", "boundary", "case", "shared_names"])
def test_the_counterexample_is_small_true_and_shows_both(judged: Judged, town: DatabaseEntry, reason: str) -> None:
    program, gold = DIFFERENCES[reason]
    example = judged(program, gold).counterexample
    assert example is not None
    rows = sum(len(one.rows) for one in example.tables.values())
    assert 1 <= rows <= 6 and not any(one.more for one in example.tables.values())
    connection = sqlite3.connect(":memory:")
    connection.executescript(TABLES.split("INSERT")[0].replace("NOT NULL", ""))
    for name, one in example.tables.items():
        places = ", ".join("?" * len(one.columns))
        connection.executemany(f"INSERT INTO {name} ({', '.join(one.columns)}) VALUES ({places})", one.rows)
    found = sorted(map(repr, connection.execute(gold).fetchall()))
    assert found == sorted(map(repr, map(tuple, example.gold.rows)))
    assert found != sorted(map(repr, map(tuple, example.program.rows)))
    assert len(example.program.columns) == len(example.gold.columns)


def test_a_difference_on_the_original_has_a_counterexample_too(judged: Judged) -> None:
    verdict = judged("result = TOWN.CALCULATE(n=COUNT(cities))", "SELECT COUNT(*) FROM person")
    assert (verdict.status, verdict.differs_on, verdict.instances_passed) == ("mismatch", "original", 0)
    assert verdict.counterexample is not None
    assert sum(len(one.rows) for one in verdict.counterexample.tables.values()) <= 3
    assert judged("result = cities.CALCULATE(key)", LEFT, counterexamples=False).counterexample is None


def test_a_graph_that_says_what_cannot_be_is_believed(prove: Prove, town: DatabaseEntry) -> None:
    program, gold = DIFFERENCES["childless_parents"]
    assert prove(ProofTask("q", program, gold, town)).status == "mismatch"
    town.graph_path.write_text(json.dumps([graph({"people": True})]))
    verdict = prove(ProofTask("q", program, gold, town))
    assert (verdict.status, verdict.instances_passed) == ("match", 1 + DEFAULT_INSTANCES)
    assert "city without person: no (graph)" in verdict.data_rules
    flagged = ProofSettings(rules=DataRules(childless_parents="yes"))
    verdict = prove(ProofTask("q", program, gold, town, flagged))
    assert "city without person: yes (flag)" in verdict.data_rules


def test_a_twin_must_agree(tmp_path: Path, prove: Prove) -> None:
    program, gold = "result = people.CALCULATE(key, w=weight)", "SELECT id, weight FROM person"
    for name, twin, status in (
        ("same", "", "match"),
        ("other", "UPDATE person SET weight = 61.5 WHERE id = 1;", "dialect_split"),
        ("broken", "DROP TABLE visit; ALTER TABLE person RENAME weight TO mass;", "dialect_split"),
    ):
        (tmp_path / name).mkdir()
        entry = make_town(tmp_path / name, twin=twin)
        verdict = prove(ProofTask("q", program, gold, entry))
        assert verdict.status == status, verdict.detail
        if status == "dialect_split":
            assert verdict.differs_on == "twin" and verdict.detail.startswith("on the DuckDB twin: ")
        assert prove(ProofTask("q", program, gold, entry, ProofSettings(twins=False))).status == "match"


def test_more_columns_may_be_allowed(judged: Judged) -> None:
    program, gold = "result = cities.CALCULATE(label, key)", "SELECT id FROM city"
    assert judged(program, gold).status == "mismatch"
    assert judged(program, gold, superset=True).status == "match"


def test_no_instances_is_the_original_only(judged: Judged) -> None:
    verdict = judged(*DIFFERENCES["boundary"], instances=0)
    assert (verdict.status, verdict.instances_tried, verdict.data_rules) == ("match", 1, [])


def test_a_gold_that_reads_a_view_is_proven_on_made_data(prove: Prove, tmp_path: Path) -> None:
    entry = make_town(tmp_path, "CREATE VIEW light AS SELECT id AS n FROM person WHERE weight < 62;")
    gold = "SELECT n FROM light"
    verdict = prove(ProofTask("q", "result = people.WHERE(weight < 62).CALCULATE(key)", gold, entry))
    assert (verdict.status, verdict.instances_tried) == ("match", 1 + DEFAULT_INSTANCES)
    verdict = prove(ProofTask("q", "result = people.WHERE(weight <= 62).CALCULATE(key)", gold, entry))
    assert (verdict.status, verdict.reasons) == ("mismatch", ["boundary"])


def test_where_no_data_can_be_made_it_is_said(judged: Judged) -> None:
    gold = "SELECT id FROM person WHERE id = 1 AND (SELECT COUNT(*) FROM person) = 3"
    verdict = judged("result = people.WHERE(key == 1).CALCULATE(key)", gold)
    assert (verdict.status, verdict.instances_tried) == ("match", 1)
    assert verdict.notes == ["gold gives nothing on made data, so the program is proven on the original only"]


def test_a_limit_that_cuts_a_tie_is_noted(judged: Judged) -> None:
    program = "result = people.CALCULATE(key).TOP_K(1, by=(city_id.ASC(), key.ASC()))"
    gold = "SELECT id FROM person ORDER BY city_id LIMIT 1"
    verdict = judged(program, gold)
    assert verdict.status == "match" and any("LIMIT cuts a tie" in note for note in verdict.notes)


# the command


def test_duckdb_views_are_seen_through_too(prove: Prove, tmp_path: Path) -> None:
    views = "CREATE VIEW light AS SELECT id AS n FROM person WHERE weight < 62; CREATE VIEW few AS SELECT n FROM light;"
    town = make_town(tmp_path, twin=views)
    entry = replace(town, url=str(town.twin_url), twin_url=None)
    gold = "SELECT n FROM few"
    verdict = prove(ProofTask("q", "result = people.WHERE(weight < 62).CALCULATE(key)", gold, entry))
    assert (verdict.status, verdict.instances_tried) == ("match", 1 + DEFAULT_INSTANCES)
    verdict = prove(ProofTask("q", "result = people.WHERE(weight <= 62).CALCULATE(key)", gold, entry))
    assert (verdict.status, verdict.reasons) == ("mismatch", ["boundary"])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_command_reads_three_formats_and_takes_flags(town: DatabaseEntry, tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame([(name, "town", *DIFFERENCES[name]) for name in ("case", "boundary")], columns=COLUMNS)
    file, out = tmp_path / f"rows{suffix}", tmp_path / "verdicts.jsonl"
    if suffix == ".csv":
        frame.to_csv(file, index=False)
    elif suffix == ".jsonl":
        frame.to_json(file, orient="records", lines=True)
    else:
        frame.to_parquet(file)
    known = ["--graph", f"town={town.graph_path}", "--database", f"town={town.url}", "--work-dir", tmp_path]
    flags_and_verdicts = [([], ["mismatch", "mismatch"])]
    if suffix == ".csv":
        flags_and_verdicts += [
            (["--strict"], ["mismatch", "mismatch"]),
            (["--accept", "case"], ["match", "mismatch"]),
            (["--accept", "case", "boundary"], ["match", "match"]),
            (["--instances", 0], ["match", "match"]),
        ]
    for flags, expected in flags_and_verdicts:
        done = prove(file, "--out", out, *known, *flags)
        assert done.returncode == 0, done.stderr
        assert [line["verdict"]["status"] for line in lines(out)] == expected


def test_a_row_is_explained_to_read(town: DatabaseEntry, tmp_path: Path) -> None:
    file = table(tmp_path / "rows.csv", [(name, "town", *DIFFERENCES[name]) for name in DIFFERENCES])
    known = ["--graph", f"town={town.graph_path}", "--database", f"town={town.url}", "--work-dir", tmp_path]
    done = prove(file, "--explain", "boundary", *known)
    assert done.returncode == 0, done.stderr
    for part in (
        "boundary: mismatch",
        "reason: boundary",
        "people.WHERE(weight > 30)",
        "weight >= 30",
        "person\n",
        "30",
    ):
        assert part in done.stdout
    done = prove(file, "--explain", "nobody", *known)
    assert done.returncode == 2 and "no row with question_id 'nobody'" in done.stderr
    for flags in (["--accept", "nonsense"], ["--strict", "--accept", "case"], ["--instances", "-1"]):
        done = prove(file, "--explain", "case", *known, *flags)
        assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
