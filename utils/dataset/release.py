"""Write one version of the training set: every accepted row checked, every other row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from utils.core.console import UserError
from utils.core.jsonl import read_records_or_errors, to_line, whole_file
from utils.core.questions import normal_question
from utils.core.records import Answer, Example, Tier
from utils.dataset.contract import contract_problem, estimated_tokens
from utils.dataset.facts import TIERS, FactRules, facts_of_file
from utils.dataset.rendering import LineSettings, Rendering
from utils.dataset.selection import Caps, Decision, Selection
from utils.dataset.sft import answer_record
from utils.dataset.splits import SIDES, SplitRule, point
from utils.dataset.working import working_database

if TYPE_CHECKING:
    from utils.dataset.decontaminate import Contamination

ANSWER_FILES = {"train": "basicq_train", "validation": "basicq_validation"}
WRITTEN = (*SIDES, *ANSWER_FILES.values())
_UNKNOWN_ROW: dict[str, Any] = {
    "question_id": "",
    "db_name": "",
    "outcome": "",
    "detail": "",
    "tier": None,
    "origin": "",
    "source": "",
    "is_benchmark": False,
    "question": "",
    "program": None,
    "difficulty": "",
    "operators": [],
    "template": "",
    "tokens": 0,
    "verdict": None,
    "result": None,
}
_VERDICT = {"status", "instances_passed", "instances_tried", "differs_on", "reasons", "notes", "lints"}


@dataclass(frozen=True)
class ReleaseSettings:
    """What goes into the set and how it is divided; see the flags of `merge_schema_data.py`."""

    split: SplitRule = field(default_factory=SplitRule)
    caps: Caps = field(default_factory=Caps)
    include_benchmark: bool = False
    tiers: tuple[Tier, ...] = TIERS
    sample: int = 0  # written rows to be told, drawn by lot
    basicq_share: float = 0.0  # of the training lines, taken from the answers on the language


class WrittenRow(NamedTuple):
    """Where a row of stage 3 stands: its line there, and in the file of its side."""

    number: int
    side: str
    line: int


@dataclass
class ReleaseCounts:
    """What became of stage 3's rows and of stage 1's answers, and the written rows by what the manifest counts."""

    rows: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    databases: Counter[tuple[str, str]] = field(default_factory=Counter)
    tiers: Counter[tuple[str, str]] = field(default_factory=Counter)
    difficulty: Counter[tuple[str, str]] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)
    sample: list[WrittenRow] = field(default_factory=list)


def write_release(
    folder: Path,
    generated: Path,
    answers: Path,
    known: Iterable[tuple[str, str]],
    rendering: Rendering,
    settings: ReleaseSettings,
    contamination: Contamination | None = None,
    unproven: Mapping[int, str] | None = None,
) -> ReleaseCounts:
    """Write the files of WRITTEN and rows.jsonl into `folder`.

    rows.jsonl has one line for every line of `generated` and `answers`; a line that cannot be read is there as
    `invalid`. `known` are (question id, database) of the question files, by which a row finds its schema;
    `unproven` says, by line of `generated`, why an accepted row is to be left out. Memory does not grow with the rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rules = FactRules(
        rendering, settings.split, settings.include_benchmark, settings.tiers, contamination, unproven or {}
    )
    with working_database(folder) as connection:
        selection = Selection(connection, settings.split.seed)
        selection.know(known)
        for facts in facts_of_file(generated, rules):
            selection.add(facts)
        selection.decide(settings.caps, settings.split.kind)
        with ExitStack() as stack:
            names = [name for name in WRITTEN if name != "test" or settings.split.test_share]
            files = {name: stack.enter_context(whole_file(folder / f"{name}.jsonl")) for name in (*names, "rows")}
            writer = _Writer(files, rendering, Lot(settings.split.seed, settings.sample))
            examples = read_records_or_errors(generated, Example)
            for decision, (_number, row) in zip(selection.decisions(), examples, strict=True):
                writer.example(decision, row, f"{generated.name}:{decision.number}")
            placement = _AnswerPlacement(answers, settings, rendering.settings, writer.counts.rows["train"])
            for number, answer in read_records_or_errors(answers, Answer):
                writer.answer(placement, answer, f"{answers.name}:{number}")
    writer.counts.sample = writer.lot.drawn()
    return writer.counts


class Lot:
    """Draws `count` of the rows it is shown, by hash of their question's id, so that the draw hardly ever changes."""

    def __init__(self, seed: int, count: int) -> None:
        self._seed = seed
        self._count = count
        self._drawn: list[tuple[float, WrittenRow]] = []  # a heap, the first to go on top

    def show(self, question_id: str, row: WrittenRow) -> None:
        """Take a row in, and another one out if there are too many."""
        if self._count:
            entry = (-point(self._seed, "sample", question_id), row)
            (heappush if len(self._drawn) < self._count else heappushpop)(self._drawn, entry)

    def drawn(self) -> list[WrittenRow]:
        """What was drawn, in the order of the rows."""
        return sorted(row for _point, row in self._drawn)


