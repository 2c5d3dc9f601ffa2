"""Compare a candidate's result with gold's: bags of rows, order where gold orders, ties understood."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise

from utils.proof.bags import Row, bag_difference, bags_equal
from utils.proof.values import Cell, cells_equal, rows_equal

_MAX_STEPS = 20_000
_SHOWN_ROWS = 2


@dataclass(frozen=True)
class Answer:
    """A query's rows and, when it orders them, how far the order binds.

    `tie_groups` are the rows in order, cut into runs of equal sort keys; the last group may hold
    more rows than the query kept, namely all that a LIMIT could have chosen from. None: no order, or not known.
    `noisy` where sort keys differ by no more than rounding makes: their order says nothing.
    """

    rows: list[Row]
    tie_groups: list[list[Row]] | None = None
    noisy: bool = False

    @property
    def limit_cuts_tie(self) -> bool:
        """Whether LIMIT had to choose among rows with equal sort keys."""
        return self.tie_groups is not None and sum(map(len, self.tie_groups)) > len(self.rows)


def same_rows(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Whether two results hold the same rows in the same order."""
    return len(left) == len(right) and all(map(rows_equal, left, right))


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


def differ_by_noise(keys: Sequence[Row]) -> bool:
    """Whether two sort keys that follow on each other are told apart by a difference that rounding may have made."""
    for before, after in pairwise(keys):
        cells = next(((one, other) for one, other in zip(before, after, strict=True) if one != other), None)
        if cells is not None and cells_equal(*cells):
            return True
    return False


WRONG_ORDER = "right rows in the wrong order"
OPEN_ORDER = "right rows, but the program leaves open an order that the question asks for"


def difference(gold: Answer, candidate: Answer, superset: bool = False) -> str:
    """What differs, in one line; empty when the candidate gives what gold gives.

    Columns are matched by position, else by a permutation that makes the values agree; with `superset` the candidate
    may have more of them. Where the candidate's ties are known, rows that it leaves in any order must be such that gold
    does, too: an order that is right by luck is none.
    """
    gold_width, width = len(gold.rows[0]) if gold.rows else 0, len(candidate.rows[0]) if candidate.rows else 0
    if gold.rows and not candidate.rows:
        return f"no rows, expected {len(gold.rows):,}"
    if gold.rows and (width < gold_width if superset else width != gold_width):
        return f"{width} columns, expected {gold_width}"
    if len(gold.rows) != len(candidate.rows):
        shown = _shown_difference(gold.rows, candidate.rows) if gold_width == width else ""
        return f"{len(candidate.rows):,} rows, expected {len(gold.rows):,}{shown}"
    if same_rows(gold.rows, candidate.rows) and (
        gold.tie_groups is None
        or candidate.tie_groups is None
        or [*map(len, gold.tie_groups)] == [*map(len, candidate.tie_groups)]
    ):
        return ""
    almost = ""
    for mapping in _column_mappings(gold, candidate.rows):
        mapped = [tuple(row[column] for column in mapping) for row in candidate.rows]
        if gold.tie_groups is None:
            if bags_equal(gold.rows, mapped):
                return ""
        elif follows(gold.tie_groups, mapped):
            if candidate.tie_groups is None or not _order_is_open(gold.tie_groups, candidate, mapping):
                return ""
            almost = OPEN_ORDER
        elif _could_have_been(gold.rows, candidate, mapping):
            almost = OPEN_ORDER
        elif bags_equal(gold.rows, mapped):
            almost = almost or WRONG_ORDER
    return almost or f"other values{_shown_difference(gold.rows, candidate.rows) if gold_width == width else ''}"


def differs_by_rounding(gold: Sequence[Row], candidate: Sequence[Row]) -> bool:
    """Whether all that differs is a last decimal, as where one engine adds decimals and the other binary fractions."""
    missing, extra = bag_difference(gold, candidate)
    return len(missing) == len(extra) and all(
        len(left) == len(right) and all(map(_same_but_for_rounding, left, right))
        for left, right in zip(sorted(missing, key=repr), sorted(extra, key=repr), strict=True)
    )


def _same_but_for_rounding(left: Cell, right: Cell) -> bool:
    if cells_equal(left, right):
        return True
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return False
    return any(
        round(left, digits) == left and round(right, digits) == right and abs(left - right) < 1.01 * 10**-digits
        for digits in range(1, 5)
    )


def follows(groups: list[list[Row]], rows: list[Row]) -> bool:
    """Whether `rows` takes from each tie group in turn, in any order, and from the last as many as there are."""
    start = 0
    for group in groups[:-1]:
        taken = rows[start : start + len(group)]
        if not (rows_equal(group[0], taken[0]) if len(group) == len(taken) == 1 else bags_equal(group, taken)):
            return False
        start += len(group)
    rest = rows[start:]
    _missing, extra = bag_difference(groups[-1], rest) if groups else ([], rest)
    return not extra


def _order_is_open(gold_groups: list[list[Row]], candidate: Answer, mapping: list[int]) -> bool:
    """Whether the candidate ties rows that gold orders, or could have kept rows at its LIMIT that gold could not."""
    kept = len(candidate.rows)
    borders = set(accumulate(len(group) for group in gold_groups[:-1]))
    start = 0
    for group in candidate.tie_groups or []:
        rows = [tuple(row[column] for column in mapping) for row in group]
        end = start + len(rows)
        if start >= kept:
            break
        several = any(not rows_equal(rows[0], row) for row in rows[1:])
        if several and any(start < border < min(end, kept) for border in borders):
            return True
        if several and end > kept and bag_difference(gold_groups[-1], rows)[1]:
            return True
        start = end
    return False


def _could_have_been(gold_rows: list[Row], candidate: Answer, mapping: list[int]) -> bool:
    """Whether gold's rows are what the candidate's order allows too, had its ties fallen otherwise."""
    if candidate.tie_groups is None:
        return False
    groups = [[tuple(row[column] for column in mapping) for row in group] for group in candidate.tie_groups]
    return any(len(group) > 1 for group in groups) and follows(groups, gold_rows)


def _column_mappings(gold: Answer, candidate: Sequence[Row]) -> Iterator[list[int]]:
    """Candidate columns in gold's order: position first, then permutations whose columns hold the same values."""
    if not gold.rows:
        yield []
        return
    width = len(gold.rows[0])
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
