import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gemini.support import call
from utils.gemini.tokens import Reservation, TokenEstimator, TokenWindow, most_prompt_tokens

MINUTE_S = 60.0
SPAN_S = 60.6


def test_a_minutes_tokens_go_at_once_and_the_next_wait_for_the_first_to_leave():
    window = TokenWindow(100)
    for now, tokens in ((0.0, 40), (1.0, 50), (2.0, 10)):
        assert window.wait_s(now, tokens) == 0
        window.take(now, tokens)
    assert window.wait_s(3.0, 1) == pytest.approx(SPAN_S - 3)
    assert window.wait_s(3.0, 40) == pytest.approx(SPAN_S - 3)
    assert window.wait_s(3.0, 41) == pytest.approx(SPAN_S + 1 - 3)  # needs the second to leave, too
    assert window.wait_s(SPAN_S, 40) == 0
    assert window.wait_s(SPAN_S, 41) > 0


def test_what_was_counted_takes_the_place_of_what_was_reserved():
    window = TokenWindow(100)
    first = window.take(0.0, 80)
    assert window.wait_s(1.0, 50) > 0
    window.settle(first, 30)
    assert window.wait_s(1.0, 70) == 0
    window.settle(first, 90)
    assert window.wait_s(1.0, 11) > 0
    assert window.wait_s(1.0, 10) == 0


def test_a_count_that_comes_late_changes_nothing_any_more():
    window = TokenWindow(100)
    first = window.take(0.0, 80)
    assert window.wait_s(SPAN_S + 1, 100) == 0
    window.settle(first, 10_000)
    assert window.wait_s(SPAN_S + 1, 100) == 0
    window.take(SPAN_S + 1, 100)
    window.settle(first, 0)
    assert window.wait_s(SPAN_S + 2, 1) > 0


def test_a_request_larger_than_the_allowance_goes_alone():
    window = TokenWindow(100)
    window.take(0.0, 1)
    window.take(5.0, 1)
    assert window.wait_s(6.0, 1000) == pytest.approx(SPAN_S - 1)
    window.take(5.0 + SPAN_S, 1000)
    assert window.wait_s(6.0 + SPAN_S, 1) == pytest.approx(SPAN_S - 1)
    assert window.wait_s(5.0 + 2 * SPAN_S, 100) == 0


@dataclass
class _Request:
    at: float
    reservation: Reservation
    most: int  # the largest number it ever stood for


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 90)),
        st.tuples(st.just("ask"), st.integers(0, 150)),
        st.tuples(st.just("settle"), st.tuples(st.integers(0, 30), st.integers(0, 150))),
    ),
    max_size=60,
)


@given(STEPS)
def test_no_minute_has_more_than_the_allowance_at_any_time_something_goes_out(steps):
    """By what was known when it went out: an estimate, or the count where it has come."""
    window, now = TokenWindow(100), 0.0
    sent: list[_Request] = []
    for kind, value in steps:
        if kind == "wait":
            now += value
        elif kind == "settle" and sent:
            back, counted = value
            window.settle(sent[-1 - back % len(sent)].reservation, counted)
        elif kind == "ask":
            if (wait_s := window.wait_s(now, value)) > 0:
                assert wait_s <= SPAN_S + 1e-6
                now += wait_s
                if (again := window.wait_s(now, value)) > 0:  # at most rounding
                    assert again < 1e-6
                    now += 1e-6
            last_minute = sum(one.reservation.tokens for one in sent if one.at > now - MINUTE_S)
            assert last_minute == 0 or last_minute + value <= 100
            sent.append(_Request(now, window.take(now, value), value))


@given(STEPS)
def test_no_minute_ever_had_more_than_the_allowance_where_estimates_are_on_the_high_side(steps):
    window, now = TokenWindow(100), 0.0
    sent: list[_Request] = []
    for kind, value in steps:
        if kind == "wait":
            now += value
        elif kind == "settle" and sent:
            back, counted = value
            reservation = sent[-1 - back % len(sent)].reservation
            window.settle(reservation, min(counted, reservation.tokens))
        elif kind == "ask":
            while (wait_s := window.wait_s(now, value)) > 0:
                now += max(wait_s, 1e-6)
            sent.append(_Request(now, window.take(now, value), value))
    for first in sent:
        minute = [one for one in sent if first.at <= one.at < first.at + MINUTE_S and one.reservation.tokens]
        assert len(minute) <= 1 or sum(one.reservation.tokens for one in minute) <= 100


@given(st.lists(st.integers(1, 40), min_size=30, max_size=60))
def test_the_allowance_is_used_where_there_is_enough_to_ask(sizes):
    window, now = TokenWindow(100), 0.0
    for tokens in sizes:
        while (wait_s := window.wait_s(now, tokens)) > 0:
            now += max(wait_s, 1e-9)
        window.take(now, tokens)
    rounds = now / SPAN_S  # the last one has just begun
    assert sum(sizes) >= math.floor(rounds) * (100 - 40)


@given(st.integers(200, 5000), st.floats(1.5, 6.0))
def test_estimates_become_right_by_what_was_counted(characters, characters_a_token):
    estimator = TokenEstimator()
    asked = call("x" * characters)
    counted = round(characters / characters_a_token)
    for _ in range(60):
        estimator.learn(asked, counted)
    assert counted <= estimator.estimate(asked) <= 1.06 * counted + 2


def test_the_first_estimate_is_on_the_high_side():
    assert TokenEstimator().estimate(call("x" * 3000)) >= 1000


@given(st.lists(st.tuples(st.text(max_size=200), st.integers(-(10**15), 10**15))))
def test_a_count_that_cannot_be_teaches_nothing(answers):
    estimator, fresh = TokenEstimator(), TokenEstimator()
    for text, counted in answers:
        asked = call(text)
        estimator.learn(asked, -abs(counted))
        estimator.learn(asked, most_prompt_tokens(asked) + 1 + abs(counted))
    assert estimator.tokens(10_000) == fresh.tokens(10_000)


def test_prompts_without_text_teach_nothing():
    estimator = TokenEstimator()
    for _ in range(10_000):
        estimator.learn(call(""), 1)
    assert estimator.tokens(300) == TokenEstimator().tokens(300)


@given(st.text(), st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=20)))
def test_no_prompt_counts_more_than_its_bytes_and_a_little(system, question, schema):
    asked = call(question, system_instruction=system, response_schema=schema)
    most = most_prompt_tokens(asked)
    sent = len(system.encode()) + len(question.encode()) + sum(len((k + v).encode()) for k, v in schema.items())
    assert sent < most <= asked.bytes + 64 + 20 * (sent + 5)
