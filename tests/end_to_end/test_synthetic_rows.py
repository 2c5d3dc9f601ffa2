"""Rows that nobody has written: made, proven, told apart, and released beside the corpus."""

from __future__ import annotations

import json
import re

from tests.end_to_end.support import BUSINESS, by_id, lines, make, run
from tests.synthesis.poor import poor_database
from utils.core.paths import WorkDir

TARGET = 12


def test_synthetic_rows_are_proven_and_released(staged_copy: WorkDir, staged: WorkDir) -> None:
    questions = ("--questions", staged.root / "questions.csv")
    asked = (*questions, "--provider", "synthetic", "--target-accepted", TARGET, "--instances", 3)
    printed = make(3, staged_copy.root, *asked)
    assert "synthesis: broker: transactions.settlement_date_str: holds days as text" in printed
    assert re.search(rf"synthesis: {TARGET} rows accepted; \d+ draws left out \(\d+ ", printed)
    assert f"target: {TARGET} rows accepted, {TARGET} asked for" in printed
    before = staged_copy.stage("generated").read_bytes()
    rows = lines(staged_copy.stage("generated"))
    assert [row["question_id"] for row in rows[: len(BUSINESS)]] == [row["question_id"] for row in BUSINESS]
    made = rows[len(BUSINESS) :]
    accepted = [row for row in made if row["status"] == "accepted"]
    assert len(accepted) == TARGET
    assert {row["tier"] for row in accepted} == {"synthetic"}
    assert {row["origin"] for row in made} == {"synthetic"}
    assert {row["db_name"] for row in accepted} == {"broker", "tpch"}
    assert all(row["gold_sql"] for row in accepted)
    # of what is rare made data may hold nothing
    assert sum(row["verdict"]["instances_tried"] > 1 for row in accepted) >= TARGET - 3
    known = by_id(staged_copy.stage("synthetic"))
    assert set(known) == {row["question_id"] for row in made}

    make(4, staged_copy.root, *questions, "--execute", 20)
    latest = staged_copy.sft / "latest"
    outcomes = by_id(latest / "rows.jsonl")
    assert all(outcomes[row["question_id"]]["outcome"] in ("train", "validation", "near_duplicate") for row in accepted)
    manifest = json.loads((latest / "manifest.json").read_text(encoding="utf-8"))
    assert sum(manifest["tiers"]["synthetic"].values()) >= TARGET - 2
    make(4, staged_copy.root, *questions, "--tiers", "gold")
    assert {row["outcome"] for row in lines(latest / "rows.jsonl") if row["origin"] == "synthetic"} == {"other_tier"}

    again = make(3, staged_copy.root, *asked)
    assert "generated.jsonl up to date" in again
    dry = make(3, staged_copy.root, *asked, "--dry-run")
    assert dry.strip().endswith("dry run: nothing would be asked: rows of synthesis need no model but for --paraphrase")
    mixed = run(3, staged_copy.root, *asked, "--max-per-database", 1)  # other rows: what is there is not up to date
    assert "2 rows accepted of 12 wanted" in mixed.stdout and mixed.returncode == 1, mixed.stdout
    make(3, staged_copy.root, *asked)
    assert staged_copy.stage("generated").read_bytes() == before
    make(3, staged_copy.root, *questions, "--provider", "corpus")
    assert not staged_copy.stage("synthetic").exists()


def test_a_database_that_gives_too_little_says_so_and_ends_with_1(staged_copy: WorkDir, staged: WorkDir) -> None:
    database, graph = poor_database(staged_copy.root)
    own = ("--graph", f"poor={graph}", "--database", f"poor=sqlite:///{database}")
    questions = ("--questions", staged.root / "questions.csv")
    done = run(3, staged_copy.root, *questions, *own, "--provider", "synthetic", "--target-accepted", 5)
    assert done.returncode == 1, done.stderr
    assert "0 rows accepted of 5 wanted; 200 draws left out (" in done.stdout
    assert "below target: 0 rows accepted, --target-accepted asks for 5: nothing else can be made" in done.stdout
    assert len(lines(staged_copy.stage("generated"))) == len(BUSINESS)
