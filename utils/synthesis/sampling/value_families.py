"""Questions whose answer lists rows with a value that is worked out: of numbers, of dates, of what may be missing."""

from __future__ import annotations

from dataclasses import replace

from utils.synthesis.intent import (
    Aggregate,
    Call,
    Constant,
    Expression,
    Field,
    Intent,
    Named,
    Path,
    Result,
    Window,
)
from utils.synthesis.model import Collection, Column
from utils.synthesis.sampling.conditions import comparable
from utils.synthesis.sampling.lots import NothingFitsError
from utils.synthesis.sampling.measures import Names
from utils.synthesis.sampling.pieces import Pieces, fields_of

_OF_PAIRS = {"ABS": 4.0, "LARGEST": 1.0, "SMALLEST": 1.0, "SIGN": 0.5, "POWER": 0.3, "SQRT": 0.3}
_OF_ONE = {"FLOOR": 1.0, "CEIL": 1.0, "INTEGER": 1.0, "ABS": 2.0, "SIGN": 0.3}
_NAMES = {
    "ABS": "distance", "LARGEST": "larger", "SMALLEST": "smaller", "SIGN": "direction", "POWER": "squared",
    "SQRT": "root", "FLOOR": "whole_number", "CEIL": "whole_number", "INTEGER": "whole_number",
}  # fmt: skip
_DATE_PARTS = {"DAY": 2.0, "MONTHNAME": 2.0, "DAYNAME": 2.0, "DAYOFWEEK": 2.0}
_TIME_PARTS = {"HOUR": 3.0, "MINUTE": 0.5, "SECOND": 0.5}
_PART_NAMES = {"MONTHNAME": "month_name", "DAYNAME": "weekday", "DAYOFWEEK": "weekday"}
_MANY_PARTS = {"4": 4.0, "5": 1.0, "10": 2.0}
_SIGNED = "ABS", "SIGN"
_UNSORTED = "SIGN", "LARGEST", "SMALLEST"
_ROUNDED = "FLOOR", "CEIL", "INTEGER"  # called as the number itself is


