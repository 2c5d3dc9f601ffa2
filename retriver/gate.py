"""The gate before storage: a text's programs compile, its operators exist, and it cites only what it was given.

It reads every text, whoever wrote it, and trusts no mark that it cannot check. A block marked `# wrong: why` must
indeed be refused, except under `# dialect: ...`, where the refusal is a database's and not the compiler's; one marked
`# wrong silently: why` must compile like any other. So a mark only turns round what is expected of a block: syntax
that is gone can stand in a text only where the reader is told that it is.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from retriver.code_blocks import MAX_UNUSED, MarkdownText, Marks, marks_of, program_of, read_markdown, unused_programs
from retriver.compilations import Compilation, Compilations
from retriver.errors import SearchError
from retriver.language_names import (
    Vocabulary,
    called_operators,
    defined_functions,
    inline_programs,
    installed_language,
    name_problems,
    program_lines,
    quoted_capitals,
    without_code,
)
from utils.core.console import UserError
from utils.core.records import Passage
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import dialect_of
from utils.databases.entries import graph_names
from utils.programs.compiler import ProgramCompiler

MAX_CHARACTERS = 100_000  # the longest text of ours has 7,000
MAX_BLOCKS = 60
MAX_PROBLEMS = 12  # more help nobody who is to write again
CACHE_NAME = "compilations.sqlite"  # in a work folder's cache
_QUOTE_LENGTH = 70
_OTHER_DIALECTS = frozenset({"duckdb", "postgresql", "mysql", "snowflake"})
_PLAIN_DIALECT = "sqlite"  # what a program without a mark is meant for

_CITATION = re.compile(r"\[(\d{1,9}(?:\s{0,9}[,;\u2013-]\s{0,9}\d{1,9})*)\](?!\()")
_LINE_NUMBER = re.compile(r"\bline (\d+)")
_NAMED = re.compile(r"'([^']+)'|\b([A-Z][A-Z0-9_]+)\b")
_EMOJI_JOINER = re.compile("(?<=[\u2190-\U0010ffff])\u200d(?=[\u2190-\U0010ffff])")
_WHITESPACE = frozenset("\t\n\r\f")
_WORTHLESS = {ord(one): None for one in "\u00ad\u200b\u2060\ufeff"}  # where a word may break, or must not
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, directions, halves of characters, odd line ends


class UnsureError(SearchError):
    """The machine was too slow or too full to say whether a program compiles; another run may say it."""


class Gate:
    """Says why a text must not be stored. A context manager; the compiler stays its owner's."""

    def __init__(
        self, compiler: ProgramCompiler, entries: Mapping[str, DatabaseEntry], cache_file: Path | None = None
    ) -> None:
        """`entries` are the databases whose graphs a program may be for; only their graphs are read."""
        self._entries = list(entries.values())
        self._compilations = Compilations(compiler, cache_file)

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self._compilations.close()

    async def problems(
        self, text: str, passages: Sequence[Passage], *, cited: bool, entry: DatabaseEntry | None = None
    ) -> list[str]:
        """Why `text` must not be stored, each reason one line; empty if nothing speaks against it.

        `cited`: the text was written from numbered `passages`, must cite them, and may name nothing else. `entry` is
        the database of the example it belongs to, whose graph comes first. Raises UnsureError where nothing else
        speaks against a text than a program whose compiling did not come to an end.
        """
        if unreadable := _unreadable(text):
            return [unreadable]
        parts = read_markdown(text)
        if parts.too_deep:
            return ["quotes and lists are nested too deeply to be read"]
        if len(parts.blocks) > MAX_BLOCKS:
            return [f"{len(parts.blocks)} code blocks; at most {MAX_BLOCKS} are read"]
        entries = [entry, *self._entries] if entry else self._entries
        programs = _programs(parts)
        if len(programs) > MAX_BLOCKS:
            return [f"{len(programs)} programs; at most {MAX_BLOCKS} are read"]
        words = _Words(text, passages, entries)
        found = _grounding_problems(text, parts, passages) if cited else []
        found += words.problems(parts)
        told = await asyncio.gather(
            *(self._program_problem(code, entries, words) for code in programs), return_exceptions=True
        )
        found += [problem for problem in told if isinstance(problem, str) and problem]
        for error in told:
            if isinstance(error, BaseException) and not (found and isinstance(error, UnsureError)):
                raise error
        more = len(found) - MAX_PROBLEMS
        return found if more <= 0 else [*found[:MAX_PROBLEMS], f"and {more} more problems"]

    async def _program_problem(self, code: str, entries: Sequence[DatabaseEntry], words: _Words) -> str:
        program, marks = program_of(code), marks_of(code)
        if marks.wrong and marks.dialect in _OTHER_DIALECTS:
            return ""  # what a database refuses shows when it runs
        candidates = _likely_first(program, marks, entries)
        if marks.wrong:
            candidates = [one for one in candidates if dialect_of(one.url) == _PLAIN_DIALECT] or candidates
        refused: list[tuple[str, Compilation]] = []
        for candidate in candidates:
            shown, outcome = program, await self._compiled(program, candidate)
            if outcome.compiles and marks.wrong:
                return f"marked as wrong, but it compiles: {_quoted(program)}"
            if outcome.compiles:
                shown, outcome = await self._unused_compiled(program, candidate)
            if outcome.compiles:
                return next(iter(words.named(code)), "")  # in comments, functions and answers of a prompt too
            refused.append((shown, outcome))
        if not refused:
            return "there is no graph to compile code on"
        for shown, outcome in refused:
            if not outcome.certain:
                raise UnsureError(f"could not be compiled: {_quoted(shown)}: {outcome.reason}")
        shown, outcome = refused[0]
        return "" if marks.wrong else f"does not compile: {_quoted(shown, outcome.reason)}: {outcome.reason}"

    async def _unused_compiled(self, program: str, entry: DatabaseEntry) -> tuple[str, Compilation]:
        """The first that does not compile of what a program builds and does not use; else the program itself."""
        try:
            unused = unused_programs(program)
        except RecursionError:
            return program, Compilation(False, "nested too deeply to be read")
        if len(unused) > MAX_UNUSED:
            return program, Compilation(False, f"more than {MAX_UNUSED} collections are built and not used")
        for other in unused:
            outcome = await self._compiled(other, entry)
            if not outcome.compiles:
                return other, outcome
        return program, Compilation(True)

    async def _compiled(self, program: str, entry: DatabaseEntry) -> Compilation:
        outcome = await self._compilations.of(program, entry)
        if not (outcome.compiles or outcome.certain):  # the machine was slow, perhaps
            outcome = await self._compilations.of(program, entry)
        return outcome


