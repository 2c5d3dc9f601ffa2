"""Levels that rise with what a program is made of, and spread over the corpus."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.paths import PROJECT_ROOT, QUESTIONS_DIR
from utils.core.questions import read_questions
from utils.databases.graph_relations import relationships_of
from utils.databases.schema_text import load_graph
from utils.programs.difficulty import LEVELS, difficulty, score
from utils.programs.structure import Structure, structure

FILES = [QUESTIONS_DIR / "broker.csv", QUESTIONS_DIR / "tpch.csv"]
CORPUS = [row.question for row in read_questions(FILES) if row.question.pydough]
GRAPHS = {
    name: load_graph(PROJECT_ROOT / "graphs" / f"{name}.json", graph)
    for name, graph in (("broker", "Broker"), ("tpch", "TPCH"))
}
LINKS = {name: {one.name for one in relationships_of(graph)} for name, graph in GRAPHS.items()}
structures = st.builds(Structure, **{field.name: st.integers(0, 20) for field in fields(Structure)})


@pytest.mark.parametrize("with_links", [True, False])
def test_the_corpus_spreads_over_all_levels(with_links: bool) -> None:
    found = Counter(
        difficulty(structure(question.pydough or "", LINKS[question.db_name] if with_links else ()))
        for question in CORPUS
    )
    assert set(found) == set(LEVELS)
    assert min(found.values()) >= 0.1 * len(CORPUS)


def test_the_levels_agree_with_the_tags_of_the_corpus() -> None:
    def mean(tag: str) -> float:
        scores = [score(structure(q.pydough or "", LINKS[q.db_name])) for q in CORPUS if tag in q.tags]
        return sum(scores) / len(scores)

    assert mean("one_liner") < mean("medium") < mean("hard") < mean("six_step")
    assert mean("basic") < mean("advanced")


@given(structures, st.sampled_from([field.name for field in fields(Structure)]), st.integers(1, 9))
def test_more_of_anything_never_lowers_the_level(one: Structure, field: str, more: int) -> None:
    other = replace(one, **{field: getattr(one, field) + more})
    assert LEVELS.index(difficulty(other)) >= LEVELS.index(difficulty(one))


@pytest.mark.parametrize("field", ["operators", "nesting", "links", "windows", "partitions", "crosses", "bests"])
def test_enough_of_each_makes_an_expert_program(field: str) -> None:
    assert difficulty(Structure()) == "easy"
    assert difficulty(replace(Structure(), **{field: 40})) == "expert"


@pytest.mark.parametrize(
    ("program", "added"),
    [
        ("result = a.CALCULATE(x=n)", "result = a.CALCULATE(x=RELSUM(n))"),
        ("result = a.CALCULATE(x=n)", "result = a.CALCULATE(x=b.n)"),
        ("result = a.CALCULATE(x=n)", "result = a.CALCULATE(x=ROUND(ABS(n)))"),
        ("result = a.WHERE(b)", "result = a.WHERE(b).PARTITION(name='g', by=c)"),
    ],
)
def test_programs_with_more_in_them_score_higher(program: str, added: str) -> None:
    assert score(structure(added)) > score(structure(program))


@pytest.mark.parametrize(
    ("operators", "level"), [(15, "easy"), (16, "medium"), (23, "medium"), (24, "hard"), (31, "hard"), (32, "expert")]
)
def test_where_a_level_begins(operators: int, level: str) -> None:
    assert difficulty(Structure(operators=operators)) == level