class ValueFamilies(Pieces):
    """Each public method draws an intent of its family, or raises NothingFitsError."""

    def computed(self) -> Intent:
        """Rows with a number worked out of one or two of theirs."""
        source = self._source("measure", rows=5) if self._lots.chance(0.5) else self._source("amount", rows=5)
        pairs = [pair for pair in comparable(source) if pair[0].unit != "share"]
        if pairs and self._lots.chance(0.75):
            columns = list(self._lots.one(pairs))
            operator = self._lots.weighted(_OF_PAIRS)
            made = _of_pair(operator, *(Field((), one) for one in columns))
        else:
            columns = [self._lots.one(source.of_role("amount", "measure"))]
            operator = self._lots.weighted({one: weight for one, weight in _OF_ONE.items() if _suits(one, columns[0])})
            made = Call(operator, (Field((), columns[0]),))
        names = Names(self._columns)
        shown = self._identified(source, names)
        if operator not in _ROUNDED:
            shown += [(names.of(Field((), one)), Field((), one)) for one in columns if self._lots.chance(0.4)]
        name = names.free(_NAMES[operator])
        rounds = operator in ("SQRT", "POWER") or (operator == "ABS" and not all(one.whole for one in columns))
        shown.append((name, Call("ROUND", (made, Constant(2))) if rounds else made))
        intent = self._rows(source, self._where(source, (0.05, 0.7, 0.25)), shown)
        sure = not rounds and not any(one.lacks for one in columns) and operator not in (*_UNSORTED, *_ROUNDED)
        return self._ordered(intent, shown[-1:] if sure else [], limit=0.5)

    def filled(self) -> Intent:
        """Rows with a value that stands in for a missing one, or that is left out unless a condition holds."""
        source = self._source(rows=5)
        names = Names(self._columns)
        made: Expression
        if self._lots.chance(0.75):
            columns = [one for one in source.columns.values() if one.lacks and one.role not in ("foreign_key", "date")]
            column = self._lots.one([one for one in columns if one.kind in ("text", "number")])
            made = Call("DEFAULT_TO", (Field((), column), self._stand_in(column)))
        else:
            column = self._lots.one(source.of_role("amount", "measure"))
            condition = self._conditions.one(source, False, ("category", "flag", "any_of"))
            made = Call("KEEP_IF", (Field((), column), condition))
        shown = self._identified(source, names)
        if column in {one.column for _name, one in shown if isinstance(one, Field)}:
            raise NothingFitsError
        shown.append((names.free(f"{column.name.strip('_')}_or_other" if _fills(made) else "kept_value"), made))
        where = self._where(source, (0.1, 0.7, 0.2))
        if column in {one.column for one in fields_of(where)}:
            raise NothingFitsError  # of a value that is known nothing need stand in
        return self._ordered(self._rows(source, where, shown), [], limit=0.3)

    def _stand_in(self, column: Column) -> Constant:
        if column.kind == "number":
            return Constant(0)
        return Constant(self._lots.one(["none", "unknown", "not given"]), "text")

    def dated(self) -> Intent:
        """Rows with a part of one of their dates."""
        source = self._source("date", rows=5)
        names = Names(self._columns)
        column = self._lots.one(source.of_role("date"))
        shown = self._identified(source, names)
        if self._lots.chance(0.3):
            shown.append((names.free("period"), _period_label(Field((), column), self._lots.chance(0.5))))
        else:
            part = self._lots.weighted(_TIME_PARTS if column.time and self._lots.chance(0.4) else _DATE_PARTS)
            shown.append((names.free(_PART_NAMES.get(part, part.lower())), Call(part, (Field((), column),))))
        intent = self._rows(source, self._where(source, (0.05, 0.7, 0.25)), shown)
        return self._ordered(intent, [], limit=0.4)

    def parts(self) -> Intent:
        """Rows divided into equal parts by a number of theirs."""
        source = self._source(rows=8)
        names = Names(self._columns)
        column = self._lots.one([one for one in source.of_role("amount", "measure") if not one.lacks])
        shown = [*self._identified(source, names), (names.of(Field((), column)), Field((), column))]
        intent = self._rows(source, self._where(source, (0.3, 0.6, 0.1), needed=False), shown)
        value = shown[-1][0]
        ties = [(Result(one), False) for one in self._ties(intent) if one != value]
        number = self._lots.weighted(_MANY_PARTS)
        window = Window("PERCENTILE", None, ((Result(value), self._lots.chance(0.3)), *ties), (), number)
        named = (names.free({"4": "quartile", "5": "fifth", "10": "tenth"}[number]), window)
        intent = replace(intent, windows=(named,), output=(*intent.output, named[0]))
        return self._ordered(intent, [], limit=0.0, always=True, cuts=False)

    def out_of(self) -> Intent:
        """Groups, or rows, beside how many there are of them, or how many have a value."""
        source = self._source(rows=10)
        names = Names(self._columns)
        window: Window
        if self._lots.chance(0.5):
            keys = self._keys(source, names, 1, ranked=True)
            measure = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM"))
            name = names.of(measure, source.name)
            intent = self._grouped(source, self._where(source, (0.5, 0.5), needed=False), keys, [(name, measure)])
            rank: Named = (names.free("place"), Window("RANKING", None, ((Result(name), True),), (), "ties"))
            size: Named = (names.free("out_of"), Window("RELSIZE"))
            intent = replace(intent, windows=(rank, size), output=(*intent.output, rank[0], size[0]))
            return replace(intent, order=((rank[0], False), *((key, False) for key, _ in keys)))
        columns = [one for one in source.columns.values() if one.lacks and one.role not in ("foreign_key", "code")]
        column = self._lots.one(columns)
        shown = self._identified(source, names)
        name = names.of(Field((), column))
        window = Window("RELCOUNT", Result(name))
        counted = (names.free("n_known"), window)
        intent = self._rows(source, self._where(source, (0.1, 0.8, 0.1)), [*shown, (name, Field((), column))])
        intent = replace(intent, windows=(counted,), output=(*intent.output, counted[0]))
        return self._ordered(intent, [], limit=0.0, always=True, cuts=False)

    def attribute(self) -> Intent:
        """Groups by something that rows refer to, with what else is known of it."""
        source = self._source(rows=10)
        paths = [path for path in self._columns.singular_paths(source, 1) if path and not path[0].optional]
        path = self._lots.one(paths)
        end = self._columns.model.end(source, path)
        unique = self._columns.unique(end)
        if len(unique) != 1:
            raise NothingFitsError
        label = _own_key(source, path, unique[0].column) or Field(path, unique[0].column)
        others = [one for one in end.of_role("name", "category", "date", "amount", "measure") if not one.lacks]
        other = Field(path, self._lots.one([one for one in others if one is not unique[0].column]))
        names = Names(self._columns)
        keys: list[Named] = [(names.of(label) if not label.path else names.free(f"{path[0].name}_key"), label)]
        measure = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM", "NDISTINCT"))
        columns: list[Named] = [
            (names.of(other), Aggregate("ANYTHING", (), (), other)),
            (names.of(measure, source.name), measure),
        ]
        where = self._where(source, (0.3, 0.7), needed=False)
        if any(one.path[:1] == path for one in fields_of(where)):
            raise NothingFitsError  # it would rather be asked of what is grouped by
        return self._ordered(self._grouped(source, where, keys, columns), columns[1:], limit=0.5, ascends=0.0)


def _own_key(source: Collection, path: Path, unique: Column) -> Field | None:
    """The rows' own column that holds the key of what they refer to, where they have one."""
    ((here, there), *others) = path[0].keys
    return Field((), source.columns[here]) if not others and there == unique.name and here in source.columns else None


def _of_pair(operator: str, first: Field, second: Field) -> Call:
    match operator:
        case "LARGEST" | "SMALLEST":
            return Call(operator, (first, second))
        case "SQRT":
            return Call("SQRT", (Call("MUL", (first, second)),))
        case "POWER":
            return Call("POWER", (Call("SUB", (first, second)), Constant(2)))
    return Call(operator, (Call("SUB", (first, second)),))


def _period_label(date: Field, quarters: bool) -> Call:
    """The quarter of a date as text such as 2023-Q1, or its month as 2023-04."""
    year = Call("STRING", (Call("YEAR", (date,)),))
    if quarters:
        return Call("JOIN", (Constant("-Q", "text"), year, Call("STRING", (Call("QUARTER", (date,)),))))
    month = Call("LPAD", (Call("STRING", (Call("MONTH", (date,)),)), Constant(2), Constant("0", "text")))
    return Call("JOIN", (Constant("-", "text"), year, month))


def _suits(operator: str, column: Column) -> bool:
    """Whether a function says something new of a column's numbers."""
    below_zero = isinstance(column.low, int | float) and column.low < 0
    if operator in _SIGNED:
        return below_zero
    return not column.whole and column.unit != "share"


def _fills(made: Expression) -> bool:
    return isinstance(made, Call) and made.operator == "DEFAULT_TO"
