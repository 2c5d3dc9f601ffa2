"""What an aggregate of values is called: "total amount", "90th percentile of the price"."""

from __future__ import annotations

from dataclasses import replace

from utils.synthesis.english.phrases import Phrase
from utils.synthesis.english.voice import Voice
from utils.synthesis.words import ordinal

_LEVELS = {"AVG": "average", "MEDIAN": "median"}
_CHARGES = ("commission", "fee", "tax")
_VAGUE = ("amount", "quantity", "value", "volume")  # whose total "of orders" could be the number of orders


def measured(voice: Voice, function: str, option: str, value: Phrase) -> Phrase:
    """The head of an aggregate of `value`, without the rows it is taken over."""
    words = value.head
    match function:
        case "SUM":
            head = f"{'combined' if 'total' in words.split() else 'total'} {words}"
        case "AVG" | "MEDIAN":
            head = f"{_LEVELS[function]} {words}"
        case "MIN" | "MAX":
            head = f"{_extreme(voice, function, value)} {words}"
        case "STD":
            head = f"sample standard deviation of the {words}"
        case "VAR":
            head = f"sample variance of the {words}"
        case "QUANTILE":
            head = f"{ordinal(round(float(option) * 100))} percentile of the {words}"
        case "ANYTHING":
            head = words
        case _:
            raise ValueError(f"no aggregate: {function}")
    sort = value.sort if function in ("MIN", "MAX", "ANYTHING") else "price" if value.sort == "price" else "number"
    joint = "across" if " of " in head else "on" if words.split()[-1] in _CHARGES else "of"
    short = head.replace(words, value.short) if value.short else ""
    column = value.column if function != "VAR" else None  # it is in squares of the unit
    return Phrase(head, joint=joint, sort=sort, short=short, column=column, note=value.note)


def _extreme(voice: Voice, function: str, value: Phrase) -> str:
    most = function == "MAX"
    if value.sort == "date":
        return voice.one_of("latest", "most recent") if most else "earliest"
    if value.sort in ("text", "identifier"):
        return "alphabetically last" if most else "alphabetically first"
    if value.head.startswith("number of ") or value.head.split()[-1] == "size":
        return "largest" if most else "smallest"
    return "highest" if most else "lowest"


def is_vague(phrase: Phrase) -> bool:
    """Whether a measure of rows sounds like the number of rows, as the "total amount of orders" does."""
    words = phrase.head.split()
    return len(words) == 2 and words[1] in _VAGUE


def possessed(phrase: Phrase, owner: str) -> Phrase:
    """A measure with its owner in its name: "total order amount"."""
    level, _, what = phrase.head.partition(" ")
    return replace(phrase, head=f"{level} {owner} {what}", short="")
