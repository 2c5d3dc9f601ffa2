"""Two ways to call programs alike: the same program written otherwise, and the same template."""

from __future__ import annotations

import ast
from typing import TypeVar

from utils.programs.source import parse_program

Node = TypeVar("Node", bound=ast.AST)


def normal_form(program: str) -> str:
    """The program without formatting, comments and its author's variable names.

    Programs with equal normal forms are the same program. Example: `x = parts\\nresult = x` and
    `p = parts  # all\\nresult = p` both give `v0 = parts\\nresult = v0`.
    """
    tree = parse_program(program)
    return ast.unparse(_RenamedVariables(_variables(tree)).visit(tree))


def template(program: str) -> str:
    """The program's skeleton: operators and structure, with names and constants removed.

    Example: `parts.WHERE(size > 3)` and `orders.WHERE(key > 7)` have the same template.
    """
    tree = parse_program(program)
    return ast.dump(_Skeleton().visit(tree), annotate_fields=False)


def _variables(tree: ast.Module) -> dict[str, str]:
    """New names for the author's variables, functions and arguments.

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
    return {name: f"v{index}" for index, name in enumerate(name for name in own if name != "result")}


def _nodes(tree: ast.AST, kind: type[Node]) -> list[Node]:
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


class _RenamedVariables(ast.NodeTransformer):
    def __init__(self, new_names: dict[str, str]) -> None:
        self._new_names = new_names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._new_names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self._new_names.get(node.arg, node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._new_names.get(node.name, node.name)
        return self.generic_visit(node)


class _Skeleton(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(node.id if node.id.isupper() else "_", node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        value = self.visit(node.value)
        return ast.Attribute(value, node.attr if node.attr.isupper() else "_", node.ctx)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = "_"
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg("_")

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        operator_argument = node.arg in {"by", "per", "name", "allow_ties", "default"}
        return ast.keyword(node.arg if operator_argument else "_", self.visit(node.value))

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(type(node.value).__name__)
