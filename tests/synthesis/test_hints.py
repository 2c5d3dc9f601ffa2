"""Hints: our own ones, and what is said of wrong ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from utils.core.console import UserError
from utils.core.paths import GRAPHS_DIR
from utils.synthesis.hints import CollectionHint, ColumnHint, Hints, hints_path, read_hints


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "broker.json"
    path.write_bytes((GRAPHS_DIR / "broker.json").read_bytes())
    return path


def test_a_graph_needs_no_hints(graph: Path) -> None:
    hints = read_hints(graph)
    assert hints == Hints()
    assert hints.collection("customers") == CollectionHint()
    assert hints.column("customers", "name") == ColumnHint()


def test_hints_stand_beside_the_graph(graph: Path) -> None:
    said = {
        "collections": {"customers": {"one": "client"}},
        "columns": {"customers.name": {"role": "text", "unit": ""}},
    }
    hints_path(graph).write_text(json.dumps(said))
    assert hints_path(graph).name == "broker.hints.json"
    hints = read_hints(graph)
    assert hints.collection("customers").one == "client"
    assert (hints.column("customers", "name").role, hints.column("customers", "name").unit) == ("text", "")
    assert hints.column("customers", "email").role is None


WRONG: dict[str, tuple[Any, str]] = {
    "no object": ([], "hints: expected an object, such as {}, found []"),
    "unknown part": ({"tables": {}}, "tables: unknown key; expected one of collections, columns"),
    "unknown key": (
        {"collections": {"customers": {"ones": "x"}}},
        "collections > customers > ones: unknown key; expected one of one, many, person, skip",
    ),
    "no truth": (
        {"collections": {"customers": {"person": "perhaps"}}},
        "collections > customers > person: expected true or false, found 'perhaps'",
    ),
    "unknown role": (
        {"columns": {"customers.name": {"role": "nome"}}},
        "columns > customers.name > role: expected 'identifier', 'foreign_key', 'amount', 'measure', 'category', "
        "'name', 'date', 'flag', 'code' or 'text', found 'nome'",
    ),
    "no words": (
        {"columns": {"customers.name": {"words": " "}}},
        "columns > customers.name > words: expected a text that is not empty, found ' '",
    ),
    "a number": (
        {"columns": {"customers.name": {"verb": 3}}},
        "columns > customers.name > verb: expected a text that is not empty, found 3",
    ),
    "no hint": (
        {"columns": {"customers.name": "name"}},
        "columns > customers.name: expected an object, such as {}, found 'name'",
    ),
    "unknown collection": (
        {"collections": {"customer": {}}},
        "customer: no such collection in the graph; expected one such as customers, ",
    ),
    "unknown property": (
        {"columns": {"customers.nam": {}}},
        "customers.nam: no such property in the graph; expected one such as customers.name, ",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_hint_is_told_with_file_key_and_what_was_expected(graph: Path, case: str) -> None:
    said, message = WRONG[case]
    hints_path(graph).write_text(json.dumps(said))
    with pytest.raises(UserError) as told:
        read_hints(graph)
    assert str(told.value).startswith(f"{hints_path(graph)}: {message}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{\n"collections": }', ":2: not JSON (Expecting value); expected hints"),
        (b'{"\xff": 1}', ": not UTF-8 at byte 2"),
    ],
)
def test_a_file_that_is_no_json_is_told(graph: Path, content: bytes, message: str) -> None:
    hints_path(graph).write_bytes(content)
    with pytest.raises(UserError, match=r"hints\.json") as told:
        read_hints(graph)
    assert str(told.value).startswith(f"{hints_path(graph)}{message}")


@pytest.mark.parametrize("name", ["broker", "tpch"])
def test_our_own_hints_name_what_people_would_say(name: str) -> None:
    hints = read_hints(GRAPHS_DIR / f"{name}.json")
    for collection in hints.collections.values():
        assert collection.one and collection.many and collection.one != collection.many
    for column, hint in hints.columns.items():
        said = f"{hint.words} {hint.many} {hint.verb} {hint.of}"
        assert "_" not in said, column
