"""Which names of PyDough a text uses that the installed version does not have, and which call forms it has dropped."""

from __future__ import annotations

import builtins
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from itertools import chain

from retriver.code_blocks import assigns_result
from utils.programs.allowlist import SAFE_MODULES

_NEAR = 200  # characters in which a denial is looked for
_TICKS = re.compile(r"`+")
_CALL = re.compile(r"(?<!\w)([A-Z][A-Z0-9_]+)\((?!e?s\))")
_METHOD = re.compile(r"(?<=[a-z0-9_)\]])\.([A-Z][A-Z0-9_]+)(?!\w)")
_ALONE = re.compile(r"\.?([A-Z][A-Z0-9_]+)(?:\(\))?\Z")
_QUOTED = re.compile(r"\"([A-Z][A-Z0-9_]+)\"|'([A-Z][A-Z0-9_]+)'")
_DEFINED = re.compile(r"\bdef (\w+)")
_KEYWORD_CALL = re.compile(r"(?<![\w.])((?:[A-Za-z_]\w*\.)*)([A-Za-z_]\w*)\((?:\s*[\w.]+\s*,)*\s*[a-z_]\w*\s*=(?![=.])")
_PARTITION_OF = re.compile(r"(?<!\w)PARTITION\(\s*(?!name\b|by\b)[A-Za-z_][^\n`]{0,200}?\b(?:name|by)\s*=")
_TWO_JOINED = re.compile(
    r"(?<!\w)JOIN_STRINGS\(\s*(?:\"[^\"\n]{0,80}\"|'[^'\n]{0,80}')\s*,\s*[A-Za-z_][\w.]*(?:\([^()\n]{0,80}\))?\s*\)"
)
_PROGRAM_LINE = re.compile(r"^[ \t]*result[ \t]*=(?!=)", re.MULTILINE)
_TAGGED = re.compile(r"<(code|pre)\b[^<>\n]{0,200}>([^<>]{1,2000})</\1>")
_SENTENCE_ENDS = re.compile(r"[.!?](?=\s)|;(?=\s)")
_SQL = re.compile(r"\bSQL(?:ite)?\b|\bDuckDB\b|\bPostgreSQL\b|\bMySQL\b|\bSnowflake\b")
_AS_SQL = re.compile(r"\b(?:as|like|same as|just as) (?:(?:in|on|with|of) )?SQL\b(?!')", re.IGNORECASE)
# "`BACK` and `UP` do not exist": what is said of the last of a list holds for all of it
_LISTED = r"(?:\s*(?:,|/|\band\b|\bor\b|`[^`]*`))*\s*"
_LISTED_BEFORE = r"(?:\s*`[^`]*`\s*(?:,|/|and\b|or\b|, or\b))*\s*"
_KIND = r"(?:operator|method|function|name|keyword|term|collection|property|argument|syntax|PyDough|Python|such|valid)"
_ALWAYS = (  # "fails if x is negative" is said of what exists
    r"(?!,? (?:if|when|where|unless|until|before|after|for|only|once|twice|first|last|too|at|on the|on a|as often)\b)"
)
_DENIED_AFTER = re.compile(
    _LISTED + rf"(?:do(?:es)? not exist|do(?:es)?n't exist|do(?:es)? not work\b{_ALWAYS}"
    rf"|(?:is|are) (?:gone|refused|rejected|wrong|invalid)\b{_ALWAYS}"
    rf"|(?:is|are) (?:no|not|not an?|not the|no longer an?) (?:(?:known|built-in|window|\w+ion) )?{_KIND}"
    r"|(?:is|are) not (?:part of|in) (?:(?:the|this) )?(?:language|version|library|API|PyDough)"
    rf"|(?:is|are) not (?:known|available|supported|defined|allowed)\b{_ALWAYS}"
    rf"|(?:is|are) no longer (?:part|there|known|available|supported|defined|allowed|valid)\b|no longer (?:exist|work)"
    r"|must be (?:`|(?:replaced|rewritten|renamed|avoided|turned into|written (?:as|with|by))\b)"
    rf"|(?:was|were|has been|have been) (?:removed|dropped)|fails?\b{_ALWAYS}"
    rf"|raises? (?:an? |the )?[`\w]*(?:[Ee]rror|[Ee]xception)\w*`?{_ALWAYS}"
    rf"|cannot be (?:used|called|compiled|written|found|applied)\b{_ALWAYS})"
)
_DENIED_BEFORE = re.compile(
    r"(?:\b(?:(?:there (?:is|are)|has|knows) no|instead of|in place of|rather than|not|never|unlike)"
    r"(?: (?:such|write|use|call|an?|the|method|methods|operator|operators|function|name|keyword|old|form))*)"
    + _LISTED_BEFORE
    + r"\Z",
    re.IGNORECASE,
)
# Written in capitals, in code, and no operator of any language
_OTHER_CAPITALS = frozenset({
    "NULL", "NULLS", "SQL", "TRUE", "FALSE", "NAN", "INF", "AND", "OR", "FROM", "SELECT", "UTC", "ISO", "UTF", "ASCII",
    "JSON", "CSV", "API", "DSL", "ID", "YYYY", "YY", "MM", "DD", "HH", "SS",
})  # fmt: skip


