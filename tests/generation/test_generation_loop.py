"""The loop with real proof on a real database, and a scripted model behind the real SDK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.generation.support import QUESTION, RIGHT, TEXT, WRONG
from tests.loopback.gemini_server import Fault
from utils.core.console import Exhausted, UserError


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
    assert "What differs: " in second[2]["parts"][0]["text"] and "25" in second[2]["parts"][0]["text"]
    error = third[4]["parts"][0]["text"]
    assert "Error: " in error and "'nowhere'" in error and "PyDough's advice: Use one of the suggested" in error
    assert all(request["systemInstruction"] == asked.requests[0]["systemInstruction"] for request in asked.requests)
    queries = [query for query, _limit in asked.retriever.queries]
    assert queries[0] == TEXT
    assert any("COUNT" in query for query in queries[1:])  # what the wrong program uses
    assert any("nowhere" in query for query in queries[1:])  # and what the error names


def test_a_repair_shows_the_smallest_data_on_which_it_differs_and_both_answers(model) -> None:
    gold = QUESTION.model_copy(update={"gold_sql": "SELECT COUNT(*) FROM nation WHERE n_regionkey > 2"})
    wrong = "result = TPCH.CALCULATE(n=COUNT(nations.WHERE(region_key >= 2)))"
    asked = model(wrong, wrong.replace(">=", ">"))
    assert asked.generate(gold).status == "accepted"
    turn = asked.requests[1]["contents"][2]["parts"][0]["text"]
    assert "As small an example as possible:" in turn
    assert "on a small database made to test it" not in turn and "instance" not in turn
    assert "nation" in turn and "the right answer is" in turn and "and the program" in turn
    assert "SELECT" not in turn  # the gold SQL itself is never shown


def test_what_was_shown_of_the_manual_is_not_shown_again(model) -> None:
    asked = model(WRONG, RIGHT)
    asked.generate()
    assert asked.requests[0]["contents"][0]["parts"][0]["text"].count("COUNT(x) counts.") == 1
    assert "COUNT(x) counts." not in asked.requests[1]["contents"][2]["parts"][0]["text"]


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
    ("reply", "status", "detail", "requests"),
    [
        ({"finish": "SAFETY"}, "safety", "withheld (SAFETY)", 1),
        ({"finish": "PROHIBITED_CONTENT"}, "safety", "withheld (PROHIBITED_CONTENT)", 1),
        ({"blocked": "BLOCKLIST"}, "blocked", "refused (BLOCKLIST)", 1),
        ({"finish": "RECITATION"}, "recitation", "too close to a source", 2),
        ({"finish": "MAX_TOKENS", "text": RIGHT}, "max_tokens", "cut at the limit on output tokens", 2),
        ({"finish": "MAX_TOKENS", "thoughts_tokens": 99}, "max_tokens", "99 of the tokens went into thinking", 2),
        ({"finish": "MALFORMED_FUNCTION_CALL"}, "no_answer", "MALFORMED_FUNCTION_CALL", 2),
        ("", "empty", "empty", 2),
    ],
)
def test_each_way_of_giving_no_answer_is_told_and_tried_again_where_that_can_help(
    model, reply: Any, status: str, detail: str, requests: int
) -> None:
    asked = model(reply)
    example = asked.generate()
    assert (example.status, example.program, example.attempts) == (status, None, 1)
    assert detail in example.detail
    assert len(asked.requests) == requests


@pytest.mark.parametrize("first", [{"finish": "RECITATION"}, {"finish": "MAX_TOKENS", "thoughts_tokens": 9}, ""])
def test_a_second_chance_is_another_request_and_may_bring_the_answer(model, first: Any) -> None:
    asked = model(first, RIGHT)
    assert asked.generate().status == "accepted"
    before, after = (request["generationConfig"] for request in asked.requests)
    cut = isinstance(first, dict) and first["finish"] == "MAX_TOKENS"
    assert after["maxOutputTokens"] == (2 if cut else 1) * before["maxOutputTokens"]
    assert (after["temperature"] > before["temperature"]) != cut


@pytest.mark.parametrize(
    ("reply", "status", "told"),
    [
        ("I cannot say.", "no_code", "found none"),
        (f"```python\n{RIGHT}\n```\nor\n```python\n{WRONG}\n```", "several_codes", "found 2"),
    ],
)
def test_an_answer_that_is_not_one_program_is_a_status_of_its_own_and_can_be_repaired(
    model, reply: str, status: str, told: str
) -> None:
    example = model(reply).generate(repairs=0)
    assert (example.status, example.program) == (status, None)
    asked = model(reply, RIGHT)
    assert asked.generate(temperature=0.7).status == "accepted"
    turn = asked.requests[-1]["contents"][2]["parts"][0]["text"]
    assert turn.startswith("That answer is not one program") and told in turn


def test_an_answer_withheld_in_a_repair_leaves_the_program_before_it(model) -> None:
    example = model(WRONG, {"finish": "SAFETY"}).generate()
    assert (example.status, example.attempts, example.program) == ("mismatch", 2, WRONG)


def test_candidates_are_asked_for_until_one_is_proven(model) -> None:
    asked = model(WRONG, "I cannot say.", RIGHT, WRONG)
    example = asked.generate(candidates=5, repairs=3)
    assert (example.status, example.attempts, example.origin) == ("accepted", 3, "gemini-test#3")
    temperatures = [request["generationConfig"]["temperature"] for request in asked.requests]
    assert temperatures == [0.2, 0.4, 0.6]
    assert all(len(request["contents"]) == 1 for request in asked.requests)


def test_the_candidate_that_came_nearest_is_repaired(model) -> None:
    near = "result = TPCH.CALCULATE(n=COUNT(regions) * 5)"  # right on the original, not on made data
    asked = model("result = TPCH.CALCULATE(n=COUNT(nowhere))", near, WRONG, RIGHT)
    example = asked.generate(candidates=3, repairs=1)
    assert (example.status, example.attempts) == ("accepted", 4)
    assert asked.requests[3]["contents"][1] == {"role": "model", "parts": [{"text": near}]}
    assert model(WRONG, near, WRONG).generate(candidates=3, repairs=0, temperature=0.9).program == near


def test_a_refused_prompt_is_not_asked_again_with_another_temperature(model) -> None:
    asked = model({"blocked": "SAFETY"})
    assert asked.generate(candidates=4).status == "blocked"
    assert len(asked.requests) == 1


def test_structured_output_brings_code_and_rationale(model) -> None:
    asked = model(json.dumps({"rationale": "Counts\n all nations.", "code": RIGHT}))
    example = asked.generate(as_json=True)
    assert (example.status, example.program, example.rationale) == ("accepted", RIGHT, "Counts all nations.")
    config = asked.requests[0]["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert set(config["responseSchema"]["properties"]) == {"rationale", "code"}
    assert "JSON object" in asked.requests[0]["systemInstruction"]["parts"][0]["text"]


@pytest.mark.parametrize("reply", ["[]", "{}", '{"code": 3}', '{"code": " "}', RIGHT, '{"code": "' + "[" * 9999])
def test_structured_output_that_is_none_is_repaired(model, reply: str) -> None:
    asked = model(reply, json.dumps({"rationale": "", "code": RIGHT}))
    assert asked.generate(as_json=True).status == "accepted"
    assert "JSON object with `rationale`" in asked.requests[1]["contents"][2]["parts"][0]["text"]


def test_errors_of_the_server_cost_the_row_only_when_they_last(model) -> None:
    assert model(RIGHT, faults=[Fault("status", status=503)]).generate().status == "accepted"
    example = model(RIGHT, faults=[Fault("status", status=500)] * 2).generate(temperature=0.9)
    assert (example.status, example.detail) == ("call_failed", "server_error: HTTP 500: scripted fault")


def test_what_concerns_every_row_ends_the_run(model) -> None:
    with pytest.raises(UserError, match="Gemini refused the request"):
        model(RIGHT, faults=[Fault("status", status=403)]).generate()
    with pytest.raises(Exhausted, match="daily quota"):
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


def test_broken_code_in_structured_output_is_an_error_to_repair_and_not_no_code(model) -> None:
    broken = json.dumps({"rationale": "", "code": "result = TPCH.CALCULATE(n=COUNT("})
    asked = model(broken, json.dumps({"rationale": "", "code": f"```python\n{RIGHT}\n```"}))
    assert asked.generate(as_json=True).program == RIGHT
    assert "Error: syntax error" in asked.requests[1]["contents"][2]["parts"][0]["text"]
    assert model(broken).generate(as_json=True, repairs=0, temperature=0.9).status == "code_error"


def test_an_answer_that_can_be_repaired_is_nearer_than_one_that_was_withheld(model) -> None:
    asked = model("I cannot say.", {"finish": "SAFETY"}, RIGHT)
    assert asked.generate(candidates=2, repairs=1).status == "accepted"
    assert len(asked.requests) == 3
