"""Conditions on rows are evaluated one row at a time, whatever was evaluated before."""

import pytest

from utils.databases.connect import Dialect
from utils.proof.fuzzing.scratch import Scratch

FEW = '"size" > 3'
DIALECTS: list[Dialect] = ["sqlite", "duckdb"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_are_judged_anew_each_time(dialect: Dialect) -> None:
    scratch = Scratch(dialect)
    both = {"Size": [1, 5, 7], "Name": ["a", "b", "c"]}
    conditions = [FEW, '"name" = \'b\' OR "size" = 7']
    assert [list(map(bool, met)) for met in scratch.truth(both, conditions).values()] == [[0, 1, 1], [0, 1, 1]]
    assert list(map(bool, scratch.truth(both | {"Size": [5, 2, 2]}, [FEW])[FEW])) == [True, False, False]
    assert list(map(bool, scratch.truth({"Size": [9, 1]}, [FEW])[FEW])) == [True, False]
    assert list(map(bool, scratch.truth(both, conditions)[FEW])) == [False, True, True]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("odd", ['no_such_function("size")', "t1.flag"])
def test_what_cannot_be_evaluated_counts_as_met(dialect: Dialect, odd: str) -> None:
    scratch = Scratch(dialect)
    truth = scratch.truth({"size": [1, 5], "name": ["a", "b"]}, [odd, FEW])
    assert [*map(bool, truth[odd])] == [True, True] and [*map(bool, truth[FEW])] == [False, True]
    assert [*scratch.truth({"size": [1, 5]}, [odd])[odd]] == [True, True]
