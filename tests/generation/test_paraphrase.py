"""Rewritten questions: what is refused at once, and the round trip with the real SDK, engine and proof."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.generation.support import PASSAGES, RIGHT, WRONG, FixedRetriever, engine_on
from tests.loopback.gemini_server import LoopbackGemini
from tests.loopback.scripted_model import Prompt, Scripted
from utils.core.console import Exhausted
from utils.core.questions import QuestionFiles
from utils.core.records import Example, Verdict
from utils.databases.catalog import DatabaseEntry
from utils.generation.loop import Generator
from utils.generation.opening import GenerationSettings
from utils.generation.paraphrase import (
    REGISTERS,
    AskedQuestions,
    Paraphraser,
    RewritePrompts,
    Turn,
    read_rewrite,
    register_of,
    rewrite_problem,
    round_trip_pool,
    round_trip_settings,
    strict,
)
from utils.generation.plan import StagePlan
from utils.generation.sampling import SamplingSettings
from utils.generation.similar import ExamplePool
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings

COMPOSED = "What is the number of nations?"
REWRITE = "How many nations do we have?"
ROW = Example(
    question_id="synthetic_tpch_1",
    db_name="tpch",
    question=COMPOSED,
    gold_sql="SELECT COUNT(*) FROM nation",
    pydough="result = TPCH.CALCULATE(number_of_nations=COUNT(nations))",
    tags=["synthetic", "count"],
    source="synthetic:count",
    status="accepted",
    program="result = TPCH.CALCULATE(number_of_nations=COUNT(nations))",
    verdict=Verdict(status="match", instances_passed=3, instances_tried=3, notes=["as before"]),
    tier="synthetic",
    passages=PASSAGES,
    documentation=f"# {COMPOSED}\n\nwords",
    origin="synthetic",
    attempts=1,
)
OTHER = ROW.model_copy(update={"question_id": "synthetic_tpch_2", "question": "Tell me the number of nations."})
SETTINGS = GenerationSettings(SamplingSettings("gemini-test"), "1.0.33", repairs=2)


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("How many?", "How many?"),
        ("  How many?\n", "How many?"),
        ('"How many?"', "How many?"),
        ("\u201cHow many?\u201d\n", "How many?"),
        ('"A" and "B" or "C"', '"A" and "B" or "C"'),
        ('Those of "A"', 'Those of "A"'),
        ('"', '"'),
        ("Half \ud83d?", "Half \ufffd?"),
    ],
)
def test_what_stands_around_a_question_is_taken_off(answer: str, read: str) -> None:
    assert read_rewrite(answer) == read


@pytest.mark.parametrize(
    ("rewrite", "problem"),
    [
        ("How many nations do we have?", ""),
        (f"{'word ' * 60}".strip(), ""),
        (f"{'word ' * 61}".strip(), "over 60 words"),
        ("", "empty"),
        (" ?! ", "empty"),
        ("Hello,\nhow many nations?", "of several lines"),
        ("Hello,\u2028how many nations?", "of several lines"),
        ("what is THE number, of nations", "unchanged"),
        ("How many n_name are there?", "with names as in code"),
        ("How many `nations` are there?", "with names as in code"),
        ("What is COUNT(nations)?", "with names as in code"),
        ("What is nations.name?", "with names as in code"),
        ("What is the nationCount?", "with names as in code"),
        ("How many nations (of 3.5 million, e.g.) are there, in U.S. eyes?", ""),
    ],
)
def test_what_no_question_may_be_is_refused_at_once(rewrite: str, problem: str) -> None:
    assert rewrite_problem(rewrite, COMPOSED) == problem


def test_a_value_that_looks_like_code_may_be_said_again() -> None:
    composed = "How many orders have the status on_hold or McDonald?"
    assert rewrite_problem("Orders on_hold or McDonald: how many?", composed) == ""
    assert rewrite_problem("Orders on_hold: how many order_keys?", composed) == "with names as in code"


def test_each_id_has_its_register_and_all_occur() -> None:
    ids = [f"synthetic_tpch_{number}" for number in range(100)]
    drawn = [register_of(name) for name in ids]
    assert drawn == [register_of(name) for name in ids]
    assert all(drawn.count(register) > 10 for register in REGISTERS)


def test_the_prompt_holds_register_and_question_and_nothing_of_the_answer() -> None:
    system, turns = RewritePrompts().opening(ROW)
    assert register_of(ROW.question_id) in system and "60 words" in system
    assert turns == (("user", COMPOSED),)
    assert "nation" not in system and "PyDough" not in system


def test_turns_come_in_line_whoever_is_ready_first() -> None:
    came: list[int] = []

    async def one(number: int, turn: Turn, delay_s: float) -> None:
        with turn:
            await asyncio.sleep(delay_s)
            await turn.come()
            came.append(number)

    async def main() -> None:
        first = Turn()
        second = Turn(first)
        third = Turn(second)
        await asyncio.gather(one(3, third, 0.0), one(2, second, 0.01), one(1, first, 0.03))

    asyncio.run(main())
    assert came == [1, 2, 3]


def test_a_turn_that_fails_lets_the_next_one_come() -> None:
    async def main() -> None:
        first = Turn()
        with pytest.raises(KeyError), first:
            raise KeyError
        await asyncio.wait_for(Turn(first).come(), timeout=5)

    asyncio.run(main())


def test_no_leniency_and_no_repair_in_a_round_trip() -> None:
    lenient = ProofSettings(instances=7, accept=frozenset({"nulls"}), superset=True)
    assert strict(lenient) == ProofSettings(instances=7, counterexamples=False)
    assert round_trip_settings(replace(SETTINGS, agree=3, candidates=2)) == replace(SETTINGS, repairs=0, candidates=2)


def test_the_rows_own_program_is_no_example(tmp_path: Path) -> None:
    documented = tmp_path / "documented.jsonl"
    same = ROW.model_copy(
        update={"question_id": "same", "question": REWRITE, "program": "# as it is\nresult = nations.WHERE((key > 1))"}
    )
    other = same.model_copy(update={"question_id": "other", "program": "result = nations.WHERE(key > 2)"})
    documented.write_text("".join(f"{row.model_dump_json()}\n" for row in (same, other)), encoding="utf-8")
    plan = StagePlan(
        rows=QuestionFiles([]),
        entries={},
        documented=documented,
        output=tmp_path / "generated.jsonl",
        generation=SETTINGS,
        proof=ProofSettings(),
        held_out=lambda example: False,
    )
    shown = round_trip_pool(plan, ["result = nations.WHERE(key > 1)"]).similar(ROW, 5)
    assert [example.question_id for example in shown] == ["other"]


class Rewriting:
    """A server that answers rewrites and programs by two functions, and the paraphraser asking it."""

    def __init__(self, prover: Prover, entry: DatabaseEntry, folder: Path) -> None:
        self._prover, self._entry, self._folder = prover, entry, folder
        self.requests: list[dict[str, Any]] = []
        self.paraphraser: Paraphraser

    def run(
        self,
        rewrite: Callable[[str], Scripted],
        program: Callable[[str], Scripted] = lambda asked: RIGHT,
        rows: tuple[Example, ...] = (ROW,),
        settings: GenerationSettings = SETTINGS,
        spent: bool = False,
    ) -> list[Example]:
        def answer(prompt: Prompt) -> Scripted:
            asked = prompt.turns[-1][1]
            return program(asked) if "You write PyDough" in prompt.system else rewrite(asked)

        async def main(server: LoopbackGemini) -> list[Example]:
            async with engine_on(server, self._folder) as engine:
                generator = Generator(
                    engine,
                    self._prover,
                    FixedRetriever(),
                    ExamplePool([]),
                    lambda entry: f"# {entry.name}",
                    round_trip_settings(settings),
                    strict(ProofSettings(instances=2)),
                )
                asked = AskedQuestions(row.question for row in rows)
                self.paraphraser = Paraphraser(engine, generator, settings.sampling, asked)
                if spent:
                    engine.stop(Exhausted("the day is over"))
                line = [turn := Turn()]
                for _row in rows[1:]:
                    line.append(turn := Turn(turn))
                work = (
                    self.paraphraser.rewritten(row, self._entry, turn) for row, turn in zip(rows, line, strict=True)
                )
                return list(await asyncio.gather(*work))

        with LoopbackGemini(answer) as server:
            try:
                return asyncio.run(main(server))
            finally:
                self.requests += [request.body for request in server.requests]


@pytest.fixture
def rewriting(prover: Prover, entry: DatabaseEntry, tmp_path: Path) -> Rewriting:
    return Rewriting(prover, entry, tmp_path)


def test_a_rewrite_that_leads_back_is_kept_with_the_rows_own_program(rewriting: Rewriting) -> None:
    [row] = rewriting.run(lambda asked: f'"{REWRITE}"')
    assert (row.question, row.composed_question, row.tier) == (REWRITE, COMPOSED, "synthetic+paraphrase")
    assert (row.program, row.gold_sql, row.status) == (ROW.program, ROW.gold_sql, "accepted")
    assert (row.origin, row.attempts) == ("synthetic+gemini-test#1", 1)
    assert row.documentation.startswith(f"# {REWRITE}\n") and COMPOSED not in row.documentation
    assert row.verdict is not None and row.verdict.status == "match"
    assert row.verdict.notes[0] == "as before" and row.verdict.notes[1].endswith("gives the same on 3 databases")
    assert rewriting.paraphraser.told() == "1 of 1 kept"
    _first, back = rewriting.requests
    assert back["contents"][0]["parts"][0]["text"].endswith(f"# Question\n{REWRITE}")
    for secret in (COMPOSED, "number_of_nations", "SELECT"):
        assert secret not in str(back)


@pytest.mark.parametrize(
    ("rewrite", "program", "told", "calls"),
    [
        (REWRITE, WRONG, "another answer", 2),
        (REWRITE, "I do not know.", "no program", 2),
        (REWRITE, "result = nowhere", "no program", 2),
        (REWRITE, {"finish": "SAFETY"}, "not answered", 2),
        ({"finish": "SAFETY"}, RIGHT, "not answered", 1),
        (COMPOSED.upper(), RIGHT, "unchanged", 1),
        (OTHER.question.upper(), RIGHT, "asked before", 1),
        ("How many n_name?", RIGHT, "with names as in code", 1),
    ],
)
def test_any_other_row_stays_as_it_was(
    rewriting: Rewriting, rewrite: Scripted, program: Scripted, told: str, calls: int
) -> None:
    def scripted(asked: str) -> Scripted:
        return rewrite if asked == COMPOSED else "How many of the nations?"

    def written(asked: str) -> Scripted:
        return RIGHT if asked.endswith("of the nations?") else program

    rows = rewriting.run(scripted, written, rows=(ROW, OTHER))
    assert rows[0] == ROW
    assert rows[1].tier == "synthetic+paraphrase"
    assert rewriting.paraphraser.told() == f"1 of 2 kept; 1 {told}"
    assert len(rewriting.requests) == calls + 2


def test_of_two_equal_rewrites_the_first_in_line_is_tried(rewriting: Rewriting) -> None:
    answers = iter([{"finish": "RECITATION"}, REWRITE])  # the first in line has its rewrite after a second call

    def late(asked: str) -> Scripted:
        return next(answers) if asked == COMPOSED else REWRITE.upper()

    rows = rewriting.run(late, rows=(ROW, OTHER))
    assert [row.tier for row in rows] == ["synthetic+paraphrase", "synthetic"]
    assert rewriting.paraphraser.told() == "1 of 2 kept; 1 asked before"
    assert len(rewriting.requests) == 4


def test_a_further_candidate_may_lead_back_but_hears_nothing_of_the_first(rewriting: Rewriting) -> None:
    answers = iter([WRONG, RIGHT])
    [row] = rewriting.run(lambda asked: REWRITE, lambda asked: next(answers), settings=replace(SETTINGS, candidates=2))
    assert (row.tier, row.origin, row.attempts) == ("synthetic+paraphrase", "synthetic+gemini-test#2", 2)
    assert [len(request["contents"]) for request in rewriting.requests] == [1, 1, 1]


def test_a_rewrite_is_asked_for_as_text_even_where_programs_come_as_json(rewriting: Rewriting) -> None:
    settings = replace(SETTINGS, sampling=replace(SETTINGS.sampling, as_json=True))
    [row] = rewriting.run(
        lambda asked: REWRITE, lambda asked: f'{{"rationale": "", "code": "{RIGHT}"}}', settings=settings
    )
    assert row.tier == "synthetic+paraphrase"
    configs = [request["generationConfig"] for request in rewriting.requests]
    assert ["responseSchema" in config for config in configs] == [False, True]


def test_where_nothing_more_may_be_asked_the_rows_stay_and_the_reason_is_kept(rewriting: Rewriting) -> None:
    rows = rewriting.run(lambda asked: REWRITE, rows=(ROW, OTHER), spent=True)
    assert rows == [ROW, OTHER]
    assert rewriting.paraphraser.told() == "0 of 2 kept; 2 not asked"
    assert str(rewriting.paraphraser.spent) == "the day is over"
    assert rewriting.requests == []
