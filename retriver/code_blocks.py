"""What a Markdown text shows as code, and which PyDough program each block of it stands for."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape
from itertools import groupby, islice
from typing import Any, Literal

from mistune import BlockParser, BlockState

from utils.programs.source import ANSWER_VARIABLE

MAX_DEPTH = 20  # quotes and lists within one another
BlockKind = Literal["program", "words", "foreign"]  # compiled; looked through for names; another language

_PROGRAM_LABELS = frozenset({"", "python", "python3", "py", "py3", "pycon", "ipython", "ipython3", "pydough"})
_FOREIGN_LABELS = frozenset({
    "json", "jsonl", "csv", "tsv", "xml", "html", "css", "diff", "patch", "mermaid", "dot", "ini", "env", "http",
    "sql", "sqlite", "postgresql", "postgres", "mysql", "duckdb", "sh", "bash", "zsh", "shell", "powershell",
    "dockerfile", "javascript", "js", "typescript", "ts", "java", "c", "cpp", "rust", "go", "r", "kotlin", "ruby",
})  # fmt: skip
_PRE = "pre"  # what stands in place of a label in HTML, and the rule that finds it
_MARKDOWN_LABELS = frozenset({"markdown", "md"})
_LABEL = re.compile(r"[\w+#-]+")
_MARK = re.compile(r"^[ \t]*# (database|dialect|wrong|wrong silently): *(\S.*)$", re.MULTILINE)
_MAGIC = re.compile(r"^(?:%%pydough|%load_ext)\b.*|^%pydough\b[ \t]*")
_PROMPTS = (">>>", "...")
_METHOD = re.compile(r"\.[A-Z][A-Z0-9_]*\(")
_NO_COLLECTIONS = frozenset({"ASC", "DESC"})  # all other methods in capitals make one
MAX_UNUSED = 20  # collections that a program builds and does not use
_PRE_OPENS = r"^ {0,3}(?:<[^<>\n]*>[ \t]*)*?<[pP][rR][eE](?:[ \t][^<>\n]*)?>"
_PRE_CLOSES = re.compile(r"</pre\s{0,9}>", re.IGNORECASE)
_TAG = re.compile(r"</?(?:code|span|samp|kbd)(?:\s+[\w-]+=\"[^\"<>()\n]*\")*\s{0,9}>", re.IGNORECASE)
# HTML and link definitions hide text from a reader of HTML only; whoever reads the Markdown sees it
_RULES = [
    _PRE,
    *(rule for rule in BlockParser.DEFAULT_RULES if rule not in ("raw_html", "block_html", "ref_link")),
]


@dataclass(frozen=True)
class CodeBlock:
    """A block of code, and the first word after its fence in lower case ("" without one)."""

    label: str
    code: str

    @property
    def kind(self) -> BlockKind:
        """What the label says, but what builds a result is a program under every label."""
        if self.label in _PROGRAM_LABELS or builds_a_result(self.code):
            return "program"
        return "foreign" if self.label in _FOREIGN_LABELS and not _METHOD.search(self.code) else "words"


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


def closed(text: str) -> str:
    """A text with the block of code closed in which it ends, so that nothing put after it becomes code."""
    for end in ("", *(f"\n{_longest(mark, text)}" for mark in "`~"), "\n</pre>"):
        if _tokens(f"{text}{end}\n\n# x", MAX_DEPTH)[-1]["type"] == "heading":
            return f"{text}{end}"
    return text


def marks_of(code: str) -> Marks:
    """The marks of a block; each stands in a line of its own and says something."""
    marks = {name: value.strip() for name, value in _MARK.findall(code)}
    return Marks("wrong" in marks, "wrong silently" in marks, marks.get("database", ""), marks.get("dialect", ""))


def program_of(code: str) -> str:
    """The program a block stands for: without prompts and cell magic; its last expression is the result.

    Example: `>>> nations.CALCULATE(name)` gives `result = nations.CALCULATE(name)`.
    """
    return _with_result(_shown(code))


def unused_programs(program: str) -> list[str]:
    """Programs for the collections that `program` builds and does not use; compiling it looks at none of them.

    `a = nations.WHERE(x)` followed by `result = nations` gives `result = nations.WHERE(x)`. The last come first, at
    most MAX_UNUSED and one more. Raises RecursionError where the program is nested too deeply.
    """
    tree = _parsed(program)
    unused = _unused(tree.body, [], {ANSWER_VARIABLE}) if tree else iter(())
    return [ast.unparse(ast.Module(statements, [])) for statements in islice(unused, MAX_UNUSED + 1)]


def assigns_result(code: str) -> bool:
    """Whether code assigns something that is built, such as `result = nations.WHERE(key > 3)`."""
    tree = _parsed(code) if ANSWER_VARIABLE in code else None
    return tree is not None and any(
        _assigns_result(node) and any(isinstance(part, ast.Attribute | ast.Call) for part in ast.walk(node))
        for node in ast.walk(tree)
    )


def builds_a_result(code: str) -> bool:
    """Whether a block is a program, whatever its label says: it assigns a result or calls a method in capitals."""
    shown = _shown(code)
    tree = _parsed(shown)
    return assigns_result(shown) or (tree is not None and any(map(_method_of, ast.walk(tree))))


def _shown(code: str) -> str:
    lines = textwrap.dedent(code.replace("\r\n", "\n").replace("\r", "\n")).split("\n")  # as Python ends lines
    if any(line.startswith(">>>") for line in lines):
        lines = _without_prompts(lines)
    unmarked = (_MAGIC.sub("", line) for line in lines)
    return "\n".join(line for line in unmarked if line.strip() or line == "").strip("\n")


def _without_prompts(lines: list[str]) -> list[str]:
    """The lines behind prompts; of those between them what is program: the rest is what the prompt answered."""
    kept: list[str] = []
    for prompted, group in groupby(lines, key=lambda line: line.startswith(_PROMPTS)):
        run = list(group)
        if prompted:
            kept += [line[3:].removeprefix(" ") for line in run]
        elif _METHOD.search("\n".join(run)) or _assigns(_parsed("\n".join(run).strip("\n"))):
            kept += run
    return kept


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


def _unused(body: list[ast.stmt], before: list[ast.stmt], needed: set[str]) -> Iterator[list[ast.stmt]]:
    """The statements that build each unused collection of a body; `needed` are the variables read after it.

    They are then those read after its beginning.
    """
    for index in reversed(range(len(body))):
        statement = body[index]
        if isinstance(statement, ast.If):
            branches = (statement.orelse, statement.body)
            reads = [needed - {ANSWER_VARIABLE} for _ in branches]  # it may be the branch that is not taken
            for branch, read in zip(branches, reads, strict=True):
                yield from _unused(branch, [*before, *body[:index]], read)
            needed.update(*reads, _read_in(statement.test))
            continue
        targets, value = _targets(statement), _collection(statement)
        if value and not targets & needed:
            result = ast.Assign([ast.Name(ANSWER_VARIABLE, ast.Store())], value)
            yield [*before, *body[:index], ast.fix_missing_locations(result)]
        needed -= targets
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name)):
            needed |= _read_in(statement)


def _collection(statement: ast.stmt) -> ast.expr | None:
    """What a statement builds, if it is a collection: the last thing done is a call of a method such as WHERE."""
    value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr) else None
    method = _method_of(value) if value else ""
    return value if method and method not in _NO_COLLECTIONS else None


def _method_of(node: ast.AST) -> str:
    """The method in capitals that a node calls, such as WHERE."""
    method = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
    return method if method.isupper() else ""


def _read_in(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)}


def _assigns(tree: ast.Module | None) -> bool:
    return tree is not None and any(isinstance(statement, ast.Assign) for statement in tree.body)


def _assigns_result(node: ast.AST) -> bool:
    return ANSWER_VARIABLE in _targets(node)


def _targets(node: ast.AST) -> set[str]:
    """The variables that a statement gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _longest(mark: str, text: str) -> str:
    """The longest fence of a text made of this mark; no shorter than any fence is."""
    return max((run[0] for run in re.finditer(f"{mark}{{3,}}", text)), key=len, default=mark * 3)


def _read(text: str, depth: int, found: MarkdownText) -> None:
    if depth <= 0:
        found.too_deep = True
        return
    _walk(_tokens(text, depth), depth, found)


def _tokens(text: str, depth: int) -> list[dict[str, Any]]:
    parser = BlockParser(block_quote_rules=_RULES, list_rules=_RULES, max_nested_level=depth)
    parser.register(_PRE, _PRE_OPENS, _take_pre)
    parser.rules = list(_RULES)
    state = BlockState()
    state.process(text.replace("\r\n", "\n").replace("\r", "\n") + "\n")
    parser.parse(state)
    return state.tokens


def _take_pre(_block: BlockParser, opens: re.Match[str], state: BlockState) -> int:
    """Read a <pre> of HTML as a block of code; what surrounds it stays text."""
    state.add_paragraph(opens[0] + "\n")
    closes = _PRE_CLOSES.search(state.src, opens.end())
    inside = state.src[opens.end() : closes.start() if closes else None]
    state.append_token({"type": "block_code", "raw": unescape(_TAG.sub("", inside)), "attrs": {"info": _PRE}})
    return closes.end() if closes else state.cursor_max


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
