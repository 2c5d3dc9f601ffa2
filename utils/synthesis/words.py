"""English words: plurals, articles, numbers, lists. Upon the library inflect, with what it gets wrong put right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import inflect

from utils.synthesis.model import Value

_ENGINE = inflect.engine()
_ALWAYS_ONE = frozenset(
    ["data", "information", "staff", "media", "stock", "equipment", "inventory", "clothing", "software", "hardware"]
)
_NO_PLURALS = frozenset(("alias", "atlas", "bias", "canvas", "gas", "lens"))
_LAST_WORD_STAYS = re.compile(r"^(.*?\S)( (?:of|per|in|on|from|to|for|at|with|after|before|between)\b.*)$")


@cache
def plural(noun: str) -> str:
    """The plural of a noun or a noun phrase: "number of shares" is "numbers of shares"."""
    phrase = _LAST_WORD_STAYS.match(noun)
    if phrase:
        return plural(phrase[1]) + phrase[2]
    before, space, last = noun.rpartition(" ")
    if last == "ID":
        return before + space + "IDs"
    if last.lower() in _ALWAYS_ONE or is_plural(last):
        return noun
    return before + space + str(_ENGINE.plural_noun(last))


@cache
def singular(noun: str) -> str:
    """The singular of a plural noun or noun phrase; a singular stays."""
    phrase = _LAST_WORD_STAYS.match(noun)
    if phrase:
        return singular(phrase[1]) + phrase[2]
    before, space, last = noun.rpartition(" ")
    return before + space + (str(_ENGINE.singular_noun(last)) if is_plural(last) else last)


def singular_name(name: str) -> str:
    """The singular of a name of several words: "daily_prices" is "daily_price"."""
    return singular(name.replace("_", " ")).replace(" ", "_")


def plural_name(name: str) -> str:
    """The plural of a name of several words: "order_status" is "order_statuses"."""
    return plural(name.replace("_", " ")).replace(" ", "_")


@cache
def is_plural(word: str) -> bool:
    """Whether a single word is a plural; words that are both, such as "series", are not."""
    if word == "IDs":
        return True
    if (
        not word.isalpha()
        or not word.islower()
        or word.endswith(("ss", "us", "is"))
        or word in _ALWAYS_ONE | _NO_PLURALS
    ):
        return False
    one = _ENGINE.singular_noun(word)
    return isinstance(one, str) and bool(one) and one != word and _ENGINE.plural_noun(one) == word


@cache
def a(noun: str) -> str:
    """A noun with "a" or "an" before it."""
    return str(_ENGINE.a(noun))


def listed(items: Sequence[str], last: str = "and") -> str:
    """Items as people list them: "a", "a and b", "a, b and c"."""
    return f"{', '.join(items[:-1])} {last} {items[-1]}" if len(items) > 1 else items[0]


@cache
def in_words(number: int) -> str:
    """A small number as a word, a larger one in figures."""
    return str(_ENGINE.number_to_words(str(number))) if 0 <= number <= 12 else figures(number)


@cache
def ordinal(number: int) -> str:
    """ "first", "second", ... and "13th" beyond twelve."""
    figure = str(_ENGINE.ordinal(str(number)))
    return str(_ENGINE.number_to_words(figure)) if 1 <= number <= 12 else figure


def figures(number: Value) -> str:
    """A number in figures, thousands apart, without idle zeros: 1234.50 is "1,234.5"."""
    if isinstance(number, int):
        return f"{number:,}"
    text = f"{float(number):,.10f}".rstrip("0").rstrip(".")
    return text or "0"


def sentence(text: str) -> str:
    """Its first letter as a capital, its spaces single and none before punctuation."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.;:?])", r"\1", text)
    return text[:1].upper() + text[1:]
