"""What collections, links, columns, measures and dates are called: hints first, then names, synonyms, descriptions."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from utils.synthesis.english import vocabulary as known
from utils.synthesis.hints import Hints
from utils.synthesis.intent import Path
from utils.synthesis.model import Collection, Column, Link, Model
from utils.synthesis.name_words import words_of
from utils.synthesis.words import is_plural, plural, singular

_BARE_DATES = ("at", "date", "date time", "day", "moment", "time", "timestamp")
_LONGEST_NAME = 4  # words
_OF_ANYTHING = re.compile(r"total |number of |.*\bprices?\b")  # names of values that rows of several kinds may have
_SYNONYM_CHANCE = 0.03
_LONGEST_PATH = 4
# Where the head of a description ends: "Kind of security: stock, etf or mutual fund" is "kind of security".
_HEAD_ENDS = re.compile(r"[.,;:(]|\b(?:that|which|who|whose|where|when|as|in|on|at|for|from|to|with|within|under)\b")
_PHRASE = re.compile(r"[A-Za-z][A-Za-z'-]*(?: [A-Za-z][A-Za-z'-]*){0,2}")
_NO_NOUN = re.compile(
    r"^(?:[a-z]+ed|member|how|when|where|is|has|was|not|no|all|free) |.* (?:at|on|by|since|in|to|of)$"
)
_WHETHER = re.compile(
    r"^(?:whether|if|true (?:if|when|where)|yes (?:if|when)|1 (?:if|when)) "
    r"(?:it|he|she|they|(?:the|this|an?) [\w-]+(?: [\w-]+)?) (is|are|was|were|has|have|can) ([^.,;:(]+)",
    re.IGNORECASE,
)
_DOES = re.compile(r"^whether (?:it|he|she|they|(?:the|this|an?) [\w-]+) ([a-z]+[^s])s ([^.,;:(]+)", re.IGNORECASE)
_HAPPENED = re.compile(
    r"\b(?:the|an?|this) ([\w-]+(?: [\w-]+)?) (?:was|were|is|has been|have been|got) "
    r"([a-z]+(?:ed|en|ut|ld|nt|id|ade|orn)(?: (?:up|out|in))?)\b"
)


class NoWordsError(ValueError):
    """Neither hints nor graph hold words for something, only names of a machine's kind; it cannot be asked about."""


@dataclass(frozen=True)
class Noun:
    """A noun or noun phrase, without article."""

    one: str
    many: str
    person: bool = False

    @property
    def who(self) -> str:
        """The pronoun of a relative clause."""
        return "who" if self.person else "that"


@dataclass(frozen=True)
class Flag:
    """What yes and no say of a row: "is still listed", "is no longer listed"; a noun for both, an adjective for yes."""

    yes: str
    no: str
    noun: str
    adjective: str = ""


