"""Values that lie on, just beside, and near a constant: what tells `>` from `>=` and 'buy' from 'Buy'."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence

from utils.databases.profile import Kind, Value

Constant = int | float | str
_YEAR = re.compile(r"(?:19|20|21)\d\d\Z")
_YEAR_MONTH = re.compile(r"((?:19|20|21)\d\d)-(\d\d)\Z")
_MONTH_DAY = re.compile(r"(\d\d)-(\d\d)\Z")
_DIGITS_OF_A_CODE = 6
_DAY = datetime.timedelta(days=1)
_SECOND = datetime.timedelta(seconds=1)


def near_values(
    kind: Kind, constants: Iterable[Constant], patterns: Sequence[str], parts: Iterable[str], values: Sequence[Value]
) -> list[Value]:
    """What a column of `kind` should hold so that comparisons with `constants` and `patterns` are met and missed.

    `parts` are what functions look for in its texts.
    The constants themselves come three times, so that a random choice meets them more often. `values` are the
    column's own, from which partial constants (a year, a length, a substring) are completed.
    """
    found: list[Value] = []
    numeric = kind in ("integer", "real")
    below_zero_is_new = numeric and all(isinstance(value, str) or value is None or value >= 0 for value in values)
    for constant in constants:
        if numeric:
            near = _near_number(constant, kind == "real")
            found += [one for one in near if one == constant or one >= 0 or not below_zero_is_new]
        elif kind in ("date", "timestamp"):
            found += _near_date(constant, kind, values)
        elif kind == "text":
            found += near_text(constant) if isinstance(constant, str) else _texts_of_length(constant, values)
    if kind == "text":
        for pattern in patterns:
            found += near_pattern(pattern, values)
        found += _near_patterns(patterns)
        for part in parts:
            found += _with_part(part, values)
    return found


def _near_number(constant: Constant, real: bool) -> list[int | float]:
    if isinstance(constant, str):
        try:
            constant = float(constant)
        except ValueError:
            return []
    if isinstance(constant, float) and constant.is_integer() and not real:
        constant = int(constant)
    if abs(constant) > 1e15:
        return [constant]
    numbers = [constant, constant, constant, constant - 1, constant + 1]
    if not real:
        return [round(one) for one in numbers]
    step = 0.01 if round(constant, 2) == constant else abs(constant) * 1e-3
    return [round(float(one), 6) for one in (*numbers, constant - step, constant + step)]


def _near_date(constant: Constant, kind: Kind, values: Sequence[Value]) -> list[Value]:
    if isinstance(constant, str):
        moment = parsed_moment(constant)
        if moment is not None:
            return _around(moment, kind)
        if _YEAR.match(constant):
            return _edges_of_year(int(constant), kind)
        if found := _YEAR_MONTH.match(constant):
            return _edges_of_month(int(found[1]), int(found[2]), kind)
        if len(constant) == 2 and constant.isdigit():
            return _near_date(int(constant), kind, values)
        if found := _MONTH_DAY.match(constant):
            days = [_date(year, int(found[1]), int(found[2])) for year in _years(values)]
            return [text for day in days if day for text in _around(day, kind)]
        return []
    if 1900 <= constant <= 2199:
        return _edges_of_year(int(constant), kind)
    if 1 <= constant <= 12 and constant == int(constant):
        return [text for year in _years(values)[:2] for text in _edges_of_month(year, int(constant), kind)]
    return []


def near_clock(clock: str, kind: Kind) -> list[Value]:
    """Days around the clock's, in its year and the two before: a day before and after, ends of the month."""
    now = datetime.datetime.fromisoformat(clock)
    found: list[Value] = []
    for year in (now.year, now.year - 1, now.year - 2):
        day = _date(year, now.month, now.day) or _date(year, now.month, 28)
        assert day is not None
        last = _date(year + now.month // 12, now.month % 12 + 1, 1)
        assert last is not None
        found += _written([day, day - _DAY, day + _DAY, last - _DAY, day.replace(day=1), day - 7 * _DAY], kind)
    return found


def parsed_moment(text: str) -> datetime.datetime | None:
    """A date or timestamp in ISO form, else None; a time of day alone or a bare year is neither."""
    if len(text) < 8 or "-" not in text:
        return None
    try:
        return datetime.datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        return None


def _around(moment: datetime.datetime, kind: Kind) -> list[Value]:
    try:
        if kind == "date":
            return [(moment + offset * _DAY).date().isoformat() for offset in (0, 0, 0, -1, 1)]
        moments = [moment, moment, moment, moment - _DAY, moment + _DAY, moment - _SECOND, moment + _SECOND]
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        moments += [midnight + datetime.timedelta(hours=10), midnight + _DAY - _SECOND, midnight, midnight + _DAY]
        return [one.isoformat(" ", "seconds") for one in moments]
    except OverflowError:
        return []


def _edges_of_year(year: int, kind: Kind) -> list[Value]:
    days = [
        (year, 1, 1),
        (year, 12, 31),
        (year, 6, 15),
        (year, 12, 30),
        (year - 1, 12, 31),
        (year + 1, 1, 1),
        (year - 1, 6, 15),
    ]
    return _written([day for one in days if (day := _date(*one))], kind)


def _edges_of_month(year: int, month: int, kind: Kind) -> list[Value]:
    first = _date(year, month, 1)
    if first is None:
        return []
    following = _date(year + month // 12, month % 12 + 1, 1) or first
    return _written([first, first, first + 9 * _DAY, following - _DAY, following - _DAY, first - _DAY, following], kind)


def _date(year: int, month: int, day: int) -> datetime.datetime | None:
    try:
        return datetime.datetime(year, month, day)
    except ValueError:
        return None


def _written(days: Iterable[datetime.datetime], kind: Kind) -> list[Value]:
    if kind == "date":
        return [day.date().isoformat() for day in days]
    hours = (0, 23, 12)
    return [
        day.replace(hour=hour, minute=59 if hour == 23 else 0, second=59 if hour == 23 else 0).isoformat(" ", "seconds")
        for index, day in enumerate(days)
        for hour in (hours[index % 3], hours[(index + 1) % 3])
    ]


def _years(values: Sequence[Value]) -> list[int]:
    """The years that dates of a column fall into, the most frequent first."""
    counts: dict[int, int] = {}
    for value in values:
        if isinstance(value, str) and value[:4].isdigit():
            counts[int(value[:4])] = counts.get(int(value[:4]), 0) + 1
    return sorted(counts, key=lambda year: (-counts[year], year))[:4] or [2023]


def near_text(constant: str) -> list[Value]:
    """The text itself, in other letter case, and one character more or less."""
    if not constant or constant.startswith("%"):  # a format, such as '%Y-%m'
        return []
    variants = {constant.lower(), constant.upper(), constant.capitalize(), constant.swapcase()} - {constant}
    near = [constant, constant, constant, *sorted(variants)[:2], constant + "x", "x" + constant]
    return [*near, constant[:-1]] if len(constant) > 1 else [*near]


def in_shape(texts: Sequence[Value], values: Sequence[Value]) -> list[Value]:
    """The texts that look like a column's own, where these are all written alike and mostly in digits.

    Such a column holds dates or codes in a form of its own, as 20230405 09:30:00: a text in another form is
    broken, and what a program makes of it says nothing.
    """
    own = [value for value in values if isinstance(value, str)]
    shape = _shape(own[0]) if own else ""
    if shape.count("0") < _DIGITS_OF_A_CODE or any(_shape(one) != shape for one in own):
        return list(texts)
    return [text for text in texts if isinstance(text, str) and _shape(text) == shape]


def _shape(text: str) -> str:
    """A text with 0 for every digit and a for every letter."""
    return "".join("0" if one.isdigit() else "a" if one.isalpha() else one for one in text)


def _with_part(part: str, values: Sequence[Value]) -> list[Value]:
    """The column's own texts with `part` once, twice and three times more in them, and at their ends.

    Nothing where every text of the column holds it once, as an e-mail address holds its @.
    """
    every_text = [value for value in values if isinstance(value, str) and value]
    if part.startswith("%") or len(part) > 40 or (every_text and all(text.count(part) == 1 for text in every_text)):
        return []
    texts = every_text[:6]
    found: list[Value] = []
    for times, text in enumerate(texts):
        middle, quarter = len(text) // 2, len(text) // 4
        once = text[:middle] + part + text[middle:]
        found += [text, once if times % 2 else text[:quarter] + part + text[quarter:middle] + part + text[middle:]]
        if times == 0:
            found += [part + text, text + part, text[:1] + part + once]
    return found


def _texts_of_length(constant: int | float, values: Sequence[Value]) -> list[Value]:
    length = int(constant)
    if not 0 <= length <= 60:
        return []
    texts = [value for value in values if isinstance(value, str)][:8]
    return [
        (text * (wanted // max(len(text), 1) + 1))[:wanted]
        for wanted in (length, length + 1, length - 1)
        if wanted >= 1
        for text in texts[:3]
        if text
    ]


def _near_patterns(patterns: Sequence[str]) -> list[Value]:
    """Texts that meet several patterns at once: beginnings first, endings last, and all but one of them."""
    if not 2 <= len(patterns) <= 6:
        return []
    ordered = sorted(
        patterns, key=lambda one: (one.startswith("%") + (not one.endswith("%") and one.startswith("%")), one)
    )
    pieces = [piece for one in ordered if (piece := one.replace("%", "").replace("_", "k"))]
    found = [" ".join(pieces), " ".join(pieces)]
    for left_out in range(len(pieces)):
        found += [" ".join(pieces[:left_out] + pieces[left_out + 1 :])] * 2
    return [text for text in found if text]


def near_pattern(pattern: str, values: Sequence[Value]) -> list[Value]:
    """Texts that a LIKE pattern accepts and that it misses by a hair.

    Each `%` becomes nothing or some text, each `_` one character; then something before, after or in between, other
    letter case, a character missing.
    """
    core = pattern.replace("%", "")
    if not core.strip("_"):
        return []
    empty = core.replace("_", "k")
    filled = pattern.replace("%", "ab").replace("_", "k")
    short = pattern.replace("%", "").replace("_", "")
    near: list[Value] = [empty, filled, filled, filled, f"x{empty}", f"{empty}x", f"x{empty}x", short]
    near += [empty.upper(), empty.lower(), filled.swapcase()]
    pieces = [piece.replace("_", "k") for piece in pattern.split("%") if piece]
    if len(pieces) > 1:
        near += ["".join(reversed(pieces)), pieces[0], pieces[-1], " ".join(pieces), "x".join(pieces)]
    texts = [value for value in values if isinstance(value, str) and value]
    if texts:  # among the column's own texts, in front of, behind and within one
        own = texts[len(pattern) % len(texts)]
        near += [own + empty, empty + own, own[: len(own) // 2] + empty + own[len(own) // 2 :]]
    if len(empty) > 1:
        near += [empty[:-1], empty[1:], empty[:1] + "x" + empty[1:]]
    return [text for text in near if text]
