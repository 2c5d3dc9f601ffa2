"""What all that says parts of a question shares: the model, the manner of speaking, what has been named so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from utils.synthesis.english.lexicon import Noun
from utils.synthesis.english.phrases import Counted, Phrase, Trait
from utils.synthesis.english.voice import Voice
from utils.synthesis.intent import Expression, Intent, Path, Window, named
from utils.synthesis.model import Collection, Model


class Speaker(ABC):
    """Says the parts of one question.

    `results` are the phrases of the result's columns, filled in as they are named. `group` is what a row of the result
    is; `chosen` says that only some of them are in the result, `scoped` that only some rows of the source count,
    `alone` that the result has one measure, so that a change can only be its.
    """

    def __init__(self, intent: Intent, model: Model, voice: Voice) -> None:
        self.intent = intent
        self.model = model
        self.voice = voice
        self.lexicon = voice.lexicon
        self.expressions = named(intent)
        self.results: dict[str, Phrase] = {}
        self.group = Noun("row", "rows")
        self.chosen = bool(intent.having or (intent.where and intent.level != "groups"))
        self.scoped = bool(intent.where)
        self.alone = len(intent.columns) == 1 and len(intent.windows) == 1

    @abstractmethod
    def phrase(self, expression: Expression, at: Collection) -> Phrase:
        """What a value of a row of `at` is called."""

    @abstractmethod
    def rows(self, at: Collection, path: Path, where: Sequence[Expression]) -> Counted:
        """The rows that a path of plural links leads to and that meet conditions; of no path the rows in hand."""

    @abstractmethod
    def trait(self, condition: Expression, at: Collection) -> Trait:
        """What one condition says of a row of `at`."""

    @abstractmethod
    def traits(self, conditions: Sequence[Expression], at: Collection) -> list[Trait]:
        """What conditions say of rows of `at`; all that is asked of one date is said at once."""

    @abstractmethod
    def average(self, window: Window) -> str:
        """The average that rows are compared with: "the average of all customers"."""

    def owner(self, at: Collection) -> str:
        """What one row of `at` is called."""
        return self.lexicon.rows(at.name).one

    def per(self, window: Window) -> str:
        """Within what a window stays: "country"."""
        if window.per == ("parent",):
            parent = self.intent.via.parent if self.intent.via else self.intent.source.name
            return self.lexicon.rows(parent).one
        return " and ".join(self.results[name].name for name in window.per)
