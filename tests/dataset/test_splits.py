from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.dataset.splits import SplitRule, point


def split_of(group: str, seed: int, share: float) -> str:
    return SplitRule("template", share, seed=seed).side(group, "tpch", "what?")


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


@given(st.text(), st.text(), st.text(), st.sampled_from(["template", "question"]), st.integers(0, 9))
def test_a_test_share_takes_from_train_alone(shape: str, name: str, asked: str, kind: str, seed: int) -> None:
    without = SplitRule(kind, 0.2, 0.0, seed).side(shape, name, asked)
    with_test = SplitRule(kind, 0.2, 0.3, seed).side(shape, name, asked)
    assert (without, with_test) in {("validation", "validation"), ("train", "train"), ("train", "test")}


@pytest.mark.parametrize(("kind", "stays"), [("template", 0), ("question", 2)])
def test_the_group_alone_decides(kind: str, stays: int) -> None:
    rule = SplitRule(kind, 0.4, 0.3)
    for number in range(50):
        rows = [
            [f"{part} {number}" if place == stays else f"{part} {other}" for place, part in enumerate("abc")]
            for other in range(9)
        ]
        assert len({rule.side(*row) for row in rows}) == 1
    assert {rule.side(*[f"{part} {number}" for part in "abc"]) for number in range(50)} == {
        "train",
        "validation",
        "test",
    }


def test_whole_databases_are_held_out() -> None:
    rule = SplitRule("database", 0.1, 0.5, holdout=("broker",))
    assert {rule.side(f"t{number}", "tpch", "q") for number in range(50)} == {"train"}
    assert {rule.side(f"t{number}", "Broker", "q") for number in range(50)} == {"validation", "test"}
    assert {SplitRule("database", holdout=("a",)).side(f"t{n}", "a", "q") for n in range(9)} == {"validation"}


@given(st.integers(), st.lists(st.text()))
def test_a_point_is_a_number_below_one(seed: int, group: list[str]) -> None:
    assert 0 <= point(seed, *group) < 1
