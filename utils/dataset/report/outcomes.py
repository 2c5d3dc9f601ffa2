"""What became of a row: the file it was written into, or at which step and why it was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROGRAM_SIDES = ("train", "validation", "test")
LANGUAGE_SIDES = ("basicq_train", "basicq_validation", "basicq")
SIDES = (*PROGRAM_SIDES, *LANGUAGE_SIDES)

UNPROVEN, UNFIT, UNSELECTED = "proof", "keep", "write"

_STEPS = {
    UNPROVEN: {
        "mismatch": "ran, but gave other rows than the gold SQL",
        "quirk": "gave other rows, where PyDough is known to answer otherwise than SQL",
        "dialect_split": "right on its database, but not on the DuckDB twin",
        "code_error": "does not parse, compile or run",
        "gold_error": "the gold SQL itself does not run",
        "unsafe": "uses what is not on the allow-list; never run",
        "timeout": "stopped at the time limit",
        "degenerate": "the gold SQL gives no rows or only nulls, so nothing is proven",
        "infra_error": "the fault is the machine's or the configuration's",
        "invalid": "the row itself is at fault: it cannot be read, or lacks something",
        "no_program": "nobody has written a program yet",
        "no_gold": "nothing to prove the program against",
        "call_failed": "the model did not answer after all retries",
        "blocked": "the model's service refused the prompt",
        "safety": "the model's answer was withheld",
        "recitation": "the model's answer was withheld as a quotation",
        "max_tokens": "the model's answer was cut",
        "empty": "the model's answer was empty",
        "no_answer": "the model's answer ended for another reason",
        "no_code": "the model's answer holds no program",
        "several_codes": "the model's answer holds several programs",
        "no_agreement": "without gold SQL: the samples do not agree",
        "not_asked": "target, quota or budget was reached before it",
        "unproven": "was proven once, but not when it was proven again",
        "no_passages": "no passage of the manual answers it",
        "rejected": "the answer did not pass the gate for documentation",
        "error": "no answer came",
    },
    UNFIT: {
        "duplicate": "its question or program stands in the set already",
        "near_duplicate": "its question is nearly one of the set",
        "other_tier": "is proven in a way that was not asked for",
        "benchmark": "belongs to a benchmark, which is for measuring, not for training",
        "contaminated": "repeats an example of a benchmark",
        "leak": "would stand on two sides of the split",
        "unknown_schema": "its database's schema is not known",
        "contract": "its line would break Gemini's format or limits",
    },
    UNSELECTED: {
        "template_cap": "its template has enough rows",
        "database_cap": "its database has enough rows",
        "synthetic_share": "there are enough questions that nobody asked",
        "validation_cap": "validation has as many rows as Gemini takes",
        "difficulty_mix": "its difficulty has enough rows",
    },
}
MEANINGS = {outcome: meaning for step in _STEPS.values() for outcome, meaning in step.items()}
_STEP_OF = {outcome: step for step, outcomes in _STEPS.items() for outcome in outcomes}


def is_written(row: Mapping[str, Any]) -> bool:
    """Whether a row of rows.jsonl stands in one of the files."""
    return row.get("outcome") in SIDES


def is_language(row: Mapping[str, Any]) -> bool:
    """Whether a row of rows.jsonl asks about the language itself, not about a database."""
    if row.get("outcome") in LANGUAGE_SIDES or row.get("tier") == "doc":
        return True
    return not row.get("db_name") and str(row.get("source") or "").startswith("basic")


def step_of(row: Mapping[str, Any]) -> str:
    """The step at which a row was left out: `UNPROVEN`, `UNFIT` or `UNSELECTED`.

    An outcome that is not known here is taken as lost in proof, unless the verdict says that the row was proven.
    """
    step = _STEP_OF.get(str(row.get("outcome")))
    if step:
        return step
    return UNSELECTED if (row.get("verdict") or {}).get("status") == "match" else UNPROVEN
