"""Rows made into one for each group: aggregates, also those that a database lacks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from utils.synthesis.intent import Aggregate, Expression, Field, Result
from utils.synthesis.sql.calls import Scope
from utils.synthesis.sql.statement import Statement
from utils.synthesis.sql.terms import MULTIPLIED, Names, Select, Term, conjunction


class Grouped(Scope):
    """The rows of a SELECT grouped by `keys`, (name, term) pairs; without keys all of them are one group.

    Where the database lacks one of the aggregates, the rows go into a WITH query, with their place by value among the
    group's or the group's mean beside them, and the aggregates are computed from there.
    """

    def __init__(
        self,
        statement: Statement,
        rows: Scope,
        select: Select,
        keys: Sequence[tuple[str, Term]],
        aggregates: Sequence[Aggregate],
        wanted: str,
    ) -> None:
        super().__init__(statement.engine, rows.results)
        self.select = select
        self.keys = list(keys)
        self._rows = rows
        self._detail: _Detail | None = None
        if any(not self.engine.aggregates[one.function] for one in aggregates):
            self._detail = _Detail(statement, select, self.keys)
            for one in aggregates:
                self._detail.prepare(one, self._value(one))
            cte = statement.with_query(f"{wanted}_values", select)
            self.select = Select(cte)
            self.keys = [(name, Term(name)) for name, _ in keys]
        self.select.group = [term for _, term in self.keys]

    def reference(self, node: Expression) -> Term:
        """An aggregate over the rows of the group."""
        if isinstance(node, Aggregate) and not node.path:
            return self.aggregate(node)
        raise ValueError(f"has no meaning for a group: {node}")

    def aggregate(self, node: Aggregate, zero: bool = True) -> Term:
        """An aggregate of the group; `zero`: what is 0 where there is nothing shall be so here already."""
        if self._detail is not None:
            found = self._detail.aggregate(node, self._value(node), self.engine.aggregates[node.function])
        else:
            value = self._rows.term(node.value).text if node.value is not None else "*"
            text = self.engine.aggregates[node.function].format(value=value, option=node.option)
            found = Term(f"{text} FILTER (WHERE {self._condition(node)})" if node.where else text)
        return Term(f"COALESCE({found}, 0)") if zero and node.function == "SUM" else found

    def _condition(self, node: Aggregate) -> Term:
        return conjunction([self._rows.term(one) for one in node.where])

    def _value(self, node: Aggregate) -> Term | None:
        """What is aggregated, null in rows that do not count; None where all rows do."""
        value = self._rows.term(node.value) if node.value is not None else None
        if not node.where:
            return value
        return Term(f"CASE WHEN {self._condition(node)} THEN {value or 1} END")


class _Detail:
    """The columns of a WITH query of rows, from which SQLite's missing aggregates can be computed."""

    def __init__(self, statement: Statement, select: Select, keys: Sequence[tuple[str, Term]]) -> None:
        self._statement = statement
        self._select = select
        self._select.columns = [(term, name) for name, term in keys]
        self._names = Names({name for name, _ in keys})
        self._columns: dict[str, str] = {}  # names by what they hold
        self._keys = ", ".join(term.text for _, term in keys)

    def prepare(self, node: Aggregate, value: Term | None) -> None:
        """Add the columns that an aggregate needs."""
        if value is None:
            return
        of = node.value
        name = of.column.name if isinstance(of, Field) else of.name if isinstance(of, Result) else "value"
        self._add(value, name)
        if node.function in ("MEDIAN", "QUANTILE"):
            self._add(self._place(value), f"{name}_place")
            self._add(self._total(value), f"{name}_count")
        elif node.function in ("STD", "VAR"):
            self._add(self._mean(value), f"{name}_mean")

    def aggregate(self, node: Aggregate, value: Term | None, template: str) -> Term:
        """An aggregate over the WITH query's columns."""
        if value is None:
            return Term("COUNT(*)")
        name = self._columns[value.text]
        if node.function in ("STD", "VAR"):
            mean = self._columns[self._mean(value).text]
            variance = f"SUM(POWER({name} - {mean}, 2)) / NULLIF(COUNT({name}) - 1, 0)"
            return Term(f"SQRT({variance})") if node.function == "STD" else Term(variance, MULTIPLIED)
        if node.function in ("MEDIAN", "QUANTILE"):
            place, total = self._columns[self._place(value).text], self._columns[self._total(value).text]
            if node.function == "MEDIAN":
                return Term(f"AVG({name}) FILTER (WHERE 2 * {place} BETWEEN {total} AND {total} + 2)")
            share = Fraction(node.option)  # in whole numbers, so that no rounding shifts the place by one
            reached = f"{_times(share.denominator, place)} >= {_times(share.numerator, total)}"
            return Term(f"MIN({name}) FILTER (WHERE {reached})")
        return Term(template.format(value=name))

    def _add(self, term: Term, wanted: str) -> str:
        if term.text not in self._columns:
            name = self._statement.name(self._names.unique(wanted))
            self._columns[term.text] = name
            self._select.columns.append((term, name))
        return self._columns[term.text]

    def _over(self, order: str = "") -> str:
        parts = [f"PARTITION BY {self._keys}" if self._keys else "", order]
        return f"OVER ({' '.join(part for part in parts if part)})"

    def _place(self, value: Term) -> Term:
        return Term(f"ROW_NUMBER() {self._over(f'ORDER BY {value} NULLS LAST')}")

    def _total(self, value: Term) -> Term:
        return Term(f"COUNT({value}) {self._over()}")

    def _mean(self, value: Term) -> Term:
        return Term(f"AVG({value}) {self._over()}")


def _times(number: int, name: str) -> str:
    return name if number == 1 else f"{number} * {name}"
