"""Which role a column plays, from its name, its description and its values.

A wrong role makes an absurd question (a sum of prices, an average of postal codes), so each rule prefers the role that
allows less: a number whose sum is not surely meant is a measure, a text that is neither a name nor repeated is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from utils.synthesis import role_words as known
from utils.synthesis.looks import Look, look_of
from utils.synthesis.model import Kind, Role, Value
from utils.synthesis.name_words import words_of

_COUNT_OF = r"(?:the )?(?:total )?(?:number|count|quantity) of (?!the\b)(?:all |distinct |different )?(\w+)"
_NUMBER_OF_THE = r"(?:the )?(?:unique )?(?:id|identifier|number) (?:of|for) the\b"
_OF_ONE = r"\b(?:of|for) (?:one|a single|each)\b|\bper\b|\b(?:single|each) (?:unit|piece|share|item)\b|\bunit price\b"
_SINCE_1970 = r"\bepoch\b|\bunix\b|since 1970|\bmilliseconds since\b"
_TRUTH = r"(?:the )?(?:flag|whether|true if|true when|1 if|1 when|yes/no|boolean|indicates (?:whether|if))\b"
_FEW = 30
_HARDLY_ANY = 5
_LONGEST_LABEL = 40


@dataclass(frozen=True)
class Seen:
    """What is known of a column before it has a role.

    `key`: alone it tells the collection's rows apart; `part_of_key`: together with others. `foreign`: a relationship
    to one row of another collection stands on it. `snapshot`: the collection holds states of the same things at many
    times. `filled` counts the rows with a value, `distinct` the values; `values` are distinct, the most frequent first.
    """

    collection: str
    name: str
    kind: Kind
    description: str = ""
    synonyms: tuple[str, ...] = ()
    key: bool = False
    part_of_key: bool = False
    foreign: bool = False
    snapshot: bool = False
    filled: int = 0
    distinct: int = 0
    values: tuple[Value, ...] = ()
    low: Value | None = None
    high: Value | None = None
    whole: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of its name; where none is known, those of a synonym, or those with which its description opens."""
        opening = re.split(r"[,.;:(]|\b(?:of|in|on|at|for|from|to|that|which|who|when)\b", self.description)[0]
        names = [words_of(one) for one in (self.name, *self.synonyms, opening)]
        return next((words for words in names if not known.KNOWN.isdisjoint(words)), names[0] or ("",))

    @cached_property
    def said(self) -> str:
        """Its description in lower case."""
        return self.description.lower()

    @property
    def unique(self) -> bool:
        """No value occurs twice."""
        return self.distinct == self.filled

    @property
    def repeats(self) -> float:
        """How often a value occurs on average."""
        return self.filled / max(1, self.distinct)

    @property
    def few(self) -> bool:
        """Whether there are so few values that rows can be grouped by them."""
        return self.distinct <= _FEW

    @cached_property
    def counted(self) -> str | None:
        """What it counts: "rooms" of `number_of_rooms`, `num_rooms` and "Number of rooms", "" of `room_count`.

        None of what is no count, such as `room_number` and "Number of the room".
        """
        before, number, thing = " ".join(self.words).partition("number ")
        if number and (before[-1:] in ("", " ")) and thing.split()[0] not in known.IDENTIFIERS:
            return thing.removeprefix("of ")
        said = re.match(_COUNT_OF, self.said)
        if said:
            return said[1] if said[1].endswith("s") else ""
        return "" if "count" in self.words else None

    def within(self, low: float, high: float) -> bool:
        """Whether it holds numbers, all of them between two."""
        if isinstance(self.low, int | float) and isinstance(self.high, int | float):
            return low <= self.low and self.high <= high
        return False

    def called(self, words: frozenset[str]) -> bool:
        """Whether its name has one of the words."""
        return not words.isdisjoint(self.words)


def role_of(seen: Seen) -> Role:
    """The role of a column; one with a single value, or none, is a "code": it tells a reader nothing."""
    if seen.kind == "date":
        return "date"
    if seen.foreign and not seen.key:
        return "foreign_key"
    if seen.distinct <= 1 and not (seen.key or seen.part_of_key):
        return "code"
    if seen.kind == "flag":
        return "flag"
    return _number_role(seen) if seen.kind == "number" else _text_role(seen)


def _number_role(seen: Seen) -> Role:
    last = seen.words[-1]
    own: Role = "identifier" if seen.key or seen.unique or seen.part_of_key else "code"
    if seen.key:
        return own
    if _is_flag(seen):
        return "flag"
    if seen.called(known.CONTACTS | known.NO_MEANING) or seen.words == ("long",) or _is_moment(seen):
        return "code"
    if last in known.REFERENCES and seen.whole:
        return "code"
    if seen.counted is None:
        if last in known.IDENTIFIERS or (seen.whole and re.match(_NUMBER_OF_THE, seen.said)):
            return own
        if last in known.ORDINALS | known.CODES and seen.whole:
            return "category" if seen.few and not seen.part_of_key else own
        if is_year(seen) or _is_calendar(seen):
            return "category"
        if _is_group(seen):
            return "category"
    return "amount" if _is_additive(seen) else "measure"


