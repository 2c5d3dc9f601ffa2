"""Conditions on dates as people say them: all that is asked of one date makes one phrase, such as "in May 2023"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from utils.synthesis.english import times
from utils.synthesis.english.times import DayText
from utils.synthesis.intent import Call, Constant, Expression, Field
from utils.synthesis.model import Value
from utils.synthesis.words import listed, ordinal

_PARTS = ("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "DAYNAME", "DAYOFWEEK", "MONTHNAME")
_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = tuple(date(2000, month, 1).strftime("%B") for month in range(1, 13))


def date_of(condition: Expression) -> Field | None:
    """The date that a condition speaks of alone; None where it is no such condition."""
    if not isinstance(condition, Call) or not condition.arguments:
        return None
    first, *others = condition.arguments
    if not others or not all(isinstance(one, Constant) for one in others):
        return None
    if isinstance(first, Call) and first.operator in _PARTS:
        first = first.arguments[0]
    if isinstance(first, Field) and first.column.kind == "date":
        return first if _said(condition, first.column.time, times.as_iso) else None
    return None


def period(conditions: Sequence[Expression], field: Field, text: DayText) -> str:
    """What conditions on one date (those of `date_of`) say together: "in the first quarter of 2023"."""
    calls = [one for one in conditions if isinstance(one, Call)]
    said = _span(calls, field, text)
    return said or " ".join(str(_said(call, field.column.time, text)) for call in calls)


def _span(calls: Sequence[Call], field: Field, text: DayText) -> str:
    """Several conditions that leave one span of time."""
    parts = {_part(call): call for call in calls if call.operator == "EQ"}
    if len(calls) == 2 and "YEAR" in parts and (parts.keys() & {"MONTH", "QUARTER"}):
        year = int(_values(parts["YEAR"])[0])
        months = 1 if "MONTH" in parts else 3
        number = int(_values(parts["MONTH" if "MONTH" in parts else "QUARTER"])[0])
        low = date(year, (number - 1) * months + 1, 1)
        return times.between(low, _months_later(low, months), text)
    bounds = [_bounds(call, field.column.time) for call in calls]
    lows = [low for low, _end in bounds if low]
    ends = [end for _low, end in bounds if end]
    if (
        lows
        and ends
        and len(lows) + len(ends) >= 2
        and all(low or end for low, end in bounds)
        and max(lows) < min(ends)
    ):
        return times.between(max(lows), min(ends), text)
    return ""


def _months_later(day: date, months: int) -> date:
    month = day.month - 1 + months
    return date(day.year + month // 12, month % 12 + 1, 1)


def _bounds(call: Call, time: bool) -> tuple[date | None, date | None]:
    """The first day of a span and the first after it; both None where a condition is no such bound."""
    if not isinstance(call.arguments[0], Field):
        return None, None
    days = [date.fromisoformat(str(value)[:10]) for value in _values(call)]
    match call.operator:
        case "GE":
            return days[0], None
        case "LT":
            return None, days[0]
        case "GT" if not time:
            return days[0] + timedelta(days=1), None
        case "LE" if not time:
            return None, days[0] + timedelta(days=1)
        case "EQ" if not time:
            return days[0], days[0] + timedelta(days=1)
        case "BETWEEN" if not time:
            return days[0], days[1] + timedelta(days=1)
    return None, None


def _said(call: Call, time: bool, text: DayText) -> str | None:
    """What one condition says; None where it takes more words than a period."""
    part, values = _part(call), _values(call)
    if part:
        return _part_said(part, call.operator, values)
    low, end = _bounds(call, time)
    if low and end:
        return times.between(low, end, text)
    if low:
        return times.since(low, text) if call.operator == "GE" else f"after {text(low - timedelta(days=1))}"
    if end:
        last = end - timedelta(days=1)
        return times.before(end, text) if call.operator == "LT" else f"on or before {text(last)}"
    return None


def _part_said(part: str, operator: str, values: list[Value]) -> str | None:
    if operator in ("NE", "NOT IN"):
        said = _part_said(part, "IN", values)
        return said and (f"outside {said[3:]}" if said.startswith("in ") else f"not {said}")
    same = operator in ("EQ", "IN")
    numbers = [value for value in values if isinstance(value, int)]
    names = [str(value) for value in values]
    match part:
        case "YEAR":
            return _years_said(operator, numbers)
        case "MONTH" if same:
            return times.months(numbers)
        case "MONTHNAME" if same and set(names) <= set(_MONTHS):
            return times.months([_MONTHS.index(name) + 1 for name in names])
        case "QUARTER" if same:
            return times.quarters(numbers)
        case "DAYNAME" if same:
            return times.weekdays(names)
        case "DAYOFWEEK" if same:
            return times.weekdays([_WEEK[number] for number in numbers])
        case "DAYOFWEEK" if operator == "GE" and numbers == [5]:
            return times.weekdays(_WEEK[5:])
        case "DAYOFWEEK" if operator == "LT" and numbers == [5]:
            return times.weekdays(_WEEK[:5])
        case "DAY" if same:
            return f"on the {listed([ordinal(number) for number in numbers], 'or')} day of a month"
        case "HOUR":
            return _hours_said(operator, numbers)
    return None


def _years_said(operator: str, years: list[int]) -> str | None:
    match operator:
        case "EQ" | "IN":
            return f"in {listed([str(year) for year in years], 'or')}"
        case "GE":
            return f"in {years[0]} or later"
        case "GT":
            return f"after {years[0]}"
        case "LT":
            return f"before {years[0]}"
        case "LE":
            return f"in {years[0]} or earlier"
        case "BETWEEN":
            return f"from {years[0]} to {years[1]}"
    return None


def _hours_said(operator: str, hours: list[int]) -> str | None:
    match operator:
        case "GE":
            return times.hours(hours[0], None)
        case "LT":
            return times.hours(None, hours[0])
        case "EQ":
            return times.hours(hours[0], hours[0] + 1)
        case "BETWEEN":
            return times.hours(hours[0], hours[1] + 1)
    return None


def _part(call: Call) -> str:
    first = call.arguments[0]
    return first.operator if isinstance(first, Call) else ""


def _values(call: Call) -> list[Value]:
    return [one.value for one in call.arguments[1:] if isinstance(one, Constant)]
