"""The loop with real proof on a real database, and a scripted model behind the real SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.generation.support import FixedRetriever, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini
from utils.core.console import Interrupted, UserError
from utils.core.paths import WorkDir
from utils.core.records import Example, Question
from utils.databases.catalog import DatabaseEntry, built_in_entries
from utils.generation.loop import GenerationSettings, Generator
from utils.generation.similar import ExamplePool
from utils.proof.runner import Prover

TEXT = "How many nations are there?"
RIGHT = "result = TPCH.CALCULATE(n=COUNT(nations))"
WRONG = "result = TPCH.CALCULATE(n=COUNT(regions))"
QUESTION = Question(question_id="q", db_name="TPCH", question=TEXT, gold_sql="SELECT COUNT(*) FROM nation")
POOL = ExamplePool(
    [Example(question_id="e", db_name="tpch", question="How many parts?", status="accepted", program="result = parts")]
)


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover(workers=1) as prover:
        yield prover


@pytest.fixture
def entry(databases: WorkDir) -> DatabaseEntry:
    return built_in_entries(databases)["tpch"]


class Model:
    """A server with a script for TEXT, and the loop asking it."""

    def __init__(self, prover: Prover, entry: DatabaseEntry, folder: Path, *script: Any, **server: Any) -> None:
        self._prover, self._entry, self._folder = prover, entry, folder
        self._script, self._options = script, server
        self.retriever = FixedRetriever()
        self.requests: list[dict[str, Any]] = []

    def generate(self, question: Question = QUESTION, **settings: Any) -> Example:
        async def main(server: LoopbackGemini) -> Example:
            async with engine_on(server, self._folder) as engine:
                generation = GenerationSettings(**({"model": "gemini-test", "pydough_version": "1.0.33"} | settings))
                loop = Generator(
                    engine, self._prover, self.retriever, POOL, lambda entry: f"# {entry.name}", generation
                )
                return await loop.generate(question, self._entry)

        with LoopbackGemini({TEXT: self._script}, **self._options) as server:
            try:
                return asyncio.run(main(server))
            finally:
                self.requests += [request.body for request in server.requests]


@pytest.fixture
def model(prover: Prover, entry: DatabaseEntry, tmp_path: Path) -> Any:
    return lambda *script, **server: Model(prover, entry, tmp_path, *script, **server)


@pytest.mark.parametrize("reply", [RIGHT, f"```python\n{RIGHT}\n```", f"Here it is:\n```\n{RIGHT}\n```\nThat is all."])
def test_a_right_answer_is_accepted_at_once(model, reply: str) -> None:
    asked = model(reply)
    example = asked.generate()
    assert (example.status, example.program, example.attempts) == ("accepted", RIGHT, 1)
    assert (example.tier, example.origin, example.pydough_version) == ("gold", "gemini-test#1", "1.0.33")
    assert example.db_name == "tpch"  # as the database is called, not as the row spelt it
    assert example.verdict is not None and example.verdict.ms == 0  # else no two runs would write the same
    assert len(asked.requests) == 1


def test_a_repair_goes_on_with_the_conversation(model) -> None:
    asked = model(WRONG, "result = TPCH.CALCULATE(n=COUNT(nowhere))", RIGHT)
    example = asked.generate()
    assert (example.status, example.attempts, example.origin) == ("accepted", 3, "gemini-test#3")
    first, second, third = (request["contents"] for request in asked.requests)
    assert (second[:1], third[:3]) == (first, second)
    assert second[1] == {"role": "model", "parts": [{"text": WRONG}]}
    assert "What happened: " in second[2]["parts"][0]["text"] and "25" in second[2]["parts"][0]["text"]
    assert "Error: " in third[4]["parts"][0]["text"] and "nowhere" in third[4]["parts"][0]["text"]
    assert all(request["systemInstruction"] == asked.requests[0]["systemInstruction"] for request in asked.requests)
    [first_query, for_error] = asked.retriever.queries  # only an error makes the manual be searched again
    assert first_query == (TEXT, 6)
    assert "nowhere" in for_error[0]


@pytest.mark.parametrize("repairs", [0, 1, 3])
def test_the_repairs_are_counted(model, repairs: int) -> None:
    asked = model(*[WRONG.replace("n=", f"n{index}=") for index in range(9)])
    example = asked.generate(repairs=repairs)
    assert (example.status, example.attempts, len(asked.requests)) == ("mismatch", repairs + 1, repairs + 1)
    assert example.program == WRONG.replace("n=", f"n{repairs}=")
    assert example.tier is None


def test_what_is_unsafe_is_not_run_and_may_be_put_right(model, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    unsafe = f"open({str(trace)!r}, 'w')\nresult = TPCH.CALCULATE(n=COUNT(nations))"
    example = model(unsafe, RIGHT).generate()
    assert (example.status, example.attempts) == ("accepted", 2)
    assert model(unsafe).generate(temperature=0.9).status == "unsafe"  # another prompt: nothing is known of it
    assert not trace.exists()


@pytest.mark.parametrize(("gold", "status"), [("SELECT broken", "gold_error"), ("SELECT 1 WHERE 1 = 0", "degenerate")])
def test_what_no_program_can_help_is_not_repaired(model, gold: str, status: str) -> None:
    asked = model(RIGHT)
    example = asked.generate(QUESTION.model_copy(update={"gold_sql": gold}))
    assert (example.status, len(asked.requests)) == (status, 1)


def test_without_gold_nothing_is_asked(model) -> None:
    asked = model(RIGHT)
    assert asked.generate(QUESTION.model_copy(update={"gold_sql": None})).status == "no_gold"
    assert asked.requests == []


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        ({"finish": "SAFETY"}, "safety SAFETY"),
        ({"blocked": "BLOCKLIST"}, "blocked BLOCKLIST"),
        ({"finish": "MAX_TOKENS", "text": RIGHT}, "max_tokens MAX_TOKENS"),
        ("", "empty STOP"),
    ],
)
def test_no_answer_is_a_failed_call(model, reply: Any, detail: str) -> None:
    example = model(reply).generate()
    assert (example.status, example.detail, example.program, example.attempts) == ("call_failed", detail, None, 1)


def test_an_answer_withheld_in_a_repair_costs_the_row(model) -> None:
    example = model(WRONG, {"finish": "RECITATION"}).generate()
    assert (example.status, example.attempts, example.program) == ("call_failed", 2, None)


def test_errors_of_the_server_cost_the_row_only_when_they_last(model) -> None:
    assert model(RIGHT, faults=[Fault("status", status=503)]).generate().status == "accepted"
    example = model(RIGHT, faults=[Fault("status", status=500)] * 2).generate(temperature=0.9)
    assert (example.status, example.detail) == ("call_failed", "server_error: HTTP 500: scripted fault")


def test_what_concerns_every_row_ends_the_run(model) -> None:
    with pytest.raises(UserError, match="Gemini refused the request"):
        model(RIGHT, faults=[Fault("status", status=403)]).generate()
    with pytest.raises(Interrupted, match="daily quota"):
        model(RIGHT, faults=[Fault("daily_quota")]).generate()


def test_what_was_asked_is_not_asked_again_unless_the_prompt_changes(model) -> None:
    asked = model(WRONG, RIGHT)
    first = asked.generate()
    assert len(asked.requests) == 2
    assert asked.generate() == first
    assert len(asked.requests) == 2
    for change in ({"temperature": 0.7}, {"model": "gemini-other"}, {"examples": 0}, {"passages": 0}):
        before = len(asked.requests)
        asked.generate(**change)
        assert len(asked.requests) > before, change


def test_the_settings_reach_the_model(model) -> None:
    asked = model(RIGHT)
    asked.generate(temperature=0.7, max_output_tokens=512)
    config = asked.requests[0]["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"]) == (0.7, 512)
    prompt = asked.requests[0]["contents"][0]["parts"][0]["text"]
    assert prompt.startswith("# Schema of the database\n# tpch\n")
    assert "COUNT(x) counts." in prompt and "Question: How many parts?" in prompt
