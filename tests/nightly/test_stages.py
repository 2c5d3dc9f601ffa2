from __future__ import annotations

import pytest

from utils.core.console import UserError
from utils.nightly.__main__ import _worst
from utils.nightly.stages import SCRIPTS, routed

BASIC, DOCUMENT, GENERATE, MERGE = SCRIPTS


def test_each_flag_goes_to_the_scripts_that_have_it() -> None:
    routes = routed(
        ["--provider", "gemini", "--max-cost-usd=5", "--decontaminate", "a.csv", "b.csv", "--force", "--keep", "3"]
    )
    assert routes == {
        BASIC: ["--provider", "gemini", "--max-cost-usd=5", "--force"],
        DOCUMENT: ["--provider", "gemini", "--max-cost-usd=5", "--force"],
        GENERATE: ["--provider", "gemini", "--max-cost-usd=5", "--force"],
        MERGE: ["--decontaminate", "a.csv", "b.csv", "--force", "--keep", "3"],
    }


def test_a_split_is_the_same_for_both_scripts_that_divide() -> None:
    routes = routed(["--seed", "7"])
    assert [script for script, flags in routes.items() if flags] == [GENERATE, MERGE]


def test_questions_of_two_kinds() -> None:
    routes = routed(["--questions", "mine.csv", "more.csv", "--basic-questions", "language.csv"])
    assert routes[BASIC] == ["--questions", "language.csv"]
    assert [routes[script] for script in (DOCUMENT, GENERATE, MERGE)] == [["--questions", "mine.csv", "more.csv"]] * 3


@pytest.mark.parametrize("flags", [["--nonsense", "3"], ["word"], ["-x"], ["word", "--force"]])
def test_what_no_script_knows_is_refused(flags: list[str]) -> None:
    with pytest.raises(UserError, match=f"^{flags[0]}: none of the four scripts has this flag"):
        routed(flags)


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([0, 0, 0, 0], 0), ([0, 0, 3, 0], 3), ([0, 1, 3, 0], 1), ([0, 2], 2), ([3, 1, -9], -9), ([3, 0, 1, 0], 1)],
)
def test_a_run_ends_with_the_worst_of_its_codes(codes: list[int], worst: int) -> None:
    assert _worst(codes) == worst
