"""Shapes of trees that people have a word for: a percentage, a rounding, a share of all, a change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from utils.synthesis.intent import Aggregate, Best, Call, Constant, Exists, Expression, Field, Path, Window

T = TypeVar("T", bound=Expression)


def rounding(expression: Expression) -> tuple[Expression, int | None]:
    """What is rounded and to how many digits; None where nothing is."""
    if isinstance(expression, Call) and expression.operator == "ROUND":
        digits = expression.arguments[1] if len(expression.arguments) > 1 else Constant(0)
        return expression.arguments[0], int(digits.value) if isinstance(digits, Constant) else 0
    return expression, None


def percentage(expression: Expression) -> tuple[Expression, Expression] | None:
    """Part and whole of a percentage: 100 * part / whole, however it is written."""
    if not isinstance(expression, Call) or len(expression.arguments) != 2:
        return None
    first, second = expression.arguments
    if expression.operator == "MUL":
        for one, other in ((first, second), (second, first)):
            if is_number(one, 100) and isinstance(other, Call) and other.operator == "DIV":
                return other.arguments[0], other.arguments[1]
    if expression.operator == "DIV" and isinstance(first, Call) and first.operator == "MUL":
        for one, other in (first.arguments, first.arguments[::-1]):
            if is_number(one, 100):
                return other, second
    return None


def is_number(expression: Expression, number: float) -> bool:
    """Whether it is this constant."""
    return isinstance(expression, Constant) and not isinstance(expression.value, str) and expression.value == number


def less_rate(expression: Expression) -> tuple[Expression, Expression, str] | None:
    """Amount, rate and "SUB" or "ADD" of amount * (1 - rate) or amount * (1 + rate)."""
    if not isinstance(expression, Call) or expression.operator != "MUL":
        return None
    for amount, factor in (expression.arguments, expression.arguments[::-1]):
        if isinstance(factor, Call) and factor.operator in ("SUB", "ADD") and is_number(factor.arguments[0], 1):
            return amount, factor.arguments[1], factor.operator
    return None


def extra_conditions(part: Expression, whole: Expression) -> tuple[Expression, ...]:
    """What `part` asks beyond `whole`, where both measure the same rows in the same way; else nothing."""
    if not isinstance(part, Aggregate) or not isinstance(whole, Aggregate):
        return ()
    if replace(part, where=()) != replace(whole, where=()) or not set(whole.where) < set(part.where):
        return ()
    return tuple(one for one in part.where if one not in whole.where)


def leaves(conditions: Iterable[Expression]) -> Iterator[Expression]:
    """Conditions with those that AND joins apart."""
    for one in conditions:
        if isinstance(one, Call) and one.operator == "AND":
            yield from leaves(one.arguments)
        else:
            yield one


def split_path(path: Path) -> tuple[Path, Path]:
    """A path as far as its last plural link, and the singular rest."""
    last = max((index for index, link in enumerate(path) if not link.singular), default=-1)
    return path[: last + 1], path[last + 1 :]


def moved(expression: T, path: Path) -> T:
    """An expression of the row at the end of a singular path, as one of the row that it starts from."""
    if not path:
        return expression
    match expression:
        case Field():
            return replace(expression, path=(*path, *expression.path))
        case Aggregate() | Exists() | Best():
            return replace(expression, path=(*path, *expression.path))
        case Call():
            return replace(expression, arguments=tuple(moved(one, path) for one in expression.arguments))
    return expression


def windows_of(expression: Expression) -> list[Window]:
    """The windows of an expression."""
    if isinstance(expression, Window):
        return [expression]
    if isinstance(expression, Call):
        return [window for one in expression.arguments for window in windows_of(one)]
    return []


def fields_of(expression: Expression) -> list[Field]:
    """The columns that an expression of one row speaks of."""
    if isinstance(expression, Field):
        return [expression]
    return [one for part in expression.arguments for one in fields_of(part)] if isinstance(expression, Call) else []


def plain(aggregate: Aggregate) -> Aggregate:
    """An aggregate whose values are kept by a condition, as one of the rows that meet it: they are the same."""
    value = aggregate.value
    if not isinstance(value, Call):
        return aggregate
    if value.operator == "KEEP_IF" and aggregate.function != "COUNT":
        return replace(aggregate, value=value.arguments[0], where=(*aggregate.where, value.arguments[1]))
    if value.operator == "IFF" and aggregate.function == "SUM" and is_number(value.arguments[2], 0):
        condition, then, _otherwise = value.arguments
        counted = replace(aggregate, where=(*aggregate.where, condition))
        return replace(counted, function="COUNT", value=None) if is_number(then, 1) else replace(counted, value=then)
    return aggregate


def numbers_of_pair(call: Call) -> tuple[Expression, Expression] | None:
    """The two numbers whose difference or product a function is of; None where it is of something else."""
    inner = call.arguments[0] if call.arguments else None
    if not isinstance(inner, Call) or len(inner.arguments) != 2 or any(map(_is_constant, inner.arguments)):
        return None
    squares = call.operator == "POWER" and is_number(call.arguments[1], 2)
    wanted = {"ABS": "SUB", "SIGN": "SUB", "SQRT": "MUL"}.get(call.operator, "SUB" if squares else "")
    first, second = inner.arguments
    return (first, second) if inner.operator == wanted else None


def period_label(call: Call) -> tuple[Expression, str] | None:
    """The date of which a text shows the year with the quarter or the month; None where it shows anything else."""
    parts = [one.arguments[0] for one in call.arguments if isinstance(one, Call) and one.operator in ("STRING", "LPAD")]
    if call.operator != "JOIN" or len(parts) != 2:
        return None
    inner = [one.arguments[0] if isinstance(one, Call) and one.operator == "STRING" else one for one in parts]
    if not all(isinstance(one, Call) for one in inner):
        return None
    names = [one.operator for one in inner if isinstance(one, Call)]
    dates = [one.arguments[0] for one in inner if isinstance(one, Call)]
    if names not in (["YEAR", "QUARTER"], ["YEAR", "MONTH"]) or dates[0] != dates[1]:
        return None
    return dates[0], names[1].lower()


def _is_constant(expression: Expression) -> bool:
    return isinstance(expression, Constant)
