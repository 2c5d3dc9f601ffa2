"""Run queries and read their answers: canonical rows, and where ties are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from sqlglot import exp

from utils.databases.connect import Dialect
from utils.databases.profile import DatabaseProfile
from utils.programs.clock import pin_clock
from utils.proof.bags import Row
from utils.proof.compare import Answer, differ_by_noise, follows, tie_groups
from utils.proof.fuzzing.facts import QueryFacts, query_facts
from utils.proof.gold import KeyedQuery, NotAQueryError, keyed_query, orders_by_text, orders_rows, parse_query

Run = Callable[[str], list[Row]]  # runs SQL and gives canonical rows
_ANOTHER_MOMENT = "2001-02-03 04:05:06"


@dataclass
class Query:
    """One SQL query, with its readings of the clock, and what is read off it once.

    Reading `parsed`, or what may need it, raises NotAQueryError when the SQL is no single SELECT.
    """

    sql: str
    dialect: Dialect
    _facts: dict[int, QueryFacts] = field(default_factory=dict, repr=False)

    @cached_property
    def parsed(self) -> exp.Query:
        """The syntax tree."""
        return parse_query(self.sql, self.dialect)

    @cached_property
    def columns(self) -> list[str]:
        """The names of the answer's columns; none where the SQL cannot be parsed."""
        try:
            return [one.alias_or_name or one.sql()[:30] for one in self.parsed.selects]
        except NotAQueryError:
            return []

    @cached_property
    def orders(self) -> bool:
        """Whether the outermost query states an order."""
        seen = orders_by_text(self.sql)
        return orders_rows(self.parsed) if seen is None else seen

    @cached_property
    def keyed(self) -> KeyedQuery | None:
        """The query with its sort keys as columns; None where it states no order, or they cannot be shown."""
        return keyed_query(self.parsed, self.dialect) if self.orders else None

    @cached_property
    def reads_clock(self) -> bool:
        """Whether the answer may depend on the moment at which the query runs."""
        return pin_clock(self.sql, self.dialect, _ANOTHER_MOMENT) != self.sql

    def check(self, thoroughly: bool) -> None:
        """Raise NotAQueryError where the SQL is no single SELECT; without parsing it unless `thoroughly`."""
        _ = self.parsed if thoroughly else self.orders

    def facts(self, profile: DatabaseProfile) -> QueryFacts:
        """What made data must be built around."""
        if id(profile) not in self._facts:
            self._facts[id(profile)] = query_facts(self.parsed, profile, self.dialect)
        return self._facts[id(profile)]

    def at(self, clock: str | None) -> str:
        """The SQL with its clock standing at a moment."""
        return pin_clock(self.sql, self.dialect, clock)

    def answer(self, run: Run, clock: str | None) -> Answer:
        """Run it, without looking for ties."""
        return Answer(run(self.at(clock)))

    def with_ties(self, run: Run, clock: str | None, rows: list[Row]) -> Answer:
        """The answer `rows` with its ties; each row alone where they cannot be known, which is stricter."""
        if not self.orders:
            return Answer(rows)
        groups = self._tie_groups(run, clock, rows)
        return Answer(rows, groups if groups is not None else [[row] for row in rows])

    def ordered_answer(self, run: Run, clock: str | None) -> Answer:
        """Run it with its sort keys shown: rows and ties at once; ties None where they cannot be known."""
        limit = self.limit
        if self.keyed is None or limit is None:
            return Answer(run(self.at(clock)))
        table = run(pin_clock(self.keyed.sql, self.dialect, clock))
        width = len(table[0]) - self.keyed.keys if table else 0
        rows = [row[:width] for row in table][self.keyed.offset :]
        keys = [row[width:] for row in table][self.keyed.offset :]
        kept = rows[:limit] if limit else rows
        return Answer(kept, _groups_of_kept_rows(tie_groups(rows, keys), 0, len(kept)), differ_by_noise(keys))

    @cached_property
    def limit(self) -> int | None:
        """The number in LIMIT: 0 when there is none, None when it is not a plain number."""
        clause = self.parsed.args.get("limit")
        if clause is None:
            return 0
        value = clause.expression
        return int(value.this) if isinstance(value, exp.Literal) and value.is_int else None

    def _tie_groups(self, run: Run, clock: str | None, rows: list[Row]) -> list[list[Row]] | None:
        """Rows cut into ties, the last group with all that LIMIT chose from; None if unknown."""
        if self.keyed is None or not rows:
            return None
        try:
            table = run(pin_clock(self.keyed.sql, self.dialect, clock))
        except MemoryError:
            raise
        except Exception:  # the rewritten query is ours: where an engine refuses it, the query's own row order binds
            return None
        width = len(rows[0])
        groups = tie_groups([row[:width] for row in table], [row[width:] for row in table])
        kept = _groups_of_kept_rows(groups, self.keyed.offset, len(rows))
        return kept if kept is not None and follows(kept, rows) else None


def proves_something(rows: list[Row]) -> bool:
    """Whether an answer holds a row and, in some row, a value."""
    return any(cell is not None for row in rows for cell in row)


def _groups_of_kept_rows(groups: list[list[Row]], offset: int, count: int) -> list[list[Row]] | None:
    """The groups that rows offset .. offset+count fall into; None when the offset cuts a tie."""
    start = 0
    kept: list[list[Row]] = []
    for group in groups:
        if start >= offset + count:
            break
        if start >= offset:
            kept.append(group)
        elif start + len(group) > offset:
            return None
        start += len(group)
    return kept