@dataclass(frozen=True)
class Vocabulary:
    """The language as it is installed, and the graphs it is used on."""

    operators: frozenset[str]  # RANKING, TOP_K
    functions: frozenset[str]  # lower-case names that may be called with keywords
    settings: frozenset[str]  # values of session settings, such as MONDAY
    graph_names: frozenset[str] = field(default_factory=frozenset)  # graphs, collections, properties


@cache
def installed_language() -> Vocabulary:
    """What the installed PyDough knows. Loads PyDough."""
    import pydough
    from pydough.configs import DayOfWeek, DivisionByZeroBehavior
    from pydough.pydough_operators import builtin_registered_operators
    from pydough.unqualified import UnqualifiedNode

    methods = {name for name in dir(UnqualifiedNode) if name.isupper() and not name.startswith("_")}
    return Vocabulary(
        operators=frozenset(builtin_registered_operators()) | methods,
        functions=frozenset(dir(pydough)) | frozenset(dir(builtins)) | frozenset(chain(*SAFE_MODULES.values())),
        settings=frozenset(member.name for kind in (DayOfWeek, DivisionByZeroBehavior) for member in kind),
    )


def called_operators(text: str) -> set[str]:
    """Names in capitals that `text` calls, such as `BACK(`."""
    return set(_CALL.findall(text))


def quoted_capitals(text: str) -> set[str]:
    """Words in capitals that stand in quotes, such as "BUILDING": values of data."""
    return {first or second for first, second in _QUOTED.findall(text)}


def defined_functions(text: str) -> set[str]:
    """Python functions that `text` defines."""
    return set(_DEFINED.findall(text))


