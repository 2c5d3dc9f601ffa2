"""What an intent means, computed in plain Python over lists of rows, without any SQL: the judge of every rendering."""

from __future__ import annotations

import calendar
import datetime
import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.synthesis.shop import Data
from utils.synthesis.intent import (
    Aggregate,
    Best,
    Call,
    Constant,
    Exists,
    Expression,
    Field,
    Intent,
    Path,
    Result,
    Window,
)

Row = dict[str, Any]


def answer(intent: Intent, data: Data, ignore_case: bool) -> list[tuple[Any, ...]]:
    """The rows that an intent asks for, in its order; `ignore_case`: as SQLite's LIKE does."""
    return _Interpreter(data, ignore_case).answer(intent)


@dataclass
class _Interpreter:
    data: Data
    ignore_case: bool

    def answer(self, intent: Intent) -> list[tuple[Any, ...]]:
        rows = self._source(intent)
        results: list[Row] = []
        if intent.level == "rows":
            for row, parent in rows:
                result: Row = {"": parent}
                for name, node in intent.columns:
                    result[name] = self.value(node, row, result=result)
                results.append(result)
        else:
            groups: dict[tuple[Any, ...], list[Row]] = {} if intent.keys else {(): []}
            for row, _ in rows:
                key = tuple(self.value(node, row) for _, node in intent.keys)
                groups.setdefault(key, []).append(row)
            for key, members in groups.items():
                result = dict(zip([name for name, _ in intent.keys], key, strict=True))
                held = {node: result[name] for name, node in intent.keys}
                for name, node in intent.columns:
                    result[name] = self.value(node, None, members, result, held)
                results.append(result)
        results = [one for one in results if all(self.value(node, None, result=one) is True for node in intent.having)]
        for name, node in intent.windows:
            found = [self.value(node, None, result=one, window=results) for one in results]
            for one, value in zip(results, found, strict=True):
                one[name] = value
        results = [one for one in results if all(self.value(node, None, result=one) is True for node in intent.kept)]
        if intent.summary:
            results = [
                {
                    name: aggregate(function, [one[source] if source else 1 for one in results], "")
                    for name, function, source in intent.summary
                }
            ]
        for name, descending in reversed(intent.order):
            results.sort(key=lambda one: sort_key(one[name]), reverse=descending)
        return [tuple(one[name] for name in intent.output) for one in results[: intent.limit]]

    def _source(self, intent: Intent) -> list[tuple[Row, int | None]]:
        rows: list[tuple[Row, int | None]] = [(row, None) for row in self.data[intent.source.name]]
        if intent.via is not None:
            parents = list(enumerate(self.data[intent.via.parent]))
            rows = [
                (row, number) for row, _ in rows for number, parent in parents if linked(parent, row, intent.via.keys)
            ]
        return [one for one in rows if all(self.value(node, one[0]) is True for node in intent.where)]

    def follow(self, path: Path, rows: list[Row]) -> list[Row]:
        for link in path:
            rows = [child for row in rows for child in self.data[link.child] if linked(row, child, link.keys)]
        return rows

    def _that_meet(self, where: Sequence[Expression], rows: list[Row]) -> list[Row]:
        return [row for row in rows if all(self.value(node, row) is True for node in where)]

    def value(
        self,
        node: Expression,
        row: Row | None,
        group: list[Row] | None = None,
        result: Row | None = None,
        held: dict[Expression, Any] | None = None,
        window: list[Row] | None = None,
    ) -> Any:
        if held and node in held:
            return held[node]
        match node:
            case Constant(value, kind):
                return datetime.date.fromisoformat(str(value)) if kind == "day" else value
            case Field(path, column):
                assert row is not None
                found = self.follow(path, [row])
                assert len(found) <= 1
                return found[0][column.name] if found else None
            case Result(name):
                assert result is not None
                return result[name]
            case Exists(path, where, negated):
                assert row is not None
                return bool(self._that_meet(where, self.follow(path, [row]))) != negated
            case Aggregate(function, path, where, value, option):
                start = group if group is not None else [row] if path and row is not None else None
                assert start is not None
                rows = self._that_meet(where, self.follow(path, start))
                return aggregate(function, [1 if value is None else self.value(value, one) for one in rows], option)
            case Best(path, where, by, value):
                assert row is not None
                rows = self._that_meet(where, self.follow(path, [row]))
                for key, descending in reversed(by):
                    rows.sort(key=lambda one, key=key: sort_key(self.value(key, one)), reverse=descending)  # type: ignore[misc]
                return self.value(value, rows[0]) if rows else None
            case Window():
                assert result is not None and window is not None
                return self._window(node, result, window)
            case Call(operator, arguments, option):
                values = [self.value(one, row, group, result, held, window) for one in arguments]
                return call(operator, values, option, self.ignore_case)

    def _window(self, node: Window, result: Row, rows: list[Row]) -> Any:
        names = ["" if name == "parent" else name for name in node.per]
        rows = [one for one in rows if all(one[name] == result[name] for name in names)]
        for key, descending in reversed(node.by):
            rows = sorted(rows, key=lambda one: sort_key(one[key.name]), reverse=descending)
        place = next(number for number, one in enumerate(rows) if one is result)
        values = [1 if node.value is None else self.value(node.value, None, result=one) for one in rows]
        shared = [tuple(one[key.name] for key, _ in node.by) for one in rows]
        match node.function:
            case "RANKING":
                first = shared.index(shared[place])
                dense = len(set(shared[: first + 1]))
                return {"": place + 1, "ties": first + 1, "dense": dense}[node.option]
            case "PERCENTILE":
                size, larger = divmod(len(rows), int(node.option))
                return place // (size + 1) + 1 if place < larger * (size + 1) else (place - larger) // size + 1
            case "PREV" | "NEXT":
                other = place + int(node.option or 1) * (1 if node.function == "NEXT" else -1)
                return values[other] if 0 <= other < len(values) else None
        if node.option:
            start = 0 if node.option == "running" else max(0, place + 1 - int(node.option))
            values = values[start : place + 1]
        kept = [one for one in values if one is not None]
        match node.function:
            case "RELSUM":
                return sum(kept) if kept else None
            case "RELAVG":
                return statistics.fmean(kept) if kept else None
            case "RELCOUNT":
                return len(kept)
            case "RELSIZE":
                return len(values)
        raise AssertionError(node)


