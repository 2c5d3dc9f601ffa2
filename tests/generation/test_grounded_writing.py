"""Texts that a model writes from passages: the gate, and what a failing service leaves for the next run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from retriver.grounding import EXTRACTIVE, Grounder
from retriver.writing import GroundedWriter, Written
from tests.generation.support import PASSAGES, FixedRetriever, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini
from utils.core.console import UserError
from utils.core.questions import QuestionRow
from utils.core.records import Answer, Example, Passage, Question

GROUNDED = "COUNT(x) counts [1]."
ROW = QuestionRow(Question(question_id="b", db_name="", question="How do I count?", tags=["COUNT"], source="b.csv:2"))
EXAMPLE = Example(
    question_id="e",
    db_name="tpch",
    question="How many nations?",
    status="accepted",
    program="result = TPCH.CALCULATE(n=COUNT(nations))",
)


def _written(folder: Path, *script: Any, **server: Any) -> tuple[Written, list[list[str]]]:
    async def main(loopback: LoopbackGemini) -> Written:
        async with engine_on(loopback, folder) as engine:
            return await GroundedWriter(engine, "gemini-test").write("How do I count?", ["COUNT"], PASSAGES)

    with LoopbackGemini({"How do I count?": script}, **server) as loopback:
        written = asyncio.run(main(loopback))
        return written, [[turn["parts"][0]["text"] for turn in item.body["contents"]] for item in loopback.requests]


def test_a_grounded_text_is_taken(tmp_path: Path) -> None:
    written, asked = _written(tmp_path, f"\n{GROUNDED}\n")
    assert written == Written(GROUNDED, "gemini-test#1")
    assert len(asked) == 1 and "COUNT(x) counts." in asked[0][0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("COUNT(x) counts.", "no passage is cited"),
        ("COUNT(x) counts [2].", "cited but not among the passages: [2]"),
        ("Use TOTAL(x) [1].", "named but in no passage: TOTAL"),
    ],
)
def test_an_ungrounded_text_is_asked_for_once_more_with_the_reason(tmp_path: Path, bad: str, reason: str) -> None:
    written, asked = _written(tmp_path, bad, GROUNDED)
    assert written == Written(GROUNDED, "gemini-test#2")
    assert asked[1][:2] == [asked[0][0], bad]
    assert reason in asked[1][2]


def test_a_text_that_stays_ungrounded_is_dropped(tmp_path: Path) -> None:
    written, asked = _written(tmp_path, "Use TOTAL(x) [1].", "Use TALLY(x) [1].", GROUNDED)
    assert (written.text, written.origin, written.unanswered) == ("", "", False)
    assert written.problem == "not grounded after two attempts: named but in no passage: TALLY"
    assert len(asked) == 2


def test_a_withheld_text_is_dropped_and_a_service_that_fails_is_told_apart(tmp_path: Path) -> None:
    written, _asked = _written(tmp_path, {"finish": "SAFETY"})
    assert (written.problem, written.unanswered) == ("the model gave no answer (safety SAFETY)", False)
    written, _asked = _written(tmp_path, GROUNDED, faults=[Fault("status", status=500)] * 2)
    assert (written.problem, written.unanswered) == (
        "the model did not answer (server_error: HTTP 500: scripted fault)",
        True,
    )


class _Writer:
    def __init__(self, written: Written) -> None:
        self._written = written

    async def write(self, subject: str, terms: list[str], passages: list[Passage]) -> Written:
        return self._written


class _BrokenRetriever:
    def search(self, query: str, limit: int) -> list[Passage]:
        raise UserError("the server is down")


def _grounder(written: Written | None = None, retriever: Any = None) -> Grounder:
    writer: Any = _Writer(written) if written else None
    return Grounder(retriever or FixedRetriever(), writer, "1.0.33")


def _answer(grounder: Grounder, row: QuestionRow = ROW) -> Answer:
    return asyncio.run(grounder.answer(row))


def _document(grounder: Grounder) -> Example:
    return asyncio.run(grounder.document(EXAMPLE, frozenset(["nations", "TPCH"])))


def test_without_a_model_the_passages_speak_for_themselves() -> None:
    answer = _answer(_grounder())
    assert (answer.status, answer.origin, answer.source) == ("answered", EXTRACTIVE, "b.csv:2")
    assert "COUNT(x) counts." in answer.answer and "Source: a.md > COUNT" in answer.answer
    example = _document(_grounder())
    assert "COUNT(x) counts." in example.documentation
    assert set(example.key_terms) == {"CALCULATE", "COUNT", "TPCH", "nations"}
    assert example.passages == PASSAGES


@pytest.mark.parametrize(
    ("written", "status"),
    [
        (Written("text", "gemini#1"), "answered"),
        (Written(problem="not grounded"), "rejected"),
        (Written(problem="down", unanswered=True), "error"),
    ],
)
def test_an_answers_status(written: Written, status: str) -> None:
    answer = _answer(_grounder(written))
    assert (answer.status, answer.answer, answer.detail) == (status, written.text, written.problem)


def test_answers_that_cannot_be_looked_up() -> None:
    assert _answer(_grounder(retriever=FixedRetriever([]))).status == "no_passages"
    answer = _answer(_grounder(retriever=_BrokenRetriever()))
    assert (answer.status, answer.detail) == ("error", "the server is down")
    answer = _answer(_grounder(), QuestionRow(ROW.question, "b.csv:2: duplicate"))
    assert (answer.status, answer.detail, answer.answer) == ("invalid", "b.csv:2: duplicate", "")


def test_what_a_service_left_undocumented_is_counted_and_the_program_stays_accepted() -> None:
    for grounder, undocumented, detail in (
        (_grounder(Written("text", "gemini#1")), 0, ""),
        (_grounder(Written(problem="not grounded")), 0, "no documentation: not grounded"),
        (_grounder(Written(problem="down", unanswered=True)), 1, "no documentation: down"),
        (_grounder(retriever=_BrokenRetriever()), 1, "no documentation: the server is down"),
        (_grounder(Written("text"), FixedRetriever([])), 0, "no documentation: nothing in the manual matches"),
    ):
        example = _document(grounder)
        assert (example.accepted, example.detail, grounder.undocumented) == (True, detail, undocumented)
        assert bool(example.documentation) == (not detail)
