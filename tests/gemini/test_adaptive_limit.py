import heapq
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.gemini.adaptive import AdaptiveLimit


def _answer(limit, times):
    for _ in range(times):
        limit.answered()


def _climb(limit, to):
    while limit.limit < to:
        limit.answered()


def test_without_adapting_the_limit_stays_where_it_is():
    limit = AdaptiveLimit(50, adaptive=False)
    limit.refused(1.0, 1.1, 50)
    _answer(limit, 1000)
    assert limit.limit == 50


def test_it_begins_low_and_climbs_to_the_most_within_a_few_rounds():
    limit = AdaptiveLimit(200)
    assert limit.limit < 50
    answers = 0
    while limit.limit < 200:
        limit.answered()
        answers += 1
    assert answers <= 4 * 200
    _answer(limit, 10_000)
    assert limit.limit == 200
    assert AdaptiveLimit(5).limit == 5


def test_it_falls_once_for_all_that_was_sent_before():
    limit = AdaptiveLimit(100)
    _climb(limit, 60)
    for number in range(20):
        limit.refused(sent_at=10.0 + number / 100, now=11.0 + number / 1000, at_once=60 - number)
        if number == 0:
            fallen = limit.limit
    assert limit.limit == fallen
    assert 30 <= fallen < 60
    limit.refused(sent_at=11.5, now=12.0, at_once=fallen)  # sent after the fall
    assert limit.limit < fallen


def test_it_comes_back_quickly_to_below_where_it_was_refused_and_probes_ever_less_often():
    limit = AdaptiveLimit(100)
    _climb(limit, 41)
    for trial, rounds in enumerate((2, 4, 8, 16, 32, 32)):
        limit.refused(10.0 * trial, 10.0 * trial + 1, 41)
        assert limit.limit == 30
        _answer(limit, 20)
        assert limit.limit == 40
        _answer(limit, rounds * 40 - 1)
        assert limit.limit == 40
        _answer(limit, 1)
        assert limit.limit == 41  # the probe: perhaps there is more by now


def test_where_probes_are_not_refused_steps_grow():
    limit = AdaptiveLimit(100)
    _climb(limit, 11)
    limit.refused(10.0, 11.0, 11)
    answers = 0
    while limit.limit < 100:
        limit.answered()
        answers += 1
    assert answers < 400  # seven steps, of a round or two each


def test_one_refusal_never_takes_more_than_half():
    limit = AdaptiveLimit(100)
    _climb(limit, 80)
    limit.refused(10.0, 11.0, at_once=1)  # perhaps it was not for how many were in flight
    _answer(limit, 20)
    assert limit.limit == 40
    limit.refused(12.0, 13.0, at_once=21)
    limit.refused(14.0, 15.0, at_once=21)
    assert limit.limit <= 20


@given(st.integers(1, 200), st.lists(st.one_of(st.none(), st.integers(0, 300)), max_size=300))
def test_it_is_never_below_1_nor_above_the_most(most, events):
    limit, now = AdaptiveLimit(most), 0.0
    for at_once in events:
        now += 1
        if at_once is None:
            _answer(limit, 5)
        else:
            limit.refused(now - 0.5, now, at_once)
        assert 1 <= limit.limit <= most
        assert isinstance(limit.limit, int)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=50))
def test_from_the_lowest_it_finds_its_way_up_again(refusals):
    limit = AdaptiveLimit(20)
    for number, at_once in enumerate(refusals):
        limit.refused(number + 0.5, number + 1.0, at_once)
    _answer(limit, 25 * 20 * 20)
    assert limit.limit == 20


@dataclass
class _Simulated:
    answered: int = 0
    refused: int = 0
    most_at_once: int = 0


def _simulate(limit, slots, seconds, answer_s=0.3, refusal_s=0.002, slots_later=None):
    """A client with always more to ask, and a server of so many slots; `slots_later`: from half of the time on."""
    seen, now, in_flight, at_work, number = _Simulated(), 0.0, 0, 0, 0
    events: list[tuple[float, int, bool, float]] = []
    while now < seconds:
        if slots_later and now > seconds / 2:
            slots = slots_later
        while in_flight < limit.limit:
            in_flight += 1
            taken = at_work < slots
            at_work += taken
            number += 1
            seconds_taken = answer_s * (0.8 + 0.4 * (number * 0.618 % 1)) if taken else refusal_s
            heapq.heappush(events, (now + seconds_taken, number, taken, now))
        seen.most_at_once = max(seen.most_at_once, in_flight)
        now, _number, taken, sent_at = heapq.heappop(events)
        if taken:
            at_work -= 1
            seen.answered += 1
            limit.answered()
        else:
            seen.refused += 1
            limit.refused(sent_at, now, in_flight)
        in_flight -= 1
    return seen


def test_a_server_of_40_slots_is_kept_busy_and_hardly_ever_refuses():
    seen = _simulate(AdaptiveLimit(500), slots=40, seconds=60)
    capacity = 60 * 40 / 0.3
    assert seen.answered >= 0.9 * capacity
    assert seen.refused <= 0.02 * (seen.answered + seen.refused)
    assert seen.refused > 0, "nothing was probed"
    assert seen.most_at_once <= 44


@pytest.mark.parametrize("slots", [3, 10, 100])
def test_servers_of_any_size_are_kept_busy(slots):
    seen = _simulate(AdaptiveLimit(500), slots=slots, seconds=120)
    assert seen.answered >= 0.85 * 120 * slots / 0.3
    assert seen.refused <= 0.05 * (seen.answered + seen.refused)


def test_room_that_is_made_later_is_found():
    seen = _simulate(AdaptiveLimit(500), slots=20, seconds=1200, slots_later=40)
    assert seen.most_at_once > 40
    assert seen.refused <= 0.02 * (seen.answered + seen.refused)


def test_room_that_is_taken_away_is_given_up():
    seen = _simulate(AdaptiveLimit(500), slots=40, seconds=120, slots_later=10)
    assert seen.answered >= 0.9 * 60 * (40 + 10) / 0.3
    assert seen.refused <= 0.02 * (seen.answered + seen.refused)
