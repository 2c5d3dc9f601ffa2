"""One canonical form for what database drivers return, so that engines and types can be compared."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from utils.core.records import Cell

_MIDNIGHT_OR_FRACTION = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?\Z")
_SHORTEST_MOMENT = 19
RELATIVE_TOLERANCE = 1e-10  # rounding errors stay far below; cents in a sum of millions do not
ABSOLUTE_TOLERANCE = 1e-9


def canonical_cell(value: Any) -> Cell:
    """None, a number, or text; dates and timestamps become text, midnight becomes the bare date.

    Examples: `Decimal("5.0")` is 5.0, `True` is 1, NaN and NaT are None,
    `datetime(2023, 4, 1)` and "2023-04-01 00:00:00" are "2023-04-01"; "5" stays text.
    """
    kind = type(value)
    if kind is str:
        return _canonical_text(value)
    if kind is int:
        return value
    if value is None or value != value:  # NaN and NaT differ from themselves
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime.datetime):
        value = value.replace(tzinfo=None).isoformat(sep=" ")
    elif isinstance(value, datetime.date | datetime.time):
        value = value.isoformat()
    elif isinstance(value, bytes):
        value = value.hex()
    elif isinstance(value, list | tuple):
        value = str([canonical_cell(item) for item in value])
    return _canonical_text(str(value))


def _canonical_text(text: str) -> str:
    found = _MIDNIGHT_OR_FRACTION.match(text) if len(text) >= _SHORTEST_MOMENT and text[4] == "-" else None
    if not found:
        return text
    fraction = (found[3] or "").rstrip("0").rstrip(".")
    if found[2] == "00:00:00" and not fraction:
        return found[1]
    return f"{found[1]} {found[2]}{fraction}"


def canonical_rows(rows: Sequence[Sequence[Any]]) -> list[tuple[Cell, ...]]:
    """`canonical_cell` of every cell."""
    return [tuple(canonical_cell(value) for value in row) for row in rows]


def is_number(cell: Cell) -> bool:
    """Whether a canonical cell is a number."""
    return isinstance(cell, int | float)


def cells_equal(left: Cell, right: Cell) -> bool:
    """Equality of canonical cells: whole numbers and text exactly, other numbers to a tolerance, null only to null."""
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right or math.isclose(left, right, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    return left == right and is_number(left) == is_number(right)


def rows_equal(left: Sequence[Cell], right: Sequence[Cell]) -> bool:
    """Cell by cell, same length."""
    if left == right:
        return True
    return len(left) == len(right) and all(map(cells_equal, left, right))
