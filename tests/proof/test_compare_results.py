import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.proof.compare import Answer, differ_by_noise, difference, differs_by_rounding, tie_groups

ROWS = [("a", 1, 10.5), ("b", 2, 20.5), ("c", 2, 20.5), ("d", 3, None)]


def ordered(rows, key):
    """Gold ordered by the cells that `key` picks."""
    return Answer(rows, tie_groups(rows, [key(row) for row in rows]))


def test_equal_results_do_not_differ():
    assert difference(Answer(ROWS), Answer(list(ROWS))) == ""
    assert difference(Answer(ROWS), Answer(ROWS[::-1])) == ""


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        ([], "no rows, expected 4"),
        ([row[:2] for row in ROWS], "2 columns, expected 3"),
        ([(*row, 1) for row in ROWS], "4 columns, expected 3"),
        (ROWS[:3], "3 rows, expected 4; expected but not given: ('d', 3, None)"),
        ([*ROWS, ROWS[0]], "5 rows, expected 4; given but not expected: ('a', 1, 10.5)"),
        ([*ROWS[:3], ("d", 3, 0)], "other values; expected but not given: ('d', 3, None); given but not expected: ('d', 3, 0)"),
        ([*ROWS[:3], ROWS[0]], "other values; expected but not given: ('d', 3, None); given but not expected: ('a', 1, 10.5)"),
    ],
)  # fmt: skip
def test_what_differs_is_told(candidate, told):
    assert difference(Answer(ROWS), Answer(candidate)) == told


def test_a_long_difference_is_told_shortly():
    gold = [(number, "x") for number in range(3_000)]
    told = difference(Answer(gold), Answer([(number + 0.5, "x") for number, _ in gold]))
    assert told.startswith("other values; expected but not given: (0, 'x'), (1, 'x') and 2,998 more")
    assert len(told) < 200


def test_the_nearest_rows_are_shown():
    gold = [("a", 1, 1), ("b", 2, 2), ("c", 3, 3)]
    told = difference(Answer(gold), Answer([("x", 8, 8), ("y", 9, 9), ("c", 3, 4)]))
    assert told.startswith("other values; expected but not given: ('c', 3, 3), ")


@given(st.permutations(range(3)), st.randoms(use_true_random=False))
def test_columns_may_stand_in_any_order_when_their_values_tell_them_apart(order, chance):
    candidate = [tuple(row[column] for column in order) for row in ROWS]
    chance.shuffle(candidate)
    assert difference(Answer(ROWS), Answer(candidate)) == ""


def test_columns_are_never_sorted_apart_from_their_rows():
    gold = [("a", "x"), ("b", "y")]
    assert difference(Answer(gold), Answer([("x", "a"), ("y", "b")])) == ""
    assert difference(Answer(gold), Answer([("x", "b"), ("y", "a")])).startswith("other values")
    assert difference(Answer(gold), Answer([("a", "y"), ("b", "x")])).startswith("other values")


def test_one_column_may_not_stand_for_two():
    gold = [(1, 1), (2, 2)]
    assert difference(Answer(gold), Answer([(1, 1), (2, 2)])) == ""
    assert difference(Answer(gold), Answer([(1, 5), (2, 6)])) != ""
    assert difference(Answer([(1, 2), (2, 1)]), Answer([(1, 1), (2, 2)])) != ""


def test_many_alike_columns_end_in_reasonable_time():
    row = tuple([0] * 14)
    gold = [row, (*row[:-1], 1)]
    assert difference(Answer(gold), Answer([(1, *row[1:]), row])) == ""
    assert difference(Answer(gold), Answer([row, (1, 1, *row[2:])])) != ""


def test_rows_of_equal_keys_may_stand_in_any_order():
    gold = ordered(ROWS, lambda row: (row[1],))
    assert [len(group) for group in gold.tie_groups] == [1, 2, 1]
    assert difference(gold, Answer(ROWS)) == ""
    assert difference(gold, Answer([ROWS[0], ROWS[2], ROWS[1], ROWS[3]])) == ""
    assert difference(gold, Answer([ROWS[1], ROWS[0], ROWS[2], ROWS[3]])) == "right rows in the wrong order"
    assert difference(gold, Answer(ROWS[::-1])) == "right rows in the wrong order"


