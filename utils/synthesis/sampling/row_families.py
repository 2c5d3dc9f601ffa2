"""Questions whose answer lists rows, with what is read off them or off what refers to them."""

from __future__ import annotations

from dataclasses import replace

from utils.synthesis.intent import (
    Aggregate,
    Best,
    Call,
    Constant,
    Exists,
    Expression,
    Field,
    Intent,
    Named,
)
from utils.synthesis.model import Collection, Role
from utils.synthesis.sampling.columns import is_sure
from utils.synthesis.sampling.conditions import constant_of
from utils.synthesis.sampling.lots import NothingFitsError
from utils.synthesis.sampling.measures import Names, is_never_null
from utils.synthesis.sampling.pieces import Pieces

_SORTED_BY: tuple[Role, ...] = ("amount", "measure", "date")
_SHOWN: tuple[Role, ...] = ("category", "amount", "measure", "date", "name")
_TEXT_NAMES = {
    "LENGTH": "length", "GETPART": "word", "STRCOUNT": "n_spaces", "SLICE": "beginning", "LPAD": "padded",
    "RPAD": "padded", "STRIP": "trimmed",
}  # fmt: skip
_TEXT_FUNCTIONS = {
    "UPPER": 2.0, "LOWER": 2.0, "LENGTH": 2.0, "SLICE": 1.5, "JOIN": 2.0, "GETPART": 2.0, "STRCOUNT": 0.4, "FIND": 0.4,
    "REPLACE": 0.7, "STRIP": 0.5, "LPAD": 0.8, "RPAD": 0.3, "STRING": 1.0,
}  # fmt: skip
_OF_WORDS = ("GETPART", "STRCOUNT", "FIND", "REPLACE")  # of texts of several words
_FEW_TEXTS = 20  # whose lengths nobody asks for


