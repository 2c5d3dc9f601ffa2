"""Expressions of an intent as PyDough, and the named steps that they need before them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from utils.synthesis.intent import (
    Aggregate,
    Best,
    Call,
    Constant,
    Exists,
    Expression,
    Field,
    Intent,
    Path,
    Result,
    Window,
    named,
    walk,
)
from utils.synthesis.model import Model
from utils.synthesis.pydough.layout import Step, assignment, chain_text
from utils.synthesis.pydough.styles import adds_up_choices

_COMPARISONS = {"EQ": "==", "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
_ARITHMETIC = {"ADD": "+", "SUB": "-", "MUL": "*", "DIV": "/"}
_STRENGTH = {"OR": 1, "AND": 2, **dict.fromkeys(_COMPARISONS, 3), "ADD": 4, "SUB": 4, "MUL": 5, "DIV": 5}
_RENAMED = {"IN": "ISIN", "JOIN": "JOIN_STRINGS"}
_STARTS = {unit: f"start of {unit}" for unit in ("year", "quarter", "month", "week", "day")}

_COUNTS_AS_FLOATS = 0.3
_NOT_CALLED = 0.2


class Expressions:
    """Writes expressions; `dice` chooses among ways that mean the same."""

    def __init__(self, intent: Intent, model: Model, dice: random.Random) -> None:
        self._intent = intent
        self._model = model
        self._dice = dice
        self._lines: list[str] = []
        self._variables: dict[str, str] = {}  # by the code they stand for
        self._taken = {name for one in model.collections.values() for name in (one.name, *one.columns, *one.links)} | {
            name for name, _ in (*intent.keys, *intent.columns, *intent.windows)
        }
        self._named_steps = dice.random() < 0.5
        self._texts_as_dates = dice.random() < 0.5
        self._first_by_rank = dice.random() < 0.35
        self._adds_choices = dice.random() < 0.15
        self._names_children = dice.random() < 0.6
        self._rows = intent.source.name  # what the rows of a group are called in it
        self._grouped = False
        self._per = ""

    def _text(self, expression: Expression, prefix: str = "", strength: int = 0) -> str:
        """An expression's code; `prefix` leads from where it stands to the rows it is read from."""
        match expression:
            case Field():
                return prefix + ".".join([*(link.name for link in expression.path), expression.column.name])
            case Constant():
                return self._constant(expression)
            case Result():
                return expression.name
            case Aggregate():
                return self._aggregate(expression, prefix)
            case Exists():
                rows = self._children(expression.path, expression.where, prefix)
                return f"{'HASNOT' if expression.negated else 'HAS'}({rows})"
            case Best():
                return self._best(expression)
            case Window():
                return self._window(expression)
            case Call():
                return self._call(expression, prefix, strength)

    def _call(self, call: Call, prefix: str, strength: int) -> str:
        own = _STRENGTH.get(call.operator, 0)

        def part(one: Expression, more: int = 0) -> str:
            return self._text(one, prefix, own + more)

        arguments = call.arguments
        match call.operator:
            case "AND" | "OR":
                sign = " & " if call.operator == "AND" else " | "
                text = sign.join(_enclosed(self._text(one, prefix), one) for one in arguments)
            case operator if operator in _COMPARISONS:
                text = f"{part(arguments[0])} {_COMPARISONS[operator]} {part(arguments[1])}"
                if _is_flag(arguments):
                    text = self._flag(arguments, operator, prefix)
            case "DIV" if self._is_count(arguments[0]) and self._dice.random() < _COUNTS_AS_FLOATS:
                text = f"FLOAT({self._text(arguments[0], prefix)}) / {part(arguments[1], 1)}"
            case operator if operator in _ARITHMETIC:
                text = f"{part(arguments[0])} {_ARITHMETIC[operator]} {part(arguments[1], 1)}"
            case "NOT":
                denied = self._text(arguments[0], prefix)
                return f"NOT({denied})" if self._rarely_called() else f"~{_enclosed(denied, arguments[0])}"
            case "BETWEEN":
                value, low, high = (self._text(one, prefix) for one in arguments)
                if self._dice.random() < 0.5:
                    return f"MONOTONIC({low}, {value}, {high})"
                text, own = f"({value} >= {low}) & ({value} <= {high})", _STRENGTH["AND"]
            case "IN":
                value, *options = (self._text(one, prefix) for one in arguments)
                return f"ISIN({value}, ({', '.join(options)}{',' if len(options) == 1 else ''}))"
            case "SLICE":
                value, start, end = (self._text(one, prefix) for one in arguments)
                return f"{value}[{'' if start == '0' else start}:{end}]"
            case "START":
                return f'DATETIME({self._text(arguments[0], prefix)}, "{_STARTS[call.option]}")'
            case "MOVED":
                number = arguments[1]
                assert isinstance(number, Constant)
                return f'DATETIME({self._text(arguments[0], prefix)}, "{number.value:+d} {call.option}")'
            case "DIFFERENCE":
                moments = ", ".join(self._text(one, prefix) for one in arguments)
                return f'DATEDIFF("{call.option}", {moments})'
            case operator:
                listed = ", ".join(self._text(one, prefix) for one in arguments)
                return f"{_RENAMED.get(operator, operator)}({listed})"
        return f"({text})" if own < strength else text

    def _is_count(self, expression: Expression) -> bool:
        """Whether it is a number of rows, or a column that holds one."""
        meant = named(self._intent).get(expression.name) if isinstance(expression, Result) else expression
        return isinstance(meant, Aggregate) and meant.function == "COUNT"

    def _flag(self, arguments: Sequence[Expression], operator: str, prefix: str) -> str:
        """`is_open == True` as one writes it: `is_open`, or `~is_open`."""
        value, constant = arguments
        assert isinstance(constant, Constant)
        wanted = bool(constant.value) == (operator == "EQ")
        text = self._text(value, prefix)
        if wanted:
            return text
        return f"NOT({text})" if self._rarely_called() else f"~{text}"

    def _rarely_called(self) -> bool:
        """Whether NOT is written as a function, as few do."""
        return self._dice.random() < _NOT_CALLED

    def _constant(self, constant: Constant) -> str:
        if constant.kind == "day":
            year, month, day = str(constant.value).split("-")
            if self._texts_as_dates:
                return f'DATETIME("{constant.value}")'
            return f"datetime.date({int(year)}, {int(month)}, {int(day)})"
        if constant.kind == "text":
            escaped = str(constant.value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        return repr(constant.value)

    def _all_of(self, conditions: Sequence[Expression], prefix: str = "") -> str:
        if len(conditions) == 1:
            return self._text(conditions[0], prefix)
        return " & ".join(_enclosed(self._text(one, prefix), one) for one in conditions)

    def _children(self, path: Path, where: Sequence[Expression], prefix: str = "") -> str:
        """The rows to which a path leads and that meet conditions."""
        head, steps = self._children_chain(path, where, prefix)
        return chain_text(head, steps)

    def _children_chain(self, path: Path, where: Sequence[Expression], prefix: str = "") -> tuple[str, list[Step]]:
        names = [*([self._rows] if self._grouped else []), *(link.name for link in path)]
        head = prefix + ".".join(names)
        if not where:
            return head, []
        grouped, self._grouped = self._grouped, False  # conditions are read from the children
        condition = self._all_of(where)
        self._grouped = grouped
        return head, [Step("WHERE", (condition,))]

    def _aggregate(self, aggregate: Aggregate, prefix: str) -> str:
        if adds_up_choices(aggregate) and self._adds_choices:
            return self._sum_of_choices(aggregate, prefix)
        head, steps = self._children_chain(aggregate.path, aggregate.where, prefix)
        rows = chain_text(head, steps)
        if steps and not prefix and self._names_children:
            children = aggregate.path[-1].name if aggregate.path else self._intent.source.name
            rows = self._name(f"matching_{children}", head, steps)
        if aggregate.value is None:
            return f"{aggregate.function}({rows})"
        grouped, self._grouped = self._grouped, False
        if _is_mixed(aggregate.value):
            inner = self._free("value")
            value = f"{rows}.CALCULATE({inner}={self._text(aggregate.value)}).{inner}"
        else:
            value = self._text(aggregate.value, f"{rows}.")
        self._grouped = grouped
        options = {"QUANTILE": f", {aggregate.option}", "STD": ', type="sample"', "VAR": ', type="sample"'}
        option = options.get(aggregate.function, "")
        return f"{aggregate.function}({value}{option})"

    def _sum_of_choices(self, aggregate: Aggregate, prefix: str) -> str:
        """A filtered count or sum as a sum over all rows: 1, or the value, where the conditions hold, else 0."""
        rows = self._children(aggregate.path, (), prefix) + "."
        grouped, self._grouped = self._grouped, False
        value = "1" if aggregate.value is None else self._text(aggregate.value, rows)
        condition = self._all_of(aggregate.where, rows)
        self._grouped = grouped
        return f"SUM(IFF({condition}, {value}, 0))"

    def _best(self, best: Best) -> str:
        head, steps = self._children_chain(best.path, best.where)
        name = f"best_{best.path[-1].name}"
        by = self._by((self._text(one), descending) for one, descending in best.by)
        if self._first_by_rank and len(best.path) == 1:
            first = f'RANKING(by={by}, per="{self._rows}") == 1'
            steps = [*steps, Step("WHERE", (first,)), Step("SINGULAR", ())]
        else:
            steps = [*steps, Step("BEST", (f"by={by}", f'per="{self._rows}"'))]
        return self._text(best.value, f"{self._name(name, head, steps)}.")

    def _window(self, window: Window) -> str:
        arguments = [self._text(window.value)] if window.value is not None else []
        if window.function in ("PREV", "NEXT") and window.option not in ("", "1"):
            arguments.append(f"n={window.option}")
        if window.function == "PERCENTILE" and window.option:
            arguments.append(f"n_buckets={window.option}")
        if window.by:
            arguments.append(f"by={self._by((one.name, down) for one, down in window.by)}")
        if window.per:
            arguments.append(f'per="{self._per}"')
        if window.function == "RANKING" and window.option:
            arguments.append("allow_ties=True")
            if window.option == "dense":
                arguments.append("dense=True")
        if window.function in ("RELSUM", "RELAVG") and window.option:
            frame = "cumulative=True" if window.option == "running" else f"frame=({1 - int(window.option)}, 0)"
            arguments.append(frame)
        return f"{window.function}({', '.join(arguments)})"

    def _by(self, keys: Iterable[tuple[str, bool]]) -> str:
        written = [f"{name}.{'DESC' if descending else 'ASC'}()" for name, descending in keys]
        return written[0] if len(written) == 1 else f"({', '.join(written)})"

    # names

    def _name(self, wish: str, head: str, steps: list[Step]) -> str:
        """A variable for a chain; the same chain has the same one."""
        code = chain_text(head, steps)
        if code not in self._variables:
            self._variables[code] = self._free(wish)
            self._assign(self._variables[code], head, steps)
        return self._variables[code]

    def _assign(self, variable: str, head: str, steps: list[Step]) -> None:
        self._lines.append(assignment(variable, head, steps))

    def _free(self, wish: str) -> str:
        name, number = wish, 2
        while name in self._taken:
            name, number = f"{wish}_{number}", number + 1
        self._taken.add(name)
        return name


def _enclosed(text: str, expression: Expression) -> str:
    """A condition as an operand of & or ~: comparisons and the like in parentheses."""
    bare = isinstance(expression, Exists) or (
        isinstance(expression, Call) and expression.operator not in {*_COMPARISONS, "AND", "OR", "BETWEEN"}
    )
    if isinstance(expression, Call) and expression.operator == "BETWEEN":
        bare = text.startswith("MONOTONIC(")
    if isinstance(expression, Call) and _is_flag(expression.arguments) and "==" not in text and "!=" not in text:
        bare = True
    return text if bare else f"({text})"


def _is_flag(arguments: Sequence[Expression]) -> bool:
    return len(arguments) == 2 and isinstance(arguments[1], Constant) and arguments[1].kind == "flag"


def _is_mixed(value: Expression) -> bool:
    """Whether a value is read over different links, so that it must be computed on each row first."""
    return len({one.path for one in walk(value) if isinstance(one, Field)}) > 1 or any(
        isinstance(one, Aggregate | Exists) for one in walk(value)
    )
