"""Keep evaluation sets out of the training data: exact, near and partial copies of their rows are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from utils.core.questions import normal_question
from utils.core.tables import read_table
from utils.dataset.near_finder import NearFinder
from utils.dataset.similarity import shingles
from utils.dataset.sql_form import sql_form, sql_outline
from utils.programs.normal_form import normal_form
from utils.programs.source import ProgramError

SHARED_WORDS = 8
NEAR_EVALUATION = 0.7
_SQL_COLUMNS = ("gold_sql", "sql", "query")
_PROGRAM_COLUMNS = ("pydough", "program", "code")


class Contamination:
    """What evaluation sets hold, and whether a row to train on repeats any of it.

    Any run of eight words that a question shares is a finding: stricter than the 13 of Brown et al., "Language Models
    are Few-Shot Learners", 2020, appendix C, as questions are short. `skipped` counts the evaluation rows whose
    "question", "sql" or "program" is there but cannot be read; their other parts still count.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.skipped: Counter[str] = Counter()
        self._runs: dict[int, str] = {}
        self._near = NearFinder(NEAR_EVALUATION)
        self._programs: dict[str, str] = {}
        self._queries: dict[str, str] = {}
        self._outlines: set[str] = set()

    @classmethod
    def from_files(cls, paths: Iterable[Path]) -> Contamination:
        """Read CSV, JSONL or Parquet files with a column question and, as far as there are any, SQL and programs.

        SQL is the first filled column of gold_sql, sql, query; a program of pydough, program, code. Raises UserError
        for a file that cannot be read as such a table.
        """
        known = cls()
        for path in paths:
            for line, row in read_table(path, ("question",)):
                known.add(
                    f"{path.name}:{line}",
                    _text(row, ("question",)) or "",
                    _text(row, _SQL_COLUMNS),
                    _text(row, _PROGRAM_COLUMNS),
                )
        return known

    def add(self, place: str, question: str, gold_sql: str | None = None, program: str | None = None) -> None:
        """Remember one evaluation row; the first row stays known for what several share."""
        self.rows += 1
        shingled = shingles(question)
        if not shingled:
            self.skipped["question"] += 1
        for run in _runs(question):
            self._runs.setdefault(hash(run), place)
        self._near.add(place, shingled)
        if program:
            try:
                self._programs.setdefault(normal_form(program), place)
            except ProgramError:
                self.skipped["program"] += 1
        if gold_sql:
            form = sql_form(gold_sql)
            if form is None:
                self.skipped["sql"] += 1
            else:
                self._queries.setdefault(form, place)
                self._outlines.add(sql_outline(gold_sql))

    def finding(self, question: str, gold_sql: str | None, program: str | None) -> str | None:
        """Why a row is contaminated, in a few words with the place of the evaluation row; None when it is not.

        A program or SQL that does not parse is no finding.
        """
        for run in _runs(question):
            if place := self._runs.get(hash(run)):
                return f"{SHARED_WORDS}-gram '{run}' of {place}"
        if near := self._near.nearest(shingles(question)):
            return f"question near {near[0]} (similarity {near[1]:.2f})"
        if place := self._same_program(program):
            return f"same program as {place}"
        if place := self._same_sql(gold_sql):
            return f"same SQL as {place}"
        return None

    def _same_program(self, program: str | None) -> str | None:
        if not program or not self._programs:
            return None
        try:
            return self._programs.get(normal_form(program))
        except ProgramError:
            return None

    def _same_sql(self, gold_sql: str | None) -> str | None:
        if not gold_sql or sql_outline(gold_sql) not in self._outlines:  # spares parsing nearly every query
            return None
        return self._queries.get(sql_form(gold_sql) or "")


def _runs(question: str) -> Iterator[str]:
    words = normal_question(question).split()
    for start in range(len(words) - SHARED_WORDS + 1):
        yield " ".join(words[start : start + SHARED_WORDS])


def _text(row: dict[str, Any], names: Iterable[str]) -> str | None:
    """The first of a row's columns that holds something."""
    return next((text for name in names if (text := str(row.get(name) or "").strip())), None)
