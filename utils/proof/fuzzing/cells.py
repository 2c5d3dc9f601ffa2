"""Single values of made data: moved a step, written in a column's form, fresh ones, fillers."""

from __future__ import annotations

import datetime
import math
from collections.abc import Collection, Iterable, Sequence
from random import Random

from utils.databases.profile import Column, Value
from utils.proof.fuzzing.neighbours import parsed_moment

_BITS = 3  # after the point, so that a sum of thousands, squared, still fits
_PLAIN: dict[str, Value] = {
    "integer": 1,
    "real": 1.0,
    "boolean": 1,
    "date": "2023-01-01",
    "timestamp": "2023-01-01 00:00:00",
}


def filler(column: Column) -> Value:
    """A value for a column that the query does not look at."""
    if column.values:
        return column.values[0]
    return None if column.nullable else _PLAIN.get(column.kind, "x")


def texts_in(values: Iterable[Value]) -> list[str]:
    """The texts among values that are not empty."""
    return [value for value in values if isinstance(value, str) and value]


def fresh(column: Column, texts: Sequence[str], number: int) -> Value:
    """A value like a column's own, of which `texts` are the texts, but another one for every number."""
    if column.kind in ("integer", "real", "boolean"):
        return 100_000 + number
    if column.kind in ("date", "timestamp"):
        day = datetime.datetime(1990, 1, 1) + datetime.timedelta(days=number)
        return day.isoformat(" ") if column.kind == "timestamp" else day.date().isoformat()
    return f"{texts[number % len(texts)]}{number}" if texts else f"K{number:04}"


def adds_up(cells: Sequence[Value], kept: Collection[Value]) -> list[Value]:
    """Numbers as multiples of a power of two, so that sums and products of them are exact in any order.

    Without this, two right programs may order groups of equal sums differently, by their rounding, or find a variance
    a little below zero. `kept` stay as they are: the query compares with them.
    """
    sizes = [abs(cell) for cell in cells if isinstance(cell, float) and cell]
    if not sizes:
        return list(cells)
    unit = 2.0 ** min(max(_BITS, _BITS - math.floor(math.log2(min(sizes)))), 20)
    return [round(cell * unit) / unit if isinstance(cell, float) and cell not in kept else cell for cell in cells]


def recased(value: Value, rng: Random) -> Value:
    """A text now and then in small or in capital letters."""
    if not isinstance(value, str) or (draw := rng.random()) > 0.3:
        return value
    return value.lower() if draw < 0.2 else value.upper()


def moved(value: Value, steps: int) -> Value:
    """A number some units further, a date some days further; a text only by no step."""
    if isinstance(value, int | float):
        return value + steps
    moment = parsed_moment(value) if isinstance(value, str) else None
    if moment is None or not isinstance(value, str):
        return value if steps == 0 else None
    later = moment + datetime.timedelta(days=steps)
    return later.date().isoformat() if len(value) == 10 else later.isoformat(" ", "seconds")


def fits(column: Column, value: Value) -> bool:
    """Whether a value has the form of a column's own."""
    if column.kind == "date":
        return isinstance(value, str) and len(value) == 10
    if column.kind == "timestamp":
        return isinstance(value, str) and len(value) >= 19
    if column.kind == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if column.kind == "real":
        return isinstance(value, int | float)
    return column.kind == "text" and isinstance(value, str)


def in_form(column: Column, value: Value, rng: Random) -> Value:
    """A value as a column writes it: a date as a moment of the day, a timestamp as its date; None if it cannot."""
    moment = parsed_moment(value) if isinstance(value, str) else None
    if moment is not None and column.kind == "date":
        return moment.date().isoformat()
    if moment is not None and column.kind == "timestamp" and isinstance(value, str) and len(value) == 10:
        return f"{value} {rng.choice(('00:00:00', '09:30:00', '23:59:59'))}"
    return value if value is not None and fits(column, value) else None
