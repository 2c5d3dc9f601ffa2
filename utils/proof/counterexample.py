"""The smallest data on which a program differs: rows are taken away as long as it still does.

Delta debugging (Zeller and Hildebrandt, Simplifying and isolating failure-inducing input, 2002) on the rows of all
tables; what is left still keeps the links' rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from utils.core.records import TableRows
from utils.databases.profile import DatabaseProfile, Link
from utils.proof.bags import Row
from utils.proof.fuzzing.facts import QueryFacts
from utils.proof.fuzzing.filling import Rows, stored_columns
from utils.proof.fuzzing.validity import remove_invalid

Tables = dict[str, Rows]
_MOST_TESTS = 600
_MOST_ROWS_SHOWN = 20


def smallest(
    tables: Tables, profile: DatabaseProfile, links: Sequence[Link], differs: Callable[[Tables], bool]
) -> Tables:
    """A part of the rows on which `differs` holds, and without any further row does not, unless that takes too long.

    `differs` must hold for `tables` themselves.
    """
    tests = 0
    best = {name: list(rows) for name, rows in tables.items()}
    size = max((len(rows) for rows in best.values()), default=1)
    while size >= 1:
        shrunk = False
        for name in sorted(best, key=lambda one: -len(best[one])):
            start = 0
            while start < len(best[name]):
                if tests >= _MOST_TESTS:
                    return best
                tests += 1
                smaller = {**best, name: best[name][:start] + best[name][start + size :]}
                remove_invalid(smaller, profile, links)
                if _count(smaller) < _count(best) and differs(smaller):
                    best, shrunk = smaller, True
                else:
                    start += size
        if size == 1 and shrunk:
            continue
        size //= 2
    return best


def _count(tables: Mapping[str, Rows]) -> int:
    return sum(map(len, tables.values()))


def shown_tables(tables: Tables, profile: DatabaseProfile, facts: QueryFacts) -> dict[str, TableRows]:
    """Tables with the columns that the queries use, and their keys, as a record."""
    shown = {}
    for name, rows in tables.items():
        table = profile.tables[name]
        used = {column for owner, column in facts.columns if owner == name}
        keys = {column for key in table.unique for column in key}
        order = stored_columns(table)
        places = [place for place, column in enumerate(order) if column.lower() in used or column in keys]
        kept = [[row[place] for place in places] for row in rows[:_MOST_ROWS_SHOWN]]
        columns = [order[place] for place in places]
        shown[table.name] = TableRows(columns=columns, rows=kept, more=max(0, len(rows) - _MOST_ROWS_SHOWN))
    return shown


def shown_answer(columns: Sequence[str], rows: Sequence[Row]) -> TableRows:
    """A query's answer as a record."""
    kept = [list(row) for row in rows[:_MOST_ROWS_SHOWN]]
    return TableRows(columns=list(columns), rows=kept, more=max(0, len(rows) - _MOST_ROWS_SHOWN))
