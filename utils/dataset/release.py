"""Write one version of the training set: every accepted row checked, every other row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.core.console import UserError
from utils.core.jsonl import read_records, to_line, whole_file
from utils.core.records import Answer, Example
from utils.databases.catalog import DatabaseEntry, find_entry
from utils.databases.entries import SchemaStyle, schema_text
from utils.dataset.duplicates import DuplicateFinder, normal_question
from utils.dataset.sft import SYSTEM_INSTRUCTION, answer_record, contract_problem, example_record, file_problem
from utils.dataset.splits import split_of
from utils.programs.normal_form import template


@dataclass(frozen=True)
class ReleaseSettings:
    """How rows become training lines; see the flags of `merge_schema_data.py`."""

    schema: SchemaStyle = "markdown"
    with_documentation: bool = False
    system_instruction: str = SYSTEM_INSTRUCTION
    validation_share: float = 0.1
    seed: int = 0


@dataclass
class ReleaseCounts:
    """What became of the rows: by status, and the written ones by database and side."""

    rows: Counter[str] = field(default_factory=Counter)
    written: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class SchemaJoiner:
    """Joins a row to its database by question id, and to the database's schema text."""

    def __init__(self, databases: Mapping[str, str], entries: Mapping[str, DatabaseEntry], style: SchemaStyle) -> None:
        """`databases`: question id to database name, as the question files say."""
        self._databases = databases
        self._entries = entries
        self._style = style

    def schema_of(self, question_id: str) -> str:
        """The schema text of a question's database; raises UserError for an unknown id or database."""
        if question_id not in self._databases:
            raise UserError(
                f"question_id '{question_id}' is in none of the question files; add it there or drop the row"
            )
        return schema_text(find_entry(self._entries, self._databases[question_id]), self._style)


def write_release(
    folder: Path, generated: Path, answers: Path, joiner: SchemaJoiner, settings: ReleaseSettings
) -> ReleaseCounts:
    """Write train.jsonl, validation.jsonl, basicq.jsonl and rows.jsonl into `folder`; one line of rows.jsonl a row.

    Raises UserError when the written files break Gemini's limits.
    """
    counts = ReleaseCounts()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = {name: stack.enter_context(whole_file(folder / f"{name}.jsonl")) for name in _FILES}
        for example, outcome, detail, record in _decided(generated, joiner, settings):
            counts.rows[outcome] += 1
            files["rows"].write(to_line(_row_line(example, outcome, detail)))
            if record is not None:
                files[outcome].write(to_line(record))
                counts.written[example.db_name, outcome] += 1
            elif outcome in _JOIN_PROBLEMS:
                counts.problems.append(f"{example.source or example.question_id}: {detail}")
        for answer in read_records(answers, Answer):
            record = answer_record(answer, settings.system_instruction) if answer.status == "answered" else None
            problem = contract_problem(record) if record else ""
            counts.answers["contract" if problem else answer.status] += 1
            if record and not problem:
                files["basicq"].write(to_line(record))
    problem = file_problem(counts.rows["train"], counts.rows["validation"])
    if problem:
        raise UserError(f"{problem}; lower --validation-share")
    return counts


_FILES = ("train", "validation", "basicq", "rows")
_JOIN_PROBLEMS = ("unknown_schema", "contract")


def _decided(
    generated: Path, joiner: SchemaJoiner, settings: ReleaseSettings
) -> Iterator[tuple[Example, str, str, dict[str, Any] | None]]:
    """Each row with what becomes of it: (row, "train" or "validation" or why not, detail, training line)."""
    duplicates = DuplicateFinder()
    sides: dict[str, str] = {}  # each question's side, over all databases
    for example in read_records(generated, Example):
        if not example.accepted:
            yield example, example.status, example.detail or (example.verdict.detail if example.verdict else ""), None
            continue
        try:
            schema = joiner.schema_of(example.question_id)
        except UserError as error:
            yield example, "unknown_schema", str(error), None
            continue
        earlier = duplicates.earlier(example)
        if earlier:
            yield example, "duplicate", earlier, None
            continue
        side = split_of(template(example.program or ""), settings.seed, settings.validation_share)
        if sides.setdefault(normal_question(example.asked), side) != side:
            yield example, "leak", f"the same question stands in {sides[normal_question(example.asked)]}", None
            continue
        record = example_record(example, schema, settings.system_instruction, settings.with_documentation)
        problem = contract_problem(record)
        if problem:
            yield example, "contract", problem, None
        else:
            yield example, side, "", record


def _row_line(example: Example, outcome: str, detail: str) -> dict[str, Any]:
    return {
        "question_id": example.question_id,
        "db_name": example.db_name,
        "outcome": outcome,
        "detail": detail,
        "tier": example.tier,
        "origin": example.origin,
        "source": example.source,
        "is_benchmark": example.is_benchmark,
    }