class _Writer:
    """Writes rows and their account, and counts them."""

    def __init__(self, files: Mapping[str, TextIO], rendering: Rendering, lot: Lot) -> None:
        self.counts = ReleaseCounts()
        self.lot = lot
        self._files = files
        self._rendering = rendering

    def example(self, decision: Decision, row: Example | UserError, place: str) -> None:
        """Write a row of stage 3."""
        account = _account(row, place) | {
            "outcome": decision.outcome,
            "detail": decision.detail,
            "difficulty": decision.difficulty,
            "operators": decision.operators.split(),
            "template": decision.template,
            "tokens": decision.tokens if decision.outcome in SIDES else 0,
        }
        self.counts.rows[decision.outcome] += 1
        if decision.outcome in SIDES and isinstance(row, Example):
            self._files[decision.outcome].write(to_line(self._rendering.record(row)))
            line = self.counts.rows[decision.outcome]
            self.lot.show(row.question_id, WrittenRow(decision.number, decision.outcome, line))
            self.counts.databases[row.db_name, decision.outcome] += 1
            self.counts.tiers[row.tier or "", decision.outcome] += 1
            self.counts.difficulty[decision.difficulty, decision.outcome] += 1
            self.counts.operators.update(account["operators"])
        self._files["rows"].write(to_line(account))

    def answer(self, placement: _AnswerPlacement, row: Answer | UserError, place: str) -> None:
        """Write an answer of stage 1."""
        outcome, detail, record = placement.decide(row)
        account = _account(row, place) | {"outcome": outcome, "detail": detail}
        self.counts.answers[outcome] += 1
        if record is not None:
            self._files[outcome].write(to_line(record))
            account |= {
                "tier": "doc",
                "tokens": estimated_tokens(record, self._rendering.settings.characters_per_token),
            }
            self.counts.tiers["doc", outcome] += 1
        self._files["rows"].write(to_line(account))


class _AnswerPlacement:
    """Decides where each answer on the language goes; there are some hundreds of them."""

    def __init__(self, answers: Path, settings: ReleaseSettings, lines: LineSettings, train_rows: int) -> None:
        """A share of the training lines, of which `train_rows` are written already, is made up of answers."""
        self._split = settings.split
        self._lines = lines
        self._seen: dict[str, str] = {}
        wanted = round(train_rows * settings.basicq_share / (1 - settings.basicq_share))
        questions = (normal_question(row.question) for row in _readable(answers) if row.status == "answered")
        to_train = {question for question in questions if self._file(question) == ANSWER_FILES["train"]}
        order = sorted(to_train, key=lambda question: point(self._split.seed, "mix", question))
        self._mixed = set(order[:wanted])

    def decide(self, row: Answer | UserError) -> tuple[str, str, dict[str, Any] | None]:
        """The file an answer goes into or why none, the detail, and its training line."""
        if isinstance(row, UserError):
            return "invalid", str(row), None
        if row.status != "answered":
            return row.status, row.detail, None
        question = normal_question(row.question)
        if question in self._seen:
            return "duplicate", f"same question as {self._seen[question]}", None
        record = answer_record(row, self._lines.system_instruction)
        if problem := contract_problem(record, self._lines.characters_per_token):
            return "contract", problem, None
        self._seen[question] = row.question_id
        return "train" if question in self._mixed else self._file(question), "", record

    def _file(self, question: str) -> str:
        held = point(self._split.seed, "answer", question) < self._split.validation_share
        return ANSWER_FILES["validation" if held else "train"]


def _readable(answers: Path) -> Iterator[Answer]:
    for _number, row in read_records_or_errors(answers, Answer):
        if isinstance(row, Answer):
            yield row


def _account(row: Example | Answer | UserError, place: str) -> dict[str, Any]:
    """A row's line in rows.jsonl, before what becomes of it."""
    if isinstance(row, UserError):
        return {**_UNKNOWN_ROW, "source": place}
    line = {**_UNKNOWN_ROW, **row.model_dump(include=set(_UNKNOWN_ROW))}
    line["source"] = row.source or place
    if isinstance(row, Example):
        line["question"] = row.asked
        if row.verdict:
            line["verdict"] = row.verdict.model_dump(include=_VERDICT, mode="json")
            line["result"] = row.verdict.answer.model_dump(mode="json") if row.verdict.answer else None
    return line
