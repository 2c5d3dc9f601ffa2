"""The shapes of questions: each draws an intent of its kind, or raises NothingFitsError."""

from __future__ import annotations

from collections.abc import Sequence
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
    Path,
    Result,
    Window,
    walk,
)
from utils.synthesis.model import Collection, Role
from utils.synthesis.sampling.columns import Columns, is_sure
from utils.synthesis.sampling.conditions import PLAIN, Conditions, constant_of, counted, rounded
from utils.synthesis.sampling.lots import Lots, NothingFitsError
from utils.synthesis.sampling.measures import Measures, Names, is_never_null

_LIMITS = {1: 2.0, 3: 2.0, 5: 4.0, 10: 3.0}
_MANY_ROWS = 40  # more than so many are not listed without a condition or a limit
_UNITS = {"month": 4.0, "quarter": 2.0, "year": 2.0}


class Families:
    """One method a family."""

    def __init__(self, columns: Columns, conditions: Conditions, measures: Measures, lots: Lots) -> None:
        self._columns = columns
        self._conditions = conditions
        self._measures = measures
        self._lots = lots

    # rows

    def listed(self) -> Intent:
        """Rows with some of their columns."""
        source = self._source(rows=5)
        names = Names(self._columns)
        where = self._where(source, (0.15, 0.55, 0.3))
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
        sortable = [(n, e) for n, e in shown if isinstance(e, Field) and is_sure(e) and e.column.role in _SORTED_BY]
        return self._ordered(intent, names, sortable, limit=0.4)

    def text(self) -> Intent:
        """Rows with a text of theirs taken apart or put together."""
        source = self._source("name", rows=5)
        names = Names(self._columns)
        shown = self._identified(source, names)
        column = Field((), self._lots.one([c for c in source.of_role("name", "category") if c.kind == "text"]))
        made = self._text_of(source, column)
        shown.append((names.free(_TEXT_NAMES.get(made.operator, "made_text")), made))
        intent = self._rows(source, self._where(source, (0.1, 0.7, 0.2)), shown)
        return self._ordered(intent, names, [], limit=0.3)

    def _text_of(self, source: Collection, column: Field) -> Call:
        kind = self._lots.one(["UPPER", "LOWER", "LENGTH", "SLICE", "JOIN", "GETPART", "STRCOUNT", "FIND", "REPLACE"])
        words = [str(value) for value in column.column.values if " " in str(value)]
        match kind:
            case "SLICE":
                return Call(kind, (column, Constant(0), Constant(self._lots.one([1, 3, 4]))))
            case "JOIN":
                other = self._lots.one(
                    [Field((), c) for c in source.of_role("category", "name") if c is not column.column and not c.nulls]
                )
                return Call(kind, (Constant(self._lots.one([", ", " - ", "/"]), "text"), column, other))
            case "GETPART":
                if len(words) < 3:
                    raise NothingFitsError
                return Call(kind, (column, Constant(" ", "text"), Constant(self._lots.one([1, -1]))))
            case "STRCOUNT" | "FIND":
                if len(words) < 3:
                    raise NothingFitsError
                return Call(kind, (column, Constant(" ", "text")))
            case "REPLACE":
                if len(words) < 3:
                    raise NothingFitsError
                return Call(kind, (column, Constant(" ", "text"), Constant(self._lots.one(["_", "-"]), "text")))
        return Call(kind, (column,))

    def gap(self) -> Intent:
        """Rows, or groups of them, with the time between two of their dates."""
        source = self._source("date", rows=5)
        dates = source.of_role("date")
        pairs = [(a, b) for a in dates for b in dates if a is not b and str(a.low) <= str(b.low)]
        first, second = self._lots.one(pairs)
        days = Call("DIFFERENCE", (Field((), first), Field((), second)), "days")
        names = Names(self._columns)
        where = self._where(source, (0.2, 0.6, 0.2))
        if self._lots.chance(0.5):
            keys = self._keys(source, names, 1)
            function = self._lots.one(["AVG", "AVG", "MAX", "MEDIAN"])
            measure: Expression = Aggregate(function, (), (), days)
            if function == "AVG":
                measure = Call("ROUND", (measure, Constant(1)))
            intent = self._grouped(source, where, keys, [(names.free("days"), measure)])
            return self._ordered(intent, names, [], limit=0.2)
        shown = [*self._identified(source, names), (names.free("days"), days)]
        intent = self._rows(source, where, shown)
        return self._ordered(intent, names, [] if first.nulls or second.nulls else shown[-1:], limit=0.6)

    # rows with what belongs to them

    def per_parent(self) -> Intent:
        """Rows with aggregates over the rows that refer to them."""
        source, path = self._parent()
        child = self._columns.model.end(source, path)
        names = Names(self._columns)
        shown = self._identified(source, names)
        aggregates = [self._measures.over(child, path, filtered=0.4)]
        if self._lots.chance(0.35):
            aggregates.append(self._measures.over(child, path, filtered=0.0))
        measured: list[Named] = [(names.of(one), one) for one in dict.fromkeys(aggregates)]
        intent = self._rows(
            source, self._where(source, (0.5, 0.4, 0.1), children=False, needed=False), shown + measured
        )
        first = aggregates[0]
        sure = is_never_null(first)
        if sure and self._lots.chance(0.25):
            intent = replace(intent, having=(self._above(measured[0][0], first, path),))
        return self._ordered(intent, names, measured[:1] if sure else [], limit=0.5)

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
        return self._ordered(intent, names, [], limit=0.1)

    def best(self) -> Intent:
        """Rows with a value of the best row that refers to them."""
        source, path = self._parent(depth=1)
        child = self._columns.model.end(source, path)
        by = Field((), self._lots.one([c for c in child.of_role("date", "amount", "measure") if not c.nulls]))
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
        return self._ordered(intent, names, [], limit=0.2)

    # groups

    def groups(self) -> Intent:
        """Groups of rows with measures."""
        source = self._source(rows=10)
        names = Names(self._columns)
        keys = self._keys(source, names, self._lots.one([1, 1, 1, 2]))
        columns = self._measured(source, names, self._lots.one([1, 1, 2]))
        intent = self._grouped(source, self._where(source, (0.45, 0.45, 0.1), needed=False), keys, columns)
        name, first = columns[0]
        if isinstance(first, Aggregate) and is_never_null(first) and self._lots.chance(0.2):
            intent = replace(intent, having=(self._above(name, first),))
        sure = [one for one in columns if isinstance(one[1], Aggregate) and is_never_null(one[1])]
        return self._ordered(intent, names, sure, limit=0.35)

    def compare(self) -> Intent:
        """Groups, or rows with children, with two measures side by side and what lies between them."""
        source = self._source("category", rows=10)
        category = self._columns.field(source, "category", "flag")
        if category.column.kind == "flag":
            tests = [Call("EQ", (category, Constant(value, "flag"))) for value in (True, False)]
        else:
            values = self._lots.some([v for v in category.column.values[:6] if str(v).strip()], 2)
            if len(values) < 2:
                raise NothingFitsError
            tests = [Call("EQ", (category, constant_of(category.column, value))) for value in values]
        names = Names(self._columns)
        keys = self._keys(source, names, 1, without=category)
        whole = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM"))
        first, second = (replace(whole, where=(test,)) for test in tests)
        kind = self._lots.one(["beside", "difference", "percent", "percent"])
        columns: list[Named]
        if kind == "percent":
            share = Call("ROUND", (Call("DIV", (Call("MUL", (Constant(100), first)), whole)), Constant(2)))
            columns = [(names.of(whole, source.name), whole), (names.free("percent"), share)]
        else:
            columns = [(names.of(first, source.name), first), (names.of(second, source.name), second)]
            if kind == "difference":
                columns.append((names.free("difference"), Call("SUB", (first, second))))
        intent = self._grouped(source, self._where(source, (0.6, 0.4), children=False, needed=False), keys, columns)
        return self._ordered(intent, names, columns[:1], limit=0.3)

    def share(self) -> Intent:
        """Groups with their share of the whole."""
        source = self._source(rows=10)
        names = Names(self._columns)
        keys = self._keys(source, names, 1)
        measure = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM"))
        name = names.of(measure, source.name)
        whole = Window("RELSUM", Result(name))
        share = Call("ROUND", (Call("DIV", (Call("MUL", (Constant(100), Result(name))), whole)), Constant(2)))
        window = (names.free("share_percent"), share)
        intent = self._grouped(source, self._where(source, (0.5, 0.5), needed=False), keys, [(name, measure)])
        intent = replace(intent, windows=(window,), output=(*intent.output, window[0]))
        return self._ordered(intent, names, [(name, measure)], limit=0.25, always=True)

    def rank(self) -> Intent:
        """Groups with their rank, or the first of each outer group."""
        source = self._source(rows=20)
        names = Names(self._columns)
        inner = self._lots.chance(0.55)
        keys = self._keys(source, names, 2 if inner else 1)
        measure = self._measures.over(source, filtered=0.1, functions=("COUNT", "SUM", "SUM"))
        name = names.of(measure, source.name)
        per = (keys[0][0],) if inner else ()
        ties = tuple((Result(key), False) for key, _ in keys if key not in per)
        option = "" if inner else self._lots.one(["", "ties", "dense"])
        by = ((Result(name), True), *(ties if not option else ()))
        rank = (names.free("place"), Window("RANKING", None, by, per, option))
        intent = self._grouped(source, self._where(source, (0.6, 0.4), needed=False), keys, [(name, measure)])
        kept: tuple[Expression, ...] = ()
        if inner:
            most = self._lots.one([1, 1, 2, 3])
            kept = (Call("EQ" if most == 1 else "LE", (Result(rank[0]), Constant(most))),)
        output = (*intent.output, *(() if inner and most == 1 else (rank[0],)))
        intent = replace(intent, windows=(rank,), kept=kept, output=output)
        order = (*((key, False) for key in per), (rank[0], False), *((key, False) for key, _ in keys if key not in per))
        return replace(intent, order=tuple(one for one in order if one[0] in output))

    def change(self) -> Intent:
        """Periods with a measure, and its change against the period before."""
        source, names, key, measure, where = self._period()
        name = names.of(measure, source.name)
        before = Window("PREV", Result(name), ((Result(key[0]), False),))
        difference: Expression = Call("SUB", (Result(name), before))
        what = "change"
        if self._lots.chance(0.5):
            what = "change_percent"
            difference = Call("ROUND", (Call("DIV", (Call("MUL", (Constant(100), difference)), before)), Constant(2)))
        elif self._lots.chance(0.3):
            what, difference = "before", before
        window = (names.free(what), difference)
        intent = self._grouped(source, where, [key], [(name, measure)])
        return replace(intent, windows=(window,), output=(*intent.output, window[0]), order=((key[0], False),))

    def running(self) -> Intent:
        """Periods with a running total or a moving average."""
        source, names, key, measure, where = self._period()
        name = names.of(measure, source.name)
        by = ((Result(key[0]), False),)
        if self._lots.chance(0.6):
            window: Named = (names.free("running_total"), Window("RELSUM", Result(name), by, (), "running"))
        else:
            moving = Window("RELAVG", Result(name), by, (), self._lots.one(["3", "6"]))
            window = (names.free("moving_average"), Call("ROUND", (moving, Constant(2))))
        intent = self._grouped(source, where, [key], [(name, measure)])
        return replace(intent, windows=(window,), output=(*intent.output, window[0]), order=((key[0], False),))

    def bucket(self) -> Intent:
        """Rows sorted into two or more classes of a number, counted and measured."""
        source = self._source(rows=20)
        column = self._lots.one([c for c in source.of_role("amount", "measure") if not c.nulls and c.distinct > 5])
        names = Names(self._columns)
        edge = rounded(column, column.quantiles[2])
        test = Call("GE", (Field((), column), Constant(edge)))
        label = Call("IFF", (test, Constant("high", "text"), Constant("low", "text")))
        keys: list[Named] = [(names.free("level"), label)]
        intent = self._grouped(
            source, self._where(source, (0.5, 0.5), needed=False), keys, self._measured(source, names, 2)
        )
        return self._ordered(intent, names, [], limit=0.0)

    # one row

    def whole(self) -> Intent:
        """One row of totals over all rows, or a percentage of them."""
        source = self._source(rows=5)
        names = Names(self._columns)
        if self._lots.chance(0.3):
            part = Aggregate("COUNT", (), (self._conditions.one(source, children=False),))
            ratio = Call("DIV", (Call("MUL", (Constant(100), part)), Aggregate("COUNT")))
            columns: list[Named] = [(names.free("percent"), Call("ROUND", (ratio, Constant(2))))]
            where = self._where(source, (0.7, 0.3), children=False, needed=False)
        else:
            columns = self._measured(source, names, self._lots.one([1, 1, 2, 3]))
            where = self._where(source, (0.1, 0.6, 0.3))
        return Intent("", source, "whole", tuple(name for name, _ in columns), where, columns=tuple(columns))

    def two_level(self) -> Intent:
        """What groups, or parents, have on average, or at most."""
        names = Names(self._columns)
        if self._lots.chance(0.5):
            source, path = self._parent(depth=1)
            child = self._columns.model.end(source, path)
            measure = self._measures.over(child, path, filtered=0.3, functions=("COUNT", "SUM", "NDISTINCT"))
            name = names.of(measure)
            intent = self._rows(source, self._where(source, (0.6, 0.4), False, False), [(name, measure)])
        else:
            source = self._source(rows=20)
            keys = self._keys(source, names, 1, periods=0.5)
            measure = self._measures.over(source, filtered=0.2, functions=("COUNT", "SUM", "NDISTINCT"))
            name = names.of(measure, source.name)
            intent = self._grouped(source, self._where(source, (0.5, 0.5), needed=False), keys, [(name, measure)])
        functions = self._lots.some(["AVG", "MAX", "MIN", "MEDIAN"], self._lots.one([1, 1, 2]))
        words = {"AVG": "average", "MAX": "highest", "MIN": "lowest", "MEDIAN": "median"}
        summary = tuple((names.free(f"{words[one]}_{name}"), one, name) for one in functions)
        return replace(intent, summary=summary, output=tuple(one for one, _f, _r in summary))

    def above_average(self) -> Intent:
        """Rows, or groups, whose number is above the average of all."""
        names = Names(self._columns)
        if self._lots.chance(0.5):
            source = self._source(rows=8)
            number = Field((), self._lots.one([c for c in source.of_role("amount", "measure") if not c.nulls]))
            name = names.of(number)
            intent = self._rows(
                source,
                self._where(source, (0.5, 0.5), needed=False),
                [*self._identified(source, names), (name, number)],
            )
        else:
            source = self._source(rows=20)
            keys = self._keys(source, names, 1)
            measure = self._measures.over(source, filtered=0.1, functions=("COUNT", "SUM"))
            name = names.of(measure, source.name)
            intent = self._grouped(source, self._where(source, (0.6, 0.4), needed=False), keys, [(name, measure)])
        average = (names.free("overall_average"), Window("RELAVG", Result(name)))
        kept = (Call(self._lots.one(["GT", "GT", "LT"]), (Result(name), Result(average[0]))),)
        intent = replace(intent, windows=(average,), kept=kept)
        return self._ordered(intent, names, [(name, Result(name))], limit=0.2, always=True)

    # pieces

    def _source(self, *needs: str, rows: int) -> Collection:
        return self._lots.weighted(self._columns.sources(*needs, rows=rows))  # type: ignore[arg-type]

    def _parent(self, depth: int = 2) -> tuple[Collection, Path]:
        """A collection that others refer to, and a path to them."""
        choices: dict[Path, float] = {}
        for one in self._columns.model.collections.values():
            if one.rows >= 3 and one.of_role("name", "identifier"):
                for path in self._columns.plural_paths(one, depth):
                    choices[path] = 6.0 if len(path) == 1 else 1.0
        path = self._lots.weighted(choices)
        return self._columns.model.collections[path[0].parent], path

    def _identified(self, source: Collection, names: Names) -> list[Named]:
        return [(names.of(one), one) for one in self._columns.identity(source)]

    def _where(
        self, source: Collection, weights: tuple[float, ...], children: bool = True, needed: bool = True
    ) -> tuple[Expression, ...]:
        """Conditions on rows that are listed (`needed`: at least one), or on rows that are added up."""
        kinds = () if needed else PLAIN
        where = self._conditions.some(source, weights, children, kinds)
        return where if where or not needed else self._conditions.some(source, (0.0, 1.0), children)

    def _rows(self, source: Collection, where: tuple[Expression, ...], columns: list[Named]) -> Intent:
        output = tuple(name for name, _ in columns)
        return Intent("", source, "rows", output, where, columns=tuple(columns))

    def _grouped(
        self, source: Collection, where: tuple[Expression, ...], keys: list[Named], columns: list[Named]
    ) -> Intent:
        output = tuple(name for name, _ in (*keys, *columns))
        return Intent("", source, "groups", output, where, tuple(keys), tuple(columns))

    def _counted(self, source: Collection, where: tuple[Expression, ...], names: Names) -> Intent:
        name = names.free(f"n_{source.name}")
        return Intent("", source, "whole", (name,), where, columns=((name, Aggregate("COUNT")),))

    def _measured(self, source: Collection, names: Names, count: int) -> list[Named]:
        drawn = [self._measures.over(source, filtered=0.15) for _ in range(count)]
        columns: list[Named] = []
        for one in dict.fromkeys(drawn):
            name = names.of(one, source.name)
            rounds = one.function in ("AVG", "STD", "VAR") and self._lots.chance(0.5)
            columns.append((name, Call("ROUND", (one, Constant(2))) if rounds else one))
        return columns

    def _keys(
        self, source: Collection, names: Names, count: int, without: Field | None = None, periods: float = 0.3
    ) -> list[Named]:
        """Columns to group by: categories, what the rows refer to, periods."""
        keys: list[Named] = []
        taken = {without.column} if without else set()
        for _ in range(8 * count):
            if len(keys) == count:
                return keys
            expression = self._key(source, periods)
            column = next(one.column for one in _fields(expression))
            if column in taken or any(_is_date(expression) and _is_date(other) for _name, other in keys):
                continue
            taken.add(column)
            keys.append(
                (
                    names.of(expression) if isinstance(expression, Field) else names.free(_key_name(expression)),
                    expression,
                )
            )
        raise NothingFitsError

    def _key(self, source: Collection, periods: float) -> Field | Call:
        if self._lots.chance(periods):
            dates = [one for one in self._columns.fields(source, "date") if is_sure(one)]
            if dates:
                field = self._columns.nearest(dates)
                units = {"START month": 3.0, "START quarter": 1.0, "MONTH": 1.0, "DAYNAME": 1.5, "QUARTER": 0.7}
                if str(field.column.low)[:4] != str(field.column.high)[:4]:
                    units["YEAR"] = 4.0
                if field.column.time:
                    units["HOUR"] = 0.7
                operator, _, option = self._lots.weighted(units).partition(" ")
                return Call(operator, (field,), option)
        fields = [one for one in self._columns.fields(source, "category", "flag", depth=2) if is_sure(one)]
        labels = [one for one in self._columns.fields(source, "name", depth=2) if one.path and is_sure(one)]
        fields += [one for one in labels if one.column.unique]
        return self._columns.nearest([one for one in fields if one.column.distinct > 1])

    def _period(self) -> tuple[Collection, Names, Named, Aggregate, tuple[Expression, ...]]:
        source = self._source("date", rows=20)
        names = Names(self._columns)
        field = Field((), self._lots.one([one for one in source.of_role("date") if not one.nulls]))
        unit = self._lots.weighted(_UNITS)
        key: Named = (names.free(unit), Call("START", (field,), unit))
        if unit == "year":
            key = (key[0], Call("YEAR", (field,)))
        measure = self._measures.over(source, filtered=0.15, functions=("COUNT", "SUM"))
        return source, names, key, measure, self._where(source, (0.5, 0.5), needed=False)

    def _above(self, name: str, measure: Aggregate, path: Path = ()) -> Call:
        """A condition on a measure of a group or a parent."""
        if measure.function in ("COUNT", "NDISTINCT"):
            number: int | float = counted((path[0].fanout if path else 10) * self._lots.one([0.5, 1.0, 1.5]))
        else:
            assert isinstance(measure.value, Field | Call)
            column = next(one.column for one in _fields(measure.value))
            number = rounded(column, column.quantiles[-1] * self._lots.one([2, 5, 10]))
        return Call(self._lots.one(["GT", "GE", "GE", "LT"]), (Result(name), Constant(number)))

    def _ordered(self, intent: Intent, names: Names, by: Sequence[Named], limit: float, always: bool = False) -> Intent:
        """The intent with an order, sometimes; where it is cut, by one of `by` and then by what tells rows apart."""
        ties = self._ties(intent)
        if by and self._lots.chance(limit):
            name = self._lots.one(by)[0]
            order = ((name, self._lots.chance(0.8)), *((one, False) for one in ties if one != name))
            return replace(intent, order=order, limit=self._lots.weighted(_LIMITS))
        if not (always or self._lots.chance(0.6)):
            return intent
        if by and self._lots.chance(0.6):
            name = self._lots.one(by)[0]
            return replace(intent, order=((name, True), *((one, False) for one in ties if one != name)))
        return replace(intent, order=tuple((one, False) for one in ties))

    def _ties(self, intent: Intent) -> list[str]:
        """The names of columns that no two rows of the result share."""
        if intent.level == "groups":
            return [name for name, _ in intent.keys]
        unique = self._columns.unique(intent.source)
        known = {expression: name for name, expression in intent.columns}
        if not all(one in known for one in unique):
            raise NothingFitsError
        return [known[one] for one in unique]


_SORTED_BY: tuple[Role, ...] = ("amount", "measure", "date")
_SHOWN: tuple[Role, ...] = ("category", "amount", "measure", "date", "name")
_TEXT_NAMES = {"LENGTH": "length", "GETPART": "word", "STRCOUNT": "n_spaces", "SLICE": "beginning"}


def _fields(expression: Expression) -> list[Field]:
    return [one for one in walk(expression) if isinstance(one, Field)]


def _is_date(expression: Expression) -> bool:
    return any(one.column.kind == "date" for one in _fields(expression))


def _key_name(call: Call) -> str:
    return {"START": call.option, "DAYNAME": "weekday"}.get(call.operator, call.operator.lower())
