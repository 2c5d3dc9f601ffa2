"""Days and periods as people say them: "5 March 2023", "in the first quarter of 2023", "since June 2022"."""

from __future__ import annotations

from calendar import day_name, month_name
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from utils.synthesis.words import listed, ordinal

DayText = Callable[[date], str]
WEEKEND = frozenset(day_name[5:])


def day_first(day: date) -> str:
    """5 March 2023."""
    return f"{day.day} {month_name[day.month]} {day.year}"


def month_first(day: date) -> str:
    """March 5, 2023."""
    return f"{month_name[day.month]} {day.day}, {day.year}"


def as_iso(day: date) -> str:
    """2023-03-05."""
    return day.isoformat()


DAY_TEXTS: tuple[DayText, ...] = (day_first, month_first, as_iso)


def between(low: date, end: date, text: DayText) -> str:
    """The time from `low` on and before `end`: "in 2023", "in May 2023", "on 5 March 2023", "from ... to ..."."""
    if end == low + timedelta(days=1):
        return f"on {text(low)}"
    if low.day == 1 == end.day:
        months = (end.year - low.year) * 12 + end.month - low.month
        if months == 1:
            return f"in {_month(low)}"
        if months == 3 and low.month % 3 == 1:
            return f"in the {ordinal(low.month // 3 + 1)} quarter of {low.year}"
        if months == 6 and low.month % 6 == 1:
            return f"in the {ordinal(low.month // 6 + 1)} half of {low.year}"
        if months == 12 and low.month == 1:
            return f"in {low.year}"
        if months % 12 == 0 and low.month == 1:
            last = end.year - 1
            return f"in {low.year} or {last}" if last == low.year + 1 else f"from {low.year} to {last}"
        last_month = end - timedelta(days=1)
        if last_month.year == low.year:
            return f"from {month_name[low.month]} to {_month(last_month)}"
        return f"from {_month(low)} to {_month(last_month)}"
    return f"from {text(low)} to {text(end - timedelta(days=1))}"


def since(low: date, text: DayText) -> str:
    """The time from `low` on: "in 2022 or later", "since June 2022", "on or after 5 March 2023"."""
    if low.day == 1 == low.month:
        return f"in {low.year} or later"
    return f"in {_month(low)} or later" if low.day == 1 else f"on or after {text(low)}"


def before(end: date, text: DayText) -> str:
    """The time before `end`: "before 2022", "before June 2022", "before 5 March 2023"."""
    if end.day == 1 == end.month:
        return f"before {end.year}"
    return f"before {_month(end)}" if end.day == 1 else f"before {text(end)}"


def months(numbers: Sequence[int]) -> str:
    """Calendar months of any year: "in June of any year"."""
    return f"in {listed([month_name[number] for number in numbers], 'or')} of any year"


def quarters(numbers: Sequence[int]) -> str:
    """Calendar quarters of any year: "in the first quarter of any year"."""
    return f"in the {listed([ordinal(number) for number in numbers], 'or')} quarter of any year"


def weekdays(names: Sequence[str]) -> str:
    """Days of the week: "on a weekend", "on a Monday or Friday"."""
    if frozenset(names) == WEEKEND:
        return "on a weekend"
    if frozenset(names) == frozenset(day_name[:5]):
        return "on a working day (Monday to Friday)"
    return f"on a {listed(names, 'or')}"


def hours(low: int | None, end: int | None) -> str:
    """Hours of the day from `low` on and before `end`."""
    if low is None:
        return f"before {end}:00"
    return f"at {low}:00 or later in the day" if end is None else f"between {low}:00 and {end}:00"


def _month(day: date) -> str:
    return f"{month_name[day.month]} {day.year}"
