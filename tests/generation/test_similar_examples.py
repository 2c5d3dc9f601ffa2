from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from utils.core.records import Example, Question
from utils.generation.similar import ExamplePool


def _example(name: str, question: str, db_name: str = "tpch", **changes: Any) -> Example:
    values = {
        "question_id": name,
        "db_name": db_name,
        "question": question,
        "status": "accepted",
        "program": "result = 1",
    }
    return Example(**(values | changes))


def _asked(question: str, db_name: str = "tpch", name: str = "asked") -> Question:
    return Question(question_id=name, db_name=db_name, question=question)


def _names(examples: list[Example]) -> list[str]:
    return [example.question_id for example in examples]


def test_the_most_similar_question_comes_first() -> None:
    pool = ExamplePool(
        [
            _example("cities", "Which cities have the most suppliers?"),
            _example("revenue", "Total revenue of every nation in 1995"),
            _example("orders", "How many orders were placed in 1995?"),
        ]
    )
    assert _names(pool.similar(_asked("Revenue of each nation, highest first"), 3))[0] == "revenue"
    assert _names(pool.similar(_asked("orders placed by city"), 3))[0] == "orders"


def test_rare_words_weigh_more_than_frequent_ones() -> None:
    pool = ExamplePool([*[_example(f"n{n}", f"customers number{n}") for n in range(9)], _example("rare", "discount")])
    assert _names(pool.similar(_asked("customers discount"), 1)) == ["rare"]


def test_a_question_is_never_its_own_example() -> None:
    pool = ExamplePool(
        [_example("same_id", "Anything"), _example("same_text", "How many?"), _example("other", "How few?")]
    )
    assert _names(pool.similar(_asked("How many?", name="same_id"), 5)) == ["other"]


def test_only_proven_examples_are_shown() -> None:
    pool = ExamplePool(
        [
            _example("wrong", "How many parts?", status="mismatch"),
            _example("unwritten", "How many parts?", program=None),
            _example("good", "How many nations?"),
        ]
    )
    assert _names(pool.similar(_asked("How many parts are there?"), 5)) == ["good"]


def test_a_third_comes_from_other_databases_where_they_have_it() -> None:
    ours = [_example(f"tpch{n}", f"part {n}") for n in range(9)]
    theirs = [_example(f"broker{n}", f"part {n}", "broker") for n in range(9)]
    found = ExamplePool(ours + theirs).similar(_asked("part"), 6)
    assert [example.db_name for example in found] == ["tpch"] * 4 + ["broker"] * 2
    found = ExamplePool(ours).similar(_asked("part"), 6)
    assert [example.db_name for example in found] == ["tpch"] * 6
    found = ExamplePool([*ours[:1], *theirs]).similar(_asked("part"), 6)
    assert [example.db_name for example in found] == ["tpch"] + ["broker"] * 5
    found = ExamplePool([*ours, *theirs[:1]]).similar(_asked("part"), 6)
    assert [example.db_name for example in found] == ["tpch"] * 5 + ["broker"]


def test_an_empty_pool_has_no_examples() -> None:
    assert ExamplePool([]).similar(_asked("How many?"), 4) == []


WORDS = st.lists(st.sampled_from(["part", "nation", "order", "revenue", "1995", "top", "é"]), max_size=5).map(" ".join)


@given(
    st.lists(st.tuples(WORDS, st.sampled_from(["tpch", "broker"])), max_size=12),
    st.tuples(WORDS, st.sampled_from(["tpch", "broker", "shop"])),
    st.integers(0, 8),
)
def test_as_many_as_asked_for_if_there_are_so_many_and_always_the_same(
    rows: list[tuple[str, str]], asked: tuple[str, str], limit: int
) -> None:
    pool = ExamplePool([_example(f"r{n}", text, db_name) for n, (text, db_name) in enumerate(rows)])
    found = _names(pool.similar(_asked(*asked), limit))
    usable = [f"r{n}" for n, (text, _db_name) in enumerate(rows) if text != asked[0]]
    assert len(found) == min(limit, len(usable)) == len(set(found))
    assert set(found) <= set(usable)
    assert _names(pool.similar(_asked(*asked), limit)) == found
