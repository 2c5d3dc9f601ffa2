"""From a row to its training line: which schema it shows, and how the target is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dataset.support import ENTRIES, example
from utils.core.console import UserError
from utils.core.records import Example
from utils.databases.entries import collection_names, schema_text
from utils.dataset.contract import contract_problem
from utils.dataset.prompt_template import Target, program_of
from utils.dataset.rendering import TARGETS, LineSettings, Rendering
from utils.programs.source import code_blocks

PROGRAM = "result = nations.CALCULATE(name, n=COUNT(customers.orders))"


def rendered(row: Example, **settings: Any) -> tuple[str, str]:
    """The user turn and the target."""
    record = Rendering(ENTRIES, LineSettings(**settings)).record(row)
    user, model = (turn["parts"][0]["text"] for turn in record["contents"])
    return user, model


def shown(row: Example, **settings: Any) -> list[str]:
    """The collections of the schema in the user turn."""
    user, _target = rendered(row, schema="json", **settings)
    return list(json.loads(user.partition("Database Schema:\n")[2])["collections"])


def test_a_code_target_is_the_program_and_nothing_else() -> None:
    assert rendered(example("a", program=f"\n{PROGRAM}\n"))[1] == PROGRAM


def test_a_fenced_target_is_one_code_block() -> None:
    assert rendered(example("a", program=PROGRAM), target="fenced")[1] == f"```python\n{PROGRAM}\n```"


def test_a_rationale_is_a_plan_and_then_the_block() -> None:
    own = rendered(example("a", program=PROGRAM, rationale="Count\n```\nnothing\n```\nof it."), target="rationale")[1]
    assert own == f"Count\n\nnothing\n\nof it.\n\n```python\n{PROGRAM}\n```"
    derived = rendered(example("a", program=PROGRAM), target="rationale")[1]
    plan, _, block = derived.partition("\n\n```python\n")
    assert block == f"{PROGRAM}\n```"
    assert "nations" in plan and "`" not in plan
    assert code_blocks(derived) == [PROGRAM]


@pytest.mark.parametrize("target", TARGETS)
def test_the_program_is_read_back(target: Target) -> None:
    assert program_of(rendered(example("a", program=PROGRAM), target=target)[1], target) == PROGRAM


def test_a_program_that_is_missing_breaks_the_contract() -> None:
    record = Rendering(ENTRIES, LineSettings()).record(example("a", program=None))
    assert "contents[1]" in contract_problem(record)


def test_an_unknown_database_is_an_error() -> None:
    with pytest.raises(UserError, match="unknown database 'moon'"):
        rendered(example("a", db_name="moon"))


def test_the_whole_schema_is_shown_unless_less_is_asked_for() -> None:
    assert rendered(example("a"))[0].endswith(f"\n\nDatabase Schema:\n{schema_text(ENTRIES['tpch'])}")
    assert shown(example("a")) == collection_names(ENTRIES["tpch"])


def test_a_linked_schema_holds_what_the_program_reads() -> None:
    assert shown(example("a", program=PROGRAM), linked=True) == ["nations", "orders", "customers"]
    user, _target = rendered(example("a", program=PROGRAM), linked=True)
    assert "- orders -> many orders" in user and "- region ->" not in user


def test_distractors_of_the_own_database_fill_a_linked_schema_up() -> None:
    row = example("a", program=PROGRAM)
    some = shown(row, linked=True, distractors=2)
    assert len(some) == 5 and {"nations", "customers", "orders"} < set(some)
    assert some == shown(row, linked=True, distractors=2)
    others = {tuple(shown(example(f"r{n}", program=PROGRAM), linked=True, distractors=2)) for n in range(20)}
    assert len(others) > 5
    assert set(shown(row, linked=True, distractors=99)) == set(collection_names(ENTRIES["tpch"]))


def test_distractors_of_other_databases_stand_beside_the_whole_schema() -> None:
    own, foreign = collection_names(ENTRIES["tpch"]), set(collection_names(ENTRIES["broker"]))
    found = shown(example("a", program=PROGRAM), distractors=3)
    assert found[: len(own)] == own
    assert len(found) == len(own) + 3 and set(found[len(own) :]) <= foreign
    assert "customers" in foreign and "customers" in own
    assert len(shown(example("a"), distractors=99)) == len({*own, *foreign})
