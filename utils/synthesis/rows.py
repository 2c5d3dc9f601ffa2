"""Rows of stage 3 that nobody has written: drafts of every database in turn, until enough of them are proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from utils.core.fingerprint import fingerprint
from utils.core.questions import SYNTHETIC, QuestionRow, normal_question
from utils.core.records import Example, Question
from utils.databases.catalog import DatabaseEntry
from utils.programs.normal_form import forms
from utils.programs.source import ProgramError
from utils.synthesis.drafts import Draft, Drafter, Taken
from utils.synthesis.hints import read_hints
from utils.synthesis.mix import operator_profile
from utils.synthesis.reading import read_model
from utils.synthesis.settings import SynthesisSettings

_TRIES_A_ROW = 40  # draws that come to nothing before a database is given up


class SyntheticRows:
    """An iterable of rows; it ends when `take` was given enough accepted ones, or nothing new can be drawn.

    `entries` are the databases to draw from; `known` the rows of the question files.
    """

    def __init__(
        self, entries: Iterable[DatabaseEntry], known: Iterable[Question], settings: SynthesisSettings
    ) -> None:
        """Read the databases; raises UserError where one cannot be read."""
        self._settings = settings
        taken, programs = what_is_known(known)
        wanted = operator_profile(programs)
        self._drafters: dict[str, Drafter] = {}
        self.notes: list[str] = []
        for entry in entries:
            model = read_model(entry)
            self.notes += [f"{entry.name}: {note}" for note in model.notes]
            self._drafters[entry.name] = Drafter(
                entry, model, read_hints(entry.graph_path), settings.seed, taken, wanted
            )
        self._accepted: Counter[str] = Counter()  # by database

    @property
    def target(self) -> int:
        """How many rows must be accepted."""
        return self._settings.target

    @property
    def complete(self) -> bool:
        """Whether enough rows were accepted."""
        return self._accepted.total() >= self._settings.target

    def take(self, example: Example) -> bool:
        """Count a row that stage 3 is done with, unless enough were accepted while it was under way."""
        wanted = not self.complete and not self._has_enough(example.db_name)
        self._accepted[example.db_name] += wanted and example.accepted
        return wanted

    def _has_enough(self, database: str) -> bool:
        return bool(self._settings.per_database) and self._accepted[database] >= self._settings.per_database

    def refused(self) -> Counter[str]:
        """Why draws came to nothing, over all databases."""
        return sum((drafter.refused for drafter in self._drafters.values()), Counter())

    def told(self) -> str:
        """How many rows were accepted, and how many draws came to nothing for what reasons, in one line."""
        refused = self.refused()
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in refused.most_common())
        short = "" if self.complete else f" of {self._settings.target:,} wanted"
        return f"{self._accepted.total():,} rows accepted{short}; {refused.total():,} draws left out ({reasons})"

    def __iter__(self) -> Iterator[QuestionRow]:
        tries = _TRIES_A_ROW * self._settings.target
        streams = {name: drafter.drafts(tries, self._settings.limits) for name, drafter in self._drafters.items()}
        while streams:
            for name in list(streams):
                if self.complete:
                    return
                draft = None if self._has_enough(name) else next(streams[name], None)
                if draft is None:
                    del streams[name]
                else:
                    yield QuestionRow(_question(name, draft), origin=SYNTHETIC)


def _question(database: str, draft: Draft) -> Question:
    return Question(
        question_id=f"synthetic_{database}_{fingerprint(draft.question, draft.program)[:12]}",
        db_name=database,
        question=draft.question,
        gold_sql=draft.gold_sql,
        pydough=draft.program,
        tags=[SYNTHETIC, draft.intent.family],
        source=f"{SYNTHETIC}:{draft.intent.family}",
    )


def what_is_known(known: Iterable[Question]) -> tuple[Taken, list[str]]:
    """What the rows of question files take, and their programs."""
    taken, programs = Taken(), []
    for question in known:
        taken.questions.add(normal_question(question.question))
        if question.pydough:
            with suppress(ProgramError):
                taken.programs.add(forms(question.pydough).normal_form)
                programs.append(question.pydough)
    return taken, programs
