"""The corpus' 22 TPC-H benchmark rows against the answers that DuckDB's TPC-H extension keeps for scale 0.01."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import duckdb
import pytest

from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import read_questions
from utils.core.records import Question
from utils.databases.catalog import built_in_entries
from utils.databases.tpch import SCALE_FACTOR, extension_file
from utils.programs.engine import Engine, open_engine
from utils.proof.values import canonical_rows

QUERY_NUMBERS = range(1, 23)
LIMIT_S = 120.0
# At scale 0.01 the validation parameters of these two leave nothing to add up (an answer of zeros, and of null),
# which would prove nothing about a program; the corpus asks with other parameters, the kept answers with these.
VALIDATION_PARAMETERS = {
    8: {"UNITED STATES": "BRAZIL", "STANDARD BRUSHED STEEL": "ECONOMY ANODIZED STEEL"},
    17: {"Brand#44": "Brand#23", "WRAP CAN": "MED BOX"},
}


def answer_rows(answer: str) -> list[list[str]]:
    """The rows of an answer: `|` between fields, the header dropped; an empty line is a row with one null."""
    return [line.split("|") for line in answer.splitlines()[1:]]


def cell_agrees(text: str, value: Any) -> bool:
    """Whether a result's cell is what the answer's text says: no text is null, numbers agree to eleven digits."""
    if value is None:
        return text == ""
    if isinstance(value, int | float):
        try:
            return math.isclose(float(text), value, rel_tol=1e-11, abs_tol=1e-11)
        except ValueError:
            return False
    return text.rstrip() == str(value).rstrip()


def first_difference(expected: Sequence[Sequence[str]], rows: Sequence[Sequence[Any]]) -> str:
    """The first place where the rows differ from the answer, in order; empty when all agree."""
    for number, (wanted, row) in enumerate(zip(expected, rows, strict=False), start=1):
        if len(wanted) != len(row) or not all(map(cell_agrees, wanted, row)):
            return f"row {number}: expected {wanted}, found {row}"
    return "" if len(expected) == len(rows) else f"expected {len(expected)} rows, found {len(rows)}"


def with_validation_parameters(text: str | None, number: int) -> str:
    """A program or a gold query, asked with the parameters that the kept answer belongs to."""
    assert text
    for ours, theirs in VALIDATION_PARAMETERS.get(number, {}).items():
        assert ours in text
        text = text.replace(ours, theirs)
    return text


@pytest.fixture(scope="module")
def answers() -> dict[int, str]:
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.load_extension(str(extension_file()))
        kept = "SELECT query_nr, answer FROM tpch_answers() WHERE scale_factor = ?"
        return dict(connection.execute(kept, [SCALE_FACTOR]).fetchall())


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Question]:
    rows = [row.question for row in read_questions([QUESTIONS_DIR / "tpch.csv"])]
    return {question.question_id: question for question in rows if question.is_benchmark}


@pytest.fixture(scope="module")
def sqlite_engine(databases: WorkDir) -> Engine:
    return open_engine(built_in_entries(databases)["tpch"])


@pytest.fixture(scope="module")
def duckdb_engine(databases: WorkDir) -> Engine:
    return open_engine(built_in_entries(databases)["tpch_duckdb"])


def test_the_benchmark_is_the_22_queries(benchmark: dict[str, Question], answers: dict[int, str]) -> None:
    assert sorted(benchmark) == [f"tpch_q{number:02d}" for number in QUERY_NUMBERS]
    assert sorted(answers) == list(QUERY_NUMBERS)


@pytest.mark.parametrize("number", QUERY_NUMBERS)
def test_program_gives_the_kept_answer_on_sqlite(
    number: int, benchmark: dict[str, Question], answers: dict[int, str], sqlite_engine: Engine
) -> None:
    program = with_validation_parameters(benchmark[f"tpch_q{number:02d}"].pydough, number)
    result = sqlite_engine.run_sql(sqlite_engine.compile_program(program), LIMIT_S)
    assert first_difference(answer_rows(answers[number]), canonical_rows(result.rows)) == ""


@pytest.mark.parametrize("number", QUERY_NUMBERS)
def test_program_gives_the_kept_answer_on_duckdb(
    number: int, benchmark: dict[str, Question], answers: dict[int, str], duckdb_engine: Engine
) -> None:
    program = with_validation_parameters(benchmark[f"tpch_q{number:02d}"].pydough, number)
    result = duckdb_engine.run_sql(duckdb_engine.compile_program(program), LIMIT_S)
    assert first_difference(answer_rows(answers[number]), canonical_rows(result.rows)) == ""


@pytest.mark.parametrize("number", QUERY_NUMBERS)
def test_gold_gives_the_kept_answer(
    number: int, benchmark: dict[str, Question], answers: dict[int, str], sqlite_engine: Engine
) -> None:
    gold = with_validation_parameters(benchmark[f"tpch_q{number:02d}"].gold_sql, number)
    result = sqlite_engine.run_sql(gold, LIMIT_S)
    assert first_difference(answer_rows(answers[number]), canonical_rows(result.rows)) == ""


@pytest.mark.parametrize(
    ("answer", "rows", "found"),
    [
        ("a|b\nx |1.50\ny|2\n", [("x", 1.5), ("y", 2)], ""),
        ("a\n\n", [(None,)], ""),
        ("a\n0.0\n", [(None,)], "row 1"),
        ("a\n\n", [(0.0,)], "row 1"),
        ("a\n267010.5894\n", [(267010.5895,)], "row 1"),
        ("a\n1995-03-11\n", [("1995-03-12",)], "row 1"),
        ("a\nx\ny\n", [("y",), ("x",)], "row 1"),
        ("a\nx\n", [("x",), ("y",)], "expected 1 rows, found 2"),
        ("a|b\nx|1\n", [("x",)], "row 1"),
    ],
)
def test_differences_from_an_answer_are_told(answer: str, rows: list[tuple[Any, ...]], found: str) -> None:
    told = first_difference(answer_rows(answer), rows)
    assert told.startswith(found) and bool(told) == bool(found)
