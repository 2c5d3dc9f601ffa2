"""What no drawn intent does: rules that keep questions clear and worth asking."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.synthesis.english_support import at, field, is_
from utils.core.paths import WorkDir
from utils.databases.catalog import built_in_entries
from utils.synthesis.intent import Aggregate, Best, Call, Field, Intent, Window, walk
from utils.synthesis.model import Column, Model
from utils.synthesis.reading import read_model
from utils.synthesis.sampling import FAMILIES, NothingFitsError, Sampler
from utils.synthesis.sampling.lots import Lots
from utils.synthesis.sampling.sampler import _asks_what_it_says

DRAWS = 2_500
NAMES_OF_DAYS = ("DAYNAME", "MONTHNAME")


@pytest.fixture(scope="module", params=["broker", "tpch"])
def model(request: pytest.FixtureRequest, databases: WorkDir) -> Model:
    return read_model(built_in_entries(databases)[request.param])


@pytest.fixture(scope="module")
def intents(model: Model) -> list[Intent]:
    """Drawn with all families alike."""
    sampler, alike = Sampler(model, seed=5), dict.fromkeys(FAMILIES, 1.0)
    return [intent for intent in (sampler.draw(alike) for _ in range(DRAWS)) if intent is not None]


def _columns(tree: object) -> set[Column]:
    return {one.column for one in walk(tree) if isinstance(one, Field)}


def _named_days(intent: Intent) -> bool:
    return any(isinstance(one, Call) and one.operator in NAMES_OF_DAYS for _name, one in intent.keys)


def test_names_of_days_and_months_rank_and_sort_nothing(intents: list[Intent]) -> None:
    named = [intent for intent in intents if _named_days(intent)]
    assert len(named) > 5
    for intent in named:
        assert not intent.order and intent.limit is None
        assert not any(isinstance(one, Window) and one.function == "RANKING" for one in walk(intent.windows))


def test_a_measure_is_filtered_only_where_it_is_alone_or_set_against_another(intents: list[Intent]) -> None:
    for intent in intents:
        filtered = [one for one in walk(intent.columns) if isinstance(one, Aggregate) and one.where]
        if filtered and intent.family != "compare":
            assert len([one for one in walk(intent.columns) if isinstance(one, Aggregate)]) == 1 or (
                intent.family == "whole"  # a percentage: some of all
            )
            assert intent.level != "groups"


def test_nothing_is_measured_that_groups_or_conditions_fix(intents: list[Intent]) -> None:
    for intent in intents:
        aggregates = [one for one in walk(intent.columns) if isinstance(one, Aggregate) and one.function != "ANYTHING"]
        fixed = _columns(intent.keys) | _columns(intent.where) | _columns(tuple(one.where for one in aggregates))
        assert not _columns(tuple(one.value for one in aggregates)) & fixed


def test_no_list_is_cut_to_the_first_by_its_key(intents: list[Intent]) -> None:
    cut = [intent for intent in intents if intent.limit is not None and intent.level == "rows"]
    by_key = [
        intent
        for intent in cut
        if isinstance(first := dict(intent.columns).get(intent.order[0][0]), Field)
        and not first.path
        and (first.column.unique or first.column.name in intent.source.key)
    ]
    assert len(by_key) > 20
    assert all(intent.limit != 1 and not intent.order[0][1] for intent in by_key)


def test_what_counts_rows_of_the_answer_is_not_cut(intents: list[Intent]) -> None:
    counted = [intent for intent in intents if intent.family in ("parts", "out_of")]
    assert counted and all(intent.limit is None for intent in counted)


def test_keys_of_groups_are_what_several_rows_share(intents: list[Intent]) -> None:
    fewest = {"two_level": 5, "above_average": 5, "groups": 2, "compare": 2}
    for intent in intents:
        if intent.level == "groups" and intent.family not in ("bucket", "attribute"):
            for _name, key in intent.keys:
                if isinstance(key, Field):
                    assert key.column.distinct >= fewest.get(intent.family, 3), intent.family


def test_a_best_row_is_of_rows_that_are_there(intents: list[Intent]) -> None:
    best = [intent for intent in intents if any(isinstance(one, Best) for one in walk(intent.columns))]
    assert best
    for intent in best:
        ways = {(one.path, one.where) for one in walk(intent.columns) if isinstance(one, Best)}
        assert len(ways) == 1 and any(getattr(one, "path", None) == next(iter(ways))[0] for one in intent.where)


MONTH = Call("START", (field("orders.order_date"),), "month")
YEAR = Call("YEAR", (field("orders.order_date"),))
TOTAL = Aggregate("SUM", (), (), field("orders.total"))
BY_MONTH = Intent("", at("orders"), "groups", ("month", "it"), (), (("month", MONTH),), (("it", TOTAL),))


@pytest.mark.parametrize(
    ("intent", "says"),
    [
        (BY_MONTH, False),
        (replace(BY_MONTH, where=(is_("EQ", YEAR, 2022),)), False),
        (replace(BY_MONTH, where=(is_("EQ", Call("MONTH", (field("orders.order_date"),)), 5),)), True),
        (replace(BY_MONTH, keys=(("year", YEAR),), where=(is_("EQ", YEAR, 2022),)), True),
        (replace(BY_MONTH, where=(is_("GT", field("orders.total"), 50),)), True),
        (replace(BY_MONTH, keys=(("total", field("orders.total")),)), True),
        (
            replace(BY_MONTH, columns=(("it", Aggregate("COUNT")),), where=(is_("GT", field("orders.total"), 50),)),
            False,
        ),
    ],
)
def test_what_asks_for_what_it_says(intent: Intent, says: bool) -> None:
    assert _asks_what_it_says(intent) == says


def test_what_is_chosen_from_nothing_is_given_up() -> None:
    import random

    lots = Lots(random.Random(1))
    for draw in (lambda: lots.one([]), lambda: lots.weighted({"a": 0.0})):
        with pytest.raises(NothingFitsError):
            draw()


def test_conditions_are_not_two_on_one_linked_row_nor_on_rows_that_only_join_others(
    intents: list[Intent], model: Model
) -> None:
    for intent in intents:
        if intent.family == "presence":
            continue  # it sets rows that exist against others that do not
        for one in (intent, *(one for one in walk(intent) if isinstance(one, Aggregate))):
            ways = [{field.path for field in walk(condition) if isinstance(field, Field)} for condition in one.where]
            linked = [way for several in ways for way in several if way]
            assert len(linked) == len(set(linked)), intent.where
            ends = {way[-1].child for way in linked}
            assert not any(len(model.collections[end].key) > 1 for end in ends)


def test_no_row_is_chosen_for_one_share_above_another(intents: list[Intent]) -> None:
    """A discount and a tax are both shares, and nobody compares them."""
    for condition in (one for intent in intents for one in walk(intent.where) if isinstance(one, Call)):
        compared = [one.column for one in condition.arguments if isinstance(one, Field)]
        assert len(compared) < 2 or not {"share"} & {one.unit for one in compared}, condition


def test_what_stands_in_for_a_missing_value_is_not_asked_of_values_that_are_known(intents: list[Intent]) -> None:
    filled = [intent for intent in intents if intent.family == "filled"]
    assert len(filled) > 10
    for intent in filled:
        made = [one for one in walk(intent.columns) if isinstance(one, Call) and one.operator == "DEFAULT_TO"]
        assert not _columns(tuple(made)) & _columns(intent.where)


def test_the_best_of_each_group_is_sorted_by_the_groups_alone(intents: list[Intent]) -> None:
    best = [one for one in intents if one.family == "rank" and one.kept and "place" not in one.output]
    assert len(best) > 5
    assert all([name for name, _descending in intent.order] == [intent.keys[0][0]] for intent in best)
