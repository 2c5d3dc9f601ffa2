"""Write one version of the training set: every accepted row checked, every other row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from utils.core.console import UserError
from utils.core.jsonl import read_records_or_errors, to_line, whole_file
from utils.core.questions import normal_question
from utils.core.records import Answer, Example
from utils.databases.catalog import DatabaseEntry, find_entry
from utils.databases.entries import SchemaStyle, schema_text
from utils.dataset.duplicates import DuplicateFinder
from utils.dataset.sft import SYSTEM_INSTRUCTION, answer_record, contract_problem, example_record, file_problem
from utils.dataset.splits import split_of
from utils.programs.normal_form import template
from utils.programs.source import ProgramError

_FILES = ("train", "validation", "basicq", "rows")
_UNKNOWN_ROW = {
    "question_id": "",
    "db_name": "",
    "outcome": "",
    "detail": "",
    "tier": None,
    "origin": "",
    "source": "",
    "is_benchmark": False,
}


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
    """What became of stage 3's rows and of stage 1's answers, and the written rows by database and side."""

    rows: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    written: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Decision:
    """What becomes of a row: `outcome` is the file its training line `record` goes into, or why it has none."""

    outcome: str
    detail: str = ""
    record: dict[str, Any] | None = None


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
    """Write train.jsonl, validation.jsonl, basicq.jsonl and rows.jsonl into `folder`.

    rows.jsonl has one line for every line of `generated` and `answers`; a line that cannot be read is there as
    `invalid`. Raises UserError when the written files break Gemini's limits.
    """
    counts = ReleaseCounts()
    folder.mkdir(parents=True, exist_ok=True)
    placement = Placement(joiner, settings)
    with ExitStack() as stack:
        files = {name: stack.enter_context(whole_file(folder / f"{name}.jsonl")) for name in _FILES}
        for number, row in read_records_or_errors(generated, Example):
            decision = _unreadable(row) if isinstance(row, UserError) else placement.decide(row)
            counts.rows[decision.outcome] += 1
            if decision.record is not None and isinstance(row, Example):
                counts.written[row.db_name, decision.outcome] += 1
            _write(files, decision, row, f"{generated.name}:{number}")
        for number, answer in read_records_or_errors(answers, Answer):
            decision = _unreadable(answer) if isinstance(answer, UserError) else _decide_answer(answer, settings)
            counts.answers[decision.outcome] += 1
            _write(files, decision, answer, f"{answers.name}:{number}")
    problem = file_problem(counts.rows["train"], counts.rows["validation"])
    if problem:
        raise UserError(f"{problem}; lower --validation-share")
    return counts


class Placement:
    """Decides stage 3's rows one after another, so that none repeats, or stands across from, one in the set."""

    def __init__(self, joiner: SchemaJoiner, settings: ReleaseSettings) -> None:
        self._joiner = joiner
        self._settings = settings
        self._duplicates = DuplicateFinder()
        self._sides: dict[str, str] = {}  # each question's side, over all databases

    def decide(self, example: Example) -> Decision:
        """Where the next row goes, or why nowhere."""
        if not example.accepted:
            return Decision(example.status, example.detail or (example.verdict.detail if example.verdict else ""))
        if example.verdict is None or example.verdict.status != "match":
            return Decision("invalid", f"{example.source}: marked as accepted, but its verdict is not 'match'")
        try:
            earlier = self._duplicates.earlier(example)
            group = template(example.program or "")
            schema = self._joiner.schema_of(example.question_id)
        except ProgramError as error:
            return Decision("invalid", f"{example.source}: marked as accepted, but has no program ({error})")
        except UserError as error:
            return Decision("unknown_schema", str(error))
        if earlier:
            return Decision("duplicate", earlier)
        side = split_of(group, self._settings.seed, self._settings.validation_share)
        question = normal_question(example.asked)
        if self._sides.get(question, side) != side:
            return Decision("leak", f"the same question stands in {self._sides[question]}")
        record = example_record(example, schema, self._settings.system_instruction, self._settings.with_documentation)
        if problem := contract_problem(record):
            return Decision("contract", problem)
        self._duplicates.keep(example)
        self._sides[question] = side
        return Decision(side, record=record)


def _decide_answer(answer: Answer, settings: ReleaseSettings) -> Decision:
    if answer.status != "answered":
        return Decision(answer.status, answer.detail)
    record = answer_record(answer, settings.system_instruction)
    problem = contract_problem(record)
    return Decision("contract", problem) if problem else Decision("basicq", record=record)


def _unreadable(error: UserError) -> Decision:
    return Decision("invalid", str(error))


def _write(files: Mapping[str, TextIO], decision: Decision, row: Example | Answer | UserError, place: str) -> None:
    if decision.record is not None:
        files[decision.outcome].write(to_line(decision.record))
    known = {} if isinstance(row, UserError) else row.model_dump(include=set(_UNKNOWN_ROW))
    line = {**_UNKNOWN_ROW, **known, "outcome": decision.outcome, "detail": decision.detail}
    line["source"] = line["source"] or place
    if decision.outcome == "basicq":
        line["tier"] = "doc"
    files["rows"].write(to_line(line))
