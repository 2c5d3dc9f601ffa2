"""Texts that a model writes from passages: the gate, and what a failing service leaves for the next run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retriver.errors import SearchError
from retriver.gate import Gate, UnsureError
from retriver.grounding import EXTRACTIVE, MOST_REFUSED, Grounder
from retriver.local_models import NO_MODEL
from retriver.r2r_rag import RagAnswer
from retriver.writing import GroundedWriter, R2RWriter, Written
from tests.generation.support import PASSAGES, FixedRetriever, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini
from utils.core.console import UserError
from utils.core.paths import WorkDir
from utils.core.questions import QuestionRow
from utils.core.records import Answer, Example, Passage, Question
from utils.databases.catalog import DatabaseEntry, built_in_entries
from utils.programs.compiler import ProgramCompiler

GROUNDED = "COUNT(x) counts [1]."
ROW = QuestionRow(Question(question_id="b", db_name="", question="How do I count?", tags=["COUNT"], source="b.csv:2"))
EXAMPLE = Example(
    question_id="e",
    db_name="tpch",
    question="How many nations?",
    status="accepted",
    program="result = TPCH.CALCULATE(n=COUNT(nations))",
)


@pytest.fixture(scope="module")
def gate(databases: WorkDir) -> Iterator[Gate]:
    with ProgramCompiler(workers=1) as compiler, Gate(compiler, built_in_entries(databases)) as gate:
        yield gate


def _written(gate: Gate, folder: Path, *script: Any, **server: Any) -> tuple[Written, list[list[str]]]:
    async def main(loopback: LoopbackGemini) -> Written:
        async with engine_on(loopback, folder) as engine:
            writer = GroundedWriter(engine, "gemini-test", gate)
            return await writer.write("How do I count?", ["COUNT"], PASSAGES)

    with LoopbackGemini({"How do I count?": script}, **server) as loopback:
        written = asyncio.run(main(loopback))
        return written, [[turn["parts"][0]["text"] for turn in item.body["contents"]] for item in loopback.requests]


def test_a_grounded_text_is_taken(gate: Gate, tmp_path: Path) -> None:
    written, asked = _written(gate, tmp_path, f"\n{GROUNDED}\n")
    assert written == Written(GROUNDED, "gemini-test#1")
    assert len(asked) == 1 and "COUNT(x) counts." in asked[0][0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("COUNT(x) counts.", "no passage is cited"),
        ("COUNT(x) counts [2].", "cited but not among the passages: [2]"),
        ("Use TOTAL(x) [1].", "named but in no passage: TOTAL"),
        ("COUNT(x) counts [1].\n\n```python\nresult = nations(n=COUNT(customers))\n```", "does not compile"),
    ],
)
def test_an_ungrounded_text_is_asked_for_once_more_with_the_reason(
    gate: Gate, tmp_path: Path, bad: str, reason: str
) -> None:
    written, asked = _written(gate, tmp_path, bad, GROUNDED)
    assert written == Written(GROUNDED, "gemini-test#2")
    assert asked[1][:2] == [asked[0][0], bad]
    assert reason in asked[1][2]


def test_a_text_that_stays_ungrounded_is_dropped(gate: Gate, tmp_path: Path) -> None:
    written, asked = _written(gate, tmp_path, "Use TOTAL(x) [1].", "Use TALLY(x) [1].", GROUNDED)
    assert (written.text, written.origin, written.unanswered) == ("", "", False)
    assert written.problem.startswith("not grounded after two attempts: named but in no passage: TALLY; ")
    assert len(asked) == 2


def test_a_withheld_text_is_dropped_and_a_service_that_fails_is_told_apart(gate: Gate, tmp_path: Path) -> None:
    written, _asked = _written(gate, tmp_path, {"finish": "SAFETY"})
    assert (written.problem, written.unanswered) == ("the model gave no answer (safety SAFETY)", False)
    written, _asked = _written(gate, tmp_path, GROUNDED, faults=[Fault("status", status=500)] * 2)
    assert (written.problem, written.unanswered) == (
        "the model did not answer (server_error: HTTP 500: scripted fault)",
        True,
    )


class _Writer:
    def __init__(self, written: Written) -> None:
        self._written = written

    async def write(self, subject: str, terms: list[str], passages: list[Passage], entry: Any) -> Written:
        return self._written


class _BrokenRetriever:
    def search(self, query: str, limit: int) -> list[Passage]:
        raise SearchError("the server is down")


def _grounder(gate: Gate, written: Written | None = None, retriever: Any = None) -> Grounder:
    writer: Any = _Writer(written) if written else None
    return Grounder(retriever or FixedRetriever(), writer, gate, "1.0.33")


def _answer(grounder: Grounder, row: QuestionRow = ROW) -> Answer:
    return asyncio.run(grounder.answer(row))


def _document(grounder: Grounder, entry: DatabaseEntry) -> Example:
    return asyncio.run(grounder.document(EXAMPLE, frozenset(["nations", "TPCH"]), entry))


@pytest.fixture
def entry(databases: WorkDir) -> DatabaseEntry:
    return built_in_entries(databases)["tpch"]


def test_without_a_model_the_passages_speak_for_themselves(gate: Gate, entry: DatabaseEntry) -> None:
    answer = _answer(_grounder(gate))
    assert (answer.status, answer.origin, answer.source) == ("answered", EXTRACTIVE, "b.csv:2")
    assert "COUNT(x) counts." in answer.answer and "Source: a.md > COUNT" in answer.answer
    example = _document(_grounder(gate), entry)
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
def test_an_answers_status(gate: Gate, written: Written, status: str) -> None:
    answer = _answer(_grounder(gate, written))
    assert (answer.status, answer.answer, answer.detail) == (status, written.text, written.problem)


def test_answers_that_cannot_be_looked_up(gate: Gate) -> None:
    assert _answer(_grounder(gate, retriever=FixedRetriever([]))).status == "no_passages"
    answer = _answer(_grounder(gate, retriever=_BrokenRetriever()))
    assert (answer.status, answer.detail) == ("error", "the server is down")
    answer = _answer(_grounder(gate), QuestionRow(ROW.question, "b.csv:2: duplicate"))
    assert (answer.status, answer.detail, answer.answer) == ("invalid", "b.csv:2: duplicate", "")


def test_what_a_service_left_undocumented_is_counted_and_the_program_stays_accepted(
    gate: Gate, entry: DatabaseEntry
) -> None:
    for grounder, undocumented, detail in (
        (_grounder(gate, Written("text", "gemini#1")), 0, ""),
        (_grounder(gate, Written(problem="not grounded")), 0, "no documentation: not grounded"),
        (_grounder(gate, Written(problem="down", unanswered=True)), 1, "no documentation: down"),
        (_grounder(gate, retriever=_BrokenRetriever()), 1, "no documentation: the server is down"),
        (_grounder(gate, Written("text"), FixedRetriever([])), 0, "no documentation: nothing in the manual matches"),
    ):
        example = _document(grounder, entry)
        assert (example.accepted, example.detail, grounder.undocumented) == (True, detail, undocumented)
        assert bool(example.documentation) == (not detail)


DEAD = Passage(passage_id="2", path="old.md > COUNT", text="```python\nresult = nations(name=name)\n```\nCOUNT(x)")


def test_a_passage_with_dead_code_is_left_out_and_the_next_one_taken(gate: Gate, entry: DatabaseEntry) -> None:
    answer = _answer(_grounder(gate, retriever=FixedRetriever([DEAD, *PASSAGES])))
    assert (answer.status, answer.passages) == ("answered", PASSAGES)
    assert "nations(name" not in answer.answer
    example = _document(_grounder(gate, retriever=FixedRetriever([DEAD, *PASSAGES])), entry)
    assert (example.passages, example.detail) == (PASSAGES, "")


@pytest.mark.parametrize("written", [None, Written("text", "gemini#1")])
def test_a_machine_too_slow_to_compile_leaves_the_row_for_another_run(
    gate: Gate, entry: DatabaseEntry, monkeypatch: pytest.MonkeyPatch, written: Written | None
) -> None:
    async def too_slow(*_: Any, **__: Any) -> list[str]:
        raise UnsureError("could not be compiled: 'x': stopped at the wall-clock limit")

    monkeypatch.setattr(gate, "problems", too_slow)
    answer = _answer(_grounder(gate, written))
    assert answer.status == "error" and "wall-clock" in answer.detail
    grounder = _grounder(gate, written)
    assert "wall-clock" in _document(grounder, entry).detail and grounder.undocumented == 1


def test_a_writer_whose_text_could_not_be_compiled_leaves_the_row_for_another_run(gate: Gate) -> None:
    class Unsure:
        async def write(self, subject: str, terms: list[str], passages: list[Passage], entry: Any) -> Written:
            raise UnsureError("could not be compiled")

    assert _answer(Grounder(FixedRetriever(), Unsure(), gate, "1.0.33")).status == "error"


@pytest.mark.parametrize("dead", [60, 300])
def test_other_passages_are_taken_until_enough_pass(gate: Gate, entry: DatabaseEntry, dead: int) -> None:
    """The last one passes; it is not looked for behind hundreds that do not."""
    bad = [
        Passage(passage_id=f"d{n}", path="a.md > COUNT", text="COUNT(x) counts, LIMIT(5) cuts.") for n in range(dead)
    ]
    found = PASSAGES if dead < MOST_REFUSED else []
    answer = _answer(_grounder(gate, retriever=FixedRetriever([*bad, *PASSAGES])))
    assert answer.passages == found
    example = _document(_grounder(gate, retriever=FixedRetriever([*bad, *PASSAGES])), entry)
    assert example.passages == found


def test_headings_and_open_code_blocks_are_read_as_they_are_stored(gate: Gate) -> None:
    heading = Passage(passage_id="3", path="a.md > COUNT with LIMIT(5)", text="COUNT(x) counts.")
    answer = _answer(_grounder(gate, retriever=FixedRetriever([heading, *PASSAGES])))
    assert answer.passages == PASSAGES
    opened = Passage(passage_id="4", path="a.md > COUNT", text=f"COUNT(x):\n\n```python\n{EXAMPLE.program}")
    answer = _answer(_grounder(gate, retriever=FixedRetriever([opened])))
    assert answer.passages == [opened]
    assert f"{EXAMPLE.program}\n```\n\nSource: a.md > COUNT" in answer.answer


def test_soft_hyphens_are_dropped_from_what_is_stored(gate: Gate) -> None:
    soft = PASSAGES[0].model_copy(update={"text": "COUNT(x) co\u00adunts."})
    answer = _answer(_grounder(gate, retriever=FixedRetriever([soft])))
    assert answer.passages == PASSAGES and "COUNT(x) counts." in answer.answer


def test_without_a_model_an_answer_quotes_what_its_row_is_tagged_with(gate: Gate) -> None:
    class TwoSections:
        def search(self, query: str, limit: int) -> list[Passage]:
            other = Passage(passage_id="9", path="a.md > SUM", text="SUM(x) adds.")
            return PASSAGES if query == "COUNT" else [other]

    assert _answer(_grounder(gate, retriever=TwoSections())).passages == PASSAGES
    written = _answer(_grounder(gate, Written("text", "gemini#1"), TwoSections()))
    assert [passage.passage_id for passage in written.passages] == ["1", "9"]


def test_documentation_reads_along_with_the_program(gate: Gate, entry: DatabaseEntry) -> None:
    count = Passage(passage_id="7", path="a.md > COUNT", text="COUNT(x) counts, in CALCULATE too.")  # explains most
    calculate = Passage(passage_id="8", path="a.md > CALCULATE", text="Names terms.")
    example = _document(_grounder(gate, retriever=FixedRetriever([count, calculate])), entry)
    assert example.passages == [calculate, count]


def test_where_no_passage_passes_the_reason_is_told(gate: Gate, entry: DatabaseEntry) -> None:
    answer = _answer(_grounder(gate, retriever=FixedRetriever([DEAD])))
    assert (answer.status, answer.answer, answer.passages) == ("no_passages", "", [])
    assert answer.detail.startswith("old.md > COUNT: does not compile: 'result = nations(name=name)'")
    example = _document(_grounder(gate, retriever=FixedRetriever([DEAD])), entry)
    assert example.accepted and not example.documentation
    assert example.detail.startswith("no documentation: old.md > COUNT: does not compile")


class _Server:
    """An R2R server that answers as scripted."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int, list[str]]] = []

    def rag(self, question: str, limit: int, terms: list[str]) -> RagAnswer:
        self.asked.append((question, limit, terms))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return RagAnswer(answer, PASSAGES, [1])