class RowFamilies(Pieces):
    """Each public method draws an intent of its family, or raises NothingFitsError."""

    def listed(self) -> Intent:
        """Rows with some of their columns."""
        source = self._source(rows=5)
        names = Names(self._columns)
        where = self._where(source, (0.15, 0.7, 0.15))
        shown = self._identified(source, names)
        used = {expression.column for _name, expression in shown if isinstance(expression, Field)}
        others = [
            one
            for one in self._columns.fields(source, "category", "amount", "measure", "date", "name")
            if one.column not in used
        ]
        extra = [self._columns.nearest(others) for _ in range(self._lots.one([1, 1, 2]))]
        shown += [(names.of(one), one) for one in dict.fromkeys(extra)]
        intent = self._rows(source, where, shown)
        own = [(n, e) for n, e in shown if isinstance(e, Field) and not e.path]
        sortable = [(name, one) for name, one in own if is_sure(one) and one.column.role in _SORTED_BY]
        return self._ordered(intent, sortable, limit=0.4)

    def text(self) -> Intent:
        """Rows with a text of theirs taken apart or put together."""
        source = self._source("name", rows=5)
        names = Names(self._columns)
        shown = self._identified(source, names)
        texts = [one for one in source.of_role("name", "category") if one.kind == "text"]
        others = [one for one in texts if one is not source.label]
        column = Field((), self._lots.one(others if others and self._lots.chance(0.9) else texts))
        made = self._text_of(source, column)
        shown.append((names.free(_TEXT_NAMES.get(made.operator, "made_text")), made))
        intent = self._rows(source, self._where(source, (0.1, 0.7, 0.2)), shown)
        return self._ordered(intent, [], limit=0.3)

    def _text_of(self, source: Collection, column: Field) -> Call:
        kind = self._lots.weighted(_TEXT_FUNCTIONS)
        if kind in _OF_WORDS:
            texts = [
                one for one in source.of_role("name", "category") if any(" " in str(value) for value in one.values)
            ]
            column = Field((), self._lots.one(texts))
        values = [str(value) for value in column.column.values]
        words = [value for value in values if " " in value]
        if len(words) < max(3, len(values) / 2):
            words = []
        if (kind == "UPPER" and all(map(str.isupper, values))) or (kind == "LOWER" and all(map(str.islower, values))):
            raise NothingFitsError
        if kind == "LENGTH" and (column.column.role != "name" or column.column.distinct < _FEW_TEXTS):
            raise NothingFitsError
        match kind:
            case "SLICE":
                return Call(kind, (column, Constant(0), Constant(self._lots.one([1, 3, 4]))))
            case "JOIN":
                other = self._lots.one(
                    [Field((), c) for c in source.of_role("category", "name") if c is not column.column and not c.lacks]
                )
                return Call(kind, (Constant(self._lots.one([", ", " - ", "/"]), "text"), column, other))
            case "STRING" | "LPAD":
                number = self._lots.one([c for c in source.of_role("identifier") if c.kind == "number" and c.whole])
                digits = Call("STRING", (Field((), number),))
                if kind == "STRING":
                    return Call("JOIN", (Constant(self._lots.one([" ", " - ", ": "]), "text"), digits, column))
                width = len(str(number.high)) + self._lots.one([1, 2, 3])
                return Call(kind, (digits, Constant(width), Constant("0", "text")))
            case "RPAD":
                longest = max((len(str(value)) for value in column.column.values), default=0)
                width = 5 * (longest // 5 + 1)
                return Call(kind, (column, Constant(width), Constant(self._lots.one([".", "*", "-"]), "text")))
            case "GETPART":
                if not words:
                    raise NothingFitsError
                return Call(kind, (column, Constant(" ", "text"), Constant(self._lots.one([1, -1]))))
            case "STRCOUNT" | "FIND":
                if not words:
                    raise NothingFitsError
                return Call(kind, (column, Constant(" ", "text")))
            case "REPLACE":
                if not words:
                    raise NothingFitsError
                return Call(kind, (column, Constant(" ", "text"), Constant(self._lots.one(["_", "-"]), "text")))
        return Call(kind, (column,))

    def gap(self) -> Intent:
        """Rows, or groups of them, with the time between two of their dates; now and then rows with the later one."""
        source = self._source("date", rows=5)
        if len(source.of_role("date")) > 1 and self._lots.chance(0.1):
            return self._later(source)
        dates = self._columns.fields(source, "date")
        pairs = [(a, b) for a in dates for b in dates if a.column is not b.column and not (a.path and b.path)]
        pairs = [(a, b) for a, b in pairs if str(a.column.low) <= str(b.column.low) and is_sure(a) and is_sure(b)]
        pairs = [(a, b) for a, b in pairs if str(a.column.high) <= str(b.column.high)]
        first, second = self._lots.one(pairs)
        days = Call("DIFFERENCE", (first, second), "days")
        names = Names(self._columns)
        where = self._where(source, (0.2, 0.6, 0.2))
        if self._lots.chance(0.5):
            keys = self._keys(source, names, 1, periods=0.0)
            function = self._lots.one(["AVG", "AVG", "MAX", "MEDIAN"])
            measure: Expression = Aggregate(function, (), (), days)
            if function == "AVG":
                measure = Call("ROUND", (measure, Constant(1)))
            intent = self._grouped(source, where, keys, [(names.free("days"), measure)])
            return self._ordered(intent, [], limit=0.2)
        shown = [*self._identified(source, names), (names.free("days"), days)]
        intent = self._rows(source, where, shown)
        return self._ordered(intent, shown[-1:], limit=0.6, ascends=0.0)

    def _later(self, source: Collection) -> Intent:
        """Rows with the later or the earlier one of two of their own dates."""
        dates = [one for one in self._columns.fields(source, "date", depth=0) if is_sure(one)]
        names = Names(self._columns)
        pair = self._lots.one([(a, b) for a in dates for b in dates if a is not b and a.column.time == b.column.time])
        operator, name = self._lots.one([("LARGEST", "later_date"), ("SMALLEST", "earlier_date")])
        shown = self._identified(source, names)
        shown += [(names.of(one), one) for one in pair if self._lots.chance(0.4)]
        shown.append((names.free(name), Call(operator, pair)))
        return self._ordered(self._rows(source, self._where(source, (0.2, 0.6, 0.2)), shown), [], limit=0.2)

    def per_parent(self) -> Intent:
        """Rows with aggregates over the rows that refer to them."""
        source, path = self._parent()
        child = self._columns.model.end(source, path)
        names = Names(self._columns)
        shown = self._identified(source, names)
        if self._lots.chance(0.35):
            aggregates = [self._measures.over(child, path, filtered=0.0) for _ in range(2)]
        else:
            aggregates = [self._measures.over(child, path, filtered=0.5 if len(path) == 1 else 0.0)]
        filled = self._lots.chance(0.25)
        measured: list[Named] = [(names.of(one), _or_zero(one) if filled else one) for one in dict.fromkeys(aggregates)]
        intent = self._rows(
            source, self._where(source, (0.5, 0.4, 0.1), children=False, needed=False), shown + measured
        )
        first = aggregates[0]
        sure = is_never_null(first)
        if sure and self._lots.chance(0.25):
            intent = replace(intent, having=(self._above(measured[0][0], first, path),))
        return self._ordered(intent, measured[:1] if sure else [], limit=0.5)

    def presence(self) -> Intent:
        """Rows for which others exist, or do not, or both."""
        source, path = self._parent()
        child = self._columns.model.end(source, path)
        names = Names(self._columns)
        if self._lots.chance(0.45):
            field = self._columns.field(child, "category", "name", depth=1)
            values = self._lots.some([v for v in field.column.values[:8] if str(v).strip()], 2)
            if len(values) < 2:
                raise NothingFitsError
            both = [(Call("EQ", (field, constant_of(field.column, one))),) for one in values]
            second = self._lots.chance(0.65)
            tests: tuple[Expression, ...] = (Exists(path, both[0]), Exists(path, both[1], negated=second))
        else:
            where = self._conditions.some(child, (0.2, 0.8), children=False)
            if not where and not any(link.optional for link in path):
                raise NothingFitsError
            tests = (Exists(path, where, negated=self._lots.chance(0.5)),)
        tests += self._conditions.some(source, (0.6, 0.4), children=False)
        if self._lots.chance(0.3):
            return self._counted(source, tests, names)
        intent = self._rows(source, tests, self._identified(source, names))
        return self._ordered(intent, [], limit=0.1)

    def _counted(self, source: Collection, where: tuple[Expression, ...], names: Names) -> Intent:
        name = names.free(f"n_{source.name}")
        return Intent("", source, "whole", (name,), where, columns=((name, Aggregate("COUNT")),))

    def best(self) -> Intent:
        """Rows with a value of the best row that refers to them."""
        source, path = self._parent(depth=1)
        if self._is_long(source):
            raise NothingFitsError
        child = self._columns.model.end(source, path)
        by = Field((), self._lots.one([c for c in child.of_role("date", "amount", "measure") if not c.lacks]))
        values = [one for one in self._columns.fields(child, *_SHOWN) if one.column is not by.column and is_sure(one)]
        values = [one for one in values if not (one.path and one.path[-1].child == source.name)]
        where = self._conditions.some(child, (0.6, 0.4), children=False)
        order = ((by, self._lots.chance(0.75)), *((one, False) for one in self._columns.unique(child) if one != by))
        names = Names(self._columns)
        shown = self._identified(source, names)
        which = "best" if by.column.role != "date" else "that"
        columns: list[Named] = [
            (names.free(f"{which}_{one.column.name.strip('_')}"), Best(path, where, order, one))
            for one in (by, self._columns.nearest(values))
        ]
        intent = self._rows(source, (Exists(path, where),), shown + columns)
        return self._ordered(intent, [], limit=0.2)


def _or_zero(aggregate: Aggregate) -> Expression:
    """The same with 0 for rows to which nothing belongs, where a number may stand for it."""
    number = aggregate.function in ("AVG", "MAX", "MIN", "MEDIAN")
    dated = isinstance(aggregate.value, Field) and aggregate.value.column.kind == "date"
    return Call("DEFAULT_TO", (aggregate, Constant(0))) if number and not dated else aggregate
