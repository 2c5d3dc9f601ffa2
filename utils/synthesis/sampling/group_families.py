"""Questions whose answer lists groups of rows, or periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from utils.synthesis.intent import (
    Aggregate,
    Call,
    Constant,
    Expression,
    Field,
    Intent,
    Named,
    Result,
    Window,
)
from utils.synthesis.model import Collection
from utils.synthesis.sampling.conditions import constant_of, rounded
from utils.synthesis.sampling.lots import NothingFitsError
from utils.synthesis.sampling.measures import Names, is_never_null
from utils.synthesis.sampling.pieces import Pieces

_EDGES = ((2,), (1,), (3,), (1, 3), (1, 3))  # of the quantiles, where classes of a number part
_CLASSES: Mapping[int, Mapping[str, tuple[tuple[str, ...], ...]]] = {
    2: {"rate": (("high", "low"),), "size": (("high", "low"), ("large", "small"))},
    3: {
        "rate": (("high", "medium", "low"), ("A", "B", "C")),
        "size": (("high", "medium", "low"), ("large", "medium", "small"), ("A", "B", "C")),
    },
}
_UNDATED = "category", "any_of", "flag", "number"  # conditions that leave no gap in the calendar as such
_UNITS = {"month": 4.0, "quarter": 2.0, "year": 2.0}


class GroupFamilies(Pieces):
    """Each public method draws an intent of its family, or raises NothingFitsError."""

    def groups(self) -> Intent:
        """Groups of rows with measures."""
        source = self._source(rows=10)
        names = Names(self._columns)
        keys = self._keys(source, names, self._lots.one([1, 1, 1, 2]), fewest=2)
        columns = self._measured(source, names, self._lots.one([1, 1, 2]))
        intent = self._grouped(source, self._where(source, (0.45, 0.45, 0.1), needed=False), keys, columns)
        name, first = columns[0]
        if isinstance(first, Aggregate) and is_never_null(first) and self._lots.chance(0.2):
            intent = replace(intent, having=(self._above(name, first),))
        sure = [one for one in columns if isinstance(one[1], Aggregate) and is_never_null(one[1])]
        return self._ordered(intent, sure, limit=0.35)

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
        keys = self._keys(source, names, 1, without=category, fewest=2)
        whole = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM"))
        first, second = (replace(whole, where=(test,)) for test in tests)
        kind = self._lots.one(["beside", "difference", "ratio", "percent", "percent"])
        columns: list[Named]
        if kind == "percent":
            share = Call("ROUND", (Call("DIV", (Call("MUL", (Constant(100), first)), whole)), Constant(2)))
            columns = [(names.of(whole, source.name), whole), (names.free("percent"), share)]
        else:
            columns = [(names.of(first, source.name), first), (names.of(second, source.name), second)]
            if kind == "difference":
                columns.append((names.free("difference"), Call("SUB", (first, second))))
            elif kind == "ratio":
                columns.append((names.free("ratio"), Call("ROUND", (Call("DIV", (first, second)), Constant(2)))))
        intent = self._grouped(source, (), keys, columns)
        return self._ordered(intent, columns[:1] if kind == "percent" else [], limit=0.3)

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
        return self._ordered(intent, [(name, measure)], limit=0.25, always=True)

    def rank(self) -> Intent:
        """Groups with their rank, or the first of each outer group."""
        source = self._source(rows=20)
        names = Names(self._columns)
        inner = self._lots.chance(0.55)
        keys = self._keys(source, names, 2 if inner else 1, ranked=True)
        measure = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM", "SUM"))
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
        if inner and most == 1:
            order = order[:1]  # of each outer group there is one row
        return replace(intent, order=tuple(one for one in order if one[0] in output))

    def bucket(self) -> Intent:
        """Rows sorted into two or more classes of a number, counted and measured."""
        source = self._source(rows=20)
        column = self._lots.one([c for c in source.of_role("amount", "measure") if not c.lacks and c.distinct > 5])
        names = Names(self._columns)
        edges = sorted({rounded(column, column.quantiles[place]) for place in self._lots.one(_EDGES)}, reverse=True)
        kind = "rate" if column.unit in ("share", "percent", "price") else "size"
        classes = self._lots.one(_CLASSES[len(edges) + 1][kind])
        label: Expression = Constant(classes[-1], "text")
        for edge, word in reversed(list(zip(edges, classes, strict=False))):
            label = Call("IFF", (Call("GE", (Field((), column), Constant(edge))), Constant(word, "text"), label))
        keys: list[Named] = [(names.free("level"), label)]
        measured = self._measured(source, names, self._lots.one([1, 2]))
        return self._grouped(source, self._where(source, (0.5, 0.5), needed=False), keys, measured)

    def change(self) -> Intent:
        """Periods with a measure, and its change against the period before."""
        source, names, key, measure, where = self._period()
        name = names.of(measure, source.name)
        ahead = self._lots.chance(0.15)
        before = Window("NEXT" if ahead else "PREV", Result(name), ((Result(key[0]), False),))
        difference: Expression = Call("SUB", (Result(name), before))
        what = "change"
        if ahead:
            what, difference = "after", before
        elif self._lots.chance(0.5):
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

    def _period(self) -> tuple[Collection, Names, Named, Aggregate, tuple[Expression, ...]]:
        source = self._source("date", rows=20)
        names = Names(self._columns)
        field = Field((), self._lots.one([one for one in source.of_role("date") if not one.lacks]))
        unit = self._lots.weighted(_UNITS)
        key: Named = (names.free(unit), Call("START", (field,), unit))
        if unit == "year":
            key = (key[0], Call("YEAR", (field,)))
        measure = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM"))
        return source, names, key, measure, self._where(source, (0.6, 0.4), needed=False, kinds=_UNDATED)
