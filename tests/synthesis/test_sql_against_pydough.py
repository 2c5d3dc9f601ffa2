"""Two renderings of drawn intents, written apart from each other, agree through the whole proof."""

from __future__ import annotations

import random

import pytest

from utils.core.paths import WorkDir
from utils.core.records import Verdict
from utils.databases.catalog import built_in_entries
from utils.databases.connect import dialect_of
from utils.programs.terms import operators
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask
from utils.synthesis.intent import Aggregate, walk
from utils.synthesis.pydough import render_pydough
from utils.synthesis.reading import read_model
from utils.synthesis.sampling import Sampler
from utils.synthesis.sql import render_sql

INTENTS = 40


@pytest.mark.parametrize("name", ["broker", "broker_duckdb", "tpch", "tpch_duckdb"])
def test_sql_and_pydough_agree(databases: WorkDir, name: str) -> None:
    entry = built_in_entries(databases)[name]
    model, settings = read_model(entry), ProofSettings(instances=2, twins=False, counterexamples=False)
    sampler = Sampler(model, seed=7)
    drawn = (sampler.draw() for _ in range(2 * INTENTS))
    # PyDough's spread is a difference of large sums, of which rounding may make anything near zero
    intents = [one for one in drawn if one is not None and not _spread(one)][:INTENTS]
    tasks = [
        ProofTask(
            str(number),
            render_pydough(intent, model, random.Random(number)),
            render_sql(intent, model, dialect_of(entry.url)),
            entry,
            settings,
        )
        for number, intent in enumerate(intents)
    ]
    with Prover(workers=2) as prover:
        verdicts = {task.question_id: verdict for task, verdict in prover.prove_all(tasks)}
    differing = [
        f"{verdict.status}: {verdict.detail}\n{tasks[int(number)].program}\n{tasks[int(number)].gold_sql}"
        for number, verdict in verdicts.items()
        if verdict.status not in ("match", "degenerate", "quirk")
    ]
    assert not differing, "\n\n".join(differing)
    assert sum(verdict.status == "match" for verdict in verdicts.values()) > 0.9 * INTENTS


def _spread(intent: object) -> bool:
    return any(isinstance(one, Aggregate) and one.function in ("STD", "VAR") for one in walk(intent))


STYLES = {
    "PARTITION": ("attribute", "groups", "share"),
    "CROSS": ("above_average",),
    "SINGULAR": ("best",),
    "IFF": ("compare", "per_parent"),
    "FLOAT": ("compare",),
    "NOT": ("list", "presence", "whole"),
}


@pytest.mark.parametrize("operator", STYLES)
def test_a_program_is_right_with_and_without(databases: WorkDir, operator: str) -> None:
    """An operator that some styles use: of one intent programs with it and without give the same."""
    entry = built_in_entries(databases)["broker"]
    model, settings = read_model(entry), ProofSettings(instances=3, twins=False, counterexamples=False)
    sampler, tasks = Sampler(model, seed=11), []
    while len(tasks) < 6:
        intent = sampler.draw(dict.fromkeys(STYLES[operator], 1.0))
        if intent is None or _spread(intent):
            continue
        programs = [render_pydough(intent, model, random.Random(dice)) for dice in range(40)]
        having = [program for program in programs if operator in operators(program)]
        lacking = [program for program in programs if operator not in operators(program)]
        if having and lacking:
            gold = render_sql(intent, model, "sqlite")
            tasks += [ProofTask(one[0], one[0], gold, entry, settings) for one in (having, lacking)]
    with Prover(workers=2) as prover:
        verdicts = [(task, verdict) for task, verdict in prover.prove_all(tasks)]
    differing = [
        f"{verdict.status}: {verdict.detail}\n{task.program}" for task, verdict in verdicts if not _right(verdict)
    ]
    assert not differing, "\n\n".join(differing)


def _right(verdict: Verdict) -> bool:
    return verdict.status in ("match", "degenerate")
