"""Rows that nobody has written: made, proven, told apart, and released beside the corpus."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.support import BUSINESS, by_id, lines, make
from utils.core.paths import WorkDir

TARGET = 12


def test_synthetic_rows_are_proven_and_released(staged_copy: WorkDir, staged: WorkDir) -> None:
    questions = ("--questions", staged.root / "questions.csv")
    asked = (*questions, "--provider", "synthetic", "--target-accepted", TARGET, "--instances", 3)
    printed = make(3, staged_copy.root, *asked)
    assert "synthesis: broker: transactions.settlement_date_str: holds days as text" in printed
    rows = lines(staged_copy.stage("generated"))
    assert [row["question_id"] for row in rows[: len(BUSINESS)]] == [row["question_id"] for row in BUSINESS]
    made = rows[len(BUSINESS) :]
    accepted = [row for row in made if row["status"] == "accepted"]
    assert len(accepted) == TARGET
    assert {row["tier"] for row in accepted} == {"synthetic"}
    assert {row["origin"] for row in made} == {"synthetic"}
    assert {row["db_name"] for row in accepted} == {"broker", "tpch"}
    assert all(row["gold_sql"] and row["verdict"]["instances_tried"] > 1 for row in accepted)
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
    before = Path(staged_copy.stage("generated")).read_bytes()
    make(3, staged_copy.root, *asked, "--force")
    assert Path(staged_copy.stage("generated")).read_bytes() == before
