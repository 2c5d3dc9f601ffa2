"""What an answer must look like for its question to be worth asking, on the original database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from utils.synthesis.intent import Aggregate, Best, Call, Exists, Expression, Intent, replaced, walk

Row = tuple[Any, ...]
MOST_ROWS = 200  # nobody reads a longer answer
_DIGITS = 10  # of a number that two answers must share
_LEFT_OUT = 2  # rows that a limit must leave out at least, or nobody would set it


def problem_of(intent: Intent, answer: Callable[[Intent], Sequence[Row]]) -> str:
    """Why the question is not worth asking; "" when it is. `answer` runs an intent on the original database.

    An answer of no rows, of too many, with a column of nulls or of one value in all rows, says little; and a condition
    without which the answer is the same is idle. Numbers are the same up to the digits that depend on the order of
    adding up, which an engine with several threads leaves open: else a seed would not always draw the same.
    """

    def seen(one: Intent) -> list[Row]:
        return [tuple(map(_without_noise, row)) for row in answer(one)]

    if intent.limit is None:
        rows = seen(intent)
    else:
        rows = seen(replace(intent, limit=intent.limit + _LEFT_OUT))
        if rows and len(rows) < intent.limit + _LEFT_OUT:
            return "hardly more rows than the limit"
        rows = rows[: intent.limit]
    if poor := _poor(intent, rows):
        return poor
    for condition, without in without_each(intent):
        if sorted(map(repr, seen(without))) == sorted(map(repr, rows)):
            return f"an idle condition: {type(condition).__name__}"
    for choice, chosen in _without_choice(intent):
        if sorted(map(repr, seen(chosen))) == sorted(map(repr, rows)):
            return f"an idle choice: {choice}"
    return ""


def _without_noise(cell: Any) -> Any:
    return float(f"{cell:.{_DIGITS}g}") if isinstance(cell, float) else cell


def _poor(intent: Intent, rows: Sequence[Row]) -> str:
    """Why rows say too little to be asked for; "" when they do not."""
    if not rows:
        return "no rows"
    if len(rows) > MOST_ROWS:
        return "too many rows"
    columns = list(zip(*rows, strict=True))
    if any(all(cell is None for cell in column) for column in columns):
        return "a column of nulls"
    if len(rows) > 2 and any(len(set(column)) == 1 for column in columns):
        return "a column of one value"
    if intent.level == "groups" and not intent.summary and intent.limit is None and len(rows) == 1:
        return "one group only"
    if any(len(rows) < _classes(key) for _name, key in intent.keys):
        return "a class without rows"
    return _poor_totals(intent, rows[0]) if intent.level == "whole" else ""


def _poor_totals(intent: Intent, totals: Row) -> str:
    if all(cell in (None, 0) for cell in totals):
        return "nothing but zeros"
    known = dict(intent.columns)
    by_name = {} if intent.summary else dict(zip(intent.output, totals, strict=True))
    if any(cell == 1 and _counts_different(known.get(name)) for name, cell in by_name.items()):
        return "nothing different to count"
    return ""


def without_each(intent: Intent) -> Iterator[tuple[Expression, Intent]]:
    """For each condition, wherever it stands in the tree, and each alternative of one, the intent without it."""
    for node in walk(intent):
        if isinstance(node, Call) and node.operator == "BETWEEN":
            value, low, high = node.arguments
            yield low, replaced(intent, node, Call("LE", (value, high)))
            yield high, replaced(intent, node, Call("GE", (value, low)))
        elif (
            isinstance(node, Call)
            and node.operator in ("OR", "IN")
            and len(node.arguments) > 2 - (node.operator == "OR")
        ):
            for one in node.arguments[node.operator == "IN" :]:
                rest = tuple(other for other in node.arguments if other is not one)
                yield one, replaced(intent, node, replace(node, arguments=rest) if len(rest) > 1 else rest[0])
        if isinstance(node, Intent | Aggregate | Exists | Best):
            for name in ("where", "having", "kept"):
                conditions = getattr(node, name, ())
                for condition in conditions:
                    rest = tuple(one for one in conditions if one is not condition)
                    if isinstance(node, Exists) and not rest and len(conditions) == 1 and not _may_be_empty(node):
                        continue
                    changed: Any = replace(node, **{name: rest})  # type: ignore[arg-type]
                    yield condition, changed if isinstance(changed, Intent) else replaced(intent, node, changed)


def _without_choice(intent: Intent) -> Iterator[tuple[str, Intent]]:
    """For each larger or smaller one of several values, the intent with one of them in its place."""
    for node in walk(intent):
        if isinstance(node, Call) and node.operator in ("LARGEST", "SMALLEST"):
            for value in node.arguments:
                yield node.operator, replaced(intent, node, value)


def _classes(key: Expression) -> int:
    """How many classes a key sorts rows into; 0 where it does not."""
    if not isinstance(key, Call) or key.operator != "IFF":
        return 0
    return 1 + max(1, _classes(key.arguments[2]))


def _counts_different(column: Expression | None) -> bool:
    return isinstance(column, Aggregate) and column.function == "NDISTINCT"


def _may_be_empty(exists: Exists) -> bool:
    """Whether a test for any row at all may tell rows apart."""
    return any(link.optional for link in exists.path)
