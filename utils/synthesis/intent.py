"""The intent tree: one typed meaning that is rendered three times, as PyDough, as SQL and as an English question.

A renderer reads the tree alone, never what another has written, so that their agreement proves something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

from utils.synthesis.model import Collection, Column, Link, Value

Path = tuple[Link, ...]


@dataclass(frozen=True)
class Field:
    """A column of the row in hand, or of the row to which singular links lead; null where they lead to none."""

    path: Path
    column: Column


@dataclass(frozen=True)
class Constant:
    """A value; a "day" is an ISO date that stands for its midnight."""

    value: Value
    kind: Literal["number", "text", "day", "flag"] = "number"


@dataclass(frozen=True)
class Call:
    """A function of values of one row; null in, null out, but for PRESENT, ABSENT, DEFAULT_TO, AND, OR.

    Comparisons: EQ NE LT LE GT GE; BETWEEN (value, low, high; both ends included); IN (value, constants...);
    CONTAINS STARTSWITH ENDSWITH (value, text), LIKE (value, pattern: % is any text, _ any sign), letter case as the
    database's LIKE does it: SQLite ignores it; PRESENT ABSENT; AND OR NOT.
    Arithmetic: ADD SUB MUL DIV (as real numbers; by zero gives null), ROUND (value, digits, not negative), ABS, FLOOR,
    CEIL, SIGN, SQRT (null below zero), POWER (value, exponent), LARGEST SMALLEST (of several), INTEGER (cut towards
    zero), FLOAT.
    Texts: LOWER UPPER LENGTH, STRIP (value: of blanks, tabs and line ends), SLICE (value, start, end; constants from 0,
    end not included), JOIN (separator, texts...), REPLACE (value, old, new), STRCOUNT (value, text, not empty), FIND
    (value, text; from 0, -1 where not there), LPAD RPAD (value, length, character: constants; what is longer is cut at
    the right), GETPART (value, separator, number: constants, from 1, or -1 for the last; "" where there is no such
    part), STRING (value).
    Dates: YEAR QUARTER MONTH DAY HOUR MINUTE SECOND, DAYNAME ("Monday"), MONTHNAME ("Jan"), DAYOFWEEK (0: Monday),
    START (`option`: year, quarter, month, week (Monday) or day: the first moment of the one the value lies in), MOVED
    (value, number; `option`: days, months, years; a day that a month lacks as the database does it), DIFFERENCE (from,
    to; `option`: years, months, days, hours: boundaries of that unit crossed).
    Choice: IFF (condition, then, else), KEEP_IF (value, condition: else null), DEFAULT_TO (value, fallback).
    """

    operator: str
    arguments: tuple[Expression, ...]
    option: str = ""


@dataclass(frozen=True)
class Aggregate:
    """Over the rows to which `path` leads from the row in hand (at least one of its links is plural) that meet `where`.

    A row that the path leads to in several ways, as a link to one does from each of many rows, counts once for each.
    With an empty path over the rows of the group, or of the whole source; so it stands in columns of groups and the
    whole only. `value` is read from each such row: COUNT has none; SUM AVG MIN MAX MEDIAN STD VAR (sample) QUANTILE
    (`option`: the share) NDISTINCT ANYTHING (all values are the same) have one, and pass nulls over. Of no rows, or
    nothing but nulls, COUNT, NDISTINCT and SUM are 0, all others null.
    """

    function: str
    path: Path = ()
    where: tuple[Expression, ...] = ()
    value: Expression | None = None
    option: str = ""


@dataclass(frozen=True)
class Exists:
    """Whether `path` (plural) leads to a row that meets `where`; `negated`: to none."""

    path: Path
    where: tuple[Expression, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Best:
    """`value` of the first row, by `by`, of those to which `path` (plural) leads and that meet `where`; else null.

    `by` are (expression, descending) pairs, in total order.
    """

    path: Path
    where: tuple[Expression, ...]
    by: tuple[tuple[Expression, bool], ...]
    value: Expression


@dataclass(frozen=True)
class Result:
    """A column of the result so far, by name."""

    name: str


@dataclass(frozen=True)
class Window:
    """Over the rows of the result so far; `by` are (result, descending) pairs, in total order.

    RANKING (`option` "": 1, 2, 3; "ties": equal `by` share a place and places are skipped; "dense": none is skipped),
    PERCENTILE (`option`: number of buckets), PREV NEXT (`value` of the row `option` (1) before or after), RELSUM RELAVG
    (`value` over all rows; `option` "running": up to the row in hand; a number n: the row and the n - 1 before it; of
    nothing but nulls null), RELCOUNT (rows with a `value`), RELSIZE (all rows), both with the same options. `per`:
    names of key columns of the result within whose equal values the window stays; "parent" within the row of
    `Intent.via`'s parent; empty: over all.
    """

    function: str
    value: Expression | None = None
    by: tuple[tuple[Result, bool], ...] = ()
    per: tuple[str, ...] = ()
    option: str = ""


Expression = Field | Constant | Call | Aggregate | Exists | Best | Result | Window
Named = tuple[str, Expression]


@dataclass(frozen=True)
class Intent:
    """What is asked, step by step in this order.

    1. The rows of `source` that meet `where`; with `via` (a plural link to source) only those with a parent, and once
       for each where there are several.
    2. `level` "rows": for each row the `columns`. "groups": the rows are grouped by the `keys` (null is one, too), and
       for each group the keys and the `columns` (of Aggregates over the group's rows, and Calls of them). "whole": one
       row of `columns`. A column may name others as Results.
    3. Of these the ones that meet `having` (over Results).
    4. The `windows` are added (Calls of Results, those of windows before them too, and Windows), and those stay that
       meet `kept` (over Results).
    5. With `summary` the rows are aggregated into one: (name, function, result name or "" for COUNT of the rows); any
       function but QUANTILE.
    6. `order` ((name, descending), a total order where there is a limit) and `limit`; then the columns of `output`.

    Wherever rows are ordered, null comes before all values, descending after them.

    `family` names the shape the intent was drawn from, `theme` what a renderer into English should know of it.
    """

    family: str
    source: Collection
    level: Literal["rows", "groups", "whole"]
    output: tuple[str, ...]
    where: tuple[Expression, ...] = ()
    keys: tuple[Named, ...] = ()
    columns: tuple[Named, ...] = ()
    having: tuple[Expression, ...] = ()
    windows: tuple[Named, ...] = ()
    kept: tuple[Expression, ...] = ()
    summary: tuple[tuple[str, str, str], ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    via: Link | None = None
    theme: tuple[tuple[str, str], ...] = ()


def walk(node: Any) -> Iterator[Any]:
    """Every part of a tree, the tree itself first; columns, links and collections are not entered."""
    yield node
    if isinstance(node, tuple):
        for part in node:
            yield from walk(part)
    elif is_dataclass(node) and not isinstance(node, Collection | Column | Link):
        for one in fields(node):
            yield from walk(getattr(node, one.name))


def named(intent: Intent) -> dict[str, Expression]:
    """Every result column of an intent with what it is: keys, columns, windows."""
    return dict((*intent.keys, *intent.columns, *intent.windows))


def replaced(tree: Any, old: Any, new: Any) -> Any:
    """A tree with one of its nodes, wherever it stands, replaced."""
    if tree is old or (type(tree) is type(old) and tree == old):
        return new
    if isinstance(tree, tuple):
        return tuple(replaced(part, old, new) for part in tree)
    if is_dataclass(tree) and not isinstance(tree, Collection | Column | Link | type):
        changes = {one.name: replaced(getattr(tree, one.name), old, new) for one in fields(tree)}
        if any(changes[name] is not getattr(tree, name) for name in changes):
            return replace(tree, **changes)
    return tree
