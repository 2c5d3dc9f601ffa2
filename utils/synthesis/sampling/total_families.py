"""Questions about all rows together: totals, what groups come to on average, what lies above the average."""

from __future__ import annotations

from dataclasses import replace

from utils.synthesis.intent import (
    Aggregate,
    Call,
    Constant,
    Field,
    Intent,
    Named,
    Result,
    Window,
)
from utils.synthesis.sampling.measures import Names
from utils.synthesis.sampling.pieces import Pieces

_FEW = 5  # groups, of which nobody wants the median


class TotalFamilies(Pieces):
    """Each public method draws an intent of its family, or raises NothingFitsError."""

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
            columns = self._measured(source, names, self._lots.one([1, 1, 2, 2, 3]))
            where = self._where(source, (0.1, 0.6, 0.3))
        return Intent("", source, "whole", tuple(name for name, _ in columns), where, columns=tuple(columns))

    def two_level(self) -> Intent:
        """What groups, or parents, have on average, or at most."""
        names = Names(self._columns)
        if self._lots.chance(0.5):
            source, path = self._parent(depth=1)
            child = self._columns.model.end(source, path)
            measure = self._measures.over(child, path, filtered=0.3, functions=("COUNT", "SUM"))
            name = names.of(measure)
            where = () if measure.where else self._where(source, (0.6, 0.4), False, False)
            intent = self._rows(source, where, [(name, measure)])
        else:
            source = self._source(rows=20)
            keys = self._keys(source, names, 1, periods=0.0, fewest=_FEW)
            measure = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM"))
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
            number = Field((), self._lots.one([c for c in source.of_role("amount", "measure") if not c.lacks]))
            name = names.of(number)
            intent = self._rows(
                source,
                (),
                [*self._identified(source, names), (name, number)],
            )
        else:
            source = self._source(rows=20)
            keys = self._keys(source, names, 1, periods=0.0, fewest=_FEW)
            measure = self._measures.over(source, filtered=0.0, functions=("COUNT", "SUM"))
            name = names.of(measure, source.name)
            intent = self._grouped(source, self._where(source, (0.6, 0.4), needed=False), keys, [(name, measure)])
        average = (names.free("overall_average"), Window("RELAVG", Result(name)))
        kept = (Call(self._lots.one(["GT", "GT", "LT"]), (Result(name), Result(average[0]))),)
        intent = replace(intent, windows=(average,), kept=kept)
        if intent.level == "rows" and self._is_long(intent.source):
            first = self._ties(intent)[0]
            return self._ordered(intent, [(first, Result(first))], limit=1.0)
        return self._ordered(intent, [(name, Result(name))], limit=0.0, always=True)
