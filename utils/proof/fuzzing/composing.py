"""Rows composed so that a query's conditions are met together, missed one at a time, and missed at random.

This is what modified condition/decision coverage asks of tests of a program (Chilenski and Miller 1994), here asked of
the rows of a table: every condition alone decides over some rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from utils.databases.profile import Value

Row = tuple[Value, ...]
_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class ConditionSet:
    """Conditions on one table's columns (quoted, in lower case) that hold together in a branch of the query."""

    branch: str
    conditions: tuple[str, ...]


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
        places = {name.lower(): index for index, name in enumerate(names)}
        near_at = {places[name.lower()]: values for name, values in near.items()}
        self._parts = [_parts(one, places, raw, near_at, truth) for one in sets]

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


def _parts(
    conditions: ConditionSet,
    places: Mapping[str, int],
    raw: Sequence[Row],
    near: Mapping[int, set[Value]],
    truth: Mapping[str, Sequence[Any]],
) -> list[_Part]:
    """The set's conditions grouped by the columns they bind; those that share a column stand together."""
    groups: list[tuple[set[int], list[str]]] = []
    for condition in conditions.conditions:
        columns = {places[name] for name in _QUOTED.findall(condition) if name in places}
        together = [condition]
        for other in [group for group in groups if group[0] & columns]:
            groups.remove(other)
            columns |= other[0]
            together += other[1]
        groups.append((columns, together))
    return [_part(tuple(sorted(columns)), together, raw, near, truth) for columns, together in groups if columns]


def _part(
    columns: tuple[int, ...],
    conditions: Sequence[str],
    raw: Sequence[Row],
    near: Mapping[int, set[Value]],
    truth: Mapping[str, Sequence[Any]],
) -> _Part:
    part = _Part(columns)
    seen: set[Row] = set()
    for index, row in enumerate(raw):
        cells = tuple(row[place] for place in columns)
        if cells in seen:
            continue
        seen.add(cells)
        failures = sum(not truth[one][index] for one in conditions)
        is_near = any(cell in near.get(place, ()) for place, cell in zip(columns, cells, strict=True))
        if failures == 0:
            part.meeting.append(cells)
            if is_near:
                part.meeting_near.append(cells)
        elif failures == 1 or len(columns) == 1:
            part.missing.append(cells)
            if is_near:
                part.missing_near.append(cells)
    return part
