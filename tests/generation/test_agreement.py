"""Questions without gold SQL: samples that agree, in result and not in text, on a real database."""

from __future__ import annotations

from typing import Any

import pytest

from tests.generation.support import QUESTION, RIGHT, WRONG
from tests.loopback.gemini_server import Fault

ASKED = QUESTION.model_copy(update={"gold_sql": None})
SAME = "n_nations = COUNT(nations)\nresult = TPCH.CALCULATE(n=n_nations)"  # another form, the same answer
LONGER = "result = TPCH.CALCULATE(n=SUM(regions.CALCULATE(nation_count=COUNT(nations)).nation_count))"
BY_LUCK = "result = TPCH.CALCULATE(n=COUNT(regions) * 5)"  # 25 on the original, something else on made data
NOTHING = "result = nations.WHERE(key > 999).CALCULATE(name)"
ALSO_NOTHING = "result = nations.WHERE(key > 9999).CALCULATE(name)"
BROKEN = "result = TPCH.CALCULATE(n=COUNT(nowhere))"


def test_two_programs_that_give_the_same_are_a_vote_and_the_shorter_stays(model: Any) -> None:
    asked = model(LONGER, RIGHT)
    example = asked.generate(ASKED, agree=2)
    assert (example.status, example.tier, example.program) == ("accepted", "vote", RIGHT)
    assert (example.origin, example.attempts) == ("gemini-test#2", 2)
    assert example.verdict is not None and example.verdict.instances_tried > 20
    assert example.verdict.notes[-1] == "2 samples agree, in 2 different programs"


def test_the_same_program_twice_proves_nothing(model: Any) -> None:
    example = model(RIGHT, f"{RIGHT}  # again", RIGHT.replace("(n=", "( n = ")).generate(ASKED, agree=2, candidates=3)
    assert (example.status, example.tier, example.program) == ("no_agreement", None, None)
    assert "all with the same program" in example.detail


def test_what_agrees_on_the_original_only_does_not_agree(model: Any) -> None:
    example = model(RIGHT, BY_LUCK).generate(ASKED, agree=2)
    assert example.status == "no_agreement"
    assert example.detail.startswith("1 of 2 samples agree, --agree asks for 2; on data made for the query")


def test_two_that_give_nothing_do_not_agree(model: Any) -> None:
    example = model(NOTHING, ALSO_NOTHING).generate(ASKED, agree=2)
    assert example.status == "no_agreement"


@pytest.mark.parametrize("first_ordered", [True, False])
def test_an_order_that_only_one_of_two_states_is_a_difference(model: Any, first_ordered: bool) -> None:
    plain = "result = nations.CALCULATE(name)"
    pair = [f"{plain}.ORDER_BY(name.ASC())", plain]
    example = model(*(pair if first_ordered else pair[::-1])).generate(ASKED, agree=2)
    assert example.status == "no_agreement"


def test_the_majority_wins_and_asking_stops_with_it(model: Any) -> None:
    asked = model(WRONG, RIGHT, LONGER, WRONG)
    example = asked.generate(ASKED, agree=2, candidates=4)
    assert (example.status, example.program, example.attempts) == ("accepted", RIGHT, 3)
    assert len(asked.requests) == 3
    temperatures = [request["generationConfig"]["temperature"] for request in asked.requests]
    assert temperatures == sorted(set(temperatures))


def test_three_must_agree_when_three_are_asked_for(model: Any) -> None:
    assert model(RIGHT, LONGER).generate(ASKED, agree=3, candidates=3).status == "accepted"  # the last is said again
    example = model(RIGHT, LONGER, WRONG).generate(ASKED, agree=3, candidates=3, max_output_tokens=99)
    assert (example.status, example.detail[:37]) == ("no_agreement", "2 of 3 samples agree, --agree asks fo")


def test_a_sample_that_does_not_compile_is_repaired_and_then_counts(model: Any) -> None:
    asked = model(BROKEN, RIGHT, LONGER)
    example = asked.generate(ASKED, agree=2, repairs=1)
    assert (example.status, example.attempts) == ("accepted", 3)
    assert "PyDough's advice" in asked.requests[1]["contents"][2]["parts"][0]["text"]


def test_samples_of_which_none_runs_are_told(model: Any) -> None:
    example = model(BROKEN).generate(ASKED, agree=2, repairs=0)
    assert (example.status, example.detail) == ("no_agreement", "none of 2 samples is a program that compiles and runs")
    silent = model("I cannot say.").generate(ASKED, agree=2, repairs=1, max_output_tokens=99)
    assert (silent.status, silent.detail, silent.attempts) == ("no_agreement", example.detail, 4)


def test_with_gold_sql_agreement_is_not_asked_for(model: Any) -> None:
    asked = model(RIGHT)
    example = asked.generate(QUESTION, agree=3)
    assert (example.tier, len(asked.requests)) == ("gold", 1)


def test_a_server_that_fails_costs_the_row_and_not_the_vote(model: Any) -> None:
    example = model(RIGHT, LONGER, faults=[Fault("status", status=500)] * 2).generate(ASKED, agree=2)
    assert (example.status, example.attempts) == ("call_failed", 1)