def test_keys_within_tolerance_are_a_tie_and_null_ties_with_null():
    rows = [("a", 0.1 + 0.2), ("b", 0.3), ("c", None), ("d", None), ("e", "x")]
    assert [len(group) for group in tie_groups(rows, [row[1:] for row in rows])] == [2, 2, 1]


def test_a_limit_that_cuts_a_tie_accepts_any_of_the_tied():
    tied = [("b", 2), ("c", 2), ("d", 2)]
    gold = Answer([("a", 3), ("b", 2), ("c", 2)], [[("a", 3)], tied])
    for first in tied:
        for second in tied:
            told = difference(gold, Answer([("a", 3), first, second]))
            assert (told == "") == (first != second)
    assert difference(gold, Answer([("b", 2), ("a", 3), ("c", 2)])) == "right rows in the wrong order"
    assert difference(gold, Answer([("a", 3), ("b", 2), ("e", 2)])).startswith("other values")
    assert difference(gold, Answer([("a", 3), ("b", 2), ("e", 1)])).startswith("other values")
    assert difference(gold, Answer([("a", 3), ("b", 2)])).startswith("2 rows, expected 3")


def test_columns_are_matched_where_a_limit_cuts_a_tie_too():
    gold = Answer([("a", 3), ("b", 2)], [[("a", 3)], [("b", 2), ("c", 2)]])
    assert difference(gold, Answer([(3, "a"), (2, "c")])) == ""
    assert difference(gold, Answer([(3, "a"), (2, "d")])) != ""
    assert difference(gold, Answer([(2, "c"), (3, "a")])) != ""


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=10),
    st.randoms(use_true_random=False),
)
def test_order_binds_exactly_as_far_as_the_keys_do(rows, chance):
    gold_rows = sorted(rows, key=lambda row: row[0])
    gold = ordered(gold_rows, lambda row: (row[0],))
    candidate = list(rows)
    chance.shuffle(candidate)
    keys = [row[0] for row in candidate]
    right = keys == sorted(keys) or _is_right_swapped(gold_rows, candidate)
    assert (difference(gold, Answer(candidate)) == "") == right


def _is_right_swapped(gold_rows, candidate):
    """Whether the candidate is right when its two columns change places (both hold the same values)."""
    swapped = [row[::-1] for row in candidate]
    keys = [row[0] for row in swapped]
    return sorted(swapped) == sorted(gold_rows) and keys == sorted(keys)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.text("abc", min_size=1, max_size=2)), min_size=1, max_size=10), st.data()
)
def test_a_limit_takes_any_of_the_tied_and_nothing_else(rows, data):
    rows = sorted(set(rows))
    limit = data.draw(st.integers(1, len(rows)))
    chance = random.Random(data.draw(st.integers(0, 99)))
    groups, start = [], 0
    while start < limit:
        group = [row for row in rows if row[0] == rows[start][0]]
        groups.append(group)
        start += len(group)
    gold = Answer(rows[:limit], groups)
    candidate = [row for group in groups for row in chance.sample(group, len(group))][:limit]
    assert difference(gold, Answer(candidate)) == ""
    replaced = data.draw(st.integers(0, limit - 1))
    candidate[replaced] = (candidate[replaced][0], "new")
    assert difference(gold, Answer(candidate)) != ""


def test_large_results_are_compared_quickly():
    chance = random.Random(5)
    rows = [
        (chance.randrange(10**6), number, number % 9, chance.random() * 1e5, float(number % 11))
        for number in range(40_000)
    ]
    gold_rows = sorted(rows, key=lambda row: row[2])
    gold = ordered(gold_rows, lambda row: (row[2],))
    cut = Answer(gold_rows[:5_000], [group for group in gold.tie_groups if group[0][2] <= gold_rows[4_999][2]])
    swapped = [(row[3] * (1 + 1e-13), row[0], row[4], row[1], row[2]) for row in gold_rows]
    started = time.monotonic()
    assert difference(gold, Answer(swapped)) == ""
    assert difference(cut, Answer(swapped[:5_000])) == ""
    assert difference(gold, Answer([*swapped[1:], swapped[0]])) != ""
    assert time.monotonic() - started < 120  # it would take hours


CELLS = st.one_of(
    st.none(), st.integers(-5, 5), st.sampled_from(["", "a", "b", "2023-01-01"]), st.sampled_from([0.5, 1.25, -3.75])
)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=9))


