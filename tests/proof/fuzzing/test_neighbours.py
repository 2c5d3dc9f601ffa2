"""Values on and beside a constant."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from utils.proof.fuzzing.cells import adds_up
from utils.proof.fuzzing.neighbours import in_shape, near_clock, near_pattern, near_text, near_values


@given(st.integers(-(10**9), 10**9))
def test_a_number_and_the_ones_beside_it(constant: int) -> None:
    near = near_values("integer", [constant], [], [], [-1, 5])
    assert {constant - 1, constant, constant + 1} <= set(near)


@given(st.integers(0, 10**6).map(lambda cents: cents / 100))
def test_a_fraction_and_a_last_decimal_beside_it(constant: float) -> None:
    near = near_values("real", [constant], [], [], [-1.5])
    assert constant in near
    assert {round(constant - 0.01, 6), round(constant + 0.01, 6)} <= set(near)


@given(st.dates(datetime.date(1950, 1, 2), datetime.date(2090, 12, 30)))
def test_a_day_the_day_before_and_the_day_after(day: datetime.date) -> None:
    one = datetime.timedelta(days=1)
    wanted = {day.isoformat(), (day - one).isoformat(), (day + one).isoformat()}
    assert wanted <= set(near_values("date", [day.isoformat()], [], [], []))
    moments = {str(value) for value in near_values("timestamp", [day.isoformat()], [], [], [])}
    assert {f"{day} 00:00:00", f"{day} 23:59:59", f"{day + one} 00:00:00", f"{day - one} 23:59:59"} <= moments


def test_years_and_months_are_met_at_their_ends() -> None:
    assert {"2023-01-01", "2023-12-31", "2022-12-31", "2024-01-01"} <= set(near_values("date", [2023], [], [], []))
    february = set(near_values("date", ["2024-02"], [], [], []))
    assert {"2024-02-01", "2024-02-29", "2024-01-31", "2024-03-01"} <= february


@given(st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2090, 1, 1)))
def test_a_clock_has_days_beside_it_in_any_year(now: datetime.datetime) -> None:
    near = near_clock(now.isoformat(" ", "seconds"), "date")
    assert now.date().isoformat() in near or (now.month, now.day) == (2, 29)


@given(st.text("abcXYZ", min_size=2, max_size=8))
def test_a_text_in_other_letter_case_and_a_character_off(constant: str) -> None:
    near = near_text(constant)
    assert {constant, constant + "x", constant[:-1]} <= set(near)
    assert {constant.lower(), constant.upper()} & set(near)


def test_a_pattern_is_met_and_missed_by_a_hair() -> None:
    near = {str(text) for text in near_pattern("%green_tea%", ["mint"])}
    fits = {text for text in near if "greenktea" in text}
    assert fits and near - fits
    assert any(text.startswith("greenktea") for text in fits) and any(text.endswith("greenktea") for text in fits)


def test_a_column_in_one_shape_keeps_it() -> None:
    codes = ["20230405 09:30:00", "20221231 23:59:59"]
    assert in_shape(["start of day", "20240101 00:00:00", 5], codes) == ["20240101 00:00:00"]
    assert in_shape(["anything"], ["AAPL", "MSFT"]) == ["anything"]
    assert in_shape(["anything"], ["20230405", "yesterday"]) == ["anything"]


@given(
    st.lists(st.one_of(st.none(), st.floats(0.01, 1e6)), max_size=60), st.randoms(use_true_random=False)
)  # fmt: skip
def test_numbers_add_up_to_the_same_in_any_order(cells: list, chance) -> None:
    made = [cell for cell in adds_up(cells, ()) if cell is not None]
    shuffled = chance.sample(made, len(made))
    assert sum(made) == sum(shuffled)
    assert len(made) == sum(cell is not None for cell in cells)
    assert all(abs(new - old) <= 1 / 8 for new, old in zip(made, (c for c in cells if c is not None), strict=True))


def test_what_the_query_compares_with_stays_as_it_is() -> None:
    assert adds_up([0.05, 0.06, 3.17], {0.05, 0.06})[:2] == [0.05, 0.06]