class Lexicon:
    """The words of one model. With `dice` it now and then calls something by a synonym; it keeps to a word once said.

    Raises NoWordsError for what has no words.
    """

    def __init__(self, model: Model, hints: Hints, dice: random.Random | None = None) -> None:
        self._model = model
        self._hints = hints
        self._dice = dice
        self._nouns: dict[object, Noun] = {}

    # collections and links

    def rows(self, name: str) -> Noun:
        """What rows of a collection are called."""
        if name not in self._nouns:
            self._nouns[name] = self._rows_noun(self._model.collections[name])
        return self._nouns[name]

    def of_link(self, link: Link) -> Noun:
        """What the rows that a link leads to are called; by the link where their own name would not tell which."""
        rows = self.rows(link.child)
        siblings = self._model.collections[link.parent].links.values()
        alone = not any(
            one is not link and one.child == link.child and one.singular == link.singular for one in siblings
        )
        if alone and link.child != link.parent:
            return rows
        name = self._said(link.name, link.description, link.synonyms)
        if name is None:
            return rows
        if not set(_stems(name)) & (set(_stems(rows.one)) | known.PERSONS) and not link.singular:
            name = f"{singular(name)} {rows.many}"
        elif link.singular and link.child != link.parent and not set(_stems(name)) & set(_stems(rows.one)):
            name = f"{name} {rows.one}"
        return Noun(singular(name), plural(name), rows.person)

    def at_end(self, source: Collection, path: Path) -> Noun:
        """What the row at the end of a singular path is called, seen from `source`."""
        noun = self.of_link(path[-1])
        if len(path) > 1 and self._ways(source, path[-1].child) > 1:
            by = self.of_link(path[-2]).one
            return Noun(f"{by} {noun.one}", f"{by} {noun.many}", noun.person)
        return noun

    # columns

    def column(self, column: Column) -> Noun:
        """What a value of a column is called by itself: "join date"."""
        if column not in self._nouns:
            self._nouns[column] = self._column_noun(column)
        return self._nouns[column]

    def field(self, source: Collection, path: Path, column: Column) -> Noun:
        """What a column is called from `source`: the customer's country is the "customer country" of a transaction."""
        if not path:
            return self.column(column)
        owner, noun = self.at_end(source, path), self.column(column)
        if column is self._model.collections[path[-1].child].label and column.unique:
            return Noun(owner.one, owner.many)
        if noun.one.split()[0] in owner.one.split():
            return noun
        return Noun(f"{owner.one} {noun.one}", f"{owner.one} {noun.many}")

    def is_telling(self, column: Column) -> bool:
        """Whether a name tells whose value it is: one of several words that no other column has.

        A "total price", a "price per share" or a "number of shares" could be of several things.
        """
        words = self.column(column).one
        columns = (one for kin in self._model.collections.values() for one in kin.columns.values())
        return (
            " " in words
            and not _OF_ANYTHING.match(words)
            and not any(self.column(one).one == words for one in columns if one is not column and self.can_say(one))
        )

    def can_say(self, column: Column) -> bool:
        """Whether there are words for a column."""
        try:
            return bool(self.column(column))
        except NoWordsError:
            return False

    def key(self, source: Collection, path: Path, column: Column) -> Noun:
        """What groups of equal values are called: never just "type"."""
        noun = self.field(source, path, column)
        if path or noun.one not in known.VAGUE:
            return noun
        owner = self.rows(source.name).one
        return Noun(f"{owner} {noun.one}", f"{owner} {noun.many}")

    def flag(self, column: Column) -> Flag:
        """What a yes-or-no column says of a row."""
        hinted = self._hints.column(column.collection, column.name).words
        words = re.sub(r"^(?:is|has) |(?: flag| indicator| status)$", "", hinted or self.column(column).one)
        status = f"{words} status"
        described = None if hinted else _WHETHER.match(column.description)
        if described:
            verb = {"are": "is", "were": "was", "have": "has"}.get(described[1].lower(), described[1].lower())
            rest = described[2].strip()
            if rest.startswith("still "):
                return Flag(f"{verb} {rest}", f"{verb} no longer {rest.removeprefix('still ')}", status)
            denied = f"does not have {rest}" if verb == "has" else f"{verb} not {rest}"
            return Flag(f"{verb} {rest}", denied, status, rest if is_adjective(rest) else "")
        if not hinted and (does := _DOES.match(column.description)):
            return Flag(f"{does[1]}s {does[2].strip()}", f"does not {does[1]} {does[2].strip()}", status)
        if (hinted and hinted.startswith("has ")) or words_of(column.name)[:1] == ("has",):
            return Flag(f"has {words}", f"does not have {words}", status)
        return Flag(f"is {words}", f"is not {words}", status, words if is_adjective(words) else "")

    def act(self, column: Column) -> str:
        """What rows did on a date: "joined", "were placed"; "" where it is not known."""
        hint = self._hints.column(column.collection, column.name)
        if hint.verb:
            return hint.verb
        rows = self.rows(column.collection)
        told = _HAPPENED.search(column.description)
        if told and told[1].lower() in {rows.one, *map(singular, self._model.collections[column.collection].synonyms)}:
            return f"were {told[2]}"
        act = known.ACTS.get(words_of(column.name)[0] if words_of(column.name) else "", "")
        if act in ("joined", "registered", "graduated", "signed up", "were hired", "were born") and not rows.person:
            return ""
        return act

    def says(self, column: Column) -> str:
        """The words before a value that say that rows have it: "handled by", "of type"; "" where there are none."""
        return self._hints.column(column.collection, column.name).says or ""

    def owner(self, column: Column) -> str:
        """Whose the value is where it is not the row's own: "the ticker"; else ""."""
        return self._hints.column(column.collection, column.name).of or ""

    def currency(self, column: Column) -> str:
        """The sign before amounts; "" where the currency is not known."""
        if column.unit not in ("money", "price", "dollars", "euros"):
            return ""
        words = f"{column.unit} {column.description}"
        if re.search(r"\bdollars?\b|\bUSD\b|\$", words):
            return "$"
        return "€" if re.search(r"\beuros?\b|\bEUR\b|€", words) else ""

    def is_place(self, column: Column) -> bool:
        """Whether rows are "in" what the column says."""
        return self.column(column).one.split()[-1] in known.PLACES

    def is_place_noun(self, link: Link) -> bool:
        """Whether a link leads to a place: the nation of a supplier."""
        return self.is_place_of(link.child)

    def is_place_of(self, name: str) -> bool:
        """Whether rows of a collection are places."""
        return self.rows(name).one.split()[-1] in known.PLACES

    def ends_at_place(self, path: Path, column: Column) -> bool:
        """Whether a path leads to a place that the column is the name of: the nation of a supplier."""
        end = self._model.collections[path[-1].child] if path else None
        return end is not None and column is end.label and self.is_place_noun(path[-1])

    # how it is found

    def _rows_noun(self, collection: Collection) -> Noun:
        hint = self._hints.collection(collection.name)
        if hint.one or hint.many:
            one = hint.one or singular(str(hint.many))
            many = hint.many or plural(one)
        else:
            name = self._said(collection.name, collection.description, collection.synonyms, rows=True)
            if name is None:
                raise NoWordsError(f"no words for collection {collection.name}")
            one, many = singular(name), plural(singular(name))
        synonyms = [word for word in collection.synonyms if self._is_own(collection, word)]
        if synonyms and not (hint.one or hint.many) and self._dice and self._dice.random() < _SYNONYM_CHANCE:
            many = self._dice.choice(synonyms)
            one = singular(many)
        person = hint.person if hint.person is not None else singular(one.split()[-1]) in known.PERSONS
        return Noun(one, many, person)

    def _is_own(self, collection: Collection, word: str) -> bool:
        """Whether a synonym is a plural that means nothing else in this model."""
        if not _PHRASE.fullmatch(word) or not is_plural(word.split()[-1]) or word != word.lower():
            return False
        others = [one for one in self._model.collections.values() if one is not collection]
        spoken = {plural(word) for one in others for word in (one.name.replace("_", " "), *one.synonyms)}
        own = {plural(self.column_words(column)) for column in collection.columns.values()}
        return word not in spoken | own

    def column_words(self, column: Column) -> str:
        """The plain words of a column's name, good or bad."""
        return " ".join(words_of(column.name))

    def _column_noun(self, column: Column) -> Noun:
        hint = self._hints.column(column.collection, column.name)
        if hint.words:
            return Noun(hint.words, hint.many or plural(hint.words))
        if column.role in ("identifier", "foreign_key") and (noun := self._key_noun(column)):
            return noun
        name = self._said(column.name, column.description, column.synonyms, number=column.kind == "number")
        if name is None:
            raise NoWordsError(f"no words for {column!r}")
        if column.role == "date" and name in _BARE_DATES:
            longer = [word for word in column.synonyms if re.fullmatch(r"[a-z]+ (?:date|time)", word)]
            name = longer[0] if longer else "date"
        if column.unit == name and is_plural(name):
            name = f"number of {name}"
        return Noun(name, plural(name))

    def _key_noun(self, column: Column) -> Noun | None:
        """The "customer ID" by what it tells apart or refers to."""
        collection = self._model.collections[column.collection]
        owner = self.rows(collection.name).one if collection.key == (column.name,) else ""
        for link in collection.singular_links:
            if [own for own, _other in link.keys] == [column.name]:
                owner = self.of_link(link).one
        if not owner:
            return None
        word = "number" if column.description.startswith("Number of") else "ID"
        return Noun(f"{owner} {word}", f"{owner} {word}s")

    def _said(
        self, name: str, description: str, synonyms: Sequence[str], rows: bool = False, number: bool = False
    ) -> str | None:
        """What something is called, by its name where that is English, by a synonym or its description's head else."""
        words = [word for word in words_of(name) if word not in known.TECHNICAL]
        called = [word.lower() for word in synonyms if _PHRASE.fullmatch(word) and not _NO_NOUN.match(word.lower())]
        if words and self._are_english(words, description, synonyms):
            text = " ".join("ID" if word == "id" else word for word in words)
            if len(words) == 1 and number:
                # "open" alone is no noun: the "opening price" is what is meant.
                longer = [one for one in called if " " in one and words[0][:4] == one.split()[0][:4]]
                longer += [one for one in called if " " in one and one.split()[-1] == words[0]]
                described = _head_of(description) if words[0] in known.PARTICIPLES or words[0].endswith("ed") else None
                text = longer[0] if longer else described or text
            if (
                self._dice
                and called
                and not rows
                and self._dice.random() < _SYNONYM_CHANCE
                and self._only_here(called[0])
            ):
                return called[0]
            return text
        if called:
            return re.sub(r"\bid\b", "ID", called[0])
        return _head_of(description)

    def _are_english(self, words: Iterable[str], description: str, synonyms: Sequence[str]) -> bool:
        near = {stem for text in (description, *synonyms) for stem in _stems(text)}
        english = near | self._prose | known.PLAIN
        return all(word in english or singular(word) in english or known.ENGLISH.fullmatch(word) for word in words)

    @cached_property
    def _prose(self) -> frozenset[str]:
        """The words of all descriptions and synonyms."""
        return frozenset(stem for text in _texts(self._model) for stem in _stems(text) if len(stem) > 2 or stem == "id")

    def _only_here(self, word: str) -> bool:
        columns = [column for one in self._model.collections.values() for column in one.columns.values()]
        return sum(word in (*column.synonyms, self.column_words(column)) for column in columns) == 1

    def _ways(self, source: Collection, target: str) -> int:
        """To how many different rows of a collection singular paths lead; those that meet on the same keys are one."""
        found: set[object] = set()
        starts: list[tuple[tuple[str, ...], dict[str, object]]] = [
            ((source.name,), {name: name for name in source.columns})
        ]
        while starts:
            path, origins = starts.pop()
            for link in self._model.collections[path[-1]].singular_links:
                if link.child in path or len(path) > _LONGEST_PATH:
                    continue
                after = (*path, link.name)
                keys = frozenset((child, origins.get(parent, (*path, parent))) for parent, child in link.keys)
                if link.child == target:
                    found.add(keys)
                else:
                    known_as: dict[str, object] = {
                        name: (*after, name) for name in self._model.collections[link.child].columns
                    }
                    starts.append(((*path, link.child), known_as | dict(keys)))
        return len(found)


def _head_of(description: str) -> str | None:
    """What a description begins with, where that is a name: "amount paid" of "Amount paid, in dollars"."""
    head = _HEAD_ENDS.split(re.sub(r"^(?:The|An?|All) ", "", description))[0].strip()
    if not head or len(head.split()) > _LONGEST_NAME or not re.fullmatch(r"[A-Za-z' -]+", head):
        return None
    if re.match(r"(?:whether|if|true) ", head, re.IGNORECASE):
        return None
    return head[0].lower() + head[1:] if head[1:2].islower() else head


def is_adjective(words: str) -> bool:
    """Whether a value such as "active" stands before a noun."""
    return bool(known.ADJECTIVE.fullmatch(words)) and words not in known.NOT_ADJECTIVES


def _stems(text: str) -> list[str]:
    return [singular(word) for word in re.findall(r"[a-z]+", text.lower())]


def _texts(model: Model) -> Iterator[str]:
    for collection in model.collections.values():
        yield from (collection.description, *collection.synonyms)
        for column in collection.columns.values():
            yield from (column.description, *column.synonyms)
        for link in collection.links.values():
            yield from (link.description, *link.synonyms)
