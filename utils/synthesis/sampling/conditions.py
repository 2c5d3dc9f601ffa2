"""Conditions that a person would put: on few columns, with constants that the data holds."""

from __future__ import annotations

import math
from datetime import date

from utils.synthesis.intent import Aggregate, Call, Constant, Exists, Expression, Field, walk
from utils.synthesis.model import Collection, Column, Value
from utils.synthesis.sampling.columns import Columns, is_sure
from utils.synthesis.sampling.lots import Lots, NothingFitsError

_KINDS = {
    "category": 34, "any_of": 10, "not": 4, "flag": 9, "number": 14, "between": 7, "year": 12, "month": 6, "since": 7,
    "part_of_year": 5, "weekday": 3, "text": 7, "missing": 4, "has": 8, "count": 5, "pair": 4, "either": 3,
}  # fmt: skip
_OF_CHILDREN = ("has", "count")
PLAIN = (
    "category",
    "any_of",
    "not",
    "flag",
    "number",
    "between",
    "year",
    "month",
    "since",
    "part_of_year",
)  # of totals
_FREQUENT = 12  # values of a category that are asked for


class Conditions:
    """Draws conditions on rows of a collection."""

    def __init__(self, columns: Columns, lots: Lots) -> None:
        self._columns = columns
        self._lots = lots

    def some(
        self, source: Collection, weights: tuple[float, ...], children: bool = True, kinds: tuple[str, ...] = ()
    ) -> tuple[Expression, ...]:
        """As many as drawn by `weights` (of none, one, two, ...), each on its own column, of any of `kinds`.

        No two are on columns of the same other row, or on rows that refer to the source.
        """
        wanted = self._lots.weighted(dict(enumerate(weights)))
        found: list[Expression] = []
        for _ in range(4 * wanted):
            if len(found) == wanted:
                break
            try:
                condition = self.one(source, children and not any(map(_is_of_children, found)), kinds)
            except NothingFitsError:
                continue
            others = [one for other in found for one in _fields(other)]
            paths, columns = {one.path for one in others if one.path}, {one.column for one in others}
            if not any(one.path in paths or one.column in columns for one in _fields(condition)):
                found.append(condition)
        return tuple(found)

    def one(self, source: Collection, children: bool = True, kinds: tuple[str, ...] = ()) -> Expression:
        """One condition; without `children` none on rows that refer to the source. Raises NothingFitsError."""
        allowed = {
            kind: weight
            for kind, weight in _KINDS.items()
            if (not kinds or kind in kinds) and (children or kind not in _OF_CHILDREN)
        }
        for _ in range(6):
            try:
                condition: Expression = getattr(self, f"_{self._lots.weighted(allowed)}")(source)
                return condition
            except NothingFitsError:
                continue
        raise NothingFitsError

    def value_of(self, column: Column) -> Constant:
        """A value that a category or a name has."""
        values = [value for value in column.values[:_FREQUENT] if _is_sayable(value)]
        return constant_of(column, self._lots.one(values))

    # of texts

    def _category(self, source: Collection) -> Expression:
        fields = [one for one in self._columns.fields(source, "category") if one.column.distinct > 1]
        fields += [
            one for one in self._columns.fields(source, "name", depth=2) if one.path and 1 < one.column.distinct <= 60
        ]
        field = self._columns.nearest(fields)
        return Call("EQ", (field, self.value_of(field.column)))

    def _any_of(self, source: Collection) -> Expression:
        field = self._columns.nearest([f for f in self._columns.fields(source, "category") if f.column.distinct > 3])
        values = [value for value in field.column.values[:_FREQUENT] if _is_sayable(value)]
        if len(values) < 3:
            raise NothingFitsError
        chosen = self._lots.some(values, self._lots.one([2, 2, 3]))
        return Call("IN", (field, *(constant_of(field.column, value) for value in chosen)))

    def _not(self, source: Collection) -> Expression:
        fields = self._columns.fields(source, "category", depth=0)
        fields = [one for one in fields if one.column.distinct > 2 and is_sure(one)]
        field = self._columns.nearest(fields)
        if field.column.distinct > 4 and self._lots.chance(0.4):
            values = [value for value in field.column.values[:_FREQUENT] if _is_sayable(value)]
            others = [constant_of(field.column, value) for value in self._lots.some(values, 2)]
            return Call("NOT", (Call("IN", (field, *others)),))
        return Call("NE", (field, self.value_of(field.column)))

    def _text(self, source: Collection) -> Expression:
        columns = [c for c in source.of_role("name") if c.kind == "text" and c.distinct > 30]
        column = self._lots.one(columns)
        words = [str(value).split() for value in column.values if _is_sayable(value)]
        word = self._lots.one([w for ws in words for w in ws if len(w) >= 3 and w.isalpha()])
        starts = [ws[0] for ws in words if ws[0].isalpha() and len(ws[0]) > 1]
        field = Field((), column)
        kind = self._lots.weighted({"CONTAINS": 4, "STARTSWITH": 3, "ENDSWITH": 2, "LIKE": 0.7})
        if kind == "STARTSWITH":
            start = self._lots.one(starts)
            return Call(kind, (field, Constant(start if self._lots.chance(0.5) else start[0], "text")))
        if kind == "ENDSWITH":
            return Call(kind, (field, Constant(self._lots.one([ws[-1] for ws in words if ws[-1].isalpha()]), "text")))
        if kind == "LIKE":
            pair = self._lots.one([ws for ws in words if len(ws) > 1 and all(w.isalpha() for w in ws)])
            return Call(kind, (field, Constant(f"{pair[0]}%{pair[-1]}", "text")))
        return Call(kind, (field, Constant(word, "text")))

    def _missing(self, source: Collection) -> Expression:
        columns = [
            column for column in source.columns.values() if column.lacks and column.role not in ("foreign_key", "code")
        ]
        return Call(self._lots.one(["PRESENT", "ABSENT"]), (Field((), self._lots.one(columns)),))

    def _flag(self, source: Collection) -> Expression:
        return Call("EQ", (self._columns.field(source, "flag"), Constant(self._lots.chance(0.7), "flag")))

    # of numbers

    def _number(self, source: Collection) -> Expression:
        field = self._columns.field(source, "amount", "measure")
        operator = self._lots.one(["GT", "GT", "GE", "LT", "LE"])
        return Call(operator, (field, Constant(self.threshold(field.column))))

    def _between(self, source: Collection) -> Expression:
        field = self._columns.field(source, "amount", "measure")
        low, high = sorted(rounded(field.column, one) for one in self._lots.some(field.column.quantiles, 2))
        if low >= high:
            raise NothingFitsError
        return Call("BETWEEN", (field, Constant(low), Constant(high)))

    def threshold(self, column: Column) -> int | float:
        """A round number that parts a column's values."""
        return rounded(column, self._lots.one(column.quantiles))

    def _pair(self, source: Collection) -> Expression:
        dates = source.of_role("date")
        pairs = [pair for pair in comparable(source) if pair[0].unit != "share"]
        pairs += [(a, b) for a in dates for b in dates if a is not b and a.time == b.time]
        first, second = self._lots.one(pairs)
        return Call(self._lots.one(["GT", "LT"]), (Field((), first), Field((), second)))

    # of dates

    def _dates(self, source: Collection) -> Field:
        return self._columns.field(source, "date")

    def _day(self, column: Column) -> date:
        return date.fromisoformat(str(self._lots.one(column.values))[:10])

    def _year(self, source: Collection) -> Expression:
        field = self._dates(source)
        _several_years(field.column)
        return Call("EQ", (Call("YEAR", (field,)), Constant(self._day(field.column).year)))

    def _month(self, source: Collection) -> Expression:
        field = self._dates(source)
        day = self._day(field.column)
        if self._lots.chance(0.3):
            part, number = "QUARTER", (day.month + 2) // 3
        else:
            part, number = "MONTH", day.month
        year = Call("EQ", (Call("YEAR", (field,)), Constant(day.year)))
        return Call("AND", (year, Call("EQ", (Call(part, (field,)), Constant(number)))))

    def _since(self, source: Collection) -> Expression:
        field = self._dates(source)
        day = self._day(field.column)
        first = date(day.year, 1 if self._lots.chance(0.3) else day.month, 1)
        operator = self._lots.one(["GE", "GE", "LT"])
        return Call(operator, (field, Constant(first.isoformat(), "day")))

    def _part_of_year(self, source: Collection) -> Expression:
        field = self._dates(source)
        month = self._day(field.column).month
        if self._lots.chance(0.4):
            return Call("EQ", (Call("QUARTER", (field,)), Constant((month + 2) // 3)))
        return Call("EQ", (Call("MONTH", (field,)), Constant(month)))

    def _weekday(self, source: Collection) -> Expression:
        field = self._dates(source)
        day = Call("DAYNAME", (field,))
        if self._lots.chance(0.6):
            return Call("IN", (day, Constant("Saturday", "text"), Constant("Sunday", "text")))
        return Call("EQ", (day, Constant(self._lots.one(["Monday", "Tuesday", "Wednesday", "Friday"]), "text")))

    # of children

    def _has(self, source: Collection) -> Expression:
        path = self._columns.plural_path(source)
        child = self._columns.model.end(source, path)
        where = self.some(child, (0.3, 1.0), children=False)
        if not where and not any(link.optional for link in path):
            raise NothingFitsError
        return Exists(path, where, negated=self._lots.chance(0.4))

    def _count(self, source: Collection) -> Expression:
        path = (self._lots.one(source.plural_links),)
        number = counted(path[0].fanout * self._lots.one([0.5, 1.0, 1.5]))
        where = self.some(self._columns.model.end(source, path), (0.7, 0.3), children=False)
        return Call(self._lots.one(["GE", "GE", "GT", "LT"]), (Aggregate("COUNT", path, where), Constant(number)))

    def _either(self, source: Collection) -> Expression:
        kinds = ("category", "number", "flag", "missing")
        first, second = self.one(source, False, kinds), self.one(source, False, kinds)
        fields = [*_fields(first), *_fields(second)]
        if len({one.column for one in fields}) < len(fields) or any(one.path for one in fields):
            raise NothingFitsError
        return Call("OR", (first, second))


def comparable(source: Collection) -> list[tuple[Column, Column]]:
    """Pairs of numbers of a row that may be set against each other: of one unit, and of one size."""
    numbers = source.of_role("amount", "measure")
    pairs = [(a, b) for a in numbers for b in numbers if a is not b and a.unit and a.unit == b.unit]
    return [(a, b) for a, b in pairs if a.role == b.role and _overlap(a, b)]


def constant_of(column: Column, value: Value) -> Constant:
    """A value of a column as a constant."""
    return Constant(value, "text" if column.kind == "text" else "number")


def counted(value: float) -> int:
    """A number of rows near `value` as a person would say it, at least two."""
    if value < 10:
        return max(2, round(value))
    step = 10 ** math.floor(math.log10(value)) // 2
    return round(value / step) * step


def rounded(column: Column, value: float) -> int | float:
    """A number near `value` as a person would say it."""
    size = abs(value)
    if size < 10:
        return round(value) if column.whole else round(float(value), 2 if size < 1 else 1)
    step = 10 ** (math.floor(math.log10(size)) - 1)
    return round(value / (5 * step)) * 5 * step if size >= 50 else round(value)


def _is_sayable(value: Value) -> bool:
    text = str(value)
    return bool(text.strip()) and len(text) <= 40 and text == text.strip()


def _several_years(column: Column) -> None:
    if str(column.low)[:4] == str(column.high)[:4]:
        raise NothingFitsError


def _overlap(one: Column, other: Column) -> bool:
    """Whether the numbers of two columns are of one size."""
    a, b = abs(one.quantiles[2]), abs(other.quantiles[2])
    return 0.05 < (a + 1e-9) / (b + 1e-9) < 20


def _is_of_children(condition: Expression) -> bool:
    return any(isinstance(one, Exists | Aggregate) for one in walk(condition))


def _fields(condition: Expression) -> list[Field]:
    return list(dict.fromkeys(one for one in walk(condition) if isinstance(one, Field)))
