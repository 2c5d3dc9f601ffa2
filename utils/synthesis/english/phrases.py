"""The pieces that sentences are made of: what a value is called, what a condition says of a row, and such rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from utils.synthesis.english.lexicon import Noun
from utils.synthesis.model import Column
from utils.synthesis.words import a, listed

Sort = Literal["count", "number", "price", "date", "text", "identifier", "flag", "rank"]


@dataclass(frozen=True)
class Counted:
    """Rows with their conditions: "buy transaction placed in 2023" and "buy transactions placed in 2023"."""

    one: str
    many: str

    def then(self, text: str) -> Counted:
        """The same with more words behind."""
        return Counted(f"{self.one} {text}", f"{self.many} {text}")


@dataclass(frozen=True)
class Phrase:
    """A value: its `head` ("total amount"), what it is taken over (`rows`: "buy transactions"), and how to speak of it.

    `short` is what it is called once it has been named. `counted` are the things that a count counts. `over_all` says
    that it is taken over the rows that the whole question is about; `of_what` are the rows without their conditions.
    `who` and `that` are what a percentage says of its rows: "that were placed in 1995". `many` is the plural, `column`
    tells the unit of its numbers, `blank` that it may be missing.
    """

    head: str
    rows: str = ""
    joint: str = "of"
    sort: Sort = "number"
    short: str = ""
    counted: Counted | None = None
    over_all: bool = False
    of_what: str = ""
    who: str = ""
    that: str = ""
    article: bool = True
    note: str = ""
    many: str = ""
    column: Column | None = None
    blank: bool = False

    @property
    def bare(self) -> str:
        """Without what it is taken over, and without notes."""
        return self.head if not self.is_count else f"{self.head} of {self.counted.many}"  # type: ignore[union-attr]

    @property
    def is_count(self) -> bool:
        """Whether it is a number of rows."""
        return self.head == "number" and self.counted is not None

    @property
    def name(self) -> str:
        """What it is called once it has been named."""
        return self.short or self.head

    @property
    def whole(self) -> str:
        """All of it but notes."""
        said = f"{self.head} {self.joint} {self.rows}" if self.rows else self.bare
        return f"{said} {self.who} {self.that}" if self.that else said

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.whole} ({self.note})" if self.note else self.whole

    @property
    def the(self) -> str:
        """All of it, with an article."""
        return f"the {self.text}" if self.article else self.text

    def noted(self, note: str) -> Phrase:
        """The same with one more note."""
        return replace(self, note=f"{self.note}, {note}" if self.note else note)


@dataclass(frozen=True)
class Trait:
    """What a condition says of a row, as the verb of a sentence (`one` row "has", `many` "have"), and shorter ones.

    `before` stands before the noun ("active"), `after` behind it ("in Canada"; `after_one` where it is another for one
    row), `whose` is a clause ("whose ticker is active"), `when` is the time alone. `heavy` ones speak of other rows
    too, so that nothing may follow them. `place` orders those behind the noun; where another place has been said,
    `beside` is said instead: "with state NY". `denies` says that something is missing. After another trait of `having`
    the same kind of rows, `again` is enough: "at least one with currency EUR".
    """

    one: str
    many: str
    before: str = ""
    after: str = ""
    after_one: str = ""
    whose: str = ""
    when: str = ""
    heavy: bool = False
    place: int = 2
    beside: str = ""
    denies: bool = False
    having: str = ""
    again: str = ""

    @property
    def is_choice(self) -> bool:
        """Whether it is one of several, which nothing may follow."""
        return self.one.startswith(("either ", "has either "))


def have(what: str, **forms: str | bool | int) -> Trait:
    """The trait of having something: "has a tax above 5"."""
    return Trait(f"has {what}", f"have {what}", **forms)  # type: ignore[arg-type]


def verb(said: str, **forms: str | bool | int) -> Trait:
    """The trait of a verb in the third person: "is active", "was placed in 2023", "joined in 2022"."""
    return Trait(said, many_of(said), **forms)  # type: ignore[arg-type]


def towards(act: str, rows: Counted, **forms: str | bool | int) -> Trait:
    """The trait of a verb and the rows it leads to, of which many rows have many: "belongs to an active customer"."""
    return Trait(f"{act} {a(rows.one)}", f"{many_of(act)} {rows.many}", heavy=True, **forms)  # type: ignore[arg-type]


def many_of(said: str) -> str:
    """A verb phrase of one row as one of many: "is active" is "are active"."""
    first, _, rest = said.partition(" ")
    return f"{_MANY.get(first) or first.removesuffix('s')} {rest}".strip()


_MANY = {"is": "are", "was": "were", "has": "have", "does": "do"}


def noun_phrase(noun: Noun, traits: Sequence[Trait]) -> Counted:
    """Rows that meet conditions, for one and for many."""
    return Counted(_noun_phrase(noun, traits, one=True), _noun_phrase(noun, traits, one=False))


def _noun_phrase(noun: Noun, traits: Sequence[Trait], one: bool) -> str:
    name = noun.one if one else noun.many
    before = [trait for trait in traits if trait.before and trait.before not in name.split()][:2]
    others = [trait for trait in traits if trait not in before]
    after = [trait for trait in others if trait.after and (not trait.heavy or len(others) == 1)]
    clauses = [trait for trait in others if trait not in after]
    if clauses and not noun.person:  # a clause would seem to speak of the noun that comes last
        after = [trait for trait in after if trait.after.split()[0] not in ("with", "without", "of", "for")]
        clauses = [trait for trait in others if trait not in after]
    if one:
        after = [replace(trait, after=trait.after_one or trait.after) for trait in after]
    parts = [*(trait.before for trait in before), name, *_joined_after(after)]
    if clauses:
        parts.append(_relative(noun, clauses, one))
    return " ".join(parts)


def _joined_after(traits: Sequence[Trait]) -> list[str]:
    """What stands behind the noun, places first; what several have "with" them in one list."""
    ordered = sorted(traits, key=lambda trait: trait.place)
    ordered = ordered[:1] + [replace(one, after=one.beside or one.after) for one in ordered[1:]]
    having = [trait.after.removeprefix("with ") for trait in ordered if trait.after.startswith("with ")]
    others = [trait.after for trait in ordered if not trait.after.startswith("with ")]
    lacking = [text for text in others if text.startswith("without ")]
    plain = [text for text in others if not text.startswith("without ")]
    if having:
        plain.append(f"with {listed(having)}")
    if lacking:
        plain.append(f"but {' and '.join(lacking)}" if having else " and ".join(lacking))
    return plain


def _relative(noun: Noun, traits: Sequence[Trait], one: bool) -> str:
    """A relative clause of several traits, those that speak of other rows last."""
    ordered = sorted(traits, key=lambda trait: (trait.is_choice, bool(trait.whose), trait.heavy, trait.denies))
    text = ""
    for index, trait in enumerate(ordered):
        said = trait.whose or (trait.one if one else trait.many)
        opens = trait.whose or f"{noun.who} {said}"
        if not index:
            text = opens
            continue
        before = ordered[index - 1]
        joint = "but" if trait.denies and not before.denies else "and"
        if trait.again and trait.having == before.having:
            said = trait.again
        elif trait.whose or (trait.heavy and before.heavy):
            said = opens
        text += f" {joint} {said}"
    return text


def joined(traits: Sequence[Trait], one: bool = False) -> str:
    """What traits say, as the verbs of a sentence: "joined in 2022 and have at least three orders"."""
    ordered = sorted(traits, key=lambda trait: (trait.is_choice, trait.heavy, trait.denies))
    text = ""
    for index, trait in enumerate(ordered):
        before = ordered[index - 1] if index else None
        joint = "" if before is None else " but " if trait.denies and not before.denies else " and "
        again = trait.again if before and trait.having == before.having else ""
        text += joint + (again or (trait.one if one else trait.many))
    return text
