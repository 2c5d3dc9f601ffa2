from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from utils.core.paths import WorkDir
from utils.core.questions import CORPUS, QuestionRow
from utils.core.records import Example, Question, Verdict
from utils.databases.catalog import built_in_entries
from utils.generation.examples import CorpusProver, proven_or_not, unproven
from utils.proof.runner import Prover
from utils.proof.settings import DEFAULT_INSTANCES

QUESTION = Question(
    question_id="q",
    db_name=" TPCH ",
    question="How many nations?",
    gold_sql="SELECT COUNT(*) FROM nation",
    pydough="result = TPCH.CALCULATE(n=COUNT(nations))",
    source="q.csv:2",
    is_benchmark=True,
)


@pytest.fixture(scope="module")
def corpus(databases: WorkDir) -> Iterator[CorpusProver]:
    with Prover(workers=1) as prover:
        yield CorpusProver(prover, built_in_entries(databases), "1.0.33")


def _prove(corpus: CorpusProver, problem: str = "", **changes: Any) -> Example:
    return asyncio.run(corpus.prove(QuestionRow(QUESTION.model_copy(update=changes), problem)))


def test_a_right_program_is_accepted(corpus: CorpusProver) -> None:
    example = _prove(corpus)
    assert (example.status, example.tier, example.origin, example.attempts) == ("accepted", "gold", CORPUS, 1)
    assert (example.db_name, example.source, example.is_benchmark) == ("tpch", "q.csv:2", True)
    assert example.verdict is not None and example.verdict.status == "match"
    assert example.verdict.instances_passed == example.verdict.instances_tried == 1 + DEFAULT_INSTANCES


@pytest.mark.parametrize(
    ("changes", "status", "detail"),
    [
        ({"pydough": "result = TPCH.CALCULATE(n=COUNT(regions))"}, "mismatch", ""),
        ({"pydough": "import os\nresult = nations"}, "unsafe", ""),
        ({"pydough": "result = ("}, "code_error", ""),
        ({"gold_sql": "SELECT"}, "gold_error", ""),
        ({"gold_sql": "SELECT 1 WHERE 0"}, "degenerate", ""),
        ({"gold_sql": None}, "no_gold", "add column gold_sql"),
        ({"pydough": None}, "no_program", "`--provider gemini` asks for one"),
        ({"db_name": "planets"}, "invalid", "q.csv:2: unknown database 'planets'"),
    ],
)
def test_every_other_row_keeps_its_reason(corpus: CorpusProver, changes: dict, status: str, detail: str) -> None:
    example = _prove(corpus, **changes)
    assert (example.status, example.tier) == (status, None)
    assert not example.accepted
    assert detail in example.detail
    if not detail:
        assert example.verdict is not None and example.verdict.detail and example.verdict.status == status


def test_a_row_at_fault_is_not_run(corpus: CorpusProver) -> None:
    example = _prove(corpus, problem="q.csv:2: duplicate question_id 'q'")
    assert (example.status, example.detail, example.verdict) == ("invalid", "q.csv:2: duplicate question_id 'q'", None)


@pytest.mark.parametrize(
    "status", ["mismatch", "code_error", "gold_error", "unsafe", "timeout", "degenerate", "infra_error"]
)
def test_only_a_match_is_accepted(status: Any) -> None:
    example = proven_or_not(QUESTION, "result = 1", Verdict(status=status), CORPUS, 1, "1.0.33")
    assert (example.status, example.accepted, example.tier) == (status, False, None)
    assert proven_or_not(QUESTION, "result = 1", Verdict(status="match"), CORPUS, 1, "1.0.33").accepted


def test_the_same_proof_makes_the_same_line_however_long_it_took() -> None:
    quick, slow = (
        proven_or_not(QUESTION, "result = 1", Verdict(status="match", ms=ms), CORPUS, 1, "1.0.33") for ms in (1.5, 99.0)
    )
    assert quick.model_dump_json() == slow.model_dump_json()


def test_an_unproven_row_keeps_all_of_its_question() -> None:
    example = unproven(QUESTION, "call_failed", "no luck", "gemini#2", 2)
    assert example.model_dump(include=set(Question.model_fields)) == QUESTION.model_dump()
    assert (example.status, example.detail, example.origin, example.attempts) == (
        "call_failed",
        "no luck",
        "gemini#2",
        2,
    )
