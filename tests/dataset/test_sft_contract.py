from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.records import Answer, Example, Verdict
from utils.dataset.contract import (
    MAX_TOKENS,
    contract_problem,
    current_form,
    estimated_tokens,
    file_problem,
    is_older,
    older_problem,
)
from utils.dataset.sft import answer_record, sft_record, user_turn

FINE = sft_record("Write PyDough.", "How many?", "result = nations")
TEXT = st.text(min_size=1).filter(str.strip)


def _example(**changes: Any) -> Example:
    values = {
        "question_id": "q1",
        "db_name": "tpch",
        "question": "How large is AR?",
        "definitions": "AR = account revenue",
        "status": "accepted",
        "program": "\nresult = nations\n",
        "verdict": Verdict(status="match"),
        "documentation": "COUNT counts.",
    }
    return Example(**(values | changes))


def _changed(*path: Any, to: Any = None, drop: bool = False) -> Any:
    """FINE with one place set to another value, or removed."""
    record = copy.deepcopy(FINE)
    at: Any = record
    for step in path[:-1]:
        at = at[step]
    if drop:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return record


def _turns(*roles: str) -> dict[str, Any]:
    return {"contents": [{"role": role, "parts": [{"text": "x"}]} for role in roles]}


BROKEN: list[tuple[str, Any, str]] = [
    ("a list", [], "JSON object"),
    ("a text", "contents", "JSON object"),
    ("nothing", None, "JSON object"),
    ("empty", {}, "contents"),
    ("another field", _changed("id", to=7), "unknown field 'id'"),
    ("the old format", {"messages": [], "contents": FINE["contents"]}, "unknown field 'messages'"),
    ("no contents", _changed("contents", drop=True), "contents"),
    ("contents of nothing", _changed("contents", to=None), "contents"),
    ("contents not a list", _changed("contents", to={"role": "user"}), "contents"),
    ("contents empty", _changed("contents", to=[]), "contents"),
    ("only the user", _turns("user"), "at least a user and a model turn"),
    ("ends with the user", _turns("user", "model", "user"), "expected the model's as the last"),
    ("begins with the model", _turns("model", "user"), "contents[0]: role 'model'; expected 'user'"),
    ("two user turns", _turns("user", "user"), "contents[1]: role 'user'; expected 'model'"),
    ("another role", _turns("user", "assistant"), "contents[1]: role 'assistant'; expected 'model'"),
    ("a function's turn", _turns("user", "function"), "contents[1]: role 'function'"),
    ("no role", _changed("contents", 0, "role", drop=True), "contents[0]: no role; expected 'user'"),
    ("role in capitals", _changed("contents", 0, "role", to="User"), "contents[0]: role 'User'"),
    ("a turn of text", _changed("contents", 0, to="How many?"), "contents[0]: expected an object"),
    ("no parts", _changed("contents", 1, "parts", drop=True), "contents[1]: expected parts, a non-empty list"),
    ("parts empty", _changed("contents", 1, "parts", to=[]), "contents[1]: expected parts, a non-empty list"),
    ("parts an object", _changed("contents", 1, "parts", to={"text": "x"}), "contents[1]: expected parts"),
    ("another field in a turn", _changed("contents", 1, "weight", to=0), "contents[1]: unknown field 'weight'"),
    (
        "a part of text",
        _changed("contents", 1, "parts", 0, to="result = 1"),
        "contents[1]: expected a part with a text",
    ),
    ("a part without text", _changed("contents", 1, "parts", 0, to={}), "contents[1]: expected a part with a text"),
    ("a function call", _changed("contents", 1, "parts", 0, to={"functionCall": {}}), "and nothing else"),
    ("text and more", _changed("contents", 1, "parts", 0, "thought", to=True), "and nothing else"),
    ("no text", _changed("contents", 1, "parts", 0, "text", to=None), "expected text, a non-empty string"),
    ("a number", _changed("contents", 1, "parts", 0, "text", to=7), "expected text, a non-empty string"),
    ("empty text", _changed("contents", 1, "parts", 0, "text", to=""), "expected text, a non-empty string"),
    ("blank text", _changed("contents", 0, "parts", 0, "text", to=" \n\t"), "contents[0]: expected text"),
    ("second part blank", _changed("contents", 0, "parts", to=[{"text": "x"}, {"text": " "}]), "expected text"),
    ("no instruction", _changed("systemInstruction", to=None), "systemInstruction: expected an object"),
    ("instruction as text", _changed("systemInstruction", to="Write."), "systemInstruction: expected an object"),
    ("instruction empty", _changed("systemInstruction", "parts", 0, "text", to=""), "systemInstruction: expected text"),
    (
        "instruction by a number",
        _changed("systemInstruction", "role", to=7),
        "systemInstruction: role '7'; expected 'system'",
    ),
    (
        "another field in the instruction",
        _changed("systemInstruction", "name", to="x"),
        "systemInstruction: unknown field",
    ),
    (
        "too long",
        _changed("contents", 0, "parts", 0, "text", to="x" * int(2.6 * MAX_TOKENS)),
        "expected at most 131,072",
    ),
]


