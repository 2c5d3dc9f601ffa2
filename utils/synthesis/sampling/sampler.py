"""Draws an intent: a shape, a collection that fits it, and what is asked of its rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from utils.synthesis.intent import Aggregate, Best, Call, Exists, Expression, Field, Intent, walk
from utils.synthesis.model import Column, Model
from utils.synthesis.sampling.columns import Columns
from utils.synthesis.sampling.conditions import Conditions
from utils.synthesis.sampling.group_families import GroupFamilies
from utils.synthesis.sampling.lots import Lots, NothingFitsError
from utils.synthesis.sampling.measures import Measures
from utils.synthesis.sampling.row_families import RowFamilies
from utils.synthesis.sampling.total_families import TotalFamilies
from utils.synthesis.sampling.value_families import ValueFamilies

FAMILIES: Mapping[str, float] = {
    "list": 15, "per_parent": 16, "groups": 20, "whole": 10, "share": 5, "rank": 6, "change": 5, "running": 3,
    "above_average": 5, "best": 4, "presence": 6, "two_level": 5, "bucket": 3, "text": 1.5, "gap": 2, "compare": 5,
    "computed": 1, "filled": 1.5, "dated": 1.5, "parts": 1, "out_of": 1, "attribute": 4,
}  # fmt: skip


class Sampler:
    """Intents over a model, all from one seed."""

    def __init__(self, model: Model, seed: int) -> None:
        self._lots = Lots(random.Random(seed))
        columns = Columns(model, self._lots)
        conditions = Conditions(columns, self._lots)
        measures = Measures(columns, conditions, self._lots)
        pieces = columns, conditions, measures, self._lots
        rows, groups, totals = RowFamilies(*pieces), GroupFamilies(*pieces), TotalFamilies(*pieces)
        values = ValueFamilies(*pieces)
        self._draws: dict[str, Callable[[], Intent]] = {
            "list": rows.listed,
            "text": rows.text,
            "gap": rows.gap,
            "per_parent": rows.per_parent,
            "presence": rows.presence,
            "best": rows.best,
            "groups": groups.groups,
            "compare": groups.compare,
            "share": groups.share,
            "rank": groups.rank,
            "bucket": groups.bucket,
            "change": groups.change,
            "running": groups.running,
            "whole": totals.whole,
            "two_level": totals.two_level,
            "above_average": totals.above_average,
            "computed": values.computed,
            "filled": values.filled,
            "dated": values.dated,
            "parts": values.parts,
            "out_of": values.out_of,
            "attribute": values.attribute,
        }

    def draw(self, weights: Mapping[str, float] = FAMILIES) -> Intent | None:
        """One intent of a family drawn by weight; None where what was drawn does not fit the model."""
        family = self._lots.weighted(weights)
        try:
            intent = self._draws[family]()
        except NothingFitsError:
            return None
        return None if _goes_back(intent) or _asks_what_it_says(intent) else replace(intent, family=family)


def _goes_back(intent: Intent) -> bool:
    """Whether rows that refer to others are asked for something of those: it is the same for all of them."""
    return any(
        link.child in {one.parent for one in node.path}
        for node in walk(intent)
        if isinstance(node, Aggregate | Exists | Best)
        for field in walk(node)
        if isinstance(field, Field)
        for link in field.path
    )


def _asks_what_it_says(intent: Intent) -> bool:
    """Whether rows are grouped by something that a condition fixes or cuts; the parts of one year are fine."""
    measured = (node.where for node in walk(intent.columns) if isinstance(node, Aggregate))
    conditions = [condition for where in (intent.where, *measured) for condition in where]
    keys = {node.column for node in walk(intent.keys) if isinstance(node, Field)}
    shown = _measured(intent) | _decides(intent)
    if shown & (keys | {node.column for node in walk(tuple(conditions)) if isinstance(node, Field)}):
        return True
    by_year = any(isinstance(node, Call) and node.operator == "YEAR" for node in walk(intent.keys))
    return any(
        node.column in keys
        for condition in conditions
        if by_year or not _is_year(condition)
        for node in walk(condition)
        if isinstance(node, Field)
    )


def _measured(intent: Intent) -> set[Column]:
    """The columns that are averaged, added up or told apart."""
    values = [
        node.value for node in walk(intent.columns) if isinstance(node, Aggregate) and node.function != "ANYTHING"
    ]
    return {node.column for node in walk(tuple(values)) if isinstance(node, Field)}


def _decides(intent: Intent) -> set[Column]:
    """The number that decides which rows come first."""
    first = dict(intent.columns).get(intent.order[0][0]) if intent.order and intent.limit else None
    return {first.column} if isinstance(first, Field) and first.column.role in ("amount", "measure") else set()


def _is_year(condition: Expression) -> bool:
    """Whether it keeps the dates of one year."""
    if not isinstance(condition, Call) or condition.operator != "EQ":
        return False
    part = condition.arguments[0]
    return isinstance(part, Call) and part.operator == "YEAR"
