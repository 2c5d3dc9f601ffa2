"""Find the one program in what a model or a person wrote."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

ANSWER_VARIABLE = "result"
_OPENING = re.compile(r"[ \t]*```[ \t]*[\w+-]*[ \t]*$")
_CLOSING = re.compile(r"[ \t]*```[ \t]*$")


class ProgramError(Exception):
    """The text holds no single program that parses and assigns `result`."""


class NoCodeError(ProgramError):
    """The text holds no code block, and is no program itself."""


class SeveralCodesError(ProgramError):
    """The text holds several code blocks, and does not say which is the answer."""


def code_blocks(text: str) -> list[str]:
    """The bodies of all fenced code blocks of a Markdown text, in order; a block that is never closed is none."""
    blocks: list[str] = []
    body: list[str] | None = None
    for line in text.replace("\r\n", "\n").split("\n"):
        if body is None:
            body = [] if _OPENING.match(line) else None
        elif _CLOSING.match(line):
            blocks.append("\n".join(body).strip("\n"))
            body = None
        else:
            body.append(line)
    return blocks


def extract_program(reply: str) -> str:
    """The program in a model's reply: its only code block, or the whole text if there is none.

    Raises SeveralCodesError, or NoCodeError when there is no block and the text is not a program.
    """
    program = only_code(reply)
    if not code_blocks(reply):
        try:
            parse_program(program)
        except ProgramError:
            raise NoCodeError("expected one code block with a PyDough program, found none") from None
    return program  # one in a block need not parse: proof will tell what is wrong with it, which a repair turn can use


def only_code(text: str) -> str:
    """The only code block of a text, or the whole text if there is none; raises SeveralCodesError."""
    blocks = code_blocks(text)
    if len(blocks) > 1:
        raise SeveralCodesError(f"expected exactly one code block, found {len(blocks)}")
    return blocks[0] if blocks else text.strip()


def parse_program(program: str) -> ast.Module:
    """Parse a program; raises ProgramError on a syntax error or when `result` is never assigned."""
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise ProgramError(
            f"syntax error{f' in line {line}' if line else ''}: {getattr(error, 'msg', error)}"
        ) from error
    if ANSWER_VARIABLE not in _assigned_names(tree.body):
        raise ProgramError(f"the program never assigns `{ANSWER_VARIABLE}`")
    return tree


def _assigned_names(statements: Iterable[ast.stmt]) -> set[str]:
    """The variables that module-level statements assign, also within their `if` and `for`."""
    nodes: list[ast.AST] = list(statements)
    names: set[str] = set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.comprehension):
            nodes += ast.iter_child_nodes(node)
    return names
