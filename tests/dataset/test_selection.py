"""Which rows stay: duplicates, near ones, caps, mixes, leaks."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dataset.support import example, leaks, lines, outcomes, released
from utils.core.questions import normal_question
from utils.core.records import Example
from utils.dataset.contract import MAX_VALIDATION_LINES
from utils.dataset.similarity import NEAR, jaccard, shingles
from utils.programs.difficulty import difficulty
from utils.programs.normal_form import normal_form
from utils.programs.structure import structure

LONG = "for every nation in the east show how many customers live there and what they owe in all ordered by name number"


def row(name: str, question: str, program: str = "", **more: Any) -> Example:
    return example(name, question=question, program=program or f"result = nations.WHERE(name == {name!r})", **more)


def told(folder: Path) -> dict[str, tuple[str, str]]:
    return {line["question_id"]: (line["outcome"], line["detail"]) for line in lines(folder / "rows.jsonl")}


def same(folder: Path, first: Example, second: Example) -> str:
    """What is said of the second of two rows: "" where it is in the set."""
    released(folder, [first, second], schema="none", validation_share=0)
    found = told(folder)
    assert found[first.question_id] == ("train", "")
    outcome, detail = found[second.question_id]
    return "" if outcome == "train" else f"{outcome}: {detail}"


@pytest.mark.parametrize(
    ("question", "is_same"),
    [
        ("top 5 CITIES", True),
        ("Top 5  cities?", True),
        ("«Top 5 cities»…", True),
        ("Top 5\ncities", True),
        ("Top 50 cities", False),
        ("Top 5 city", False),
        ("Cities, top 5", False),
    ],
)
def test_case_punctuation_and_spacing_make_no_other_question(tmp_path: Path, question: str, is_same: bool) -> None:
    found = same(tmp_path, row("first", "Top 5 cities?"), row("second", question))
    assert found == ("duplicate: same question as first" if is_same else "")


@pytest.mark.parametrize(
    ("program", "is_same"),
    [
        ("result = parts  # all of them", True),
        ("everything = parts\nresult = everything", True),
        ("result = (\n    parts\n)", True),
        ("result = nations", False),
    ],
)
def test_how_it_is_written_makes_no_other_program(tmp_path: Path, program: str, is_same: bool) -> None:
    found = same(tmp_path, row("first", "All parts?", "result = parts"), row("second", "Which parts exist?", program))
    assert found == ("duplicate: same program as first" if is_same else "")


def test_definitions_are_part_of_the_question(tmp_path: Path) -> None:
    first = row("first", "What is AR?", definitions="AR = account revenue")
    assert same(tmp_path, first, row("second", "What is AR?", definitions="AR: account revenue")).startswith(
        "duplicate"
    )


def test_another_database_is_another_row(tmp_path: Path) -> None:
    first = row("first", "How many?", "result = parts")
    assert same(tmp_path, first, first.model_copy(update={"question_id": "second", "db_name": "tpch_duckdb"})) == ""
    shouting = first.model_copy(update={"question_id": "second", "db_name": "TPCH"})
    assert same(tmp_path, first, shouting) == "duplicate: same question as first"


def test_the_better_proven_then_the_shorter_then_the_first_stays(tmp_path: Path) -> None:
    rows = [
        row("vote", "A", "result = parts", tier="vote"),
        row("long", "a!", "result = parts.WHERE(size > 1).WHERE(size > 2)"),
        row("short", "a?", "result = parts.WHERE(size > 1)"),
        row("late", "a.", "result = parts.WHERE(size > 2)"),
    ]
    released(tmp_path, rows, schema="none", validation_share=0)
    assert told(tmp_path) == {
        "vote": ("duplicate", "same question as short"),
        "long": ("duplicate", "same question as short"),
        "short": ("train", ""),
        "late": ("duplicate", "same question as short"),
    }


def test_of_synthetic_rows_the_one_in_a_persons_words_stays(tmp_path: Path) -> None:
    rows = [
        row("composed", "A", "result = parts", tier="synthetic"),
        row("rewritten", "a!", "result = parts.WHERE(size > 1)", tier="synthetic+paraphrase"),
    ]
    released(tmp_path, rows, schema="none", validation_share=0)
    assert told(tmp_path) == {"composed": ("duplicate", "same question as rewritten"), "rewritten": ("train", "")}


def test_who_is_named_stays(tmp_path: Path) -> None:
    """A chain: b is like a, c is like b in another way. b goes, so c stays."""
    rows = [
        row("a", "One?", "result = parts"),
        row("b", "one", "result = parts.WHERE(size > 1)"),
        row("c", "Two?", "result = parts.WHERE((size > 1))"),
    ]
    released(tmp_path, rows, schema="none", validation_share=0)
    assert told(tmp_path) == {"a": ("train", ""), "b": ("duplicate", "same question as a"), "c": ("train", "")}


def test_of_near_questions_one_stays(tmp_path: Path) -> None:
    rows = [
        row("first", f"{LONG} one"),
        row("second", f"{LONG} two"),
        row("elsewhere", f"{LONG} three", db_name="broker", program="result = customers.WHERE(name == 'elsewhere')"),
        row("other", "which parts are never sold to anyone at all in the whole wide world"),
    ]
    released(tmp_path, rows, schema="none", validation_share=0)
    assert told(tmp_path) == {
        "first": ("train", ""),
        "second": ("near_duplicate", "question near first (similarity 0.91)"),
        "elsewhere": ("train", ""),
        "other": ("train", ""),
    }


def test_definitions_do_not_make_questions_near(tmp_path: Path) -> None:
    first = row("first", "What is AR by state?", definitions=LONG)
    assert same(tmp_path, first, row("second", "How many customers have no AR?", definitions=LONG)) == ""


def test_a_near_chain_keeps_every_other_one(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(40)]
    texts = [" ".join(words[start : start + 25]) for start in range(4)]  # neighbours are near, others less so
    near = {pair: jaccard(*(shingles(texts[each]) for each in pair)) >= NEAR for pair in combinations(range(4), 2)}
    assert [pair for pair, found in near.items() if found] == [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    released(tmp_path, [row(f"r{n}", text) for n, text in enumerate(texts)], schema="none", validation_share=0)
    assert {name: outcome for name, (outcome, _detail) in told(tmp_path).items()} == {
        "r0": "train",
        "r1": "near_duplicate",
        "r2": "near_duplicate",
        "r3": "train",
    }


def test_benchmark_rows_are_kept_out_unless_asked_for(tmp_path: Path) -> None:
    rows = [row("test", "One?", is_benchmark=True), row("train", "Two?")]
    released(tmp_path, rows, schema="none", validation_share=0)
    assert outcomes(tmp_path) == {"test": "benchmark", "train": "train"}
    released(tmp_path, rows, schema="none", validation_share=0, include_benchmark=True)
    assert outcomes(tmp_path) == {"test": "train", "train": "train"}


def test_what_is_left_out_takes_no_ones_place(tmp_path: Path) -> None:
    rows = [
        row("bench", "One?", is_benchmark=True),
        row("copy", "one"),
        row("bad", "Two?", status="mismatch", tier=None),
    ]
    released(tmp_path, [*rows, row("good", "two")], schema="none", validation_share=0)
    assert outcomes(tmp_path) == {"bench": "benchmark", "copy": "train", "bad": "mismatch", "good": "train"}


def test_caps(tmp_path: Path) -> None:
    rows = [row(f"a{n}", f"Question {n}?") for n in range(6)]
    rows += [row(f"b{n}", f"Task {n}?", f"result = customers.TOP_K({n}, by=name)", db_name="broker") for n in range(4)]
    released(tmp_path, rows, schema="none", validation_share=0, per_template=3)
    found = told(tmp_path)
    assert Counter(outcome for outcome, _detail in found.values()) == {"train": 6, "template_cap": 4}
    assert {detail for _outcome, detail in found.values()} == {
        "",
        "one of 6, of which 3 stay",
        "one of 4, of which 3 stay",
    }
    stays = {name for name, (outcome, _detail) in found.items() if outcome == "train"}
    released(tmp_path, rows[::-1], schema="none", validation_share=0, per_template=3)
    assert {name for name, (outcome, _detail) in told(tmp_path).items() if outcome == "train"} == stays
    released(tmp_path, rows, schema="none", validation_share=0, per_database=5)
    assert Counter(outcomes(tmp_path).values()) == {"train": 9, "database_cap": 1}


def test_a_mix_of_levels_is_met_with_as_many_rows_as_there_are(tmp_path: Path) -> None:
    easy = [row(f"e{n}", f"Question {n}?") for n in range(20)]
    deep = "result = nations.CALCULATE(x=SUM(customers.WHERE(key > {n}).orders.CALCULATE(y=SUM(lines.key)).y)).TOP_K(3, by=x)"
    medium = [row(f"m{n}", f"Task {n}?", deep.format(n=n)) for n in range(6)]
    levels = {difficulty(structure(each.program or "")) for each in (easy[0], medium[0])}
    assert len(levels) == 2
    mix = {difficulty(structure(easy[0].program or "")): 0.25, difficulty(structure(medium[0].program or "")): 0.75}
    released(tmp_path, [*easy, *medium], schema="none", validation_share=0, mix=mix)
    assert Counter((name[0], outcome) for name, outcome in outcomes(tmp_path).items()) == {
        ("e", "train"): 2,
        ("e", "difficulty_mix"): 18,
        ("m", "train"): 6,
    }


TEXTS = st.sampled_from(["Q1", "q1?", "Q2", f"{LONG} one", f"{LONG} two", f"{LONG} three", f"{LONG[3:]} one two"])
PROGRAMS = st.builds(
    lambda operator, number: f"result = TPCH.CALCULATE(n={operator}(parts.size), k={number})",
    st.sampled_from(["SUM", "MIN", "MAX", "AVG"]),
    st.integers(0, 2),
)
ROWS = st.lists(
    st.tuples(TEXTS, PROGRAMS, st.sampled_from(["tpch", "tpch_duckdb"]), st.sampled_from(["gold", "vote"])), max_size=16
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, split=st.sampled_from(["template", "question"]), seed=st.integers(0, 5))
def test_nothing_in_the_set_is_like_another_and_what_goes_has_its_like_in_it(
    tmp_path: Path, rows: list, split: str, seed: int
) -> None:
    examples = [row(f"r{n}", text, program, db_name=db, tier=tier) for n, (text, program, db, tier) in enumerate(rows)]
    wanted = {"schema": "none", "kind": split, "validation_share": 0.3, "test_share": 0.3, "seed": seed}
    released(tmp_path, examples, **wanted)
    leaks(tmp_path, **wanted)  # raises where something leaks
    by_id = {each.question_id: each for each in examples}
    found = told(tmp_path)
    sides = {name: outcome for name, (outcome, _detail) in found.items() if outcome in ("train", "validation", "test")}

    def alike(one: Example, other: Example) -> bool:
        near = jaccard(shingles(one.question), shingles(other.question)) >= NEAR
        equal = normal_question(one.question) == normal_question(other.question)
        return near or equal or normal_form(one.program or "") == normal_form(other.program or "")

    for one, other in combinations(sides, 2):
        if by_id[one].db_name == by_id[other].db_name:
            assert not alike(by_id[one], by_id[other])
    for name, (outcome, detail) in found.items():
        if outcome == "duplicate":
            kept = by_id[detail.split()[-1]]
            assert alike(by_id[name], kept)
            assert found[kept.question_id][0] != "duplicate"
        elif outcome == "leak":
            assert sides[name] if name in sides else detail.rsplit(" in ", 1)[1].split()[0] in ("validation", "test")
        elif outcome not in sides.values():
            assert outcome == "near_duplicate"


def test_what_is_held_out_stays_and_its_like_in_train_goes(tmp_path: Path) -> None:
    texts = [f"{LONG} number {number} of them" for number in range(1)]
    rows = [
        row(f"{db}{n}", f"{text} {n}", f"result = {operator}", db_name=db)
        for n, text in enumerate(texts)
        for db, operator in zip(
            ("tpch", "tpch_duckdb"), ("parts.WHERE(size > 1)", "parts.TOP_K(2, by=size)"), strict=True
        )
    ]
    for seed in range(40):
        released(tmp_path, rows, schema="none", validation_share=0.5, seed=seed)
        found = told(tmp_path)
        if {"validation", "leak"} == {outcome for outcome, _detail in found.values()}:
            [detail] = [detail for outcome, detail in found.values() if outcome == "leak"]
            assert "in validation" in detail
            break
    else:
        raise AssertionError("no seed parts the two")


def test_validation_never_exceeds_what_gemini_takes(tmp_path: Path) -> None:
    rows = [
        row(
            f"r{n}",
            f"w{n} x{n} y{n}?",
            "result = nations" + ".WHERE(key == 1)" * (n % 49) + ".CALCULATE(key)" * (n // 49),
        )
        for n in range(2_400)
    ]
    counts = released(tmp_path, rows, schema="none", validation_share=0.6)
    assert counts.rows["validation"] == 1_000 > 0.3 * counts.rows["train"]
    assert counts.rows["validation_cap"] > 300
    assert MAX_VALIDATION_LINES == 5_000


def test_rows_that_nobody_asked_have_their_share_and_no_more(tmp_path: Path) -> None:
    asked = [row(f"a{n}", f"Question {n}?") for n in range(4)]
    made = [row(f"s{n}", f"Task {n}?", tier="synthetic") for n in range(30)]

    def written(share: float, rows: list[Example]) -> Counter[tuple[str, str]]:
        released(tmp_path, rows, schema="none", validation_share=0, synthetic_share=share)
        return Counter((name[0], outcome) for name, outcome in outcomes(tmp_path).items())

    kept = {("a", "train"): 4, ("s", "train"): 12, ("s", "synthetic_share"): 18}
    assert written(0.75, [*made, *asked]) == kept
    assert written(0, [*made, *asked]) == {("a", "train"): 4, ("s", "synthetic_share"): 30}
    assert written(1, [*made, *asked]) == {("a", "train"): 4, ("s", "train"): 30}
    assert written(0.75, made) == {("s", "train"): 30}  # nobody has asked anything
