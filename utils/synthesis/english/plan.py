"""What a question has to say, before it is decided how: its subject, columns, order and remarks, each in words."""

from __future__ import annotations

from dataclasses import dataclass, field

from utils.synthesis.english.items import as_such
from utils.synthesis.english.lexicon import Noun
from utils.synthesis.english.phrases import Counted, Phrase, Trait, noun_phrase
from utils.synthesis.intent import Intent


@dataclass(frozen=True)
class Top:
    """Only the first `number` by `order` within each of `per`.

    The first of the order, the result `decides`, is what counts; the others are ties. `exact`: only the one at that
    place. `ties`: equal ones share a place, as windows do it.
    """

    number: int
    decides: str
    order: tuple[tuple[Phrase, bool], ...]
    per: tuple[Phrase, ...] = ()
    exact: bool = False
    ties: str = ""

    @property
    def descending(self) -> bool:
        """Whether the highest come first."""
        return self.order[0][1]


@dataclass(frozen=True)
class BestRow:
    """The best of the rows that belong to a row: "order with the highest total", an "order".

    Where not all of them count it is the best "among these", which have been spoken of.
    """

    rows: str
    noun: str


@dataclass
class Plan:
    """The parts of one question.

    `noun` are the rows of the source, of which `scope` is said; `subject` are the rows of the result (those of the
    source, or groups), of which `traits` are said. `keys` are what groups are made by, `columns` what is shown by name,
    `named` all results. `ranking` is the order of a rank that is shown. `remarks` are sentences of their own.
    """

    intent: Intent
    noun: Noun
    scope: list[Trait]
    subject: Noun
    traits: list[Trait]
    keys: list[Phrase]
    columns: dict[str, Phrase]
    order: list[tuple[Phrase, bool]]
    named: dict[str, Phrase]
    top: Top | None = None
    ranking: Top | None = None
    best: BestRow | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def rows(self) -> Counted:
        """The rows of the result with all that is said of them."""
        return noun_phrase(self.subject, self.traits)

    @property
    def scoped(self) -> Counted:
        """The rows of the source with all that is said of them."""
        return noun_phrase(self.noun, self.scope)

    @property
    def columns_of_subject(self) -> dict[str, Phrase]:
        """The columns as they are called once the subject has been said: "the number of such orders"."""
        said = " ".join(trait.many for trait in self.traits)
        return {name: as_such(phrase, said) for name, phrase in self.columns.items()}

    @property
    def shape(self) -> str:
        """Which frames it takes."""
        if self.intent.summary:
            return "summary"
        if self.intent.level == "whole":
            return "whole"
        if self.top is not None:
            return "first few within" if self.top.per else "first few"
        if self.intent.level == "rows":
            return "best" if self.best else "rows"
        return self._shape_of_groups()

    def _shape_of_groups(self) -> str:
        shown = list(self.columns.values())
        if len(shown) != len(self.keys) + 2 or shown[: len(self.keys)] != self.keys or self.traits:
            return "groups"
        measure, last = shown[-2:]
        if self.ranking and last.sort == "rank" and measure is self.ranking.order[0][0] and not self.ranking.per:
            return "rank"
        return "share" if last.head.startswith(("percentage of all", "percentage of the overall")) else "groups"
