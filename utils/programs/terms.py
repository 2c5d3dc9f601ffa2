"""The key terms of a program, read from its syntax tree: what its documentation must explain."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

from utils.programs.source import parse_program

_UPPERCASE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
# Arguments that change what an operator does enough to need a word of explanation.
_TELLING_ARGUMENTS = frozenset(
    [
        "by",
        "per",
        "allow_ties",
        "dense",
        "n_best",
        "n_buckets",
        "cumulative",
        "frame",
        "default",
        "na_pos",
        "ascending",
        "type",
    ]
)
_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "**",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.Invert: "~", ast.Slice: "slicing",
}  # fmt: skip


def operators(program: str) -> list[str]:
    """Operators and collection methods a program calls, in order of first use.

    Example: `result = parts.WHERE(size > 3).CALCULATE(n=LOWER(name))` gives WHERE, CALCULATE, LOWER.
    Raises ProgramError when it does not parse.
    """
    return list(dict.fromkeys(name for _position, name in _called(parse_program(program)) if _UPPERCASE.match(name)))


def key_terms(program: str, graph_names: Collection[str] = ()) -> list[str]:
    """Operators, methods, telling arguments (`per=`), symbols, then the graph's collections and properties used.

    Raises ProgramError when the program does not parse.
    """
    tree = parse_program(program)
    called = [name for _position, name in _called(tree)]
    arguments = [
        f"{keyword.arg}="
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _UPPERCASE.match(_name(call.func))
        for keyword in call.keywords
        if keyword.arg in _TELLING_ARGUMENTS
    ]
    symbols = [_SYMBOLS[type(node)] for node in ast.walk(tree) if type(node) in _SYMBOLS]
    known = set(graph_names)
    used = [name for node in ast.walk(tree) if (name := _name(node)) in known]
    return list(dict.fromkeys([*called, *arguments, *symbols, *used]))


def names(program: str) -> frozenset[str]:
    """Every name that a program reads or sets; raises ProgramError when it does not parse."""
    return frozenset(name for node in ast.walk(parse_program(program)) if (name := _name(node)))


def _called(tree: ast.AST) -> list[tuple[tuple[int, int], str]]:
    """(position, name) of every call of an upper-case function or method, or of a module-level PyDough function."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if _UPPERCASE.match(name) or name in {"range_collection", "dataframe_collection"}:
                found.append(((node.func.end_lineno or 0, node.func.end_col_offset or 0), name))
    return sorted(found)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
