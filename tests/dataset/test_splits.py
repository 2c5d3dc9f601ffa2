from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.dataset.splits import split_of

SHARES = st.floats(0, 0.99)


@given(st.text(), st.integers(), SHARES, SHARES)
def test_a_larger_share_only_adds_to_validation(group: str, seed: int, one: float, other: float) -> None:
    small, large = sorted((one, other))
    if split_of(group, seed, small) == "validation":
        assert split_of(group, seed, large) == "validation"
    assert split_of(group, seed, 0) == "train"


@given(st.lists(st.text(), unique=True, min_size=1), st.lists(st.text()), st.integers(), SHARES)
def test_rows_added_move_none(groups: list[str], added: list[str], seed: int, share: float) -> None:
    before = {group: split_of(group, seed, share) for group in groups}
    after = {group: split_of(group, seed, share) for group in [*added, *reversed(groups)]}
    assert after.items() >= before.items()


@pytest.mark.parametrize("seed", [0, 1, 2024])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_share_is_roughly_met(seed: int, share: float) -> None:
    groups = [f"template {number}" for number in range(4_000)]
    found = sum(split_of(group, seed, share) == "validation" for group in groups) / len(groups)
    assert abs(found - share) < 4 * (share * (1 - share) / len(groups)) ** 0.5


def test_another_seed_chooses_other_groups() -> None:
    chosen = [{n for n in range(300) if split_of(str(n), seed, 0.2) == "validation"} for seed in (0, 1)]
    assert chosen[0] != chosen[1]
    assert len(chosen[0] & chosen[1]) < len(chosen[0]) / 2


def test_the_sides_of_a_released_set_never_change() -> None:
    """Fixed: a set that was published must be split the same way by every later version of this code."""
    sides = [split_of(f"template {number}", 0, 0.3) for number in range(12)]
    assert [number for number, side in enumerate(sides) if side == "validation"] == [0, 1, 6, 11]
