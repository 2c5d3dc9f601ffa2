"""What can be said of an expression without running it: its kind, whether it may be null, which links it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from utils.synthesis.intent import (
    Aggregate,
    Best,
    Call,
    Constant,
    Exists,
    Expression,
    Field,
    Path,
    Result,
    Window,
)

Kind = Literal["number", "text", "flag", "day", "moment"]
Definitions = Mapping[str, Expression]  # what each result column is

COMPARISONS = ("EQ", "NE", "LT", "LE", "GT", "GE", "BETWEEN", "IN")
_SEARCHES = ("CONTAINS", "STARTSWITH", "ENDSWITH", "LIKE")
_FLAGS = (*COMPARISONS, *_SEARCHES, "PRESENT", "ABSENT", "AND", "OR", "NOT")
_TEXTS = ("LOWER", "UPPER", "STRIP", "SLICE", "JOIN", "REPLACE", "LPAD", "RPAD", "GETPART", "STRING")
_NAMES = ("DAYNAME", "MONTHNAME")
_LIKE_AN_ARGUMENT = ("LARGEST", "SMALLEST", "DEFAULT_TO", "KEEP_IF", "IFF", "MOVED")
_OF_VALUE = ("MIN", "MAX", "QUANTILE", "ANYTHING", "PREV", "NEXT")
_NUMBERED = ("RANKING", "PERCENTILE", "RELCOUNT", "RELSIZE")
_NULL_FOR_SOME = ("DIV", "SQRT", "KEEP_IF")  # even where no argument is null
ZERO_OF_NOTHING = ("COUNT", "SUM", "NDISTINCT")


def kind_of(node: Expression, results: Definitions) -> Kind:
    """The kind of an expression's values; a "day" is a date without a time of day."""
    match node:
        case Field(_, column):
            return ("moment" if column.time else "day") if column.kind == "date" else column.kind
        case Constant(value, kind):
            return "flag" if isinstance(value, bool) else kind
        case Result(name):
            return kind_of(results[name], results)
        case Exists():
            return "flag"
        case Best(value=value):
            return kind_of(value, results)
        case Aggregate(function, value=value) | Window(function, value=value):
            return kind_of(value, results) if function in _OF_VALUE and value is not None else "number"
        case Call(operator, arguments):
            if operator in _LIKE_AN_ARGUMENT:
                values = arguments[1:] if operator == "IFF" else arguments
                kinds = [kind_of(one, results) for one in values]
                return "moment" if "moment" in kinds else kinds[0]
            if operator == "START":
                return "day"
            return "flag" if operator in _FLAGS else "text" if operator in (*_TEXTS, *_NAMES) else "number"


def may_be_null(node: Expression, results: Definitions) -> bool:
    """Whether an expression can be null, as far as the model's columns and links tell."""
    match node:
        case Field(path, column):
            return column.nulls or any(link.optional for link in path)
        case Constant() | Exists():
            return False
        case Result(name):
            return may_be_null(results[name], results)
        case Aggregate(function):
            return function not in ZERO_OF_NOTHING
        case Window(function):
            return function not in _NUMBERED
        case Best():
            return True
        case Call(operator, arguments):
            if operator in ("PRESENT", "ABSENT"):
                return False
            if operator == "DEFAULT_TO":
                return all(may_be_null(one, results) for one in arguments)
            values = arguments[1:] if operator == "IFF" else arguments
            return operator in _NULL_FOR_SOME or any(may_be_null(one, results) for one in values)


def is_real(node: Expression, results: Definitions) -> bool:
    """Whether SQLite surely holds a value as a real number, so that dividing it does not cut to whole numbers."""
    match node:
        case Constant(value):
            return isinstance(value, float)
        case Result(name):
            return is_real(results[name], results)
        case Aggregate(function) | Window(function):
            return function in ("AVG", "STD", "VAR", "MEDIAN", "RELAVG")
        case Call(operator, arguments):
            if operator in ("ADD", "SUB", "MUL"):
                return any(is_real(one, results) for one in arguments)
            return operator in ("DIV", "FLOAT", "SQRT", "POWER", "ROUND")
    return False


def outermost(nodes: Iterable[Expression]) -> Iterator[Expression]:
    """The parts of expressions that belong to the row in hand: those of its children's rows are not entered."""
    for node in nodes:
        yield node
        if isinstance(node, Call):
            yield from outermost(node.arguments)
        elif isinstance(node, Window):
            yield from outermost([*([node.value] if node.value else []), *(result for result, _ in node.by)])


def resolved(node: Expression, results: Definitions) -> Expression:
    """An expression with what stands behind the names of results in their place."""
    if isinstance(node, Result):
        return resolved(results[node.name], results)
    if isinstance(node, Call):
        return Call(node.operator, tuple(resolved(one, results) for one in node.arguments), node.option)
    return node


def needed_links(conditions: Iterable[Expression]) -> set[Path]:
    """The paths that must lead to a row wherever all conditions hold: an inner join does no harm there."""
    return {path[:length] for node in conditions for path in _needed(node) for length in range(1, len(path) + 1)}


def _needed(condition: Expression) -> Iterator[Path]:
    if isinstance(condition, Field):
        yield from _nulling(condition)
    elif isinstance(condition, Call) and condition.operator == "AND":
        for part in condition.arguments:
            yield from _needed(part)
    elif isinstance(condition, Call) and condition.operator == "NOT":
        denied = condition.arguments[0]
        if isinstance(denied, Call) and denied.operator in (*COMPARISONS, *_SEARCHES):
            yield from _nulling(denied.arguments[0])
    elif isinstance(condition, Call) and condition.operator in (*COMPARISONS, *_SEARCHES, "PRESENT"):
        for argument in condition.arguments:
            yield from _nulling(argument)


def _nulling(value: Expression) -> Iterator[Path]:
    """The paths without whose row a value is null."""
    if isinstance(value, Field):
        yield value.path
    elif isinstance(value, Call) and value.operator == "KEEP_IF":
        yield from _nulling(value.arguments[0])
    elif isinstance(value, Call) and value.operator not in (*_FLAGS, "DEFAULT_TO", "IFF"):
        for argument in value.arguments:
            yield from _nulling(argument)
