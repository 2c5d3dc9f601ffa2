"""Rows composed so that a query's conditions are met together, missed one at a time, and missed at random.

This is what modified condition/decision coverage asks of tests of a program (Chilenski and Miller 1994), here asked of
the rows of a table: every condition alone decides over some rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from utils.databases.profile import Value

Row = tuple[Value, ...]
_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class ConditionSet:
    """Conditions on one table's columns (quoted, in lower case) that hold together in a branch of the query."""

    branch: str
    conditions: tuple[str, ...]


class _Cells(NamedTuple):
    """Cells of some columns, the raw row that they are from, and whether a constant of the query is near."""

    values: Row
    row: int
    is_near: bool


@dataclass
class _Part:
    """Columns that conditions bind, and the cells that meet all of these conditions, and that miss one."""

    columns: tuple[int, ...]
    meeting: list[Row] = field(default_factory=list)
    missing: list[Row] = field(default_factory=list)
    meeting_near: list[Row] = field(default_factory=list)
    missing_near: list[Row] = field(default_factory=list)

    def choose(self, rng: Random, meets: bool) -> Row | None:
        """Cells that meet or miss the conditions, near the query's constants more often; None if there are none."""
        every, near = (self.meeting, self.meeting_near) if meets else (self.missing, self.missing_near)
        if near and (not every or rng.random() < (0.5 if meets else 0.7)):
            return rng.choice(near)
        return rng.choice(every) if every else None


class Composer:
    """Composes rows of one table from raw ones, by the truth of each condition on each raw row.

    `near` holds for every column the values that lie on or beside a constant of the query.
    """

    def __init__(
        self,
        names: Sequence[str],
        raw: Sequence[Row],
        near: Mapping[str, set[Value]],
        sets: Sequence[ConditionSet],
        truth: Mapping[str, Sequence[Any]],
        rng: Random,
    ) -> None:
        self._raw = raw
        self._rng = rng
        self._sets = sets
        self._truth = truth
        places = {name.lower(): index for index, name in enumerate(names)}
        self._near = {places[name.lower()]: values for name, values in near.items()}
        self._different: dict[tuple[int, ...], list[_Cells]] = {}
        self._parts = [[self._part(*group) for group in _groups(one.conditions, places)] for one in sets]

    def row(self, number: int, hits: float, near: float) -> Row:
        """A row for the set whose turn it is: one that meets it, with chance `hits`, or misses one part of it."""
        rng = self._rng
        cells = list(rng.choice(self._raw))
        draw = rng.random()
        if draw >= hits + near:
            return tuple(cells)
        parts = self._parts[number % len(self._sets)]
        missed = rng.randrange(len(parts)) if draw >= hits and parts else -1
        for index, part in enumerate(parts):
            chosen = part.choose(rng, meets=index != missed) or part.choose(rng, meets=True)
            for place, cell in zip(part.columns, chosen or (), strict=False):
                cells[place] = cell
        return tuple(cells)

    def _part(self, columns: tuple[int, ...], conditions: Sequence[str]) -> _Part:
        part = _Part(columns)
        truth = [self._truth[one] for one in conditions]
        for cells in self._different_cells(columns):
            failures = sum(not met[cells.row] for met in truth)
            if failures == 0:
                part.meeting.append(cells.values)
                if cells.is_near:
                    part.meeting_near.append(cells.values)
            elif failures == 1 or len(columns) == 1:
                part.missing.append(cells.values)
                if cells.is_near:
                    part.missing_near.append(cells.values)
        return part

    def _different_cells(self, columns: tuple[int, ...]) -> list[_Cells]:
        """The different cells of some columns, each with the first raw row that holds them."""
        if columns not in self._different:
            first: dict[Row, int] = {}
            for index, cells in enumerate(zip(*([row[place] for row in self._raw] for place in columns), strict=True)):
                first.setdefault(cells, index)
            near: list[set[Value]] = [self._near.get(place, set()) for place in columns]
            self._different[columns] = [
                _Cells(cells, index, any(cell in values for cell, values in zip(cells, near, strict=True)))
                for cells, index in first.items()
            ]
        return self._different[columns]


def _groups(conditions: Sequence[str], places: Mapping[str, int]) -> list[tuple[tuple[int, ...], list[str]]]:
    """Conditions grouped by the columns they bind; those that share a column stand together."""
    groups: list[tuple[set[int], list[str]]] = []
    for condition in conditions:
        columns = {places[name] for name in _QUOTED.findall(condition) if name in places}
        together = [condition]
        for other in [group for group in groups if group[0] & columns]:
            groups.remove(other)
            columns |= other[0]
            together += other[1]
        groups.append((columns, together))
    return [(tuple(sorted(columns)), together) for columns, together in groups if columns]
