"""What the page shows, computed from the manifest and the counts: plain values, no HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from utils.dataset.contract import MAX_TOKENS
from utils.dataset.report.outcomes import (
    LANGUAGE_SIDES,
    MEANINGS,
    PROGRAM_SIDES,
    SIDES,
    UNFIT,
    UNPROVEN,
    UNSELECTED,
)
from utils.dataset.report.summary import LEFT_OUT, Summary

RARE = 5  # an operator in fewer programs is marked as thinly covered
LANGUAGE = "language"  # the column of all answers about the language
_LEVELS = ("easy", "medium", "hard", "expert")
_LEAKS = ("question", "near_question", "program", "template", "schema")
_SHORTEST = 14  # the first bar counts rows of at most 2**(14/2) tokens
_LONGEST = 2 * (MAX_TOKENS.bit_length() - 1)


@dataclass(frozen=True)
class Reason:
    """Why rows were left out: the outcome, what it means, and how many rows."""

    outcome: str
    meaning: str
    rows: int


@dataclass(frozen=True)
class Step:
    """A step of the funnel: the rows that reach it, and those lost on the way to it."""

    title: str
    note: str
    rows: int
    lost: list[Reason]

    @property
    def rows_lost(self) -> int:
        """How many rows were lost on the way to this step."""
        return sum(reason.rows for reason in self.lost)


@dataclass(frozen=True)
class Bars:
    """Rows by one trait: for each value its counts by column; `columns` are those that have any."""

    columns: list[str]
    lines: list[tuple[str, list[int]]]

    @property
    def longest(self) -> int:
        """The rows of the value that has most."""
        return max((sum(counts) for _name, counts in self.lines), default=0)


@dataclass(frozen=True)
class Lengths:
    """Token lengths: for each bar the most tokens in it and its counts by side; and a line of figures for each side."""

    sides: list[str]
    bars: list[tuple[int | None, list[int]]]
    figures: list[tuple[str, list[int]]]  # side; its rows, median, 95th percentile, longest
    longest: int

    @property
    def highest(self) -> int:
        """The rows of the highest bar."""
        return max(sum(counts) for _most, counts in self.bars)


@dataclass(frozen=True)
class LeakCell:
    """How many rows have one like them on the other side; None where it was not counted."""

    rows: int | None
    forbidden: bool


def funnel(summary: Summary, language: bool) -> list[Step]:
    """The steps from input to files, for the questions about the language or for those about databases."""
    counts = Counter({key[1:]: rows for key, rows in summary.steps.items() if key[0] == language})
    total = counts.total()
    if not total:
        return []
    titles = [
        (UNPROVEN, "Answered", "from the manual, and past the gate")
        if language
        else (UNPROVEN, "Proven", "the program gives what the gold SQL gives, or its samples agree"),
        (UNFIT, "Kept", "unlike every other row and every benchmark, and fit for Gemini"),
        (UNSELECTED, "Written", "into the files, within the caps"),
    ]
    steps = [Step("Input", "rows read", total, [])]
    for step, title, note in titles:
        lost = _reasons((outcome, rows) for (where, outcome), rows in counts.items() if where == step)
        steps.append(Step(title, note, steps[-1].rows - sum(reason.rows for reason in lost), lost))
    return steps


def reasons(summary: Summary) -> list[Reason]:
    """Why rows were left out, most frequent first."""
    found: Counter[str] = Counter()
    for (_language, step, outcome), rows in summary.steps.items():
        if step != "written":
            found[outcome] += rows
    return _reasons(found.items())


def _reasons(counts: Iterable[tuple[str, int]]) -> list[Reason]:
    found = [Reason(outcome, MEANINGS.get(outcome, ""), rows) for outcome, rows in counts]
    return sorted(found, key=lambda reason: (-reason.rows, reason.outcome))


def bars(counted: Mapping[tuple[str, str], int], told: Mapping[str, Mapping[str, int]] | None) -> Bars:
    """Rows by a trait: as counted over the rows, else as the manifest tells."""
    found = Counter(counted)
    if not found:
        found.update({(name, side): rows for name, sides in (told or {}).items() for side, rows in sides.items()})
    joined: Counter[tuple[str, str]] = Counter()
    for (name, place), rows in found.items():
        joined[name, LANGUAGE if place in LANGUAGE_SIDES else place] += rows
    present = {place for (_name, place), rows in joined.items() if rows}
    columns = [place for place in (*PROGRAM_SIDES, LANGUAGE, LEFT_OUT) if place in present]
    lines = [(name, [joined[name, place] for place in columns]) for name in {name for name, _place in joined}]
    return Bars(columns, sorted(lines, key=_level_or_size))


def _level_or_size(line: tuple[str, list[int]]) -> tuple[int, int, str]:
    name, counts = line
    return (_LEVELS.index(name) if name in _LEVELS else len(_LEVELS), -sum(counts), name)


def lengths(summary: Summary) -> Lengths | None:
    """How long the written rows are, in bars each 1.4 times as wide as the one before; None when nobody counted."""
    sides = [side for side in SIDES if side in summary.tokens]
    if not sides:
        return None
    counts: Counter[tuple[int, str]] = Counter()
    for side in sides:
        for tokens, rows in summary.tokens[side].items():
            counts[_bar(tokens), side] += rows
    first = min(_LONGEST, *(edge for edge, _side in counts))
    last = max(_LONGEST, *(edge for edge, _side in counts))
    drawn = [
        (int(2 ** (edge / 2)) if edge <= _LONGEST else None, [counts[edge, side] for side in sides])
        for edge in range(first, last + 1)
    ]
    figures = [(side, _figures(summary.tokens[side])) for side in sides]
    return Lengths(sides, drawn, figures, max(numbers[-1] for _side, numbers in figures))


def _bar(tokens: int) -> int:
    return next((edge for edge in range(_SHORTEST, _LONGEST + 1) if tokens <= 2 ** (edge / 2)), _LONGEST + 1)


def _figures(counts: Counter[int]) -> list[int]:
    return [counts.total(), quantile(counts, 0.5), quantile(counts, 0.95), max(counts)]


def quantile(counts: Counter[int], share: float) -> int:
    """The smallest value that at least `share` of all values do not exceed."""
    rank, seen = share * counts.total(), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    raise ValueError("no values")


def leakage(told: Mapping[str, Any] | None) -> list[tuple[str, list[LeakCell]]]:
    """The leakage matrix: for each two sides a cell for each of `LEAKS`."""
    forbidden = set((told or {}).get("forbidden") or ())
    return [
        (
            " and ".join(str(side) for side in pair.get("between") or ()),
            [LeakCell(pair.get(kind), kind in forbidden) for kind in _LEAKS],
        )
        for pair in (told or {}).get("pairs") or ()
    ]


def leak_kinds() -> list[str]:
    """The columns of the leakage matrix, to read."""
    return [kind.replace("_", " ") for kind in _LEAKS]


def scalars(told: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Nested settings as a flat list of name and value.

    Example: {"lines": {"schema": "none"}, "seed": 0} gives ("lines.schema", "none"), ("seed", 0).
    """
    if isinstance(told, Mapping):
        return [item for key, value in told.items() for item in scalars(value, f"{prefix}.{key}" if prefix else key)]
    if isinstance(told, list | tuple):
        told = ", ".join(str(item) for item in told)
    return [(prefix, told)] if prefix else []


def written_by_side(summary: Summary) -> list[tuple[str, int]]:
    """How many rows each file has, in the order of the files."""
    found: Counter[str] = Counter()
    for (_language, step, outcome), rows in summary.steps.items():
        if step == "written":
            found[outcome] += rows
    return [(side, found[side]) for side in (*PROGRAM_SIDES, *LANGUAGE_SIDES) if found[side]]
