"""Compare two collections of canonical rows as multisets, numbers to a tolerance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from utils.proof.values import Cell, is_number, rows_equal

Row = tuple[Cell, ...]
_GREEDY_LIMIT = 2_000  # rows that share all their text; beyond it only the sorted comparison is tried


def bag_difference(gold: Sequence[Row], candidate: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """(rows of gold that candidate lacks, rows of candidate that gold lacks); both empty when equal as bags.

    Rows are grouped by what must be equal exactly (text, nulls and their places); within a group
    sorted numbers are compared pair by pair, and, where rounding changed the sorting, matched greedily.
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
    left, right = sorted(left, key=_sort_key), sorted(right, key=_sort_key)
    if len(left) == len(right) and all(rows_equal(a, b) for a, b in zip(left, right, strict=True)):
        return [], []
    if max(len(left), len(right)) > _GREEDY_LIMIT:
        return _exact_difference(left, right)
    missing = []
    for row in left:
        partner = next((index for index, other in enumerate(right) if rows_equal(row, other)), None)
        if partner is None:
            missing.append(row)
        else:
            right.pop(partner)
    return missing, right


def _exact_difference(left: list[Row], right: list[Row]) -> tuple[list[Row], list[Row]]:
    """Walk two sorted lists side by side; rows within tolerance pair up."""
    missing, extra = [], []
    i = j = 0
    while i < len(left) and j < len(right):
        if rows_equal(left[i], right[j]):
            i, j = i + 1, j + 1
        elif _sort_key(left[i]) < _sort_key(right[j]):
            missing.append(left[i])
            i += 1
        else:
            extra.append(right[j])
            j += 1
    return missing + left[i:], extra + right[j:]


def _sort_key(row: Row) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Numbers rounded, so that what differs within tolerance sorts alike, then as they are."""
    numbers = tuple(float(cell) for cell in row if isinstance(cell, int | float))
    return tuple(float(f"{round(number, 8):.8g}") for number in numbers), numbers
