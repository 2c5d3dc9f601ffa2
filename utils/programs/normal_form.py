"""Two ways to call programs alike: the same program written otherwise, and the same template.

A program is read as data flow. Every step is replaced by what it stands for until one expression is left, operands
whose order is of no account are sorted, and the expression is written in one fixed way. A program with loops,
functions or the like keeps its steps, and only its variables get new names.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from utils.programs.source import ANSWER_VARIABLE, ProgramError, parse_program

Node = TypeVar("Node", bound=ast.AST)

_OPERATOR = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_MODULES = frozenset({"datetime", "pd", "pandas", "pydough"})
_SUPPLIED_IMPORTS = frozenset({("datetime", None), ("pandas", "pd"), ("pandas", None), ("pydough", None)})
_PURE_FUNCTIONS = frozenset({"abs", "float", "int", "len", "max", "min", "round", "sum", "str", "tuple", "list"})
_SEQUENCE_FUNCTIONS = frozenset({"str", "tuple", "list", "max", "min", "sum", "DataFrame"})  # may give a sequence
_SORTED_FUNCTIONS = frozenset({"LARGEST", "SMALLEST"})
_COMMUTATIVE: dict[type[ast.operator], str] = {ast.BitAnd: "&", ast.BitOr: "|", ast.Add: "+", ast.Mult: "*"}
_KEEPS_ORDER_OF_SEQUENCES = frozenset({"+", "|"})  # texts and lists are joined by +, dictionaries merged by |
_OTHER_OPERATORS: dict[type[ast.AST], str] = {
    ast.Sub: "-", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.BitXor: "^", ast.LShift: "<<",
    ast.RShift: ">>", ast.MatMult: "@", ast.Invert: "~", ast.USub: "-", ast.UAdd: "+", ast.Not: "not ",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
_MIRRORED: dict[type[ast.cmpop], str] = {ast.Gt: "<", ast.GtE: "<="}
_LONGEST_STEP = 4_000  # characters; a longer step is written as its hash, so that no text grows without bound


@dataclass(frozen=True)
class Forms:
    """What one reading of a program gives; see `normal_form`, `template` and `utils.programs.terms.operators`."""

    normal_form: str
    template: str
    operators: tuple[str, ...]


def forms(program: str) -> Forms:
    """Normal form, template and operators of a program, from one parse.

    Raises ProgramError when it does not parse or is nested too deeply to read.
    """
    tree = parse_program(program)
    try:
        return _data_flow(tree) or _renamed(tree)
    except RecursionError as error:
        raise ProgramError("the program is nested too deeply") from error


def normal_form(program: str) -> str:
    """The program without formatting, comments, named steps, and the order of operands that has no effect.

    Programs with equal normal forms give equal answers. Example: `x = parts\\nresult = x.WHERE((a > 1) & b)` and
    `result = parts.WHERE(b & (1 < a))  # all` both give `result = parts.WHERE(((1 < a) & b))`. It is text to compare,
    not to run. Steps that nothing uses are left out. Raises ProgramError as `forms` does.
    """
    return forms(program).normal_form


def template(program: str) -> str:
    """The program's skeleton: operators and structure, with names and constants removed.

    Example: `parts.WHERE(size > 3)` and `orders.WHERE(7 < key)` have the same template. Programs with equal normal
    forms have equal templates. Raises ProgramError as `forms` does.
    """
    return forms(program).template


class _Written(NamedTuple):
    """A part of a program, written twice, and what may be done with it."""

    text: str
    skeleton: str  # the same without names and constants
    movable: bool = True  # runs no code of the program's own, so another place gives the same
    sequence: bool = False  # may be a Python text, list, tuple, set or dictionary
    joined_by: str = ""  # the commutative operator that joins `parts`
    parts: tuple[_Written, ...] = ()  # operands or elements


class _NoDataFlow(Exception):
    """The program does more than name expressions."""


def _data_flow(tree: ast.Module) -> Forms | None:
    """The forms of a program that only names expressions, else None."""
    values: dict[str, _Written] = {}
    writer = _Writer(values, only_data_flow=True)
    try:
        for statement in tree.body:
            if isinstance(statement, ast.Assign):
                names = [_target(target) for target in statement.targets]
                values |= dict.fromkeys(names, _bounded(writer.write(statement.value)))
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                values[_target(statement.target)] = _bounded(writer.write(statement.value))
            elif isinstance(statement, ast.Expr):
                writer.write(statement.value)
            elif not _is_supplied(statement):
                return None
    except _NoDataFlow:
        return None
    answer = values[ANSWER_VARIABLE]
    return Forms(f"{ANSWER_VARIABLE} = {answer.text}", answer.skeleton, writer.operators())


def _target(target: ast.expr) -> str:
    if isinstance(target, ast.Name):
        return target.id
    raise _NoDataFlow


def _is_supplied(statement: ast.stmt) -> bool:
    """Whether a statement only imports what every program has anyway."""
    return isinstance(statement, ast.Import) and all(
        (alias.name, alias.asname) in _SUPPLIED_IMPORTS for alias in statement.names
    )


def _bounded(written: _Written) -> _Written:
    if len(written.text) <= _LONGEST_STEP and len(written.skeleton) <= _LONGEST_STEP:
        return written
    return _Written(_shortened(written.text), _shortened(written.skeleton), written.movable, written.sequence)


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_STEP:
        return text
    return f"step_{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _renamed(tree: ast.Module) -> Forms:
    """The forms of any program: its statements in their order, with new names for its variables."""
    values = {name: _Written(new, "_", sequence=True) for name, new in _variables(tree).items()}
    writer = _Writer(values, only_data_flow=False)
    written = [writer.write(statement) for statement in tree.body]
    return Forms(
        "\n".join(statement.text for statement in written),
        "\n".join(statement.skeleton for statement in written),
        writer.operators(),
    )


def _variables(tree: ast.Module) -> dict[str, str]:
    """New names, which no author can have chosen, for the variables, functions and arguments.

    What is read before it is assigned may be a collection, and an argument given by name is known by it: these stay.
    """
    names = sorted(_nodes(tree, ast.Name), key=lambda name: (name.lineno, name.col_offset))
    first_use = {name.id: name for name in reversed(names)}
    looped = {id(name) for part in _nodes(tree, ast.comprehension) for name in _nodes(part.target, ast.Name)}
    assigned = [name.id for name in names if isinstance(name.ctx, ast.Store)]
    variables = [name for name in assigned if isinstance(first_use[name].ctx, ast.Store)]
    variables += [name.id for name in names if id(name) in looped]
    given_by_name = {keyword.arg for keyword in _nodes(tree, ast.keyword)}
    arguments = [argument.arg for argument in _nodes(tree, ast.arg) if argument.arg not in given_by_name]
    own = dict.fromkeys([*variables, *(function.name for function in _nodes(tree, ast.FunctionDef)), *arguments])
    return {name: f"${index}" for index, name in enumerate(name for name in own if name != ANSWER_VARIABLE)}


def _nodes(tree: ast.AST, kind: type[Node]) -> list[Node]:
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


@lru_cache(maxsize=10_000)
def _is_operator(name: str) -> bool:
    return _OPERATOR.match(name) is not None


class _Writer:
    """Writes nodes of one program; `values` says what its variables stand for at this place."""

    def __init__(self, values: Mapping[str, _Written], only_data_flow: bool) -> None:
        self._values = values
        self._only_data_flow = only_data_flow
        self._calls: list[tuple[tuple[int, int], str]] = []
        self._writers: dict[type[ast.AST], Callable[[Any], _Written]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.Constant: self._constant,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.Compare: self._comparison,
            ast.Tuple: self._row,
            ast.List: self._row,
            ast.Subscript: self._subscript,
            ast.Slice: self._slice,
        }

    def operators(self) -> tuple[str, ...]:
        """Operators and methods called in what was written, in order of first use."""
        return tuple(dict.fromkeys(name for _position, name in sorted(self._calls)))

    def write(self, node: ast.AST) -> _Written:
        write = self._writers.get(type(node))
        return self._other(node) if write is None else write(node)

    def _all(self, nodes: Iterable[ast.AST]) -> tuple[_Written, ...]:
        return tuple(map(self.write, nodes))

    def _name(self, node: ast.Name) -> _Written:
        value = self._values.get(node.id)
        return _Written(node.id, "_") if value is None else value

    def _attribute(self, node: ast.Attribute) -> _Written:
        owner = self.write(node.value)
        text = f"({owner.text})" if isinstance(node.value, ast.Constant) else owner.text
        return _Written(f"{text}.{node.attr}", f"{owner.skeleton}._", owner.movable, owner.sequence)

    def _constant(self, node: ast.Constant) -> _Written:
        return _Written(repr(node.value), type(node.value).__name__, sequence=isinstance(node.value, str | bytes))

    def _call(self, node: ast.Call) -> _Written:
        function, name, is_operator = self._function(node.func)
        if is_operator:
            self._calls.append(((node.func.end_lineno or 0, node.func.end_col_offset or 0), name))
        arguments = list(self._all(node.args))
        if is_operator and all(argument.movable for argument in arguments):
            arguments = _sorted_arguments(name, arguments)
        keywords = [(keyword.arg, self.write(keyword.value)) for keyword in node.keywords]
        named = [_keyword(arg, value, is_operator and name != "CALCULATE") for arg, value in keywords]
        movable = function.movable and all(part.movable for part in [*arguments, *named])
        if is_operator and name != "CALCULATE" and movable and all(arg is not None for arg, _value in keywords):
            texts, skeletons = _sorted_texts(named)
        else:
            texts, skeletons = [part.text for part in named], [part.skeleton for part in named]
        return _Written(
            f"{function.text}({', '.join([*(part.text for part in arguments), *texts])})",
            f"{function.skeleton}({', '.join([*(part.skeleton for part in arguments), *skeletons])})",
            movable,
            not is_operator and (name in _SEQUENCE_FUNCTIONS or not movable),
        )

    def _function(self, function: ast.expr) -> tuple[_Written, str, bool]:
        """A called function as written, its name, and whether it is an operator or method of PyDough."""
        if isinstance(function, ast.Name) and function.id not in self._values:
            if _is_operator(function.id):
                return _Written(function.id, function.id), function.id, True
            return self._own(_Written(function.id, "_", function.id in _PURE_FUNCTIONS)), function.id, False
        if isinstance(function, ast.Attribute):
            if _is_operator(function.attr):
                owner = self.write(function.value)
                text, skeleton = f"{owner.text}.{function.attr}", f"{owner.skeleton}.{function.attr}"
                return _Written(text, skeleton, owner.movable), function.attr, True
            written = self.write(function)
            return self._own(written._replace(movable=self._is_of_module(function))), function.attr, False
        name = function.id if isinstance(function, ast.Name) else ""
        if _is_operator(name):  # of the program itself, yet it looks like one of PyDough's
            self._calls.append(((function.end_lineno or 0, function.end_col_offset or 0), name))
        return self._own(self.write(function)._replace(movable=False)), name, False

    def _own(self, function: _Written) -> _Written:
        if self._only_data_flow and not function.movable:
            raise _NoDataFlow
        return function

    def _is_of_module(self, function: ast.Attribute) -> bool:
        owner: ast.expr = function
        while isinstance(owner, ast.Attribute):
            owner = owner.value
        return isinstance(owner, ast.Name) and owner.id in _MODULES and owner.id not in self._values

    def _binary(self, node: ast.BinOp) -> _Written:
        sides = self.write(node.left), self.write(node.right)
        movable, sequence = _of_both(sides)
        symbol = _COMMUTATIVE.get(type(node.op), "")
        if not symbol or not movable or (sequence and symbol in _KEEPS_ORDER_OF_SEQUENCES):
            return _joined(sides, f" {symbol or _OTHER_OPERATORS[type(node.op)]} ")
        parts = tuple(part for side in sides for part in (side.parts if side.joined_by == symbol else (side,)))
        texts, skeletons = _sorted_texts(parts)
        between = f" {symbol} "
        text, skeleton = f"({between.join(texts)})", f"({between.join(skeletons)})"
        return _Written(text, skeleton, movable, sequence, symbol, parts)

    def _unary(self, node: ast.UnaryOp) -> _Written:
        operand = self.write(node.operand)
        symbol = _OTHER_OPERATORS[type(node.op)]
        return _Written(f"({symbol}{operand.text})", f"({symbol}{operand.skeleton})", operand.movable)

    def _comparison(self, node: ast.Compare) -> _Written:
        sides = self._all([node.left, *node.comparators])
        operator = type(node.ops[0])
        if len(sides) > 2:
            symbols = " ".join(_OTHER_OPERATORS[type(one)] for one in node.ops)
            joined = _joined(sides, ", ")
            return joined._replace(text=f"({symbols}){joined.text}", skeleton=f"({symbols}){joined.skeleton}")
        movable = sides[0].movable and sides[1].movable
        if movable and operator in _MIRRORED:
            return _joined(sides[::-1], f" {_MIRRORED[operator]} ")._replace(sequence=False)
        between = f" {_OTHER_OPERATORS[operator]} "
        if movable and operator in (ast.Eq, ast.NotEq):
            texts, skeletons = _sorted_texts(sides)
            return _Written(f"({between.join(texts)})", f"({between.join(skeletons)})")
        return _joined(sides, between)._replace(sequence=False)

    def _row(self, node: ast.Tuple | ast.List) -> _Written:
        elements = self._all(node.elts)
        return _enclosed(elements, "[]" if isinstance(node, ast.List) else "()")

    def _subscript(self, node: ast.Subscript) -> _Written:
        owner, index = self.write(node.value), self.write(node.slice)
        movable, sequence = _of_both((owner, index))
        text, skeleton = f"{owner.text}[{index.text}]", f"{owner.skeleton}[{index.skeleton}]"
        return _Written(text, skeleton, movable, sequence)

    def _slice(self, node: ast.Slice) -> _Written:
        bounds = [None if part is None else self.write(part) for part in (node.lower, node.upper, node.step)]
        return _Written(
            ":".join("" if part is None else part.text for part in bounds),
            ":".join("" if part is None else part.skeleton for part in bounds),
            all(part is None or part.movable for part in bounds),
        )

    def _other(self, node: ast.AST) -> _Written:
        """Any other node: its kind and its parts in their order."""
        if self._only_data_flow and not isinstance(node, _DATA_FLOW):
            raise _NoDataFlow
        parts = [part for part in self._parts(node) if part is not None]
        return _Written(
            f"<{type(node).__name__} {', '.join(part.text for part in parts)}>",
            f"<{type(node).__name__} {', '.join(part.skeleton for part in parts)}>",
            isinstance(node, _DATA_FLOW) and all(part.movable for part in parts),
            sequence=True,
        )

    def _parts(self, node: ast.AST) -> Iterator[_Written | None]:
        for field, value in ast.iter_fields(node):
            if field == "ctx":
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    yield self.write(part)
                elif isinstance(part, str):
                    yield self._values.get(part, _Written(part, "_"))
                else:
                    yield _Written(repr(part), repr(part))
            if isinstance(value, list):
                yield _Written(";", ";")  # so that no part seems to stand in the list before


_DATA_FLOW = (ast.Dict, ast.Set, ast.IfExp, ast.BoolOp, ast.And, ast.Or, ast.Starred, ast.JoinedStr, ast.FormattedValue)


def _of_both(sides: tuple[_Written, _Written]) -> tuple[bool, bool]:
    """Whether both are movable, and whether one is a sequence."""
    return sides[0].movable and sides[1].movable, sides[0].sequence or sides[1].sequence


def _joined(sides: tuple[_Written, ...], between: str) -> _Written:
    return _Written(
        f"({between.join(side.text for side in sides)})",
        f"({between.join(side.skeleton for side in sides)})",
        all(side.movable for side in sides),
        any(side.sequence for side in sides),
    )


def _enclosed(elements: tuple[_Written, ...], brackets: str) -> _Written:
    comma = "," if len(elements) == 1 and brackets == "()" else ""
    return _Written(
        f"{brackets[0]}{', '.join(element.text for element in elements)}{comma}{brackets[1]}",
        f"{brackets[0]}{', '.join(element.skeleton for element in elements)}{comma}{brackets[1]}",
        all(element.movable for element in elements),
        sequence=True,
        joined_by=",",
        parts=elements,
    )


def _sorted_texts(parts: Iterable[_Written]) -> tuple[list[str], list[str]]:
    """The texts and the skeletons, each sorted for itself."""
    parts = list(parts)
    return sorted(part.text for part in parts), sorted(part.skeleton for part in parts)


def _sorted_arguments(name: str, arguments: list[_Written]) -> list[_Written]:
    """An operator's arguments, sorted where their order has no effect."""
    if name in _SORTED_FUNCTIONS:
        texts, skeletons = _sorted_texts(arguments)
        return [_Written(text, skeleton) for text, skeleton in zip(texts, skeletons, strict=True)]
    if name == "ISIN" and len(arguments) == 2 and arguments[1].joined_by == ",":
        once = {element.text: element for element in arguments[1].parts}
        texts, skeletons = _sorted_texts(once.values())
        elements = tuple(_Written(text, skeleton) for text, skeleton in zip(texts, skeletons, strict=True))
        return [arguments[0], _enclosed(elements, "()")]
    return arguments


def _keyword(name: str | None, value: _Written, of_operator: bool) -> _Written:
    if name is None:
        return value._replace(text=f"**{value.text}", skeleton=f"**{value.skeleton}")
    skeleton = name if of_operator else "_"
    return value._replace(text=f"{name}={value.text}", skeleton=f"{skeleton}={value.skeleton}")