def linked(parent: Row, child: Row, keys: tuple[tuple[str, str], ...]) -> bool:
    return all(parent[one] is not None and parent[one] == child[other] for one, other in keys)


def sort_key(value: Any) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)


def aggregate(function: str, values: list[Any], option: str) -> Any:
    values = [one for one in values if one is not None]
    match function:
        case "COUNT":
            return len(values)
        case "NDISTINCT":
            return len(set(values))
        case "SUM":
            return sum(values)
    if not values:
        return None
    match function:
        case "AVG":
            return statistics.fmean(values)
        case "MIN":
            return min(values)
        case "MAX":
            return max(values)
        case "ANYTHING":
            (only,) = set(values)
            return only
        case "MEDIAN":
            return statistics.median(values)
        case "QUANTILE":
            return sorted(values)[max(0, math.ceil(Fraction(option) * len(values)) - 1)]
        case "STD":
            return statistics.stdev(values) if len(values) > 1 else None
        case "VAR":
            return statistics.variance(values) if len(values) > 1 else None
    raise AssertionError(function)


def call(operator: str, values: list[Any], option: str, ignore_case: bool) -> Any:
    match operator:
        case "PRESENT":
            return values[0] is not None
        case "ABSENT":
            return values[0] is None
        case "AND":
            return False if any(one is False for one in values) else None if None in values else True
        case "OR":
            return True if any(one is True for one in values) else None if None in values else False
        case "IFF":
            return values[1] if values[0] is True else values[2]
        case "KEEP_IF":
            return values[0] if values[1] is True else None
        case "DEFAULT_TO":
            return next((one for one in values if one is not None), None)
        case "BETWEEN":
            return call("AND", [compared("GE", *values[:2]), compared("LE", values[0], values[2])], "", False)
    if None in values:
        return None
    if operator in ("EQ", "NE", "LT", "LE", "GT", "GE"):
        return compared(operator, *values)
    if operator in ("CONTAINS", "STARTSWITH", "ENDSWITH", "LIKE"):
        text, sought = (one.lower() for one in values) if ignore_case else values
        if operator == "LIKE":
            pattern = "".join({"%": ".*", "_": "."}.get(sign) or re.escape(sign) for sign in sought)
            return re.fullmatch(pattern, text, re.DOTALL) is not None
        return {"CONTAINS": sought in text, "STARTSWITH": text.startswith(sought), "ENDSWITH": text.endswith(sought)}[
            operator
        ]
    function = _FUNCTIONS.get(operator)
    assert function is not None, operator
    return function(*values, option) if operator in ("START", "MOVED", "DIFFERENCE") else function(*values)