def code_spans(paragraph: str) -> list[tuple[int, int, str]]:
    """(start, end, content) of the inline code of a paragraph; runs of backticks pair up as in CommonMark."""
    runs = [(found.start(), found.end()) for found in _TICKS.finditer(paragraph)]
    closing: list[int] = [0] * len(runs)
    later: dict[int, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        length = runs[index][1] - runs[index][0]
        closing[index] = later.get(length, 0)
        later[length] = index
    spans, index = [], 0
    while index < len(runs):
        if end := closing[index]:
            spans.append((runs[index][0], runs[end][1], paragraph[runs[index][1] : runs[end][0]]))
            index = end
        index += 1
    return spans


def without_code(paragraph: str) -> str:
    """A paragraph with a space in place of each piece of inline code."""
    parts, position = [], 0
    for start, end, _content in code_spans(paragraph):
        parts.append(paragraph[position:start])
        position = end
    return " ".join([*parts, paragraph[position:]])


def name_problems(
    paragraph: str, language: Vocabulary, values: Collection[str] = (), functions: Collection[str] = ()
) -> list[str]:
    """What a paragraph names that PyDough has not, each as one line.

    Exempt is what the sentence itself denies ("`BACK(1)` does not exist", "instead of `LIMIT`"), and a name of SQL in
    a sentence about SQL or a database. `values` are words in capitals that are data, `functions` may be called with
    keywords.
    """
    spans = code_spans(paragraph)
    excused = _Denials(paragraph, spans).excuse
    known = language.operators
    problems = []
    for name, start, end in chain(_called(paragraph), _alone(spans)):
        is_value = paragraph[end : end + 1] != "(" and (name in values or name in _OTHER_CAPITALS)
        if (
            name in known
            or is_value
            or name in functions
            or name in language.settings
            or name.lower() in _lower(language.graph_names)
        ):
            continue
        if not excused(start, end, name):
            problems.append(f"{name} is no operator or method of PyDough: {_quoted(paragraph, start)}")
    for form, start, end in _dropped_forms(paragraph, language, functions):
        if not excused(start, end):
            problems.append(f"{form}: {_quoted(paragraph, start)}")
    return list(dict.fromkeys(problems))


def program_lines(paragraph: str) -> list[str]:
    """Where a paragraph holds lines of a program, each as one line of why that is no place for them."""
    found = _PROGRAM_LINE.search(paragraph)
    return [f"a program belongs into a code block: {_quoted(paragraph, found.end() - 1)}"] if found else []


def inline_programs(paragraph: str) -> list[str]:
    """Whole programs in the inline code of a paragraph, unless its sentence denies them; `...` makes none whole."""
    spans = code_spans(paragraph)
    tagged = [(found.start(), found.end(), unescape(found[2])) for found in _TAGGED.finditer(paragraph)]
    denials = _Denials(paragraph, spans)
    return [
        code.strip()
        for start, end, code in chain(spans, tagged)
        if "..." not in code and assigns_result(code.strip()) and not denials.excuse(start, end)
    ]


class _Denials:
    """What the sentences of a paragraph say does not exist; `spans` are its inline code."""

    def __init__(self, paragraph: str, spans: list[tuple[int, int, str]]) -> None:
        self._paragraph = paragraph
        self._spans = spans
        self._ends = [match.end() for match in _SENTENCE_ENDS.finditer(paragraph)]

    def excuse(self, start: int, end: int, name: str = "") -> bool:
        """Denied right before or after, where the code around it begins and ends; or a name of SQL as such."""
        paragraph, spans, ends = self._paragraph, self._spans, self._ends
        is_method = "." in (paragraph[max(0, start - 1) : start], paragraph[start:end].lstrip("` ")[:1])  # no SQL
        around = bisect_right(spans, (start, len(paragraph) + 1, "")) - 1
        if around >= 0 and start < spans[around][1]:
            start, end = spans[around][0], max(end, spans[around][1])
        at = bisect_right(ends, start)
        first = ends[at - 1] if at else 0
        last = ends[bisect_right(ends, end)] if bisect_right(ends, end) < len(ends) else len(paragraph)
        if _DENIED_AFTER.match(paragraph[end : min(last, end + _NEAR)]):
            return True
        if _DENIED_BEFORE.search(paragraph[max(first, start - _NEAR) : start]):
            return True
        sentence = paragraph[max(first, start - _NEAR) : min(last, end + _NEAR)]
        of_sql = bool(_SQL.search(sentence)) and not _AS_SQL.search(sentence)
        return of_sql and not is_method and name in _names_of_sql()


def _called(paragraph: str) -> Iterator[tuple[str, int, int]]:
    for pattern in (_CALL, _METHOD):
        for found in pattern.finditer(paragraph):
            yield found[1], found.start(1), found.end(1)


def _alone(spans: list[tuple[int, int, str]]) -> Iterator[tuple[str, int, int]]:
    """Inline code that is nothing but a name in capitals."""
    for start, end, content in spans:
        if found := _ALONE.match(content.strip()):
            yield found[1], start, end


def _dropped_forms(paragraph: str, language: Vocabulary, functions: Collection[str]) -> Iterator[tuple[str, int, int]]:
    for found in _KEYWORD_CALL.finditer(paragraph):
        owner, name = found[1], found[2]
        callable_name = name in functions or name in language.functions or name.isupper()
        if name in language.graph_names and not owner.startswith(("pd.", "pydough.", "datetime.")):
            callable_name = name in functions
        elif owner:
            continue
        if not callable_name:
            yield "a collection cannot be called, use .CALCULATE(...)", found.start(), found.end()
    for found in _PARTITION_OF.finditer(paragraph):
        yield "PARTITION is a method, use collection.PARTITION(name=..., by=...)", found.start(), found.end()
    for found in _TWO_JOINED.finditer(paragraph):
        yield "JOIN_STRINGS needs a delimiter and at least two texts", found.start(), found.end()


@cache
def _lower(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


@cache
def _names_of_sql() -> frozenset[str]:
    """Functions and key words of SQL, as far as they are one word."""
    from sqlglot.expressions import FUNCTION_BY_NAME
    from sqlglot.tokens import Tokenizer

    words = [*FUNCTION_BY_NAME, *(word for phrase in Tokenizer.KEYWORDS for word in phrase.split())]
    return frozenset(word.upper() for word in words)


def _quoted(paragraph: str, position: int) -> str:
    """The surroundings of a place, on one line."""
    before = paragraph[max(0, position - 15) : position].split("\n")[-1]
    return "'" + " ".join((before + paragraph[position : position + 40].split("\n")[0]).split()) + "'"
