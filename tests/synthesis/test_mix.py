"""The weights of families, fitted to the operators of programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.synthesis.mix import fitted_weights, operator_profile, overlap

WEIGHTS = {"lists": 2.0, "groups": 1.0, "ranks": 1.0}
PROFILES = {
    "lists": {"WHERE": 1.0, "TOP_K": 0.5},
    "groups": {"WHERE": 0.5, "PARTITION": 1.0},
    "ranks": {"PARTITION": 1.0, "RANKING": 1.0},
}
shares = st.dictionaries(st.sampled_from(["WHERE", "TOP_K", "PARTITION", "RANKING", "LIKE"]), st.floats(0.01, 1))


def test_a_profile_counts_programs_that_use_an_operator_and_passes_over_what_does_not_parse() -> None:
    programs = ["result = a.WHERE(x).WHERE(y)", "result = a.TOP_K(3, by=LOWER(x))", "result = ("]
    assert operator_profile(programs) == {"WHERE": 0.5, "TOP_K": 0.5, "LOWER": 0.5}


def test_the_family_whose_operators_are_wanted_comes_more_often() -> None:
    fitted = fitted_weights(WEIGHTS, PROFILES, PROFILES["ranks"])
    assert fitted == pytest.approx({"lists": 1 / 3, "groups": 1 / 6, "ranks": 0.5}, abs=1e-3)


def test_without_anything_wanted_that_is_known_all_keep_their_own() -> None:
    own = {"lists": 0.5, "groups": 0.25, "ranks": 0.25}
    assert fitted_weights(WEIGHTS, PROFILES, {}) == own
    assert fitted_weights(WEIGHTS, PROFILES, {"LIKE": 1.0}) == own


@given(shares)
def test_weights_are_shares_and_none_falls_far_below_its_own(wanted: dict[str, float]) -> None:
    fitted = fitted_weights(WEIGHTS, PROFILES, wanted)
    assert sum(fitted.values()) == pytest.approx(1)
    assert all(weight / 12 <= fitted[name] <= weight for name, weight in WEIGHTS.items())


@given(shares, shares)
def test_overlap_is_symmetric_and_whole_only_for_the_same_distribution(
    one: dict[str, float], other: dict[str, float]
) -> None:
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert 0 <= overlap(one, other) <= 1 + 1e-9
    if one:
        assert overlap(one, one) == pytest.approx(1)
        assert overlap(one, {name: share * 0.5 for name, share in one.items()}) == pytest.approx(1)
