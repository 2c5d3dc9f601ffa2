import asyncio
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from utils.core.paths import WorkDir
from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry, built_in_entries, file_url
from utils.databases.data_rules import DataRules
from utils.proof.cache import VerdictCache, task_key
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

PROGRAM = "result = Broker.CALCULATE(n=COUNT(customers))"
GOLD = "SELECT COUNT(*) FROM sbCustomer"


@pytest.fixture
def entry(databases: WorkDir, tmp_path: Path) -> DatabaseEntry:
    """The broker database on files of the test's own."""
    entry = built_in_entries(databases)["broker"]
    copy, graph = tmp_path / "copy.sqlite", tmp_path / "graph.json"
    shutil.copy(entry.url.removeprefix("sqlite:///"), copy)
    shutil.copy(entry.graph_path, graph)
    return replace(entry, url=file_url("sqlite", copy), graph_path=graph)


@pytest.fixture
def task(entry) -> ProofTask:
    return ProofTask("q1", PROGRAM, GOLD, entry)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "verdicts.sqlite"


def run(file: Path, *tasks: ProofTask, limit_s: float = 30.0, memory_mb: int = 4096):
    """(verdicts, how many were kept, how many were proven) of one run."""
    with Prover(workers=1, limit_s=limit_s, memory_mb=memory_mb, cache_folder=file.parent) as prover:
        return [verdict for _task, verdict in prover.prove_all(tasks)], prover.kept, prover.proven


def kept(file: Path, task: ProofTask) -> Verdict | None:
    cache = VerdictCache(file)
    try:
        return cache.get(task)
    finally:
        cache.close()


def test_the_same_task_is_proven_once(file, task):
    first, kept_first, proven_first = run(file, task)
    again, kept_again, proven_again = run(file, task, replace(task, question_id="q2"))
    assert (kept_first, proven_first, kept_again, proven_again) == (0, 1, 2, 0)
    assert first[0].status == "match" and again == first * 2


def test_kept_and_new_verdicts_come_in_the_order_of_the_tasks(file, task):
    wrong = replace(task, gold_sql=GOLD + " WHERE sbCustStatus = 'active'")
    run(file, task)
    verdicts, kept_count, proven_count = run(file, wrong, task, replace(task, program="result = ("), task)
    assert [verdict.status for verdict in verdicts] == ["mismatch", "match", "code_error", "match"]
    assert (kept_count, proven_count) == (2, 2)


def test_a_verdict_depends_on_all_that_made_it(task, entry, databases):
    changes = [
        *(
            replace(task, settings=replace(task.settings, **change))
            for change in (
                {"instances": 3},
                {"accept": frozenset({"case"})},
                {"rules": DataRules(null_keys="no")},
                {"superset": True},
                {"twins": False},
                {"counterexamples": False},
            )
        ),
        replace(task, program=PROGRAM + " "),
        replace(task, gold_sql=GOLD + " "),
        *(
            replace(task, entry=replace(entry, **change))
            for change in (
                {"now": "2024-01-01 00:00:00"},
                {"now": None},
                {"configs": {}},
                {"configs": {"start_of_week": "SUNDAY", "division_by_zero": "NULL"}},
                {"graph_name": "Other"},
                {"url": built_in_entries(databases)["broker_duckdb"].url},
                {"twin_url": None},
                {"twin_url": built_in_entries(databases)["tpch_duckdb"].url},
                {"graph_path": built_in_entries(databases)["tpch"].graph_path},
            )
        ),
    ]
    keys = [task_key(one) for one in [task, *changes]]
    assert len(set(keys)) == len(keys)


def test_a_verdict_depends_on_contents_not_on_places(task, entry, databases):
    original = replace(task, entry=built_in_entries(databases)["broker"])
    assert task_key(original) == task_key(task)
    assert task_key(replace(task, question_id="other", entry=replace(entry, name="other"))) == task_key(task)


def test_a_changed_database_is_proven_anew(file, task, entry):
    task = replace(task, entry=replace(entry, twin_url=None))
    assert run(file, task)[0][0].status == "match"
    path = entry.url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM sbCustomer WHERE sbCustId = (SELECT MIN(sbCustId) FROM sbCustomer)")
    connection.close()
    (verdict,), kept_count, proven_count = run(file, replace(task, gold_sql=GOLD))
    assert (verdict.status, kept_count, proven_count) == ("match", 0, 1)


