"""The manual: every program in it runs (or fails, where it says so), and nothing of the language is left out.

Marks in a program's comments: `# database: broker` and `# dialect: duckdb` choose where it runs (TPC-H on SQLite
otherwise); `# wrong: why` must fail; `# wrong silently: why` runs, and gives something else than the program
after it in the same section.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

import pydough.pydough_operators
import pytest
from pydough.unqualified import UnqualifiedNode

from retriver.chunks import chunk_folder
from utils.core.paths import KNOWLEDGE_DIR, QUESTIONS_DIR, WorkDir
from utils.core.questions import LANGUAGE_COLUMNS, read_questions
from utils.databases.catalog import built_in_entries
from utils.programs.allowlist import check_program
from utils.programs.compile import config_names, pydough_version
from utils.programs.engine import Engine, open_engine

LIMIT_S = 20.0
SECTION_CHARACTERS = (400, 1800)
SYMBOLS = ["+", "-", "*", "/", "**", "%", "==", "!=", "<", "<=", ">", ">=", "&", "|", "~", "^"]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^# (database|dialect|wrong|wrong silently): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    place: str
    heading: str
    text: str
    asked: tuple[str, ...]


@dataclass(frozen=True)
class Snippet:
    """A program of the manual; `better` is the right program that follows a silently wrong one."""

    place: str
    program: str
    database: str
    kind: str
    better: str = ""


def _sections() -> list[Section]:
    parts: dict[str, Section] = {}
    for chunk in chunk_folder(KNOWLEDGE_DIR):
        before = parts[chunk.path].text + "\n\n" if chunk.path in parts else ""
        parts[chunk.path] = Section(
            f"{chunk.file_name} > {chunk.heading}", chunk.heading, before + chunk.text, tuple(chunk.asked)
        )
    return list(parts.values())


def _snippets(section: Section) -> list[Snippet]:
    found: list[Snippet] = []
    for language, body in reversed(_FENCE.findall(section.text)):
        if language != "python":
            continue
        marks = dict(_MARK.findall(body))
        database = marks.get("database", "tpch") + ("_duckdb" if marks.get("dialect") == "duckdb" else "")
        kind = next((mark for mark in ("wrong", "wrong silently") if mark in marks), "right")
        better = next((later.program for later in reversed(found) if later.kind == "right"), "")
        found.append(Snippet(section.place, body, database, kind, better if kind == "wrong silently" else ""))
    return found[::-1]


SECTIONS = _sections()
SNIPPETS = [snippet for section in SECTIONS for snippet in _snippets(section)]


def _of_kind(kind: str) -> Any:
    chosen = [snippet for snippet in SNIPPETS if snippet.kind == kind]
    return pytest.mark.parametrize("snippet", chosen, ids=[snippet.place for snippet in chosen])


@pytest.fixture(scope="module")
def engines(databases: WorkDir) -> dict[str, Engine]:
    return {name: open_engine(entry) for name, entry in built_in_entries(databases).items()}


def _rows(engines: dict[str, Engine], snippet: Snippet, program: str) -> list[tuple[Any, ...]]:
    check_program(program)
    engine = engines[snippet.database]
    return engine.run_sql(engine.compile_program(program), LIMIT_S).rows


@_of_kind("right")
def test_right_program_gives_rows(snippet: Snippet, engines: dict[str, Engine]) -> None:
    assert _rows(engines, snippet, snippet.program)


@_of_kind("wrong")
def test_wrong_program_fails(snippet: Snippet, engines: dict[str, Engine]) -> None:
    with pytest.raises(Exception):  # noqa: B017 - which error it is depends on who refuses the program
        _rows(engines, snippet, snippet.program)


@_of_kind("wrong silently")
def test_silently_wrong_program_differs_from_the_better_one(snippet: Snippet, engines: dict[str, Engine]) -> None:
    assert snippet.better, "a silently wrong program needs a right one after it"
    assert _rows(engines, snippet, snippet.program) != _rows(engines, snippet, snippet.better)


def _cut_of(program: str) -> tuple[int, str] | None:
    """The k of a program that ends in TOP_K, and the program with ORDER_BY in its place."""
    tree = ast.parse(program)
    last = tree.body[-1]
    call = last.value if isinstance(last, ast.Assign) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "TOP_K":
        return None
    count, by = call.args[0], call.keywords[0].value
    assert isinstance(count, ast.Constant) and isinstance(count.value, int)
    call.func.attr, call.args, call.keywords = "ORDER_BY", by.elts if isinstance(by, ast.Tuple) else [by], []
    return count.value, ast.unparse(tree)


CUT = [(snippet, *cut) for snippet in SNIPPETS if snippet.kind == "right" and (cut := _cut_of(snippet.program))]


@pytest.mark.parametrize(("snippet", "count", "sorted_program"), CUT, ids=[snippet.place for snippet, *_ in CUT])
def test_top_k_gives_the_first_of_all_rows(
    snippet: Snippet, count: int, sorted_program: str, engines: dict[str, Engine]
) -> None:
    """PyDough 1.0.33 can cut before it filters; the manual must not teach such a program."""
    assert _rows(engines, snippet, snippet.program) == _rows(engines, snippet, sorted_program)[:count]


def test_there_are_enough_programs() -> None:
    assert sum(snippet.kind == "right" for snippet in SNIPPETS) >= 200


OPERATORS = sorted(pydough.pydough_operators.builtin_registered_operators())
METHODS = [name for name in dir(UnqualifiedNode) if name.isupper() and not name.startswith("_")]


@pytest.mark.parametrize("name", sorted({*OPERATORS, *METHODS}))
def test_operator_and_method_has_a_section_of_its_own_that_is_complete(name: str) -> None:
    own = [section for section in SECTIONS if re.fullmatch(rf"{name}(: .+)?|\S+ \({name}\)", section.heading)]
    assert len(own) >= 1
    section = own[0]
    labels = re.findall(r"^- \*\*(\w+)\*\*:", section.text, re.MULTILINE)
    assert {"Signature", "Types", "Nulls", "Dialects", "Pitfalls"} <= set(labels)
    assert any(snippet.kind == "right" for snippet in _snippets(section))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.place)
def test_section_lists_other_ways_of_asking(section: Section) -> None:
    assert len(section.asked) >= 4


def test_the_cookbook_is_large_enough() -> None:
    recipes = [section for section in SECTIONS if section.place.startswith("11-cookbook.md")]
    assert len(recipes) >= 80


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_symbol_has_a_heading(symbol: str) -> None:
    assert any(symbol in re.split(r",? ", section.heading) for section in SECTIONS)


@pytest.mark.parametrize("name", config_names())
def test_setting_has_a_heading(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", section.heading) for section in SECTIONS)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.place)
def test_section_is_a_good_passage(section: Section) -> None:
    least, most = SECTION_CHARACTERS
    assert least <= len(section.heading) + len(section.text) <= most
    assert {language for language, _ in _FENCE.findall(section.text)} <= {"python", "text"}


def test_headings_are_unique() -> None:
    headings = [section.heading for section in SECTIONS]
    assert len(set(headings)) == len(headings)


def test_manual_states_the_version_it_is_written_for() -> None:
    assert pydough_version() in SECTIONS[0].text


def test_basic_questions_are_distinct_and_tagged_with_what_the_manual_explains() -> None:
    rows = list(read_questions([QUESTIONS_DIR / "basic_questions.csv"], LANGUAGE_COLUMNS))
    assert not [row.problem for row in rows if row.problem]
    words = {" ".join(re.findall(r"\w+", row.question.question.lower())) for row in rows}
    assert len(words) == len(rows) >= 250
    headings = {section.heading for section in SECTIONS}
    names = {word for heading in headings for word in re.findall(r"\b[A-Z_]{2,}\b", heading)}
    tags = {tag for row in rows for tag in row.question.tags}
    assert tags <= headings | names
    assert not {heading for heading in headings - tags if not tags & set(re.findall(r"\w+", heading))}