@given(TABLES)
def test_nothing_differs_from_itself(rows):
    assert difference(Answer(rows), Answer(list(rows))) == ""
    keys = sorted(rows, key=repr)
    assert difference(ordered(keys, lambda row: row), Answer(keys)) == ""


@given(TABLES, TABLES)
def test_a_difference_is_one_from_either_side(one, other):
    assert (difference(Answer(one), Answer(other)) == "") == (difference(Answer(other), Answer(one)) == "")


@given(TABLES, st.randoms(use_true_random=False))
def test_without_an_order_the_order_of_rows_is_not_seen(rows, chance):
    assert difference(Answer(rows), Answer(chance.sample(rows, len(rows)))) == ""


@given(TABLES, st.data())
def test_a_changed_cell_is_always_seen(rows, data):
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[0]) - 1))
    new = data.draw(st.one_of(st.just("a new text"), st.integers(90, 99), st.none(), st.just(0), st.just("")))
    cells = list(rows[row])
    if cells[column] == new and type(cells[column]) is type(new):
        return
    cells[column] = new
    changed = [*rows[:row], tuple(cells), *rows[row + 1 :]]
    values = sorted(map(repr, [cell for one in rows for cell in one]))
    if sorted(map(repr, [cell for one in changed for cell in one])) != values:  # else columns may have changed places
        assert difference(Answer(rows), Answer(changed)) != ""
        assert difference(Answer(changed), Answer(rows)) != ""


@given(TABLES, st.lists(CELLS, min_size=9, max_size=9))
def test_more_columns_are_a_difference_unless_they_are_allowed(rows, extra):
    wider = [(*row, cell) for row, cell in zip(rows, extra, strict=False)]
    assert "columns, expected" in difference(Answer(rows), Answer(wider))
    assert difference(Answer(rows), Answer(wider), superset=True) == ""
    assert "columns, expected" in difference(Answer(wider), Answer(rows), superset=True)


def test_among_more_columns_the_values_must_still_be_there():
    rows = [("a", 1), ("b", 2)]
    assert difference(Answer(rows), Answer([(9, "b", 2), (8, "a", 1)]), superset=True) == ""
    assert difference(Answer(rows), Answer([(9, "b", 1), (8, "a", 2)]), superset=True) != ""
    assert difference(ordered(rows, lambda row: (row[1],)), Answer([(9, "b", 2), (8, "a", 1)]), superset=True) != ""


def test_an_order_that_is_right_by_luck_is_none():
    rows = [("a", 1), ("b", 1), ("c", 2)]
    gold = ordered(rows, lambda row: (row[1], row[0]))
    by_number = Answer(rows, tie_groups(rows, [row[1:] for row in rows]))
    assert difference(gold, Answer(rows)) == ""
    assert difference(gold, by_number).startswith("right rows, but the program leaves open an order")
    assert difference(by_number, ordered(rows, lambda row: (row[1], row[0]))) == ""
    cut = Answer(rows[:1], [rows[:2]])
    assert difference(Answer(rows[:1], [rows[:1]]), cut).startswith("right rows, but the program leaves open an order")
    assert difference(cut, Answer(rows[1:2], [rows[1:2]])) == ""


@pytest.mark.parametrize(
    ("keys", "noisy"),
    [
        ([(0.1 + 0.2, "b"), (0.3, "a")], True),
        ([(0.3, "b"), (0.3, "a")], False),
        ([("x", 0.1 + 0.2), ("y", 0.3)], False),
        ([("x", 0.1 + 0.2), ("x", 0.3)], True),
        ([(1,), (2,), (None,)], False),
        ([], False),
    ],
)
def test_an_order_by_rounding_is_none(keys, noisy):
    assert differ_by_noise(keys) is noisy


@pytest.mark.parametrize(
    ("gold", "candidate", "same"),
    [
        ([(1.0,)], [(1.01,)], True),
        ([(1.0,)], [(1.1,)], True),
        ([(1.0,)], [(1.2,)], False),
        ([(1,)], [(2,)], False),
        ([("a", 2.01)], [("a", 2.0)], True),
        ([("a", 2.01)], [("b", 2.0)], False),
        ([("a",)], [("b",)], False),
    ],
)
def test_what_is_a_matter_of_rounding(gold, candidate, same):
    assert differs_by_rounding(gold, candidate) == same
