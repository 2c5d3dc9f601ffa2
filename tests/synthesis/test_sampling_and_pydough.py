"""Drawn intents and their programs: of every family, repeatable, allowed, and compiled by the real PyDough."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from utils.core.paths import WorkDir
from utils.databases.catalog import built_in_entries
from utils.programs.allowlist import check_program
from utils.programs.compiler import ProgramCompiler
from utils.programs.normal_form import forms
from utils.synthesis.intent import Aggregate, Exists, Field, Intent, named, walk
from utils.synthesis.model import Model
from utils.synthesis.pydough import render_pydough
from utils.synthesis.reading import read_model
from utils.synthesis.sampling import FAMILIES, Sampler

DRAWS = 1_200


@pytest.fixture(scope="module", params=["broker", "tpch"])
def model(request: pytest.FixtureRequest, databases: WorkDir) -> Model:
    return read_model(built_in_entries(databases)[request.param])


@pytest.fixture(scope="module")
def intents(model: Model) -> list[Intent]:
    sampler = Sampler(model, seed=3)
    return [intent for intent in (sampler.draw() for _ in range(DRAWS)) if intent is not None]


def test_most_draws_fit_and_every_family_comes(model: Model, intents: list[Intent]) -> None:
    assert len(intents) > 0.7 * DRAWS
    assert set(Counter(intent.family for intent in intents)) == set(FAMILIES)


def test_the_same_seed_draws_the_same(model: Model, intents: list[Intent]) -> None:
    sampler = Sampler(model, seed=3)
    again = [intent for intent in (sampler.draw() for _ in range(DRAWS)) if intent is not None]
    assert again == intents
    programs = [render_pydough(intent, model, random.Random(1)) for intent in intents]
    assert programs == [render_pydough(intent, model, random.Random(1)) for intent in again]


def test_names_are_clear_and_orders_total_where_they_cut(intents: list[Intent]) -> None:
    for intent in intents:
        known = {**named(intent), **{name: None for name, _function, _result in intent.summary}}
        assert set(intent.output) <= set(known)
        assert len(set(intent.output)) == len(intent.output)
        assert {name for name, _descending in intent.order} <= set(known)
        if intent.limit is not None:
            ends = {name for name, _descending in intent.order}
            keys = {name for name, _ in intent.keys}
            unique = {
                name for name, one in intent.columns if isinstance(one, Field) and one.column.name in intent.source.key
            } | {name for name, one in intent.columns if isinstance(one, Field) and one.column.unique}
            assert ends >= keys if intent.level == "groups" else ends & unique


def test_sums_are_of_amounts_and_tests_of_children_go_down(intents: list[Intent]) -> None:
    for node in walk(tuple(intents)):
        if isinstance(node, Aggregate) and node.function == "SUM" and isinstance(node.value, Field):
            assert node.value.column.role == "amount"
        if isinstance(node, Exists):
            assert not node.path[0].singular


@pytest.mark.parametrize("style", range(3))
def test_programs_are_allowed_and_read_well(model: Model, intents: list[Intent], style: int) -> None:
    for number, intent in enumerate(intents):
        program = render_pydough(intent, model, random.Random(f"{style} {number}"))
        check_program(program)
        forms(program)
        assert "\t" not in program and "__" not in program
        assert program == "\n".join(line.rstrip() for line in program.splitlines())


def test_pydough_compiles_them(databases: WorkDir, model: Model, intents: list[Intent]) -> None:
    entry = built_in_entries(databases)["broker" if model.graph == "Broker" else "tpch"]
    chosen: dict[str, list[Intent]] = {}
    for intent in intents:
        chosen.setdefault(intent.family, []).append(intent)
    few = [intent for family in chosen.values() for intent in family[:3]]
    with ProgramCompiler(workers=2) as compiler:
        waiting = [
            (program, compiler.submit(program, entry, ["sqlite"]))
            for program in (render_pydough(one, model, random.Random(n)) for n, one in enumerate(few))
        ]
        failed = [(program, done.result().detail) for program, done in waiting if done.result().failure]
    assert not failed, "\n\n".join(f"{program}\n{detail}" for program, detail in failed[:5])