def test_a_whole_record_is_fine() -> None:
    assert contract_problem(FINE) == ""
    assert contract_problem({"contents": FINE["contents"]}) == ""  # the instruction may be left out
    assert contract_problem(_changed("systemInstruction", "role", to="user")) == ""  # its role is ignored
    assert contract_problem(_changed("systemInstruction", "role", drop=True)) == ""
    assert contract_problem(_turns("user", "model", "user", "model")) == ""


@pytest.mark.parametrize(("record", "told"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_record_is_told(record: Any, told: str) -> None:
    before = copy.deepcopy(record)
    assert told in contract_problem(record)
    assert record == before


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["contents", "parts", "text", "role", "systemInstruction", "x"]), inner)
        ),
    )
)
def test_anything_may_be_checked_and_only_records_pass(value: Any) -> None:
    problem = contract_problem(value)
    assert isinstance(problem, str)
    if not problem:
        assert [turn["role"] for turn in value["contents"]][:2] == ["user", "model"]


@given(TEXT, TEXT, TEXT)
def test_every_record_made_of_texts_keeps_the_contract(system: str, user: str, model: str) -> None:
    record = sft_record(system, user, model)
    assert contract_problem(record) == ""
    assert estimated_tokens(record) >= (len(system) + len(user) + len(model)) // 3


def _older(*turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in turns], **more}


def test_the_older_form_is_the_same_record() -> None:
    older = _older(("system", "Write PyDough."), ("user", "How many?"), ("model", "result = nations"))
    assert is_older(older) and older_problem(older) == ""
    assert current_form(older) == FINE
    assert current_form(_older(("user", "a"), ("model", "b")))["contents"] == [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"text": "b"}]},
    ]
    assert not is_older(FINE) and not is_older([]) and not is_older({"messages": [], "contents": []})


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (_older(), "messages: expected a list of at least"),
        ({"messages": None}, "messages: expected a list of at least"),
        ({"messages": {"0": "user"}}, "messages: expected a list of at least"),
        (_older(("system", "x"), ("user", "y")), "messages: expected a list of at least"),
        (_older(("user", "x"), ("model", "y"), ("user", "z")), "messages: ends with the user's turn"),
        (_older(("system", "s"), ("model", "x"), ("user", "y")), "messages[1]: role 'model'; expected 'user'"),
        (_older(("user", "x"), ("system", "s"), ("user", "x"), ("model", "y")), "messages[1]: role 'system'"),
        (_older(("user", "x"), ("assistant", "y")), "messages[1]: role 'assistant'; expected 'model'"),
        (_older(("system", " "), ("user", "x"), ("model", "y")), "messages[0]: expected content"),
        (_older(("user", "x"), ("model", "")), "messages[1]: expected content, a non-empty string"),
        ({"messages": ["x", "y"]}, "messages[0]: expected an object with role and content"),
        ({"messages": [{"role": "user", "content": "x", "name": "y"}, {}]}, "messages[0]: unknown field 'name'"),
        (_older(("user", "x"), ("model", "y"), id=7), "unknown field 'id'"),
        (_older(("user", "x"), ("model", "y" * 400_000)), "expected at most 131,072"),
    ],
)
def test_a_broken_record_of_the_older_form_is_told(record: dict[str, Any], told: str) -> None:
    assert told in older_problem(record)


def test_the_limit_is_exact_and_its_measure_can_be_chosen() -> None:
    def long(characters: int) -> dict[str, Any]:
        return sft_record("x", "y", "z" * (characters - 2))

    assert contract_problem(long(int(2.5 * MAX_TOKENS))) == ""
    assert contract_problem(long(int(2.5 * MAX_TOKENS) + 3)) == "about 131,073 tokens; expected at most 131,072"
    assert contract_problem(long(4 * MAX_TOKENS), characters_per_token=4) == ""
    assert contract_problem(long(4 * MAX_TOKENS + 4), characters_per_token=4)


def test_the_user_turn_is_question_definitions_schema_and_on_request_the_documentation() -> None:
    asked = "How large is AR?\n\nDefinitions: AR = account revenue"
    assert user_turn(_example(), "# S") == f"{asked}\n\nDatabase Schema:\n# S"
    assert user_turn(_example(), "# S", True) == f"{asked}\n\nDatabase Schema:\n# S\n\nDocumentation:\nCOUNT counts."
    assert user_turn(_example(), "") == asked
    assert user_turn(_example(definitions="", documentation=""), "", True) == "How large is AR?"


def test_an_answer_is_the_target_of_its_question() -> None:
    answer = Answer(question_id="b1", question="How to sort?", status="answered", answer="By ORDER_BY.")
    record = answer_record(answer, "Explain.")
    assert record == sft_record("Explain.", "How to sort?", "By ORDER_BY.")


@pytest.mark.parametrize(
    ("train", "validation", "fine"),
    [
        (0, 0, True),
        (100, 1_000, True),  # the share counts only above a thousand
        (100, 1_001, False),
        (3_336, 1_001, False),
        (3_337, 1_001, True),
        (100_000, 5_000, True),
        (100_000, 5_001, False),
    ],
)
def test_the_limits_of_validation_files(train: int, validation: int, fine: bool) -> None:
    assert (file_problem(train, validation) == "") is fine
