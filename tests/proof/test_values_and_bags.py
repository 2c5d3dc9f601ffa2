import datetime
import math
import random
from collections import Counter
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.proof.bags import bag_difference, bags_equal
from utils.proof.values import canonical_cell, canonical_rows, cells_equal, rows_equal

words = st.sampled_from(["", "a", "b", "0", "1"])
exact_cells = st.none() | st.integers(-3, 3) | words
cells = exact_cells | st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
exact_rows = st.lists(st.tuples(exact_cells, exact_cells), max_size=8)
bag = st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[cells] * width), max_size=12))


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (None, None),
        (math.nan, None),
        (pd.NaT, None),
        (Decimal("NaN"), None),
        (True, 1),
        (False, 0),
        (Decimal("5.10"), 5.1),
        (2**70, 2**70),
        ("5", "5"),
        ("", ""),
        (" a ", " a "),
        (datetime.date(2023, 4, 1), "2023-04-01"),
        (datetime.datetime(2023, 4, 1), "2023-04-01"),
        (datetime.datetime(2023, 4, 1, 9, 5), "2023-04-01 09:05:00"),
        (datetime.datetime(2023, 4, 1, 9, 5, 0, 250_000), "2023-04-01 09:05:00.25"),
        (datetime.datetime(2023, 4, 1, tzinfo=datetime.UTC), "2023-04-01"),
        (datetime.time(9, 5), "09:05:00"),
        ("2023-04-01 00:00:00", "2023-04-01"),
        ("2023-04-01T00:00:00.000", "2023-04-01"),
        ("2023-04-01 09:05:00.500", "2023-04-01 09:05:00.5"),
        ("2023-04-01 00:00:00.001", "2023-04-01 00:00:00.001"),
        ("on 2023-04-01 00:00:00", "on 2023-04-01 00:00:00"),
        (b"\x01\xff", "01ff"),
        ([1, None, Decimal("2.0")], "[1, None, 2.0]"),
    ],
)
def test_what_drivers_return_has_one_form(value, canonical):
    found = canonical_cell(value)
    assert found == canonical and type(found) is type(canonical)


def test_a_canonical_cell_is_its_own_canonical_form():
    rows = canonical_rows([(Decimal("1.5"), datetime.datetime(2020, 1, 1), None, True, b"a", "x")])
    assert canonical_rows(rows) == rows


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        (1e9 + 1e-2, 1e9),
        (1e-12, 0),
        (0, -0.0),
        (math.inf, math.inf),
        (None, None),
        ("a", "a"),
    ],
)
def test_cells_that_are_equal(left, right):
    assert cells_equal(left, right) and cells_equal(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (None, 0),
        (None, ""),
        (None, "None"),
        (1, "1"),
        (1.0, "1.0"),
        ("a", "A"),
        ("a", "a "),
        (1, 2),
        (1.5, 1.5001),
        (math.inf, -math.inf),
        (math.inf, 1e308),
        (1_700_000_000, 1_700_000_001),  # whole numbers are exact, however large
        (2**60, 2**60 + 1),
        (100.25, 100.2500011),
        (12_345_678.91, 12_345_678.9),  # a ROUND to another number of places
        (0, 1e-6),
    ],
)
def test_cells_that_are_not_equal(left, right):
    assert not cells_equal(left, right) and not cells_equal(right, left)


@given(cells, cells)
def test_equality_of_cells_is_symmetric_and_reflexive(left, right):
    assert cells_equal(left, left)
    assert cells_equal(left, right) == cells_equal(right, left)


def test_rows_of_other_widths_are_not_equal():
    assert not rows_equal((1,), (1, None)) and not rows_equal((), (1,)) and rows_equal((), ())


@given(bag)
def test_a_bag_equals_itself(rows):
    assert bags_equal(rows, rows) and bag_difference(rows, rows) == ([], [])


@given(bag, st.randoms(use_true_random=False))
def test_a_bag_is_blind_to_the_order_of_rows(rows, chance):
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert bags_equal(rows, shuffled)


@given(bag, bag)
def test_equality_of_bags_is_symmetric(left, right):
    assert bags_equal(left, right) == bags_equal(right, left)
    missing, extra = bag_difference(left, right)
    assert len(left) - len(missing) == len(right) - len(extra)


@given(exact_rows, exact_rows)
def test_bags_without_fractions_are_compared_as_counters(left, right):
    def counted(rows):
        return Counter(tuple(("number" if isinstance(cell, int) else "other", cell) for cell in row) for row in rows)

    assert bags_equal(left, right) == (counted(left) == counted(right))
    missing, extra = bag_difference(left, right)
    assert counted(missing) == counted(left) - counted(right)
    assert counted(extra) == counted(right) - counted(left)


@given(bag.filter(bool), st.data())
def test_no_bag_is_blind_to_a_changed_cell(rows, data):
    index = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[0]) - 1))
    old = rows[index][column]
    new = old + max(1.0, abs(old)) * 1e-3 if isinstance(old, int | float) else "changed"
    changed = [*rows]
    changed[index] = (*rows[index][:column], new, *rows[index][column + 1 :])
    assert not bags_equal(rows, changed) and not bags_equal(changed, rows)
    missing, extra = bag_difference(rows, changed)
    assert len(missing) == len(extra) == 1


@given(bag.filter(bool), st.data())
def test_duplicates_count(rows, data):
    again = rows[data.draw(st.integers(0, len(rows) - 1))]
    assert not bags_equal(rows, [*rows, again])
    missing, extra = bag_difference(rows, [*rows, again])
    assert missing == [] and len(extra) == 1 and rows_equal(extra[0], again)


def test_the_same_rows_in_other_numbers_are_not_equal():
    assert not bags_equal([("a",), ("a",), ("b",)], [("a",), ("b",), ("b",)])


@given(st.lists(st.tuples(st.floats(1, 1e6), words, st.integers(0, 3)), max_size=12), st.randoms(use_true_random=False))
def test_rounding_errors_do_not_matter_even_where_they_change_the_sorting(rows, chance):
    noisy = [(number * (1 + chance.choice((-1, 0, 1)) * 1e-13), word, count) for number, word, count in rows]
    chance.shuffle(noisy)
    assert bags_equal(rows, noisy)


@pytest.mark.parametrize("size", [10, 5_000])
def test_ties_within_tolerance_pair_up_in_small_and_in_large_groups(size):
    chance = random.Random(3)
    rows = [(float(number // 5) + 0.1, number) for number in range(size)]
    noisy = [(total + chance.choice((-1, 0, 1)) * 1e-13, number) for total, number in rows]
    chance.shuffle(noisy)
    assert bags_equal(rows, noisy)
    changed = [*noisy[1:], (noisy[0][0], noisy[0][1] + 1)]
    missing, extra = bag_difference(rows, changed)
    assert len(missing) >= 1 and len(missing) == len(extra) and not bags_equal(rows, changed)


def test_many_near_numbers_are_told_apart():
    rows = [(1_700_000_000 + number,) for number in range(5_000)]
    assert bags_equal(rows, rows[::-1])
    assert not bags_equal(rows, [*rows[1:], rows[1]])


def test_huge_bags_are_compared_quickly():
    rows = [(number % 977 + 0.5, f"name {number % 13}", number) for number in range(100_000)]
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)
    assert bags_equal(rows, shuffled)
    shuffled[7] = (shuffled[7][0] + 1, *shuffled[7][1:])
    missing, extra = bag_difference(rows, shuffled)
    assert len(missing) == len(extra) == 1