def _from_r2r(gate: Gate, server: _Server) -> Written:
    return asyncio.run(R2RWriter(server, gate).write("How do I count?", ["COUNT"], [DEAD, DEAD]))


def test_what_an_r2r_server_writes_passes_the_same_gate(gate: Gate) -> None:
    server = _Server("Use TOTAL(x) [1].", GROUNDED)
    assert _from_r2r(gate, server) == Written(GROUNDED, "r2r#2", passages=PASSAGES)
    assert server.asked[0] == ("How do I count?", 2, ["COUNT"])
    assert "named but in no passage: TOTAL" in server.asked[1][0]
    dropped = _from_r2r(gate, _Server("Use TOTAL(x) [1].", "COUNT(x) counts [7]."))
    assert dropped.problem == "not grounded after two attempts: cited but not among the passages: [7]"
    assert _from_r2r(gate, _Server(SearchError("down"))) == Written(problem="down", unanswered=True)


def test_a_server_without_a_model_ends_the_run(gate: Gate) -> None:
    with pytest.raises(UserError, match="no language model"):
        _from_r2r(gate, _Server(f"{NO_MODEL}\n\nCOUNT(x) counts [1]."))


def test_a_server_that_answers_nobody_ends_the_run(gate: Gate, entry: DatabaseEntry) -> None:
    class Refusing:
        def search(self, query: str, limit: int) -> list[Passage]:
            raise SearchError("the key was refused", fatal=True)

    with pytest.raises(SearchError, match="refused"):
        _answer(_grounder(gate, retriever=Refusing()))
    with pytest.raises(SearchError, match="refused"):
        _document(_grounder(gate, retriever=Refusing()), entry)
    with pytest.raises(SearchError, match="refused"):
        _from_r2r(gate, _Server(SearchError("the key was refused", fatal=True)))
