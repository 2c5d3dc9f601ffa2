"""Which intents may be written in another way that means the same."""

from __future__ import annotations

from collections.abc import Sequence

from utils.synthesis.intent import (
    Aggregate,
    Best,
    Exists,
    Expression,
    Field,
    Intent,
    Named,
    Result,
    Window,
    replaced,
    walk,
)
from utils.synthesis.model import Collection, Link, Model


def parents_link(intent: Intent, model: Model) -> Link | None:
    """The link from what the groups are of to their rows, where each group is one such row; else None.

    Groups of transactions by customer ID are customers with transactions. PyDough 1.0.33 fails to compile a filter on
    rows that are filtered already, where a parent is asked for both.
    """
    if len(intent.keys) != 1 or intent.via is not None or any(one.per for one in _windows(intent)):
        return None
    if intent.where and any(one.where for one in walk(intent.columns) if isinstance(one, Aggregate)):
        return None
    key = intent.keys[0][1]
    way = _way_to_parent(key, intent.source) if isinstance(key, Field) and not key.column.nulls else None
    if way is None:
        return None
    back = {(there, here) for here, there in way.keys}
    found = [
        one
        for one in model.collections[way.child].plural_links
        if one.child == intent.source.name and set(one.keys) == back
    ]
    if len(found) != 1 or not isinstance(key, Field):
        return None
    column = model.collections[way.child].columns[parents_column(key, found[0])]
    return found[0] if column.unique or model.collections[way.child].key == (column.name,) else None


def _way_to_parent(key: Field, source: Collection) -> Link | None:
    """The link to the rows that a key tells apart: the key's own, or the one whose foreign key it is."""
    if key.path:
        return key.path[0] if len(key.path) == 1 and not key.path[0].optional else None
    own = [one for one in source.singular_links if [here for here, _there in one.keys] == [key.column.name]]
    return own[0] if len(own) == 1 and not own[0].optional else None


def parents_column(key: Field, link: Link) -> str:
    """What the parent, from which `link` leads to the rows, calls the key that its rows are grouped by."""
    return key.column.name if key.path else next(parent for parent, child in link.keys if child == key.column.name)


def overall_average(intent: Intent) -> Aggregate | None:
    """The average of all rows that an intent sets beside each of them; None where it is no such intent."""
    if intent.level != "rows" or len(intent.windows) != 1 or intent.having or intent.via is not None:
        return None
    window = intent.windows[0][1]
    if not isinstance(window, Window) or window != Window("RELAVG", window.value):
        return None
    value = dict(intent.columns).get(window.value.name) if isinstance(window.value, Result) else None
    return Aggregate("AVG", (), (), value) if isinstance(value, Field) and not value.path else None


def adds_up_choices(aggregate: Aggregate) -> bool:
    """Whether it is a filtered count or sum that all rows may be read for, each by its own columns alone."""
    if not aggregate.where or aggregate.function not in ("COUNT", "SUM"):
        return False
    parts = list(walk((aggregate.where, aggregate.value)))
    nested = any(isinstance(one, Aggregate | Exists | Best | Result) for one in parts)
    return not nested and not any(one.path for one in parts if isinstance(one, Field))


def in_two_steps(columns: Sequence[Named]) -> tuple[list[Named], list[Named]]:
    """Columns to work out first, and those that are worked out of them alone, by their names.

    Of the number of orders, of late ones, and what share these are, the last is a division of the others.
    """
    known = {expression: name for name, expression in columns if isinstance(expression, Aggregate)}
    first, later = [], []
    for name, expression in columns:
        named: Expression = expression
        if not isinstance(expression, Aggregate):
            for aggregate, column in known.items():
                named = replaced(named, aggregate, Result(column))
        if named == expression or any(isinstance(one, Aggregate) for one in walk(named)):
            first.append((name, expression))
        else:
            later.append((name, named))
    return first, later


def _windows(intent: Intent) -> list[Window]:
    return [one for one in walk(intent.windows) if isinstance(one, Window)]
