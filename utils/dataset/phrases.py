"""PyDough expressions in plain English, read from the syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping

from utils.programs.structure import METHODS, PREDICATES, WINDOWS

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {  # of values, of moments
    ast.Eq: ("is", "is"), ast.NotEq: ("is not", "is not"),
    ast.Lt: ("is less than", "is before"), ast.LtE: ("is at most", "is not after"),
    ast.Gt: ("is greater than", "is after"), ast.GtE: ("is at least", "is not before"),
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "modulo", ast.Pow: "to the power of",
}  # fmt: skip
_AGGREGATIONS = {
    "SUM": "the sum", "AVG": "the average", "MIN": "the minimum", "MAX": "the maximum", "MEDIAN": "the median",
    "ANYTHING": "any one value", "STD": "the standard deviation", "VAR": "the variance",
    "NDISTINCT": "the number of different values", "LISTOF": "the list",
}  # fmt: skip
# {0}, {1} ... are the arguments, {rest} all but the first, {all} all of them.
_FUNCTIONS = {
    "LOWER": "{0} in lower case", "UPPER": "{0} in upper case", "LENGTH": "the length of {0}",
    "STARTSWITH": "{0} starts with {1}", "ENDSWITH": "{0} ends with {1}", "CONTAINS": "{0} contains {1}",
    "LIKE": "{0} matches the pattern {1}", "ISIN": "{0} is one of {1}", "PRESENT": "{0} is present",
    "ABSENT": "{0} is missing", "MONOTONIC": "{1} is from {0} to {2}", "HASNOT": "there are no {0}",
    "HAS": "there are any {0}", "IFF": "({1} if {0}, else {2})", "KEEP_IF": "({0} if {1}, else nothing)",
    "DEFAULT_TO": "({0}, or {rest} if missing)", "JOIN_STRINGS": "the text of {rest} joined by {0}",
    "YEAR": "the year of {0}", "MONTH": "the month of {0}", "DAY": "the day of the month of {0}",
    "HOUR": "the hour of {0}", "MINUTE": "the minute of {0}", "SECOND": "the second of {0}",
    "QUARTER": "the quarter of {0}", "DAYNAME": "the weekday of {0}", "DAYOFWEEK": "the weekday number of {0}",
    "MONTHNAME": "the month name of {0}", "ABS": "the absolute value of {0}", "FLOOR": "{0} rounded down",
    "CEIL": "{0} rounded up", "SQRT": "the square root of {0}", "SIGN": "the sign of {0}",
    "POWER": "{0} to the power of {1}", "LARGEST": "the largest of {all}", "SMALLEST": "the smallest of {all}",
    "INTEGER": "{0} as a whole number", "FLOAT": "{0} as a number",
    "REPLACE": "{0} with {1} replaced by {2}",
    "STRCOUNT": "the number of times {1} is in {0}", "FIND": "the position of {1} in {0}",
    "LPAD": "{0} filled up on the left with {2} to {1} characters",
    "RPAD": "{0} filled up on the right with {2} to {1} characters",
}  # fmt: skip
_NEGATED = {
    "CONTAINS": "{0} does not contain {1}", "STARTSWITH": "{0} does not start with {1}",
    "ENDSWITH": "{0} does not end with {1}", "LIKE": "{0} does not match the pattern {1}",
    "ISIN": "{0} is not one of {1}",
}  # fmt: skip
_DATE_FUNCTIONS = frozenset(
    {"YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "DAYNAME", "DAYOFWEEK", "MONTHNAME"}
)
_SIGN = re.compile(r"\A\s*([+-])\s*")
_NO_PROSE = frozenset("`\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")  # what would end a line or begin code
_MOMENT = re.compile(r"(?:^|_)(?:date|time|day)\Z")


class Phrases:
    """Says expressions of one program; `keys` holds the variables that stand for sort keys."""

    def __init__(self, keys: Mapping[str, ast.expr]) -> None:
        self._keys = keys
        self._special: dict[str, Callable[[ast.Call], str]] = {
            "COUNT": lambda call: f"the number of {self.value(call.args[0])}",
            "QUANTILE": self._quantile,
            "DATEDIFF": self._datediff,
            "DATETIME": self._moment,
            "ROUND": self._rounded,
            "GETPART": self._one_part,
            "NOT": lambda call: self._not(call.args[0]),
            "STRING": self._as_text,
            "STRIP": self._stripped,
            "CROSS": lambda call: f"pairs with each of {self.value(call.args[0])}",
            **dict.fromkeys(("RANKING", "PERCENTILE", "PREV", "NEXT"), self._place),
            **dict.fromkeys(("RELSUM", "RELAVG", "RELCOUNT", "RELSIZE"), self._over_rows),
        }

    def value(self, node: ast.expr) -> str:
        """An expression or collection in words."""
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.Attribute):
            return f"{node.attr} of {self.value(node.value)}"
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.BinOp):
            return self._operation(node)
        if isinstance(node, ast.UnaryOp):
            return self._negated(node)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return listed([self.value(one) for one in node.elts], "or")
        if isinstance(node, ast.Subscript):
            return self._part(node)
        names = sorted({one.id for one in ast.walk(node) if isinstance(one, ast.Name) and not one.id.isupper()})
        return f"a formula of {', '.join(names)}" if names else "a formula"

    def condition(self, node: ast.expr) -> str:
        """An expression that is true or false, in words."""
        if isinstance(node, ast.Name | ast.Attribute):
            return f"{self.value(node)} is true"
        return self.value(node)

    def sort_keys(self, nodes: list[ast.expr]) -> str:
        """Sort keys in words: "n descending, then name ascending"."""
        found: list[ast.expr] = []
        for node in nodes:
            if isinstance(node, ast.Name):
                node = self._keys.get(node.id, node)
            found += node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
        return ", then ".join(map(self._sort_key, found))

    def columns(self, node: ast.expr) -> str:
        """The columns to group by in words: "country and year"."""
        nodes = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
        return listed([self.value(one) for one in nodes], "and")

    def terms(self, call: ast.Call) -> str:
        """The columns of a CALCULATE in words."""
        terms = [self.value(argument) for argument in call.args]
        for keyword in call.keywords:
            said = f"whether {self.value(keyword.value)}" if is_condition(keyword.value) else self.value(keyword.value)
            terms.append(said if said == keyword.arg else f"{keyword.arg or 'further terms'}: {said}")
        return "; ".join(terms)

    def per(self, call: ast.Call) -> str:
        """Within which groups a window or BEST works, in words."""
        given = argument(call, "per")
        text = given.value if isinstance(given, ast.Constant) else None
        return f" within each of {str(text).partition(':')[0]}" if text else ""

    def _sort_key(self, node: ast.expr) -> str:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("ASC", "DESC"):
            direction = "ascending" if node.func.attr == "ASC" else "descending"
            place = argument(node, "na_pos", 0)
            missing = f" with missing ones {place.value!s}" if isinstance(place, ast.Constant) else ""
            return f"{self.value(node.func.value)} {direction}{missing}"
        return self.value(node)

    def _call(self, call: ast.Call) -> str:
        if isinstance(call.func, ast.Attribute):
            if call.func.attr in METHODS:
                return self._method(call.func.value, call.func.attr, call)
            if call.func.attr in ("ASC", "DESC"):
                return self._sort_key(call)
            return _date(call) or self._unknown(call, call.func.attr)
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        try:
            if name in self._special:
                return self._special[name](call)
            if name in _AGGREGATIONS:
                return self._aggregation(call, name)
            if name in _FUNCTIONS:
                return self._filled(_FUNCTIONS[name], call, name in _DATE_FUNCTIONS)
        except IndexError:  # fewer arguments than the function needs
            pass
        return self._unknown(call, name)

    def _unknown(self, call: ast.Call, name: str) -> str:
        arguments = ", ".join(map(self.value, [*call.args, *(keyword.value for keyword in call.keywords)]))
        return f"{name} of {arguments}" if arguments else name

    def _filled(self, phrase: str, call: ast.Call, of_date: bool = False) -> str:
        place = {"IFF": 0, "KEEP_IF": 1}.get(call.func.id if isinstance(call.func, ast.Name) else "")
        say = self._time if of_date else self._enclosed
        said = [self.condition(one) if index == place else say(one) for index, one in enumerate(call.args)]
        return phrase.format(*said, rest=listed(said[1:], "and"), all=listed(said, "and"))

    def _aggregation(self, call: ast.Call, name: str) -> str:
        of = call.args[0]
        kind, prefix = argument(call, "type"), _AGGREGATIONS[name]
        if name == "SUM" and is_condition(of):
            return f"the sum of the times when {self.value(of)}"
        if isinstance(kind, ast.Constant):
            prefix = f"the {kind.value!s} {prefix.removeprefix('the ')}"
        if isinstance(of, ast.Attribute):
            return f"{prefix} of {of.attr} over {self.value(of.value)}"
        return f"{prefix} of {self._enclosed(of)}"

    def _quantile(self, call: ast.Call) -> str:
        of = call.args[0]
        over = f"{of.attr} over {self.value(of.value)}" if isinstance(of, ast.Attribute) else self.value(of)
        return f"the {self.value(call.args[1])} quantile of {over}"

    def _datediff(self, call: ast.Call) -> str:
        unit = call.args[0].value if isinstance(call.args[0], ast.Constant) else "units"
        return f"the {unit!s} from {self._time(call.args[1])} to {self._time(call.args[2])}"

    def _moment(self, call: ast.Call) -> str:
        moment = self._time(call.args[0])
        if len(call.args) == 1:
            return moment if moment == "now" else f"{moment} as a moment"
        modifiers = [str(one.value) if isinstance(one, ast.Constant) else self.value(one) for one in call.args[1:]]
        said = (_SIGN.sub(lambda sign: "plus " if sign[1] == "+" else "minus ", modifier) for modifier in modifiers)
        return f"{moment} ({', '.join(said)})"

    def _time(self, node: ast.expr) -> str:
        is_now = isinstance(node, ast.Constant) and str(node.value).strip().lower() == "now"
        return "now" if is_now else self.value(node)

    def _rounded(self, call: ast.Call) -> str:
        digits = argument(call, "precision", 1)
        number = "0" if digits is None else self.value(digits)
        places = {"0": "to a whole number", "1": "to 1 decimal"}.get(number, f"to {number} decimals")
        return f"{self._enclosed(call.args[0])} rounded {places}"

    def _enclosed(self, node: ast.expr) -> str:
        """A formula in brackets, so that what stands beside it is of all of it."""
        is_window = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WINDOWS
        said = self.value(node)
        return f"({said})" if is_window or isinstance(node, ast.BinOp | ast.Compare) else said

    def _operand(self, node: ast.expr) -> str:
        """A part of arithmetic, in brackets unless it is one word."""
        said = self.value(node)
        return f"({said})" if " " in said and not _is_enclosed(said) else said

    def _one_part(self, call: ast.Call) -> str:
        text, at, index = (self.value(call.args[place]) for place in range(3))
        number = _number(call.args[2])
        if number is None or number >= 0:
            return f"part {index} of {text} split at {at}"
        return f"part {-number} from the end of {text} split at {at}"

    def _as_text(self, call: ast.Call) -> str:
        pattern = f" in the form {self.value(call.args[1])}" if len(call.args) > 1 else " as text"
        return self.value(call.args[0]) + pattern

    def _stripped(self, call: ast.Call) -> str:
        what = f"any of {self.value(call.args[1])}" if len(call.args) > 1 else "spaces"
        return f"{self.value(call.args[0])} without {what} at its ends"

    def _place(self, call: ast.Call) -> str:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name == "RANKING":
            shared = _is_true(argument(call, "allow_ties"))
            gaps = ", without gaps" if _is_true(argument(call, "dense")) else ""
            said = f"the rank (ties share one{gaps})" if shared else "the rank"
        elif name == "PERCENTILE":
            buckets = argument(call, "n_buckets")
            said = f"the bucket out of {100 if buckets is None else self.value(buckets)}"
        else:
            steps = argument(call, "n", 1)
            back = "" if steps is None else f" ({self.value(steps)} rows away)"
            said = f"the {'previous' if name == 'PREV' else 'next'} {self.value(call.args[0])}{back}"
            instead = argument(call, "default")
            said += "" if instead is None else f" (else {self.value(instead)})"
        return said + self._by(call) + self.per(call)

    def _over_rows(self, call: ast.Call) -> str:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        running, frame = _is_true(argument(call, "cumulative")), argument(call, "frame")
        kind = {"RELSUM": "total", "RELAVG": "average", "RELCOUNT": "count", "RELSIZE": "number"}[name]
        of = self.value(call.args[0]) if call.args else "rows"
        said = f"the {'running ' if running else ''}{kind} of {of}"
        if isinstance(frame, ast.Tuple):
            said += f" over the rows from {_bound(frame.elts[0], 'the first')} to {_bound(frame.elts[-1], 'the last')}"
        elif not running:
            said += " over all rows"
        return said + self._by(call) + self.per(call)

    def _by(self, call: ast.Call) -> str:
        by = argument(call, "by")
        return "" if by is None else f" by {self.sort_keys([by])}"

    def _method(self, owner: ast.expr, name: str, call: ast.Call) -> str:
        rows = self.value(owner)
        if name == "WHERE":
            return f"{rows} where {self.condition(call.args[0])}" if call.args else rows
        if name == "CALCULATE":
            return f"{rows} with {self.terms(call)}"
        if name in ("BEST", "TOP_K"):
            many = argument(call, "n_best") if name == "BEST" else argument(call, "k", 0)
            count = f" {self.value(many)}" if many is not None else ""
            return f"the first{count} of {rows}{self._by(call)}{self.per(call)}"
        if name == "ORDER_BY":
            return f"{rows} ordered by {self.sort_keys(call.args)}"
        if name == "PARTITION":
            return f"groups of {rows}{self._by(call)}"
        if name == "CROSS":
            return f"{rows} paired with each of {self.value(call.args[0]) if call.args else 'them'}"
        return rows if name == "SINGULAR" else f"{rows} taken apart"

    def _operation(self, node: ast.BinOp) -> str:
        if isinstance(node.op, ast.BitAnd | ast.BitOr):
            word = "and" if isinstance(node.op, ast.BitAnd) else "or"
            return f" {word} ".join(self._side(side, type(node.op)) for side in (node.left, node.right))
        symbol = _ARITHMETIC.get(type(node.op), "combined with")
        left, right = self._operand(node.left), self._operand(node.right)
        return f"{left} {symbol} {right}"

    def _side(self, side: ast.expr, operator: type[ast.operator]) -> str:
        mixed = (
            isinstance(side, ast.BinOp)
            and isinstance(side.op, ast.BitAnd | ast.BitOr)
            and type(side.op) is not operator
        )
        return f"({self.value(side)})" if mixed else self.condition(side)

    def _negated(self, node: ast.UnaryOp) -> str:
        inner = node.operand
        if isinstance(node.op, ast.USub | ast.UAdd):
            sign = "-" if isinstance(node.op, ast.USub) else ""
            return f"{sign}{self.value(inner)}" if isinstance(inner, ast.Constant) else f"{sign}({self.value(inner)})"
        return self._not(inner)

    def _not(self, inner: ast.expr) -> str:
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in _NEGATED:
            return self._filled(_NEGATED[inner.func.id], inner)
        if isinstance(inner, ast.Name | ast.Attribute):
            return f"{self.value(inner)} is not true"
        return f"not ({self.value(inner)})"

    def _comparison(self, node: ast.Compare) -> str:
        sides = [node.left, *node.comparators]
        of_moments = any(map(_is_moment, sides)) or all(map(_is_named_as_moment, sides))
        said = f"({self.value(node.left)})" if isinstance(node.left, ast.Compare) else self.value(node.left)
        for operator, side in zip(node.ops, node.comparators, strict=True):
            said += f" {_COMPARISONS.get(type(operator), ('and', 'and'))[of_moments]} {self.value(side)}"
        return said

    def _part(self, node: ast.Subscript) -> str:
        of = self.value(node.value)
        if not isinstance(node.slice, ast.Slice):
            return f"item {self.value(node.slice)} of {of}"
        low, high = _number(node.slice.lower), _number(node.slice.upper)
        if node.slice.lower is None and high is not None and high > 0:
            return f"the first {high} characters of {of}"
        if node.slice.upper is None and low is not None:
            return f"the last {-low} characters of {of}" if low < 0 else f"{of} from character {low + 1} on"
        if low is not None and high is not None and 0 <= low < high:
            return f"characters {low + 1} to {high} of {of}"
        return f"a part of {of}"


def _is_enclosed(said: str) -> bool:
    """Whether the bracket that a text begins with ends with it."""
    depth = 0
    for index, character in enumerate(said):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return index > 0 and index == len(said) - 1
    return False


def listed(said: list[str], word: str) -> str:
    """A list in words: "a, b or c"."""
    return f"{', '.join(said[:-1])} {word} {said[-1]}" if len(said) > 1 else "".join(said)


def is_condition(node: ast.expr) -> bool:
    """Whether an expression can only be true, false or null."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitAnd | ast.BitOr)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in PREDICATES or node.func.id == "NOT"
    return isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert))


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """The argument of a call that is given by name, or else at a position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if position is not None and position < len(call.args) else None


def _constant(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return "'" + "".join(" " if character in _NO_PROSE else character for character in value) + "'"
    return "..." if value is Ellipsis else str(value)


def _number(node: ast.expr | None) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else None


def _bound(node: ast.expr, end: str) -> str:
    edge = _number(node)
    if edge is None:
        return end
    return "this one" if edge == 0 else f"{abs(edge)} {'before' if edge < 0 else 'after'}"


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _date(call: ast.Call) -> str:
    """A date or datetime of numbers only, as text; "" for other calls."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    numbers = [one.value for one in call.args if isinstance(one, ast.Constant)]
    if name == "Timestamp" and len(numbers) == 1:
        return str(numbers[0])
    if name not in ("date", "datetime") or not 3 <= len(numbers) == len(call.args) or call.keywords:
        return ""
    day = "-".join(str(number).zfill(2) for number in numbers[:3])
    return " ".join([day, *([":".join(str(number).zfill(2) for number in numbers[3:])] if numbers[3:] else [])])


def _is_moment(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return bool(_date(node)) or (isinstance(node.func, ast.Name) and node.func.id == "DATETIME")


def _is_named_as_moment(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return bool(_MOMENT.search(name))
