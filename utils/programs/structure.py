"""How much of what a program is made of: counts from its syntax tree, nothing run."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from utils.programs.source import ProgramError, parse_program

METHODS = frozenset({
    "CALCULATE", "WHERE", "ORDER_BY", "TOP_K", "PARTITION", "CROSS", "SINGULAR", "BEST", "EXPLODE",
})  # fmt: skip
WINDOWS = frozenset({"RANKING", "PERCENTILE", "PREV", "NEXT", "RELSUM", "RELAVG", "RELCOUNT", "RELSIZE"})
AGGREGATIONS = frozenset({
    "COUNT", "SUM", "AVG", "MIN", "MAX", "MEDIAN", "QUANTILE", "NDISTINCT", "ANYTHING", "STD", "VAR", "LISTOF",
    "HAS", "HASNOT",
})  # fmt: skip
PREDICATES = frozenset({
    "HAS", "HASNOT", "ISIN", "LIKE", "STARTSWITH", "ENDSWITH", "CONTAINS", "MONOTONIC", "PRESENT", "ABSENT",
})  # fmt: skip
_PYTHON_MODULES = frozenset({"datetime", "pd", "pandas", "pydough"})


@dataclass(frozen=True)
class Structure:
    """Counts over one program."""

    operators: int = 0  # calls of operators and methods
    distinct_operators: int = 0
    nesting: int = 0  # calls within the arguments of calls, at the deepest place; 1 where none is in another
    links: int = 0  # steps over a relationship
    windows: int = 0
    aggregations: int = 0
    partitions: int = 0
    crosses: int = 0
    bests: int = 0
    top_ks: int = 0
    conditions: int = 0  # comparisons and calls that give true or false
    steps: int = 0  # methods of collections


def structure(program: str, relationships: Collection[str] = ()) -> Structure:
    """The counts of a program; `relationships` are the names of the graph's relationships.

    With them a link is an attribute step over one (`nations.customers`), or a name of one within a call
    (`COUNT(customers)`). Without them it is every step to a further attribute. Raises ProgramError when the program
    does not parse or is nested too deeply.
    """
    try:
        nodes = list(_nodes(parse_program(program), 0))
    except RecursionError as error:
        raise ProgramError("the program is nested too deeply") from error
    known = frozenset(relationships)
    calls = [(_name(node.func), depth) for node, depth in nodes if isinstance(node, ast.Call)]
    names = [name for name, _depth in calls if name.isupper()]
    return Structure(
        operators=len(names),
        distinct_operators=len(set(names)),
        nesting=max((depth + 1 for name, depth in calls if name.isupper()), default=0),
        links=sum(_is_link(node, depth, known) for node, depth in nodes),
        windows=_count(names, WINDOWS),
        aggregations=_count(names, AGGREGATIONS),
        partitions=names.count("PARTITION"),
        crosses=names.count("CROSS"),
        bests=names.count("BEST"),
        top_ks=names.count("TOP_K"),
        conditions=sum(isinstance(node, ast.Compare) for node, _depth in nodes) + _count(names, PREDICATES),
        steps=_count(names, METHODS),
    )


def _count(names: list[str], wanted: frozenset[str]) -> int:
    return sum(name in wanted for name in names)


def _nodes(node: ast.AST, depth: int) -> Iterator[tuple[ast.AST, int]]:
    """Every node but methods' names, with the number of calls in whose arguments it stands."""
    yield node, depth
    if isinstance(node, ast.Call):
        function = node.func
        yield from _nodes(function.value if isinstance(function, ast.Attribute) else function, depth)
        for argument in (*node.args, *node.keywords):
            yield from _nodes(argument, depth + 1)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _nodes(child, depth)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_link(node: ast.AST, depth: int, relationships: frozenset[str]) -> bool:
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id in _PYTHON_MODULES:
            return False
        return node.attr in relationships if relationships else True
    return isinstance(node, ast.Name) and depth > 0 and node.id in relationships
