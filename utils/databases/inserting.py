"""Many rows put into a SQLite table in few statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

_MOST_ROWS = 32
_MOST_PARAMETERS = 32_000  # SQLite takes 32,766 a statement


def insert_rows(connection: sqlite3.Connection, target: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of equal width; `target` is the statement up to VALUES.

    In memory SQLite spends more time on starting a statement than on a row, so that one takes many rows.
    """
    if not rows:
        return
    width = len(rows[0])
    row = f"({', '.join('?' * width)})"
    count = max(1, min(_MOST_ROWS, _MOST_PARAMETERS // width))
    whole = len(rows) - len(rows) % count
    batches = (tuple(chain.from_iterable(rows[start : start + count])) for start in range(0, whole, count))
    connection.executemany(f"{target} VALUES {', '.join([row] * count)}", batches)
    connection.executemany(f"{target} VALUES {row}", rows[whole:])
