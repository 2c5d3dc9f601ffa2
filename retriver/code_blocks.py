"""What a Markdown text shows as code, and which PyDough program each block of it stands for."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from mistune import BlockParser, BlockState

from utils.programs.source import ANSWER_VARIABLE

MAX_DEPTH = 20  # quotes and lists within one another
BlockKind = Literal["program", "words", "foreign"]  # compiled; looked through for names; another language

_PROSE_LABELS = frozenset({"text", "txt", "plain", "plaintext", "console", "output", "toml", "yaml", "yml"})
_FOREIGN_LABELS = frozenset({
    "json", "jsonl", "csv", "tsv", "xml", "html", "css", "diff", "patch", "mermaid", "dot", "ini", "env", "http",
    "sql", "sqlite", "postgresql", "postgres", "mysql", "duckdb", "sh", "bash", "zsh", "shell", "powershell",
    "dockerfile", "javascript", "js", "typescript", "ts", "java", "c", "cpp", "rust", "go",
})  # fmt: skip
_MARKDOWN_LABELS = frozenset({"markdown", "md"})
_LABEL = re.compile(r"[\w+#-]+")
_MARK = re.compile(r"^[ \t]*# (database|dialect|wrong|wrong silently): *(\S.*)$", re.MULTILINE)
_MAGIC = re.compile(r"^(?:%%pydough|%load_ext)\b.*|^%pydough\b[ \t]*")
_PROMPTS = (">>>", "...")
# HTML and link definitions hide text from a reader of HTML only; whoever reads the Markdown sees it
_RULES = [rule for rule in BlockParser.DEFAULT_RULES if rule not in ("raw_html", "block_html", "ref_link")]


@dataclass(frozen=True)
class CodeBlock:
    """A block of code, and the first word after its fence in lower case ("" without one)."""

    label: str
    code: str

    @property
    def kind(self) -> BlockKind:
        """What the label says; a program that assigns `result` is one under every label."""
        if self.label not in _PROSE_LABELS | _FOREIGN_LABELS or _builds_a_result(self.code):
            return "program"
        return "words" if self.label in _PROSE_LABELS else "foreign"


@dataclass(frozen=True)
class Marks:
    """What the comments of a block say of it, as in the manual: `# wrong: why`, `# database: broker`."""

    wrong: bool = False  # it must be refused
    silently: bool = False  # it compiles, and answers wrongly
    database: str = ""
    dialect: str = ""


@dataclass
class MarkdownText:
    """A text in parts: code blocks, and paragraphs with the code inside their lines; `too_deep` to be read in full."""

    blocks: list[CodeBlock] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)
    too_deep: bool = False


def read_markdown(text: str) -> MarkdownText:
    """Find every code block, wherever it stands: fenced, never closed, indented, in lists, quotes and HTML.

    A block labelled as Markdown is read as the text it holds.
    """
    found = MarkdownText()
    _read(text, MAX_DEPTH, found)
    return found


def marks_of(code: str) -> Marks:
    """The marks of a block; each stands in a line of its own and says something."""
    marks = {name: value.strip() for name, value in _MARK.findall(code)}
    return Marks("wrong" in marks, "wrong silently" in marks, marks.get("database", ""), marks.get("dialect", ""))


def program_of(code: str) -> str:
    """The program a block stands for: without prompts and cell magic; its last expression is the result.

    Example: `>>> nations.CALCULATE(name)` gives `result = nations.CALCULATE(name)`.
    """
    lines = textwrap.dedent(code.replace("\r\n", "\n").replace("\r", "\n")).split("\n")  # as Python ends lines
    if any(line.startswith(">>>") for line in lines):
        shown = [line for line in lines if not line.startswith(_PROMPTS)]  # what the prompt answered, or more program
        answered = not _assigns(_parsed("\n".join(shown).strip("\n")))
        lines = [
            line[3:].removeprefix(" ") if line.startswith(_PROMPTS) else line
            for line in lines
            if line.startswith(_PROMPTS) or not answered
        ]
    unmarked = (_MAGIC.sub("", line) for line in lines)
    return _with_result("\n".join(line for line in unmarked if line.strip() or line == "").strip("\n"))


def _with_result(program: str) -> str:
    tree = _parsed(program)
    last = tree.body[-1] if tree and tree.body else None
    if tree is None or not isinstance(last, ast.Expr) or any(map(_assigns_result, tree.body)):
        return program
    lines = program.split("\n")
    line = lines[last.lineno - 1].encode()
    lines[last.lineno - 1] = (
        line[: last.col_offset] + f"{ANSWER_VARIABLE} = ".encode() + line[last.col_offset :]
    ).decode()
    return "\n".join(lines)


def _builds_a_result(code: str) -> bool:
    tree = _parsed(program_of(code))
    return tree is not None and any(
        _assigns_result(statement) and any(isinstance(node, ast.Attribute | ast.Call) for node in ast.walk(statement))
        for statement in tree.body
    )


def _assigns(tree: ast.Module | None) -> bool:
    return tree is not None and any(isinstance(statement, ast.Assign) for statement in tree.body)


def _assigns_result(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == ANSWER_VARIABLE for target in statement.targets
    )


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _read(text: str, depth: int, found: MarkdownText) -> None:
    if depth <= 0:
        found.too_deep = True
        return
    parser = BlockParser(block_quote_rules=_RULES, list_rules=_RULES, max_nested_level=depth)
    parser.rules = list(_RULES)
    state = BlockState()
    state.process(text.replace("\r\n", "\n").replace("\r", "\n") + "\n")
    parser.parse(state)
    _walk(state.tokens, depth, found)


def _walk(tokens: Iterable[dict[str, Any]], depth: int, found: MarkdownText) -> None:
    for token in tokens:
        if token["type"] == "block_code":
            _take(token, depth, found)
        elif token.get("text"):
            found.paragraphs.append(token["text"])
        inside = depth - (token["type"] in ("block_quote", "list"))
        if token.get("children") and inside <= 0:
            found.too_deep = True
        else:
            _walk(token.get("children", ()), inside, found)


def _take(token: dict[str, Any], depth: int, found: MarkdownText) -> None:
    label = _LABEL.search(token.get("attrs", {}).get("info") or "")
    name = label[0].lower() if label else ""
    if name in _MARKDOWN_LABELS:
        _read(token["raw"], depth - 1, found)
    elif token["raw"].strip():
        found.blocks.append(CodeBlock(name, token["raw"]))
