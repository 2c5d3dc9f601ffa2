"""The words of a question that are worth searching for."""

from __future__ import annotations

import re
from itertools import pairwise

MAX_TERMS = 64

# Function words, and the verbs with which a request opens ("show", "find"). A name written in
# capitals (HAS, NOT, FIND) is an operator of the language and never dropped.
STOP_WORDS = frozenset(
    word
    for line in (
        "a about again also am an and are as at be been being but by can cannot could",
        "did display do does doing don done during find for from get give given had has have here how",
        "i if in into is isn it its just let like list make may me might mine must my need",
        "of on only or our out please pydough shall she should show so some such tell that the their them",
        "then there these they this those to too us use used using very want was way we were what when where",
        "whether which while who whom whose why will with would write you your",
    )
    for word in line.split()
)
SYMBOL_WORDS = {
    "+": ("addition", "arithmetic"),
    "-": ("subtraction", "arithmetic"),
    "*": ("multiplication", "arithmetic"),
    "/": ("division", "arithmetic"),
    "**": ("exponentiation", "power"),
    "%": ("modulo", "arithmetic"),
    "&": ("logical", "conjunction"),
    "|": ("logical", "disjunction"),
    "^": ("logical", "exclusive"),
    "~": ("logical", "negation"),
    "==": ("equal", "comparison"),
    "!=": ("unequal", "comparison"),
    "<": ("less", "comparison"),
    "<=": ("less", "comparison"),
    ">": ("greater", "comparison"),
    ">=": ("greater", "comparison"),
}

_CONTRACTION = re.compile(r"(?<=\w)['\u2019]\w{1,2}\b")
_SYMBOL = re.compile(
    r"(?:(?<=[\s`'\"(,])|^)("
    + "|".join(map(re.escape, sorted(SYMBOL_WORDS, key=len, reverse=True)))
    + r")(?=[\s`'\"),.?:;]|$)"
)
_TOKEN = re.compile(rf"{_SYMBOL.pattern}|(\w+)")


def question_terms(text: str) -> list[str]:
    """The distinct words of `text` without stop words, in their order; at most MAX_TERMS.

    A lone operator symbol becomes the words a manual uses for it, names written with underscores stay
    whole. If only stop words were asked, they are all there is to search for, and are kept.
    Example: "How do I use TOP_K with ==?" gives ["TOP_K", "equal", "comparison"].
    """
    words: list[str] = []
    for found in _TOKEN.finditer(_CONTRACTION.sub("", text)):
        words.extend(SYMBOL_WORDS[found[1]] if found[1] else [found[2]])
    worth_it = [word for word in words if is_operator_name(word) or not _is_stop_word(word)]
    return _distinct(worth_it or words)[:MAX_TERMS]


def all_words(text: str) -> list[str]:
    """The distinct words of `text`, stop words too, in their order; at most MAX_TERMS."""
    return _distinct(re.findall(r"\w+", text))[:MAX_TERMS]


def compound_names(text: str) -> list[str]:
    """Each two neighbouring words of `text` as one name: "order by" asks for order_by too."""
    words = re.findall(r"\w+", text.lower())[:MAX_TERMS]
    return _distinct([f"{word}_{after}" for word, after in pairwise(words)])


def is_operator_name(word: str) -> bool:
    """Whether `word` is written as PyDough writes operators and methods: RANKING, TOP_K."""
    return len(word) > 1 and word.isupper()


def _is_stop_word(word: str) -> bool:
    return word.lower() in STOP_WORDS or (len(word) == 1 and word.isascii())


def _distinct(words: list[str]) -> list[str]:
    first_spelling: dict[str, str] = {}
    for word in words:
        first_spelling.setdefault(word.lower(), word)
    return list(first_spelling.values())