def test_a_changed_graph_is_proven_anew(file, task, entry):
    assert run(file, task)[0][0].status == "match"
    text = entry.graph_path.read_text().replace('"customers"', '"clients"')
    entry.graph_path.write_text(text)
    (verdict,), kept_count, _ = run(file, task)
    assert (verdict.status, kept_count) == ("code_error", 0)


def test_touching_a_file_changes_nothing(task, entry):
    before = task_key(task)
    os.utime(entry.graph_path, (1, 1))
    assert task_key(task) == before


def test_a_timeout_is_never_kept(file, task):
    endless = replace(task, program="x = [i for i in range(10 ** 12)]\nresult = customers")
    slow_gold = replace(
        task,
        gold_sql="WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
        settings=ProofSettings(query_limit_s=0.2),
    )
    verdicts, _, _ = run(
        file,
        replace(endless, program="for i in range(10 ** 12):\n    x = i\nresult = customers"),
        slow_gold,
        limit_s=2.0,
    )
    assert [verdict.status for verdict in verdicts] == ["timeout", "timeout"]
    assert kept(file, slow_gold) is None
    _, kept_count, proven_count = run(file, slow_gold, limit_s=2.0)
    assert (kept_count, proven_count) == (0, 1)


def test_neither_is_the_death_of_a_worker_nor_a_fault_of_the_machine(file, task, entry):
    bomb = replace(task, program="x = ['a' * 10 ** 6 for i in range(10 ** 7)]\nresult = customers")
    lost = replace(task, entry=replace(entry, configs={"start_of_week": "SOMEDAY"}))
    verdicts, _, _ = run(file, bomb, lost, memory_mb=400)
    assert [verdict.status for verdict in verdicts] == ["code_error", "infra_error"]
    assert verdicts[0].detail == "out of memory"
    assert kept(file, lost) is None and kept(file, bomb) is None


@pytest.mark.parametrize(
    "status", ["match", "mismatch", "quirk", "dialect_split", "code_error", "gold_error", "unsafe", "degenerate"]
)
def test_what_another_run_would_find_too_is_kept(file, task, status):
    cache = VerdictCache(file)
    cache.put(task, Verdict(status=status, detail="é", ms=1.5))
    cache.close()
    assert kept(file, task) == Verdict(status=status, detail="é", ms=1.5)


def test_a_later_verdict_takes_the_place_of_an_earlier_one(file, task):
    cache = VerdictCache(file)
    cache.put(task, Verdict(status="mismatch"))
    cache.put(task, Verdict(status="match"))
    cache.put(task, Verdict(status="timeout"))
    assert cache.get(task) == Verdict(status="match") and cache.hits == 1
    cache.close()


def test_two_runs_share_a_file(file, task):
    one, other = VerdictCache(file), VerdictCache(file)
    one.put(task, Verdict(status="match"))
    assert other.get(task) == Verdict(status="match")
    other.put(replace(task, gold_sql="SELECT 1"), Verdict(status="mismatch"))
    assert one.get(replace(task, gold_sql="SELECT 1")) == Verdict(status="mismatch")
    one.close()
    other.close()


def test_without_a_file_nothing_is_kept(task):
    with Prover(workers=1) as prover:
        list(prover.prove_all([task]))
        list(prover.prove_all([task]))
        assert (prover.kept, prover.proven) == (0, 2)


def test_a_program_can_be_proven_within_an_event_loop(file, task):
    async def both():
        with Prover(workers=1, cache_folder=file.parent) as prover:
            first = await prover.prove_one(task)
            return first, await prover.prove_one(task), prover.kept, prover.proven

    first, again, kept_count, proven_count = asyncio.run(both())
    assert first.status == "match" and first == again and (kept_count, proven_count) == (1, 1)


def test_a_prover_with_nothing_left_to_prove_starts_no_workers(file, task):
    run(file, task)
    with Prover(workers=1, cache_folder=file.parent) as prover:
        assert [verdict.status for _task, verdict in prover.prove_all([task] * 300)] == ["match"] * 300
        assert prover._compiler is None and prover._judges is None
