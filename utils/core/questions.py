"""Read questions from CSV or JSONL; a row at fault is told with its place and costs only itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.core.console import UserError
from utils.core.records import Question
from utils.core.tables import read_table

BUSINESS_COLUMNS = ("question_id", "db_name", "question")
LANGUAGE_COLUMNS = ("question_id", "question")


CORPUS, SYNTHETIC = "corpus", "synthetic"


@dataclass(frozen=True)
class QuestionRow:
    """One row: the question, what is wrong with it ("" when nothing is), and where it and its program come from."""

    question: Question
    problem: str = ""
    origin: str = CORPUS


def read_questions(paths: Iterable[Path], required: tuple[str, ...] = BUSINESS_COLUMNS) -> Iterator[QuestionRow]:
    """Yield every row of the files, in order.

    Optional columns: definitions, gold_sql, pydough, tags (separated by `;`), is_benchmark.
    Raises UserError when a file cannot be read as a table; a bad row is yielded with its problem.
    """
    first_place: dict[str, str] = {}
    for path in paths:
        for line, row in read_table(path, required):
            place = f"{path.name}:{line}"
            question = _question(row, place)
            problem = _problem(question, required, first_place)
            first_place.setdefault(question.question_id, place)
            yield QuestionRow(question, f"{path}:{line}: {problem}" if problem else "")


def known_databases(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yield (question id, database) of every row that has both; memory does not grow with the rows."""
    for path in paths:
        for line, row in read_table(path, BUSINESS_COLUMNS):
            question = _question(row, f"{path.name}:{line}")
            if question.question_id and question.db_name:
                yield question.question_id, question.db_name


class QuestionFiles:
    """Question files read once to know how many rows and which databases they have, then streamed.

    Iterating yields every row anew, so memory does not grow with the rows.
    """

    def __init__(self, paths: Iterable[Path], required: tuple[str, ...] = BUSINESS_COLUMNS) -> None:
        """Read the files to their end; raises UserError when one cannot be read as a table."""
        self.paths = list(paths)
        self._required = required
        self._count = 0
        self.databases: set[str] = set()  # names in lower case
        for row in self:
            self._count += 1
            self.databases.add(row.question.db_name.lower())

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[QuestionRow]:
        return read_questions(self.paths, self._required)


def question_files(given: list[Path] | None, default_dir: Path, exclude: str = "") -> list[Path]:
    """The files named, or every CSV of the default folder but `exclude`; raises UserError when there is none."""
    paths = given or sorted(path for path in default_dir.glob("*.csv") if path.name != exclude)
    if not paths:
        raise UserError(f"{default_dir}: no question files (*.csv); name some with --questions FILE")
    return paths


def _question(row: dict[str, Any], place: str) -> Question:
    def text(name: str) -> str:
        value = row.get(name)
        return "" if value is None else str(value).strip()

    tags = row.get("tags")
    return Question(
        question_id=text("question_id"),
        db_name=text("db_name"),
        question=text("question"),
        definitions=text("definitions"),
        gold_sql=text("gold_sql") or None,
        pydough=text("pydough") or None,
        tags=[str(tag) for tag in tags] if isinstance(tags, list) else [tag for tag in text("tags").split(";") if tag],
        is_benchmark=text("is_benchmark").lower() in ("true", "1", "yes"),
        source=place,
    )


def _problem(question: Question, required: tuple[str, ...], first_place: dict[str, str]) -> str:
    for name in required:
        if not getattr(question, name):
            return f"column '{name}' is empty; every row needs one"
    if question.question_id in first_place:
        first = first_place[question.question_id]
        return f"duplicate question_id '{question.question_id}' (first in {first}); ids must be unique"
    return ""


def normal_question(text: str) -> str:
    """A question without case, punctuation and spacing: "Top 5  cities?" is "top 5 cities"."""
    return " ".join(re.findall(r"\w+", text.casefold()))
