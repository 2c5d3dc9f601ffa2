"""What a query asks of the data that is to tell programs apart, table by table and column by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from utils.databases.profile import Column, DatabaseProfile, Link, Table, Value
from utils.proof.fuzzing.cells import fits
from utils.proof.fuzzing.composing import ConditionSet
from utils.proof.fuzzing.facts import Constant, QueryFacts, TableColumn
from utils.proof.fuzzing.neighbours import in_shape, near_clock, near_values
from utils.proof.fuzzing.scratch import Scratch

_MOST_COUNTED = 1_200
_MOST_LIMIT = 200


class Wishes:
    """A query's facts on one database; `pin` replaces readings of the clock in SQL by a moment."""

    def __init__(self, profile: DatabaseProfile, facts: QueryFacts, pin: Callable[[str, str | None], str]) -> None:
        self.profile = profile
        self.facts = facts
        self.scratch = Scratch(profile.dialect)
        self.tables = _parents_first(sorted(facts.tables), profile.links)
        self.links = [link for link in profile.links if link.child in facts.tables]
        self._pin = pin
        self._constants: dict[TableColumn, list[Constant]] = _grouped(facts.constants)
        self._defaults: dict[TableColumn, list[Constant]] = _grouped(facts.defaults)
        self._patterns: dict[TableColumn, list[str]] = _grouped(facts.patterns)
        self._parts: dict[TableColumn, list[str]] = _grouped(facts.parts)
        self._expressions: dict[TableColumn, list[str]] = _grouped(facts.expressions)
        self._conditions: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for table, branch, conditions in sorted(facts.conditions):
            self._conditions[table].append((branch, conditions))
        # Numbers of rows that the query may compare a group's size with, and how many rows LIMIT may ask for
        self.counts = sorted(
            {int(one) for one in facts.counts if not isinstance(one, str) and 1 < one <= _MOST_COUNTED}
        )
        self._near: dict[tuple[str, str, str | None], list[Value]] = {}
        self.most_rows = max((limit for limit in facts.limits if limit <= _MOST_LIMIT), default=0)

    def near(self, table: Table, column: Column, clock: str | None) -> Sequence[Value]:
        """The query's constants for a column, and their neighbours; those of the columns it is linked to, too."""
        key = table.name, column.name, clock
        if key not in self._near:
            self._near[key] = self._find_near(table, column, clock)
        return self._near[key]

    def _find_near(self, table: Table, column: Column, clock: str | None) -> list[Value]:
        own = (table.name.lower(), column.name.lower())
        constants = self.constants(table, column, clock)
        patterns = [one for place in [own, *self._linked_columns(*own)] for one in self._patterns.get(place, [])]
        found = near_values(column.kind, constants, patterns, self._parts.get(own, []), column.values)
        found += [one for one in self._defaults.get(own, []) if fits(column, one)]
        if clock is not None and column.kind in ("date", "timestamp"):
            found += near_clock(clock, column.kind)
        return in_shape(found, column.values) if column.kind == "text" else found

    def constants(self, table: Table, column: Column, clock: str | None) -> list[Constant]:
        """The values that the query compares a column with, or one that it is linked to."""
        own = (table.name.lower(), column.name.lower())
        found: list[Constant] = []
        for place in [own, *self._linked_columns(*own)]:
            found += self._constants.get(place, [])
            values = [self.scratch.value(self._pin(one, clock)) for one in self._expressions.get(place, [])]
            found += [value for value in values if value is not None]
        return found

    def wanted_keys(self, link: Link) -> set[Constant]:
        """Constants that the query compares a link's columns with."""
        return {
            constant
            for column, parent_column in zip(link.columns, link.parent_columns, strict=True)
            for place in ((link.child, column.lower()), (link.parent, parent_column.lower()))
            for constant in self._constants.get(place, [])
        }

    def compared(self, table: Table) -> list[tuple[str, str]]:
        """Pairs of the table's own columns that the query compares with, adds to or subtracts from one another."""
        names = {column.name.lower(): column.name for column in table.columns}
        own = table.name.lower()
        return [
            (names[left[1]], names[right[1]])
            for left, right in sorted(self.facts.pairs)
            if left[0] == own == right[0] and left[1] in names and right[1] in names
        ]

    def compared_elsewhere(self, table: Table, column: Column) -> list[TableColumn]:
        """Columns of other tables that the query compares with this one."""
        own = (table.name.lower(), column.name.lower())
        pairs = [*self.facts.pairs, *self.profile.equal_columns]
        others = {right for left, right in pairs if left == own} | {left for left, right in pairs if right == own}
        return sorted(other for other in others if other[0] != own[0])

    def is_cased(self, table: Table, column: Column) -> bool:
        """Whether the query looks at the letter case of a column."""
        return (table.name.lower(), column.name.lower()) in self.facts.cased

    def focus(self, table: Table) -> set[str]:
        """The columns whose values matter: used by the query, or part of a key or link."""
        used = {column for owner, column in self.facts.columns if owner == table.name.lower()}
        names = {column.name for column in table.columns if column.name.lower() in used}
        for key in table.unique:
            names.update(key)
        for link in self.links_from(table):
            names.update(link.columns)
        return names

    def links_from(self, table: Table) -> list[Link]:
        """Links of a child table: to parents that are built too first, those of most columns first."""
        own = [link for link in self.links if link.child == table.name.lower()]
        return sorted(own, key=lambda link: (link.parent not in self.facts.tables, -len(link.columns), link.name))

    def condition_sets(self, table: Table, hidden: set[str], clock: str | None) -> list[ConditionSet]:
        """The sets of conditions on a table, without those on `hidden` columns, which are not chosen freely."""
        quoted = [f'"{name.lower()}"' for name in hidden]
        sets: dict[tuple[str, ...], str] = {}
        for branch, conditions in self._conditions.get(table.name.lower(), []):
            open_ones = tuple(self._pin(one, clock) for one in conditions if not any(name in one for name in quoted))
            if open_ones:
                sets.setdefault(open_ones, branch)
        return [ConditionSet(branch, conditions) for conditions, branch in sets.items()]

    def _linked_columns(self, table: str, column: str) -> list[TableColumn]:
        found: list[TableColumn] = []
        for link in self.profile.links:
            for child, parent in zip(link.columns, link.parent_columns, strict=True):
                ends = (link.child, child.lower()), (link.parent, parent.lower())
                if (table, column) in ends:
                    found += [end for end in ends if end != (table, column)]
        return found


def _parents_first(tables: list[str], links: Iterable[Link]) -> list[str]:
    """Tables such that parents come before their children, as far as links are no circle."""
    parents = {name: {link.parent for link in links if link.child == name and link.parent != name} for name in tables}
    ordered: list[str] = []
    while len(ordered) < len(tables):
        open_ones = [name for name in tables if name not in ordered]
        ready = [name for name in open_ones if not parents[name] & set(open_ones)]
        ordered += ready[:1] or open_ones[:1]
    return ordered


def _grouped(found: Iterable[tuple[str, str, Any]]) -> dict[TableColumn, list[Any]]:
    grouped: dict[TableColumn, list[Any]] = defaultdict(list)
    for table, column, value in sorted(found, key=repr):
        grouped[table, column].append(value)
    return grouped