def compared(operator: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    if isinstance(left, datetime.date) or isinstance(right, datetime.date):
        left, right = moment(left), moment(right)
    return {
        "EQ": left == right,
        "NE": left != right,
        "LT": left < right,
        "LE": left <= right,
        "GT": left > right,
        "GE": left >= right,
    }[operator]


def moment(value: Any) -> datetime.datetime:
    return value if isinstance(value, datetime.datetime) else datetime.datetime.combine(value, datetime.time())


def start(value: Any, unit: str) -> datetime.datetime:
    day = datetime.datetime.combine(moment(value).date(), datetime.time())
    match unit:
        case "year":
            return day.replace(month=1, day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "month":
            return day.replace(day=1)
        case "week":
            return day - datetime.timedelta(days=day.weekday())
    assert unit == "day"
    return day


def moved(value: Any, number: int, unit: str) -> datetime.datetime:
    """Where a month has no such day, the last that it has."""
    now = moment(value)
    if unit == "days":
        return now + datetime.timedelta(days=number)
    months = now.year * 12 + now.month - 1 + number * (12 if unit == "years" else 1)
    year, month = divmod(months, 12)
    return now.replace(year=year, month=month + 1, day=min(now.day, calendar.monthrange(year, month + 1)[1]))


def difference(first: Any, second: Any, unit: str) -> int:
    one, other = moment(first), moment(second)
    days = (other.date() - one.date()).days
    return {
        "years": other.year - one.year,
        "months": (other.year - one.year) * 12 + other.month - one.month,
        "days": days,
        "hours": days * 24 + other.hour - one.hour,
    }[unit]


def rounded(value: Any, digits: int = 0) -> float:
    scaled = Fraction(repr(float(value))) * 10**digits
    whole = math.floor(abs(scaled) + Fraction(1, 2))
    return float(Fraction(whole, 10**digits)) * (1 if value >= 0 else -1)


def part(text: str, separator: str, number: int) -> str:
    pieces = text.split(separator)
    place = number - 1 if number > 0 else number
    return pieces[place] if -len(pieces) <= place < len(pieces) else ""


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "IN": lambda value, *others: value in others,
    "NOT": lambda value: not value,
    "ADD": lambda left, right: left + right,
    "SUB": lambda left, right: left - right,
    "MUL": lambda left, right: left * right,
    "DIV": lambda left, right: left / right if right else None,
    "ROUND": rounded,
    "ABS": abs,
    "FLOOR": math.floor,
    "CEIL": math.ceil,
    "SIGN": lambda value: (value > 0) - (value < 0),
    "SQRT": lambda value: math.sqrt(value) if value >= 0 else None,
    "POWER": lambda value, exponent: value**exponent,
    "LARGEST": lambda *values: max(values, key=moment if isinstance(values[0], datetime.date) else float),
    "SMALLEST": lambda *values: min(values, key=moment if isinstance(values[0], datetime.date) else float),
    "INTEGER": lambda value: math.trunc(float(value)),
    "FLOAT": float,
    "LOWER": str.lower,
    "UPPER": str.upper,
    "LENGTH": len,
    "STRIP": lambda text: text.strip(" \t\n\r"),
    "SLICE": lambda text, first, last: text[first:last],
    "JOIN": lambda separator, *texts: separator.join(texts),
    "REPLACE": lambda text, old, new: text.replace(old, new),
    "STRCOUNT": lambda text, sought: text.count(sought),
    "FIND": lambda text, sought: text.find(sought),
    "LPAD": lambda text, length, fill: str(text)[:length].rjust(length, fill),
    "RPAD": lambda text, length, fill: str(text)[:length].ljust(length, fill),
    "GETPART": part,
    "STRING": str,
    "YEAR": lambda value: value.year,
    "QUARTER": lambda value: (value.month + 2) // 3,
    "MONTH": lambda value: value.month,
    "DAY": lambda value: value.day,
    "HOUR": lambda value: moment(value).hour,
    "MINUTE": lambda value: moment(value).minute,
    "SECOND": lambda value: moment(value).second,
    "DAYNAME": lambda value: calendar.day_name[value.weekday()],
    "MONTHNAME": lambda value: calendar.month_abbr[value.month],
    "DAYOFWEEK": lambda value: value.weekday(),
    "START": start,
    "MOVED": moved,
    "DIFFERENCE": difference,
}
