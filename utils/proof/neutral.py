"""Instances without one feature: where both queries then agree, the feature is the reason of their difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from utils.databases.profile import Permission, Table, Value
from utils.proof.fuzzing.filling import Rows, stored_columns
from utils.proof.fuzzing.neighbours import parsed_moment
from utils.proof.fuzzing.validity import remove_invalid
from utils.proof.fuzzing.wishes import Wishes
from utils.proof.instances import Instance
from utils.proof.settings import Reason

Tables = dict[str, Rows]
_NEVER = Permission(False, "flag")


def neutral_versions(instance: Instance, wishes: Wishes) -> Iterator[tuple[tuple[Reason, ...], Tables]]:
    """(reasons, tables without these features): each feature alone, then every two of them together."""
    features: dict[Reason, Callable[[Tables], Tables]] = {
        "childless_parents": lambda tables: _without_childless(tables, wishes),
        "unmatched_keys": lambda tables: _without_unmatched(tables, wishes),
        "nulls": lambda tables: _without_nulls(tables, wishes),
        "case": lambda tables: _in_one_case(tables, wishes),
        "boundary": lambda tables: _off_boundaries(tables, wishes, instance.clock),
        "shared_names": lambda tables: _with_own_names(tables, wishes),
    }
    alone: dict[Reason, Tables] = {}
    for reason, without in features.items():
        tables = without(instance.tables)
        if tables != instance.tables:
            alone[reason] = tables
            yield (reason,), tables
    names = list(alone)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            yield (first, second), features[second](alone[first])


def _copied(tables: Mapping[str, Rows]) -> Tables:
    return {name: list(rows) for name, rows in tables.items()}


def _without_childless(tables: Tables, wishes: Wishes) -> Tables:
    rows = _copied(tables)
    remove_invalid(rows, wishes.profile, [replace(link, childless_parents=_NEVER) for link in wishes.links])
    return rows


def _without_unmatched(tables: Tables, wishes: Wishes) -> Tables:
    rows = _copied(tables)
    for link in wishes.links:
        if link.child in rows:
            order = stored_columns(wishes.profile.tables[link.child])
            places = [order.index(name) for name in link.columns]
            rows[link.child] = [row for row in rows[link.child] if all(row[place] is not None for place in places)]
    remove_invalid(rows, wishes.profile, [replace(link, unmatched_keys=_NEVER) for link in wishes.links])
    return rows


def _without_nulls(tables: Tables, wishes: Wishes) -> Tables:
    rows = _copied(tables)
    for name, places in _looked_at(tables, wishes):
        rows[name] = [row for row in rows[name] if all(row[place] is not None for place in places)]
    remove_invalid(rows, wishes.profile, wishes.links)
    return rows


def _in_one_case(tables: Tables, wishes: Wishes) -> Tables:
    """Texts that differ in letter case only become one: as the original spells it, else as the query does."""
    spelling: dict[str, str] = {}
    original = [value for name in tables for column in wishes.profile.tables[name].columns for value in column.values]
    for value in [*original, *(value for _, _, value in sorted(wishes.facts.constants, key=repr))]:
        if isinstance(value, str):
            spelling.setdefault(value.lower(), value)

    def one_case(value: Value) -> Value:
        return spelling.setdefault(value.lower(), value) if isinstance(value, str) else value

    keyed = {name: _key_places(wishes.profile.tables[name]) for name in tables}
    return {
        name: [
            tuple(cell if place in keyed[name] else one_case(cell) for place, cell in enumerate(row)) for row in rows
        ]
        for name, rows in tables.items()
    }


def _off_boundaries(tables: Tables, wishes: Wishes, clock: str | None) -> Tables:
    """Without rows that hold a number or a day that the query compares with."""
    rows = _copied(tables)
    for name, places in _looked_at(tables, wishes):
        table = wishes.profile.tables[name]
        order = stored_columns(table)
        for place in places:
            column = table.column(order[place])
            if column.kind not in ("integer", "real", "date", "timestamp"):
                continue
            ends = {_end(value) for value in wishes.constants(table, column, clock)}
            rows[name] = [row for row in rows[name] if row[place] is None or _end(row[place]) not in ends]
    remove_invalid(rows, wishes.profile, wishes.links)
    return rows


def _end(value: Value) -> Value:
    moment = parsed_moment(value) if isinstance(value, str) else None
    return moment.date().isoformat() if moment else value


def _with_own_names(tables: Tables, wishes: Wishes) -> Tables:
    """Texts that several rows of a parent table share become different, but for those that the query looks for."""
    rows = _copied(tables)
    parents = {link.parent for link in wishes.links}
    sought = {(table, column) for table, column, _ in [*wishes.facts.constants, *wishes.facts.patterns]}
    for name, places in _looked_at(tables, wishes):
        table = wishes.profile.tables[name]
        order = stored_columns(table)
        for place in places:
            column = table.column(order[place])
            if name not in parents or column.kind != "text" or (name, column.name.lower()) in sought:
                continue
            seen: Counter[Value] = Counter()
            renamed = []
            for row in rows[name]:
                cell = row[place]
                seen[cell] += 1
                own = f"{cell} {seen[cell]}" if isinstance(cell, str) and seen[cell] > 1 else cell
                renamed.append((*row[:place], own, *row[place + 1 :]))
            if place not in _key_places(table):
                rows[name] = renamed
    return rows


def _looked_at(tables: Tables, wishes: Wishes) -> Iterator[tuple[str, list[int]]]:
    """For every table the places of the columns that the query uses."""
    for name in tables:
        order = [one.lower() for one in stored_columns(wishes.profile.tables[name])]
        used = {column for table, column in wishes.facts.columns if table == name}
        yield name, [place for place, column in enumerate(order) if column in used]


def _key_places(table: Table) -> set[int]:
    order = stored_columns(table)
    return {order.index(name) for key in table.unique for name in key if name in order}
