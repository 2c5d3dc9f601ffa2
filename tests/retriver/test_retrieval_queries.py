"""The labelled queries that searches are measured with: labels that exist, two sets that share nothing."""

from __future__ import annotations

import re

from benchmarks.retrieval import QUERIES, LabelledQuery, evaluate, read_labelled
from retriver.chunks import chunk_folder
from utils.core.paths import KNOWLEDGE_DIR, QUESTIONS_DIR
from utils.core.questions import LANGUAGE_COLUMNS, read_questions

SETS = {split: read_labelled(QUERIES / f"{split}.csv") for split in ("tuned", "held_out")}


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def test_every_label_is_a_section() -> None:
    headings = {chunk.heading for chunk in chunk_folder(KNOWLEDGE_DIR)}
    for queries in SETS.values():
        for query in queries:
            assert query.sections
            assert query.sections <= headings, query.query


def test_the_held_out_queries_are_enough_and_nowhere_else() -> None:
    held_out = [words(query.query) for query in SETS["held_out"]]
    assert len(held_out) == len(set(held_out)) >= 150
    assert sum(not query.names_operation for query in SETS["held_out"]) >= len(held_out) / 3
    basic = read_questions([QUESTIONS_DIR / "basic_questions.csv"], LANGUAGE_COLUMNS)
    assert not set(held_out) & {words(query.query) for query in SETS["tuned"]}
    assert not set(held_out) & {words(row.question.question) for row in basic}


def test_the_measures() -> None:
    found = {"a": ["A", "B"], "b": ["X", "Y", "B"], "c": ["X"] * 5 + ["C"], "d": []}
    queries = [LabelledQuery(name, frozenset({name.upper()}), name == "a") for name in found]
    figures = evaluate(found.__getitem__, queries)
    assert (figures["recall_1"], figures["recall_5"]) == (0.25, 0.5)
    assert figures["mrr"] == round((1 + 1 / 3 + 1 / 6) / 4, 3)
    assert figures["recall_5_without"] == round(1 / 3, 3)