class _Words:
    """Names and forms that PyDough has not, in a text and its parts; words that are data are none."""

    def __init__(self, text: str, passages: Sequence[Passage], entries: Iterable[DatabaseEntry]) -> None:
        passage_texts = "\n".join(passage.text for passage in passages)
        self._values = quoted_capitals(text) | quoted_capitals(passage_texts)
        self._functions = defined_functions(text) | defined_functions(passage_texts)
        self._language = _language_on(entries)

    def named(self, part: str) -> list[str]:
        """What one part of the text names."""
        return name_problems(unicodedata.normalize("NFKC", part), self._language, self._values, self._functions)

    def problems(self, parts: MarkdownText) -> list[str]:
        """What stands outside programs; a program there is one too."""
        outputs = [block.code for block in parts.blocks if block.kind == "words"]
        problems = [
            problem
            for part in [*parts.paragraphs, *outputs]
            for problem in [*self.named(part), *program_lines(unicodedata.normalize("NFKC", part))]
        ]
        return list(dict.fromkeys(problems))


def _programs(parts: MarkdownText) -> list[str]:
    """The programs of a text, in blocks and whole within lines, none twice."""
    blocks = [block.code for block in parts.blocks if block.kind == "program"]
    inline = [program for paragraph in parts.paragraphs for program in inline_programs(paragraph)]
    return list(dict.fromkeys([*blocks, *inline]))


def tidied(text: str) -> str:
    """A text as it is to be read and stored: without characters that say only where a line may end."""
    return text.translate(_WORTHLESS).replace("\f", "\n")


def unknown_citations(text: str, passages: Sequence[Passage]) -> list[int]:
    """Numbers that `text` cites in square brackets, outside code, and that no passage has."""
    return _unknown(_citations(read_markdown(text)), passages)


