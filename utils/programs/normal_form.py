"""Two ways to call programs alike: the same program written otherwise, and the same template."""

from __future__ import annotations

import ast

from utils.programs.source import parse_program


def normal_form(program: str) -> str:
    """The program without formatting, comments and its author's variable names.

    Programs with equal normal forms are the same program. Example: `x = parts\\nresult = x` and
    `p = parts  # all\\nresult = p` both give `v0 = parts\\nresult = v0`.
    """
    return ast.unparse(_RenamedVariables(_variables(parse_program(program))).visit(parse_program(program)))


def template(program: str) -> str:
    """The program's skeleton: operators and structure, with names and constants removed.

    Example: `parts.WHERE(size > 3)` and `orders.WHERE(key > 7)` have the same template.
    """
    tree = parse_program(program)
    return ast.dump(_Skeleton().visit(tree), annotate_fields=False)


def _variables(tree: ast.Module) -> dict[str, str]:
    stored = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    names = [name for name in dict.fromkeys(stored) if name != "result"]
    return {name: f"v{index}" for index, name in enumerate(names)}


class _RenamedVariables(ast.NodeTransformer):
    def __init__(self, new_names: dict[str, str]) -> None:
        self._new_names = new_names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._new_names.get(node.id, node.id), node.ctx)


class _Skeleton(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(node.id if node.id.isupper() else "_", node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        value = self.visit(node.value)
        return ast.Attribute(value, node.attr if node.attr.isupper() else "_", node.ctx)

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        operator_argument = node.arg in {"by", "per", "name", "allow_ties", "default"}
        return ast.keyword(node.arg if operator_argument else "_", self.visit(node.value))

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(type(node.value).__name__)