def _is_moment(seen: Seen) -> bool:
    """A moment as a number: seconds or milliseconds since 1970, or digits such as 20231231 or 1430."""
    if not seen.whole or not (seen.called(known.MOMENTS) or re.search(_SINCE_1970, seen.said)):
        return False
    since_1970 = any(seen.within(1e8 * unit, 5e9 * unit) for unit in (1, 1e3, 1e6, 1e9))
    return since_1970 or _is_time_of_day(seen) or look_of([str(value) for value in seen.values]) == "day"


def _is_time_of_day(seen: Seen) -> bool:
    """Hours and minutes as digits, such as 1430."""
    digits = [int(value) for value in seen.values]
    return seen.within(0, 2400) and len(digits) > _FEW and max(digits) > 300 and all(one % 100 < 60 for one in digits)


def is_year(seen: Seen) -> bool:
    """A calendar year as a number."""
    return "year" in seen.words and seen.whole and seen.within(1000, 2200)


def _is_calendar(seen: Seen) -> bool:
    """A month, a weekday, an hour as a number: `month`, `order_month`, `day_of_week`; not `months`."""
    return seen.whole and any(
        seen.within(*bounds)
        for word, bounds in known.CALENDAR.items()
        if word == seen.words[-1] or (word in seen.words and "of" in seen.words)
    )


def _is_flag(seen: Seen) -> bool:
    if {*seen.values} != {0, 1}:
        return False
    named = seen.called(known.FLAG_OPENINGS | known.FLAGS) or re.match(_TRUTH, seen.said)
    return bool(named) or not (
        seen.counted is not None or seen.called(known.ADDITIVE | known.RATIOS | known.IDENTIFIERS)
    )


def _is_group(seen: Seen) -> bool:
    """A number that people group by; of an unknown name, one that has hardly any values."""
    if not seen.whole or not seen.few:
        return False
    return seen.called(known.GROUPING_NUMBERS) or (known.KNOWN.isdisjoint(seen.words) and seen.distinct <= _HARDLY_ANY)


def _is_additive(seen: Seen) -> bool:
    if seen.snapshot and seen.called(known.STOCKS):
        return False
    if seen.counted is not None:
        return not seen.called(known.AVERAGES)
    fraction = not seen.whole and seen.within(-1, 1)
    if fraction or seen.called(known.RATIOS) or re.search(_OF_ONE, seen.said):
        return False
    return seen.called(known.TOTALS if {"price", "value"} & {*seen.words} else known.ADDITIVE)


def _text_role(seen: Seen) -> Role:
    last = seen.words[-1]
    look = look_of([str(value) for value in seen.values])
    own: Role = "identifier" if seen.unique else "code"
    named = seen.called(known.NAMES)
    if seen.key:
        return "name" if named else "identifier"
    if look in ("hash", "json", "day") or seen.called(known.NO_MEANING) or re.search(r"\binternal\b", seen.said):
        return own if look == "uuid" else "code"
    if look in ("email", "url", "phone") or seen.called(known.CONTACTS):
        return "text"
    if look == "uuid" or last in known.IDENTIFIERS | known.ORDINALS:
        return own
    grouped = seen.few and seen.repeats >= 2
    if last in known.CODES:
        return "category" if grouped else own
    if seen.called(known.PROSE):
        return "category" if grouped and seen.repeats >= 10 and look == "short" else "text"
    return _name_role(seen, grouped) if named else _word_role(seen, look, own)


def _name_role(seen: Seen, grouped: bool) -> Role:
    """The row's own name, or that of another thing it mentions: an order's `product_name`."""
    stems = tuple(word[:4] for word in words_of(seen.collection) if len(word) > 2)
    rest = {word for word in seen.words if len(word) > 1} - known.NAMES - known.NAME_KINDS
    of_another = any(not word.startswith(stems) for word in rest)
    if seen.repeats < 1.1 or (seen.called(known.NAMES_OF_PEOPLE) and not of_another):
        return "name"
    if grouped or ("title" in seen.words and seen.repeats >= 1.5):
        return "category"
    return "text" if of_another else "name"


def _word_role(seen: Seen, look: Look, own: Role) -> Role:
    """Texts that are called neither a name nor a code: categories where they repeat."""
    if look == "prose" or any(len(str(value)) > _LONGEST_LABEL for value in seen.values):
        return "text"
    if look == "digits" and "year" not in seen.words:
        return own
    if seen.called(known.CATEGORIES):
        return "category" if seen.repeats >= 1.2 or seen.distinct <= 12 else "text"
    if seen.repeats >= 3 and (look != "code" or seen.few):
        return "category"
    return own if look == "code" else "text"