def ungrounded_names(text: str, passages: Sequence[Passage]) -> list[str]:
    """Operators called in `text`, such as `BACK(`, in prose or code, that no passage mentions; sorted."""
    known = set(re.findall(r"\w+", "\n".join(f"{passage.path}\n{passage.text}" for passage in passages)))
    return sorted(called_operators(text) - known)


def grounding_problems(text: str, passages: Sequence[Passage]) -> list[str]:
    """What a text cites or names that its `passages` do not hold; the part of the gate that compiles nothing."""
    if unreadable := _unreadable(text):
        return [unreadable]
    return _grounding_problems(text, read_markdown(text), passages)


def _grounding_problems(text: str, parts: MarkdownText, passages: Sequence[Passage]) -> list[str]:
    cited = _citations(parts)
    problems = [] if cited else ["no passage is cited; every statement needs a number such as [1]"]
    if unknown := _unknown(cited, passages):
        problems.append(f"cited but not among the passages: {', '.join(f'[{number}]' for number in unknown)}")
    if names := ungrounded_names(text, passages):
        problems.append(f"named but in no passage: {', '.join(names)}")
    return problems


def _unreadable(text: str) -> str:
    """Why a text is not looked at any further."""
    if not text.strip():
        return "the text is empty"
    if len(text) > MAX_CHARACTERS:
        return f"the text has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
    odd = {one for one in set(_EMOJI_JOINER.sub("", text)) - _WHITESPACE if unicodedata.category(one) in _INVISIBLE}
    names = ", ".join(f"U+{ord(one):04X}" for one in sorted(odd)[:MAX_PROBLEMS])
    return f"characters that cannot be seen: {names}" if names else ""


def _language_on(entries: Iterable[DatabaseEntry]) -> Vocabulary:
    language = installed_language()
    names = frozenset().union(*({entry.graph_name} | _names_of(entry) for entry in entries))
    return Vocabulary(language.operators, language.functions, language.settings, names)


def _names_of(entry: DatabaseEntry) -> frozenset[str]:
    try:
        return graph_names(entry)
    except UserError:  # compiling on it tells what is wrong
        return frozenset()


def _likely_first(program: str, marks: Marks, entries: Sequence[DatabaseEntry]) -> list[DatabaseEntry]:
    """The graphs that a program may be for: marked ones, then those of whose names it uses most; no graph twice."""
    words = set(re.findall(r"\w+", program))
    distinct: dict[tuple[object, ...], DatabaseEntry] = {}
    for one in entries:
        distinct.setdefault((one.graph_path, one.graph_name, dialect_of(one.url), str(one.configs)), one)

    def order(entry: DatabaseEntry) -> tuple[bool, bool, int]:
        is_marked = bool(marks.database) and marks.database.lower() in (entry.name.lower(), entry.graph_name.lower())
        in_dialect = dialect_of(entry.url) == (marks.dialect or _PLAIN_DIALECT)
        return not is_marked, not in_dialect, -len(words & ({entry.graph_name} | _names_of(entry)))

    ordered = sorted(distinct.values(), key=order)
    named = [entry for entry in ordered if words & ({entry.graph_name} | _names_of(entry))]
    return named or ordered


def _citations(parts: MarkdownText) -> list[int]:
    prose = "\n".join(map(without_code, parts.paragraphs))
    return [int(number) for found in _CITATION.finditer(prose) for number in re.findall(r"\d+", found[1])]


def _unknown(cited: Iterable[int], passages: Sequence[Passage]) -> list[int]:
    return sorted({number for number in cited if not 1 <= number <= len(passages)})


def _quoted(program: str, reason: str = "") -> str:
    """The line of a program that a reason speaks of, as far as it says so; else how it begins."""
    lines = program.split("\n")
    numbers = [int(number) for number in _LINE_NUMBER.findall(reason) if 0 < int(number) <= len(lines)]
    words = [quoted or name for quoted, name in _NAMED.findall(reason.split("Did you mean")[0])][:5]
    speaking = [line for word in words for line in lines if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line)]
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    line = lines[numbers[0] - 1] if numbers else speaking[0] if speaking else " ".join(code)
    short = " ".join(line.split())
    return f"'{short[:_QUOTE_LENGTH]}...'" if len(short) > _QUOTE_LENGTH else f"'{short}'"
