"""Compare two collections of canonical rows as multisets, numbers to a tolerance."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence

from utils.proof.values import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE, Cell, is_number, rows_equal

Row = tuple[Cell, ...]


def bag_difference(gold: Sequence[Row], candidate: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """(rows of gold that candidate lacks, rows of candidate that gold lacks); both empty when equal as bags.

    Rows are grouped by what must be equal exactly (text, nulls and their places). Within a group the
    very same rows pair up, then those whose numbers agree to the tolerance.
    """
    groups: dict[tuple[object, ...], tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((gold, candidate)):
        for row in rows:
            groups[tuple("#" if is_number(cell) else (cell,) for cell in row)][side].append(row)
    missing: list[Row] = []
    extra: list[Row] = []
    for left, right in groups.values():
        group_missing, group_extra = _group_difference(left, right)
        missing += group_missing
        extra += group_extra
    return missing, extra


def bags_equal(gold: Sequence[Row], candidate: Sequence[Row]) -> bool:
    """Whether both hold the same rows, each as often."""
    return len(gold) == len(candidate) and bag_difference(gold, candidate) == ([], [])


def _group_difference(left: list[Row], right: list[Row]) -> tuple[list[Row], list[Row]]:
    left_counts, right_counts = Counter(left), Counter(right)
    left, right = list((left_counts - right_counts).elements()), list((right_counts - left_counts).elements())
    columns = [index for index, cell in enumerate(left[0]) if is_number(cell)] if left and right else []
    if not columns:
        return left, right
    telling = max(columns, key=lambda column: len({row[column] for row in left}))
    return _near_difference(left, right, telling)


def _near_difference(left: list[Row], right: list[Row], column: int) -> tuple[list[Row], list[Row]]:
    """Pair rows within tolerance, in the order of a numeric column and looking only where its number is near."""

    def key(row: Row) -> tuple[float, tuple[float, ...]]:
        return _number(row[column]), tuple(_number(cell) for cell in row if is_number(cell))

    right = sorted(right, key=key)
    numbers = [_number(row[column]) for row in right]
    open_places = [True] * len(right)
    missing = []
    for row in sorted(left, key=key):
        number = _number(row[column])
        slack = 2 * max(abs(number) * RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE) if math.isfinite(number) else 0.0
        near = range(bisect_left(numbers, number - slack), bisect_right(numbers, number + slack))
        place = next((place for place in near if open_places[place] and rows_equal(row, right[place])), None)
        if place is None:
            missing.append(row)
        else:
            open_places[place] = False
    return missing, [row for row, is_open in zip(right, open_places, strict=True) if is_open]


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else math.nan
