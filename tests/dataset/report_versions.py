"""Versions for the tests of the report: files made by hand, with rows of each kind and hostile texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from utils.core.jsonl import write_jsonl
from utils.dataset.report.outcomes import SIDES
from utils.dataset.sft import sft_record

HOSTILE = """</script><script>window.hacked=1</script><img src=x onerror="window.hacked=1">{{ 7*7 }}<!--<script>"""
UNSEEN = "a\u2028b\u0000c\u202eevil\u202c \ufeffd"
LONG = "longword" * 300
ARABIC, EMOJI = "كم عدد العملاء؟", "👩‍👩‍👧 many families"
SCHEMA = "# Broker\n\n## customers\n- name: string"

FULL: dict[str, Any] = {
    "version": "0123456789ab",
    "created_at": "2026-11-26T08:00:00+00:00",
    "licence": "CC-BY-4.0",
    "counts": {"3 generate_finetuning_data_gemini": {"rows": 9, "accepted": 7, "mismatch": 2}},
    "operators": {"CALCULATE": 120, "RANKING": 2},
    "operators_unused": ["QUANTILE", "PREV"],
    "settings": {"lines": {"schema": "markdown"}, "holdout": ["a", "b"], "with_documentation": False},
    "seeds": {"split": 7},
    "sessions": {"broker": {"graph": "Broker", "configs": {"start_of_week": "MONDAY"}}},
    "versions": {"pydough": "1.0.33"},
    "inputs": {"graphs/broker.json": "9f" * 32},
    "files": {"train.jsonl": {"rows": 2, "bytes": 1024, "sha256": "ab" * 32}},
    "leakage": {
        "pairs": [
            {
                "between": ["train", "validation"],
                "question": 0,
                "near_question": 3,
                "program": 0,
                "template": 0,
                "schema": 5,
            }
        ],
        "forbidden": ["question", "near_question", "program", "template"],
    },
    "cost": {
        "usd": 1.5,
        "calls": 1234,
        "usd_per_accepted": 0.0123,
        "models": {"gemini-2.5-flash": {"calls": 1234, "usd": 1.5}},
    },
}


def row(name: str, **changes: Any) -> dict[str, Any]:
    """A row of rows.jsonl, written into train unless `changes` say otherwise."""
    values = {
        "question_id": name,
        "db_name": "broker",
        "outcome": "train",
        "detail": "",
        "tier": "gold",
        "origin": "corpus",
        "source": f"broker.csv:{name}",
        "is_benchmark": False,
        "question": f"What about {name}?",
        "program": f"result = customers.WHERE(name == {name!r})",
        "difficulty": "easy",
        "operators": ["WHERE"],
        "template": "0123456789ab",
        "tokens": 700,
        "verdict": {"status": "match", "instances_passed": 11, "instances_tried": 11},
        "result": {"columns": ["name", "total"], "rows": [["Ann", 12.5], ["Bob", None]], "more": 3},
    }
    return values | changes


def left_out(name: str, outcome: str, detail: str = "", **changes: Any) -> dict[str, Any]:
    return row(name, **({"outcome": outcome, "detail": detail, "tier": None, "tokens": 0} | changes))


def language(name: str, outcome: str = "basicq_train", **changes: Any) -> dict[str, Any]:
    values = {
        "outcome": outcome,
        "db_name": "",
        "tier": "doc",
        "source": f"basic_questions.csv:{name}",
        "difficulty": "",
    }
    return row(name, **(values | {"operators": [], "verdict": None, "result": None} | changes))


def rows_of_each_kind() -> list[dict[str, Any]]:
    mismatch = {
        "status": "mismatch",
        "instances_passed": 4,
        "instances_tried": 11,
        "notes": ["the LIMIT cuts a tie"],
        "lints": [{"code": "has-drops", "line": 2, "explanation": "HAS drops parents without children"}],
        "differs_on": "4",
        "reasons": ["childless_parents"],
    }
    return [
        row("q1"),
        row("q2", outcome="validation", db_name="tpch", difficulty="hard", operators=["WHERE", "RANKING"]),
        row("q3", outcome="test", tier="synthetic+paraphrase", difficulty="expert"),
        left_out("q4", "duplicate", "same question as q1"),
        left_out("q5", "mismatch", "3 rows, gold gives 4", verdict=mismatch),
        left_out("q6", "template_cap"),
        left_out(
            "",
            "invalid",
            "generated.jsonl:7: not JSON",
            db_name="",
            source="generated.jsonl:7",
            question="",
            program="",
        ),
        language("b1"),
        left_out("b2", "rejected", "names no operator", db_name="", source="basic_questions.csv:3", verdict=None),
    ]


def hostile_rows() -> list[dict[str, Any]]:
    texts = {"html": HOSTILE, "unseen": UNSEEN, "long": LONG, "arabic": ARABIC, "emoji": EMOJI}
    found = []
    for name, text in texts.items():
        verdict = {"status": "match", "notes": [text], "lints": [{"code": text, "line": 1, "explanation": text}]}
        answer = {"columns": [text], "rows": [[text], [float("nan")], [2**60]], "more": 0}
        everywhere = dict.fromkeys(
            ("question", "program", "origin", "source", "template", "difficulty", "db_name"), text
        )
        told = {**everywhere, "operators": [text], "verdict": verdict, "result": answer}
        found += [row(f"{name} {text}", tier=text, **told), left_out(f"out {name} {text}", "duplicate", text, **told)]
    return found


def write_version(folder: Path, rows: list[dict[str, Any]], schema: str = SCHEMA, documentation: str = "") -> Path:
    """Write rows.jsonl and the files that its rows are written into; the k-th line of a file is its k-th row."""
    write_jsonl(folder / "rows.jsonl", rows)
    for side in {told["outcome"] for told in rows} & set(SIDES):
        mine = (told for told in rows if told["outcome"] == side)
        write_jsonl(folder / f"{side}.jsonl", (line(told, schema, documentation) for told in mine))
    return folder


def line(told: dict[str, Any], schema: str, documentation: str) -> dict[str, Any]:
    parts = [told["question"]]
    if told["db_name"] and schema:
        parts.append(f"Database Schema:\n{schema}")
    if documentation:
        parts.append(f"Documentation:\n{documentation}")
    return sft_record("Write PyDough.", "\n\n".join(parts), told["program"])
