"""A database that is not ours, with its own graph and questions, through stages 2 to 4."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

from tests.end_to_end.support import by_id, lines, make, program_of, question_of, run, write_questions
from utils.core.paths import WorkDir

ORCHARD = [
    {
        "name": "ORCHARD",
        "version": "V2",
        "collections": [
            {
                "name": "trees",
                "type": "simple table",
                "table path": "main.tree",
                "unique properties": ["number"],
                "description": "Every tree of the orchard.",
                "properties": [
                    {
                        "name": "number",
                        "type": "table column",
                        "column name": "t_no",
                        "data type": "numeric",
                        "description": "Tree tag",
                    },
                    {
                        "name": "kind",
                        "type": "table column",
                        "column name": "t_kind",
                        "data type": "string",
                        "description": "Fruit it bears",
                    },
                ],
            },
            {
                "name": "pickings",
                "type": "simple table",
                "table path": "main.picking",
                "unique properties": ["number"],
                "description": "What was picked from a tree on a day.",
                "properties": [
                    {
                        "name": "number",
                        "type": "table column",
                        "column name": "p_no",
                        "data type": "numeric",
                        "description": "Picking number",
                    },
                    {
                        "name": "tree_number",
                        "type": "table column",
                        "column name": "p_tree",
                        "data type": "numeric",
                        "description": "Tree picked",
                    },
                    {
                        "name": "weight",
                        "type": "table column",
                        "column name": "p_kg",
                        "data type": "numeric",
                        "description": "In kilograms",
                    },
                    {
                        "name": "day",
                        "type": "table column",
                        "column name": "p_day",
                        "data type": "datetime",
                        "description": "Day of picking",
                    },
                ],
            },
        ],
        "relationships": [
            {
                "name": "pickings",
                "type": "simple join",
                "parent collection": "trees",
                "child collection": "pickings",
                "singular": False,
                "always matches": False,
                "keys": {"number": ["tree_number"]},
                "description": "What was picked from the tree",
            },
            {
                "name": "tree",
                "type": "reverse",
                "original parent": "trees",
                "original property": "pickings",
                "singular": True,
                "always matches": True,
                "description": "The tree it was picked from",
            },
        ],
        "additional definitions": [],
        "verified pydough analysis": [],
        "extra semantic info": {},
    }
]
QUESTIONS = [
    {
        "question_id": "per_kind",
        "db_name": "Orchard",
        "question": "For each kind of fruit, what weight was picked?",
        "gold_sql": "SELECT t_kind, COALESCE(SUM(p_kg), 0) FROM tree LEFT JOIN picking ON p_tree = t_no GROUP BY t_kind",
        "pydough": (
            "kinds = trees.PARTITION(name='kinds', by=kind)\n"
            "result = kinds.CALCULATE(kind, total=SUM(trees.pickings.weight))"
        ),
    },
    {
        "question_id": "yesterday",
        "db_name": "orchard",
        "question": "How many pickings were there yesterday?",
        "gold_sql": "SELECT COUNT(*) FROM picking WHERE p_day = DATE('now', '-1 day')",
        "pydough": (
            "yesterday = DATETIME('now', 'start of day', '-1 day')\n"
            "result = ORCHARD.CALCULATE(n=COUNT(pickings.WHERE(day == yesterday)))"
        ),
    },
    {
        "question_id": "wrong",
        "db_name": "orchard",
        "question": "How many trees are there?",
        "gold_sql": "SELECT COUNT(*) FROM tree",
        "pydough": "result = ORCHARD.CALCULATE(n=COUNT(pickings))",
    },
]


def _orchard(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "orchard.sqlite") as connection:
        connection.executescript(
            "CREATE TABLE tree (t_no INTEGER PRIMARY KEY, t_kind TEXT);"
            "CREATE TABLE picking (p_no INTEGER PRIMARY KEY, p_tree INTEGER REFERENCES tree, p_kg REAL, p_day TEXT);"
            "INSERT INTO tree VALUES (1, 'apple'), (2, 'apple'), (3, 'pear'), (4, 'quince');"
            "INSERT INTO picking VALUES (1, 1, 10.5, '2024-06-28'), (2, 1, 4, '2024-06-29'), (3, 2, 7, '2024-06-29'),"
            " (4, 3, 2.25, '2024-06-29'), (5, 3, 1, '2024-06-30');"
        )
    connection.close()
    (folder / "orchard.json").write_text(json.dumps(ORCHARD), encoding="utf-8")
    graph, database = f"orchard={folder / 'orchard.json'}", f"orchard=sqlite:///{folder / 'orchard.sqlite'}"
    return [
        "--graph",
        graph,
        "--database",
        database,
        "--now",
        "2024-06-30 12:00:00",
        "--config",
        "start_of_week=SUNDAY",
    ]


def test_stages_2_to_4_on_a_database_of_ones_own(staged: WorkDir, tmp_path: Path) -> None:
    work = WorkDir(tmp_path / "work")
    work.stage("basicq").parent.mkdir(parents=True)
    for name in ("basicq.jsonl", ".basicq.jsonl.inputs.json"):
        shutil.copy(staged.root / "stages" / name, work.root / "stages")
    questions = write_questions(tmp_path / "questions.csv", QUESTIONS)
    flags = [*_orchard(tmp_path), "--questions", questions]
    for stage in (2, 3):
        make(stage, work.root, "--provider", "corpus", *flags)
    rows = by_id(work.stage("generated"))
    assert {name: row["status"] for name, row in rows.items()} == {
        "per_kind": "accepted",
        "yesterday": "accepted",
        "wrong": "mismatch",
    }
    assert {row["db_name"] for row in rows.values()} == {"orchard"}  # one spelling
    assert {"PARTITION", "SUM", "trees", "weight"} <= set(rows["per_kind"]["key_terms"])

    printed = make(4, work.root, *flags)
    assert printed.splitlines()[1].split()[0] == "orchard"
    latest = work.sft / "latest"
    written = [line for side in ("train", "validation") for line in lines(latest / f"{side}.jsonl")]
    assert sorted(map(program_of, written)) == sorted(row["pydough"] for row in QUESTIONS[:2])
    for line in written:
        assert "Database Schema:\n# ORCHARD\n" in question_of(line)
        assert "- pickings -> many pickings. What was picked from the tree" in question_of(line)
    manifest = json.loads((latest / "manifest.json").read_text(encoding="utf-8"))
    session = {"graph": "ORCHARD", "now": "2024-06-30 12:00:00", "configs": {"start_of_week": "SUNDAY"}}
    assert manifest["sessions"] == {"orchard": session}
    assert list(manifest["databases"]) == ["orchard"]

    without = run(4, work.root, "--questions", questions)
    assert without.returncode == 1
    told = without.stderr.splitlines()
    assert len(told) == 2
    for line, place in zip(told, ("questions.csv:2", "questions.csv:4"), strict=True):
        assert line.lower().startswith(f"{place}: unknown database 'orchard'; known: ")
    assert f"not published: {latest} and the bucket stay as they are" in without.stdout
    assert json.loads((latest / "manifest.json").read_text(encoding="utf-8")) == manifest
    [other] = [folder for folder in work.sft.iterdir() if folder.is_dir() and folder.resolve() != latest.resolve()]
    assert [row["outcome"] for row in lines(other / "rows.jsonl")][:3] == [
        "unknown_schema",
        "unknown_schema",
        "mismatch",
    ]
    assert lines(other / "train.jsonl") == []
