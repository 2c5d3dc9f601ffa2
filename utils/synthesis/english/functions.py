"""What functions of one row's values are called, once it is known what the values are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utils.synthesis.english.phrases import Phrase, Sort
from utils.synthesis.english.voice import Voice
from utils.synthesis.intent import Call, Constant
from utils.synthesis.words import in_words, listed, ordinal

DATE_PARTS = (
    "YEAR",
    "QUARTER",
    "MONTH",
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "DAYNAME",
    "MONTHNAME",
    "DAYOFWEEK",
    "START",
)
_OUTERMOST = {  # of two, and of several
    ("LARGEST", "number"): ("larger", "largest"),
    ("LARGEST", "date"): ("later", "latest"),
    ("SMALLEST", "number"): ("smaller", "smallest"),
    ("SMALLEST", "date"): ("earlier", "earliest"),
}
_PARTS = {
    "QUARTER": ("quarter", "1 to 4"),
    "MONTH": ("calendar month", "1 to 12"),
    "DAY": ("day of the month", ""),
    "HOUR": ("hour of the day", "0 to 23"),
    "MINUTE": ("minute", ""),
    "SECOND": ("seconds part", ""),
    "DAYNAME": ("weekday", ""),
    "MONTHNAME": ("month", "such as Jan"),
    "DAYOFWEEK": ("weekday", "0 for Monday to 6 for Sunday"),
}


def date_part(call: Call, value: Phrase, alone: bool) -> Phrase:
    """A part of a date, or the period it lies in; `alone`: its rows have no other date that it could be of."""
    unit = call.option if call.operator == "START" else {"YEAR": "year"}.get(call.operator, "")
    head, note = (unit, "") if unit else _PARTS[call.operator]
    sort: Sort = "text" if call.operator in ("DAYNAME", "MONTHNAME") else "date" if unit else "number"
    if not alone:
        before, _, last = value.head.rpartition(" ")
        short = {"MONTH": "month", "QUARTER": "quarter", "MONTHNAME": "month"}.get(call.operator, unit)
        if before and short and last in ("date", "time", "day", "timestamp"):
            head = f"{before} {short}"
        else:
            head = f"{head} of the {value.head}"
    short = {"MONTHNAME": "month", "DAYNAME": "weekday", "DAYOFWEEK": "weekday", "HOUR": "hour"}.get(call.operator, "")
    return Phrase(head, sort=sort, note=note, short=short, blank=value.blank)


def moved(call: Call, date: Phrase) -> Phrase:
    """A date some time after or before another."""
    number = call.arguments[1]
    count = int(float(str(number.value))) if isinstance(number, Constant) else 0
    unit = call.option if abs(count) != 1 else call.option.removesuffix("s")
    way = "after" if count >= 0 else "before"
    return Phrase(
        f"day {in_words(abs(count))} {unit} {way} the {date.head}", sort="date", short="day", blank=date.blank
    )


def start_note(unit: str) -> str:
    """How a period is shown: by its first day."""
    return "" if unit == "day" else f"shown as its {'Monday' if unit == 'week' else 'first day'}"


def gap(call: Call, first: Phrase, second: Phrase) -> Phrase:
    """The time between two dates."""
    unit = call.option if call.option in ("days", "hours") else f"calendar {call.option}"
    return Phrase(
        f"number of {unit} from the {first.head} to the {second.head}",
        short=f"number of {unit}",
        blank=first.blank or second.blank,
    )


def period_label(kind: str, date: Phrase) -> Phrase:
    """A quarter or a month with its year as text."""
    example = "2023-Q1" if kind == "quarter" else "2023-04"
    return Phrase(
        f"year and {kind} of the {date.head}", sort="text", note=f"as text such as {example}", blank=date.blank
    )


def of_a_pair(operator: str, first: Phrase, second: Phrase) -> Phrase:
    """What a function of the difference or the product of two numbers is called."""
    pair = f"the {first.whole} and the {second.whole}"
    match operator:
        case "ABS":
            return Phrase(f"absolute difference between {pair}", short="absolute difference", column=first.column)
        case "POWER":
            return Phrase(f"squared difference between {pair}", short="squared difference")
        case "SQRT":
            return Phrase(f"geometric mean of {pair}", short="geometric mean", column=first.column)
    note = "1 where it is higher, 0 where both are equal, -1 where it is lower"
    return Phrase(f"comparison of the {first.whole} with the {second.whole}", short="comparison", note=note)


def text_function(voice: Voice, call: Call, values: Sequence[Phrase], constants: Sequence[Constant]) -> Phrase | None:
    """A function of texts; None where it is none."""
    what = values[0].head if values else ""
    given = [one.value for one in constants]
    match call.operator:
        case "UPPER":
            return _text(what).noted(f"in {voice.one_of('capitals', 'upper case')}")
        case "LOWER":
            return _text(what).noted("in lower case")
        case "LENGTH":
            return _number(f"number of characters in the {what}")
        case "STRIP":
            return _text(what).noted("with blanks at both ends removed")
        case "SLICE":
            return _text(_slice(what, given))
        case "JOIN":
            heads = [one.head for one in values]
            example = str(given[0]).join(head.capitalize() for head in heads)
            return replace(_text(f"{listed(heads)} combined"), short="text").noted(f"as {voice.quoted(example)}")
        case "REPLACE":
            return _text(f"{what} with each {_character(voice, given[0])} {_replaced(voice, given[1])}")
        case "STRCOUNT":
            return _number(f"number of {_characters(voice, given[0])} in the {what}")
        case "FIND":
            place = f"position of the first {_character(voice, given[0])} in the {what}"
            return _number(place).noted("counted from 0, -1 where there is none")
        case "LPAD" | "RPAD":
            side = "left" if call.operator == "LPAD" else "right"
            filler = voice.quoted(str(given[1]))
            return _text(f"{what} padded on the {side} with {filler} to {given[0]} characters")
        case "GETPART":
            return _text(_part_of_text(voice, what, str(given[0]), int(given[1])))
        case "STRING":
            return replace(values[0], sort="text")
    return None


def _text(head: str) -> Phrase:
    return Phrase(head, sort="text")


def _number(head: str) -> Phrase:
    return Phrase(head)


def _character(voice: Voice, text: object) -> str:
    return "blank" if text == " " else voice.quoted(str(text))


def _characters(voice: Voice, text: object) -> str:
    return "blanks" if text == " " else f"times {voice.quoted(str(text))} occurs"


def _replaced(voice: Voice, text: object) -> str:
    return "left out" if text == "" else f"replaced by {_character(voice, text) if text != ' ' else 'a blank'}"


def _slice(what: str, given: Sequence[object]) -> str:
    start, end = (int(str(one)) if one not in (None, "") else None for one in (*given, None, None)[:2])
    if start is not None and start < 0 and end is None:
        return f"last {in_words(-start)} characters of the {what}" if start < -1 else f"last character of the {what}"
    if not start and end is not None and end > 0:
        return f"first {in_words(end)} characters of the {what}" if end > 1 else f"first letter of the {what}"
    if start and end is None:
        return f"{what} without the first {in_words(start)} characters"
    return f"characters {(start or 0) + 1} to {end} of the {what}"


def _part_of_text(voice: Voice, what: str, separator: str, number: int) -> str:
    place = "last" if number == -1 else ordinal(number)
    if separator == " ":
        return f"{place} word of the {what}"
    if number == 2 or number == -1:
        return f"part of the {what} after the {'last ' if number == -1 else ''}{voice.quoted(separator)}"
    if number == 1:
        return f"part of the {what} before the {voice.quoted(separator)}"
    return f"{place} part of the {what} between {voice.quoted(separator)}"


def number_function(call: Call, values: Sequence[Phrase], said: Sequence[str]) -> Phrase | None:
    """A function of numbers; `said` are all arguments, constants too. None where it is none."""
    column = values[0].column if values else None
    match call.operator:
        case "ADD":
            return Phrase(f"sum of {listed(said)}", short="sum", column=column)
        case "SUB":
            return Phrase(f"{_bare(said[0])} minus {said[1]}", short="difference", column=column)
        case "MUL":
            return Phrase(f"{_bare(said[0])} times {said[1]}", short="product")
        case "DIV":
            return Phrase(f"ratio of {said[0]} to {said[1]}", short="ratio")
        case "ABS":
            return Phrase(f"absolute value of {said[0]}", column=column)
        case "FLOOR" | "CEIL":
            way = "down" if call.operator == "FLOOR" else "up"
            return replace(values[0], note=f"rounded {way} to a whole number")
        case "SIGN":
            return Phrase(f"sign of {said[0]}", note="1, 0 or -1")
        case "SQRT":
            return Phrase(f"square root of {said[0]}")
        case "POWER":
            if call.arguments[1] == Constant(2):
                return Phrase(f"square of {said[0]}", short="square")
            return Phrase(f"{_bare(said[0])} to the power of {said[1]}")
        case "LARGEST" | "SMALLEST":
            sort: Sort = "date" if values[0].sort == "date" else "number"
            word = _OUTERMOST[call.operator, sort][len(said) > 2]
            return Phrase(f"{word} of {listed(said)}", sort=sort, column=column)
        case "INTEGER":
            return replace(values[0], note="with its decimals cut off")
        case "FLOAT":
            return values[0]
    return None


def _bare(said: str) -> str:
    return said.removeprefix("the ")


def rounded(phrase: Phrase, digits: int) -> Phrase:
    """A phrase with how it is rounded."""
    money = phrase.column is not None and phrase.column.unit in ("money", "price")
    if digits == 0:
        return phrase.noted("rounded to a whole number")
    if digits == 2 and money:
        return phrase.noted("rounded to cents")
    if digits < 0:
        return phrase.noted(f"rounded to the nearest {10**-digits:,}")
    share = "as a fraction of 1, " if phrase.column is not None and phrase.column.unit == "share" else ""
    return phrase.noted(f"{share}rounded to {in_words(digits)} decimal{'s' if digits > 1 else ''}")
