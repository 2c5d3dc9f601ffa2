"""Drafts of one database: an intent in its three renderings, worth asking and like none before it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from utils.core.questions import normal_question
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import connect_read_only, dialect_of
from utils.databases.execute import QueryTimeoutError, ResultTooLargeError, run_query
from utils.programs.normal_form import forms
from utils.synthesis.checks import Row, problem_of
from utils.synthesis.english import NoWordsError, render_question
from utils.synthesis.hints import Hints
from utils.synthesis.intent import Intent
from utils.synthesis.model import Model
from utils.synthesis.pydough_text import render_pydough
from utils.synthesis.question_lint import question_problems
from utils.synthesis.sampling import Sampler
from utils.synthesis.sql import render_sql

_QUERY_LIMIT_S = 5.0
_MOST_RESULT_ROWS = 5_000


@dataclass(frozen=True)
class Draft:
    """A question with a program and gold SQL that were rendered from one intent, independently of each other."""

    intent: Intent
    question: str
    program: str
    gold_sql: str
    template: str


@dataclass
class Taken:
    """What may not come again: questions and programs in normal form; rows by template."""

    questions: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    templates: Counter[str] = field(default_factory=Counter)


class Drafter:
    """Drafts over a model, all from one seed. `refused` counts why draws came to nothing."""

    def __init__(self, entry: DatabaseEntry, model: Model, hints: Hints, seed: int, taken: Taken) -> None:
        self._entry = entry
        self._model = model
        self._hints = hints
        self._taken = taken
        self._dice = random.Random(f"{seed} {entry.name}")
        self._sampler = Sampler(model, self._dice.randrange(1 << 30))
        self._dialect = dialect_of(entry.url)
        self.refused: Counter[str] = Counter()

    def drafts(self, tries: int, most_per_template: int = 0) -> Iterator[Draft]:
        """Up to one draft a try; at most so many of one template (0: any number)."""
        with closing(connect_read_only(self._entry.url)) as connection:

            def answer(intent: Intent) -> list[Row]:
                sql = render_sql(intent, self._model, self._dialect)
                found = run_query(connection, self._dialect, sql, _QUERY_LIMIT_S, _MOST_RESULT_ROWS)
                return list(found.rows)

            for _ in range(tries):
                intent = self._sampler.draw()
                if intent is None:
                    self.refused["nothing fits"] += 1
                    continue
                try:
                    draft = self._draft(intent)
                except NoWordsError:
                    self.refused["no words for what it speaks of"] += 1
                    continue
                if problem := self._known(draft, most_per_template) or _problem(intent, draft, answer):
                    self.refused[problem.split(":")[0]] += 1
                    continue
                self._take(draft)
                yield draft

    def _draft(self, intent: Intent) -> Draft:
        question = render_question(intent, self._model, self._hints, self._dice)
        program = render_pydough(intent, self._model, self._dice)
        template = forms(program).template
        return Draft(intent, question, program, render_sql(intent, self._model, self._dialect), template)

    def _known(self, draft: Draft, most_per_template: int) -> str:
        if normal_question(draft.question) in self._taken.questions:
            return "a question that was asked"
        if forms(draft.program).normal_form in self._taken.programs:
            return "a program that was written"
        if most_per_template and self._taken.templates[draft.template] >= most_per_template:
            return "a template that has enough"
        return ""

    def _take(self, draft: Draft) -> None:
        self._taken.questions.add(normal_question(draft.question))
        self._taken.programs.add(forms(draft.program).normal_form)
        self._taken.templates[draft.template] += 1


def _problem(intent: Intent, draft: Draft, answer: Callable[[Intent], list[Row]]) -> str:
    if problems := question_problems(draft.question, intent):
        return f"questions that the linter refuses: {problems[0]}"
    try:
        return problem_of(intent, answer)
    except QueryTimeoutError:
        return "too slow a query"
    except ResultTooLargeError:
        return "too many rows"
