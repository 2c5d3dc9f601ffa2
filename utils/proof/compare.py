"""Compare a candidate's result with gold's: bags of rows, order where gold orders, ties understood."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from utils.proof.bags import Row, bag_difference, bags_equal
from utils.proof.values import Cell, cells_equal, rows_equal

_MAX_STEPS = 20_000
_SHOWN_ROWS = 2


@dataclass(frozen=True)
class GoldResult:
    """Gold's rows and, when it orders them, how far the order binds.

    `tie_groups` are the rows in order, cut into runs of equal sort keys; the last group may hold
    more rows than gold kept, namely all that a LIMIT could have chosen from. None: no order.
    """

    rows: list[Row]
    tie_groups: list[list[Row]] | None = None


def tie_groups(rows: Sequence[Row], keys: Sequence[Row]) -> list[list[Row]]:
    """Cut ordered rows into runs whose sort keys are equal."""
    groups: list[list[Row]] = []
    previous: Row | None = None
    for row, key in zip(rows, keys, strict=True):
        if previous is not None and rows_equal(previous, key):
            groups[-1].append(row)
        else:
            groups.append([row])
        previous = key
    return groups


def difference(gold: GoldResult, candidate: Sequence[Row]) -> str:
    """What differs, in one line; empty when the candidate gives what gold gives.

    Columns are matched by position, else by a permutation that makes the values agree.
    """
    gold_width, width = len(gold.rows[0]), len(candidate[0]) if candidate else 0
    if not candidate:
        return f"no rows, expected {len(gold.rows):,}"
    if gold_width != width:
        return f"{width} columns, expected {gold_width}"
    if len(gold.rows) != len(candidate):
        return f"{len(candidate):,} rows, expected {len(gold.rows):,}{_shown_difference(gold.rows, candidate)}"
    wrong_order = False
    for mapping in _column_mappings(gold, candidate):
        mapped = [tuple(row[column] for column in mapping) for row in candidate]
        if gold.tie_groups is None:
            if bags_equal(gold.rows, mapped):
                return ""
        elif follows(gold.tie_groups, mapped):
            return ""
        else:
            wrong_order = wrong_order or bags_equal(gold.rows, mapped)
    if wrong_order:
        return "right rows in the wrong order"
    return f"other values{_shown_difference(gold.rows, candidate)}"


def follows(groups: list[list[Row]], rows: list[Row]) -> bool:
    """Whether `rows` takes from each tie group in turn, in any order, and from the last as many as there are."""
    start = 0
    for group in groups[:-1]:
        if not bags_equal(group, rows[start : start + len(group)]):
            return False
        start += len(group)
    rest = rows[start:]
    _missing, extra = bag_difference(groups[-1], rest)
    return not extra


def _column_mappings(gold: GoldResult, candidate: Sequence[Row]) -> Iterator[list[int]]:
    """Candidate columns in gold's order: position first, then permutations whose columns hold the same values."""
    width = len(candidate[0])
    yield list(range(width))
    # Where a LIMIT cuts a tie, gold could have chosen other rows too, and the candidate may hold some of them.
    pool = gold.rows if gold.tie_groups is None else [row for group in gold.tie_groups for row in group]
    gold_columns, columns = list(zip(*pool, strict=True)), list(zip(*candidate, strict=True))
    choices = [[j for j, column in enumerate(columns) if _holds(gold, column)] for gold in gold_columns]
    twins = [columns.index(column) for column in columns]
    for mapping in islice(_assignments(choices, twins, []), _MAX_STEPS):
        if len(mapping) == width and mapping != list(range(width)):
            yield mapping


def _holds(gold: Sequence[Cell], column: Sequence[Cell]) -> bool:
    """Whether a gold column holds all cells of a candidate's, each at least as often."""
    values = set(gold)
    numbers = sorted(cell for cell in values if isinstance(cell, int | float))
    for cell in column:  # most columns that are not gold's give themselves away at once
        if cell in values:
            continue
        place = bisect_left(numbers, cell) if isinstance(cell, int | float) else 0
        if not isinstance(cell, int | float) or not any(
            cells_equal(cell, n) for n in numbers[max(place - 1, 0) : place + 1]
        ):
            return False
    return not bag_difference([(cell,) for cell in gold], [(cell,) for cell in column])[1]


def _assignments(choices: list[list[int]], twins: list[int], chosen: list[int]) -> Iterator[list[int]]:
    """Every step of a search for one column each, whole ones and beginnings, so that a long search can be ended.

    `twins` names for every column the first with the very same cells: of those, one is tried.
    """
    yield chosen
    if len(chosen) == len(choices):
        return
    tried: set[int] = set()
    for column in choices[len(chosen)]:
        if column not in chosen and twins[column] not in tried:
            tried.add(twins[column])
            yield from _assignments(choices, twins, [*chosen, column])


def _shown_difference(gold: Sequence[Row], candidate: Sequence[Row]) -> str:
    missing, extra = bag_difference(gold, candidate)
    parts = []
    if missing:
        parts.append(f"expected but not given: {_shown(missing, extra)}")
    if extra:
        parts.append(f"given but not expected: {_shown(extra, missing)}")
    return "; " + "; ".join(parts) if parts else ""


def _shown(rows: list[Row], others: list[Row]) -> str:
    """A few rows, those first that are nearest to some row of the other side."""

    def distance(row: Row) -> int:
        return min((_differing_cells(row, other) for other in others[:50]), default=0)

    shown = sorted(rows[:50], key=distance)[:_SHOWN_ROWS]
    more = f" and {len(rows) - len(shown):,} more" if len(rows) > len(shown) else ""
    return ", ".join(repr(row) for row in shown) + more


def _differing_cells(left: Row, right: Row) -> int:
    if len(left) != len(right):
        return max(len(left), len(right))
    return sum(not cells_equal(a, b) for a, b in zip(left, right, strict=True))
