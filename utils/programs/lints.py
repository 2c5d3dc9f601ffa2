"""Places where a program relies on what PyDough is known to do otherwise than SQL, or than its author may expect."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from utils.core.records import Lint

_EXPLANATIONS = {
    "singular_on_plural": "SINGULAR() is believed, not checked: where several rows match, each gives a row of its own",
    "compared_with_none": "== None and != None match no row; use ABSENT(...) or PRESENT(...)",
    "text_added": "+ with a text adds numbers, and a text counts as 0 on SQLite; use JOIN_STRINGS",
    "property_in_f_string": "an f-string or str() of a property is the text of its name, not its value",
    "timestamp_against_date": (
        "a bare date compared with moments: on SQLite both are texts, so <= leaves out the whole last day "
        "and == finds nothing"
    ),
}


def lint_program(program: str, timestamps: Callable[[], frozenset[str]] = frozenset) -> list[Lint]:
    """All such places, in order; `timestamps` gives the graph's properties that hold a day with a time.

    Raises SyntaxError when the program does not parse.
    """
    tree = ast.parse(program)
    found = [
        Lint(code=code, line=getattr(node, "lineno", 1), explanation=_EXPLANATIONS[code])
        for node in ast.walk(tree)
        for code in _codes(node, timestamps)
    ]
    return sorted(found, key=lambda lint: (lint.line, lint.code))


def _codes(node: ast.AST, timestamps: Callable[[], frozenset[str]]) -> Iterator[str]:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "SINGULAR":
            yield "singular_on_plural"
        if isinstance(node.func, ast.Name) and node.func.id == "str" and any(map(_holds_name, node.args)):
            yield "property_in_f_string"
    elif isinstance(node, ast.JoinedStr) and _holds_name(node):
        yield "property_in_f_string"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        if _is_text(node.left) != _is_text(node.right):
            yield "text_added"
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) and side.value is None for side in sides):
            yield "compared_with_none"
        includes_the_day = any(isinstance(operator, ast.LtE | ast.Gt | ast.Eq | ast.NotEq) for operator in node.ops)
        if includes_the_day and _some(sides, _is_bare_date) and _some(sides, lambda one: _is_named(one, timestamps())):
            yield "timestamp_against_date"


def _some(nodes: list[ast.expr], test: Callable[[ast.expr], bool]) -> bool:
    return any(map(test, nodes))


def _holds_name(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Name | ast.Attribute) for part in ast.walk(node))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_named(node: ast.expr, names: frozenset[str]) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in names


def _is_bare_date(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return len(node.value) == 10 and node.value[4:5] == "-"
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr == "date"
