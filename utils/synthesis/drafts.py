"""Drafts of one database: an intent in its three renderings, worth asking and like none before it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from types import MappingProxyType

from utils.core.questions import normal_question
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import connect_read_only, dialect_of
from utils.databases.execute import QueryTimeoutError, ResultTooLargeError, run_query
from utils.programs.difficulty import Difficulty, difficulty
from utils.programs.normal_form import Forms, forms
from utils.programs.structure import structure
from utils.programs.terms import operators
from utils.synthesis.checks import Row, problem_of
from utils.synthesis.english import NoWordsError, render_question
from utils.synthesis.hints import Hints
from utils.synthesis.intent import Call, Intent, walk
from utils.synthesis.mix import Profile, fitted_weights, operator_profile
from utils.synthesis.model import Model
from utils.synthesis.pydough import render_pydough
from utils.synthesis.question_lint import question_problems
from utils.synthesis.sampling import FAMILIES, NothingFitsError, Sampler
from utils.synthesis.settings import Limits
from utils.synthesis.sql import render_sql

_QUERY_LIMIT_S = 5.0
_MOST_RESULT_ROWS = 5_000
_DRAWS_A_PROFILE = 200  # of each family, to know which operators its programs use
_FLOOR = 0.002  # the share of drafts below which an operator is looked for
_AIMED = 0.3  # share of draws that look for one while there is one to look for
_TRIES = 80  # so often, until one is found


@dataclass(frozen=True)
class Draft:
    """A question with a program and gold SQL that were rendered from one intent, independently of each other."""

    intent: Intent
    question: str
    program: str
    gold_sql: str
    forms: Forms
    difficulty: Difficulty


@dataclass
class Taken:
    """What may not come again: questions and programs in normal form; drafts by template, difficulty and operator."""

    questions: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    templates: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)

    def add(self, draft: Draft) -> None:
        """Take in a draft."""
        self.questions.add(normal_question(draft.question))
        self.programs.add(draft.forms.normal_form)
        self.templates[draft.forms.template] += 1
        self.levels[draft.difficulty] += 1
        self.operators.update(set(draft.forms.operators))

    def problem(self, draft: Draft, limits: Limits) -> str:
        """Why a draft is one too many; "" when it is not."""
        if normal_question(draft.question) in self.questions:
            return "a question that was asked"
        if draft.forms.normal_form in self.programs:
            return "a program that was written"
        if limits.per_template and self.templates[draft.forms.template] >= limits.per_template:
            return "a template that has enough"
        most = limits.mix.get(draft.difficulty, 0.0) * (self.levels.total() + 1) if limits.mix else None
        if most is not None and self.levels[draft.difficulty] >= most:
            return "a difficulty that has enough"
        return ""


class Drafter:
    """Drafts over a model, all from one seed. `refused` counts why draws came to nothing.

    Operators come about as often as `wanted` says, and none that the model allows is left out.
    """

    def __init__(
        self,
        entry: DatabaseEntry,
        model: Model,
        hints: Hints,
        seed: int,
        taken: Taken,
        wanted: Profile = MappingProxyType({}),
    ) -> None:
        self._model = model
        self._hints = hints
        self._taken = taken
        self._dice = random.Random(f"{seed} {entry.name}")
        self._sampler = Sampler(model, self._dice.randrange(1 << 30))
        self._dialect = dialect_of(entry.url)
        self._weeks_begin_elsewhere = entry.configs.get("start_of_week", "SUNDAY").upper() != "MONDAY"
        # a twin holds the same data, and DuckDB answers questions over all rows several times as fast
        self._asked_url = entry.twin_url or entry.url
        self._asked_dialect = dialect_of(self._asked_url)
        self._profiles = {family: self._profile(family) for family in FAMILIES}
        self._weights = fitted_weights(FAMILIES, self._profiles, wanted)
        self.refused: Counter[str] = Counter()

    @property
    def operators(self) -> frozenset[str]:
        """The operators that programs over the model were seen to use."""
        return frozenset(name for profile in self._profiles.values() for name in profile)

    def drafts(self, tries: int, limits: Limits | None = None) -> Iterator[Draft]:
        """Up to one draft a try."""
        limits = limits or Limits()
        with closing(connect_read_only(self._asked_url)) as connection:

            def answer(intent: Intent) -> list[Row]:
                sql = render_sql(intent, self._model, self._asked_dialect)
                found = run_query(connection, self._asked_dialect, sql, _QUERY_LIMIT_S, _MOST_RESULT_ROWS)
                return list(found.rows)

            for _ in range(tries):
                try:
                    draft = self._draft()
                except NothingFitsError:
                    self.refused["nothing fits"] += 1
                    continue
                except NoWordsError:
                    self.refused["no words for what it speaks of"] += 1
                    continue
                if problem := self._taken.problem(draft, limits) or _problem(draft.intent, draft, answer):
                    self.refused[problem.split(":")[0]] += 1
                    continue
                self._taken.add(draft)
                yield draft

    def _draft(self) -> Draft:
        intent, program = self._drawn()
        question = render_question(intent, self._model, self._hints, self._dice)
        gold_sql = render_sql(intent, self._model, self._dialect)
        return Draft(intent, question, program, gold_sql, forms(program), difficulty(structure(program)))

    def _drawn(self) -> tuple[Intent, str]:
        """An intent and its program, now and then one with an operator that has been rare."""
        rare = self._rare_operators()
        if not rare or self._dice.random() >= _AIMED:
            return self._drawn_once(self._weights)
        for _ in range(_TRIES):
            intent, program = self._drawn_once({name: self._promise(name, rare) for name in FAMILIES})
            if rare & set(operators(program)):
                return intent, program
        raise NothingFitsError

    def _drawn_once(self, weights: Mapping[str, float]) -> tuple[Intent, str]:
        intent = self._sampler.draw(weights)
        if intent is None or (self._weeks_begin_elsewhere and _reads_weekday_number(intent)):
            raise NothingFitsError
        return intent, render_pydough(intent, self._model, self._dice)

    def _rare_operators(self) -> frozenset[str]:
        seen, number = self._taken.operators, self._taken.levels.total()
        return frozenset(name for name in self.operators if seen[name] < _FLOOR * number)

    def _promise(self, family: str, rare: frozenset[str]) -> float:
        """How likely a program of a family is to use one of some operators."""
        return sum(self._profiles[family].get(name, 0.0) for name in sorted(rare))

    def _profile(self, family: str) -> Profile:
        programs = []
        for _ in range(_DRAWS_A_PROFILE):
            with suppress(NothingFitsError):
                programs.append(self._drawn_once({family: 1.0})[1])
        return operator_profile(programs)


def _reads_weekday_number(intent: Intent) -> bool:
    return any(isinstance(one, Call) and one.operator == "DAYOFWEEK" for one in walk(intent))


def _problem(intent: Intent, draft: Draft, answer: Callable[[Intent], list[Row]]) -> str:
    if problems := question_problems(draft.question, intent):
        return f"questions that the linter refuses: {problems[0]}"
    try:
        return problem_of(intent, answer)
    except QueryTimeoutError:
        return "too slow a query"
    except ResultTooLargeError:
        return "too many rows"
