from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.questions import normal_question
from utils.core.records import Example
from utils.dataset.duplicates import DuplicateFinder
from utils.programs.source import ProgramError


def _example(name: str, question: str, program: str = "", **more: Any) -> Example:
    program = program or f"result = nations.WHERE(name == {name!r})"
    return Example(question_id=name, db_name="tpch", question=question, status="accepted", program=program, **more)


def _kept(*examples: Example) -> DuplicateFinder:
    finder = DuplicateFinder()
    for example in examples:
        finder.keep(example)
    return finder


@pytest.mark.parametrize(
    ("question", "same"),
    [
        ("top 5 CITIES", True),
        ("Top 5  cities?", True),
        ("«Top 5 cities»…", True),
        ("Top 5\ncities", True),
        ("Top 50 cities", False),
        ("Top 5 city", False),
        ("Cities, top 5", False),
    ],
)
def test_case_punctuation_and_spacing_make_no_other_question(question: str, same: bool) -> None:
    finder = _kept(_example("first", "Top 5 cities?"))
    assert finder.earlier(_example("second", question)) == ("same question as first" if same else None)


@pytest.mark.parametrize(
    ("program", "same"),
    [
        ("result = parts  # all of them", True),
        ("everything = parts\nresult = everything", False),  # another normal form, so another program
        ("result = (\n    parts\n)", True),
        ("result = nations", False),
    ],
)
def test_formatting_and_comments_make_no_other_program(program: str, same: bool) -> None:
    finder = _kept(_example("first", "All parts?", "result = parts"))
    assert finder.earlier(_example("second", "Which parts are there?", program)) == (
        "same program as first" if same else None
    )


def test_variable_names_make_no_other_program() -> None:
    finder = _kept(_example("first", "A", "a = parts\nresult = a"))
    assert finder.earlier(_example("second", "B", "b = parts\nresult = b")) == "same program as first"


def test_definitions_are_part_of_the_question() -> None:
    finder = _kept(_example("first", "What is AR?", definitions="AR = account revenue"))
    assert finder.earlier(_example("second", "What is AR?", definitions="AR = average rating")) is None
    assert (
        finder.earlier(_example("second", "What is AR?", definitions="AR: account revenue")) == "same question as first"
    )


def test_another_database_is_another_row() -> None:
    finder = _kept(_example("first", "How many?", "result = parts"))
    other = _example("second", "How many?", "result = parts").model_copy(update={"db_name": "tpch_duckdb"})
    assert finder.earlier(other) is None


def test_only_what_is_kept_is_repeated() -> None:
    finder = DuplicateFinder()
    example = _example("first", "How many?")
    assert finder.earlier(example) is None
    assert finder.earlier(example) is None
    finder.keep(example)
    assert finder.earlier(_example("second", "how many")) == "same question as first"


def test_a_program_that_does_not_parse_is_an_error() -> None:
    with pytest.raises(ProgramError):
        DuplicateFinder().earlier(_example("first", "How many?", "result = ("))


@given(st.text())
def test_a_normal_question_is_its_own_normal_form(text: str) -> None:
    assert normal_question(normal_question(text)) == normal_question(text)
    assert normal_question(f"  {text}?! ") == normal_question(text)
